"""Recovers a restored journal: finds payments on the chains that it lacks, by nonce and recipient.

Every nonce of an account that a chain counts as used and the journal lacks is searched in the blocks. Its transaction
is decoded as before a signature, and compared with what waits to be paid: queued lines, unsigned payments, lines of a
file. If it pays one of them, it is recorded with its signed bytes as that line's payment, so that nothing pays it
again. Nothing is signed or sent.

A transaction that makes several payments is recorded as such. A line whose recipient got that token in any other way
(in parts, by another kind of call) is held back for a person to check. So is each line that an order may have paid
which a sponsor opened with a signed message: that uses no nonce of the account, but its tokens leave the account
(recovery_transfers.py). Coin that left without a nonce of the account is found by events (recovery_coin.py), and what
a Safe paid by the Safe's own nonce (recovery_safes.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from l2send.bridges import decode
from l2send.core.address import Address, checksum
from l2send.core.calldata import TRANSFER_TOPIC
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, Executes, Opens, Pays, each_of
from l2send.core.endpoint_agreement import answers
from l2send.core.errors import L2sendError, NetworkError, NotFinal, Refused
from l2send.core.plan import ChainAddress, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.units import Gas, Nonce, Seconds, Token, UnixTime
from l2send.recovery_coin import CoinLeft, coin_by_operations, or_words
from l2send.recovery_together import found_together
from l2send.recovery_transfers import known_hashes, look_for_left, newest_of
from l2send.wallet.ends import Ends
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.codec import fingerprint
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record, TxRecord
from l2send.wallet.journal.states import IN_FLIGHT, TxState
from l2send.wallet.nonce_search import NonceUse, find_use

_MOST = 10_000
"""How many nonces of one account on one chain are searched at once."""
_NEWEST = 20
"""How many a worker searches if the journal has no transaction of the account on a chain."""
_NEVER = UnixTime(2**62)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A payment that waits, and may have been made already."""

    key: str
    payment: Payment
    typed_name: str = ""
    memo: str = ""


@dataclass(frozen=True, slots=True)
class FoundTx:
    """A transaction of an account that the journal lacked."""

    chain: Chain
    nonce: Nonce
    use: NonceUse
    pays: tuple[Pays | Opens, ...]
    """What it pays, or locks in orders that pay; empty for an approval, a refund, and undecodable transactions."""
    effect_count: int = 0
    """How many effects it has in all, approvals included."""
    unread: str = ""
    """Why it cannot be decoded."""
    received: tuple[tuple[Address, Token], ...] = ()
    """Which recipients got which token of the registry by its events; read where it cannot be decoded."""
    safe: Address | None = None
    """The Safe that pays by it, where the account is its owner."""
    record: Record | None = None
    """The payment that is now recorded for it."""
    was_wanted: bool = False
    """Whether that payment would have been made again."""


@dataclass
class Recovery:
    """The result for one account."""

    account: Address
    found: list[FoundTx] = field(default_factory=list[FoundTx])
    held_back: list[str] = field(default_factory=list[str])
    """Keys of lines, and ids of payments, that a person must check."""
    left: list[str] = field(default_factory=list[str])
    """Tokens that left the account in transactions of other senders, in words."""

    @property
    def is_complete(self) -> bool:
        """Whether every transaction was decoded, and no line is left for a person to check."""
        return not self.held_back and not self.left and all(not one.unread for one in self.found)


async def recover(
    account: Address, journal: Journal, rpcs: Rpcs, lines: Sequence[Waiting], chains: Iterable[Chain]
) -> Recovery:
    """Record every payment of `account` that the chains show and the journal lacks.

    `lines` are those of a file that would be paid next. Raises NetworkError if a chain does not answer, NotFinal while
    a transaction is pending: run it again; what was recorded stays.
    """
    places, since = list(chains), newest_of(journal)
    unknown = await asyncio.gather(*(_unknown(account, journal, rpcs, chain) for chain in places))
    recovery, wanted, ends = Recovery(account), Unpaid(account, journal, lines), Ends(journal, rpcs)
    for found in sorted((one for of_chain in unknown for one in of_chain), key=lambda one: one.nonce):
        recovery.found.append(await recorded(found, account, ends, wanted))
    known = known_hashes(journal, account, places, since)
    searches = ((chain, coin_by_operations(account, rpcs.on(chain.chain_id), since, known)) for chain in places)
    coin = await asyncio.gather(*(or_words(search, account, chain) for chain, search in searches))
    await hold_back_doubtful(recovery, wanted, ends, places, since, known)
    await hold_back_for_coin(recovery, wanted, ends, coin)
    return recovery


async def hold_back_for_coin(
    recovery: Recovery, wanted: Unpaid, ends: Ends, coin: Sequence[tuple[Sequence[CoinLeft], str]]
) -> None:
    """Name coin that left the account by other senders, and hold back what it may have paid. Raises NetworkError."""
    left = [one for of_chain, _ in coin for one in of_chain]
    recovery.left += [*map(str, left), *(unsearched for _, unsearched in coin if unsearched)]
    words = "coin that left by another sender may have paid it: compare the transactions that are named"
    recovery.held_back += await wanted.hold_back(lambda one: any(x.may_have_paid(one) for x in left), words, ends)


async def hold_back_doubtful(
    recovery: Recovery, wanted: Unpaid, ends: Ends, places: Sequence[Chain], since: UnixTime, known: Collection[str]
) -> None:
    """Hold back what may have been paid in a way that was not recorded, and name tokens that left the account besides.

    `known` are hashes of transactions that are accounted for. Raises NetworkError.
    """
    account, rpcs = recovery.account, ends.rpcs
    others = {pair for one in recovery.found if not one.was_wanted for pair in _paid(one)}
    words = "its recipient got the same token by another transaction of this account: compare them"
    recovery.held_back += await wanted.hold_back(lambda one: (one.to.address, one.amount.token) in others, words, ends)
    known = {*known, *(one.use.hash for one in recovery.found)}
    looked = await asyncio.gather(*(look_for_left(account, rpcs, chain, since, known) for chain in places))
    left = [one for of_chain, _ in looked for one in of_chain]
    recovery.left += [*map(str, left), *(unsearched for _, unsearched in looked if unsearched)]
    words = "an order that a sponsor opened may have paid it: compare the tokens that left the account"
    recovery.held_back += await wanted.hold_back(lambda one: any(x.may_have_paid(one) for x in left), words, ends)


def not_looked_at(
    journal: Journal, registry: Registry, accounts: Collection[Address], chains: Iterable[Chain]
) -> list[str]:
    """Accounts and Safes that would pay next by the journal, and chains, that were not searched.

    Payments may be missing. `accounts` were searched, Safes among them: another owner may have sent what a Safe paid.
    """
    searched = {chain.chain_id for chain in chains}
    payments = [record.payment for record in journal.open_payments()]
    signers = [payment.signer for payment in payments if not payment.by_owners]
    safes = [payment.sender for payment in payments if payment.is_of_safe]
    payers = dict.fromkeys([*signers, *safes, *journal.accounts_waiting()])
    others = [chain.short_name for chain in registry if chain.chain_id not in searched]
    return [*(payer for payer in payers if payer not in accounts), *others]


async def _unknown(account: Address, journal: Journal, rpcs: Rpcs, chain: Chain) -> list[FoundTx]:
    """The transactions of one chain that the journal lacks, by nonce."""
    rpc = rpcs.on(chain.chain_id)
    counts = await answers(rpc, lambda one: one.nonces(account))
    if not counts:
        raise NetworkError(f"{chain.name} cannot be asked.", hint="Nothing was paid. Run it again when it answers.")
    used, waiting = max(count for _, (_, count) in counts), max(count for _, (count, _) in counts)
    if waiting > used:
        raise NotFinal(
            f"{waiting - used} transactions of {account} wait for a block on {chain.name}.",
            hint="Nothing was paid. Run it again when they are mined.",
        )
    signed = journal.signed_from(chain.chain_id, account, Nonce(0))
    known = {tx.nonce for tx in signed}
    first = min((nonce for nonce in known if nonce is not None), default=0)
    left = [Nonce(nonce) for nonce in range(first, used) if nonce not in known]
    if len(left) > _MOST:
        raise Refused(f"{len(left)} transactions of {account} on {chain.name} are unknown here: too many to look up.")
    open_ones = {tx.nonce for tx in signed if tx.nonce is not None and tx.state in IN_FLIGHT}
    taken = await look_up_nonces(account, rpcs, chain, sorted(nonce for nonce in open_ones if nonce < used))
    others = [other for other in (_in_place_of(signed, one) for one in taken) if other]
    return [*await look_up_nonces(account, rpcs, chain, left), *others]


def _in_place_of(signed: Sequence[TxRecord], found: FoundTx) -> FoundTx | None:
    """`found`, for a person, if it paid and is none of what was `signed` with its nonce, which never happens then."""
    mine = [tx for tx in signed if tx.nonce == found.nonce]
    moves = found.unread or any(not isinstance(one, Pays) or one.amount.units for one in found.pays)
    if not moves or any(found.use.hash == tx.hash or found.use.tx == tx.step.tx for tx in mine):
        return None
    return replace(found, unread=f"{mine[0].payment_id} was signed with nonce {found.nonce}, and this has it")


async def look_up_nonces(account: Address, rpcs: Rpcs, chain: Chain, nonces: Iterable[Nonce]) -> list[FoundTx]:
    """The transactions that used these nonces, decoded. Raises NetworkError."""
    rpc, found, hint = rpcs.on(chain.chain_id), list[FoundTx](), None
    for nonce in nonces:
        use = await find_use(rpc, account, nonce, hint)
        if isinstance(use, str):
            raise NetworkError(f"nonce {nonce} of {account} is used on {chain.name}, and not found: {use}.")
        hint = use.block
        if use.tx and use.tx.to == account:  # What it calls itself for depends on the code it delegates to (EIP-7702).
            use = replace(use, tx=replace(use.tx, delegate_to=use.delegates_to))
        one = _decoded(chain, nonce, use, rpcs.registry)
        found.append(replace(one, received=await received_in(use, rpc)) if one.unread and use.hash else one)
    return found


async def received_in(use: NonceUse, rpc: Rpc) -> tuple[tuple[Address, Token], ...]:
    """Which recipients got which token in a transaction of any form. Raises NetworkError. Source: ERC-20's Transfer."""
    tokens = {str(token.address).lower(): token for token in rpc.chain.tokens}
    found = list[tuple[Address, Token]]()
    for log in (await rpc.receipt(use.hash) or {}).get("logs") or ():
        topics = [str(topic).lower() for topic in log.get("topics") or ()]
        token = tokens.get(str(log.get("address")).lower())
        if token and len(topics) == 3 and topics[0] == TRANSFER_TOPIC:
            found.append((checksum("0x" + topics[2][-40:]), token))
    return tuple(found)


async def paid_unknown_to(account: Address, journal: Journal, rpcs: Rpcs) -> set[tuple[Address, Token]]:
    """Which recipients got which token from `account` in transactions newer than the journal's newest.

    Such transactions are by other wallets, or missing from an old copy of the journal. A chain that does not answer is
    skipped.
    """

    async def on(chain: Chain) -> list[FoundTx]:
        try:
            used = await rpcs.on(chain.chain_id).nonce(account, "latest")
            highest = journal.highest_nonce(chain.chain_id, account)
            first = max(0, used - _NEWEST) if highest is None else highest + 1
            return await look_up_nonces(account, rpcs, chain, map(Nonce, range(first, used)))
        except NetworkError:
            return []

    found = await asyncio.gather(*map(on, rpcs.registry))
    return {pair for of_chain in found for one in of_chain for pair in _paid(one)}


def _decoded(chain: Chain, nonce: Nonce, use: NonceUse, registry: Registry) -> FoundTx:
    if not use.hash and use.delegates_to is not None:
        return FoundTx(chain, nonce, use, ())  # An authorization (EIP-7702): it pays no one.
    if use.tx is None or not use.raw:
        return FoundTx(chain, nonce, use, (), unread="it creates a contract, or its signed bytes cannot be rebuilt")
    try:
        effects: Effects = decode(use.tx, registry)
    except L2sendError as error:
        return FoundTx(chain, nonce, use, (), unread=error.message)
    safe = effects.safe.address if isinstance(effects, Executes) else None
    every = each_of(effects)
    pays = tuple(one for one in every if isinstance(one, Pays | Opens))
    return FoundTx(chain, nonce, use, pays, len(every), safe=safe)


def _paid(found: FoundTx) -> list[tuple[Address, Token]]:
    """Which recipients got which token, in any amount."""
    pairs = [
        (one.to.address, one.amount.token) if isinstance(one, Pays) else (one.order.recipient, one.order.delivers.token)
        for one in found.pays
    ]
    return [*pairs, *found.received]


class Unpaid:
    """What would be paid next for an account: begun payments, queued lines, and lines of a file. Each matches once."""

    def __init__(self, account: Address, journal: Journal, lines: Sequence[Waiting]) -> None:
        self._journal = journal
        self._begun = [
            leg
            for record in journal.open_payments()
            if account in {record.payment.signer, record.payment.sender}
            for leg in record.legs
            if leg.steps and leg.steps[-1].state is TxState.PLANNED  # Its approval may be signed.
        ]
        queued = [Waiting(one.key, one.payment, one.typed_name, one.memo) for one in journal.all_waiting(account)]
        keys = {one.key for one in queued}
        of_file = (one for one in lines if one.key not in keys and journal.keyed(one.key) is None)
        self._lines = [*queued, *of_file]
        self._queued = keys

    def take_exact(self, tx: UnsignedTx) -> PaymentRecord | None:
        """A recorded payment that this transaction makes, and of which nothing else is unsigned."""
        for leg in self._begun:
            *before, paying = leg.steps
            if leg.ride is None and paying.step.tx == tx and all(one.raw for one in before):
                self._begun.remove(leg)
                return leg
        return None

    def take_begun(self, payment: Payment) -> PaymentRecord | None:
        """A recorded payment whose paying step is unsigned, and that pays exactly this."""
        same = fingerprint(payment)
        found = next((leg for leg in self._begun if fingerprint(leg.payment) == same), None)
        if found:
            self._begun.remove(found)
        return found

    def take_line(self, payment: Payment) -> Waiting | None:
        """The first line that pays exactly this."""
        same = fingerprint(payment)
        found = next((one for one in self._lines if fingerprint(one.payment) == same), None)
        if found:
            self._lines.remove(found)
        return found

    async def hold_back(self, is_doubtful: Callable[[Payment], bool], words: str, ends: Ends) -> list[str]:
        """Hold back unmatched payments, because of `words`: a person must check them. Each is named once."""
        lines = [one for one in self._lines if is_doubtful(one.payment)]
        begun = [one for one in self._begun if is_doubtful(one.payment)]
        self._lines = [one for one in self._lines if one not in lines]
        self._begun = [one for one in self._begun if one not in begun]
        keys = [one.key for one in lines]
        self._journal.hold_back([key for key in keys if key in self._queued], words, _NEVER)
        for leg in begun:
            await ends.never_signed(leg, words)
        return [*keys, *(leg.id for leg in begun)]


async def recorded(found: FoundTx, account: Address, ends: Ends, wanted: Unpaid) -> FoundTx:
    """Record in the journal what `found` pays. Returns it with the recorded payment. Raises NetworkError."""
    journal = ends.journal
    if found.unread:
        return found
    if found.pays and found.use.tx and (begun := wanted.take_exact(found.use.tx)):
        journal.record_signed(begun.steps[-1], found.nonce, found.use.hash, found.use.raw, elsewhere=True)
        return replace(found, record=journal.find(begun.id), was_wanted=True)
    if not found.pays or found.use.tx is None:
        return found
    if len(found.pays) > 1:
        return _recorded_together(found, account, journal, wanted)
    payment, quote = _of_chain(next(iter(found.pays)), account, found)
    if begun := wanted.take_begun(payment):
        await ends.never_signed(begun, f"{found.use.hash} paid it: found on {found.chain.name}")
    line = wanted.take_line(payment) if begun is None else None
    key = line.key if line else f"found:{found.chain.chain_id}:{found.use.hash}"
    one = ApprovedPayment(payment, (quote,), key, True, *name_and_memo(line or begun))
    record = journal.record_found(one, found.nonce, found.use.hash, found.use.raw)
    return replace(found, record=record, was_wanted=line is not None or begun is not None)


def name_and_memo(known: Waiting | PaymentRecord | None) -> tuple[str, str]:
    """The typed name and the memo of a line or a begun payment; empty where neither is known."""
    return (known.typed_name, known.memo) if known else ("", "")


def said_of(line: Waiting | None) -> tuple[str, str, str]:
    """The key, the typed name and the memo of a line; empty without one."""
    return (line.key if line else "", *name_and_memo(line))


def _recorded_together(found: FoundTx, account: Address, journal: Journal, wanted: Unpaid) -> FoundTx:
    """As `recorded`, for a transaction of several payments. Each is matched with a line, if one is left for it."""
    assert found.use.tx
    if not only_transfers(found):
        return found
    payer, executor = (found.safe, account) if found.safe else (account, None)
    transfers = [one for one in found.pays if isinstance(one, Pays)]
    payments = tuple(Payment(payer, one.to, one.amount, executor) for one in transfers)
    step = Step(StepKind.TOGETHER, found.use.tx, Gas(0), nonce=found.nonce)
    lines = [wanted.take_line(payment) for payment in payments]
    one = found_together(found.chain, payments, found.use.hash, list(map(said_of, lines)), steps=(step,))
    record = journal.record_found(one, found.nonce, found.use.hash, found.use.raw)
    return replace(found, record=record, was_wanted=None not in lines)


def only_transfers(found: FoundTx) -> bool:
    """Whether it makes several payments, and nothing but transfers."""
    transfers = sum(isinstance(one, Pays) for one in found.pays)
    return transfers == len(found.pays) > 1 and found.effect_count <= transfers


def _of_chain(effect: Pays | Opens, account: Address, found: FoundTx) -> tuple[Payment, Quote]:
    """The payment and its terms as the chain shows them; the fees are in the receipt."""
    assert found.use.tx
    payer, executor = (found.safe, account) if found.safe else (account, None)
    if isinstance(effect, Pays):
        payment = Payment(payer, effect.to, effect.amount, executor)
        step = Step(StepKind.TRANSFER, found.use.tx, Gas(0), nonce=found.nonce)
        return payment, Quote("direct", found.chain, effect.amount, effect.amount, (), Seconds(0), (step,))
    order = effect.order
    payment = Payment(payer, ChainAddress(order.destination, order.recipient), order.delivers, executor)
    step = Step(StepKind.OPEN, found.use.tx, Gas(0), nonce=found.nonce)
    return payment, Quote(order.bridge, found.chain, order.pays, order.delivers, (), Seconds(0), (step,), order)
