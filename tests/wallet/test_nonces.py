"""A payment's nonce: nodes that count too low or too high, and pending transactions of other wallets."""

from __future__ import annotations

import pytest

from l2send.core.errors import NetworkError, NotFinal, Refused, Sent
from l2send.core.units import Nonce
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.nonces import look_ahead
from tests.support.faultproxy import FaultProxy
from tests.wallet.resuming import COUNT, nothing_signed, refused, send_elsewhere
from tests.wallet.rig import CHAIN_ID, Rig


def test_a_stale_count_does_not_replace_a_payment(rig: Rig, proxy: FaultProxy) -> None:
    """A node that lags says «0 sent» while the journal knows better."""
    rig.node.call("evm_setAutomine", True)
    first, second = rig.payment(), rig.payment()
    through = rig.through(proxy.url)

    async def both(executor: Executor) -> None:
        first_id, second_id = rig.begin(first).id, rig.begin(second).id
        await executor.resume(first_id)
        proxy.lie("eth_getTransactionCount", "0x0")
        with pytest.raises(NetworkError, match="the journal saw the one with nonce 0"):
            await executor.resume(second_id)
        proxy.stop_lying("eth_getTransactionCount")
        assert (await executor.resume(second_id)).transactions[0].nonce == 1

    through.do(both)
    assert [rig.node.balance(p.to.address) for p in (first, second)] == [first.amount.units, second.amount.units]


@pytest.mark.parametrize("times", [1, 3])
def test_a_count_that_is_too_high_is_not_taken_for_the_nonce(rig: Rig, proxy: FaultProxy, times: int) -> None:
    """Signed with a gap before it, a payment would wait for ever."""
    proxy.lie(COUNT, "0x7", times)
    payment = rig.payment()
    payment_id = rig.begin(payment).id
    record = rig.through(proxy.url).resume(payment_id)
    assert len(proxy.sent(COUNT)) > times
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 0)


def test_a_count_one_above_what_the_journal_explains_is_looked_at_again(rig: Rig, proxy: FaultProxy) -> None:
    rig.pay(rig.payment())
    payment_id = rig.begin(rig.payment()).id
    proxy.lie(COUNT, "0x2", times=2)
    record = rig.through(proxy.url).resume(payment_id)
    assert len(proxy.sent(COUNT)) > 2
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 1)


def test_an_endpoint_that_counts_too_high_is_asked_against_another(rig: Rig, proxy: FaultProxy) -> None:
    """Each may be the right one: nothing is signed, however often the first says it."""
    proxy.lie(COUNT, "0x7")
    payment_id = rig.begin(rig.payment()).id
    error = refused(rig.through(proxy.url, rig.node.url), payment_id, NetworkError)
    assert "do not agree" in error.message
    assert error.sent is Sent.NO
    assert nothing_signed(rig, payment_id)
    two_against_one = rig.through(proxy.url, rig.node.url, "http://127.0.0.1:1", rig.node.url)
    assert two_against_one.resume(payment_id).transactions[0].nonce == 0


def test_what_waits_from_another_wallet_keeps_its_nonce(own_rig: Rig) -> None:
    """Two endpoints count it, no block holds it, and the journal does not know it."""
    rig = own_rig
    rig.node.call("evm_setAutomine", False)
    send_elsewhere(rig, nonce=0)
    payment_id = rig.begin(rig.payment()).id
    with FaultProxy(rig.node.url) as proxy:
        refused(rig.through(rig.node.url, proxy.url), payment_id, NotFinal, patience=0.3)
        assert "eth_chainId" in [method for method, _ in proxy.requests]
        assert proxy.sent(COUNT)
    assert rig.record(payment_id).transactions[0].nonce == 1
    rig.node.call("evm_setAutomine", True)
    rig.node.mine()
    assert rig.resume(payment_id).state is PaymentState.DELIVERED


def test_a_used_account_is_paid_from_with_few_questions(rig: Rig, proxy: FaultProxy) -> None:
    """What the journal explains needs no second look."""
    through = rig.through(proxy.url)
    for paid in (1, 2):
        proxy.requests.clear()
        through.pay(rig.payment())
        assert len(proxy.sent(COUNT)) == 2, paid


@pytest.mark.parametrize(("planned", "looks"), [(None, 4), (1, 2), (5, 4)], ids=["no look", "the same", "another"])
def test_the_first_of_two_looks_may_come_with_the_plan(
    rig: Rig, proxy: FaultProxy, planned: int | None, looks: int
) -> None:
    """What the journal does not explain is believed once two looks agree, each of two counts."""
    rig.node.call("anvil_setNonce", rig.signer.address, "0x1")
    payment_id = rig.begin(rig.payment()).id

    async def run(executor: Executor) -> PaymentRecord:
        if planned is not None:
            rpc = executor.rpcs.on(CHAIN_ID)
            rpc.counted[rig.signer.address] = Nonce(planned), Nonce(planned)
        return await executor.resume(payment_id, patience=10)

    record = rig.through(proxy.url).do(run)
    assert (record.state, record.transactions[0].nonce) == (PaymentState.DELIVERED, 1)
    assert len(proxy.sent(COUNT)) == looks


def test_a_look_with_the_plan_asks_the_next_endpoint_first(rig: Rig, proxy: FaultProxy) -> None:
    async def run(executor: Executor) -> None:
        rpc = executor.rpcs.on(CHAIN_ID)
        await look_ahead(rpc, rig.signer.address)
        assert rpc.counted[rig.signer.address] == (0, 0)

    rig.through(rig.node.url, proxy.url).do(run)
    assert len(proxy.sent(COUNT)) == 2


def test_a_gap_of_another_wallet_is_refused(own_rig: Rig) -> None:
    """Another wallet's pending transaction is dropped, and the journal has one above it."""
    rig, node = own_rig, own_rig.node
    node.call("evm_setAutomine", False)
    foreign = send_elsewhere(rig, nonce=0)
    stuck = rig.begin(rig.payment()).id
    refused(rig, stuck, NotFinal, patience=0.3)
    assert rig.record(stuck).transactions[0].nonce == 1
    assert node.call("anvil_dropTransaction", foreign) == foreign
    blocked = rig.begin(rig.payment()).id
    error = refused(rig, blocked, Refused)
    assert "nonce 0" in error.message
    assert stuck in error.message
    assert nothing_signed(rig, blocked)
