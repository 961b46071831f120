"""Signed bytes that would open an order too late: they are not broadcast, and their nonce is used again."""

from __future__ import annotations

from l2send.core.errors import NotFinal, Refused
from l2send.core.plan import StepKind
from l2send.core.rpc import Rpcs
from l2send.wallet.before_signing import why_order_is_late
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord


async def is_stale(tx: TxRecord, journal: Journal, rpcs: Rpcs) -> bool:
    """Whether signed bytes that no node is known to have would open an order too late. Raises NetworkError."""
    if tx.step.kind is StepKind.EXECUTE:
        return await _was_run(tx, journal, rpcs)
    if tx.step.kind is not StepKind.OPEN:
        return False
    late = await why_order_is_late(journal.get(tx.payment_id), rpcs)
    return bool(late) and await rpcs.on(tx.chain_id).transaction(tx.hash) is None


async def _was_run(tx: TxRecord, journal: Journal, rpcs: Rpcs) -> bool:
    """Whether the Safe ran the proposal, or something else with its nonce, and no node has these bytes."""
    proposal = journal.get(tx.payment_id).proposal
    over = proposal is not None and proposal.state is not ProposalState.PROPOSED
    return over and await rpcs.on(tx.chain_id).transaction(tx.hash) is None


def not_sent_again(tx: TxRecord) -> NotFinal:
    """The warning about late bytes."""
    return NotFinal(
        f"{tx.payment_id} was signed and not seen on chain, and its order is too late to be opened: "
        "it is not sent again.",
        hint=f"The next payment of this account takes its nonce {tx.nonce}, which ends it for good.",
    )


def not_run(record: PaymentRecord, reason: str) -> Refused:
    """The error for what a Safe's owners signed and must no longer be sent. Its nonce stays free."""
    return Refused(
        f"{record.id} was not sent: {reason}. Its nonce of the Safe is free: with the signatures anyone can send it.",
        hint=f"Have the owners cancel it: l2send cancel {record.id} -o cancel.json",
    )
