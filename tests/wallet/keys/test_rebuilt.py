"""Transactions as a node describes them are rebuilt to the bytes that were signed."""

from __future__ import annotations

from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account

from l2send.wallet.keys.rebuilt import rebuilt
from l2send.wallet.keys.signed import SignedTx
from tests.support.addresses import new_address
from tests.wallet.resuming import SEND
from tests.wallet.rig import CHAIN_ID, Rig


def test_any_kind_of_transaction_is_rebuilt_to_its_own_bytes(slow: Rig) -> None:
    """As a node describes them: legacy, with an access list, with a tip; and none that a node made up."""
    account, node = _account(slow), slow.node
    fields = {"chainId": CHAIN_ID, "to": new_address(), "value": 5, "gas": 60_000, "data": "0x"}
    tip = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "type": 2}
    listed = [{"address": new_address(), "storageKeys": ["0x" + "01" * 32]}]
    kinds = [{"gasPrice": 10**10}, {"gasPrice": 10**10, "accessList": listed, "type": 1}, tip | {"accessList": listed}]
    for nonce, kind in enumerate(kinds):
        signed = account.sign_transaction(fields | kind | {"nonce": nonce})
        tx_hash = node.call(SEND, "0x" + bytes(signed.raw_transaction).hex())
        described = node.call("eth_getTransactionByHash", tx_hash)
        found = rebuilt(described, slow.signer.address)
        assert found == SignedTx.of(bytes(signed.raw_transaction))
        assert rebuilt(described | {"value": "0x6"}, slow.signer.address) is None
        assert rebuilt(described, new_address()) is None


def _account(rig: Rig) -> Any:
    return Account.from_key(rig.key)


_KEY = "0x" + "07" * 32
_LEGACY = {"nonce": 3, "to": "0x" + "11" * 20, "value": 5, "gas": 21_000, "gasPrice": 9, "data": b"\x01"}


def _described(fields: dict[str, Any]) -> dict[str, Any]:
    signed = Account.sign_transaction(fields, _KEY)
    numbers = {name: hex(fields[name]) for name in ("nonce", "value", "gas", "gasPrice")}
    signature = {"v": hex(signed.v), "r": hex(signed.r), "s": hex(signed.s)}
    return numbers | signature | {"to": fields["to"], "input": "0x01", "hash": "0x" + signed.hash.hex()}


@pytest.mark.parametrize("bound", [{}, {"chainId": 1}, {"chainId": 2**40 + 1}], ids=["no chain", "one", "a large id"])
@pytest.mark.parametrize("value", [5, 6])
def test_a_legacy_transaction_is_rebuilt_with_its_chain_or_without(bound: dict[str, int], value: int) -> None:
    fields = _LEGACY | {"value": value} | bound
    found = rebuilt(_described(fields), Account.from_key(_KEY).address)
    assert found is not None
    assert found.raw == bytes(Account.sign_transaction(fields, _KEY).raw_transaction)


@pytest.mark.parametrize("changed", [{"r": "0x0"}, {"s": "0x0"}, {"v": "0x0"}, {"r": hex(2**256 - 1)}])
def test_a_signature_that_a_node_made_up_is_of_no_account(changed: dict[str, str]) -> None:
    """Its hash fits the signature, as a node can see to it."""
    described = _described(_LEGACY | {"chainId": 1}) | changed
    body = [3, 9, 21_000, b"\x11" * 20, 5, b"\x01", *(int(described[name], 16) for name in "vrs")]
    described["hash"] = SignedTx.of(bytes(rlp.encode(body))).hash
    assert rebuilt(described, Account.from_key(_KEY).address) is None
