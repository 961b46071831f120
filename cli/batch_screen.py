"""The review of a batch on one screen: what is paid, from where, at what cost, and what to check."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from l2send.batch_review import BatchReview
from l2send.cli.batch_result import LineResult
from l2send.cli.delegation_text import and_delegates, delegation_rows, hash_rows
from l2send.cli.effects_text import describe
from l2send.cli.money import cost, shorter, usd
from l2send.cli.prompts import DETAILS, NO, YES, ask_word
from l2send.cli.screen import aloud, err, out, print_pairs, styled, table
from l2send.cli.typed_recipient import must_compare
from l2send.core.chains import Registry
from l2send.core.effects import Delegates, Effects, SplitsCoin, delegations_in
from l2send.core.errors import Interrupted
from l2send.core.text import in_words
from l2send.core.units import Amount, ChainId, Token
from l2send.resolver.batch_lines import BatchLine
from l2send.resolver.batch_plan import LineWay, Move, PlannedLine, missing
from l2send.wallet.journal.states import PaymentState

Labelled = list[tuple[str, Text]]
_SHOWN = 3
"""How many lines, chains and errors are listed; the number of further ones is shown."""
_TOLD = 50
"""How many lines of the result are listed."""


def show_batch(review: BatchReview, registry: Registry) -> None:
    """Print the review on stderr; a pipe gets every line too."""
    rows = [
        ("batch", styled(f"{review.name}, {_counts(review)}", "bold")),
        *_some("pay", [styled(words) for words in _payments(review, registry)]),
        *_some("from", [styled(words, limit=300) for words in _sources(review, registry)]),
        *_some("together", [styled(words, limit=300) for words in _together(review)]),
        *delegation_rows(_delegations(review), registry),
        *hash_rows(_delegations(review), registry),
        ("cost", styled(_cost(review), limit=300)),
        *_some("left", [styled(_left(review))] if review.payable else []),
        *_some("check", [styled(words, "yellow", limit=300) for words in _to_check(review)]),
        *_some("not paid", [styled(words, "yellow", limit=300) for words in _not_paid(review, registry)]),
    ]
    err().print()
    print_pairs(err(), rows)
    if not (err().is_terminal or err().quiet):
        _print_lines(review, err())
    err().print()


def show_batch_details(review: BatchReview) -> None:
    """Print every line, for a user who typed `details`."""
    aloud().print()
    _print_lines(review, aloud())
    aloud().print()


async def consent_to_batch(review: BatchReview, question: str) -> None:
    """One yes for all. Raises Interrupted for a no."""
    while (answer := await ask_word(question, YES, NO, DETAILS)) == DETAILS:
        show_batch_details(review)
    if answer == NO:
        raise Interrupted("not confirmed.")


def batch_question(review: BatchReview, registry: Registry, verb: str = "Pay") -> str:
    """The question before a batch: how many payments, of how much, the cost, and a delegation if there is one."""
    sums, more = sums_of(review.payable, registry), and_delegates(_delegations(review), registry)
    return (
        f"{verb} {number_of(len(review.payable), 'line')} of {review.name}: {sums}, cost {_in_dollars(review)}{more}?"
    )


def _delegations(review: BatchReview) -> tuple[Delegates, ...]:
    return delegations_in(one.effect for one in review.shared)


def _counts(review: BatchReview) -> str:
    bad, stopped = len(review.bad), review.stopped
    unfunded = sum(line.way is LineWay.UNFUNDED for line in stopped)
    parts = [
        (len(review.payable), "to pay"),
        (len(review.known), "begun before"),
        (unfunded, "without money"),
        (len(stopped) - unfunded, "refused"),
        (bad, "wrong"),
    ]
    total = len(review.lines) + len(review.known) + bad
    return f"{number_of(total, 'line')}: {', '.join(f'{count} {words}' for count, words in parts if count) or 'none'}"


def _payments(review: BatchReview, registry: Registry) -> list[str]:
    groups = _by_token(review.payable)
    words = [
        f"{shorter(_sum(lines))} to {number_of(_recipients(lines), 'account')} on {_chain(token, registry)}"
        for token, lines in groups.items()
    ]
    return words or ["nothing new"]


def _sources(review: BatchReview, registry: Registry) -> list[str]:
    words = list[str]()
    for token, lines in _by_token(line for line in review.payable if line.way is LineWay.DIRECT).items():
        words.append(f"{shorter(_sum(lines))} on {_chain(token, registry)}, {number_of(len(lines), 'transfer')}")
    words += [_moved(move, registry) for move in review.moves]
    bridged = defaultdict[tuple[ChainId, str, Token], list[int]](list)
    for line in review.payable:
        if line.way is LineWay.BRIDGED and line.plan:
            for leg in line.plan.legs:
                bridged[leg.source.chain_id, leg.bridge, leg.pays.token].append(leg.pays.units)
    for (chain_id, bridge, token), units in bridged.items():
        amount = shorter(Amount(sum(units), token))
        words.append(f"{amount} on {registry.shown(chain_id).name} by {bridge}, {number_of(len(units), 'order')}")
    return words


def _together(review: BatchReview) -> list[str]:
    """Each transaction that pays several lines. The details show its calls."""
    return [
        f"{number_of(len(one.lines), 'line')} on {one.quote.source.name} in one transaction "
        f"{_way('Safe' if one.payment.is_of_safe else 'account', one.effect)}: all of them are paid, or none"
        for one in review.shared
    ]


def _way(payer: str, effect: Effects) -> str:
    return "through Multicall3" if isinstance(effect, SplitsCoin) else f"of your {payer}"


def _moved(move: Move, registry: Registry) -> str:
    """The move, compared with the cost of bridging each line."""
    plan = move.plan
    target = registry.shown(plan.payment.to.chain_id).name
    sums = " + ".join(f"{shorter(leg.pays)} on {leg.source.name} by {leg.bridge}" for leg in plan.legs)
    instead = "" if move.instead_usd is None else f"; bridging each would cost about {usd(move.instead_usd)}"
    here = "" if move.cost_usd is None else f" for {usd(move.cost_usd)}"
    return f"{sums}, moved once to your account on {target}, then {number_of(move.lines, 'transfer')}{here}{instead}"


def _cost(review: BatchReview) -> str:
    return f"{_in_dollars(review)}, {number_of(review.signatures, 'signature')}"


def _in_dollars(review: BatchReview) -> str:
    if review.cost_usd is not None:
        return usd(review.cost_usd)
    priced = [plan.way for plan in review.plans if plan.way.cost_usd is not None]
    others = [plan.way for plan in review.plans if plan.way.cost_usd is None]
    known = f"{usd(sum(way.cost_usd or 0 for way in priced))} and " if priced else ""
    return f"{known}{cost(others[0])} for each of {len(others)}"


def _left(review: BatchReview) -> str:
    paid = {leg.pays.token for plan in review.plans for leg in plan.legs}
    paid |= {leg.source.native for plan in review.plans for leg in plan.legs}
    parts = [f"{shorter(amount)} on {chain.short_name}" for chain, amount in review.left if amount.token in paid]
    return _listed(parts, 6)


def _to_check(review: BatchReview) -> list[str]:
    """What the user should check before approving."""
    lines = [line.wanted.line for line in review.payable]
    new = [line for line in review.first_time if line in lines]
    unchecked = [line for line in lines if must_compare(line.to)]
    words = list[str]()
    if new:
        words.append(
            f"{number_of(len({str(line.to) for line in new}), 'account')} paid for the first time: {_refs(new)}"
        )
    if unchecked:
        words.append(f"{number_of(len(unchecked), 'address', 'addresses')} without a checksum: {_refs(unchecked)}")
    words += [f"the same amount to the same account: {_refs(same)}" for same in review.twice[:_SHOWN]]
    if len(review.twice) > _SHOWN:
        words.append(f"and {len(review.twice) - _SHOWN} more such groups")
    if review.not_pinned:
        words.append(f"code not pinned: {_listed(review.not_pinned, _SHOWN)}")
    notes = dict.fromkeys(note for plan in review.plans for leg in plan.legs for note in leg.notes)
    return [*words, *list(notes)[:_SHOWN]]


def _not_paid(review: BatchReview, registry: Registry) -> list[str]:
    """What is missing, and the first of the unpaid lines, each with its reason."""
    words = [
        f"{shorter(amount)} missing on {_chain(amount.token, registry)} for {number_of(count, 'line')}"
        for amount, count in missing(review.lines)
    ]
    reasons = [str(bad) for bad in review.bad]
    reasons += [
        f"line {line.wanted.line.row.line} ({line.wanted.line.row.ref}): {line.error.message.splitlines()[0]}"
        for line in review.stopped
        if line.error
    ]
    if review.left_alone:
        ids = _listed([record.id for record in review.left_alone], _SHOWN)
        words.append(
            f"begun before, and not in the file as it was then: {ids}. This run does not sign it. "
            f"`l2send cancel ID` ends it, `l2send batch resume {review.name}` pays it"
        )
    more = [f"and {len(reasons) - _SHOWN} more: `details` has all"] if len(reasons) > _SHOWN else []
    return [*words, *reasons[:_SHOWN], *more]


def _print_lines(review: BatchReview, console: Console) -> None:
    rows = table("line", "ref", "amount", "to", "how", "cost", right=("line", "amount"), whole=("to",))
    for line in review.lines:
        row, to = line.wanted.line.row, line.wanted.line.to
        price = cost(line.plan.way) if line.plan else ""
        why = line.error.message.splitlines()[0] if line.error else ""
        how = line.way.value + (f" ({line.plan.way.name})" if line.plan and line.way is LineWay.BRIDGED else "")
        name = to.contact or to.name
        rows.add_row(
            str(row.line),
            styled(row.ref, limit=40),
            styled(line.wanted.payment.amount),
            styled(f"{name} {to}" if name else to),
            styled(f"{how}: {why}" if why else how, limit=300),
            price,
        )
    for known, record in review.known:
        state = f"begun before: {record.id} {in_words(record.state)}"
        rows.add_row(
            str(known.row.line), styled(known.row.ref, limit=40), styled(known.amount), styled(known.to), state
        )
    for bad in review.bad:
        rows.add_row(str(bad.row.line), styled(bad.row.ref, limit=40), "", "", styled(bad.error.message, limit=300))
    console.print(rows, soft_wrap=not console.is_terminal)
    for one in review.shared:
        console.print(styled(f"{one.quote.source.name}: {describe(one.effect)}", limit=100_000), soft_wrap=True)


def _by_token(lines: Iterable[PlannedLine]) -> Mapping[Token, list[PlannedLine]]:
    groups = defaultdict[Token, list[PlannedLine]](list)
    for line in lines:
        groups[line.wanted.payment.amount.token].append(line)
    return groups


def _sum(lines: Sequence[PlannedLine]) -> Amount:
    first = lines[0].wanted.payment.amount
    return Amount(sum(line.wanted.payment.amount.units for line in lines), first.token)


def _sum_words(lines: Iterable[PlannedLine], registry: Registry) -> list[str]:
    words = [f"{shorter(_sum(group))} on {_chain(token, registry)}" for token, group in _by_token(lines).items()]
    return [*words[:_SHOWN], *([f"{len(words) - _SHOWN} more sums"] if len(words) > _SHOWN else [])]


def _recipients(lines: Sequence[PlannedLine]) -> int:
    return len({line.wanted.payment.to for line in lines})


def _chain(token: Token, registry: Registry) -> str:
    return registry.shown(token.chain_id).name


def _refs(lines: Sequence[BatchLine]) -> str:
    return _listed([line.row.ref for line in lines], _SHOWN)


def _listed(parts: Sequence[str], most: int) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more


def sums_of(lines: Iterable[PlannedLine], registry: Registry) -> str:
    """The sums of lines, by token and chain."""
    return ", ".join(_sum_words(lines, registry))


def number_of(count: int, word: str, plural: str = "") -> str:
    """A count with its noun: `1 line`, `1,304 lines`."""
    return f"{count:,} {word if count == 1 else plural or f'{word}s'}"


def _some(label: str, values: Sequence[Text]) -> Labelled:
    """Only the first value gets the label; after six values their number follows."""
    shown = [*values[:6], *([styled(f"and {len(values) - 6} more")] if len(values) > 6 else [])]
    return [(label if at == 0 else "", value) for at, value in enumerate(shown)]


def show_result(name: str, lines: Sequence[LineResult], written: Path | None, cost: str = "") -> None:
    """Print on stdout the number of lines in each state, the `cost` so far, and each undelivered line."""
    counts = Counter(line.state for line in lines)
    delivered = counts[PaymentState.DELIVERED.value]
    open_states = [state for state in counts if state != PaymentState.DELIVERED.value]
    others = ", ".join(f"{counts[state]} {in_words(state)}" for state in open_states)
    rows = [(name, styled(f"{delivered} of {len(lines)} delivered{f'; {others}' if others else ''}", "bold"))]
    rows += [("cost", styled(cost, limit=300))] if cost else []
    left = [line for line in lines if line.state != PaymentState.DELIVERED.value]
    rows += [("", styled(_left_over(line), "yellow", limit=400)) for line in left[:_TOLD]]
    if len(left) > _TOLD:
        rows.append(("", styled(f"and {len(left) - _TOLD} more")))
    if any(line.record and line.record.meaning.open for line in lines):
        rows.append(("next", styled(f"l2send batch resume {name}")))
    if written:
        rows.append(("result", styled(written)))
    print_pairs(out(), rows)


def _left_over(line: LineResult) -> str:
    what = f"{line.ref}, {line.record.id}" if line.record else line.ref
    place = f"line {line.row.line} ({what})" if line.row else what
    why = line.error.message.splitlines()[0] if line.error else line.record.meaning.money if line.record else ""
    return f"{place}: {in_words(line.state)}. {why}".rstrip()
