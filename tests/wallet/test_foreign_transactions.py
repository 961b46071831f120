"""Another wallet or machine with the same key uses a payment's nonce: its transaction decides the end state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from l2send.cli.outcome import show_outcome
from l2send.core.chains import Registry
from l2send.core.errors import NotFinal, Refused
from l2send.core.multicall3 import multicall3_tx
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.safe import read_execution
from l2send.core.units import Gas, Nonce, Wei
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import decode_signed
from tests.bridges.test_via_safe import Owner
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.faultproxy import REFUSED_BEFORE, FaultProxy, no_such_method
from tests.support.standing_still import standing_still
from tests.wallet.resuming import (
    COUNT,
    RECEIPT,
    SEND,
    UNKNOWN_TYPE,
    elsewhere,
    is_in,
    reach,
    refused,
    send_elsewhere,
    until,
)
from tests.wallet.rig import CHAIN_ID, REVERTS_IF_SLOT_0, Rig, order_of, paying_quote, to_self


def test_a_foreign_transaction_at_our_nonce_is_replaced(rig: Rig, proxy: FaultProxy) -> None:
    """And the payment is not sent again by itself, neither now nor by a later resume."""
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = rig.payment()
    payment_id = rig.begin(payment).id
    refused(rig.through(proxy.url), payment_id, NotFinal, patience=0.2)
    assert rig.record(payment_id).transactions[0].raw
    send_elsewhere(rig, nonce=0)
    rig.node.mine(1)
    assert rig.node.sent_by(payment.sender) == 1

    rig.confirmations = 3
    reach(rig, payment_id, is_in(TxState.INDETERMINATE))
    rig.node.mine(2)
    record = rig.resume(payment_id)
    assert record.state is PaymentState.REPLACED
    assert rig.resume(payment_id) == record
    assert rig.node.balance(payment.to.address) == 0
    assert rig.node.sent_by(payment.sender) == 1


def test_a_transfer_that_another_wallet_sped_up_is_delivered_by_the_other_hash(slow: Rig) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    other = elsewhere(slow, record)
    slow.node.mine(2)
    record = slow.resume(record.id)
    assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.FINAL]
    assert (record.state, record.steps[-1].hash) == (PaymentState.DELIVERED, other)
    assert slow.node.balance(payment.to.address) == payment.amount.units


def test_an_approval_that_another_wallet_sped_up_is_built_upon(slow: Rig) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment, *to_self(slow)).id, TxState.BROADCAST)
    elsewhere(slow, record)
    slow.node.mine()
    slow.node.call("evm_setAutomine", True)
    assert slow.resume(record.id).state is PaymentState.DELIVERED
    assert slow.node.balance(payment.to.address) == payment.amount.units


def test_a_transfer_of_another_wallet_in_its_place_is_named_and_replaces_it(slow: Rig) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    other = elsewhere(slow, record, UnsignedTx(CHAIN_ID, new_address(), Wei(1), b""))
    slow.node.mine(2)
    record = slow.resume(record.id)
    assert record.state is PaymentState.REPLACED
    assert other in record.transactions[0].detail
    assert slow.node.balance(payment.to.address) == 0


def test_a_cancel_of_another_wallet_replaces_it(slow: Rig) -> None:
    record = until(slow, slow.begin(slow.payment()).id, TxState.BROADCAST)
    elsewhere(slow, record, UnsignedTx(CHAIN_ID, slow.signer.address, Wei(0), b""))
    slow.node.mine(2)
    assert slow.resume(record.id).state is PaymentState.REPLACED


@pytest.mark.parametrize("same", [True, False])
def test_two_machines_with_one_key_and_two_journals(slow: Rig, tmp_path: Path, same: bool) -> None:
    """Both sign with one nonce, and the node takes the second. Of the same payment twice the chain takes one."""
    first = slow.payment()
    second = first if same else slow.payment()
    other = replace(slow, home=tmp_path / "other", said=[])
    record = until(slow, slow.begin(first).id, TxState.BROADCAST)
    slow.node.call("anvil_dropTransaction", record.transactions[0].hash)
    slow.node.call("anvil_setNextBlockBaseFeePerGas", hex(7))
    theirs = until(other, other.begin(second).id, TxState.BROADCAST)
    assert theirs.transactions[0].nonce == record.transactions[0].nonce
    slow.node.mine(2)
    assert other.resume(theirs.id).state is PaymentState.DELIVERED
    record = slow.resume(record.id)
    assert record.state is (PaymentState.DELIVERED if same else PaymentState.REPLACED)
    assert slow.node.balance(second.to.address) == second.amount.units
    assert slow.node.sent_by(first.sender) == 1


def test_a_transaction_of_another_payment_of_this_journal_is_not_counted_twice(rig: Rig, proxy: FaultProxy) -> None:
    """The first never reached a node and is too late; the second, to the same recipient, took its nonce."""
    payment = rig.payment()
    late = rig.begin(payment, order=order_of(payment, rig.node.time() + 21)).id
    proxy.break_next(SEND, UNKNOWN_TYPE, 1000)
    with pytest.raises(NotFinal):
        rig.through(proxy.url).resume(late, 0.2)
    rig.node.call("evm_increaseTime", 60)
    rig.node.mine()
    journal = rig.journal()
    again_id = journal.begin(payment, [paying_quote(payment, rig.chain)], again=True).id
    journal.close()
    again = rig.resume(again_id)
    assert (again.state, again.transactions[0].nonce) == (PaymentState.DELIVERED, 0)
    rig.node.mine(2)
    assert rig.resume(late).state is PaymentState.REPLACED
    assert rig.node.balance(payment.to.address) == payment.amount.units


def test_a_sped_up_transfer_that_failed_in_its_block_is_reverted(slow: Rig) -> None:
    payment = slow.payment()
    slow.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    slow.node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    elsewhere(slow, record)
    slow.node.mine(2)
    record = slow.resume(record.id)
    assert (record.state, record.transactions[1].state) == (PaymentState.REVERTED, TxState.REVERTED)


@contextmanager
def without_old_state(rig: Rig) -> Iterator[FaultProxy]:
    """A node that has thrown away the state of all blocks but its head."""
    with FaultProxy(rig.node.url) as proxy:

        def change(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
            if params[1] in ("latest", "pending", hex(rig.node.height())):
                return answer
            error = {"code": -32000, "message": f"missing trie node {'ab' * 32} (path ) state is not available"}
            return {"jsonrpc": "2.0", "id": answer["id"], "error": error}

        proxy.twist(COUNT, change)
        yield proxy


def test_a_node_without_old_state_leaves_it_open_in_words(slow: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    elsewhere(slow, record)
    slow.node.mine(9)
    with without_old_state(slow) as proxy:
        through = slow.through(proxy.url)
        with pytest.raises(NotFinal):
            through.resume(record.id, 0.4)
        record = slow.record(record.id)
        assert record.state is PaymentState.INDETERMINATE
        assert "keeps no state of blocks that old" in record.transactions[0].detail
        assert any("by what is not known" in sentence for sentence in slow.said)
        show_outcome(record, Registry({"rig": slow.chain}))
        assert "keeps no state of blocks that old" in " ".join(capsys.readouterr().out.split())
        journal = slow.journal()
        with pytest.raises(Refused, match="open already"):
            journal.begin(payment, [paying_quote(payment, slow.chain)])
        journal.close()
        assert proxy.sent(COUNT)
        both = slow.through(proxy.url, slow.node.url)
        assert both.resume(record.id).state is PaymentState.DELIVERED, "the other one keeps it"


PASSES_COIN_ON = "0x5f5f5f5f345f355af100"
"""Calls the address in its calldata with all the coin it got: what a batch of another wallet comes to."""


@pytest.mark.parametrize("pays", [True, False])
def test_a_payment_of_coin_that_a_contract_may_have_passed_on_is_not_replaced(slow: Rig, pays: bool) -> None:
    """Coin that a contract passes on leaves no event: the recipient may have been paid by it."""
    payment, contract = slow.payment(), new_address()
    slow.node.call("anvil_setCode", contract, PASSES_COIN_ON)
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    to = payment.to.address if pays else new_address()
    data = bytes.fromhex(to[2:].rjust(64, "0"))
    other = elsewhere(slow, record, UnsignedTx(CHAIN_ID, contract, Wei(payment.amount.units), data))
    slow.node.mine(2)
    if pays:
        assert slow.node.balance(payment.to.address) == payment.amount.units
        record = reach(slow, record.id, is_in(TxState.INDETERMINATE))
        assert "the recipient got as much in that block" in record.transactions[0].detail
        assert other in record.transactions[0].detail
    else:
        assert slow.resume(record.id).state is PaymentState.REPLACED


@pytest.mark.parametrize("traced", [True, False])
def test_a_recipient_that_spends_in_the_same_block_may_have_been_paid(slow: Rig, traced: bool) -> None:
    """Its balance grew by less than it got. The trace shows it; else the calls in the transaction's bytes."""
    payment, contract = slow.payment(), new_address()
    to, units = payment.to.address, payment.amount.units
    slow.node.call("anvil_setCode", contract, f"0x5f5f5f5f3473{to[2:]}5af100")
    slow.node.call("anvil_setBalance", to, hex(10**19))
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    others = [UnsignedTx(CHAIN_ID, one, Wei(units // 2), b"") for one in (to, to)]
    batch = UnsignedTx(CHAIN_ID, contract, Wei(units), b"") if traced else multicall3_tx(contract, others)
    elsewhere(slow, record, batch)
    slow.node.call("anvil_impersonateAccount", to)
    spent = {"from": to, "to": new_address(), "value": hex(10**18), "gas": hex(21_000), "gasPrice": hex(10**12)}
    slow.node.call("eth_sendTransaction", spent)
    slow.node.mine(2)
    assert slow.node.balance(to) < 10**19
    with FaultProxy(slow.node.url) as proxy:
        if not traced:
            proxy.twist("debug_traceTransaction", no_such_method)
        record = reach(slow.through(proxy.url), record.id, is_in(TxState.INDETERMINATE))
        refused(slow.through(proxy.url), record.id, NotFinal, patience=0.4)
    assert "the recipient got as much in that block" in slow.record(record.id).transactions[0].detail


def test_one_endpoint_alone_does_not_show_that_the_recipient_got_nothing(slow: Rig) -> None:
    """It says that the transaction in its place failed: then this payment could be made again."""
    payment, contract = slow.payment(), new_address()
    slow.node.call("anvil_setCode", contract, f"0x5f5f5f5f3473{payment.to.address[2:]}5af100")
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    other = elsewhere(slow, record, UnsignedTx(CHAIN_ID, contract, Wei(payment.amount.units), b""))
    slow.node.mine(2)
    with FaultProxy(slow.node.url) as proxy:

        def failed(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
            return answer if params != [other] else {**answer, "result": {**answer["result"], "status": "0x0"}}

        proxy.twist(RECEIPT, failed)
        through = slow.through(proxy.url, slow.node.url)
        record = reach(through, record.id, is_in(TxState.INDETERMINATE))
        refused(through, record.id, NotFinal, patience=0.6)
        record = slow.record(record.id)
    assert record.state is PaymentState.INDETERMINATE
    assert "Not replaced yet" in record.transactions[0].detail


@pytest.mark.parametrize("how", ["more to the same", "a contract that sends it on", "less"])
def test_a_plain_transfer_of_coin_may_have_paid_the_recipient_too(slow: Rig, how: str) -> None:
    """Another wallet pays the recipient a greater sum, or a contract that passes on what it receives."""
    payment, contract = slow.payment(), new_address()
    to, units = payment.to.address, payment.amount.units
    slow.node.call("anvil_setCode", contract, f"0x5f5f5f5f3473{to[2:]}5af100")
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    others = {"more to the same": (to, 2 * units), "a contract that sends it on": (contract, units), "less": (to, 1)}
    account, value = others[how]
    elsewhere(slow, record, UnsignedTx(CHAIN_ID, account, Wei(value), b""))
    slow.node.mine(2)
    if how == "less":
        assert slow.resume(record.id).state is PaymentState.REPLACED
    else:
        assert slow.node.balance(to) >= units
        record = reach(slow, record.id, is_in(TxState.INDETERMINATE))
        assert "the recipient got as much in that block" in record.transactions[0].detail


def created(rig: Rig, record: PaymentRecord, code: bytes) -> None:
    """Another wallet creates a contract with the nonce of the payment, and sends its amount along."""
    said = decode_signed(record.transactions[0].raw)
    tx = {"nonce": said.nonce, "gas": 200_000, "value": record.payment.amount.units, "data": code, "type": 2}
    fees = {"chainId": CHAIN_ID, "maxFeePerGas": 3 * said.max_fee_per_gas, "maxPriorityFeePerGas": 3 * said.tip}
    signed = Account.from_key(rig.key).sign_transaction(tx | fees)
    rig.node.call(SEND, "0x" + bytes(signed.raw_transaction).hex())


@pytest.mark.parametrize("pays", [True, False])
def test_a_contract_that_is_created_with_the_nonce_may_pass_coin_on_too(slow: Rig, pays: bool) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    to = payment.to.address if pays else new_address()
    created(slow, record, bytes.fromhex("5f5f5f5f3473" + to[2:] + "5af100"))
    slow.node.mine(2)
    if pays:
        assert slow.node.balance(payment.to.address) == payment.amount.units
        record = reach(slow, record.id, is_in(TxState.INDETERMINATE))
        assert "the recipient got as much in that block" in record.transactions[0].detail
    else:
        assert slow.resume(record.id).state is PaymentState.REPLACED


@pytest.mark.parametrize("pays", [True, False])
def test_a_delegation_that_uses_the_nonce_may_pay_in_the_same_transaction(slow: Rig, pays: bool) -> None:
    """EIP-7702: another account brings the delegation, and calls the account's new code at once."""
    payment, contract, sponsor = slow.payment(), new_address(), Account.create()
    slow.node.call("anvil_setCode", contract, PASSES_COIN_ON)
    slow.node.call("anvil_setBalance", sponsor.address, hex(10**19))
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    slow.node.call("anvil_dropTransaction", record.transactions[0].hash)
    nonce = record.transactions[0].nonce
    signed = Account.from_key(slow.key).sign_authorization({"chainId": CHAIN_ID, "address": contract, "nonce": nonce})
    to = payment.to.address if pays else new_address()
    bundle = {
        "chainId": CHAIN_ID, "nonce": 0, "gas": 300_000, "to": payment.sender, "value": payment.amount.units,
        "data": bytes.fromhex(to[2:].rjust(64, "0")), "authorizationList": [signed],
        "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9,
    }  # fmt: skip
    slow.node.call(SEND, "0x" + bytes(sponsor.sign_transaction(bundle).raw_transaction).hex())
    slow.node.mine(2)
    assert slow.node.sent_by(payment.sender) == 1, "the delegation did not use the nonce"
    if pays:
        assert slow.node.balance(payment.to.address) == payment.amount.units
        record = reach(slow, record.id, is_in(TxState.INDETERMINATE))
        assert f"by its delegation to {contract}: the recipient got as much" in record.transactions[0].detail
    else:
        assert slow.resume(record.id).state is PaymentState.REPLACED


@pytest.mark.lab
@pytest.mark.parametrize("token", ["USDC", "ETH"])
def test_what_another_wallet_has_the_safe_pay_with_its_nonce_is_not_replaced(home: Home, token: str) -> None:
    """The owner signs the same transaction of the Safe in another wallet, and sends it with the same nonce."""
    owner = Owner(home)
    begun = owner.begin(owner.plan("0.5", f"dev1:{(to := new_address())}", token=token))
    node = owner.safe.node
    with standing_still(node):
        with pytest.raises(NotFinal):
            owner.resume(begun.id, patience=1)
        said = decode_signed(owner.find(begun.id).transactions[0].raw)
        safe_tx, _ = read_execution(said.tx)
        other = safe_tx.execution(owner.signer.sign_typed(safe_tx.typed(Nonce(0))))
        price = GasPrice(Wei(0), Wei(10**10), Wei(said.max_fee_per_gas + 10**11))
        signed = owner.signer.sign(said.tx.chain_id, said.nonce, other, Gas(300_000), price)
        assert node.call("eth_sendRawTransaction", "0x" + signed.raw.hex()) == signed.hash
    node.call("anvil_mine", "0x3")
    node.call("evm_setIntervalMining", 1)  # Others share this devnet.
    assert home.holds(to, "dev1", token) == (500_000 if token == "USDC" else 5 * 10**17)
    if token == "USDC":
        assert owner.resume(begun.id).state is PaymentState.DELIVERED
    else:  # Coin leaves no event: it is left to a person.
        with pytest.raises(NotFinal):
            owner.resume(begun.id, patience=1)
        assert "the recipient got as much in that block" in owner.find(begun.id).transactions[0].detail
    assert owner.sent("dev1") == 1


def test_a_block_that_a_node_named_and_does_not_have_is_not_searched_for_ever(slow: Rig) -> None:
    """The head it named while the nonce was searched for is kept as where to look first."""
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    other = elsewhere(slow, record)
    slow.node.mine(2)
    with FaultProxy(slow.node.url) as proxy:
        proxy.lie("eth_blockNumber", hex(10**6))
        through = slow.through(proxy.url)
        record = reach(through, record.id, is_in(TxState.INDETERMINATE))
        assert record.transactions[0].block == 10**6
        proxy.stop_lying("eth_blockNumber")
        record = through.resume(record.id)
    assert (record.state, record.steps[-1].hash) == (PaymentState.DELIVERED, other)
