"""The public API: plan a payment, make it, and follow it. The `l2send` command is built on it.

async with open_client() as client:
    destination = client.destination("base:0x…")
    review = await client.plan(client.payment(sender, "25", "USDC", destination))
    record = client.begin(review)
    record = await client.resume(record.id, signer)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from l2send.bridges import bridge_named, bridges_of
from l2send.client_closing import ClientClosing
from l2send.client_queue import Queueing
from l2send.client_safes import ClientSafes
from l2send.core.address import Address
from l2send.core.bridge_protocol import Bridge, OrderState
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import L2sendError
from l2send.core.limit_files import load_limits, shared_limits
from l2send.core.paths import Paths
from l2send.core.plan import Payment, Step, UnsignedTx, Way
from l2send.core.rpc import Rpcs, open_rpcs
from l2send.core.units import Nonce, parse_amount
from l2send.delegating import Delegations
from l2send.fee_caps import FeeLimit
from l2send.guard import Guard
from l2send.planning import plan_calls, plan_max, plan_payment
from l2send.preparing import prepare_payment
from l2send.progress_events import Progress, reporter, reporting, silent
from l2send.quote_renewal import renewed_quote
from l2send.read_web3 import ReadsByWeb3
from l2send.refunding import refund_to_send
from l2send.resolver.balances import Snapshot, take_snapshot
from l2send.resolver.contacts import Book, load_book
from l2send.resolver.destination import Destination, look_up, parse_destination, understand
from l2send.resolver.way_limits import Limits
from l2send.resume_many import resume_all
from l2send.review import Review, has_expired, review_plan
from l2send.safes import send_signed, with_safe_nonce
from l2send.shared_payments import SharedPayments
from l2send.wallet.allowance import revocation
from l2send.wallet.broadcasting import Say
from l2send.wallet.ends import Ends
from l2send.wallet.executor import Executor
from l2send.wallet.journal.errors import again_if_changed
from l2send.wallet.journal.location import open_journal
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import TxState
from l2send.wallet.keys.signer import Signer
from l2send.wallet.legs import make_ready, side_by_side
from l2send.wallet.looks_ahead import LooksAhead
from l2send.wallet.nonce_window import SIZE as WINDOW
from l2send.wallet.replacement import Bid, cancel_bids, speedup_bids
from l2send.wallet.safe_files import SafeBundle
from l2send.wallet.sponsored import SponsoredExecutor, cancel_of, refuse_cancel, refuse_speedup, sponsoring
from l2send.wallet.watch import follow, look_once

if TYPE_CHECKING:
    from l2send.batches import Batches


@dataclass
class Client(ClientClosing, Delegations, ClientSafes, SharedPayments, ReadsByWeb3, Queueing):
    """Plans, makes and tracks payments. Created by `open_client`."""

    paths: Paths
    registry: Registry
    rpcs: Rpcs
    journal: Journal
    fee_limit: FeeLimit | None = None
    """The most that refunds, speedups and cancellations may cost, in place of the usual caps: see fee_caps.py."""
    guard: Guard = field(init=False)
    """Called before every signature."""
    _ahead: LooksAhead = field(default_factory=LooksAhead, init=False)

    def __post_init__(self) -> None:
        self.guard = Guard(self.registry, self.fee_limit, lambda group_id: len(self.journal.find(group_id).legs))

    @cached_property
    def bridges(self) -> Mapping[str, Bridge]:
        """Every bridge in the registry, and direct transfers, by name. Loaded when they are needed."""
        return bridges_of(self.registry)

    @property
    def ends(self) -> Ends:
        """Records end states of transactions, messages and orders."""
        return Ends(self.journal, self.rpcs, self.bridges)

    @property
    def book(self) -> Book:
        """The contacts, read from the file now. Raises ConfigError for a file that cannot be trusted."""
        return load_book(self.paths.contacts)

    @property
    def batch(self) -> Batches:
        """Files of payments, each paid as one: see batches.py."""
        from l2send.batches import Batches  # one payment does not wait for them

        return Batches(self.journal, self.rpcs, self.bridges, self._accounts_like, self.resume_many)

    def destination(self, text: str) -> Destination:
        """Parse `text` as an account, in any form but a name (see `look_up`). Raises UsageError."""
        return parse_destination(text, self.registry, self.book)

    async def look_up(self, text: str) -> Destination:
        """Parse or resolve `text` as an account, in any form. Raises UsageError, NetworkError."""
        return await look_up(understand(text, self.registry, self.book), self.rpcs)

    def payment(
        self,
        sender: Address,
        amount: str,
        token: str,
        to: Destination,
        *,
        executor: Address | None = None,
        by_owners: bool = False,
    ) -> Payment:
        """A payment of `amount` (a decimal number) of `token` (symbol or address). Raises UsageError.

        If `sender` is a Safe, `executor` is the owner who signs and sends; `by_owners`: its owners sign a file.
        """
        return Payment(sender, to.account, parse_amount(amount, to.chain.token(token)), executor, by_owners)

    async def balances(self, account: Address) -> Snapshot:
        """What `account` holds on every chain."""
        return await take_snapshot(account, self.rpcs)

    async def plan(self, payment: Payment, limits: Limits | None = None) -> Review:
        """The best way to make `payment`, decoded and checked. Raises CannotPay, NetworkError, Refused."""
        self.journal.refuse_over_limits([payment])
        like, limits = self._accounts_like, limits or Limits()
        review = await plan_payment(payment, limits, lambda: self.bridges, self.rpcs, like)
        return self._with_past(review)

    async def choose(self, review: Review, way: Way) -> Review:
        """`review` with another of its plan's ways, decoded and checked as by `plan`. Raises NetworkError, Refused."""
        plan = review.plan
        others = tuple(other for other in (plan.way, *plan.alternatives) if other is not way)
        plan = replace(plan, way=way, why="chosen by the sender", alternatives=others)
        chosen = await review_plan(plan, review.findings, self.rpcs)
        return self._with_past(replace(chosen, held=review.held))

    async def plan_max(self, asked: Payment, limits: Limits | None = None) -> Review:
        """The largest payment like `asked`, of any amount, that all chains can make, decoded and checked."""
        return self._with_past(await plan_max(asked, limits or Limits(), self.bridges, self.rpcs, self._accounts_like))

    async def plan_calls(self, payment: Payment, calls: Sequence[UnsignedTx], limits: Limits | None = None) -> Review:
        """Exactly these calls of a Safe as the way to make the payment of `payment_of_calls`, checked as by `plan`."""
        like = self._accounts_like
        return self._with_past(await plan_calls(payment, calls, limits or Limits(), self.bridges, self.rpcs, like))

    def _with_past(self, review: Review) -> Review:
        self.journal.refuse_over_limits([review.plan.payment])
        paid_before = self.journal.paid_before(review.plan.payment.to.address)
        return replace(with_safe_nonce(review, self.journal), paid_before=paid_before)

    def begin(
        self, review: Review, *, key: str | None = None, again: bool = False, typed_name: str = "", memo: str = ""
    ) -> Record:
        """Record an approved payment in the journal; `resume` then makes it. Nothing is sent yet.

        If the journal has this payment under the idempotency `key`, it is returned. Raises UsageError if the key
        belongs to another payment, Refused for a limit or while an equal payment is open (unless `again`). `typed_name`
        is the name you typed for the recipient, `memo` your own note; both stay in the journal.
        """
        payment, legs = review.plan.payment, review.plan.legs
        return self.journal.begin(payment, legs, key, again=again, typed_name=typed_name, memo=memo)

    async def prepare(
        self,
        review: Review,
        *,
        key: str | None = None,
        again: bool = False,
        typed_name: str = "",
        memo: str = "",
        say: Say = lambda _: None,
    ) -> Record:
        """Record an approved payment as `begin` does, with fixed nonces and prices, for signing on an offline machine
        (wallet/offline.py). Raises as `begin` does, Refused, CannotPay, NetworkError.
        """
        locks = self.paths.state / "locks"
        begin = partial(self.journal.begin, key=key, again=again, typed_name=typed_name, memo=memo)
        return await prepare_payment(review, self.journal, self.rpcs, locks, begin, say)

    async def execute(
        self, bundle: SafeBundle, signer: Signer, *, patience: float = 600.0, progress: Progress = silent
    ) -> Record:
        """Have a Safe run what its owners signed, once, and follow the payment. Raises as `resume` does."""
        bundle = self.adopted(bundle) or bundle
        await self.status(bundle.id)
        record, tell = self.get(bundle.id), reporter(bundle.id, self.journal, progress)
        await send_signed(record, bundle, signer.address, self.executor(signer, tell), patience=patience)
        return await self.resume(bundle.id, signer, patience=patience, progress=progress)

    async def has_expired(self, review: Review) -> bool:
        """Whether any leg's price has expired, by the clock of its chain."""
        return await has_expired(review, self.rpcs)

    async def resume(
        self,
        payment_id: str,
        signer: Signer | None,
        *,
        patience: float = 600.0,
        progress: Progress = silent,
        resend_refund: bool = False,
    ) -> Record:
        """Resume a payment where it stopped, until it ends or for `patience` seconds.

        Signed bytes are broadcast again, unsigned steps are signed if they are still valid, an order is followed until
        it is filled, and the refund of an unfilled order is requested. With several chains, no leg is opened before all
        can be; then they run concurrently. Payments that share a transaction are resumed together. `resend_refund`
        requests a refund again if its message was lost.
        """
        record = self.journal.find(payment_id)
        tell = reporter(record.id, self.journal, progress)
        if record.legs[0].ride:
            await self.resume(record.legs[0].driven_by, signer, patience=patience, progress=progress)
            return self.journal.find(record.id)
        for leg in record.legs:
            if signer and any(tx.state is TxState.PLANNED and tx.step.nonce is not None for tx in leg.steps):
                await self.executor(signer, tell).find_sent(leg.id)
        record = self.journal.find(record.id)
        if isinstance(record, PaymentRecord):
            return await again_if_changed(
                lambda: self._resume_leg(record.id, signer, patience, tell, resend_refund=resend_refund)
            )

        async def carry_on(leg: PaymentRecord, say: Say) -> None:
            await again_if_changed(lambda: self._resume_leg(leg.id, signer, patience, say, resend_refund=resend_refund))

        await make_ready(
            record,
            self.ends,
            lambda leg, say: self.executor(signer, say).approve(leg.id, patience=patience),
            lambda leg: self._sponsored(leg, None, tell).why_void(leg),
            lambda leg, say: self.executor(signer, say).look_before(leg.id),
            tell,
        )
        return await side_by_side(record, self.journal, carry_on, tell)

    async def resume_many(
        self,
        payment_ids: Sequence[str],
        signer: Signer | None,
        *,
        window: int = WINDOW,
        patience: float = 600.0,
        progress: Progress = silent,
    ) -> Mapping[str, L2sendError]:
        """Resume many payments at once. Returns the errors that stopped payments, by payment id.

        Direct transfers of one account on one chain are signed with consecutive nonces, at most `window` of them
        pending; all others are resumed as by `resume`, several at a time. One failure stops no other payment.
        """
        one = partial(self.resume, signer=signer, patience=patience, progress=progress)
        report, executor = reporting(progress), self.executor(signer, lambda _: None)
        return await resume_all(payment_ids, self.journal, executor, one, report, size=window, patience=patience)

    async def _resume_leg(
        self, payment_id: str, signer: Signer | None, patience: float, say: Say, *, resend_refund: bool
    ) -> PaymentRecord:
        record = self.journal.get(payment_id)
        following = partial(follow, payment_id, self.journal, self.rpcs, self.bridges, say, patience=patience)
        if undoing := cancel_of(record):
            await self.executor(signer, say).send_revocation(payment_id, undoing.step, patience=patience)
        elif record.sponsored:
            await self._sponsored(record, signer, say).resume(payment_id, patience=patience)
        else:
            beside = partial(following, driven=True) if record.order and not record.proposal else None
            await self.executor(signer, say).resume(payment_id, patience=patience, beside=beside)
        if record.order is None and record.proposal is None and record.sponsored is None:
            return self.journal.get(payment_id)
        record = await following()
        if record.order and record.order.state is OrderState.REFUND_DUE and signer:
            bridge = bridge_named(self.bridges, record.order.order.bridge)
            step = await refund_to_send(record, bridge, self.rpcs, say, resend=resend_refund)
            if step is not None:
                await self.executor(signer, say).send_refund(payment_id, step, again=resend_refund, patience=patience)
                return await following()
        return record

    async def status(self, payment_id: str) -> Record:
        """Query the chains once, without waiting and without sending anything."""
        record = self.journal.find(payment_id)
        await asyncio.gather(*(look_once(leg.id, self.journal, self.rpcs, self.bridges) for leg in record.legs))
        return self.journal.find(record.id)

    async def watch(self, payment_id: str, *, patience: float = 600.0, progress: Progress = silent) -> Record:
        """Follow a payment without signing or sending. Raises NotFinal after `patience` seconds."""
        record = self.journal.find(payment_id)
        tell = reporter(record.id, self.journal, progress)
        if isinstance(record, PaymentRecord):
            return await follow(record.id, self.journal, self.rpcs, self.bridges, tell, patience=patience)
        stay = partial(follow, journal=self.journal, rpcs=self.rpcs, bridges=self.bridges, patience=patience)
        return await side_by_side(record, self.journal, lambda leg, say: stay(leg.id, say=say), tell)

    async def speedup_bids(self, payment_id: str) -> list[Bid]:
        """What `replace` would sign to speed up a pending payment: the same transactions at a higher price.

        Raises Refused if none is pending, NetworkError.
        """
        if (record := self.not_shared(payment_id)).sponsored:
            refuse_speedup(record)
        return await speedup_bids(record, self.journal, self.rpcs)

    async def cancel_bids(self, payment_id: str) -> list[Bid]:
        """What `replace` would sign to cancel a pending payment; may be empty. Raises Refused."""
        record = self.by_itself(payment_id)
        if record.sponsored:
            refuse_cancel(record)
            return []
        return await cancel_bids(record, self.journal, self.rpcs)

    async def nonces_taken(self, payment_id: str) -> list[Nonce]:
        """The used nonces of a prepared payment that are not proved to be used by something else."""
        return await self.ends.nonces_maybe_sent(self.journal.get(payment_id))

    async def replace(
        self, payment_id: str, bids: Sequence[Bid], signer: Signer | None, *, progress: Progress = silent
    ) -> PaymentRecord:
        """Sign `bids` and broadcast them; `resume` then follows the result.

        Raises Refused, CannotPay, NetworkError, ConfigError if nothing more was signed.
        """
        return await self.executor(signer, reporter(payment_id, self.journal, progress)).replace(payment_id, bids)

    async def cancel(
        self, payment_id: str, bids: Sequence[Bid], signer: Signer | None, *, progress: Progress = silent
    ) -> PaymentRecord:
        """Cancel the unsigned steps of a payment, and `replace` its pending transactions by `bids`."""
        record = await self.ends.never_signed(self.by_itself(payment_id), "cancelled by its sender", by_sender=True)
        return await self.replace(payment_id, bids, signer, progress=progress) if bids else record

    async def revocation(self, payment_id: str) -> Step | None:
        """What `revoke` would sign to revoke what a payment allowed its bridge, or signed for a sponsor (allowance.py).

        None if the allowance is zero. Raises Refused while another open payment needs it, NetworkError.
        """
        return await revocation(self.journal.get(payment_id), self.journal, self.rpcs)

    async def revoke(
        self,
        payment_id: str,
        step: Step,
        signer: Signer | None,
        *,
        patience: float = 600.0,
        progress: Progress = silent,
    ) -> PaymentRecord:
        """Revoke by `step` what `revocation` found; nothing else is signed from then on. Raises as `resume` does."""
        record = await self.ends.never_signed(self.journal.get(payment_id), "cancelled by its sender", by_sender=True)
        say = reporter(record.id, self.journal, progress)
        return await self.executor(signer, say).send_revocation(record.id, step, patience=patience)

    def _accounts_like(self, account: Address) -> list[Address]:
        """Contacts, and accounts paid before, with the first and last characters of `account`."""
        return [*self.journal.recipients_like(account), *(contact.address for contact in self.book)]

    def executor(self, signer: Signer | None, say: Say) -> Executor:
        """The executor, which signs, broadcasts, and asks the guard before each signature."""
        folder = self.paths.state / "locks"
        return Executor(
            self.journal, self.rpcs, signer, folder, self.guard, say, self._renew, self.bridges, self._ahead
        )

    async def _renew(self, record: PaymentRecord) -> PaymentRecord:
        """The payment with a new quote: see Renewal."""
        quote = await renewed_quote(record, bridge_named(self.bridges, record.terms.bridge), self.rpcs)
        return self.journal.requote(record, quote)

    def _sponsored(self, record: PaymentRecord, signer: Signer | None, say: Say) -> SponsoredExecutor:
        bridge = sponsoring(bridge_named(self.bridges, record.terms.bridge))
        return SponsoredExecutor(self.journal, self.rpcs, signer, bridge, self.paths.state / "locks", self.guard, say)


@asynccontextmanager
async def open_client(
    paths: Paths | None = None, registry: Registry | None = None, *, fee_limit: FeeLimit | None = None
) -> AsyncIterator[Client]:
    """A client for the registry and the journal of `paths` (by default the user's); `fee_limit` as in `Client`."""
    paths = paths or Paths.from_environment()
    registry = registry or load_registry(paths)
    async with open_rpcs(registry) as rpcs:
        journal = open_journal(paths, partial(load_limits, paths, registry), partial(shared_limits, registry=registry))
        try:
            yield Client(paths, registry, rpcs, journal, fee_limit)
        finally:
            journal.close()
