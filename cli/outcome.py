"""The outcome of a payment: its state, where the money is, its transactions, and what to do next."""

from __future__ import annotations

from dataclasses import replace

from rich.text import Text

from l2send.cli.late_text import who_pays_back
from l2send.cli.money import cost_of, cost_paid, shorter
from l2send.cli.screen import out, print_pairs, styled
from l2send.cli.times import clock, duration, local_times
from l2send.core.chains import Chain, Registry
from l2send.core.plan import Payment
from l2send.core.text import in_words
from l2send.delegating import about_the_money, is_delegation
from l2send.wallet.closing import only_its_user_knows
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.records import PaymentRecord, ProposalRecord, Record, SponsoredRecord, TxRecord
from l2send.wallet.journal.states import IN_BLOCK, IN_FLIGHT, PaymentState, TxState
from l2send.wallet.legs import missing

Rows = list[tuple[str, Text]]

_GOOD = frozenset({PaymentState.DELIVERED, PaymentState.REFUNDED})


def show_outcome(record: Record, registry: Registry, left: str = "") -> None:
    """Print a payment's state on stdout: one link if it is delivered, every transaction if it is not.

    `left`: what remains in the sender's account, if that was looked at.
    """
    target = registry.shown(record.payment.to.chain_id)
    destination = f"{target.short_name}:{record.payment.to.address}"
    rows = [
        (record.id, _state(record, f"{in_words(record.state)}. {_money(record, registry)}")),
        *_about(record, destination, registry),
        *_terms(record, registry, left),
    ]
    if record.state is PaymentState.DELIVERED:
        rows += _link(record, registry)
    elif isinstance(record, PaymentRecord):
        rows += _movements(record, registry)
    else:
        rows.append(("arrived", styled(f"{record.delivered.text} of {record.payment.amount}")))
        for number, leg in enumerate(record.legs, 1):
            rows += _leg(number, leg, registry)
    rows += [("but", styled(words, limit=300)) for words in warnings_of(record, registry)]
    if record.state is PaymentState.PROPOSED:
        rows.append(("next", styled("l2send sign FILE, then l2send broadcast FILE")))
    elif only_its_user_knows(record):
        rows.append(("next", styled(f"look at their account, then l2send close {record.id}")))
    elif record.meaning.open:
        look = "status" if who_pays_back(record, registry) else "resume"
        rows.append(("next", styled(f"l2send {look} {record.id}")))
    rest = missing(record)
    if rest:
        rows.append(("missing", styled(f"{rest.amount}; pay it with")))
        rows.append(("", styled(f"l2send {rest.amount.text} {rest.amount.token.symbol} {destination}")))
    print_pairs(out(), rows)


def _money(record: Record, registry: Registry) -> str:
    """Where the money is; of an order that was not filled, who brings it back."""
    by = who_pays_back(record, registry)
    return f"The recipient got nothing; {by} pays the money back by itself." if by else about_the_money(record)


def _about(record: Record, destination: str, registry: Registry) -> Rows:
    """The amount and the recipient; of a delegation, which pays nothing, the account."""
    if is_delegation(record):
        return [("account", styled(destination))]
    if carries := record.legs[0].terms.carries:
        whole = [("pays", styled(f"{len(carries)} payments in one transaction: all of them, or none"))]
        return whole + [("", styled(_paid_to(payment, registry), limit=300)) for payment in carries]
    return [
        ("amount", styled(record.payment.amount)),
        *_arrived(record),
        ("to", styled(destination)),
        *([("", styled(f"typed as {record.typed_name}"))] if record.typed_name else []),
    ]


def _terms(record: Record, registry: Registry, left: str) -> Rows:
    """Source, time, cost, and the remaining balance."""
    parts = [
        f"{shorter(leg.terms.pays)} on {registry.shown(leg.terms.source).name}"
        + ("" if leg.terms.bridge == "direct" else f" by {leg.terms.bridge}")
        for leg in record.legs
    ]
    source = "paid" if record.state is PaymentState.DELIVERED else "source"
    paid = [("from", styled(record.payment.sender)), (source, styled("; ".join(parts), limit=400))]
    rows = [
        *([] if is_delegation(record) else paid[:1] if record.legs[0].terms.carries else paid),
        ("made", styled(_when(record))),
        *_cost(record, registry),
    ]
    if record.state is PaymentState.REFUNDED:
        refunded = [leg for leg in record.legs if leg.state is PaymentState.REFUNDED]
        back = [f"{leg.terms.pays} on {registry.shown(leg.terms.source).name}" for leg in refunded]
        rows.append(("back", styled("; ".join(back), limit=400)))
    rows += [("memo", styled(record.memo))] if record.memo else []
    return [*rows, *([("left", styled(left, limit=300))] if left else [])]


def _paid_to(payment: Payment, registry: Registry) -> str:
    return f"{payment.amount} to {registry.shown(payment.to.chain_id).short_name}:{payment.to.address}"


def _arrived(record: Record) -> Rows:
    """What arrived by the token's own event, if it differs from what was sent."""
    arrived = record.arrived
    if arrived is None or arrived.units >= record.payment.amount.units:
        return []
    kept = replace(arrived, units=record.payment.amount.units - arrived.units)
    words = f"{arrived}: the token kept {kept} of it"
    return [("arrived", styled(words, "yellow"))]


def _when(record: Record) -> str:
    """When it was made, and how long it took."""
    made = clock(record.created_at)
    if record.delivered_at is None:
        return made
    return f"{made}, took {duration(max(0, record.delivered_at - record.created_at))}"


def _cost(record: Record, registry: Registry) -> Rows:
    """Its cost by its receipts; the quoted cost until there are any."""
    quoted = cost_of([fee for leg in record.legs for fee in leg.terms.fees])
    paid = cost_paid(fees_paid(record, registry), quoted)
    if paid:
        return [("cost", styled(paid, limit=300))]
    return [("cost", styled(f"{quoted}, as quoted"))] if quoted else []


def _link(record: Record, registry: Registry) -> Rows:
    """A link to the transaction that paid the recipient."""
    target = registry.shown(record.payment.to.chain_id)
    found = [tx_hash for tx_hash in delivering(record) if tx_hash]
    return [("see" if i == 0 else "", _place(target, tx_hash)) for i, tx_hash in enumerate(found)]


def delivering(record: Record) -> list[str]:
    """For each leg the hash of the transaction that pays the recipient, or empty if unknown."""
    return [leg.order.fill_tx if leg.order else _paid_by(leg) for leg in record.legs]


def _paid_by(leg: PaymentRecord) -> str:
    if leg.sponsored:
        return leg.sponsored.opening_tx
    return leg.proposal.tx_hash if leg.proposal else leg.steps[-1].hash


def _state(record: Record, words: str) -> Text:
    return styled(words, "green" if record.state in _GOOD else "yellow", limit=400)


def _leg(number: int, leg: PaymentRecord, registry: Registry) -> Rows:
    """One source of several: its part, its state, and its transactions."""
    source = registry.shown(leg.terms.source)
    words = f"{leg.payment.amount} from {source.name} by {leg.terms.bridge}: {in_words(leg.state)}"
    return [(f"leg {number}", _state(leg, words)), *_movements(leg, registry)]


def _movements(record: PaymentRecord, registry: Registry) -> Rows:
    """Transactions, order and fill of a payment from one chain, or of a leg."""
    rows = Rows()
    for tx in (tx for tx in record.transactions if tx.index == record.at(tx.step_index).index):
        rows.append((tx.step.kind.value, _transaction(tx, record, registry)))
        rows += [("", styled(local_times(tx.detail), limit=300))] if record.meaning.open and _is_held_back(tx) else []
    if record.proposal:
        rows += _proposal(record.proposal, registry.shown(record.terms.source))
    if record.sponsored:
        rows += _sponsored(record.sponsored, registry.shown(record.terms.source))
    if record.order:
        rows.append(("order", styled(f"{record.order.order.order_id}, {in_words(record.order.state)}")))
        if record.order.fill_tx:
            rows.append(("filled", _place(registry.shown(record.payment.to.chain_id), record.order.fill_tx)))
        elif record.order.detail and record.meaning.open:
            rows.append(("", styled(local_times(record.order.detail), limit=400)))
    return rows


def warnings_of(record: Record, registry: Registry) -> list[str]:
    """Sentences on what an ended payment left behind that needs action."""
    if record.meaning.open:
        return []
    allowed = (
        f"{leg.terms.pays} may be left to its bridge; revoke it with: l2send cancel {leg.id}"
        for leg in record.legs
        if leg.left_allowed
    )
    return [*allowed, *(what_stays_valid(leg, registry) for leg in record.legs if leg.nonces_elsewhere)]


def what_stays_valid(record: PaymentRecord, registry: Registry) -> str:
    """What was prepared to be signed elsewhere, and how it ends: no journal can revoke a signature."""
    nonces, source = ", ".join(map(str, record.nonces_elsewhere)), registry.shown(record.terms.source)
    return (
        f"A signed file of it stays valid until its nonces on {source.name} ({nonces}) are used. "
        "Send another transaction with each: the account's next payment there takes the first."
    )


def _proposal(proposal: ProposalRecord, source: Chain) -> Rows:
    """What the owners of a Safe sign, and the transaction in which the Safe ran it."""
    rows = [("SafeTx", styled(f"{proposal.hash}, nonce {proposal.proposal.nonce} ({in_words(proposal.state)})"))]
    rows += [("run by", _place(source, proposal.tx_hash))] if proposal.tx_hash else []
    return [*rows, *([("", styled(local_times(proposal.detail), limit=300))] if proposal.detail else [])]


def _sponsored(messages: SponsoredRecord, source: Chain) -> Rows:
    """The messages, and the transaction that submitted them."""
    kinds = " and ".join(message.kind.value for message in messages.sponsored.messages)
    rows = [("messages", styled(f"{kinds} ({in_words(messages.state)})"))]
    if messages.opening_tx:
        rows.append(
            ("submitted" if messages.sponsored.open_deadline is None else "opened", _place(source, messages.opening_tx))
        )
    elif messages.detail:
        rows.append(("", styled(local_times(messages.detail))))
    return rows


def _is_held_back(tx: TxRecord) -> bool:
    """Whether its end state waits for more than blocks; its words name the reason."""
    return tx.state is TxState.INDETERMINATE or (tx.state in IN_FLIGHT & IN_BLOCK and tx.detail.startswith("not "))


def _transaction(tx: TxRecord, record: PaymentRecord, registry: Registry) -> Text:
    """The transaction that decides its step, and how many others were signed for it, for example by `speedup`."""
    place = _place(registry.shown(tx.chain_id), tx.hash) if tx.hash else styled("not signed")
    others = len(record.attempts(tx.step_index)) - 1
    times = "" if others < 1 else ", signed twice" if others == 1 else f", signed {others + 1} times"
    return place + Text(f" ({in_words(tx.state)}{times})")


def _place(chain: Chain, tx_hash: str) -> Text:
    """A transaction with its explorer link."""
    return styled(f"{chain.short_name} {explorer_link(chain, tx_hash) or tx_hash}")


def explorer_link(chain: Chain, tx_hash: str) -> str:
    """A link to a transaction; empty if the chain has no explorer."""
    return f"{chain.explorer.rstrip('/')}/tx/{tx_hash}" if chain.explorer and tx_hash else ""
