"""Payments that the owners of a Safe sign: queries what the Safe ran, and sends what they signed.

The Safe runs one transaction with each nonce, and any account may send it. So the payment's state follows the Safe. A
transaction sent from here decides nothing: it may revert because another account was first.
"""

from __future__ import annotations

from l2send.core.endpoint_agreement import answers
from l2send.core.errors import ConfigError
from l2send.core.plan import Step
from l2send.core.rpc import Rpc
from l2send.wallet.ends import Ends
from l2send.wallet.executor import Executor
from l2send.wallet.journal.errors import ChangedMeanwhile
from l2send.wallet.journal.proposal_states import PROPOSAL_TRANSITIONS, ProposalState
from l2send.wallet.journal.records import PaymentRecord, ProposalRecord, TxRecord
from l2send.wallet.journal.states import IN_FLIGHT, TRANSITIONS, TxState
from l2send.wallet.safe_runs import SafeRun, cancel_hash_of, find_run, safe_nonce


async def observe_proposal(record: PaymentRecord, ends: Ends) -> PaymentRecord:
    """Query the Safe once, update the proposal, and return the record. Raises NetworkError."""
    proposal = _proposal_of(record)
    if not PROPOSAL_TRANSITIONS[proposal.state]:
        return record
    rpc = ends.rpcs.on(proposal.proposal.execution.chain_id)
    try:
        if not await _is_used(proposal, rpc):
            return _free(record, proposal, ends)
        run = await find_run(rpc, proposal.proposal)
        if isinstance(run, str):
            return await _unexplained(record, proposal, ends, run)
        return await _ran(record, proposal, ends, run)
    except ChangedMeanwhile:
        return ends.journal.get(record.id)


def execution_in_flight(record: PaymentRecord) -> TxRecord | None:
    """The pending transaction from here that may still have the Safe run it."""
    return next((tx for tx in record.executions if tx.state in IN_FLIGHT), None)


async def send_execution(executor: Executor, payment_id: str, step: Step, *, patience: float = 600.0) -> PaymentRecord:
    """Send the transaction in which a Safe runs its proposal, or continue the one sent. Returns at its end state.

    A planned one that was never signed is replaced by `step`. Raises as `Executor.resume` does, ConfigError.
    """
    journal = executor.journal
    record = journal.get(payment_id)
    under_way = next((tx for tx in record.executions if TRANSITIONS[tx.outcome]), None)
    if under_way and under_way.state is TxState.PLANNED:
        ends = Ends(journal, executor.rpcs, executor.bridges)
        await ends.never_signed(record, "planned again, with today's signatures", by_sender=True)
        under_way = None
    if under_way is None:
        if executor.signer is None:
            raise ConfigError(
                f"{record.id} is sent by an account that pays the gas, and none was opened.",
                hint="Name one with --account or --keystore.",
            )
        under_way = journal.add_execution(record.id, step, executor.signer.address)
    return await executor.drive(record, [under_way.step_index], patience)


async def _is_used(proposal: ProposalRecord, rpc: Rpc) -> bool:
    """Whether any endpoint counts the nonce as used: the others may lag."""
    safe, nonce = proposal.proposal.execution.to, proposal.proposal.nonce
    return any(count > nonce for _, count in await answers(rpc, lambda one: safe_nonce(one, safe)))


def _free(record: PaymentRecord, proposal: ProposalRecord, ends: Ends) -> PaymentRecord:
    if proposal.state is ProposalState.PROPOSED:
        return record
    return ends.journal.move_proposal(record, ProposalState.PROPOSED, detail="the block it was in is gone")


async def _unexplained(record: PaymentRecord, proposal: ProposalRecord, ends: Ends, why: str) -> PaymentRecord:
    words = f"nonce {proposal.proposal.nonce} of the Safe is used, and it is not known yet for what: {why}"
    if proposal.state is ProposalState.INDETERMINATE:
        return ends.journal.note_proposal(record, words)
    if proposal.state is ProposalState.EXECUTED:  # It was seen: an endpoint that does not show it proves nothing.
        return record
    return ends.journal.move_proposal(record, ProposalState.INDETERMINATE, detail=words)


async def _ran(record: PaymentRecord, proposal: ProposalRecord, ends: Ends, run: SafeRun) -> PaymentRecord:
    cancelled = run.hash == cancel_hash_of(proposal.proposal)
    if run.hash == proposal.hash or cancelled:
        known = (proposal.state, proposal.tx_hash, proposal.block)
        if known != (ProposalState.EXECUTED, run.tx_hash, run.block):
            words = _words(run, cancelled=cancelled)
            record = ends.journal.move_proposal(
                record, ProposalState.EXECUTED, tx_hash=run.tx_hash, block=run.block, detail=words
            )
    elif proposal.state is not ProposalState.INDETERMINATE:
        words = f"the Safe ran another transaction with nonce {proposal.proposal.nonce}: SafeTx {run.hash}"
        return ends.journal.move_proposal(record, ProposalState.INDETERMINATE, block=run.block, detail=words)
    return await ends.proposal(record, run)


def _words(run: SafeRun, *, cancelled: bool) -> str:
    if cancelled:
        return f"the empty transaction that cancels it is in block {run.block}"
    return f"in block {run.block}" if run.succeeded else f"it failed inside the Safe, in block {run.block}"


def _proposal_of(record: PaymentRecord) -> ProposalRecord:
    assert record.proposal is not None, "only what the owners of a Safe sign is a proposal"
    return record.proposal
