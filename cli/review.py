"""The review screen: everything that will be signed, computed from the very bytes, before anything is."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from l2send.cli.screen import err, print_pairs, stage_in_words, styled
from l2send.cli.times import duration
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.deadlines import moment
from l2send.core.effects import (
    PERMIT2,
    Allows,
    AllowsBySignature,
    Effects,
    Executes,
    Opens,
    OpensBySignature,
    Pays,
    TakesBack,
)
from l2send.core.plan import Fee, Plan, Quote
from l2send.review import Review


def show_review(review: Review, registry: Registry, *, notes: list[str], reasoned: bool = True) -> None:
    """Print the plan and its effects on stderr, `reasoned`: with why it won. Addresses are shown whole."""
    plan = review.plan
    why = f": {plan.why}" if reasoned else ""
    target = registry.chain(plan.payment.to.chain_id)
    rows = [
        ("pay", styled(plan.payment.amount, "bold")),
        ("to", styled(f"{target.short_name}:{plan.payment.to.address}")),
        ("", styled(f"{target.name}, {stage_in_words(target)}")),
        *(("", styled(note, "yellow", limit=400)) for note in notes),
        *(_one_source(plan, target, why) if len(plan.legs) == 1 else _several_sources(plan, target, why)),
        ("time", styled(f"about {duration(plan.way.duration)}")),
        *([("if not", _otherwise(plan.legs))] if any(leg.order for leg in plan.legs) else []),
        *_labelled("you sign", _signatures(review)),
        *_labelled("note", [styled(note, "yellow", limit=500) for note in _notes(review)]),
    ]
    err().print()
    print_pairs(err(), rows)
    err().print()


def _one_source(plan: Plan, target: Chain, why: str) -> list[tuple[str, Text]]:
    quote = plan.quote
    return [
        ("from", styled(f"{quote.source.short_name}:{plan.payment.sender}")),
        ("way", styled(f"{_how(quote)}{why}", limit=400)),
        ("leaves", styled(f"{quote.pays} on {quote.source.name}")),
        ("arrives", styled(f"{quote.delivers} on {target.name}")),
        *_labelled("fees", [styled(_fee(fee)) for fee in quote.fees]),
    ]


def _several_sources(plan: Plan, target: Chain, why: str) -> list[tuple[str, Text]]:
    """Each leg with what leaves, what arrives and what it costs, then the sums."""
    rows = [("from", styled(plan.payment.sender)), ("", styled(f"{len(plan.legs)} chains{why}", limit=400))]
    for number, leg in enumerate(plan.legs, 1):
        rows.append((f"leg {number}", styled(f"{leg.pays} leaves {leg.source.name}, {_how(leg)}", "bold")))
        rows.append(("", styled(f"{leg.delivers} arrives on {target.name}")))
        rows += [("", styled(_fee(fee))) for fee in leg.fees]
    cost = plan.way.cost_usd
    value = "more than can be priced" if cost is None else f"about ${cost:.4f}"
    return [*rows, ("together", styled(f"{plan.payment.amount} arrives, all fees {value}"))]


def _signatures(review: Review) -> list[Text]:
    """What is signed, numbered; where there are several legs, with the chain of each."""
    several = len(review.plan.legs) > 1
    described = [
        f"on {leg.source.short_name}: {describe(effect)}" if several else describe(effect)
        for leg, effects in zip(review.plan.legs, review.by_leg, strict=True)
        for effect in effects
    ]
    return [styled(f"{number}. {words}", limit=500) for number, words in enumerate(described, 1)]


def _notes(review: Review) -> list[str]:
    """What the legs have to say, each thing once; what paying in parts means; what nobody vouches for."""
    legs = review.plan.legs
    said = list(dict.fromkeys(note for leg in legs for note in leg.notes))
    if len(legs) > 1:
        said.append("the parts arrive one by one; a part that does not arrive is due back on its own chain")
    if review.not_pinned:
        said.append(f"code not pinned: {', '.join(review.not_pinned)}")
    return said


def _labelled(label: str, values: list[Text]) -> list[tuple[str, Text]]:
    """The label stands before the first value alone."""
    return [(label if i == 0 else "", value) for i, value in enumerate(values)]


def _otherwise(legs: Sequence[Quote]) -> Text:
    """From when on the money of an order that nobody filled is due back, and where."""
    ends = [(moment(leg.order.refund_after), leg.source.name) for leg in legs if leg.order]
    words = (f"{until}, the money is due back on {chain}" for until, chain in ends)
    return styled("filled by " + "; by ".join(words), limit=500)


def _how(quote: Quote) -> str:
    return "a transfer" if quote.order is None else f"bridged by {quote.bridge}"


def _fee(fee: Fee) -> str:
    value = "no price known" if fee.usd is None else f"about ${fee.usd:.4f}"
    return f"{fee.amount}  {fee.name}, {value}"


def describe(effect: Effects) -> str:
    """One effect in words."""
    match effect:
        case Pays(amount, to):
            return f"pay {amount} to {to.address}"
        case Allows(amount, spender) if not amount.units:
            return f"take back what the bridge {spender} may still take of your {amount.token.symbol}"
        case Allows(amount, spender):
            return f"allow the bridge {spender} to take exactly {amount}"
        case Opens(order):
            return (
                f"lock {order.pays} in the bridge {order.origin_settler} until a solver has paid "
                f"{order.delivers} to {order.recipient}"
            )
        case TakesBack(order_id, fee):
            return f"take back the money of the order {order_id}" + (f", for a fee of {fee}" if fee.units else "")
        case AllowsBySignature() | OpensBySignature() | Executes():
            return _describe_compound(effect)


def _describe_compound(effect: AllowsBySignature | OpensBySignature | Executes) -> str:
    if not isinstance(effect, Executes):
        return f"a message, no transaction: {_describe_message(effect)}"
    does = ", then ".join(describe(one) for one in effect.effects)
    whole = ": all of it or nothing" if len(effect.effects) > 1 else ""
    return f"have the Safe {effect.safe.address} {does}{whole}"


def _describe_message(effect: AllowsBySignature | OpensBySignature) -> str:
    """What a signed message does, once somebody brings it to the chain."""
    match effect:
        case AllowsBySignature(_, amount, spender, _, deadline, _):
            return f"allow {_taker(spender)} to take exactly {amount}, if a sponsor brings it by {moment(deadline)}"
        case OpensBySignature(order, taker, _, deadline):
            return (
                f"whoever brings it by {moment(deadline)} has {_taker(taker)} take {order.pays} and lock it in "
                f"the bridge {order.origin_settler} until a solver has paid {order.delivers} to {order.recipient}; "
                "after that it is void"
            )


def _taker(address: Address) -> str:
    return f"Permit2 {address}" if address == PERMIT2 else address
