"""Turns a planned transaction into signed bytes in the journal. If anything raises here, that transaction was not sent.

All that a signature depends on is requested in one round trip: the chain id, the clocks and the code of the order's
contracts, the account's nonce, today's price, the balance, and whether the transaction would succeed. Then the answers
are checked one after another; the first failure is reported. The bytes are decoded again, the guard compares them with
what was approved, and the journal has them on disk before anything else happens.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from l2send.core.address import Address
from l2send.core.delegate_code import code_before_delegating, code_of_payer
from l2send.core.delegation import ends_delegation, why_other_delegation
from l2send.core.errors import ConfigError, NetworkError, Refused
from l2send.core.fees import L1Fee, gas_price
from l2send.core.plan import GasPrice, Step, StepKind
from l2send.core.polling import may_hold
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.safe import does_nothing
from l2send.core.shared_tx import refuse_unless_batching
from l2send.core.units import ChainId, Nonce, Wei
from l2send.wallet.before_signing import (
    Cost,
    Estimate,
    FeeCap,
    GasTerms,
    TxGuard,
    estimate_competing,
    estimates_together,
    l1_fee_at_most,
    look_at_cost,
    pin_chain,
    price_of,
    why_not_now,
    why_order_is_late,
    why_unlike_pinned,
)
from l2send.wallet.behind_approval import gas_behind, waiting_before
from l2send.wallet.broadcasting import Offering
from l2send.wallet.ends import Ends
from l2send.wallet.failpoints import Failpoint, failpoint
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.keys.signed import SignedTx, decode_signed
from l2send.wallet.keys.signer import Signer
from l2send.wallet.late_openings import is_stale, not_run, not_sent_again
from l2send.wallet.multicall3_checks import refuse_unless_together, why_not_together
from l2send.wallet.nonces import choose, refuse_unless_prepared_so
from l2send.wallet.receipts import observe
from l2send.wallet.replacement import Bid, refuse_unless_it_outbids

PAYING_KINDS = frozenset({StepKind.TRANSFER, StepKind.APPROVE, StepKind.OPEN, StepKind.EXECUTE, StepKind.TOGETHER})
"""Kinds of steps that make a payment; the others refund or cancel."""

_OLD_CHECKS = 0.6
"""Seconds after the answers when checks count as old: a key on this machine signs at once."""
_OLD_QUESTIONS = 3.0
"""Seconds after the requests when checks count as old: a node may take long to answer."""

T = TypeVar("T")


class LateBehind(Refused):
    """It must no longer be sent, and the step before it is pending: nothing was signed; the payment stays open."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The answers that a signature needs: each is an answer or its error."""

    at: float
    """When they were requested, by a clock of this machine that runs on while a laptop sleeps."""
    answered: float
    """When the last answer arrived."""
    pinned: BaseException | None
    reason: str | BaseException
    """Why it must no longer be signed; empty if it may."""
    counts: tuple[Nonce, Nonce] | BaseException
    """The account's transaction counts: with pending ones, and in blocks."""
    cap: FeeCap | BaseException
    cost: Cost | BaseException
    code: bytes | BaseException
    """The account's own code: an EIP-7702 delegation to code that is there, or empty."""
    not_together: str | BaseException
    """Why several payments must not be made through Multicall3; empty if they may, and for other transactions."""

    def are_old(self) -> bool:
        """Whether signing took so long that the answers must be requested again."""
        now = time.time()
        return abs(now - self.answered) > _OLD_CHECKS or abs(now - self.at) > _OLD_QUESTIONS


@dataclass(frozen=True, slots=True)
class AccountLooks:
    """The answers that all signatures of one account on one chain can share for moments: answers or errors."""

    at: float
    pinned: BaseException | None
    counts: tuple[Nonce, Nonce] | BaseException
    today: GasPrice | BaseException
    balance: Wei | BaseException
    code: bytes | BaseException

    def cost(self, l1_fee: L1Fee | BaseException, estimate: Estimate | BaseException) -> Cost | BaseException:
        """What a transaction costs by these answers, or the first error."""
        for answer in (self.today, self.balance, l1_fee):
            if isinstance(answer, BaseException):
                return answer
        if isinstance(estimate, BaseException) and not isinstance(estimate, NetworkError | Refused):
            return estimate
        return Cost(_value(self.today), _value(l1_fee), _value(self.balance), estimate)


@dataclass(frozen=True, slots=True)
class Signing:
    """Signs for an executor."""

    journal: Journal
    rpcs: Rpcs
    signer: Signer | None
    guard: TxGuard
    ends: Ends
    offering: Offering
    say: Callable[[str], None]

    async def look(self, record: PaymentRecord, tx: TxRecord) -> Looks:
        """Request all that a signature of `tx` depends on, in one round trip. Raises nothing: signing judges it."""
        rpc = self.rpcs.on(tx.chain_id)
        paying, asked_at = _pays(tx.step), time.time()
        found, not_together = await asyncio.gather(  # Two: the types of at most six are inferred.
            asyncio.gather(
                pin_chain(rpc),
                why_not_now(record, self.rpcs) if paying else _nothing(),
                rpc.nonces(tx.sender),
                self.guard.fee_cap(self.journal.get(record.id), tx, rpc),
                look_at_cost(tx, rpc),
                _code_of_sender(tx, rpc),
                return_exceptions=True,
            ),
            asyncio.gather(why_not_together(tx.step.tx, rpc), return_exceptions=True),
        )
        return Looks(asked_at, time.time(), *found, *not_together)

    async def look_around(self, chain_id: ChainId, sender: Address) -> AccountLooks:
        """Request what signatures of one account on one chain share, in one round trip. Raises nothing."""
        rpc, asked_at = self.rpcs.on(chain_id), time.time()
        found = await asyncio.gather(
            pin_chain(rpc),
            rpc.nonces(sender),
            gas_price(rpc),
            rpc.balance(sender),
            code_of_payer(sender, rpc),
            return_exceptions=True,
        )
        return AccountLooks(asked_at, *found)

    async def look_at_many(self, records: Sequence[PaymentRecord]) -> list[Looks]:
        """The `Looks` for many payments of one account on one chain, each with a single step, in order.

        What they share is requested once, and one simulation runs them all. Raises nothing.
        """
        txs = [record.steps[0] for record in records]
        chain_id, sender = txs[0].chain_id, txs[0].sender
        around, estimates = await asyncio.gather(
            self.look_around(chain_id, sender), estimates_together(txs, self.rpcs.on(chain_id))
        )
        return await asyncio.gather(
            *(self._look_beside(*one, around) for one in zip(records, txs, estimates, strict=True))
        )

    async def _look_beside(
        self, record: PaymentRecord, tx: TxRecord, estimate: Estimate, around: AccountLooks
    ) -> Looks:
        rpc = self.rpcs.on(tx.chain_id)
        reason, cap, l1_fee, not_together = await asyncio.gather(
            why_not_now(record, self.rpcs) if _pays(tx.step) else _nothing(),
            self.guard.fee_cap(record, tx, rpc),
            l1_fee_at_most(tx, rpc),
            why_not_together(tx.step.tx, rpc),
            return_exceptions=True,
        )
        cost = around.cost(l1_fee, estimate)
        return Looks(around.at, time.time(), around.pinned, reason, around.counts, cap, cost, around.code, not_together)

    async def sign_and_commit(self, record: PaymentRecord, tx: TxRecord, looks: Looks | None = None) -> TxRecord:
        """Commit the bytes of a planned transaction, with the account's next nonce and today's price.

        `looks` were requested a moment ago. Raises Refused, CannotPay, NetworkError, ConfigError.
        """
        signer, rpc = self.signer_of(tx), self.rpcs.on(tx.chain_id)
        looks = looks or await self.look(record, tx)
        _value(looks.pinned)
        if overtaken := _value(looks.reason):
            raise await self.cancelled(record, overtaken)
        if tx.step.over is not None:
            await self._refuse_over_another(record, tx, _value(looks.code), rpc)
        elif tx.step.kind in PAYING_KINDS:
            refuse_unless_batching(_value(looks.code), tx.step.tx, tx.sender, rpc.chain)
            refuse_unless_together(_value(looks.not_together))
        choice = await choose(rpc, tx.sender, self.journal, self._is_stale, _value(looks.counts))
        taken = tx.step.nonce is not None and tx.step.nonce < choice.nonce
        maybe_sent = taken and tx.step.nonce in await self.ends.nonces_maybe_sent(record)
        refuse_unless_prepared_so(tx, choice.nonce, maybe_sent=maybe_sent)
        for earlier in choice.first:
            self.say(f"handing {earlier.payment_id}, nonce {earlier.nonce}, to {rpc.chain.name} first")
            await self.offering.offer(earlier, rpc)
        failpoint(Failpoint.NONCE_CHOSEN)
        price = await price_of(tx, rpc, _value(looks.cap), _value(looks.cost))
        self.say(f"signing {tx.step.kind} on {rpc.chain.name}")
        signed = self.signed(signer, tx, choice.nonce, price)
        await self._refuse_if_overtaken(record, tx, looks)
        tx = self.journal.record_signed(tx, choice.nonce, signed.hash, signed.raw, over=choice.over)
        failpoint(Failpoint.JOURNALED)
        return tx

    async def sign_again(self, record: PaymentRecord, bid: Bid) -> TxRecord:
        """Commit bytes that compete for a nonce. Raises as `sign_and_commit`."""
        former = bid.former
        signer, rpc = self.signer_of(former), self.rpcs.on(former.chain_id)
        assert former.nonce is not None
        instead = f"Use `l2send cancel {record.id}`."
        await asyncio.gather(pin_chain(rpc), _code_of_sender(replace(former, step=bid.step), rpc))
        if _opens(bid.step):
            reason = await why_order_is_late(record, self.rpcs) or await why_unlike_pinned(record, self.rpcs)
            if reason:
                raise Refused(f"{record.id} is not sped up: {reason}.", hint=instead)
        again = replace(former, step=bid.step)
        cap, cost = await self.guard.fee_cap(record, again, rpc), await self._cost_again(record, again, rpc)
        price = await price_of(again, rpc, cap, cost)
        refuse_unless_it_outbids(former, price)
        self.say(f"signing {bid.step.kind} on {rpc.chain.name} with the nonce {former.nonce} once more")
        signed = self.signed(signer, again, former.nonce, price)
        if _opens(bid.step) and (reason := await why_order_is_late(record, self.rpcs)):
            raise Refused(f"{record.id} is not sped up: {reason}. The new signature was thrown away.", hint=instead)
        tx = self.journal.replace(former, bid.step, signed.hash, signed.raw)
        failpoint(Failpoint.JOURNALED)
        return tx

    async def _cost_again(self, record: PaymentRecord, again: TxRecord, rpc: Rpc) -> Cost:
        """What `again` costs: if it depends on steps that are not mined, it is simulated behind them."""
        before = waiting_before(record, again)

        async def behind() -> Estimate:
            return await gas_behind(rpc, again, before) or again.step.gas

        return await look_at_cost(again, rpc, behind() if before else estimate_competing(again, rpc))

    def signed(self, signer: Signer, tx: TxRecord, nonce: Nonce, cost: GasTerms) -> SignedTx:
        """The step of `tx` as signed bytes that were decoded again and passed the guard. Raises Refused."""
        signed = signer.sign(tx.chain_id, nonce, tx.step.tx, cost.gas, cost.price)
        said = decode_signed(signed.raw)
        if said.sender != tx.sender or not said.matches(nonce, tx.step.tx, cost.gas, cost.price):
            raise Refused("the signed bytes do not say what was approved; they were thrown away.")
        self.guard.check(self.journal.get(tx.payment_id), tx, said.tx)
        failpoint(Failpoint.SIGNED)
        return signed

    def signer_of(self, tx: TxRecord) -> Signer:
        """The signer, if it holds the account's key. Raises ConfigError otherwise."""
        if self.signer is None:
            raise ConfigError(
                f"{tx.payment_id} needs a signature of {tx.sender}, and no account was opened.",
                hint=f"Run `l2send resume {tx.payment_id}` with --account or --keystore.",
            )
        if self.signer.address != tx.sender:
            raise ConfigError(f"{tx.payment_id} is paid by {tx.sender}; the account opened is {self.signer.address}.")
        return self.signer

    async def _refuse_if_overtaken(self, record: PaymentRecord, tx: TxRecord, looks: Looks) -> None:
        """Checks the clocks and the called code again after signing: that takes minutes with a device in a person's
        hand, or hours if a laptop sleeps, and so may the broadcasts before it.

        A key on this machine usually signs at once, and needs no second check. Late bytes are not journaled, but
        discarded.
        """
        if not _pays(tx.step) or not looks.are_old():
            return
        record = self.journal.get(record.id)
        refuse_unless_together(await why_not_together(tx.step.tx, self.rpcs.on(tx.chain_id)))
        if reason := await why_not_now(record, self.rpcs):
            if waiting_before(record, tx):
                raise LateBehind(f"{record.id}: the {tx.step.kind} waits for its approval: {reason}.")
            raise await self.cancelled(record, f"the signature came too late and was discarded, {reason}")

    async def cancelled(self, record: PaymentRecord, reason: str) -> Refused:
        """Cancel the payment and return the error to raise. An allowance may remain."""
        record = await self.ends.never_signed(record, reason)
        if record.proposal:
            return not_run(record, reason)
        left = f"An allowance is left: {record.terms.pays} to {record.terms.bridge}. " if record.left_allowed else ""
        take_back = f"Revoke it, which costs gas: l2send cancel {record.id}. " if left else ""
        return Refused(
            f"{record.id} was cancelled: {reason}. Nothing was paid. {left}".rstrip(),
            hint=f"{take_back}Start a new payment to get a new quote.",
        )

    async def _refuse_over_another(self, record: PaymentRecord, tx: TxRecord, code: bytes, rpc: Rpc) -> None:
        """Raises Refused, and cancels, if the account's code changed since a delegation was approved.

        Several payments in one transaction are not cancelled: each can be made by itself.
        """
        assert tx.step.over is not None
        if why := why_other_delegation(code, tx.sender, tx.step.over, rpc.chain):
            if tx.step.kind is StepKind.TOGETHER:
                raise Refused(f"{why}.", hint="Nothing was signed. `l2send batch resume` pays the lines one by one.")
            await self.ends.never_signed(record, why)
            raise Refused(
                f"{record.id} was cancelled: {why}. Nothing was signed.",
                hint=f"Look at it: l2send wallet show NAME --chain {rpc.chain.short_name}. Then ask for it again.",
            )

    async def _is_stale(self, tx: TxRecord) -> bool:
        return await is_stale(tx, self.journal, self.rpcs)

    async def refuse_if_stale(self, tx: TxRecord) -> None:
        """Raises NotFinal for signed bytes that must no longer be sent."""
        tx = await observe(tx, self.ends)
        if tx.state is TxState.SIGNED and await self._is_stale(tx):
            raise not_sent_again(tx)


async def _code_of_sender(tx: TxRecord, rpc: Rpc) -> bytes:
    """The account's code. Raises Refused if it, or what it is to delegate to, is not the pinned code, NetworkError.

    Does not raise for what is learned beside it, which only saves time.
    """
    to = tx.step.tx.delegate_to
    if to is not None and not ends_delegation(to):
        reading = code_before_delegating(tx.sender, to, rpc)
    elif tx.step.over is None and tx.step.kind in PAYING_KINDS:
        reading = code_of_payer(tx.sender, rpc)
    else:
        reading = rpc.code(tx.sender)
    code, _ = await asyncio.gather(reading, _learn_sync(rpc), return_exceptions=True)
    return _value(code)


async def _learn_sync(rpc: Rpc) -> None:
    """Learn whether the node can broadcast and wait for the receipt in one request, if blocks are quick enough."""
    if may_hold(rpc.chain):
        await rpc.learn_sync()


def _pays(step: Step) -> bool:
    """Whether a step makes a payment: a Safe's step may also do nothing, to cancel one."""
    return step.kind in PAYING_KINDS and not (step.kind is StepKind.EXECUTE and does_nothing(step.tx))


def _opens(step: Step) -> bool:
    """Whether a step may open an order, for which it can be too late."""
    return step.kind is StepKind.OPEN or (step.kind is StepKind.EXECUTE and _pays(step))


async def _nothing() -> str:
    """No reason: a refund or a revocation is always sent, since it takes money away from the code that runs there."""
    return ""


def _value(answer: T | BaseException) -> T:
    """The answer; raises it if it is an error."""
    if isinstance(answer, BaseException):
        raise answer
    return answer
