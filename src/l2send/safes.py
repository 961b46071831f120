"""Payments that the owners of a Safe sign: their nonce, their files, and sending them once enough have signed.

with_safe_nonce   the review of such a payment, with the nonce that is free and its hashes
adopt             the payment of a file, written into this journal
execute           checked against the Safe as it is now, then sent by an account that pays the gas
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from l2send.bridges.shared_tx import quotes_of_parts
from l2send.bridges.via_safe import SafeState, look_at_safe
from l2send.bridges.via_safe_owners import at_nonce
from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.errors import NodeError, NotFinal, Refused, Sent
from l2send.core.plan import Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.safe import read_execution
from l2send.core.safe_signatures import OwnerSignature, SignatureKind, pack_signatures
from l2send.core.text import in_words
from l2send.core.units import ChainId, Nonce
from l2send.review import Review
from l2send.wallet.before_signing import message_of, why_too_late
from l2send.wallet.executor import Executor
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.late_openings import not_run
from l2send.wallet.proposals import execution_in_flight, send_execution
from l2send.wallet.safe_files import SafeBundle
from l2send.wallet.safe_runs import hash_of

_APPROVED = Function("approvedHashes(address,bytes32)", "uint256")
_REASONS = {
    "GS013": "what it does fails inside the Safe: the balance, or the bridge, changed since it was prepared",
    "GS024": "a contract that is an owner does not accept its signature",
    "GS025": "an owner has not approved the hash",
    "GS026": "a signature is not of an owner, or owners are not in order",
}


def with_safe_nonce(review: Review, journal: Journal) -> Review:
    """`review`; for a payment that owners sign, with the next nonce that neither chain nor journal has used.

    If one owner suffices and sends it, with a note of what it may replace.
    """
    if review.plan.payment.executor is not None:
        return _with_note_of_proposals(review, journal)
    legs = tuple(leg for leg in review.plan.legs if leg.proposal is None)
    if len(legs) == len(review.plan.legs):
        return review
    way = replace(review.plan.way, legs=(with_free_nonce(review.plan.quote, journal),))
    return replace(review, plan=replace(review.plan, way=way))


def with_free_nonce(quote: Quote, journal: Journal) -> Quote:
    """What the owners are to sign, with the Safe's next nonce that neither chain nor journal has used."""
    assert quote.proposal is not None
    execution = quote.proposal.execution
    highest = journal.highest_proposed(execution.chain_id, execution.to)
    return at_nonce(quote, quote.proposal.nonce if highest is None else Nonce(max(quote.proposal.nonce, highest + 1)))


def _with_note_of_proposals(review: Review, journal: Journal) -> Review:
    """`review` with the Safe's next nonce, with a note if owners were to sign another payment for that nonce."""
    safe, notes = review.plan.payment.sender, dict[ChainId, list[str]]()
    for record in (leg for payment in journal.open_payments() for leg in payment.legs):
        proposal = record.proposal
        if proposal is None or proposal.state is not ProposalState.PROPOSED or record.payment.sender != safe:
            continue
        notes.setdefault(record.terms.source, []).append(
            f"{record.id} waits for signatures with nonce {proposal.proposal.nonce} of the Safe: if that is the "
            "next one, this payment takes it, and that payment never happens"
        )
    if not notes:
        return review
    legs = tuple(replace(leg, notes=(*leg.notes, *notes.get(leg.source.chain_id, []))) for leg in review.plan.legs)
    return replace(review, plan=replace(review.plan, way=replace(review.plan.way, legs=legs)))


def find_adopted(journal: Journal, bundle: SafeBundle) -> PaymentRecord | None:
    """The file's payment in this journal, even under another id; None without one.

    The same payment in the same SafeTx is one payment, even if prepared twice. Raises Refused if its nonce belongs to
    another one.
    """
    execution = bundle.proposal.execution
    found = journal.proposed(execution.chain_id, execution.to, bundle.proposal.nonce)
    if found is None:
        return None
    assert found.proposal
    mine = (found.payment, found.terms.carries, found.proposal.hash)
    if mine != (bundle.payment, bundle.carries, hash_of(bundle.proposal)):
        raise Refused(
            f"nonce {bundle.proposal.nonce} of the Safe is that of another payment of this journal: {found.id}, "
            f"which is {in_words(found.state)}. One transaction is approved for each nonce.",
            hint=f"Cancel that one first (l2send cancel {found.id} -o FILE), or have this one prepared again.",
            sent=found.moved,
        )
    return found


def adopt(journal: Journal, bundle: SafeBundle, review: Review, *, again: bool, typed_name: str = "") -> PaymentRecord:
    """Record the payment of a file that was approved here. Raises Refused as Journal.begin does."""
    known = find_adopted(journal, bundle)
    if known:
        return known
    legs, shared = review.plan.legs, bool(bundle.carries)
    parts = quotes_of_parts(legs[0]) if shared else []
    carried = tuple(
        # Equal payments within the file are meant: its reader sees both.
        ApprovedPayment(payment, (part,), again=again or payment in bundle.carries[:call])
        for call, (payment, part) in enumerate(zip(bundle.carries, parts, strict=True))
    )
    one = ApprovedPayment(
        bundle.payment, legs, None, again or shared, typed_name, payment_id=bundle.id, carried=carried
    )
    (record,) = journal.begin_all([one])
    assert isinstance(record, PaymentRecord)
    return record


def under_known_id(journal: Journal, bundle: SafeBundle) -> SafeBundle | None:
    """The file with its payment's id in this journal; None without one. Raises as `find_adopted`."""
    known = find_adopted(journal, bundle)
    return replace(bundle, id=known.id) if known else None


async def send_signed(
    record: PaymentRecord, bundle: SafeBundle, sender: Address, executor: Executor, *, patience: float
) -> None:
    """Send what the owners signed, unless the Safe ran it or it is pending. Raises Refused if the Safe would not run
    it, CannotPay, NotFinal, NetworkError.
    """
    assert record.proposal
    if record.proposal.state is not ProposalState.PROPOSED:
        return
    if waiting := execution_in_flight(record):
        _refuse_other_waiting(record, bundle, waiting)
        return
    if not bundle.cancels and (late := await why_too_late(record, executor.rpcs)):
        raise not_run(record, late)
    bundle = replace(bundle, proposal=record.proposal.proposal)  # With the gas and the owners approved here.
    step = await execution_step(record, bundle, sender, executor.rpcs)
    await send_execution(executor, record.id, step, patience=patience)


def _refuse_other_waiting(record: PaymentRecord, bundle: SafeBundle, waiting: TxRecord) -> None:
    """Raises Refused if the payment is pending and its cancellation was to be sent, or the other way round.

    The Safe runs one of the two, and the first one sent from here is not abandoned silently.
    """
    if read_execution(waiting.step.tx)[0] == bundle.safe_tx:
        return
    first, second = ("the payment", "what cancels it") if bundle.cancels else ("what cancels it", "the payment")
    raise Refused(
        f"{first} was sent and has not ended, {waiting.hash}: {second} was not sent.",
        hint=f"Follow it: l2send resume {record.id}. To be first after all, send the file from another machine by "
        "another account: the Safe runs one of the two.",
        sent=record.moved,
    )


async def execution_step(record: PaymentRecord, bundle: SafeBundle, sender: Address, rpcs: Rpcs) -> Step:
    """The transaction with which `sender` has the Safe run it, simulated on the newest block.

    Raises Refused, CannotPay, NetworkError. Source: eth_call.
    """
    rpc = rpcs.on(bundle.proposal.execution.chain_id)
    safe = await look_at_safe(bundle.payment.sender, rpc)
    _refuse_other_nonce(record, bundle, safe)
    chosen = await _enough(bundle, safe, sender, rpc)
    tx = bundle.safe_tx.execution(pack_signatures(chosen))
    await _refuse_failing(tx, sender, rpc)
    return Step(StepKind.EXECUTE, tx, bundle.proposal.gas)


def _refuse_other_nonce(record: PaymentRecord, bundle: SafeBundle, safe: SafeState) -> None:
    nonce = bundle.proposal.nonce
    if safe.nonce > nonce:
        raise NotFinal(
            f"nonce {nonce} of the Safe is used, and it is not known yet for what.",
            hint=f"Look again: l2send status {record.id}. Do not pay again before.",
            sent=Sent.MAYBE,
        )
    if safe.nonce < nonce:
        raise Refused(
            f"{record.id} has nonce {nonce} and the Safe's next one is {safe.nonce}: {nonce - safe.nonce} of its "
            "transactions come first.",
            hint="Have those sent, or cancelled, then run the command again.",
        )


async def _enough(bundle: SafeBundle, safe: SafeState, sender: Address, rpc: Rpc) -> Sequence[OwnerSignature]:
    """As many signatures of present owners as the Safe needs now. Raises Refused, NetworkError."""
    good, bad = list[OwnerSignature](), list[str]()
    for one in bundle.signatures:
        if one.owner not in safe.owners:
            bad.append(f"{one.owner} signed and is no owner any more")
        elif one.kind is SignatureKind.APPROVED_HASH and not await _has_approved(one.owner, bundle, sender, rpc):
            bad.append(f"{one.owner} has not approved the hash on the chain")
        else:
            good.append(one)
    if len(good) < safe.threshold:
        unsigned = [owner for owner in safe.owners if owner not in {one.owner for one in good}]
        changed = _changes(bundle, safe)
        told = ". ".join([*bad, *changed])
        raise Refused(
            f"the file has {len(good)} of the {safe.threshold} signatures that the Safe needs. "
            f"{safe.threshold - len(good)} more, from: {', '.join(unsigned)}.{f' {told}.' if told else ''}",
            hint="Have more owners sign: l2send sign FILE -o FILE; l2send merge joins files.",
        )
    good.sort(key=lambda one: not one.is_verified)
    return good[: safe.threshold]


def _changes(bundle: SafeBundle, safe: SafeState) -> list[str]:
    """Sentences on what changed at the Safe since the payment was prepared."""
    said, was = list[str](), bundle.proposal
    if set(was.owners) != set(safe.owners):
        said.append(f"The Safe's owners changed since it was prepared; they are {', '.join(safe.owners)}")
    if was.threshold != safe.threshold:
        said.append(f"It needs {safe.threshold} signatures now, and needed {was.threshold} then")
    return said


async def _has_approved(owner: Address, bundle: SafeBundle, sender: Address, rpc: Rpc) -> bool:
    """Whether `owner` sends it, or approved the hash in a transaction of its own. Source: eth_call."""
    if owner == sender:
        return True
    call = Call(bundle.payment.sender, _APPROVED, (owner, bundle.typed.digest))
    return bool((await rpc.eth_call(call))[0])


async def _refuse_failing(tx: UnsignedTx, sender: Address, rpc: Rpc) -> None:
    """Raises Refused if the Safe would not run it now, signatures included. Source: eth_call."""
    try:
        answer = await rpc.returned(message_of(tx, sender))
    except NodeError as error:
        if not error.is_revert:
            raise
        reason = next((words for code, words in _REASONS.items() if code in error.message), error.message)
        raise Refused(f"the Safe would not run it: {reason}.") from error
    if int.from_bytes(answer, "big") != 1:
        raise Refused("the Safe would run it and fail inside.")
