"""Recovers what a Safe paid. Any account may send what its owners signed, so no account's nonces show all of it.

The Safe's events name each transaction that it ran, and its own nonce counts them. The SafeTx hash commits to that
nonce: an event that no nonce explains was forged by a module, and a nonce without an event is named. What modules sent
is named too: tokens by their Transfer events, coin by the event of every module's run (recovery_coin.py). A run that an
owner approved by sending it is recorded with the owner's signed bytes; any other as what its owners signed, which is
followed and proved as every proposal is (wallet/proposals.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from l2send.bridges import decode
from l2send.bridges.via_safe import SafeState, look_at_safe
from l2send.core.address import Address, checksum
from l2send.core.chains import Registry
from l2send.core.effects import Executes, Opens, Pays
from l2send.core.errors import L2sendError, NetworkError
from l2send.core.plan import ChainAddress, Payment, Proposal, Quote, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs, data_bytes, quantity
from l2send.core.safe import SafeTx, approved_by_sender, read_execution
from l2send.core.units import BlockNumber, Gas, Nonce, Seconds, UnixTime, Wei
from l2send.journal_recovery import (
    FoundTx,
    Recovery,
    Unpaid,
    Waiting,
    hold_back_doubtful,
    hold_back_for_coin,
    look_up_nonces,
    name_and_memo,
    only_transfers,
    received_in,
    recorded,
    said_of,
)
from l2send.recovery_coin import coin_by_modules, or_words
from l2send.recovery_together import found_together
from l2send.recovery_transfers import newest_of
from l2send.wallet.ends import Ends
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.nonce_search import NonceUse
from l2send.wallet.safe_runs import SafeRun, cancel_hash_of, runs_since, safe_nonce

_MARGIN = Seconds(3600)
"""Clocks of this machine and of the chains may differ by so much."""


async def recover_safe(safe: ChainAddress, journal: Journal, rpcs: Rpcs, lines: Sequence[Waiting]) -> Recovery:
    """Record every payment of the Safe that the chain shows and the journal lacks, from its newest payment on.

    `lines` are those of a file that the Safe would pay next. Raises CannotPay if there is no such Safe, NetworkError.
    """
    rpc, since = rpcs.on(safe.chain_id), newest_of(journal)
    state = await look_at_safe(safe.address, rpc)
    runs, first = await runs_since(rpc, safe.address, UnixTime(since - _MARGIN))
    known = _known_hashes(journal, safe.address)
    recovery, wanted, ends = Recovery(safe.address), Unpaid(safe.address, journal, lines), Ends(journal, rpcs)
    explained = set[Nonce]()
    for run in runs:
        safe_tx, signatures, sender = await _called(run, safe, rpc)
        nonce = _nonce_of(run, safe_tx, state.nonce, len(runs))
        explained |= set() if nonce is None else {nonce}
        planned = None if nonce is None else journal.proposed(safe.chain_id, safe.address, nonce)
        if run.tx_hash in known or (planned and run.hash in _hashes_of(planned)):
            continue
        if safe_tx is None or nonce is None:
            recovery.found.append(await _unread(run, rpc))
        elif signatures == approved_by_sender(sender):
            (found,) = await look_up_nonces(sender, rpcs, rpc.chain, [await _sent_with(run, rpc)])
            recovery.found.append(await recorded(found, sender, ends, wanted) if run.succeeded else found)
        else:
            found = _signed_by_owners(run, safe_tx, nonce, rpcs.registry)
            told = _instead_of(planned, found) if planned else _recorded(found, safe_tx, run, state, journal, wanted)
            recovery.found.append(told)
    if not any(one.unread for one in recovery.found):
        recovery.left += await _unexplained(explained, first, state, rpc)
    await hold_back_doubtful(recovery, wanted, ends, [rpc.chain], since, known)
    coin = await or_words(coin_by_modules(safe.address, rpc, since), safe.address, rpc.chain)
    await hold_back_for_coin(recovery, wanted, ends, [coin])
    return recovery


def _known_hashes(journal: Journal, safe: Address) -> set[str]:
    """The transactions by which the Safe ran what the journal has."""
    legs = [leg for record in journal.stream() for leg in record.legs if leg.payment.sender == safe]
    sent = {tx.hash for leg in legs for tx in leg.transactions if tx.hash}
    return sent | {leg.proposal.tx_hash for leg in legs if leg.proposal and leg.proposal.tx_hash}


async def _called(run: SafeRun, safe: ChainAddress, rpc: Rpc) -> tuple[SafeTx | None, bytes, Address]:
    """The SafeTx of a run (None if another contract called the Safe), its signatures, and the sender."""
    described = await rpc.transaction(run.tx_hash)
    if described is None:
        raise NetworkError(f"{rpc.chain.name} names {run.tx_hash} and does not show it.", hint="Run it again.")
    sender = checksum(str(described.get("from", "")))
    if str(described.get("to", "")).lower() != safe.address.lower():
        return None, b"", sender
    value = Wei(quantity(described.get("value") or "0x0", "a transaction's value"))
    try:
        tx = UnsignedTx(safe.chain_id, safe.address, value, data_bytes(described.get("input"), "input"))
        return *read_execution(tx), sender
    except L2sendError:
        return None, b"", sender


def _nonce_of(run: SafeRun, safe_tx: SafeTx | None, used: Nonce, runs: int) -> Nonce | None:
    """The Safe's nonce that the hash in the event commits to; None if there is none."""
    if safe_tx is None:
        return None
    newest_first = range(used - 1, max(-1, used - 1 - runs), -1)
    return next((Nonce(n) for n in newest_first if f"0x{safe_tx.typed(Nonce(n)).digest.hex()}" == run.hash), None)


async def _sent_with(run: SafeRun, rpc: Rpc) -> Nonce:
    """The nonce that the sending account used for it."""
    described = await rpc.transaction(run.tx_hash)
    return Nonce(quantity((described or {}).get("nonce"), "a transaction's nonce"))


async def _unread(run: SafeRun, rpc: Rpc) -> FoundTx:
    use = NonceUse(run.block, run.block_hash, run.tx_hash)
    why = "the Safe ran it by a call of another contract, or a module of the Safe forged its event"
    return FoundTx(rpc.chain, Nonce(0), use, (), unread=why, received=await received_in(use, rpc))


def _hashes_of(planned: PaymentRecord) -> set[str]:
    """The SafeTx hashes of a recorded payment: of what its owners sign, and of what cancels it."""
    assert planned.proposal
    return {planned.proposal.hash, cancel_hash_of(planned.proposal.proposal)}


def _signed_by_owners(run: SafeRun, safe_tx: SafeTx, nonce: Nonce, registry: Registry) -> FoundTx:
    """What owners signed and the Safe ran."""
    chain = registry.chain(safe_tx.chain_id)
    use = NonceUse(run.block, run.block_hash, run.tx_hash)
    if not run.succeeded:
        return FoundTx(chain, nonce, use, ())
    try:
        effect = decode(safe_tx.execution(b""), registry)
    except L2sendError as error:
        return FoundTx(chain, nonce, use, (), unread=error.message)
    every = effect.effects if isinstance(effect, Executes) else ()
    return FoundTx(chain, nonce, use, tuple(one for one in every if isinstance(one, Pays | Opens)), len(every))


def _instead_of(planned: PaymentRecord, found: FoundTx) -> FoundTx:
    """`found`, for a person: the journal has another payment for that nonce, which never happens then."""
    why = f"the journal has {planned.id} for nonce {found.nonce} of the Safe, which ran this instead"
    return replace(found, unread=found.unread or why) if found.pays else found


def _recorded(
    found: FoundTx, safe_tx: SafeTx, run: SafeRun, state: SafeState, journal: Journal, wanted: Unpaid
) -> FoundTx:
    """`found`, recorded if it makes one payment, or several transfers."""
    since, owners = BlockNumber(max(run.block - 1, 0)), (state.owners, state.threshold)
    if only_transfers(found):
        proposal = Proposal(safe_tx.execution(b""), found.nonce, StepKind.TOGETHER, Gas(0), since, *owners)
        transfers = [one for one in found.pays if isinstance(one, Pays)]
        payments = tuple(Payment(safe_tx.safe, one.to, one.amount, by_owners=True) for one in transfers)
        lines = [wanted.take_line(payment) for payment in payments]
        shared = found_together(found.chain, payments, run.hash, list(map(said_of, lines)), proposal=proposal)
        return replace(found, record=journal.record_ran(shared), was_wanted=None not in lines)
    if len(found.pays) != 1:
        return found
    (paid,) = found.pays
    kind = StepKind.TRANSFER if isinstance(paid, Pays) else StepKind.OPEN
    proposal = Proposal(safe_tx.execution(b""), found.nonce, kind, Gas(0), since, *owners)
    payment, quote = _terms(paid, safe_tx.safe, found, proposal)
    line = wanted.take_line(payment)
    key = line.key if line else f"found:{found.chain.chain_id}:{run.hash}"
    record = journal.record_ran(ApprovedPayment(payment, (quote,), key, True, *name_and_memo(line)))
    return replace(found, record=record, was_wanted=line is not None)


def _terms(paid: Pays | Opens, safe: Address, found: FoundTx, proposal: Proposal) -> tuple[Payment, Quote]:
    """The payment and its terms as the chain shows them."""
    if isinstance(paid, Pays):
        payment = Payment(safe, paid.to, paid.amount, by_owners=True)
        return payment, Quote("direct", found.chain, paid.amount, paid.amount, (), Seconds(0), (), proposal=proposal)
    order = paid.order
    payment = Payment(safe, ChainAddress(order.destination, order.recipient), order.delivers, by_owners=True)
    terms = (order.bridge, found.chain, order.pays, order.delivers, (), Seconds(0), ())
    return payment, Quote(*terms, order, proposal=proposal)


async def _unexplained(explained: set[Nonce], first: BlockNumber, state: SafeState, rpc: Rpc) -> list[str]:
    """Sentences on nonces that the Safe used in the searched blocks and that no event explains.

    If the node no longer keeps the state of the first block, only nonces after the oldest found run are compared.
    """
    try:
        oldest = await safe_nonce(rpc, state.address, hex(max(first - 1, 0))) if first else Nonce(0)
    except NetworkError:
        oldest = min(explained, default=state.nonce)
    return [
        f"{rpc.chain.short_name}: the Safe {state.address} used its nonce {nonce}, and no event shows what for"
        for nonce in range(oldest, state.nonce)
        if nonce not in explained
    ]
