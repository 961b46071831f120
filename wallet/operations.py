"""Payments by a user operation: queries once what used its nonce, and builds the transaction that cancels it.

The EntryPoint runs one operation with each nonce, and any account may submit it. So the payment follows the nonce, not
the sponsor. A signed operation has no deadline. Its sender can take it back by a transaction of its own, which uses the
nonce and needs gas: the chain accepts one of the two.
"""

from __future__ import annotations

from l2send.core.errors import Refused
from l2send.core.operation import Operation, read_operation
from l2send.core.plan import Step, StepKind
from l2send.core.rpc import Rpcs
from l2send.core.text import in_words
from l2send.wallet.before_signing import message_of
from l2send.wallet.ends import Ends
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.errors import ChangedMeanwhile
from l2send.wallet.journal.records import PaymentRecord, SponsoredRecord
from l2send.wallet.journal.states import SponsoredState
from l2send.wallet.operation_runs import OperationRun, end_of, find_run, is_used, words_of

_LOOKED_FOR = frozenset({SponsoredState.SIGNED, SponsoredState.EXECUTED, SponsoredState.INDETERMINATE})


def operation_of(record: PaymentRecord) -> Operation:
    """The approved operation, signed or not. Raises Refused."""
    assert record.sponsored is not None, "only what a sponsor submits has an operation"
    return read_operation(record.sponsored.sponsored.messages[-1].data)


async def observe_operation(record: PaymentRecord, ends: Ends) -> PaymentRecord:
    """Query the EntryPoint once, update the messages, and return the record. Raises NetworkError."""
    messages = record.sponsored
    if messages is None or messages.state not in _LOOKED_FOR:
        return record
    operation = operation_of(record)
    rpc = ends.rpcs.on(operation.chain_id)
    try:
        if not await is_used(rpc, operation):
            return _free(record, messages, ends)
        run = await find_run(rpc, operation, messages.sponsored.since)
        if isinstance(run, str):
            return _unexplained(record, messages, ends, run)
        return await _ran(record, messages, ends, run)
    except ChangedMeanwhile:
        return ends.journal.get(record.id)


def _free(record: PaymentRecord, messages: SponsoredRecord, ends: Ends) -> PaymentRecord:
    if messages.state is SponsoredState.SIGNED:
        return record
    return ends.journal.move_sponsored(record, SponsoredState.SIGNED, detail="the block it was in is gone")


def _unexplained(record: PaymentRecord, messages: SponsoredRecord, ends: Ends, why: str) -> PaymentRecord:
    words = f"its nonce at the EntryPoint is used, and it is not known yet for what: {why}"
    if messages.state is SponsoredState.SIGNED:
        return ends.journal.move_sponsored(record, SponsoredState.INDETERMINATE, detail=words)
    if messages.state is SponsoredState.INDETERMINATE:
        return ends.journal.note_sponsored(record, words)
    return record  # It was seen: an endpoint that does not show it denies nothing.


async def _ran(record: PaymentRecord, messages: SponsoredRecord, ends: Ends, run: OperationRun) -> PaymentRecord:
    words = words_of(run, record.payment.sender, meant=end_of(record, run) is SponsoredState.TAKEN_BACK)
    if run.is_ours:
        known = (messages.state, messages.opening_tx, messages.block)
        if known != (SponsoredState.EXECUTED, run.tx_hash, run.block):
            record = ends.journal.move_sponsored(
                record, SponsoredState.EXECUTED, opening_tx=run.tx_hash, block=run.block, detail=words
            )
            failpoint(Failpoint.MINED)
    elif messages.state is not SponsoredState.INDETERMINATE:
        record = ends.journal.move_sponsored(record, SponsoredState.INDETERMINATE, block=run.block, detail=words)
    return await ends.operation(record, operation_of(record), run)


async def step_to_take_back(record: PaymentRecord, rpcs: Rpcs) -> Step | None:
    """The transaction by which the sender takes back a signed operation; None if nothing is signed.

    Raises Refused if its nonce is used or it has ended, NetworkError. Source: EntryPoint, eth_estimateGas.
    """
    assert record.sponsored is not None
    if record.sponsored.state in {SponsoredState.PLANNED, SponsoredState.CANCELLED}:
        return None
    operation = operation_of(record)
    rpc = rpcs.on(operation.chain_id)
    if record.sponsored.state is not SponsoredState.SIGNED or await is_used(rpc, operation):
        raise Refused(
            f"{record.id} is {in_words(record.state)}: its nonce is used, and nothing can be taken back. "
            f"{record.meaning.money}",
            hint=f"Look again: l2send status {record.id}",
            sent=record.moved,
        )
    tx = operation.cancel_tx()
    return Step(StepKind.REVOKE, tx, await rpc.estimate_gas(message_of(tx, operation.sender)))
