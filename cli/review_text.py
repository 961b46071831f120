"""The review screen: what a payment does, computed from the bytes that are signed, in reading order.

It leaves room for a question on 24 lines. `details` shows every address and figure whole; so does a pipe.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from l2send.cli.delegation_text import and_delegates, delegation_rows, hash_rows
from l2send.cli.effects_text import describe
from l2send.cli.late_text import if_late
from l2send.cli.money import cost, cost_by_kind, shorter
from l2send.cli.screen import aloud, err, print_pairs, stage_in_words, styled
from l2send.cli.styles import is_plain
from l2send.cli.times import clock, day, duration
from l2send.cli.what_is_left import left_after
from l2send.core.address import Address, short
from l2send.core.chains import Chain, Registry
from l2send.core.effects import (
    Allows,
    AllowsBySignature,
    CallsTogether,
    Effects,
    Executes,
    Opens,
    OpensBySignature,
    Pays,
    RunsBySignature,
)
from l2send.core.plan import Fee, Quote
from l2send.core.units import Amount
from l2send.resolver.destination import Destination
from l2send.review import Review

Rows = list[tuple[str, Text]]


def show_review(review: Review, registry: Registry, target: Destination | None = None, *, notes: list[str]) -> None:
    """Print on stderr what is paid, what it costs, and what will be signed; a pipe gets the details too."""
    rows = [
        ("pay", styled(title(review, registry, target), "bold")),
        *_recipient(review, registry, target),
        *(("", styled(note, "yellow", limit=400)) for note in notes),
        ("they get", styled(_arrives(review, registry))),
        *_sources(review),
        ("cost", styled(_cost(review), limit=300)),
        *_left(review),
        *([("how", styled(_how(review), limit=300))]),
        *_if_late(review, registry),
        *delegation_rows(review.delegations, registry),
        *_labelled("you sign", [styled(words, limit=300) for words in _signatures(review)]),
        *_labelled("note", [styled(note, "yellow", limit=500) for note in _notes(review)]),
    ]
    err().print()
    print_pairs(err(), rows)
    if not err().is_terminal or is_plain():
        print_pairs(err(), _detail_rows(review, registry))
    err().print()


def show_details(review: Review, registry: Registry) -> None:
    """Print every address and figure whole, for a user who typed `details`."""
    aloud().print()
    print_pairs(aloud(), _detail_rows(review, registry))
    aloud().print()


def title(review: Review, registry: Registry, target: Destination | None = None) -> str:
    """Amount and recipient: `25 USDC to alice on Base`."""
    payment = review.plan.payment
    return f"{payment.amount} to {_called(review, target)} on {registry.shown(payment.to.chain_id).name}"


def question(review: Review, registry: Registry, target: Destination | None = None, verb: str = "Pay") -> str:
    """The whole question: amount, recipient, chain and cost; and the delegation, if there is one."""
    more = and_delegates(review.delegations, registry)
    return f"{verb} {title(review, registry, target)}, cost {cost(review.plan.way)}{more}?"


def _called(review: Review, target: Destination | None) -> str:
    """The name that the recipient was found by, else the shortened address."""
    name = (target.contact or target.name) if target else ""
    return name or short(review.plan.payment.to.address)


def _recipient(review: Review, registry: Registry, target: Destination | None) -> Rows:
    """The whole address, the chain, and earlier payments to it in this journal."""
    payment = review.plan.payment
    chain = registry.shown(payment.to.chain_id)
    name = (target.contact or target.name) if target else ""
    rows = [("to", styled(f"{f'{name}  ' if name else ''}{chain.short_name}:{payment.to.address}"))]
    if review.held is None:  # A prepared file: no journal was queried.
        return rows
    before = review.paid_before
    if before is None:
        return [*rows, ("", styled("first payment to this account", "yellow"))]
    times = "once" if before.times == 1 else f"{before.times}{' or more' if before.more else ''} times"
    return [*rows, ("", styled(f"paid {times}, last {_on(day(before.last_at))}", "dim"))]


def _on(date: str) -> str:
    return date if date == "today" else f"on {date}"


def _arrives(review: Review, registry: Registry) -> str:
    payment, way = review.plan.payment, review.plan.way
    chain = registry.shown(payment.to.chain_id)
    return f"{payment.amount} on {chain.name}, in about {duration(way.duration)}"


def _sources(review: Review) -> Rows:
    """What leaves each chain; with several chains also the total."""
    legs = review.plan.legs
    if len(legs) == 1:
        return [("you pay", styled(f"{shorter(legs[0].pays)} on {legs[0].source.name}{_and_gas(legs[0])}"))]
    parts = [styled(f"{shorter(leg.pays)} on {leg.source.name} by {leg.bridge}") for leg in legs]
    token = legs[0].pays.token
    total = sum(leg.pays.in_units_of(token) for leg in legs)
    return [*_labelled("you pay", parts), ("", styled(f"{shorter(Amount(total, token))} in all, and gas"))]


def _and_gas(leg: Quote) -> str:
    return "" if leg.sponsored or leg.proposal else ", and gas"


def _cost(review: Review) -> str:
    parts = cost_by_kind(review.plan.way)
    return f"{cost(review.plan.way)}{f': {parts}' if parts else ''}"


def _left(review: Review) -> Rows:
    return [("left", styled(left_after(review.plan, review.held), limit=300))] if review.held else []


def _how(review: Review) -> str:
    """The way, why it was chosen, and the cost of the next best."""
    plan = review.plan
    names = " + ".join(dict.fromkeys("a transfer" if leg.order is None else leg.bridge for leg in plan.legs))
    if review.held is None:
        return names
    others = [way for way in plan.alternatives if way.cost_usd is not None]
    own = plan.way.cost_usd
    if own is not None and others and all(own <= (way.cost_usd or 0) for way in others):
        return f"{names}, the cheapest of {len(plan.alternatives) + 1} ways (next: {others[0].name}, {cost(others[0])})"
    return f"{names}; {plan.why}"


def _if_late(review: Review, registry: Registry) -> Rows:
    """When and how an unfilled order is refunded."""
    return _labelled("if late", [styled(text, limit=300) for text in if_late(review, registry)])


def _signatures(review: Review) -> list[str]:
    """A numbered list of what is signed; with several legs a line for each, with its chain."""
    several, lines, number = len(review.plan.legs) > 1, list[str](), 0
    for leg, effects in zip(review.plan.legs, review.by_leg, strict=True):
        numbers = [str(number + place) for place in range(1, len(effects) + 1)]
        number += len(effects)
        if several:
            lines.append(f"{', '.join(numbers)} on {leg.source.short_name}: {_together(effects)}")
        else:
            lines += [f"{place} {_in_short(effect)}" for place, effect in zip(numbers, effects, strict=True)]
    return lines


def _together(effects: Sequence[Effects]) -> str:
    """What a leg signs, on one line; `details` shows it whole."""
    match effects:
        case [Allows(amount), Opens(order)] if amount == order.pays:
            return f"allow and lock {shorter(amount)} until {order.delivers.text} arrives"
        case _:
            return "; ".join(map(_in_short, effects))


def _in_short(effect: Effects) -> str:
    match effect:
        case Pays(amount, to):
            return f"pay {shorter(amount)} to {short(to.address)}"
        case Allows(amount, spender) if amount.units:
            return f"allow the bridge {short(spender)} to take {shorter(amount)}"
        case Opens(order):
            return f"lock {shorter(order.pays)} until {order.delivers.text} reaches {short(order.recipient)}"
        case AllowsBySignature(_, amount, spender, _, deadline, _):
            return f"allow {short(spender)} to take {shorter(amount)} by {clock(deadline)}"
        case OpensBySignature(order, _, _, deadline):
            until = f"until {order.delivers.text} reaches {short(order.recipient)}"
            return f"lock {shorter(order.pays)} {until}, if opened by {clock(deadline)}"
        case Executes(safe=safe, effects=effects):
            words = f"have the Safe {short(safe.address)} {', then '.join(map(_in_short, effects))}"
        case RunsBySignature(effects=effects):
            words = f"a message, no transaction: {', then '.join(map(_in_short, effects))}"
        case CallsTogether(effects=effects, delegates_to=code):
            first = f"delegate to {short(code)}, then " if code else ""
            words = f"in one transaction {first}{', then '.join(map(_in_short, effects))}"
        case _:
            words = describe(effect)
    return words


def _notes(review: Review) -> list[str]:
    """Notes of the legs, each once; what paying in parts means; which code is not pinned."""
    legs = review.plan.legs
    said = list(dict.fromkeys(note for leg in legs for note in leg.notes))
    if len(legs) > 1:
        said.append("the parts arrive one by one; a part that does not arrive comes back on its own chain")
    if review.not_pinned:
        said.append(f"code not pinned: {', '.join(review.not_pinned)}")
    return said


def _detail_rows(review: Review, registry: Registry) -> Rows:
    plan = review.plan
    target = registry.shown(plan.payment.to.chain_id)
    rows = [
        ("to", styled(f"{target.short_name}:{plan.payment.to.address}")),
        ("chain", styled(f"{target.name}, {stage_in_words(target)}")),
    ]
    for leg in plan.legs:
        rows += _leg_details(leg, target, plan.payment.sender)
    signed = [styled(f"{n}. {describe(effect)}", limit=600) for n, effect in enumerate(review.effects, 1)]
    return [*rows, *hash_rows(review.delegations, registry), *_labelled("signed", signed)]


def _leg_details(leg: Quote, target: Chain, sender: Address) -> Rows:
    way = "a transfer" if leg.order is None else f"bridged by {leg.bridge}"
    return [
        ("from", styled(f"{leg.source.short_name}:{sender}")),
        ("leaves", styled(f"{leg.pays} on {leg.source.name}, {way}")),
        ("arrives", styled(f"{leg.delivers} on {target.name}, in about {duration(leg.duration)}")),
        *_labelled("fees", [styled(_fee(fee)) for fee in leg.fees]),
    ]


def _fee(fee: Fee) -> str:
    value = "no price known" if fee.usd is None else f"about ${fee.usd:.4f}"
    return f"{fee.amount}  {fee.name}, {value}"


def _labelled(label: str, values: list[Text]) -> Rows:
    """Only the first value gets the label."""
    return [(label if i == 0 else "", value) for i, value in enumerate(values)]
