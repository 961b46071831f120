"""The nonce of a payment: nodes that count too low or too high, and transactions of other wallets that wait."""

from __future__ import annotations

import pytest

from l2send.core.errors import NetworkError, NotFinal, Refused, Sent
from l2send.wallet.execute import Executor
from l2send.wallet.journal.states import PaymentState
from tests.support.faultproxy import FaultProxy
from tests.wallet.resuming import COUNT, nothing_signed, refused, send_elsewhere
from tests.wallet.rig import Bench


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
