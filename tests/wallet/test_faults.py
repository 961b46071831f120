"""What a node, a chain and another wallet can do to a payment, each brought about on a real chain."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from l2send.core.errors import (
    CannotPay,
    ConfigError,
    ExitStatus,
    L2sendError,
    NetworkError,
    NotFinal,
    Refused,
    Sent,
    WrongChain,
)
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.rpc import client as rpc_client
from l2send.core.typed import TypedData
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.execute import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import SignedTx
from tests.support.faultproxy import AFTER_ACCEPTING, LOST_REPLY, REFUSED_BEFORE, TOO_MANY, Fault, FaultProxy
from tests.wallet.rig import (
    CHAIN_ID,
    ETHER,
    REVERTS_IF_SLOT_0,
    Bench,
    GuardStandIn,
    order_of,
    running_anvil,
    somebody,
    to_self,
)

SEND = "eth_sendRawTransaction"


def refused(bench: Bench, payment_id: str, kind: type[L2sendError], patience: float = 10) -> L2sendError:
    with pytest.raises(kind) as caught:
        bench.resume(payment_id, patience)
    return caught.value


def reach(bench: Bench, payment_id: str, reached: Callable[[PaymentRecord], bool]) -> PaymentRecord:
    """Resume, each time for a moment, until `reached`; it must not come to its end before."""
    for _ in range(60):
        refused(bench, payment_id, NotFinal, patience=0.2)
        record = bench.record(payment_id)
        if reached(record):
            return record
    pytest.fail(f"never reached: {bench.record(payment_id)}")


def is_in(*states: TxState) -> Callable[[PaymentRecord], bool]:
    return lambda record: tuple(tx.state for tx in record.transactions) == states


def nothing_signed(bench: Bench, payment_id: str) -> bool:
    return all(tx.raw == b"" for tx in bench.record(payment_id).transactions)


# The reply


@pytest.mark.parametrize("fault", AFTER_ACCEPTING, ids=str)
def test_a_lost_reply_is_no_second_signature(fault: Fault, bench: Bench, proxy: FaultProxy) -> None:
    payment = bench.payment()
    proxy.break_next(SEND, fault)
    record = bench.through(proxy.url).pay(payment)
    assert proxy.fired == [(SEND, fault)]
    assert record.state is PaymentState.DELIVERED
    assert {raw for (raw,) in proxy.sent(SEND)} == {"0x" + record.transactions[0].raw.hex()}
    assert bench.node.sent_by(payment.sender) == 1


def test_a_node_that_never_takes_it_leaves_it_to_resume(bench: Bench, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = bench.payment()
    payment_id = bench.begin(payment).id
    error = refused(bench.through(proxy.url), payment_id, NotFinal, patience=1.5)
    assert len(proxy.fired) > 1
    assert (error.exit_status, error.sent) == (ExitStatus.NOT_FINAL, Sent.MAYBE)
    assert f"l2send resume {payment_id}" in error.hint
    assert bench.node.balance(payment.to.address) == 0
    assert bench.resume(payment_id).state is PaymentState.DELIVERED
    assert len({raw for (raw,) in proxy.sent(SEND)}) == 1


def test_another_endpoint_is_tried(bench: Bench, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = bench.payment()
    assert bench.through(proxy.url, bench.node.url).pay(payment).state is PaymentState.DELIVERED
    assert proxy.fired
    assert bench.node.sent_by(payment.sender) == 1


def test_reads_that_fail_for_a_while_change_nothing(bench: Bench, proxy: FaultProxy) -> None:
    for method in ("eth_getTransactionReceipt", "eth_getTransactionCount", "eth_feeHistory"):
        proxy.break_next(method, TOO_MANY)
    payment = bench.payment()
    assert bench.through(proxy.url).pay(payment).state is PaymentState.DELIVERED
    assert len(proxy.fired) == 3
    assert bench.node.sent_by(payment.sender) == 1


def test_no_chain_is_no_signature(bench: Bench) -> None:
    payment_id = bench.begin(bench.payment()).id
    error = refused(bench.through("http://127.0.0.1:1"), payment_id, NetworkError)
    assert error.sent is Sent.NO
    assert nothing_signed(bench, payment_id)


UNKNOWN_TYPE = Fault(
    "unknown transaction type",
    forward=False,
    status=200,
    body=b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"unknown transaction type"}}',
)


def test_a_refusal_is_not_taken_for_a_yes(bench: Bench, proxy: FaultProxy) -> None:
    """«unknown transaction» holds the words «known transaction»."""
    proxy.break_next(SEND, UNKNOWN_TYPE, 1000)
    payment_id = bench.begin(bench.payment()).id
    refused(bench.through(proxy.url), payment_id, NotFinal, patience=0.2)
    assert proxy.fired
    tx = bench.record(payment_id).transactions[0]
    assert tx.state is TxState.SIGNED
    assert "unknown transaction type" in tx.detail
    assert bench.resume(payment_id).state is PaymentState.DELIVERED


# The chain id


def test_a_node_of_another_chain_gets_nothing(bench: Bench, proxy: FaultProxy) -> None:
    proxy.lie("eth_chainId", "0x5")
    payment_id = bench.begin(bench.payment()).id
    error = refused(bench.through(proxy.url), payment_id, WrongChain)
    assert error.sent is Sent.NO
    assert nothing_signed(bench, payment_id)
    assert proxy.sent("eth_chainId")
    assert not proxy.sent(SEND)


def test_a_node_that_changes_its_chain_later_gets_nothing(bench: Bench, proxy: FaultProxy) -> None:
    payment_id = bench.begin(bench.payment()).id
    through = bench.through(proxy.url)

    async def turncoat(executor: Executor) -> PaymentRecord:
        await executor.rpcs.on(CHAIN_ID).block_number()  # verified now
        proxy.lie("eth_chainId", "0x5")
        return await executor.resume(payment_id)

    with pytest.raises(WrongChain):
        through.do(turncoat)
    assert nothing_signed(bench, payment_id)


def test_a_node_that_changes_its_chain_before_the_broadcast_gets_nothing(
    bench: Bench, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a slow signature: what was proven before it does not count any more."""
    monkeypatch.setattr(rpc_client, "_PINNED_SECONDS", 0.0)
    payment_id = bench.begin(bench.payment()).id
    through = bench.through(proxy.url)

    async def turncoat(executor: Executor) -> PaymentRecord:
        executor.guard = GuardStandIn(lambda _: proxy.lie("eth_chainId", "0x5"))  # after signing, before the journal
        return await executor.resume(payment_id, patience=0.5)

    with pytest.raises(NotFinal):
        through.do(turncoat)
    assert not proxy.sent(SEND)
    assert bench.record(payment_id).transactions[0].state is TxState.SIGNED
    proxy.stop_lying("eth_chainId")
    assert through.resume(payment_id).state is PaymentState.DELIVERED


def test_a_node_of_another_chain_does_not_take_what_was_signed_for_this_one(bench: Bench) -> None:
    """It changes its chain in the moment between the look before the signature and the broadcast."""
    payment_id = bench.begin(bench.payment()).id
    with running_anvil(chain_id=5) as other, FaultProxy(bench.node.url) as proxy:

        async def turncoat(executor: Executor) -> PaymentRecord:
            executor.guard = GuardStandIn(lambda _: proxy.lead_to(other.url))
            return await executor.resume(payment_id, patience=0.5)

        with pytest.raises(NotFinal):
            bench.through(proxy.url).do(turncoat)
        assert proxy.sent(SEND)
        assert other.sent_by(bench.signer.address) == 0
        assert bench.record(payment_id).transactions[0].state is TxState.SIGNED
        proxy.lead_to(bench.node.url)
        assert bench.through(proxy.url).resume(payment_id).state is PaymentState.DELIVERED


# The nonce


def test_a_stale_count_does_not_replace_a_payment(bench: Bench, proxy: FaultProxy) -> None:
    """A node that lags says «0 sent» while the journal knows better."""
    bench.node.call("evm_setAutomine", True)
    first, second = bench.payment(), bench.payment()
    through = bench.through(proxy.url)

    async def both(executor: Executor) -> None:
        first_id, second_id = bench.begin(first).id, bench.begin(second).id
        await executor.resume(first_id)
        proxy.lie("eth_getTransactionCount", "0x0")
        with pytest.raises(NetworkError, match="the journal saw the one with nonce 0"):
            await executor.resume(second_id)
        proxy.stop_lying("eth_getTransactionCount")
        assert (await executor.resume(second_id)).transactions[0].nonce == 1

    through.do(both)
    assert [bench.node.balance(p.to.address) for p in (first, second)] == [first.amount.units, second.amount.units]


COUNT = "eth_getTransactionCount"


@pytest.mark.parametrize("times", [1, 3])
def test_a_count_that_is_too_high_is_not_taken_for_the_nonce(bench: Bench, proxy: FaultProxy, times: int) -> None:
    """Signed with a gap before it, a payment would wait for ever."""
    proxy.lie(COUNT, "0x7", times)
    payment = bench.payment()
    payment_id = bench.begin(payment).id
    record = bench.through(proxy.url).resume(payment_id)
    assert len(proxy.sent(COUNT)) > times
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 0)


def test_a_count_one_above_what_the_journal_explains_is_looked_at_again(bench: Bench, proxy: FaultProxy) -> None:
    bench.pay(bench.payment())
    payment_id = bench.begin(bench.payment()).id
    proxy.lie(COUNT, "0x2", times=2)
    record = bench.through(proxy.url).resume(payment_id)
    assert len(proxy.sent(COUNT)) > 2
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 1)


def test_an_endpoint_that_counts_too_high_is_asked_against_another(bench: Bench, proxy: FaultProxy) -> None:
    """Each may be the right one: nothing is signed, however often the first says it."""
    proxy.lie(COUNT, "0x7")
    payment_id = bench.begin(bench.payment()).id
    error = refused(bench.through(proxy.url, bench.node.url), payment_id, NetworkError)
    assert "do not agree" in error.message
    assert error.sent is Sent.NO
    assert nothing_signed(bench, payment_id)
    two_against_one = bench.through(proxy.url, bench.node.url, "http://127.0.0.1:1", bench.node.url)
    assert two_against_one.resume(payment_id).transactions[0].nonce == 0


def test_what_waits_from_another_wallet_keeps_its_nonce(own_bench: Bench) -> None:
    """Two endpoints count it, no block holds it, and the journal does not know it."""
    bench = own_bench
    bench.node.call("evm_setAutomine", False)
    send_elsewhere(bench, nonce=0)
    payment_id = bench.begin(bench.payment()).id
    with FaultProxy(bench.node.url) as proxy:
        refused(bench.through(bench.node.url, proxy.url), payment_id, NotFinal, patience=0.3)
        assert proxy.requests[0][0] == "eth_chainId"
        assert proxy.sent(COUNT)
    assert bench.record(payment_id).transactions[0].nonce == 1
    bench.node.call("evm_setAutomine", True)
    bench.node.mine()
    assert bench.resume(payment_id).state is PaymentState.DELIVERED


def test_a_used_account_is_paid_from_with_few_questions(bench: Bench, proxy: FaultProxy) -> None:
    """What the journal explains needs no second look."""
    through = bench.through(proxy.url)
    for paid in (1, 2):
        proxy.requests.clear()
        through.pay(bench.payment())
        assert len(proxy.sent(COUNT)) == 2, paid


def test_a_gap_of_another_wallet_is_refused(own_bench: Bench) -> None:
    """Another wallet's pending transaction is dropped, and the journal has one above it."""
    bench, node = own_bench, own_bench.node
    node.call("evm_setAutomine", False)
    foreign = send_elsewhere(bench, nonce=0)
    stuck = bench.begin(bench.payment()).id
    refused(bench, stuck, NotFinal, patience=0.3)
    assert bench.record(stuck).transactions[0].nonce == 1
    assert node.call("anvil_dropTransaction", foreign) == foreign
    blocked = bench.begin(bench.payment()).id
    error = refused(bench, blocked, Refused)
    assert "nonce 0" in error.message
    assert stuck in error.message
    assert nothing_signed(bench, blocked)


def send_elsewhere(bench: Bench, nonce: int) -> str:
    """A transaction of the same key from another wallet, which the journal knows nothing of."""
    price = GasPrice(Wei(10**9), Wei(10**9), Wei(10 * 10**9))
    signed = bench.signer.sign(CHAIN_ID, Nonce(nonce), UnsignedTx(CHAIN_ID, somebody(), Wei(1), b""), Gas(21000), price)
    return str(bench.node.call(SEND, "0x" + signed.raw.hex()))


def test_a_foreign_transaction_at_our_nonce_is_replaced(bench: Bench, proxy: FaultProxy) -> None:
    """And the payment is not sent again by itself, neither now nor by a later resume."""
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment = bench.payment()
    payment_id = bench.begin(payment).id
    refused(bench.through(proxy.url), payment_id, NotFinal, patience=0.2)
    assert bench.record(payment_id).transactions[0].raw
    send_elsewhere(bench, nonce=0)
    bench.node.mine(1)
    assert bench.node.sent_by(payment.sender) == 1

    bench.confirmations = 3
    reach(bench, payment_id, is_in(TxState.INDETERMINATE))
    bench.node.mine(2)
    record = bench.resume(payment_id)
    assert record.state is PaymentState.REPLACED
    assert bench.resume(payment_id) == record
    assert bench.node.balance(payment.to.address) == 0
    assert bench.node.sent_by(payment.sender) == 1


def test_replaced_needs_every_endpoint_that_answers(bench: Bench, proxy: FaultProxy) -> None:
    """One that is behind may know the transaction in a block to come: it is named, and waited for."""
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment_id = bench.begin(bench.payment()).id
    refused(bench.through(proxy.url), payment_id, NotFinal, patience=0.2)
    send_elsewhere(bench, nonce=0)
    bench.node.mine(1)
    proxy.lie("eth_blockNumber", hex(bench.node.height() - 2))
    both = bench.through(bench.node.url, proxy.url)
    for _ in range(2):
        reach(both, payment_id, is_in(TxState.INDETERMINATE))
        bench.node.mine(3)
    refused(both, payment_id, NotFinal, patience=0.3)
    assert "blocks behind" in bench.record(payment_id).transactions[0].detail
    proxy.stop_lying("eth_blockNumber")
    assert both.resume(payment_id).state is PaymentState.REPLACED


def test_a_receipt_that_one_endpoint_lacks_is_looked_for_at_the_others(bench: Bench, proxy: FaultProxy) -> None:
    """Null from one node is not «dropped», although the nonce is used up; and it is not an end without that node."""
    proxy.lie("eth_getTransactionReceipt", None)
    both, payment_id = bench.through(proxy.url, bench.node.url), bench.begin(bench.payment()).id
    refused(both, payment_id, NotFinal, patience=0.5)
    assert proxy.sent("eth_getTransactionReceipt")
    tx = bench.record(payment_id).transactions[0]
    assert (tx.state, tx.detail) == (TxState.MINED, "not final yet: 127.0.0.1 does not show it")
    proxy.stop_lying("eth_getTransactionReceipt")
    assert both.resume(payment_id).state is PaymentState.DELIVERED


def test_a_receipt_nobody_shows_yet_is_not_replaced(bench: Bench, proxy: FaultProxy) -> None:
    """The transaction is in a block by its hash: the receipts lag behind."""
    proxy.lie("eth_getTransactionReceipt", None)
    payment = bench.payment()
    payment_id = bench.begin(payment).id
    through = bench.through(proxy.url)
    reach(through, payment_id, is_in(TxState.INDETERMINATE))
    for _ in range(3):
        bench.node.mine(5)
        refused(through, payment_id, NotFinal, patience=0.3)
    assert bench.record(payment_id).state is PaymentState.INDETERMINATE
    assert len(proxy.sent(SEND)) == 1, "its nonce is used up: no node needs its bytes"
    proxy.stop_lying("eth_getTransactionReceipt")
    assert through.resume(payment_id).state is PaymentState.DELIVERED


@pytest.mark.parametrize("lie", ["of another transaction", "in a block that does not exist", "without status"])
def test_a_forged_receipt_is_not_final(bench: Bench, proxy: FaultProxy, lie: str) -> None:
    payment_id = bench.begin(bench.payment()).id
    through = bench.through(proxy.url)
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    refused(through, payment_id, NotFinal, patience=0.1)
    tx = bench.record(payment_id).transactions[0]
    head = bench.node.call("eth_getBlockByNumber", "latest", False)
    real = {"blockNumber": head["number"], "blockHash": head["hash"], "status": "0x1"}
    receipt = {"transactionHash": tx.hash, **real}
    if lie == "in a block that does not exist":
        receipt["blockHash"] = "0x" + "ff" * 32
    if lie == "of another transaction":
        receipt["transactionHash"] = "0x" + "aa" * 32
    if lie == "without status":
        del receipt["status"]
    proxy.lie("eth_getTransactionReceipt", receipt)
    refused(through, payment_id, NotFinal, patience=0.2)
    assert proxy.sent("eth_getTransactionReceipt")
    assert bench.record(payment_id).state is PaymentState.SENDING
    assert bench.resume(payment_id).state is PaymentState.DELIVERED


# The chain


def test_final_waits_for_the_chains_confirmations(own_bench: Bench) -> None:
    bench = own_bench
    bench.confirmations = 4
    payment_id = bench.begin(bench.payment()).id
    reach(bench, payment_id, is_in(TxState.MINED))
    bench.node.mine(2)
    refused(bench, payment_id, NotFinal, patience=0.3)
    bench.node.mine(1)
    assert bench.resume(payment_id).state is PaymentState.DELIVERED


def test_a_reorganisation_takes_the_state_back_and_the_same_bytes_go_out(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    bench.confirmations = 3
    with FaultProxy(node.url) as proxy:
        through = bench.through(proxy.url)
        payment = bench.payment()
        payment_id = bench.begin(payment, *to_self(bench)).id
        before = node.call("evm_snapshot")
        reach(through, payment_id, is_in(TxState.MINED, TxState.MINED))
        assert node.call("evm_revert", before)
        assert node.sent_by(payment.sender) == 0, "the blocks are still there"

        reach(through, payment_id, lambda _: node.sent_by(payment.sender) == 2)
        node.mine(2)
        record = through.resume(payment_id)
        assert record.state is PaymentState.DELIVERED
        sent = [raw for (raw,) in proxy.sent(SEND)]
    assert len(sent) == 4
    assert set(sent) == {"0x" + tx.raw.hex() for tx in record.transactions}
    assert any("dropped the block" in sentence for sentence in bench.said)
    assert node.balance(payment.to.address) == payment.amount.units
    with_journal = [e.after for e in events(bench, payment_id) if e.subject == "step 1"]
    assert with_journal == ["planned", "signed", "broadcast", "mined", "broadcast", "mined", "final"][1:]


def events(bench: Bench, payment_id: str):  # type: ignore[no-untyped-def]
    journal = bench.journal()
    try:
        return journal.events(payment_id)
    finally:
        journal.close()


def test_after_a_reorganisation_the_bytes_go_out_at_once(own_bench: Bench) -> None:
    """Not half a minute later, when an accepted transaction would be offered again anyway."""
    bench, node = own_bench, own_bench.node
    bench.confirmations = 3
    payment = bench.payment()
    payment_id = bench.begin(payment).id
    before = node.call("evm_snapshot")

    async def run(executor: Executor) -> PaymentRecord:
        waiting = asyncio.create_task(executor.resume(payment_id, patience=20))
        await _until(lambda: is_in(TxState.MINED)(executor.journal.get(payment_id)))
        node.call("evm_revert", before)
        assert node.sent_by(payment.sender) == 0
        await _until(lambda: node.sent_by(payment.sender) == 1)
        node.mine(2)
        return await waiting

    assert bench.do(run).state is PaymentState.DELIVERED


async def _until(true: Callable[[], bool]) -> None:
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not happen in time")


def test_a_transaction_mined_again_in_another_block_is_followed_there(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    bench.confirmations = 3
    payment = bench.payment()
    payment_id = bench.begin(payment).id
    mined = reach(bench, payment_id, is_in(TxState.MINED)).transactions[0]
    node.call("anvil_reorg", 1, [["0x" + mined.raw.hex(), 0]])
    reach(bench, payment_id, lambda r: r.transactions[0].block_hash not in ("", mined.block_hash))
    assert bench.record(payment_id).transactions[0].state is TxState.MINED
    node.mine(2)
    assert bench.resume(payment_id).state is PaymentState.DELIVERED
    assert node.balance(payment.to.address) == payment.amount.units


def test_what_would_revert_is_not_signed(bench: Bench) -> None:
    payment = bench.payment()
    bench.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    bench.node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    payment_id = bench.begin(payment).id
    error = refused(bench, payment_id, Refused)
    assert error.sent is Sent.NO
    assert nothing_signed(bench, payment_id)


def test_what_reverts_in_a_block_is_reverted_once_it_is_deep(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    bench.confirmations = 2
    node.call("evm_setAutomine", False)
    payment = bench.payment()
    node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    payment_id = bench.begin(payment).id
    reach(bench, payment_id, is_in(TxState.BROADCAST))
    node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    node.mine(1)
    reach(bench, payment_id, is_in(TxState.REVERTING))
    assert bench.record(payment_id).state is PaymentState.SENDING
    node.mine(1)
    record = bench.resume(payment_id)
    assert (record.state, record.moved) == (PaymentState.REVERTED, Sent.YES)
    assert node.balance(payment.to.address) == 0


def test_after_a_reverted_step_the_next_is_never_signed(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    node.call("evm_setAutomine", False)
    contract = somebody()
    node.call("anvil_setCode", contract, REVERTS_IF_SLOT_0)
    payment = bench.payment()
    payment_id = bench.begin(payment, UnsignedTx(CHAIN_ID, contract, Wei(0), b"\1")).id
    reach(bench, payment_id, is_in(TxState.BROADCAST, TxState.PLANNED))
    node.call("anvil_setStorageAt", contract, "0x0", "0x" + "00" * 31 + "01")
    node.mine(1)
    for _ in range(2):
        record = bench.resume(payment_id)
        assert record.state is PaymentState.REVERTED
        assert record.transactions[1].state is TxState.PLANNED
    assert node.sent_by(payment.sender) == 1


# The money


def test_a_balance_that_does_not_hold_the_fee_is_refused_with_the_numbers(bench: Bench) -> None:
    payment = bench.payment(10 * ETHER)
    payment_id = bench.begin(payment).id
    error = refused(bench, payment_id, CannotPay)
    assert "holds 10 ETH" in error.message
    assert error.sent is Sent.NO
    assert nothing_signed(bench, payment_id)


def test_a_fee_above_the_cap_is_refused(bench: Bench) -> None:
    payment_id = bench.begin(bench.payment()).id

    async def capped(executor: Executor) -> PaymentRecord:
        executor.guard = GuardStandIn(lambda _: None, Wei(1000))
        return await executor.resume(payment_id)

    with pytest.raises(Refused, match="network fee"):
        bench.do(capped)
    assert nothing_signed(bench, payment_id)


def test_a_gas_limit_that_became_too_low_is_raised(bench: Bench) -> None:
    payment = bench.payment()
    bench.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    record = bench.pay(payment)
    assert record.state is PaymentState.DELIVERED
    assert record.transactions[0].step.gas == 21_000


# The guard and the signer


def test_what_the_guard_refuses_is_not_journaled_and_not_sent(bench: Bench) -> None:
    payment_id = bench.begin(bench.payment()).id

    async def guarded(executor: Executor) -> PaymentRecord:
        def guard(tx: UnsignedTx) -> None:
            raise Refused(f"not approved: {tx.value}")

        executor.guard = GuardStandIn(guard)
        return await executor.resume(payment_id)

    with pytest.raises(Refused, match="not approved"):
        bench.do(guarded)
    assert nothing_signed(bench, payment_id)
    assert bench.node.sent_by(bench.signer.address) == 0


@pytest.mark.parametrize("field", ["to", "value", "data", "chain", "nonce", "gas", "fee"])
def test_a_signer_that_signs_something_else_is_caught(bench: Bench, field: str) -> None:
    payment_id = bench.begin(bench.payment()).id
    honest = bench.signer

    class Thief:
        address = honest.address

        def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
            to = somebody() if field == "to" else tx.to
            value = Wei(tx.value + (field == "value"))
            chain_id = ChainId(chain_id + (field == "chain"))
            other = UnsignedTx(chain_id, to, value, b"\0" if field == "data" else tx.data)
            tip = Wei(price.tip + (field == "fee"))
            return honest.sign(
                chain_id,
                Nonce(nonce + (field == "nonce")),
                other,
                Gas(gas + (field == "gas")),
                GasPrice(price.base_fee, tip, price.max_fee),
            )

        def sign_typed(self, data: TypedData) -> bytes:
            raise AssertionError("a payment of transactions signs no message")

    async def rob(executor: Executor) -> PaymentRecord:
        executor.signer = Thief()
        return await executor.resume(payment_id)

    with pytest.raises(Refused, match="do not say what was approved"):
        bench.do(rob)
    assert nothing_signed(bench, payment_id)
    assert not bench.guarded


def test_without_a_signer_nothing_is_signed_and_it_says_so(bench: Bench) -> None:
    payment_id = bench.begin(bench.payment()).id
    with pytest.raises(ConfigError, match="needs a signature"):
        bench.resume(payment_id, signer=False)
    assert nothing_signed(bench, payment_id)


def test_another_accounts_signer_is_refused(bench: Bench) -> None:
    payment_id = bench.begin(bench.payment()).id
    other = Bench(bench.home, bench.node, bench.urls)
    with pytest.raises(ConfigError, match="is paid by"):
        other.resume(payment_id)


def test_signed_bytes_need_no_signer(bench: Bench, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment_id = bench.begin(bench.payment()).id
    refused(bench.through(proxy.url), payment_id, NotFinal, patience=0.2)
    assert bench.resume(payment_id, signer=False).state is PaymentState.DELIVERED


# Time


def test_an_expired_quote_is_cancelled_and_nothing_is_sent(bench: Bench) -> None:
    payment_id = bench.begin(bench.payment(), expires=bench.node.time() - 1).id
    error = refused(bench, payment_id, Refused)
    assert "expired" in error.message
    assert bench.record(payment_id).state is PaymentState.CANCELLED
    assert bench.resume(payment_id).state is PaymentState.CANCELLED
    assert bench.node.sent_by(bench.signer.address) == 0


@pytest.mark.parametrize("left", [-100, 15])
def test_an_order_past_its_deadline_or_near_it_is_not_opened(bench: Bench, left: int) -> None:
    payment = bench.payment()
    order = order_of(payment, bench.node.time() + left)
    payment_id = bench.begin(payment, *to_self(bench), order=order).id
    refused(bench, payment_id, Refused)
    assert bench.record(payment_id).state is PaymentState.CANCELLED
    assert bench.node.sent_by(payment.sender) == 0


def test_an_order_that_became_late_after_its_approval_is_not_opened(own_bench: Bench) -> None:
    bench = own_bench
    payment = bench.payment()
    payment_id = bench.begin(payment, *to_self(bench), order=order_of(payment, bench.node.time() + 200)).id

    async def stop_before_the_second(executor: Executor) -> PaymentRecord:
        def guard(tx: UnsignedTx) -> None:
            if tx.value:
                raise asyncio.CancelledError

        executor.guard = GuardStandIn(guard)
        return await executor.resume(payment_id)

    with pytest.raises(asyncio.CancelledError):
        bench.do(stop_before_the_second)
    assert bench.record(payment_id).state is PaymentState.SENDING
    bench.node.call("evm_increaseTime", 300)
    bench.node.mine()
    error = refused(bench, payment_id, Refused)
    assert "An allowance it gave is left" in error.message
    record = bench.record(payment_id)
    assert [tx.state for tx in record.transactions] == [TxState.FINAL, TxState.CANCELLED]
    assert bench.node.balance(payment.to.address) == 0


def test_signed_bytes_of_a_late_order_are_not_sent_and_their_nonce_is_taken(
    own_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed, never handed to a node, and too late: the next payment ends it by taking its nonce."""
    monkeypatch.setattr(rpc_client, "_PINNED_SECONDS", 0.0)
    bench, node = own_bench, own_bench.node
    with FaultProxy(node.url) as proxy:
        payment = bench.payment()
        late = bench.begin(payment, order=order_of(payment, node.time() + 200)).id
        through = bench.through(proxy.url)

        async def die_before_broadcast(executor: Executor) -> PaymentRecord:
            executor.guard = GuardStandIn(lambda _: proxy.lie("eth_chainId", "0x5"))
            return await executor.resume(late, patience=0.2)

        with pytest.raises(NotFinal):
            through.do(die_before_broadcast)
        proxy.stop_lying("eth_chainId")
        assert bench.record(late).transactions[0].state is TxState.SIGNED
        assert not proxy.sent(SEND)
    node.call("evm_increaseTime", 300)
    node.mine()
    error = refused(bench, late, NotFinal)
    assert "not sent again" in error.message
    other = bench.payment()
    record = bench.pay(other)
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 0)
    node.mine(2)
    assert bench.resume(late).state is PaymentState.REPLACED
    assert node.balance(payment.to.address) == 0
    assert node.balance(other.to.address) == other.amount.units


def test_a_late_order_below_another_payment_does_not_block_it(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    with FaultProxy(node.url) as proxy:
        proxy.break_next(SEND, UNKNOWN_TYPE, 1000)
        through = bench.through(proxy.url)
        payment = bench.payment()
        late = bench.begin(payment, order=order_of(payment, node.time() + 200)).id
        above = bench.begin(bench.payment()).id
        for nonce, payment_id in enumerate((late, above)):
            refused(through, payment_id, NotFinal, patience=0.2)
            tx = bench.record(payment_id).transactions[0]
            assert (tx.state, tx.nonce) == (TxState.SIGNED, nonce)
    node.call("evm_increaseTime", 300)
    node.mine()
    filler = bench.pay(bench.payment())
    assert (filler.state, filler.transactions[0].nonce) == (PaymentState.DELIVERED, 0)
    assert bench.resume(above).state is PaymentState.DELIVERED
    node.mine(2)
    assert bench.resume(late).state is PaymentState.REPLACED
    assert node.balance(payment.to.address) == 0


# The disk


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process can grow: writes end in EFBIG, as on a full disk in ENOSPC."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_nothing_broadcast(bench: Bench, proxy: FaultProxy) -> None:
    payment_id = bench.begin(bench.payment()).id

    async def on_a_full_disk(executor: Executor) -> PaymentRecord:
        with full_disk():
            return await executor.resume(payment_id)

    with pytest.raises(ConfigError, match="cannot be used") as caught:
        bench.through(proxy.url).do(on_a_full_disk)
    assert caught.value.sent is Sent.NO
    assert not proxy.sent(SEND)
    assert len(bench.guarded) == 1, "it did not come as far as the journal"
    assert nothing_signed(bench, payment_id)
    assert bench.resume(payment_id).state is PaymentState.DELIVERED


def test_a_disk_that_fills_up_after_the_broadcast_says_maybe(bench: Bench) -> None:
    payment = bench.payment()
    payment_id = bench.begin(payment).id

    async def fills_up(executor: Executor) -> PaymentRecord:
        rpc = executor.rpcs.on(CHAIN_ID)
        broadcast = rpc.broadcast

        async def and_then_full(raw: bytes, endpoint: int = 0):  # type: ignore[no-untyped-def]
            reply = await broadcast(raw, endpoint)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
            return reply

        rpc.broadcast = and_then_full  # type: ignore[method-assign]
        return await executor.resume(payment_id)

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(ConfigError) as caught:
            bench.do(fills_up)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.sent is Sent.MAYBE
    assert bench.resume(payment_id).state is PaymentState.DELIVERED
    assert bench.node.sent_by(payment.sender) == 1


def test_a_read_only_journal_is_nothing_broadcast(bench: Bench, proxy: FaultProxy) -> None:
    payment_id = bench.begin(bench.payment()).id

    async def read_only(executor: Executor) -> PaymentRecord:
        executor.journal._db.execute("PRAGMA query_only = ON")  # type: ignore[attr-defined]
        return await executor.resume(payment_id)

    with pytest.raises(ConfigError):
        bench.through(proxy.url).do(read_only)
    assert not proxy.sent(SEND)


# Two at once


def test_two_resumes_of_one_payment_pay_once(bench: Bench) -> None:
    payment = bench.payment()
    payment_id = bench.begin(payment).id

    async def both(executor: Executor) -> None:
        one, two = await asyncio.gather(executor.resume(payment_id), executor.resume(payment_id))
        assert one == two

    bench.do(both)
    assert bench.node.balance(payment.to.address) == payment.amount.units
    assert bench.node.sent_by(payment.sender) == 1


def test_a_busy_account_is_waited_for_and_named(own_bench: Bench) -> None:
    bench, node = own_bench, own_bench.node
    node.call("evm_setAutomine", False)
    first, second = bench.begin(bench.payment()).id, bench.begin(bench.payment()).id

    async def both(executor: Executor) -> None:
        slow = asyncio.create_task(executor.resume(first))
        await asyncio.sleep(0.3)
        with pytest.raises(NotFinal, match=first) as caught:
            await executor.resume(second, patience=1)
        assert caught.value.sent is Sent.NO
        node.mine(1)
        await slow

    bench.do(both)
    assert any(f"waiting for {first}" in sentence for sentence in bench.said)


def test_no_rpc_url_and_no_key_reach_the_journal(bench: Bench, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, LOST_REPLY)
    bench.through(proxy.url).pay(bench.payment())
    state = bench.home / "state"
    files: list[Path] = [Path(folder) / name for folder, _, names in os.walk(state) for name in names]
    content = b"".join(file.read_bytes() for file in files)
    assert content
    assert bench.key not in content
    assert bench.key.hex().encode() not in content
    assert b"http" not in content


@pytest.mark.parametrize(("status", "lie"), [("0x1", "delivered"), ("0x0", "reverted")])
def test_one_endpoint_alone_makes_no_end(bench: Bench, proxy: FaultProxy, status: str, lie: str) -> None:
    """It takes the bytes, drops them, and shows a receipt: who believed `reverted` would pay again."""
    proxy.lie("eth_sendRawTransaction", "0x" + "00" * 32)
    payment_id = bench.begin(bench.payment()).id
    both = bench.through(proxy.url, bench.node.url)
    with pytest.raises(NotFinal):
        both.resume(payment_id, 0.3)
    head = bench.node.call("eth_getBlockByNumber", "latest", False)
    place = {"blockNumber": head["number"], "blockHash": head["hash"], "status": status}
    proxy.lie("eth_getTransactionReceipt", place | {"transactionHash": bench.record(payment_id).transactions[0].hash})
    alone, end = bench.through(proxy.url), TxState.FINAL if status == "0x1" else TxState.REVERTED
    bench.node.mine()
    with pytest.raises(NotFinal):
        both.resume(payment_id, 0.3)
    record = bench.record(payment_id)
    assert (record.state, record.transactions[0].detail) == (
        PaymentState.SENDING,
        f"not {end} yet: 127.0.0.1 does not show it",
    )
    assert alone.resume(payment_id, 0.3).state == lie, "the lie was none, so this test showed nothing"
