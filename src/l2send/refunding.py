"""Refunds of unfilled orders: requested once, and again only if you say so.

A refund that travels as a bridge message can be lost. The contract that sent it accepts another request, and pays once.
But each request costs a fee, and most messages are only late: a requested refund, by any account, is requested again
only if you ask for it, and not before `RESEND_AFTER`.
"""

from __future__ import annotations

from l2send.core.bridge_protocol import Bridge, MessageRefundBridge, SentRefund
from l2send.core.errors import NetworkError, Refused
from l2send.core.plan import Order, Step
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Seconds, UnixTime
from l2send.wallet.broadcasting import Say
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import TRANSITIONS, TxState

RESEND_AFTER = Seconds(3 * 3600)
"""Seconds before a message counts as lost: it usually takes minutes."""


async def refund_to_send(record: PaymentRecord, bridge: Bridge, rpcs: Rpcs, say: Say, *, resend: bool) -> Step | None:
    """The transaction that requests the refund of the record's order now.

    None if nothing needs to be sent: the refund comes by itself, or was requested. Raises Refused for a `resend` that
    is too early, or if no message can be lost; NetworkError.
    """
    assert record.order
    order = record.order.order
    if isinstance(bridge, MessageRefundBridge):
        if not _is_under_way(record) and not await _may_be_sent(record, bridge, rpcs, say, resend=resend):
            return None
    elif resend:
        raise Refused(f"a refund of {order.bridge} is no message that could be lost: there is nothing to send again.")
    step = await bridge.refund(order, rpcs)
    if step is not None and step.tx.value:
        fee = Amount(step.tx.value, rpcs.registry.chain(step.tx.chain_id).native)
        say(f"requesting the refund, for a fee of {fee}")
    return step


async def _may_be_sent(
    record: PaymentRecord, bridge: MessageRefundBridge, rpcs: Rpcs, say: Say, *, resend: bool
) -> bool:
    """Whether no refund was requested, or one that counts as lost. Raises Refused, NetworkError."""
    assert record.order
    order = record.order.order
    sent = await _sent(record, bridge, order, rpcs)
    if sent is None:
        return True
    now = await rpcs.on(order.destination).time()
    if not resend:
        say(_on_its_way(record, sent, now))
        return False
    if now < sent.at + RESEND_AFTER:
        raise Refused(
            f"the refund was sent {_ago(sent.at, now)}: its message may only be late.",
            hint=f"Nothing was sent. It can be sent again {RESEND_AFTER // 3600} hours after it was sent.",
        )
    say(f"sending the refund again: the message{_id_of(sent)} of {_ago(sent.at, now)} has not arrived")
    return True


async def _sent(record: PaymentRecord, bridge: MessageRefundBridge, order: Order, rpcs: Rpcs) -> SentRefund | None:
    """The requested refund, by the chain; by the journal if the chain cannot be searched. Raises NetworkError."""
    ours = [tx for tx in record.refunds if tx.outcome is TxState.FINAL]
    try:
        found = await bridge.sent_refund(order, rpcs)
    except NetworkError:
        if not ours:
            raise
        found = None
    if found is None and ours:
        # Without its log the time is unknown. The latest possible time counts, so that none is requested too early.
        return SentRefund(ours[-1].hash, "", await rpcs.on(order.destination).time())
    return found


def _is_under_way(record: PaymentRecord) -> bool:
    """Whether our own refund is signed and not in an end state: it is continued, even if another was requested."""
    return any(tx.raw and TRANSITIONS[tx.outcome] for tx in record.refunds)


def _on_its_way(record: PaymentRecord, sent: SentRefund, now: UnixTime) -> str:
    late = now >= sent.at + RESEND_AFTER
    then = f"; it is late: `l2send resume {record.id} --resend-refund` sends it again" if late else ""
    return f"the refund is on its way: sent {_ago(sent.at, now)} in {sent.tx_hash}, message{_id_of(sent)}{then}"


def _id_of(sent: SentRefund) -> str:
    return f" {sent.message_id}" if sent.message_id else ""


def _ago(at: UnixTime, now: UnixTime) -> str:
    minutes = max(now - at, 0) // 60
    return f"{minutes // 60} h {minutes % 60} min ago" if minutes >= 60 else f"{minutes} min ago"
