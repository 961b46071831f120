"""The most that a payment may cost in network fees, and the most that its refund may cost.

| what is signed | its cap |
|---|---|
| the payment's own transactions, together | ten times the fees shown, or 0.001 coin where none were shown |
| | and no more than `--max-fee` in dollars leaves for them |
| a speedup, a cancellation, the revocation of an allowance | what the payment's cap leaves |
| all refunds of an order, the fees of its bridge included | a tenth of what comes back, or 0.001 coin if more |
| | or what was agreed to on a terminal |

`--max-fee` of `resume`, `speedup` and `cancel` replaces these caps for all that the command signs for a payment. The
legs of a payment from several chains share a cap in dollars equally. If prices disagree, the coin's highest price
counts: a lower one would cost the payer.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from l2send.core.chains import Chain
from l2send.core.deadlines import machine_time
from l2send.core.errors import Refused
from l2send.core.plan import BRIDGE_FEE, Fee, Plan, Quote, StepKind, Way
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.units import Amount, ChainId, UnixTime, Wei
from l2send.resolver.balances import Snapshot, highest_native_usd
from l2send.resolver.way_limits import Limits
from l2send.wallet.before_signing import FeeCap
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.keys.signed import decode_signed

FEES_MAY_GROW = 10
"""Maximum factor above the network fees shown."""
SMALL_FEE = Wei(10**15)
"""The cap if no fee was shown, and for a refund of any amount."""
REFUND_PERCENT = 10.0
"""Percent of the refunded amount."""


@dataclass(frozen=True, slots=True)
class FeeLimit:
    """`--max-fee` of a command that signs for an existing payment."""

    percent: float = math.inf
    """Percent of the amount that the payment moves."""
    usd: float | None = None
    since: UnixTime = field(default_factory=machine_time, compare=False)
    """When the command started: all that it signs for a payment since then shares the limit."""


async def fee_cap(
    record: PaymentRecord, tx: TxRecord, rpc: Rpc, limit: FeeLimit | None, agreed: Wei | None = None
) -> FeeCap:
    """The most that `tx` may cost in network fees, and how to exceed it. Raises Refused, NetworkError.

    `agreed` is the cost of the refund that the sender confirmed.
    """
    at_stake = record.order.order.pays if record.order else record.payment.amount
    flag = f"Nothing was signed. To go beyond: --max-fee, for example {_command(record, tx)} --max-fee 5usd"
    if limit is not None:
        most = await _in_coin(limit, at_stake, rpc) - _signed_since(record, tx, limit.since)
        return FeeCap(Wei(max(0, most)), "--max-fee allows", flag, _value(tx))
    if tx.step.kind is StepKind.REFUND and agreed is not None:
        return FeeCap(agreed, "you agreed to", flag, _value(tx))
    if tx.step.kind is StepKind.REFUND:
        most = Wei(max(0, await _refund_cap(at_stake, rpc) - _spent_on_refunds(record, tx)))
        why = f"are a tenth of the {at_stake} that it brings back"
        why = why if len(record.refunds) <= 1 else f"{why}, less what was spent on refunds before"
        return FeeCap(most, why, flag, _value(tx))
    left = Wei(max(0, payment_cap(record) - _committed(record, tx)))
    if tx.raw or tx.step.kind in {StepKind.REVOKE, StepKind.CANCEL, StepKind.EXECUTE}:
        return FeeCap(left, "are left of what was approved for the whole payment", flag)
    hint = "Nothing was signed. Try again when fees are lower, or start a new payment to see today's fee."
    return FeeCap(_share(record, tx, left), "were approved", hint, lowers_price=record.terms.fee_cap is not None)


def payment_cap(record: PaymentRecord) -> Wei:
    """The most that all transactions of the payment may cost together."""
    shown = network_fees(record.terms.fees)
    grown = FEES_MAY_GROW * shown if shown else SMALL_FEE
    return Wei(grown if record.terms.fee_cap is None else min(grown, record.terms.fee_cap))


def network_fees(fees: Sequence[Fee]) -> Wei:
    """The part of `fees` that goes to the network, in the chain's coin."""
    return Wei(sum(fee.amount.units for fee in fees if is_network_fee(fee)))


def is_network_fee(fee: Fee) -> bool:
    """Whether it goes to the network, in the chain's coin."""
    return fee.amount.token.is_native and fee.name != BRIDGE_FEE


def _committed(record: PaymentRecord, tx: TxRecord) -> Wei:
    """The most that the payment's other transactions can cost: of several with one nonce the chain takes one.

    A transaction that another wallet sent does not count: its fee was not approved here.
    """
    # Refunds have their own cap.
    return _most_of(other for other in _beside(record, tx) if other.step.kind is not StepKind.REFUND)


def _spent_on_refunds(record: PaymentRecord, tx: TxRecord) -> Wei:
    """The most that refunds signed before `tx` can cost, including their bridge fees."""
    return _with_bridge_fees(other for other in _beside(record, tx) if other.step.kind is StepKind.REFUND)


def _signed_since(record: PaymentRecord, tx: TxRecord, since: UnixTime) -> Wei:
    """The most that transactions signed since then for other steps can cost, including bridge fees."""
    beside = _beside(record, tx)
    return _with_bridge_fees(other for other in beside if other.signed_at is not None and other.signed_at >= since)


def _with_bridge_fees(txs: Iterable[TxRecord]) -> Wei:
    signed = list(txs)
    return Wei(_most_of(signed) + sum(_value(other) for other in signed if other.replaces is None))


def _beside(record: PaymentRecord, tx: TxRecord) -> list[TxRecord]:
    """Transactions signed here on the chain of `tx` for other steps."""
    others = (other for other in record.transactions if other.raw and not other.elsewhere)
    return [other for other in others if other.chain_id == tx.chain_id and other.step_index != tx.step_index]


def _most_of(signed: Iterable[TxRecord]) -> Wei:
    most: dict[int, int] = {}
    for tx in signed:
        said = decode_signed(tx.raw)
        most[tx.step_index] = max(most.get(tx.step_index, 0), said.gas * said.max_fee_per_gas)
    return Wei(sum(most.values()))


def _share(record: PaymentRecord, tx: TxRecord, left: Wei) -> Wei:
    """The part of `left` for `tx`: later steps need a part for their gas."""
    later = sum(t.step.gas for t in record.steps if t.step_index > tx.step_index and t.state is TxState.PLANNED)
    return Wei(left * tx.step.gas // (tx.step.gas + later)) if tx.step.gas else left


def _value(tx: TxRecord) -> Wei:
    """The fee that `tx` pays besides gas: only refunds have one."""
    return tx.step.tx.value if tx.step.kind is StepKind.REFUND else Wei(0)


async def _refund_cap(at_stake: Amount, rpc: Rpc) -> Wei:
    worth = await _worth_in_coin(at_stake, rpc)
    return SMALL_FEE if worth is None else Wei(max(SMALL_FEE, int(worth * REFUND_PERCENT / 100)))


async def _in_coin(limit: FeeLimit, at_stake: Amount, rpc: Rpc) -> Wei:
    """`limit` in wei of the chain's coin. Raises Refused if no price is known."""
    if limit.usd is not None:
        price = await highest_native_usd(rpc)
        if price is None:
            raise Refused(
                f"no price of {rpc.chain.native.symbol} is known on {rpc.chain.name}: a limit in dollars says nothing.",
                hint="Nothing was signed. Use percent: --max-fee 10%",
            )
        return Wei(int(limit.usd / price * 10**rpc.chain.native.decimals))
    worth = await _worth_in_coin(at_stake, rpc)
    if worth is None:
        raise Refused(
            f"no price is known by which {at_stake} and {rpc.chain.native.symbol} can be compared.",
            hint="Nothing was signed. Use dollars: --max-fee 5usd",
        )
    return Wei(int(worth * limit.percent / 100))


async def _worth_in_coin(amount: Amount, rpc: Rpc) -> int | None:
    """`amount` in units of the chain's coin, at the price less favourable to the payer; None without a price."""
    coin, token = rpc.chain.native, amount.token
    if token.symbol in {coin.symbol, f"W{coin.symbol}"}:
        return amount.in_units_of(coin)
    price = await highest_native_usd(rpc) if token.peg == "USD" else None
    return None if price is None else int(amount.units / 10**token.decimals / price * 10**coin.decimals)


def _command(record: PaymentRecord, tx: TxRecord) -> str:
    if tx.step.kind is StepKind.REFUND:
        return f"l2send resume {record.id}"
    return f"l2send {'cancel' if tx.step.kind in {StepKind.CANCEL, StepKind.REVOKE} else 'speedup'} {record.id}"


async def within_limit(plan: Plan, snapshot: Snapshot, limits: Limits, rpcs: Rpcs) -> Plan:
    """`plan` with its best way within `--max-fee` in dollars, at every known price of each coin.

    Each leg gets its cap on network fees. Raises Refused with the cost of the cheapest way.
    """
    if limits.max_fee_usd is None:
        return plan
    ways = (plan.way, *plan.alternatives)
    prices = await highest_prices((leg.source for way in ways for leg in way.legs), snapshot, rpcs)
    costs = [(way, cost_by(way, prices)) for way in ways]
    kept = [capped(way, cost, limits.max_fee_usd, prices) for way, cost in costs if cost <= limits.max_fee_usd]
    if not kept:
        least = min(cost for _, cost in costs)
        raise Refused(
            f"every way costs more than ${limits.max_fee_usd:g} by the highest price that is known: ${least:.4f}.",
            hint="Nothing was signed. RPCs or price feeds disagree: raise --max-fee, or try again later.",
        )
    return replace(plan, way=kept[0], alternatives=tuple(kept[1:]))


async def highest_prices(chains: Iterable[Chain], snapshot: Snapshot, rpcs: Rpcs) -> dict[ChainId, float]:
    """The highest known price of each chain's coin, in dollars; infinite if none is known."""
    asked = {chain.chain_id: chain for chain in chains}
    found = await asyncio.gather(*(_price(chain, snapshot, rpcs) for chain in asked.values()))
    return dict(zip(asked, found, strict=True))


async def _price(chain: Chain, snapshot: Snapshot, rpcs: Rpcs) -> float:
    """The highest price of the chain's coin, by any of its endpoints or by another chain's feed of the same coin."""
    elsewhere: list[float] = [
        held.native_usd
        for held in snapshot.chains
        if held.native_usd is not None
        and (held.chain.native.symbol, held.chain.testnet) == (chain.native.symbol, chain.testnet)
    ]
    here = await highest_native_usd(rpcs.on(chain.chain_id)) if chain.price_feed else None
    known = elsewhere if here is None else [*elsewhere, here]
    return max(known, default=math.inf)


def cost_by(way: Way, prices: Mapping[ChainId, float]) -> float:
    """The cost of a way in dollars at these prices; infinite if one is missing."""
    return sum(fee_usd(fee, prices[leg.source.chain_id]) for leg in way.legs for fee in leg.fees)


def fee_usd(fee: Fee, native_usd: float) -> float:
    """A fee in dollars at `native_usd` for the chain's coin; infinite if its token has no price."""
    token = fee.amount.token
    rate = 1.0 if token.peg == "USD" else native_usd if token.is_native else math.inf
    return rate * (fee.amount.units / 10**token.decimals) if fee.amount.units else 0.0


def capped(way: Way, cost: float, limit: float, prices: Mapping[ChainId, float]) -> Way:
    """`way` with a cap on each leg: the fees shown, plus its share of what remains of the limit."""
    more = (limit - cost) / len(way.legs)
    return replace(way, legs=tuple(_capped_leg(leg, more, prices[leg.source.chain_id]) for leg in way.legs))


def _capped_leg(leg: Quote, more: float, native_usd: float) -> Quote:
    if math.isinf(native_usd):
        return leg
    native = leg.source.native
    return replace(leg, fee_cap=Wei(network_fees(leg.fees) + int(more / native_usd * 10**native.decimals)))
