"""What is waited for once a bridge holds the money, and what becomes of it if no solver pays in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from l2send.bridges import bridge_named, bridges_of
from l2send.cli.money import at_the_price_of, shorter
from l2send.cli.times import clock, moment
from l2send.core.chains import Registry
from l2send.core.plan import Order, Quote
from l2send.core.units import Amount, UnixTime
from l2send.review import Review
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState

_TO_BE_SIGNED = frozenset({PaymentState.PLANNED, PaymentState.PROPOSED, PaymentState.SENDING})


def comes_back_by_itself(order: Order, registry: Registry) -> bool:
    """Whether its refund needs no transaction of the sender. Raises ConfigError for an unknown bridge."""
    return bridge_named(bridges_of(registry), order.bridge).refunds_by_itself


def who_pays_back(record: Record, registry: Registry) -> str:
    """The bridges that pay back all of a due refund by themselves; empty if the sender has to sign any of it."""
    if record.state is not PaymentState.REFUND_DUE:
        return ""
    due = [leg.order.order for leg in record.legs if leg.order and leg.state is PaymentState.REFUND_DUE]
    if not all(comes_back_by_itself(order, registry) for order in due):
        return ""
    return " and ".join(dict.fromkeys(order.bridge for order in due))


def awaited(record: Record, registry: Registry) -> str:
    """What a payment waits for once nothing is left to be signed or mined; empty before that and after it."""
    states = {leg.state for leg in record.legs}
    if PaymentState.BRIDGING not in states or states & _TO_BE_SIGNED:
        return ""
    return f"waiting for a solver to pay on {registry.shown(record.payment.to.chain_id).name}"


def when_late(record: Record, registry: Registry, stays_until: float) -> str:
    """What the user of a late payment may do. `stays_until` (UNIX time): how long this process follows it."""
    resume = f"`l2send resume {record.id}`"
    orders = [leg.order.order for leg in record.legs if leg.order and leg.state is PaymentState.BRIDGING]
    if not orders:
        return f"Wait, or press Ctrl-C: the payment stays as it is, and {resume} follows it again."
    until = max(order.refund_after for order in orders)
    unpaid = f"no solver pays by {clock(until)}"
    if all(comes_back_by_itself(order, registry) for order in orders):
        names = " and ".join(dict.fromkeys(order.bridge for order in orders))
        then = f"If {unpaid}, {names} pays the money back by itself, usually within hours."
        return f"Wait, or press Ctrl-C, and look again later: {resume}. {then}"
    if until < stays_until:
        return f"Stay here, and if {unpaid} the refund is signed and sent; or press Ctrl-C, and later: {resume}."
    return f"Wait, or press Ctrl-C: the payment stays as it is. If {unpaid}, {resume} signs the refund."


def if_late(review: Review, registry: Registry) -> list[str]:
    """When unfilled orders are refunded, and by which signature, in a sentence each; orders that end together share it.

    A refund is a transaction like those that are approved, so it is named before them, with its cost.
    """
    legs = [leg for leg in review.plan.legs if leg.order]
    by_itself = [leg for leg in legs if leg.order and comes_back_by_itself(leg.order, registry)]
    signed = [leg for leg in legs if leg not in by_itself]
    return [
        *(_signed(group) for group in _together(signed)),
        *(_by_itself(group) for group in _together(by_itself)),
    ]


def _together(legs: Sequence[Quote]) -> list[list[Quote]]:
    """The legs in one group if their orders end in the same minute, else each by itself."""
    same = len({clock(_until([leg])) for leg in legs}) == 1
    return [list(legs)] if same else [[leg] for leg in legs]


def _until(legs: Iterable[Quote]) -> UnixTime:
    return max(leg.order.refund_after for leg in legs if leg.order)


def _signed(legs: Sequence[Quote]) -> str:
    what = f"a refund of {shorter(legs[0].pays)}" if len(legs) == 1 else f"{len(legs)} refunds"
    late = f"not filled by {moment(_until(legs))}"
    return f"{late}: `l2send resume` (or this run, if it still waits) signs {what}{_gas(legs)}"


def _by_itself(legs: Sequence[Quote]) -> str:
    what = shorter(legs[0].pays) if len(legs) == 1 else "the money"
    names = " and ".join(dict.fromkeys(leg.order.bridge for leg in legs if leg.order))
    return f"not filled by {moment(_until(legs))}: {names} pays {what} back by itself, usually within hours"


def _gas(legs: Sequence[Quote]) -> str:
    """The most that the refunds may cost; empty where that is not known."""
    costs = [at_the_price_of(leg.fees, Amount(leg.refund.most, leg.refund.chain.native)) for leg in legs if leg.refund]
    if len(costs) < len(legs):
        return ""
    most = costs[0] + " each" * (len(legs) > 1) if len(set(costs)) == 1 else " and ".join(costs)
    return f", gas at most {most}"
