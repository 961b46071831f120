"""The caps on network fees: over a whole payment, without a shown fee, and for refunds."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

import l2send.guard
from l2send.core.chains import Registry
from l2send.core.errors import Refused
from l2send.core.plan import Fee, GasPrice, Quote, Step, StepKind
from l2send.core.rpc import Rpc
from l2send.core.units import Amount, Gas, Nonce, Token, UnixTime, Wei
from l2send.fee_caps import SMALL_FEE, FeeLimit, fee_cap, payment_cap
from l2send.guard import Guard
from l2send.wallet.before_signing import FeeCap
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.faultproxy import FaultProxy
from tests.wallet.rig import CHAIN_ID, NATIVE, Rig, order_of, paying_quote, to_self

GWEI = 10**9
ONE_STEP, TWO_STEPS = Gas(21_000), Gas(60_000)


def begun(rig: Rig, fee: int, *, cap: int | None = None, order: bool = False, units: int = 10**15) -> PaymentRecord:
    """A payment of an approval and a transfer, for which `fee` wei were shown."""
    payment = rig.payment(units)
    opened = order_of(payment, int(time.time()) + 3600) if order else None
    quote: Quote = paying_quote(payment, rig.chain, *to_self(rig), order=opened)
    fees = (Fee("network fee", Amount(fee, NATIVE)), Fee("bridge fee", Amount(10**18, NATIVE)))
    journal = rig.journal()
    try:
        record = journal.begin(payment, [replace(quote, fees=fees, fee_cap=None if cap is None else Wei(cap))])
        assert isinstance(record, PaymentRecord)
        return record
    finally:
        journal.close()


def caps(rig: Rig, record: PaymentRecord, tx: TxRecord, limit: FeeLimit | None = None) -> FeeCap:
    async def ask(executor: Executor) -> FeeCap:
        rpc: Rpc = executor.rpcs.on(CHAIN_ID)
        return await fee_cap(record, tx, rpc, limit)

    return rig.do(ask)


def test_the_cap_is_ten_times_what_was_shown_and_holds_where_nothing_was(rig: Rig) -> None:
    assert payment_cap(begun(rig, 7)) == 70
    assert payment_cap(begun(rig, 0)) == SMALL_FEE == 10**15


def test_a_limit_in_money_is_kept_by_the_journal_and_counts_where_it_is_less(rig: Rig) -> None:
    assert payment_cap(rig.record(begun(rig, 7, cap=30).id)) == 30
    assert payment_cap(rig.record(begun(rig, 7, cap=300).id)) == 70
    assert payment_cap(rig.record(begun(rig, 0, cap=30).id)) == 30


def test_the_steps_of_a_payment_share_its_cap(rig: Rig) -> None:
    record = begun(rig, 8_100)
    approval, transfer = record.steps
    assert caps(rig, record, approval).most == 81_000 * TWO_STEPS // (TWO_STEPS + ONE_STEP)
    assert caps(rig, record, transfer).most == 81_000


def test_what_is_signed_already_counts_with_the_dearest_of_its_attempts(rig: Rig) -> None:
    paid = rig.resume(begun(rig, 10**15).id)
    approval, transfer = paid.steps
    assert paid.state is PaymentState.DELIVERED
    alone = caps(rig, begun(rig, 10**15), approval)
    again = caps(rig, paid, transfer)
    assert again.most < 10**16 - 60_000 * GWEI // 10
    assert again.most > alone.most * 21_000 // 81_000
    assert "left of what was approved" in again.why
    assert f"l2send speedup {paid.id} --max-fee" in again.hint


def test_what_another_wallet_paid_for_a_step_uses_none_of_the_cap_up(rig: Rig) -> None:
    """The sender sped up the approval in another wallet, at a thousand times the price."""
    record = begun(rig, 8_100)
    approval, transfer = record.steps
    cheap, dear = (
        rig.signer.sign(CHAIN_ID, Nonce(0), approval.step.tx, TWO_STEPS, GasPrice(Wei(0), Wei(1), Wei(most)))
        for most in (1, 1_000)
    )
    journal = rig.journal()
    mine = journal.record_signed(approval, Nonce(0), cheap.hash, cheap.raw)
    theirs = journal.adopt(mine, mine.step, dear.hash, dear.raw)
    record = journal.get(record.id)
    journal.close()
    assert (theirs.elsewhere, record.transactions[0].elsewhere) == (True, False)
    assert caps(rig, record, transfer).most == 81_000 - TWO_STEPS


def test_a_node_that_showed_no_fee_and_asks_for_one_later_is_not_paid_it(rig: Rig) -> None:
    """The journal shows a fee of zero, because a node named a base fee of 0."""
    record = rig.begin(rig.payment())
    assert not record.terms.fees

    async def pay(executor: Executor) -> PaymentRecord:
        executor.guard = Guard(executor.rpcs.registry)
        return await executor.resume(record.id, patience=5)

    with FaultProxy(rig.node.url) as proxy:
        dear = {"oldestBlock": "0x1", "baseFeePerGas": [hex(GWEI)] * 2, "reward": [[hex(10**14)]] * 2}
        proxy.lie("eth_feeHistory", dear)
        paid = rig.through(proxy.url).do(pay)
        assert proxy.sent("eth_feeHistory")
    price = paid.transactions[0]
    assert paid.state is PaymentState.DELIVERED
    assert 10**19 - rig.node.balance(rig.signer.address) - record.payment.amount.units <= SMALL_FEE
    assert price.raw


def test_a_base_fee_beyond_the_cap_is_refused_before_anything_is_signed(rig: Rig) -> None:
    record = rig.begin(rig.payment())

    async def pay(executor: Executor) -> PaymentRecord:
        executor.guard = Guard(executor.rpcs.registry)
        return await executor.resume(record.id, patience=5)

    with FaultProxy(rig.node.url) as proxy:
        proxy.lie("eth_feeHistory", {"oldestBlock": "0x1", "baseFeePerGas": [hex(10**12)] * 2, "reward": [["0x1"]]})
        with pytest.raises(Refused, match=r"more than the 0\.001 ETH that were approved"):
            rig.through(proxy.url).do(pay)
    assert rig.record(record.id).steps[0].state is TxState.PLANNED


def refund_of(record: PaymentRecord, value: int = 0) -> TxRecord:
    tx = replace(record.steps[-1].step.tx, value=Wei(value))
    return replace(record.steps[-1], index=9, step=Step(StepKind.REFUND, tx, Gas(100_000)))


def test_a_refund_may_cost_a_tenth_of_what_it_brings_back_with_the_fee_of_its_bridge(rig: Rig) -> None:
    record = begun(rig, 1, order=True, units=10**18)
    assert caps(rig, record, refund_of(record)).most == 10**17
    assert caps(rig, record, refund_of(record, value=4 * 10**16)).left == 6 * 10**16
    absurd = caps(rig, record, refund_of(record, value=10**18))
    assert absurd.left == 0
    assert f"l2send resume {record.id} --max-fee" in absurd.hint
    little = begun(rig, 1, order=True, units=10**9)
    assert caps(rig, little, refund_of(little)).most == SMALL_FEE


def test_refunds_that_are_sent_again_share_the_tenth(rig: Rig) -> None:
    """The message of the first refund was lost. Its fees are spent anyway."""
    record = begun(rig, 1, order=True, units=10**18)
    first = replace(refund_of(record, value=4 * 10**16), index=8)
    price = GasPrice(Wei(0), Wei(GWEI), Wei(100 * GWEI))
    signed = rig.signer.sign(CHAIN_ID, Nonce(0), first.step.tx, Gas(100_000), price)
    record = replace(record, transactions=(*record.transactions, replace(first, raw=signed.raw)))
    second = caps(rig, record, refund_of(record, value=4 * 10**16))
    assert second.most == 10**17 - 4 * 10**16 - 100_000 * 100 * GWEI
    assert second.left == second.most - 4 * 10**16


@pytest.mark.parametrize(("group", "limit", "most"), [("g-x", 9.0, 3.0), (None, 9.0, 9.0)])
def test_the_legs_of_a_payment_share_a_limit_in_dollars(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, group: str | None, limit: float, most: float
) -> None:
    record = replace(begun(rig, 1, order=True, units=10**18), group_id=group)
    guard = Guard(Registry({}), FeeLimit(usd=limit), lambda _: 3)
    seen = list[float | None]()

    async def heard(*arguments: object) -> None:
        given = arguments[3]
        assert isinstance(given, FeeLimit)
        seen.append(given.usd)

    monkeypatch.setattr(l2send.guard, "fee_cap", heard)

    async def ask(executor: Executor) -> None:
        await guard.fee_cap(record, record.steps[0], executor.rpcs.on(CHAIN_ID))

    rig.do(ask)
    assert seen == [most]


def test_without_a_price_a_refund_may_cost_what_is_little_and_a_limit_says_what_it_lacks(rig: Rig) -> None:
    record = begun(rig, 1, order=True)
    assert record.order
    usdc = Token(CHAIN_ID, record.payment.sender, "USDC", 6, peg="USD")
    order = replace(record.order.order, pays=Amount(10**9, usdc))
    record = replace(record, order=replace(record.order, order=order))
    assert caps(rig, record, refund_of(record)).most == SMALL_FEE
    for limit in (FeeLimit(20.0), FeeLimit(usd=5.0)):
        with pytest.raises(Refused, match="price"):
            caps(rig, record, refund_of(record), limit)


def test_the_senders_own_limit_takes_the_place_of_the_rule(rig: Rig) -> None:
    record = begun(rig, 1, order=True, units=10**18)
    assert caps(rig, record, refund_of(record), FeeLimit(50.0)).most == 5 * 10**17


def test_all_that_a_command_signs_shares_the_senders_limit(rig: Rig) -> None:
    record = begun(rig, 1, order=True, units=10**18)
    approval, transfer = record.steps
    price = GasPrice(Wei(0), Wei(GWEI), Wei(GWEI))
    signed = rig.signer.sign(CHAIN_ID, Nonce(0), approval.step.tx, TWO_STEPS, price)
    limit = FeeLimit(50.0)
    assert caps(rig, record, transfer, limit).most == 5 * 10**17
    journal = rig.journal()
    journal.record_signed(approval, Nonce(0), signed.hash, signed.raw)
    record = journal.get(record.id)
    journal.close()
    assert caps(rig, record, transfer, limit).most == 5 * 10**17 - TWO_STEPS * GWEI
    later = replace(limit, since=UnixTime(limit.since + 3600))
    assert caps(rig, record, transfer, later).most == 5 * 10**17
    assert caps(rig, record, record.transactions[0], limit).most == 5 * 10**17
