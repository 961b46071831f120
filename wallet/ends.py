"""The only code that moves transactions, messages and orders to an end state; docs/states.md has the table.

People pay again after `reverted`, `replaced`, `cancelled`, `expired` and `refunded`, and stop checking after
`delivered`. So an end state needs proof from the chain's storage and from the block that used the nonce, with the
chain's number of confirmations, by as many endpoints as core/endpoint_agreement.py requires. If any proof is missing,
the state stays open and the reason is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from l2send.core.bridge_protocol import Bridge, Opening, OrderState, OrderStatus, Proof
from l2send.core.chains import Chain
from l2send.core.effects import token_effects
from l2send.core.endpoint_agreement import answers, confirmed_head, why_unproven
from l2send.core.errors import L2sendError, NetworkError, NotFinal, Refused, Sent
from l2send.core.operation import Operation
from l2send.core.plan import Order, Proposal, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.shared_tx import calls_of
from l2send.core.units import BlockNumber, Nonce
from l2send.wallet.fees_paid import arrived_by, arrived_by_fill, fee_shown, transfers_lately
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import GroupRecord, PaymentRecord, TxRecord
from l2send.wallet.journal.states import SponsoredState, TxState
from l2send.wallet.nonce_search import NonceUse, find_use, is_used
from l2send.wallet.operation_runs import OperationRun, end_of, shows_operation
from l2send.wallet.received import MaybePaid, may_have_paid, paid_by, paid_none, safe_may_have_paid, transfers_of
from l2send.wallet.safe_runs import SafeRun, cancel_hash_of, hash_of, shows_run
from l2send.wallet.shared_tx_ends import arrived_together, made_coin_calls, made_no_call
from l2send.wallet.tx_location import Head, Sight, is_all_there_is, shows


@dataclass(frozen=True, slots=True)
class Ends:
    """Records end states that are proved; else says which proof is missing."""

    journal: Journal
    rpcs: Rpcs
    bridges: Mapping[str, Bridge] = field(default_factory=dict[str, Bridge])

    async def in_block(self, tx: TxRecord, sight: Sight, head: Head | None) -> TxRecord:
        """Moves a transaction that is deep enough below `head` to `final` or `reverted`. Raises NetworkError.

        `head` is None if the newest block was not requested: the proof requests it.
        """
        rpc = self.rpcs.on(tx.chain_id)
        why, sights = "", [sight]
        if head is None or not await is_all_there_is(rpc, sight, head):
            why = await why_unproven(rpc, lambda one, its_head: shows(one, its_head, tx, sight, sights.append))
        end = TxState.FINAL if sight.succeeded else TxState.REVERTED
        if not why and (end is TxState.REVERTED or tx.step.kind is StepKind.CANCEL):
            why = await self._why_it_may_be_open(tx)
        if why:
            return self.journal.note_tx(tx, f"not {end} yet: {why}")
        if end is TxState.FINAL and tx.step.kind is StepKind.TOGETHER:
            return await self._paid_together(tx, sight, sights)
        arrived = arrived_by(tx, self.journal.get(tx.payment_id).payment, sights)
        move = partial(self.journal.move_tx, tx, end, block=sight.block, block_hash=sight.block_hash)
        return move(detail=sight.words, fee=fee_shown(tx, sights, rpc.chain), arrived=arrived)

    async def _paid_together(self, tx: TxRecord, sight: Sight, sights: list[Sight]) -> TxRecord:
        """Moves to `final` once each of its calls is proved to have been made; to `reverted` if the account made none.

        An account makes none if it lost the code that makes them before this transaction was mined.
        """
        rpc, payer = self.rpcs.on(tx.chain_id), self.journal.get(tx.payment_id).payment.sender
        calls = calls_of(tx.step.tx, rpc.chain)
        arrivals, why = arrived_together(calls, payer, sights), ""
        if any(not call.data for call in calls):
            why = await why_unproven(rpc, lambda one, _: made_coin_calls(one, tx, calls, payer, sight.block))
        fee = fee_shown(tx, sights, rpc.chain)
        move = partial(self.journal.move_tx, block=sight.block, block_hash=sight.block_hash)
        if not why and None not in arrivals:
            return move(tx, TxState.FINAL, detail=sight.words, fee=fee, arrivals=arrivals)
        if not any(call.data and units for call, units in zip(calls, arrivals, strict=True)):
            ran_none = partial(made_no_call, tx=tx, block=sight.block)
            if not await why_unproven(rpc, lambda one, _: ran_none(one)):
                words = f"{sight.words}, where the account had no code to make its calls: none was made"
                return move(move(tx, TxState.REVERTING, detail=words), TxState.REVERTED, detail=words, fee=fee)
        missing = next((place for place, units in enumerate(arrivals, 1) if units is None), None)
        words = why or f"its receipt shows no transfer of its call {missing} of {len(calls)}"
        return self.journal.note_tx(tx, f"not final yet: {words}")

    async def replaced(self, tx: TxRecord, use: NonceUse) -> TxRecord:
        """Moves an indeterminate one to `replaced`: `use` took its nonce for something else. Raises NetworkError."""
        rpc, nonce = self.rpcs.on(tx.chain_id), _nonce(tx)
        why = await why_unproven(rpc, lambda one, head: is_used(one, use, tx.sender, nonce, head))
        why = why or await self._why_it_may_be_open(tx)
        if not why and (transfers := transfers_of(tx, rpc.chain)):
            why = await why_unproven(rpc, lambda one, _: paid_none(one, transfers, use))
        if why:
            return self.journal.note_tx(tx, f"{words_of(use, nonce)}. Not replaced yet: {why}")
        return self.journal.move_tx(tx, TxState.REPLACED, detail=words_of(use, nonce))

    async def adopted(self, tx: TxRecord, use: NonceUse) -> bool:
        """Whether the transaction that used the nonce of `tx` has the same effect or is in the journal: it is followed
        then.

        Raises NotFinal with the reason while that is unknown; NetworkError.
        """
        mine = [one for one in self.journal.signed_with(tx.chain_id, tx.sender, _nonce(tx)) if one.hash == use.hash]
        if mine:
            return mine[0].payment_id == tx.payment_id
        former = await self._same_effect(self.journal.get(tx.payment_id), tx, use)
        if former is None:
            return False
        if not use.raw or use.tx is None:
            raise NotFinal(f"{use.hash} does the same, and is of a kind that l2send does not read")
        said = use.tx if former.step.tx.delegate_to is None else replace(use.tx, delegate_to=use.delegates_to)
        self.journal.adopt(former, replace(former.step, tx=said), use.hash, use.raw)
        return True

    async def find_prepared(self, record: PaymentRecord) -> PaymentRecord:
        """Adopts prepared transactions that were signed elsewhere and sent by other means. Raises NetworkError."""
        for tx in record.approved:
            if tx.state is TxState.PLANNED and tx.step.nonce is not None:
                use = await self._use_of(tx)
                if isinstance(use, NonceUse) and use.raw and await self._same_effect(record, tx, use):
                    self.journal.record_signed(tx, tx.step.nonce, use.hash, use.raw, elsewhere=True)
        return self.journal.get(record.id)

    async def order(self, record: PaymentRecord, status: OrderStatus) -> PaymentRecord:
        """Moves the order to `filled` or `refunded`, as `status` says, once that is proved; else it stays open."""
        assert record.order
        order = record.order.order
        # The fill's transaction is only for display. It is searched for beside the proof if one block is enough; else
        # once the proof holds, since its block may have changed by then.
        not_yet = f"Not {status.state} yet: "
        is_first = not_yet not in record.order.detail
        why, fill = await asyncio.gather(
            self._why_unproven(status.proofs), self._fill_of(order, status) if is_first else _nothing()
        )
        if why:
            words = f"{status.detail} {not_yet}{why}."
            return self.opened(record, words)
        if record.order.state is OrderState.NOT_OPEN:
            record = self.journal.move_order(record, OrderState.OPEN)
        fill_tx, arrived = fill or await self._fill_of(order, status)
        return self.journal.move_order(record, status.state, fill_tx=fill_tx, detail=status.detail, arrived=arrived)

    async def _fill_of(self, order: Order, status: OrderStatus) -> tuple[str, int | None]:
        """A fill's transaction (empty if not found) and the units it delivered (None if not proved)."""
        fill_tx, lately = await asyncio.gather(status.find_fill(), transfers_lately(order, self.rpcs))
        return fill_tx, await arrived_by_fill(order, fill_tx, lately, self.rpcs) if fill_tx else None

    def opened(self, record: PaymentRecord, words: str) -> PaymentRecord:
        """Keeps the order open, with these words."""
        assert record.order
        if record.order.state is OrderState.OPEN:
            return self.journal.note_order(record, words)
        return self.journal.move_order(record, OrderState.OPEN, detail=words)

    async def messages(self, record: PaymentRecord, seen: Opening) -> PaymentRecord:
        """Moves messages that look late to `expired`, once that is proved."""
        why = await self._why_unproven((seen.proof,) if seen.proof else ())
        if why:
            return self.journal.note_sponsored(record, f"too late to be opened. Not expired yet: {why}")
        return self.journal.move_sponsored(record, SponsoredState.EXPIRED, detail=seen.detail)

    async def operation(self, record: PaymentRecord, operation: Operation, run: OperationRun) -> PaymentRecord:
        """`final`, `failed`, `replaced` or `taken_back`, as `run` used its nonce, once that is proven."""
        rpc, end = self.rpcs.on(operation.chain_id), end_of(record, run)
        why = await why_unproven(rpc, lambda one, head: shows_operation(one, head, operation, run))
        if not why and end is SponsoredState.FINAL and not run.arrived:
            why = "its calls succeeded, and no transfer to the recipient is among its events"
        if why:
            return self.journal.note_sponsored(self.journal.get(record.id), f"not {end} yet: {why}")
        words, tx_hash = record.sponsored.detail if record.sponsored else "", run.tx_hash
        arrived = min(run.arrived, record.payment.amount.units)
        return self.journal.move_sponsored(
            record, end, opening_tx=tx_hash, block=run.block, detail=words, arrived=arrived
        )

    async def proposal(self, record: PaymentRecord, run: SafeRun) -> PaymentRecord:
        """Moves the proposal to `final`, `failed`, `cancelled` or `replaced`, as `run` shows, once that is proved."""
        assert record.proposal
        proposal = record.proposal.proposal
        rpc, end = self.rpcs.on(proposal.execution.chain_id), _end_of(proposal, run)
        why = await why_unproven(rpc, lambda one, head: shows_run(one, head, proposal, run))
        if not why and end is not ProposalState.FINAL and record.order and not record.is_order_followed:
            why = "the settler has its order" if await self.see_opened(record) else ""
        if not why and end is ProposalState.REPLACED and record.order is None:
            try:
                why = await safe_may_have_paid(proposal.execution, run, rpc)
            except MaybePaid as error:
                words = f"not {end} yet: {error.message}"
                return self.journal.note_proposal(self.journal.get(record.id), words, maybe_paid=True)
        if why:
            return self.journal.note_proposal(self.journal.get(record.id), f"not {end} yet: {why}")
        block, detail = run.block, record.proposal.detail
        return self.journal.move_proposal(record, end, tx_hash=run.tx_hash, block=block, detail=detail)

    async def never_signed(self, record: PaymentRecord, reason: str, *, by_sender: bool = False) -> PaymentRecord:
        """Moves everything not signed here to `cancelled`. A step that was prepared to be signed elsewhere may have
        been sent.

        Raises NotFinal if it was sent or that is unknown. Raises Refused while its nonce is free: a signed file could
        still be sent, so only the sender can rule that out.
        """
        await self._refuse_if_sent(record, reason, by_sender=by_sender)
        return self.journal.cancel(record.id, reason)

    async def abandoned(self, group: GroupRecord, reason: str) -> GroupRecord:
        """Moves every leg of a payment whose paying step was never signed to `cancelled`. Raises as `never_signed`."""
        for leg in group.legs:
            await self._refuse_if_sent(leg, reason, by_sender=False)
        return self.journal.abandon(group, reason)

    async def nonces_maybe_sent(self, record: PaymentRecord) -> list[Nonce]:
        """Used nonces of steps prepared to be signed elsewhere, except those proved to be used by something else."""
        found = list[Nonce]()
        for tx in record.approved:
            if tx.state is TxState.PLANNED and tx.step.nonce is not None:
                use = await self._use_of(tx)
                if use is not None and not await self._is_something_else(record, tx, use):
                    found.append(tx.step.nonce)
        return found

    async def _refuse_if_sent(self, record: PaymentRecord, reason: str, *, by_sender: bool) -> None:
        for tx in record.approved:
            if tx.state is not TxState.PLANNED or tx.step.nonce is None:
                continue
            use, nonce = await self._use_of(tx), tx.step.nonce
            if use is None and not by_sender:
                raise Refused(
                    f"{record.id} is not signed: {reason}. Its nonce {nonce} is free: a signed file can still be sent.",
                    hint=f"End it with `l2send cancel {record.id}`, or with another transaction that has this nonce.",
                )
            if use is not None and not await self._is_something_else(record, tx, use):
                words = use if isinstance(use, str) else words_of(use, nonce)
                raise NotFinal(
                    f"{record.id} may have been sent by other means: its nonce {nonce} is used. {words}.",
                    hint=f"Look again later: l2send status {record.id}. Do not pay again before.",
                    sent=Sent.MAYBE,
                )

    async def _use_of(self, tx: TxRecord) -> NonceUse | str | None:
        """What used the nonce that a step was prepared with, or why that is unknown; None while the nonce is free."""
        assert tx.step.nonce is not None
        rpc, nonce = self.rpcs.on(tx.chain_id), tx.step.nonce
        counts = [count for _, count in await answers(rpc, lambda one: one.nonce(tx.sender, "latest"))]
        if any(count > nonce for count in counts):
            return await find_use(rpc, tx.sender, nonce)

        async def is_free(one: Rpc, _: Awaitable[BlockNumber]) -> bool:
            return await one.nonce(tx.sender, "latest") <= nonce

        return await why_unproven(rpc, is_free) or None

    async def _is_something_else(self, record: PaymentRecord, tx: TxRecord, use: NonceUse | str) -> bool:
        if isinstance(use, str) or tx.step.nonce is None or await self._same_effect(record, tx, use):
            return False
        rpc, nonce = self.rpcs.on(tx.chain_id), tx.step.nonce
        return not await why_unproven(rpc, lambda one, head: is_used(one, use, tx.sender, nonce, head))

    async def _same_effect(self, record: PaymentRecord, tx: TxRecord, use: NonceUse) -> TxRecord | None:
        """The step's transaction with the same effect as `use`. Raises NotFinal if the effect is unknown."""
        if use.tx is not None:
            for one in record.attempts(tx.step_index):
                if one.step.kind is StepKind.DELEGATE and one.step.tx.delegate_to == use.delegates_to:
                    return one
                whole = replace(use.tx, delegate_to=use.delegates_to)
                if one.step.tx == whole or self._same_call(one.step.tx, use.tx):
                    return one
        if tx.step.kind not in {StepKind.TRANSFER, StepKind.OPEN, StepKind.TOGETHER}:
            return None
        receipt = await self.rpcs.on(tx.chain_id).receipt(use.hash) if use.hash else None
        if use.hash and receipt is None:
            raise NotFinal(f"{use.hash} is in block {use.block}, and no receipt of it is shown yet")
        if tx.step.kind is StepKind.TOGETHER:
            await self._refuse_if_any_paid(tx, use, receipt)
            return None
        if receipt is not None and (self._opened(record, receipt) if record.order else paid_by(tx, receipt)):
            return record.attempts(tx.step_index)[0]
        if record.order is None:
            await self._refuse_if_received(tx, use, receipt)
        return None

    async def _refuse_if_received(self, tx: TxRecord, use: NonceUse, receipt: dict[str, object] | None) -> None:
        """Raises NotFinal unless what used the nonce is proved not to have paid the recipient as much."""
        words = words_of(use, _used(tx))
        try:
            received = await may_have_paid(tx, use, receipt, self.rpcs.on(tx.chain_id))
        except NetworkError as error:
            raise NotFinal(f"{words}, and what the recipient got in it is not shown: {error.message}") from error
        if received:
            raise MaybePaid(f"{words}: the recipient got as much in that block")

    async def _refuse_if_any_paid(self, tx: TxRecord, use: NonceUse, receipt: dict[str, object] | None) -> None:
        """Raises NotFinal unless it is proved that what used the nonce made none of the payments of `tx`."""
        for one in transfers_of(tx, self.rpcs.on(tx.chain_id).chain):
            if use.tx is not None and self._same_call(one.step.tx, use.tx):
                raise NotFinal(f"{words_of(use, _used(tx))}, and does what one of the calls of {tx.hash} does")
            await self._refuse_if_received(one, use, receipt)

    def _same_call(self, one: UnsignedTx, other: UnsignedTx) -> bool:
        """Whether both are equal, or have the same effect on a known token or native coin."""
        if one == other:
            return True
        try:
            effect = token_effects(one, self.rpcs.registry)
            return effect is not None and effect == token_effects(other, self.rpcs.registry)
        except L2sendError:
            return False

    def _opened(self, record: PaymentRecord, receipt: dict[str, object]) -> bool:
        assert record.order
        bridge = self.bridges.get(record.order.order.bridge)
        return bridge is not None and bridge.opened(record.order.order, receipt)

    async def _why_unproven(self, proofs: tuple[Proof, ...]) -> str:
        if not proofs:
            return "its bridge names no proof"
        for proof in proofs:
            why = await why_unproven(self.rpcs.on(proof.chain_id), partial(_shows, proof))
            if why:
                return why
        return ""

    async def _why_it_may_be_open(self, tx: TxRecord) -> str:
        """Why the order of a payment whose opening failed may still be open; empty if it is not.

        If the settler has the order, it is moved to open and decides the payment's state from then on.
        """
        record = self.journal.get(tx.payment_id)
        paying = [one.index for one in record.approved[-1:]]
        if record.order is None or record.is_order_followed or tx.step_index not in paying:
            return ""
        order = record.order.order
        if await self.see_opened(record):
            return ""
        bridge, rpc = self.bridges.get(order.bridge), self.rpcs.on(order.origin)
        if bridge is None:
            return f"whether its order is open is not known: this l2send does not know the bridge {order.bridge}"

        async def not_opened(one: Rpc, head: Awaitable[BlockNumber]) -> bool:
            return not await bridge.was_opened(order, one, await _deep(one.chain, head))

        why = await why_unproven(rpc, not_opened)
        return f"whether its order is open is not known: {why}" if why else ""

    async def see_opened(self, record: PaymentRecord) -> bool:
        """Whether the settler has the order, opened by any account: it is moved to open then. Raises NetworkError."""
        assert record.order
        order = record.order.order
        bridge = self.bridges.get(order.bridge)
        if bridge is None or not await bridge.was_opened(order, self.rpcs.on(order.origin), "latest"):
            return False
        self.opened(record, "the settler has the order; no receipt of its opening was found here")
        return True


def _end_of(proposal: Proposal, run: SafeRun) -> ProposalState:
    if run.hash == cancel_hash_of(proposal):
        return ProposalState.CANCELLED
    if run.hash != hash_of(proposal):
        return ProposalState.REPLACED
    return ProposalState.FINAL if run.succeeded else ProposalState.FAILED


def words_of(use: NonceUse, nonce: Nonce) -> str:
    """A sentence about what used a nonce."""
    if use.hash:
        return f"{use.hash} in block {use.block} took nonce {nonce}"
    how = "as a delegation does" if use.delegates_to is None else f"by its delegation to {use.delegates_to}"
    return f"nonce {nonce} was used in block {use.block} without a transaction of the account, {how}"


async def _nothing() -> None:
    pass


async def _shows(proof: Proof, one: Rpc, head: Awaitable[BlockNumber]) -> bool:
    return await proof.shows(one, await _deep(one.chain, head))


async def _deep(chain: Chain, head: Awaitable[BlockNumber]) -> str:
    return hex(confirmed_head(chain, await head)) if chain.confirmations > 1 else "latest"


def _nonce(tx: TxRecord) -> Nonce:
    assert tx.nonce is not None, "only signed transactions use a nonce"
    return tx.nonce


def _used(tx: TxRecord) -> Nonce:
    """The nonce of a transaction that was signed here or prepared to be signed elsewhere."""
    return _nonce(tx) if tx.step.nonce is None else tx.step.nonce
