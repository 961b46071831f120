"""The review screen: everything that will be signed, computed from the very bytes, before anything is."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.text import Text

from l2send.cli.screen import err, out, print_pairs, stage_in_words, styled
from l2send.client import Review
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Allows, Effects, Opens, Pays, TakesBack
from l2send.core.plan import Fee, Order, Plan
from l2send.wallet.records import PaymentRecord, TxRecord
from l2send.wallet.states import PaymentState


def show_review(review: Review, registry: Registry, *, notes: list[str]) -> None:
    """Print the plan and its effects on stderr. Addresses are shown whole."""
    plan, quote = review.plan, review.plan.quote
    target = registry.chain(plan.payment.to.chain_id)
    rows = [
        ("pay", styled(plan.payment.amount, "bold")),
        ("to", styled(f"{target.short_name}:{plan.payment.to.address}")),
        ("", styled(f"{target.name}, {stage_in_words(target)}")),
        *(("", styled(note, "yellow", limit=400)) for note in notes),
        ("from", styled(f"{quote.source.short_name}:{plan.payment.sender}")),
        ("way", _way(plan)),
        ("leaves", styled(f"{quote.pays} on {quote.source.name}")),
        ("arrives", styled(f"{quote.delivers} on {target.name}")),
        *_labelled("fees", [styled(_fee(fee)) for fee in quote.fees]),
        ("time", styled(f"about {_duration(quote.duration)}")),
        *([("if not", _otherwise(quote.order, quote.source))] if quote.order else []),
        *_labelled("you sign", [styled(f"{i}. {describe(e)}", limit=500) for i, e in enumerate(review.effects, 1)]),
        *_labelled("note", [styled(note, "yellow") for note in quote.notes]),
    ]
    err().print()
    print_pairs(err(), rows)
    err().print()


def _labelled(label: str, values: list[Text]) -> list[tuple[str, Text]]:
    """The label stands before the first value alone."""
    return [(label if i == 0 else "", value) for i, value in enumerate(values)]


def _otherwise(order: Order, source: Chain) -> Text:
    until = datetime.fromtimestamp(order.refund_after, UTC)
    return styled(f"filled by {until:%H:%M} UTC, the money can be had back on {source.name}")


def _way(plan: Plan) -> Text:
    quote = plan.quote
    how = "a transfer" if quote.order is None else f"bridged by {quote.bridge} (ERC-7683 order)"
    return styled(f"{how}: {plan.why}")


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
        case TakesBack(order_id):
            return f"take back the money of the order {order_id}"


_GOOD = frozenset({PaymentState.DELIVERED, PaymentState.REFUNDED})


def show_outcome(record: PaymentRecord, registry: Registry) -> None:
    """Print how a payment stands, on stdout: its state, where the money is, its transactions."""
    target = registry.chain(record.payment.to.chain_id)
    style = "green" if record.state in _GOOD else "yellow"
    rows = [
        (record.id, styled(f"{record.state}. {record.meaning.money}", style)),
        ("amount", styled(record.payment.amount)),
        ("to", styled(f"{target.short_name}:{record.payment.to.address}")),
        *((tx.step.kind.value, _transaction(tx, registry)) for tx in record.transactions),
    ]
    if record.order:
        rows.append(("order", styled(f"{record.order.order.order_id}, {record.order.state}")))
        if record.order.fill_tx:
            rows.append(("filled", _place(target, record.order.fill_tx)))
        elif record.order.detail and record.meaning.open:
            rows.append(("", styled(record.order.detail)))
    if record.meaning.open:
        rows.append(("next", styled(f"l2send resume {record.id}")))
    print_pairs(out(), rows)


def _transaction(tx: TxRecord, registry: Registry) -> Text:
    place = _place(registry.chain(tx.chain_id), tx.hash) if tx.hash else styled("not signed")
    return place + Text(f" ({tx.state})")


def _place(chain: Chain, tx_hash: str) -> Text:
    """A transaction as a person can find it."""
    return styled(f"{chain.short_name} {explorer_link(chain, tx_hash) or tx_hash}")


def explorer_link(chain: Chain, tx_hash: str) -> str:
    """Where a person can look at a transaction; empty if the chain has no explorer."""
    return f"{chain.explorer.rstrip('/')}/tx/{tx_hash}" if chain.explorer and tx_hash else ""


def _duration(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min"
