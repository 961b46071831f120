"""Closes a payment that no evidence can end: its recipient may have been paid by another transaction.

Something else used its nonce, and the recipient got as much in that block. Whether that was this payment only the user
can find out. Closing claims nothing about the chain: the state stays `indeterminate`, and l2send stops following it.
"""

from __future__ import annotations

from functools import partial

from l2send.core.endpoint_agreement import why_unproven
from l2send.core.errors import Refused
from l2send.core.rpc import Rpcs
from l2send.core.text import in_words
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, ProposalRecord, Record, TxRecord
from l2send.wallet.journal.states import ENDED, PaymentState
from l2send.wallet.nonce_search import NonceUse, find_use, is_used
from l2send.wallet.safe_runs import cancel_hash_of, find_run, hash_of, shows_run


def only_its_user_knows(record: Record) -> bool:
    """Whether it is open only because its recipient may have been paid by something else, by the last look."""
    open_legs = [leg for leg in record.legs if leg.meaning.open]
    return bool(open_legs) and all(map(_may_be_paid, open_legs))


def _may_be_paid(leg: PaymentRecord) -> bool:
    return bool(leg.proposal and leg.proposal.maybe_paid) or any(tx.maybe_paid for tx in leg.transactions)


def details_of(leg: PaymentRecord) -> list[str]:
    """Why it is open, in sentences."""
    proposed = [leg.proposal.detail] if leg.proposal else []
    return [detail for detail in [*proposed, *(tx.detail for tx in leg.transactions)] if detail]


async def refuse_to_close(record: Record, rpcs: Rpcs) -> None:
    """Check that no chain can prove how the payment ends. Look at its status first, which records what can be proved.

    Raises Refused if anything signed for it could still be mined or its end can still be found out, NetworkError.
    """
    if not record.meaning.open:
        raise Refused(
            f"{record.id} is not open: it is {in_words(record.state)}. {record.meaning.money}", sent=record.moved
        )
    for leg in record.legs:
        if leg.meaning.open:
            why = _why_followed(leg) or await _why_it_may_be_mined(leg, rpcs)
            if why:
                hint = f"Resume it with: l2send resume {record.id}. Cancel what is pending: l2send cancel {record.id}"
                raise Refused(f"{leg.id} cannot be closed: {why}.", hint=hint, sent=record.moved)


def close(record: Record, journal: Journal) -> Record:
    """Record that the user closed it. `refuse_to_close` comes first. Raises ChangedMeanwhile."""
    for leg in record.legs:
        if leg.meaning.open:
            journal.close_payment(leg)
    return journal.find(record.id)


def _why_followed(leg: PaymentRecord) -> str:
    """Why the chain will still say how it ends; empty if that is not known."""
    if leg.state is not PaymentState.INDETERMINATE:
        return f"it is {in_words(leg.state)}, and l2send will find out how it ends"
    if leg.order or leg.sponsored:
        return "its contract keeps a record of it, from which l2send will find out how it ends"
    return ""


async def _why_it_may_be_mined(leg: PaymentRecord, rpcs: Rpcs) -> str:
    """Why a signed transaction of it may still be mined; empty if as many endpoints as for an end rule that out."""
    if leg.proposal:
        return await _why_it_may_be_run(leg.proposal, rpcs)
    own = {tx.hash for tx in leg.transactions if tx.hash}
    for tx in leg.transactions:
        if tx.nonce is None or tx.state in ENDED:
            continue
        use = await find_use(rpcs.on(tx.chain_id), tx.sender, tx.nonce, tx.block)
        if isinstance(use, str):
            return f"what used its nonce {tx.nonce} is not known: {use}"
        if use.hash in own:
            return f"its own transaction used its nonce {tx.nonce}, in block {use.block}"
        if why := await _why_not_deep(tx, use, rpcs):
            return f"its nonce {tx.nonce} may become free again: {why}"
    return ""


async def _why_it_may_be_run(record: ProposalRecord, rpcs: Rpcs) -> str:
    """The same of what the owners of a Safe sign: the Safe ran something else with its nonce."""
    proposal = record.proposal
    rpc = rpcs.on(proposal.execution.chain_id)
    run = await find_run(rpc, proposal)
    if isinstance(run, str):
        return f"what used nonce {proposal.nonce} of the Safe is not known: {run}"
    if run.hash in {hash_of(proposal), cancel_hash_of(proposal)}:
        return f"the Safe ran it, or what cancels it, in block {run.block}"
    why = await why_unproven(rpc, lambda one, head: shows_run(one, head, proposal, run))
    return f"nonce {proposal.nonce} of the Safe may become free again: {why}" if why else ""


async def _why_not_deep(tx: TxRecord, use: NonceUse, rpcs: Rpcs) -> str:
    assert tx.nonce is not None
    proof = partial(is_used, use=use, sender=tx.sender, nonce=tx.nonce)
    return await why_unproven(rpcs.on(tx.chain_id), lambda one, head: proof(one, head=head))
