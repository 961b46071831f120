"""Recognises accounts on networks without EVM, so that the refusal can name them."""

from __future__ import annotations

import re

_BASE58 = "[1-9A-HJ-NP-Za-km-z]"
_BECH32 = "[02-9ac-hj-np-z]"
_FORMS = (
    (rf"(?:bc1|tb1|BC1|TB1)[0-9a-zA-Z]{{8,87}}|[13]{_BASE58}{{25,34}}", "a Bitcoin address"),
    (r"0x[0-9a-fA-F]{60,64}", "a Starknet, Sui or Aptos address, a public key or a hash"),
    (rf"T{_BASE58}{{33}}", "a Tron address"),
    (rf"addr1{_BECH32}{{50,110}}", "a Cardano address"),
    (rf"[a-z]{{2,15}}1{_BECH32}{{38,58}}", "a Cosmos address"),
    (r"[EUk0]Q[A-Za-z0-9_-]{46}", "a TON address"),
    (rf"r{_BASE58}{{24,34}}", "an XRP Ledger address"),
    (rf"{_BASE58}{{47,48}}", "a Polkadot address"),
    (rf"{_BASE58}{{32,44}}", "a Solana address"),
)
_PATTERNS = tuple((re.compile(pattern, re.ASCII), what) for pattern, what in _FORMS)
_EVM_DIGITS = re.compile(r"[0-9a-fA-F]{40}", re.ASCII)
"""An address without its 0x, which may look like base 58."""
_NETWORKS = {
    "algorand": "Algorand",
    "aptos": "Aptos",
    "bip122": "Bitcoin",
    "bitcoin": "Bitcoin",
    "btc": "Bitcoin",
    "cardano": "Cardano",
    "cip34": "Cardano",
    "cosmos": "Cosmos",
    "lightning": "Lightning",
    "near": "NEAR",
    "polkadot": "Polkadot",
    "sol": "Solana",
    "solana": "Solana",
    "starknet": "Starknet",
    "strk": "Starknet",
    "sui": "Sui",
    "ton": "TON",
    "tron": "Tron",
    "trx": "Tron",
    "tvm": "TON",
    "xrpl": "the XRP Ledger",
}


def foreign(account: str) -> str:
    """What `account` is if it is not an EVM account, for example "a Solana address"; else empty."""
    if _EVM_DIGITS.fullmatch(account):
        return ""
    return next((what for pattern, what in _PATTERNS if pattern.fullmatch(account)), "")


def foreign_network(name: str) -> str:
    """The non-EVM network that `name` (a URI scheme, a CAIP-2 namespace, a short name) stands for, or empty.

    Sources: CASA namespaces, SLIP-0044 symbols, BIP-21 and similar.
    """
    return _NETWORKS.get(name.lower(), "")
