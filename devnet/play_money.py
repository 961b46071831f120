"""Which account the faucet gives to, and what, where the command says no more than `l2send devnet fund`."""

from __future__ import annotations

import json
from pathlib import Path

from l2send.core.errors import UsageError
from l2send.devnet import faucet, state
from l2send.devnet.state import NATIVE

_COIN = "1"
"""ETH on every chain, which pays for gas."""
_USDC = ("100", "60")
"""On the first chain and on the second: so that a payment to the others needs a bridge, and a great one both."""


def account_called(name: str, keystores: Path) -> str:
    """The address of an account by its name; that of the only account for an empty name; an address as it is.

    Raises UsageError.
    """
    if name.startswith("0x"):
        return name
    known = {path.stem: path for path in sorted(keystores.glob("*.json"))}
    if not name and len(known) > 1:
        raise UsageError("which account?", hint=f"Name it: l2send devnet fund {next(iter(known))}")
    path = known.get(name) if name else next(iter(known.values()), None)
    address = _address_in(path) if path else ""
    if not address:
        said = f"there is no account {name[:40]!r} on the devnet." if name else "there is no account on the devnet yet."
        raise UsageError(said, hint="Make one: l2send wallet new NAME --devnet. Or name an address.")
    return address


def _address_in(path: Path) -> str:
    """The address that a keystore says it is of; empty if it says none."""
    try:
        address = json.loads(path.read_text(encoding="utf-8")).get("address")
    except (OSError, ValueError, AttributeError):
        return ""
    return f"0x{address.removeprefix('0x')}" if isinstance(address, str) else ""


def give(home: Path, address: str, chain: str | None) -> str:
    """Coin on every chain and USDC on the first two, or both on `chain`: what was given, in words.

    Raises ConfigError (no devnet runs), UnknownChain, BadAddress.
    """
    devnet = state.require(home)
    if chain:
        sums = [(_COIN, NATIVE, chain), (_USDC[0], "USDC", chain)]
    else:
        names = [one.short_name for one in devnet.chains]
        sums = [(_COIN, NATIVE, name) for name in names]
        sums += [(amount, "USDC", name) for amount, name in zip(_USDC, names, strict=False)]
    for amount, token, name in sums:
        faucet.fund(home, address, amount, token, name)
    coin = f"{_COIN} {NATIVE} on {chain or 'every chain'}"
    return ", ".join([coin, *(f"{amount} {token} on {name}" for amount, token, name in sums if token != NATIVE)])
