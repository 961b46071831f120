"""Many payments of one account on one chain: signed with consecutive nonces, several pending at once.

A single payment keeps its account's lock until it is mined. Here the lock is kept for all of them, and each payment is
signed and broadcast as soon as fewer than `size` are pending. The journal's rules hold for each: bytes are committed
before a node sees them, and no others are ever broadcast for that nonce.

A transaction that is not mined blocks those behind it, since the chain takes nonces in order: then nothing more is
signed, and the stuck transaction is named.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from l2send.core.address import Address
from l2send.core.calldata import BALANCE_OF
from l2send.core.errors import CannotPay, L2sendError, NetworkError, NotFinal, Refused
from l2send.core.plan import StepKind
from l2send.core.polling import pause_between_looks
from l2send.core.rpc import Call, Rpc
from l2send.core.units import Amount, ChainId, Nonce, Token
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import ENDED, IN_BLOCK, IN_FLIGHT, TxState
from l2send.wallet.lock import account_lock
from l2send.wallet.signing import Looks
from l2send.wallet.tx_location import Head, head_of

SIZE = 16
"""How many transactions may be pending: about as many as nodes keep for an unknown account."""
_LOOKS_HOLD = 4.0
"""Seconds for which prefetched answers count."""
_STUCK_AFTER = 30.0
"""Seconds that the oldest may be pending before the others are reported as waiting for it."""

Report = Callable[[PaymentRecord], None]
"""Receives each payment whose state changed."""


def fits(record: PaymentRecord) -> bool:
    """Whether a payment can go through a window: a direct transfer without a fixed nonce.

    Not one that makes the account delegate: nothing is signed behind it before it is mined.
    """
    if len(record.approved) != 1 or record.order is not None or record.sponsored is not None:
        return False
    step = record.approved[0].step
    return step.kind in {StepKind.TRANSFER, StepKind.TOGETHER} and step.nonce is None and step.over is None


def _leaves(record: PaymentRecord) -> dict[Token, int]:
    """What it pays, in base units by token; with several payments in one transaction, their sum."""
    found = dict[Token, int]()
    for amount in [payment.amount for payment in record.terms.carries] or [record.terms.pays]:
        found[amount.token] = found.get(amount.token, 0) + amount.units
    return found


@dataclass
class Window:
    """The payments of one account on one chain. Call `run` once."""

    executor: Executor
    chain_id: ChainId
    sender: Address
    report: Report
    size: int = SIZE
    poll: float | None = None
    """Seconds between polls while nothing is mined; None: the chain's pace."""
    failed: dict[str, L2sendError] = field(default_factory=dict[str, L2sendError])
    """Why a payment was not signed, or is no longer followed here."""
    _looking: dict[str, asyncio.Task[dict[str, Looks]]] = field(
        default_factory=dict[str, "asyncio.Task[dict[str, Looks]]"], init=False
    )
    """Pending requests for what the next signatures depend on; requests sent together share one task."""
    _nonces: dict[str, Nonce] = field(default_factory=dict[str, Nonce], init=False)
    _next: Nonce | None = field(default=None, init=False)
    """The nonce after the last one signed here."""
    _offers: list[asyncio.Task[None]] = field(default_factory=list["asyncio.Task[None]"], init=False)
    _waiting: list[str] = field(default_factory=list[str], init=False)
    """Broadcast and in no block, by nonce."""
    _mined: list[str] = field(default_factory=list[str], init=False)
    """In a block that a reorganisation may still remove."""
    _states: dict[str, TxState] = field(default_factory=dict[str, TxState], init=False)
    _said_stuck: str = field(default="", init=False)
    _moved_at: float = field(default=0.0, init=False)

    async def run(self, payment_ids: Sequence[str], *, patience: float = 600.0) -> None:
        """Sign, broadcast and follow every payment, in order. Errors are in `failed`; one failure stops no other
        payment.

        Only a problem of the whole account ends the signing: a nonce gap, a chain that does not answer, a transaction
        that nodes refuse or that is not mined for `patience` seconds. Raises ConfigError, NotFinal (the lock).
        """
        waiting, journal = f"a batch of {len(payment_ids)} payments", self.executor.journal
        lock = account_lock(
            self.executor.locks, self.chain_id, self.sender, waiting, self._say_other, patience, journal
        )
        async with lock:
            self._moved_at = time.monotonic()
            await self._sign_all(self._unsigned(payment_ids), patience)
            await self._until_mined(len(self._waiting), patience)
        await self._until_final(patience)

    def _unsigned(self, payment_ids: Sequence[str]) -> list[str]:
        """Those to be signed; signed ones are queued as pending. Read once the lock is held: another run may have
        signed some.
        """
        records = [self._record(payment_id) for payment_id in payment_ids]
        begun = [record for record in records if record.steps[0].state in IN_FLIGHT]
        self._waiting = [r.id for r in sorted(begun, key=lambda r: r.steps[0].nonce or 0)]
        return [record.id for record in records if record.steps[0].state is TxState.PLANNED]

    async def _sign_all(self, unsigned: Sequence[str], patience: float) -> None:
        funds = _Funds(self._rpc)
        try:
            await self._sign_in_order(unsigned, funds, patience)
        finally:
            tasks = set(self._looking.values())
            for looking in tasks:
                looking.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(*self._offers)

    async def _sign_in_order(self, unsigned: Sequence[str], funds: _Funds, patience: float) -> None:
        for place, payment_id in enumerate(unsigned):
            self._look_ahead(unsigned[place : place + self.size + self.size // 2])
            await self._narrow(payment_id)
            await self._until_mined(len(self._waiting) - self.size + 1, patience)
            if len(self._waiting) >= self.size or self._is_refused():
                return self._fail_all(unsigned, payment_id, self._stuck())
            record = self._record(payment_id)
            if record.steps[0].state is TxState.CANCELLED:
                continue  # Its sender cancelled it since this run began: that stops no other.
            try:
                await self._sign(record, funds, patience)
            except (Refused, CannotPay) as error:  # A smaller payment, or one of another token, may still succeed.
                self.failed[payment_id] = error
            except L2sendError as error:
                if self._record(payment_id).steps[0].raw:
                    self._waiting.append(payment_id)
                return self._fail_all(unsigned, payment_id, error)
            else:
                self._waiting.append(payment_id)
                self._tell(self._record(payment_id))
        return None

    async def _sign(self, record: PaymentRecord, funds: _Funds, patience: float) -> None:
        """Raises as Executor.sign_only; tries again while the chain does not answer."""
        until, payment_id = time.monotonic() + patience, record.id
        if not await funds.cover(record, first=not self._waiting):
            await self._until_mined(len(self._waiting), patience)
            if self._waiting:
                raise self._stuck()
            await funds.cover(record, first=True)
        while True:
            try:
                await self._sign_next(payment_id)
            except NetworkError:
                if self._record(payment_id).steps[0].raw or time.monotonic() >= until:
                    raise
                await asyncio.sleep(self._pause)
            else:
                return

    async def _sign_next(self, payment_id: str) -> None:
        """Sign with the next nonce, and broadcast without waiting for the node's answer."""
        looks = await self._looks_of(payment_id)
        if self._next is not None:  # The lock is held: no other nonce of this account was allocated since.
            looks = replace(looks, counts=(self._next, self._next))
        tx = await self.executor.sign_only(payment_id, looks)
        assert tx.nonce is not None, "it was signed just now"
        self._nonces[payment_id], self._next = tx.nonce, Nonce(tx.nonce + 1)
        self._offers.append(asyncio.create_task(self._offer(tx)))
        await asyncio.sleep(0)  # Broadcast it now, not after the next signature.

    async def _offer(self, tx: TxRecord) -> None:
        try:
            await self.executor.offer(tx)
        except L2sendError as error:
            self.failed[tx.payment_id] = error

    async def _narrow(self, payment_id: str) -> None:
        """Shrink the window to one for an account that runs code (EIP-7702): nodes keep one pending transaction of it.

        Source: go-ethereum, core/txpool/legacypool, `checkDelegationLimit`.
        """
        if asked := self._looking.get(payment_id):
            code = (await asked)[payment_id].code
            if isinstance(code, bytes) and code:
                self.size = 1

    def _look_ahead(self, payment_ids: Sequence[str]) -> None:
        """Prefetch what the next signatures depend on, for many at once, before the first is needed.

        A prefetch is about ten requests, for one payment or for a whole window.
        """
        wanted = [payment_id for payment_id in payment_ids if payment_id not in self._looking]
        if wanted and len(payment_ids) - len(wanted) <= self.size // 2:
            self._ask_ahead(wanted)

    def _ask_ahead(self, payment_ids: Sequence[str]) -> None:
        asking = asyncio.create_task(self.executor.look_ahead(payment_ids))
        self._looking.update(dict.fromkeys(payment_ids, asking))

    async def _looks_of(self, payment_id: str) -> Looks:
        """The `Looks` of a payment; requested again if they are old, or if this is a retry."""
        asked = self._looking.pop(payment_id, None)
        looks = (await asked)[payment_id] if asked else None
        if looks is not None and abs(time.time() - looks.at) <= _LOOKS_HOLD:
            return looks
        # Those requested with it are as old.
        beside = [other for other, task in self._looking.items() if task is asked]
        self._ask_ahead([payment_id, *beside])
        return (await self._looking.pop(payment_id))[payment_id]

    async def _until_mined(self, count: int, patience: float) -> None:
        """Wait until `count` of the pending ones are in a block, or none was for `patience` seconds."""
        goal = len(self._waiting) - count
        while len(self._waiting) > max(0, goal):
            before = len(self._waiting)
            await self._until_offered()
            await self._look()
            if len(self._waiting) < before:
                self._moved_at = time.monotonic()
                continue
            idle = time.monotonic() - self._moved_at
            if idle >= patience or self._is_refused():
                return
            if idle >= _STUCK_AFTER:
                self._say_stuck()
            await asyncio.sleep(self._pause)

    async def _until_offered(self) -> None:
        """Wait a moment for the answers to pending broadcasts: before that, no block can contain them."""
        self._offers = [offer for offer in self._offers if not offer.done()]
        if self._offers:
            await asyncio.wait(self._offers, timeout=self._pause)

    async def _look(self) -> None:
        """Query those whose nonce is used, and the oldest: its bytes are rebroadcast when it is time."""
        try:
            used = await self._rpc.nonce(self.sender, "latest")
        except NetworkError:
            return
        due = [i for i in self._waiting if self._nonce(i) < used] or self._waiting[:1]
        for record in await self._look_at_all(due):
            state = record.steps[0].outcome
            if state in IN_BLOCK | ENDED:
                self._waiting.remove(record.id)
                if state not in ENDED:
                    self._mined.append(record.id)

    async def _look_at_all(self, payment_ids: Sequence[str]) -> list[PaymentRecord]:
        """Query each once, with one request for the newest block."""
        head = asyncio.ensure_future(head_of(self._rpc))
        try:
            return await asyncio.gather(*(self._look_at(payment_id, head) for payment_id in payment_ids))
        finally:
            head.cancel()  # Not needed if nothing was left to query.
            await asyncio.gather(head, return_exceptions=True)

    async def _look_at(self, payment_id: str, head: Awaitable[Head]) -> PaymentRecord:
        try:
            record = await self.executor.look(payment_id, head)
        except NotFinal as error:
            self.failed[payment_id] = error
            record = self._record(payment_id)
        self._tell(record)
        return record

    async def _until_final(self, patience: float) -> None:
        """Wait for enough confirmations of all; a block that is reorganised away is left to `resume`."""
        until = time.monotonic() + patience
        while self._mined:
            deep = await self._deep_enough()
            for at in range(0, len(deep), self.size):
                await self._look_at_all(deep[at : at + self.size])
            self._mined = [i for i in self._mined if self._record(i).steps[0].outcome not in ENDED]
            if self._mined and time.monotonic() >= until:
                return
            if self._mined:
                await asyncio.sleep(self._pause)

    async def _deep_enough(self) -> list[str]:
        """Those with enough confirmations; none while the chain does not answer."""
        try:
            head = await self._rpc.block_number()
        except NetworkError:
            return []
        deepest = head + 1 - max(1, self._rpc.chain.confirmations)
        return [i for i in self._mined if (self._record(i).steps[0].block or 0) <= deepest]

    def _fail_all(self, unsigned: Iterable[str], first: str, error: L2sendError) -> None:
        """Set `error` for every unsigned payment from `first` on."""
        ids = list(unsigned)
        for payment_id in ids[ids.index(first) :]:
            self.failed[payment_id] = error

    def _is_refused(self) -> bool:
        """Whether nodes keep refusing the oldest: later nonces cannot be mined before it."""
        return bool(self._waiting) and self._waiting[0] in self.failed

    def _stuck(self) -> NotFinal:
        oldest = self._record(self._waiting[0])
        return NotFinal(
            f"{oldest.id} waits for a block with nonce {oldest.steps[0].nonce}, and {len(self._waiting) - 1} payments "
            "wait behind it.",
            hint=f"Run `l2send speedup {oldest.id}`, then run this command again.",
        )

    def _say_stuck(self) -> None:
        if self._said_stuck != self._waiting[0]:
            self._said_stuck = self._waiting[0]
            self.executor.progress(self._stuck().message)

    def _say_other(self, other: str) -> None:
        self.executor.progress(f"waiting for {other}, which uses the same account")

    def _tell(self, record: PaymentRecord) -> None:
        """Report each state of each payment once."""
        state = record.steps[0].outcome
        if self._states.get(record.id) is not state:
            self._states[record.id] = state
            self.report(record)

    def _record(self, payment_id: str) -> PaymentRecord:
        return self.executor.journal.get(payment_id)

    def _nonce(self, payment_id: str) -> Nonce:
        if payment_id not in self._nonces:
            nonce = self._record(payment_id).steps[0].nonce
            assert nonce is not None, "only signed payments wait"
            self._nonces[payment_id] = nonce
        return self._nonces[payment_id]

    @property
    def _pause(self) -> float:
        return self.poll or pause_between_looks(self._rpc.chain)

    @property
    def _rpc(self) -> Rpc:
        return self.executor.rpcs.on(self.chain_id)


@dataclass
class _Funds:
    """What an account holds, less what is pending: a node's balance does not include pending transactions.

    The account is the one that holds the money: the Safe, if one of its owners signs.
    """

    rpc: Rpc
    left: dict[tuple[Address, Token], int] = field(default_factory=dict[tuple[Address, Token], int])

    async def cover(self, record: PaymentRecord, *, first: bool) -> bool:
        """Whether one more payment is covered; it is counted as pending then.

        `first`: nothing is pending, so the balance is requested again. Raises CannotPay if it is too low.
        """
        payer, leaves = record.payment.sender, _leaves(record)
        for token, units in leaves.items():
            if (payer, token) not in self.left or (first and self.left[payer, token] < units):
                self.left[payer, token] = await self._held(payer, token)
        if all(self.left[payer, token] >= units for token, units in leaves.items()):
            for token, units in leaves.items():
                self.left[payer, token] -= units
            return True
        if first:
            sums = ", ".join(str(Amount(units, token)) for token, units in leaves.items())
            raise CannotPay(
                f"{record.id} pays {sums}, and the account holds no more than that on {self.rpc.chain.name}.",
                hint="Nothing was signed for it. Bring money to the account, then run this command again.",
            )
        return False

    async def _held(self, payer: Address, token: Token) -> int:
        if token.address is None:
            return await self.rpc.balance(payer)
        (units,) = await self.rpc.eth_call(Call(token.address, BALANCE_OF, (payer,)))
        return int(units)
