"""Rebuilds transactions that another wallet signed with the same key, from a node's description.

A rebuilt transaction proves itself: its bytes hash to its hash, and their signature is the account's. No node can forge
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from l2send.core.address import Address
from l2send.core.rpc import data_bytes, quantity
from l2send.wallet.keys.signed import SignedTx

Described = Mapping[str, Any]
"""A transaction as eth_getTransactionByHash or eth_getBlockByNumber describes it."""


def rebuilt(described: Described, sender: Address) -> SignedTx | None:
    """The signed bytes; None for an unknown type, or if the signature is not by `sender`.

    Source: EIP-155, EIP-2930, EIP-1559, EIP-7702; ethereum/execution-apis schemas/transaction.yaml.
    """
    import rlp  # type: ignore[import-untyped]
    from eth_account import Account

    try:
        kind = quantity(described.get("type", "0x0"), "type")
        if kind not in _FIELDS:
            return None
        body = cast("bytes", rlp.encode([*_FIELDS[kind](described), *_signature(described, kind)]))
        signed = SignedTx.of((bytes([kind]) if kind else b"") + body)
        if signed.hash != str(described.get("hash", "")).lower():
            return None
        return signed if str(Account.recover_transaction(signed.raw)) == sender else None
    except Exception:  # noqa: BLE001 - the libraries raise many types of error for a description of no transaction
        return None


def _legacy(tx: Described) -> list[Any]:
    return [_number(tx, "nonce"), _number(tx, "gasPrice"), *_call(tx)]


def _with_access_list(tx: Described) -> list[Any]:
    return [_number(tx, "chainId"), _number(tx, "nonce"), _number(tx, "gasPrice"), *_call(tx), _access_list(tx)]


def _with_tip(tx: Described) -> list[Any]:
    fees = [_number(tx, "maxPriorityFeePerGas"), _number(tx, "maxFeePerGas")]
    return [_number(tx, "chainId"), _number(tx, "nonce"), *fees, *_call(tx), _access_list(tx)]


def _with_delegations(tx: Described) -> list[Any]:
    delegations = [
        [_number(one, "chainId"), _bytes(one, "address"), _number(one, "nonce"), *_signature(one, 4)]
        for one in tx["authorizationList"]
    ]
    return [*_with_tip(tx), delegations]


_FIELDS: Mapping[int, Callable[[Described], list[Any]]] = {
    0: _legacy,
    1: _with_access_list,
    2: _with_tip,
    4: _with_delegations,
}


def _call(tx: Described) -> list[Any]:
    to = b"" if tx.get("to") is None else _bytes(tx, "to")
    return [_number(tx, "gas"), to, _number(tx, "value"), _bytes(tx, "input")]


def _access_list(tx: Described) -> list[Any]:
    return [[_bytes(entry, "address"), [data_bytes(key, "key") for key in entry["storageKeys"]]]
            for entry in tx.get("accessList") or ()]  # fmt: skip


def _signature(tx: Described, kind: int) -> list[Any]:
    parity = "yParity" if kind and tx.get("yParity") is not None else "v"
    return [_number(tx, parity), _number(tx, "r"), _number(tx, "s")]


def _number(tx: Described, name: str) -> int:
    return quantity(tx[name], name)


def _bytes(tx: Described, name: str) -> bytes:
    return data_bytes(tx[name], name)
