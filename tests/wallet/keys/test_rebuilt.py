"""Transactions as a node describes them are rebuilt to the bytes that were signed."""

from __future__ import annotations

from typing import Any

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
    from eth_account import Account

    return Account.from_key(rig.key)
