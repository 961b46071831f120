"""The public API: plan a payment, make it, and stay with it. The `l2send` command is built on it.

async with open_client() as client:
    destination = client.destination("base:0x…")
    payment = client.payment(sender, "25", "USDC", destination)
    review = await client.plan(payment)
    record = client.begin(review)
    record = await client.resume(record.id, signer)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from l2send.bridges import bridges_of, decode, decode_message
from l2send.core.address import Address
from l2send.core.bridge import Bridge, OrderState, SponsoredBridge
from l2send.core.calldata import BALANCE_OF
from l2send.core.chains import Registry, load_registry
from l2send.core.code import HOW_TO_PIN, not_pinned, why_other_code
from l2send.core.effects import Allows, Effects, Opens, Pays, TakesBack, check, check_refund
from l2send.core.errors import ConfigError, Refused
from l2send.core.paths import Paths
from l2send.core.plan import BRIDGE_FEE, Fee, Order, Payment, Plan, Quote, Sponsored, Step, StepKind, UnsignedTx, Way
from l2send.core.rpc import Call, Rpcs, open_rpcs
from l2send.core.typed import TypedData
from l2send.core.units import Amount, Nonce, Wei, parse_amount
from l2send.resolver.balances import Snapshot, confirm, take_snapshot
from l2send.resolver.contacts import Book, load_book
from l2send.resolver.destination import Destination, look_up, parse_destination, understand
from l2send.resolver.fill_rehearsal import refuse_undeliverable
from l2send.resolver.limits import Limits
from l2send.resolver.most import make_most_plan
from l2send.resolver.planner import make_plan
from l2send.resolver.recipient import Findings
from l2send.resolver.recipient import look as look_at_recipient
from l2send.resolver.token_exactness import refuse_inexact
from l2send.wallet.allowance import revocation
from l2send.wallet.execute import Executor, Guard
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record, TxRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import ENDED_IN_BLOCK, PaymentState, TxState
from l2send.wallet.keys.signer import Signer
from l2send.wallet.legs import make_ready, side_by_side
from l2send.wallet.lock import account_lock
from l2send.wallet.offline import Bundle, Part, fixed, most_of
from l2send.wallet.replacement import Bid, annulment, faster, nothing_instead
from l2send.wallet.sponsored import MessageGuard, SponsoredExecutor, refuse_to_cancel, refuse_to_hurry
from l2send.wallet.watch import check as look
from l2send.wallet.watch import follow

_FEES_MAY_GROW = 10
"""Times the network fees that were shown: beyond, nothing is signed."""

Say = Callable[[str], None]
"""Told a sentence at each step of a payment."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Something happened to a payment."""

    id: str
    """The payment's."""
    state: PaymentState
    """How the journal has it now: see docs/states.md."""
    text: str
    """What happened, in one sentence; of a payment from several chains with the leg it happened to."""

    def __str__(self) -> str:
        return self.text


Progress = Callable[[Turn], None]
"""Told everything that happens to a payment while one stays with it."""


def silent(_: Turn) -> None:
    """Progress that nobody wants to hear of."""


@dataclass(frozen=True, slots=True)
class Review:
    """A plan, and what its own bytes do: checked against the payment, ready to be shown and approved."""

    plan: Plan
    by_leg: tuple[tuple[Effects, ...], ...]
    """For each leg of the plan what its transactions do, in order."""
    findings: Findings
    """What the chains say of the recipient, to be told and confirmed."""
    not_pinned: tuple[str, ...] = ()
    """The contracts of its bridges that are known by address alone: nobody pinned the code they run."""

    @property
    def effects(self) -> tuple[Effects, ...]:
        """Everything that will be signed."""
        return tuple(effect for leg in self.by_leg for effect in leg)


@dataclass
class Client:
    """Everything that planning, paying and tracking need. Made by `open_client`."""

    paths: Paths
    registry: Registry
    rpcs: Rpcs
    journal: Journal
    bridges: dict[str, Bridge] = field(init=False)
    """Every way to move money that the registry knows, by name."""

    def __post_init__(self) -> None:
        self.bridges = bridges_of(self.registry)

    @property
    def book(self) -> Book:
        """The contacts, as the file has them now. Raises ConfigError for a file that cannot be trusted."""
        return load_book(self.paths.contacts)

    def destination(self, text: str) -> Destination:
        """The account that `text` spells out, in any form but a name (see `look_up`). Raises UsageError."""
        return parse_destination(text, self.registry, self.book)

    async def look_up(self, text: str) -> Destination:
        """The account that `text` names, in any form. Raises UsageError, NetworkError."""
        return await look_up(understand(text, self.registry, self.book), self.rpcs)

    def payment(self, sender: Address, amount: str, token: str, to: Destination) -> Payment:
        """A payment of `amount` (a decimal number) of `token` (symbol or address). Raises UsageError."""
        return Payment(sender, to.account, parse_amount(amount, to.chain.token(token)))

    async def balances(self, account: Address) -> Snapshot:
        """What `account` holds on every chain."""
        return await take_snapshot(account, self.rpcs)

    async def plan(self, payment: Payment, limits: Limits | None = None) -> Review:
        """The best way to make `payment`, decoded and checked. Raises CannotPay, NetworkError, Refused."""
        snapshot = await self.balances(payment.sender)
        looking = asyncio.create_task(look_at_recipient(payment, self.rpcs, self._known_accounts()))
        try:
            plan = await make_plan(payment, snapshot, self.bridges, self.rpcs, limits or Limits())
            return await self._review(plan, await looking)
        finally:  # Nothing asks on once the plan has failed: the connections are closed then.
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def choose(self, review: Review, way: Way) -> Review:
        """`review` with another of its plan's ways, decoded and checked as by `plan`. Raises NetworkError, Refused."""
        plan = review.plan
        others = tuple(other for other in (plan.way, *plan.alternatives) if other is not way)
        plan = replace(plan, way=way, why="chosen by the sender", alternatives=others)
        return await self._review(plan, review.findings)

    async def most(self, sender: Address, token: str, to: Destination, limits: Limits | None = None) -> Review:
        """The greatest payment of `token` that one chain can make, decoded and checked as by `plan`."""
        snapshot = await self.balances(sender)
        wanted = to.chain.token(token)
        plan = await make_most_plan(sender, to.account, wanted, snapshot, self.bridges, self.rpcs, limits or Limits())
        findings = await look_at_recipient(plan.payment, self.rpcs, self._known_accounts())
        return await self._review(plan, findings)

    def begin(self, review: Review, *, key: str | None = None, again: bool = False, typed_name: str = "") -> Record:
        """Write an approved payment into the journal; `resume` then makes it. Nothing is sent yet.

        With an idempotency `key` that the journal knows for this very payment, that payment is returned.
        Raises UsageError for a key that belongs to another payment, Refused while the same payment is open
        (unless `again`). `typed_name` is what the person called the recipient, kept for their history.
        """
        return self.journal.begin(review.plan.payment, review.plan.legs, key, again=again, typed_name=typed_name)

    async def prepare(
        self,
        review: Review,
        *,
        key: str | None = None,
        again: bool = False,
        typed_name: str = "",
        say: Say = lambda _: None,
    ) -> Record:
        """Write an approved payment into the journal as `begin` does, with its nonces and prices fixed: to be signed
        where no network is (wallet/offline.py). Raises as `begin` does, Refused, CannotPay, NetworkError.
        """
        payment, legs = review.plan.payment, review.plan.legs
        async with AsyncExitStack() as locks:
            for chain_id in sorted(leg.source.chain_id for leg in legs):
                lock = account_lock(self.paths.state / "locks", chain_id, payment.sender, "l2send prepare", say, 60.0)
                await locks.enter_async_context(lock)
            legs = await fixed(legs, payment.sender, self.journal, self.rpcs)
            return self.journal.begin(payment, legs, key, again=again, typed_name=typed_name)

    async def has_expired(self, review: Review) -> bool:
        """Whether the price of any leg has run out, by the clock of its chain: plan again then."""
        legs = [leg for leg in review.plan.legs if leg.expires is not None]
        times = await asyncio.gather(*(self.rpcs.on(leg.source.chain_id).time() for leg in legs))
        return any(leg.expires is not None and now >= leg.expires for leg, now in zip(legs, times, strict=True))

    def known(self, payment: Payment, key: str) -> Record | None:
        """The payment that an idempotency key stands for. Raises UsageError if that is another one."""
        return self.journal.known(payment, key)

    async def resume(
        self, payment_id: str, signer: Signer | None, *, patience: float = 600.0, progress: Progress = silent
    ) -> Record:
        """Carry a payment on from wherever it stopped, to its end or for `patience` seconds.

        Signed bytes go out again, unsigned steps are signed if they still make sense, an order is followed
        until it is filled, and the money of one that nobody filled is asked back. Of a payment from several
        chains none is opened before all can be, approvals mined; then they run side by side.
        """
        record = self.journal.find(payment_id)
        tell = self._teller(record.id, progress)
        for leg in record.legs:
            if signer and any(tx.state is TxState.PLANNED and tx.step.nonce is not None for tx in leg.steps):
                await self._executor(leg, signer, tell).find_sent(leg.id)
        record = self.journal.find(record.id)
        if isinstance(record, PaymentRecord):
            return await self._resume_leg(record.id, signer, patience, tell)

        async def approve(leg: PaymentRecord, say: Say) -> None:
            await self._executor(leg, signer, say).approve(leg.id, patience=patience)

        async def carry_on(leg: PaymentRecord, say: Say) -> None:
            await self._resume_leg(leg.id, signer, patience, say)

        async def why_void(leg: PaymentRecord) -> str:
            return await self._sponsored(leg, None, tell).why_void(leg)

        await make_ready(record, self.journal, self.rpcs, approve, why_void, tell)
        return await side_by_side(record, self.journal, carry_on, tell)

    async def _resume_leg(self, payment_id: str, signer: Signer | None, patience: float, say: Say) -> PaymentRecord:
        record = self.journal.get(payment_id)
        executor = self._sponsored(record, signer, say) if record.sponsored else self._executor(record, signer, say)
        record = await executor.resume(payment_id, patience=patience)
        if record.order is None:
            return record
        record = await follow(payment_id, self.journal, self.rpcs, self.bridges, say, patience=patience)
        if record.order and record.order.state is OrderState.REFUND_DUE and signer:
            order = record.order.order
            step = await self._bridge(order.bridge).refund(order, self.rpcs)
            if step is None:
                return record
            if step.tx.value:
                fee = Amount(step.tx.value, self.registry.chain(step.tx.chain_id).native)
                say(f"asking for the money back, for a fee of {fee}")
            executor = self._executor(record, signer, say)
            executor.max_fee = None  # That of the payment says nothing of a refund, later and maybe elsewhere.
            await executor.send_refund(payment_id, step, patience=patience)
            record = await follow(payment_id, self.journal, self.rpcs, self.bridges, say, patience=patience)
        return record

    def _bridge(self, name: str) -> Bridge:
        """The bridge of that name. Raises ConfigError where the registry no longer lists it."""
        if name not in self.bridges:
            raise ConfigError(
                f"chains.toml lists no settlers called {name[:40]!r} any more.",
                hint="Put their entry back: its contracts hold the money.",
            )
        return self.bridges[name]

    async def status(self, payment_id: str) -> Record:
        """One look at the chains, without waiting and without sending anything."""
        record = self.journal.find(payment_id)
        await asyncio.gather(*(look(leg.id, self.journal, self.rpcs, self.bridges) for leg in record.legs))
        return self.journal.find(record.id)

    async def watch(self, payment_id: str, *, patience: float = 600.0, progress: Progress = silent) -> Record:
        """Stay with a payment without signing or sending. Raises NotFinal after `patience` seconds."""
        record = self.journal.find(payment_id)
        tell = self._teller(record.id, progress)
        if isinstance(record, PaymentRecord):
            return await follow(record.id, self.journal, self.rpcs, self.bridges, tell, patience=patience)

        async def stay(leg: PaymentRecord, say: Say) -> None:
            await follow(leg.id, self.journal, self.rpcs, self.bridges, say, patience=patience)

        return await side_by_side(record, self.journal, stay, tell)

    async def faster(self, payment_id: str) -> list[Bid]:
        """What `replace` would sign to have a waiting payment mined sooner: the same again at a higher price.

        Raises Refused if nothing of it waits, NetworkError.
        """
        record = self.journal.get(payment_id)
        if record.sponsored:
            refuse_to_hurry(record)
        return await faster(record, self.journal, self.rpcs)

    async def cancellation(self, payment_id: str) -> list[Bid]:
        """What `replace` would sign so that a waiting payment never happens; maybe nothing. Raises Refused."""
        record = self.journal.get(payment_id)
        if record.sponsored:
            refuse_to_cancel(record)
            return []
        return await nothing_instead(record, self.journal, self.rpcs)

    async def nonces_taken(self, payment_id: str) -> list[Nonce]:
        """Of what was prepared to be signed elsewhere the nonces that the chain has used, nobody here knows by what."""
        taken = list[Nonce]()
        for tx in self.journal.get(payment_id).approved:
            if tx.nonce is None and tx.step.nonce is not None and not self._took(tx):
                count = await self.rpcs.on(tx.chain_id).nonce(tx.sender, "latest")
                taken += [tx.step.nonce] if tx.step.nonce < count else []
        return taken

    def _took(self, prepared: TxRecord) -> bool:
        """Whether another transaction of the journal has its nonce for good, so that it cannot happen any more."""
        assert prepared.step.nonce is not None
        signed = self.journal.signed_from(prepared.chain_id, prepared.sender, prepared.step.nonce)
        return any(tx.nonce == prepared.step.nonce and tx.state in ENDED_IN_BLOCK for tx in signed)

    async def replace(
        self, payment_id: str, bids: Sequence[Bid], signer: Signer | None, *, progress: Progress = silent
    ) -> PaymentRecord:
        """Sign `bids` and hand them out; `resume` then follows what the chain makes of them.

        Raises Refused, CannotPay, NetworkError, ConfigError where nothing more was signed.
        """
        executor = self._executor(self.journal.get(payment_id), signer, self._teller(payment_id, progress))
        executor.guard = _guard_of_bids(executor.guard, bids)
        executor.max_fee = None  # That of the payment; each bid is signed at its own price, or not at all.
        return await executor.replace(payment_id, bids)

    async def cancel(
        self, payment_id: str, bids: Sequence[Bid], signer: Signer | None, *, progress: Progress = silent
    ) -> PaymentRecord:
        """Never sign what of a payment is not signed yet, and `replace` what waits by `bids`."""
        record = self.journal.cancel(self.journal.get(payment_id).id, "cancelled by its sender")
        return await self.replace(payment_id, bids, signer, progress=progress) if bids else record

    async def revocation(self, payment_id: str) -> Step | None:
        """What `revoke` would sign: the allowance that a payment gave its bridge and will not use is taken back.

        None where nothing is allowed. Raises Refused while another open payment needs it, NetworkError.
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
        """Take an allowance back by `step`, of a payment that is never signed any more. Raises as `resume` does."""
        record = self.journal.cancel(self.journal.get(payment_id).id, "cancelled by its sender")
        executor = self._executor(record, signer, self._teller(record.id, progress))
        executor.max_fee = None  # That of the payment says nothing of what is sent later.
        return await executor.send_revocation(record.id, step, patience=patience)

    def history(self) -> list[Record]:
        """Every payment of the journal, newest first."""
        return list(self.journal.history())

    def _known_accounts(self) -> list[Address]:
        """Those that were paid before, and the contacts."""
        paid = (record.payment.to.address for record in self.journal.history())
        return [*paid, *(contact.address for contact in self.book)]

    async def _review(self, plan: Plan, findings: Findings) -> Review:
        """The plan, decoded and checked against the payment and against what the chains say. Raises Refused."""
        by_leg = _checked_legs(plan, self.registry)
        target = self.registry.chain(plan.payment.to.chain_id)
        await asyncio.gather(*(self._confirm(plan.payment, leg) for leg in plan.legs))
        unknown = [name for leg in plan.legs for name in not_pinned(leg.settlers, (leg.source, target))]
        return Review(plan, by_leg, findings, tuple(dict.fromkeys(unknown)))

    async def _confirm(self, payment: Payment, leg: Quote) -> None:
        """The money is there, the contracts are those that were pinned, and the recipient can be paid."""
        target = self.rpcs.on(payment.to.chain_id)
        other_code, *_ = await asyncio.gather(
            why_other_code(leg.settlers, (leg.source, target.chain), self.rpcs),
            confirm(payment.sender, leg.pays, self.rpcs.on(leg.source.chain_id)),
            *(self._order_checks(leg.order) if leg.order else []),
        )
        if other_code:
            raise Refused(f"{other_code}.", hint=HOW_TO_PIN)

    def _order_checks(self, order: Order) -> tuple[Awaitable[None], ...]:
        """That what is locked is what was agreed, and that the recipient can be paid. Each raises Refused."""
        origin, target = self.rpcs.on(order.origin), self.rpcs.on(order.destination)
        return refuse_inexact(order.pays, order.sender, origin), refuse_undeliverable(order, target)

    def _teller(self, payment_id: str, progress: Progress) -> Say:
        """What is said of a payment, told together with its state."""

        def say(text: str) -> None:
            record = self.journal.find(payment_id)
            progress(Turn(record.id, record.state, text))

        return say

    def _executor(self, record: PaymentRecord, signer: Signer | None, say: Say) -> Executor:
        guard, cap = _guard(record, self.registry), _fee_cap(record)
        return Executor(self.journal, self.rpcs, signer, self.paths.state / "locks", guard, say, cap, self._renew)

    async def _renew(self, record: PaymentRecord) -> tuple[PaymentRecord, Guard]:
        """The payment with a new quote of the same bridge from the same chain: see Renewal.

        What the networks may take stays as it was approved; what the bridge takes must not be more.
        """
        old, source = record.terms, self.registry.chain(record.terms.source)
        held, native = await self._funds(record)
        quote = await self._bridge(old.bridge).quote(record.payment, source, held, native, self.rpcs)
        if quote is None or quote.order is None or not quote.steps:
            raise Refused(f"{old.bridge} has no new quote.")
        if quote.pays.units > old.pays.units:
            raise Refused(f"the new quote takes {quote.pays}, {old.pays} were approved.")
        _checked_effects(record.payment, (step.tx for step in quote.steps), quote.pays, self.registry)
        approved = [fee for fee in old.fees if fee.name != BRIDGE_FEE]
        fees = (*(fee for fee in quote.fees if fee.name == BRIDGE_FEE), *approved)
        record = self.journal.requote(record, replace(quote, fees=fees))
        return record, _guard(record, self.registry)

    async def _funds(self, record: PaymentRecord) -> tuple[Amount, Amount]:
        """What the sender holds where the payment comes from, of its token and of the coin for gas."""
        rpc, token = self.rpcs.on(record.terms.source), record.terms.pays.token
        native = Amount(await rpc.balance(record.payment.sender), rpc.chain.native)
        if token.address is None:
            return native, native
        (units,) = await rpc.eth_call(Call(token.address, BALANCE_OF, (record.payment.sender,)))
        return Amount(units, token), native

    def _sponsored(self, record: PaymentRecord, signer: Signer | None, say: Say) -> SponsoredExecutor:
        bridge = self._bridge(record.terms.bridge)
        if not isinstance(bridge, SponsoredBridge):
            raise ConfigError(f"{record.terms.bridge} opens no orders by signature any more.")
        guard = _message_guard(record, self.registry)
        return SponsoredExecutor(self.journal, self.rpcs, signer, bridge, self.paths.state / "locks", guard, say)


def review_of(bundle: Bundle, registry: Registry) -> Review:
    """A prepared payment, decoded and checked as a plan is, with nothing but its bytes and the registry.

    Every fee is the most it can be, computed from what is signed. Raises Refused.
    """
    plan = Plan(bundle.payment, Way(tuple(_quote_of(part, registry) for part in bundle.parts)), "prepared before")
    return Review(plan, _checked_legs(plan, registry), Findings())


def _quote_of(part: Part, registry: Registry) -> Quote:
    """What leaves and what arrives is read from the transaction that pays, not from the file."""
    source = registry.chain(part.chain_id)
    fees = (Fee("network fee at most", Amount(sum(most_of(step) for step in part.steps), source.native)),)
    match decode(part.steps[-1].tx, registry):
        case Opens(order):
            return Quote(
                order.bridge, source, order.pays, order.delivers, fees, part.duration, part.steps, order, part.until
            )
        case Pays(amount):
            return Quote("direct", source, amount, amount, fees, part.duration, part.steps, None, part.until)
        case _:
            raise Refused("the last transaction of the file does not pay.")


def _fee_cap(record: PaymentRecord) -> Wei | None:
    """The most that one of its transactions may cost in network fees; None where none were shown."""
    shown = sum(f.amount.units for f in record.terms.fees if f.amount.token.is_native and f.name != BRIDGE_FEE)
    return Wei(_FEES_MAY_GROW * shown) if shown else None


def _checked_legs(plan: Plan, registry: Registry) -> tuple[tuple[Effects, ...], ...]:
    """The effects of every leg, each a payment of its own part; the parts sum to the payment. Raises Refused."""
    payment = plan.payment
    together = sum(leg.delivers.units for leg in plan.legs)
    if together != payment.amount.units or any(leg.delivers.token != payment.amount.token for leg in plan.legs):
        raise Refused(f"the plan delivers {Amount(together, payment.amount.token)}, not {payment.amount}.")
    if len({leg.source.chain_id for leg in plan.legs}) != len(plan.legs):
        raise Refused("the plan takes money from one chain twice.")
    return tuple(_checked_leg(replace(payment, amount=leg.delivers), leg, registry) for leg in plan.legs)


def _checked_leg(payment: Payment, leg: Quote, registry: Registry) -> tuple[Effects, ...]:
    if leg.sponsored:
        return _checked_messages(payment, leg.bridge, leg.sponsored, leg.pays, registry)
    return _checked_effects(payment, (step.tx for step in leg.steps), leg.pays, registry)


def _checked_effects(
    payment: Payment, txs: Iterable[UnsignedTx], spent: Amount, registry: Registry
) -> tuple[Effects, ...]:
    """Decode every transaction and compare the whole with the payment. Raises Refused."""
    effects = tuple(decode(tx, registry) for tx in txs)
    check(effects, payment, spent, registry)
    return effects


def _checked_messages(
    payment: Payment, bridge: str, sponsored: Sponsored, spent: Amount, registry: Registry
) -> tuple[Effects, ...]:
    """Decode every message and compare the whole with the payment. Raises Refused."""
    effects = tuple(decode_message(bridge, message.data, registry) for message in sponsored.messages)
    check(effects, payment, spent, registry)
    return effects


def _guard(record: PaymentRecord, registry: Registry) -> Callable[[UnsignedTx], None]:
    """Lets pass what the payment needs, decoded anew from the signed bytes, and nothing else.

    Money or an allowance is taken back from the contracts of its order, even where the registry names others by now.
    """

    def guard(tx: UnsignedTx) -> None:
        effect = decode(tx, registry)
        if isinstance(effect, TakesBack) and record.order:
            check_refund(effect, record.order.order)
        elif effect != _nothing_allowed(record) and effect not in _approved(record, registry):
            raise Refused("the signed bytes do something else than was approved; they were thrown away.")

    return guard


def _nothing_allowed(record: PaymentRecord) -> Allows | None:
    """The allowance that the payment gave its bridge, taken back."""
    if record.order is None or record.terms.pays.token.address is None:
        return None
    return Allows(Amount(0, record.order.order.pays.token), record.order.order.origin_settler)


def _approved(record: PaymentRecord, registry: Registry) -> tuple[Effects, ...]:
    """What the payment's own transactions do, compared with it and with the registry once more. Raises Refused."""
    # An approval that is signed was compared then, and may be for more than a later quote takes; whatever became of it
    # since, it is signed again as it is or not at all.
    signed = [tx for tx in record.approved if tx.step.kind is StepKind.APPROVE and tx.raw]
    left = [tx for tx in record.approved if tx not in signed]
    approved = _checked_effects(record.payment, (tx.step.tx for tx in left), record.terms.pays, registry)
    nothing = _nothing_allowed(record)
    if nothing is None:
        return approved
    again = (decode(tx.step.tx, registry) for tx in signed)
    theirs = (nothing.spender, nothing.amount.token)
    return (*approved, *(e for e in again if isinstance(e, Allows) and (e.spender, e.amount.token) == theirs))


def _message_guard(record: PaymentRecord, registry: Registry) -> MessageGuard:
    """Lets pass the messages that the payment needs, decoded anew, and nothing else."""
    assert record.sponsored
    bridge, sponsored, pays = record.terms.bridge, record.sponsored.sponsored, record.terms.pays

    def guard(data: TypedData) -> None:
        approved = _checked_messages(record.payment, bridge, sponsored, pays, registry)
        if decode_message(bridge, data, registry) not in approved:
            raise Refused("the message does something else than was approved; it was not signed.")

    return guard


def _guard_of_bids(guard: Guard, bids: Sequence[Bid]) -> Guard:
    """Of a cancellation exactly the transfers of nothing that take the nonces of what waits; else `guard`."""
    nothing = [annulment(bid.former) for bid in bids if bid.step.kind is StepKind.CANCEL]

    def guard_bids(tx: UnsignedTx) -> None:
        if tx in nothing:
            return
        if len(nothing) == len(bids):
            raise Refused("the signed bytes do something where nothing was to be done; they were thrown away.")
        guard(tx)

    return guard_bids


@asynccontextmanager
async def open_client(paths: Paths | None = None, registry: Registry | None = None) -> AsyncIterator[Client]:
    """A client over the registry and the journal of `paths` (by default the user's)."""
    paths = paths or Paths.from_environment()
    registry = registry or load_registry(paths)
    async with open_rpcs(registry) as rpcs:
        journal = SqliteJournal(paths.journal)
        try:
            yield Client(paths, registry, rpcs, journal)
        finally:
            journal.close()
