"""The `--json` documents of payments: versioned schemas, amounts as strings, in base and human units."""

from __future__ import annotations

from typing import Any

from l2send.cli.effects_text import describe
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.outcome import explorer_link, warnings_of
from l2send.core.chains import Chain, Registry
from l2send.core.plan import Fee, Quote, Way
from l2send.core.tx_fee import TxFee
from l2send.core.units import Amount
from l2send.delegating import about_the_money
from l2send.review import Review
from l2send.wallet.fees_paid import FeesPaid, fees_paid
from l2send.wallet.journal.records import PaymentRecord, ProposalRecord, Record, SponsoredRecord, TxRecord

Document = dict[str, Any]


def amount_document(amount: Amount) -> Document:
    """An amount with its token."""
    return {
        "token": amount.token.symbol,
        "address": amount.token.address,
        "decimals": amount.token.decimals,
        "base_units": str(amount.units),
        "human": amount.text,
    }


def plan_document(review: Review, registry: Registry) -> Document:
    """A plan that was not executed."""
    plan = review.plan
    payment = plan.payment
    target = registry.chain(payment.to.chain_id)
    return {
        "schema": "l2send.plan/1",
        "destination": f"{target.short_name}:{payment.to.address}",
        "sender": payment.sender,
        **({} if payment.executor is None else {"executor": payment.executor}),
        "token": payment.amount.token.symbol,
        "amount": amount_document(payment.amount),
        "why": plan.why,
        "legs": [_quote(leg) for leg in plan.legs],
        "cost_usd": plan.way.cost_usd,
        "duration_seconds": plan.way.duration,
        "effects": [describe(effect) for effect in review.effects],
        "code_not_pinned": list(review.not_pinned),
        "destination_stage": _stage(target),
        "alternatives": [_way(way) for way in plan.alternatives],
        "rejected": list(plan.rejected),
    }


def _leg(record: PaymentRecord, registry: Registry) -> Document:
    """One source of a payment."""
    terms = record.terms
    leg: Document = {
        "id": record.id,
        "state": record.state.value,
        "bridge": terms.bridge,
        "source": registry.shown(terms.source).short_name,
        "pays": amount_document(terms.pays),
        "delivers": amount_document(terms.delivers),
        "fees": [fee_document(fee) for fee in terms.fees],
    }
    if record.order:
        order = record.order
        leg |= {
            "order_id": order.order.order_id,
            "order_state": order.state.value,
            "settler": order.order.origin_settler,
            "fill_deadline": order.order.fill_deadline,
            "refund_after": order.order.refund_after,
            "fill_tx": order.fill_tx or None,
            "fill_explorer": explorer_link(registry.shown(record.payment.to.chain_id), order.fill_tx) or None,
            "detail": as_typed_here(order.detail),
        }
    if terms.carries:
        leg["carries"] = [
            {
                "destination": f"{registry.shown(one.to.chain_id).short_name}:{one.to.address}",
                "amount": amount_document(one.amount),
            }
            for one in terms.carries
        ]
    if record.proposal:
        leg["proposal"] = _proposal(record.proposal)
    if record.sponsored:
        leg["sponsored"] = _sponsored(record.sponsored)
    return leg


def _proposal(record: ProposalRecord) -> Document:
    """What the owners of a Safe sign, and its state."""
    proposal = record.proposal
    return {
        "safe": proposal.execution.to,
        "nonce": proposal.nonce,
        "safe_tx_hash": record.hash,
        "state": record.state.value,
        "owners": list(proposal.owners),
        "threshold": proposal.threshold,
        "tx_hash": record.tx_hash or None,
        "detail": as_typed_here(record.detail),
    }


def _sponsored(record: SponsoredRecord) -> Document:
    """The messages signed for a sponsor, who sends the transactions, and their state."""
    return {
        "messages": [message.kind.value for message in record.sponsored.messages],
        "state": record.state.value,
        "open_deadline": record.sponsored.open_deadline,
        "opening_tx": record.opening_tx or None,
        "detail": as_typed_here(record.detail),
    }


def payment_document(record: Record, registry: Registry) -> Document:
    """A payment of the journal, from one chain or several."""
    payment = record.payment
    target = registry.shown(payment.to.chain_id)
    closed_at = max((leg.closed_at for leg in record.legs if leg.closed_at), default=None)
    return {
        "schema": "l2send.payment/1",
        "id": record.id,
        "idempotency_key": record.key,
        "created_at": record.created_at,
        "state": record.state.value,
        "open": record.meaning.open,
        "money": about_the_money(record),
        "exit": int(record.meaning.exit_status),
        "destination": f"{target.short_name}:{payment.to.address}",
        "typed_name": record.typed_name or None,
        "memo": record.memo or None,
        "sender": payment.sender,
        **({} if payment.executor is None else {"executor": payment.executor}),
        "token": payment.amount.token.symbol,
        "amount": amount_document(payment.amount),
        "delivered": amount_document(record.delivered),
        "arrived": None if record.arrived is None else amount_document(record.arrived),
        "delivered_at": record.delivered_at,
        **({"closed_at": closed_at} if closed_at else {}),
        "fees_paid": fees_paid_document(fees_paid(record, registry)),
        "legs": [_leg(leg, registry) for leg in record.legs],
        "transactions": [_transaction(tx, leg, registry) for leg in record.legs for tx in leg.transactions if tx.hash],
        "destination_stage": _stage(target),
        "warnings": [as_typed_here(warning) for warning in warnings_of(record, registry)],
    }


def _way(way: Way) -> Document:
    return {
        "cost_usd": way.cost_usd,
        "duration_seconds": way.duration,
        "transactions": way.signatures,
        "legs": [_quote(leg) for leg in way.legs],
    }


def _quote(quote: Quote) -> Document:
    return {
        "bridge": quote.bridge,
        "source": quote.source.short_name,
        "pays": amount_document(quote.pays),
        "delivers": amount_document(quote.delivers),
        "fees": [fee_document(fee) for fee in quote.fees],
        "cost_usd": quote.cost_usd,
        "duration_seconds": quote.duration,
        "transactions": len(quote.steps),
        "messages": [message.kind.value for message in quote.sponsored.messages] if quote.sponsored else [],
        "open_deadline": quote.sponsored.open_deadline if quote.sponsored else None,
        "order_id": quote.order.order_id if quote.order else None,
        "notes": list(quote.notes),
    }


def fee_document(fee: Fee) -> Document:
    """A named fee, with its dollars if known."""
    return {"name": fee.name, "amount": amount_document(fee.amount), "usd": fee.usd}


def _transaction(tx: TxRecord, leg: PaymentRecord, registry: Registry) -> Document:
    chain = registry.shown(tx.chain_id)
    replaced = None if tx.replaces is None else leg.transactions[tx.replaces].hash
    return {
        "hash": tx.hash,
        "chain": chain.short_name,
        "chain_id": tx.chain_id,
        "kind": tx.step.kind.value,
        "nonce": tx.nonce,
        **({} if tx.step.tx.delegate_to is None else {"delegates_to": tx.step.tx.delegate_to}),
        "replaces": replaced,
        "state": tx.state.value,
        "block": tx.block,
        "explorer": explorer_link(chain, tx.hash) or None,
        "fee": None if tx.fee is None else _tx_fee(tx.fee, chain),
    }


def _tx_fee(fee: TxFee, chain: Chain) -> Document:
    return {
        "gas_used": fee.gas_used,
        "gas_price": str(fee.gas_price),
        "l1_fee": None if fee.l1_fee is None else str(fee.l1_fee),
        "operator_fee": str(fee.operator_fee),
        "total": amount_document(Amount(fee.total, chain.native)),
    }


def fees_paid_document(paid: FeesPaid) -> Document:
    """What a payment cost so far, by its receipts."""
    return {"complete": paid.is_whole, "usd": paid.usd, "fees": [fee_document(fee) for fee in paid.fees]}


def _stage(chain: Chain) -> Document:
    return {"value": chain.stage.value, "date": chain.stage.date}
