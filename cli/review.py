"""The review screen: everything that will be signed, computed from the very bytes, before anything is."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from l2send.cli.screen import err, out, stage_in_words, styled
from l2send.client import Review
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Allows, Effects, Opens, Pays, TakesBack
from l2send.core.plan import Fee, Plan
from l2send.wallet.records import PaymentRecord
from l2send.wallet.states import PaymentState


def show_review(review: Review, registry: Registry, *, recipient_note: str = "") -> None:
    """Print the plan and its effects on stderr. Addresses are shown whole."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    plan, quote = review.plan, review.plan.quote
    target = registry.chain(plan.payment.to.chain_id)
    rows.add_row("pay", styled(plan.payment.amount, "bold"))
    rows.add_row("to", styled(f"{target.short_name}:{plan.payment.to.address}"))
    rows.add_row("", styled(f"{target.name}, {stage_in_words(target)}"))
    if recipient_note:
        rows.add_row("", styled(recipient_note, "yellow"))
    rows.add_row("from", styled(f"{quote.source.short_name}:{plan.payment.sender}"))
    rows.add_row("way", _way(plan))
    rows.add_row("leaves", styled(f"{quote.pays} on {quote.source.name}"))
    rows.add_row("arrives", styled(f"{quote.delivers} on {target.name}"))
    for i, fee in enumerate(quote.fees):
        rows.add_row("fees" if i == 0 else "", styled(_fee(fee)))
    rows.add_row("time", f"about {_duration(quote.duration)}")
    if quote.order:
        until = datetime.fromtimestamp(quote.order.refund_after, UTC)
        rows.add_row("if not", styled(f"filled by {until:%H:%M} UTC, the money can be had back on {quote.source.name}"))
    for i, effect in enumerate(review.effects):
        rows.add_row("you sign" if i == 0 else "", styled(f"{i + 1}. {describe(effect)}", limit=500))
    for note in quote.notes:
        rows.add_row("note", styled(note, "yellow"))
    err().print(rows)


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
        case Allows(amount, spender):
            return f"allow {spender} to take exactly {amount}"
        case Opens(order):
            return (
                f"lock {order.pays} in {order.origin_settler} until a solver has paid "
                f"{order.delivers} to {order.recipient}"
            )
        case TakesBack(order_id):
            return f"take back the money of the order {order_id}"


_GOOD = frozenset({PaymentState.DELIVERED, PaymentState.REFUNDED})


def show_outcome(record: PaymentRecord, registry: Registry) -> None:
    """Print how a payment stands, on stdout: its state, where the money is, its transactions."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column(overflow="fold")
    target = registry.chain(record.payment.to.chain_id)
    style = "green" if record.state in _GOOD else "yellow"
    rows.add_row(record.id, styled(f"{record.state}. {record.meaning.money}", style))
    rows.add_row("paid" if record.state is PaymentState.DELIVERED else "pays", styled(record.payment.amount))
    rows.add_row("to", styled(f"{target.short_name}:{record.payment.to.address}"))
    for tx in record.transactions:
        chain = registry.chain(tx.chain_id)
        where = explorer_link(chain, tx.hash) or tx.hash or "not signed"
        rows.add_row(tx.step.kind.value, styled(f"{where} on {chain.short_name}, {tx.state}"))
    if record.order:
        rows.add_row("order", styled(f"{record.order.order.order_id}, {record.order.state}"))
        if record.order.fill_tx:
            where = explorer_link(target, record.order.fill_tx) or record.order.fill_tx
            rows.add_row("filled", styled(f"{where} on {target.short_name}"))
        elif record.order.detail:
            rows.add_row("", styled(record.order.detail))
    if record.meaning.open:
        rows.add_row("next", f"l2send resume {record.id}")
    out().print(rows)


def explorer_link(chain: Chain, tx_hash: str) -> str:
    """Where a person can look at a transaction; empty if the chain has no explorer."""
    return f"{chain.explorer.rstrip('/')}/tx/{tx_hash}" if chain.explorer and tx_hash else ""


def _duration(seconds: int) -> str:
    if seconds < 90:
        return f"{seconds} s"
    return f"{round(seconds / 60)} min"
