"""Decides what may be signed: the bytes are decoded again, compared with what was approved, and held to the fee cap.

The review (review.py) shows the effects computed here, and the executors check signed bytes with the same code before
these reach the journal: what is shown is what is signed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from l2send.bridges import decode, decode_message
from l2send.core.address import ZERO_ADDRESS
from l2send.core.chains import Registry
from l2send.core.deadlines import machine_time, refuse_long_lock
from l2send.core.delegation import ends_delegation, known_delegate
from l2send.core.effects import (
    Allows,
    CallsTogether,
    Delegates,
    Effects,
    Executes,
    Opens,
    OpensBySignature,
    RefundsOrder,
    SplitsCoin,
    check_refund,
    compare_with_payment,
    each_of,
)
from l2send.core.errors import Refused
from l2send.core.plan import ChainAddress, Payment, Plan, Quote, Sponsored, StepKind, UnsignedTx
from l2send.core.rpc import Rpc
from l2send.core.safe import does_nothing, read_execution
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, Wei
from l2send.fee_caps import FeeLimit, fee_cap
from l2send.wallet.before_signing import FeeCap
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.operations import operation_of
from l2send.wallet.replacement import cancel_tx


def _one_leg(_: str) -> int:
    return 1


@dataclass(frozen=True, slots=True)
class Guard:
    """Allows only what a recorded payment needs. The executors ask it before every signature."""

    registry: Registry
    limit: FeeLimit | None = None
    """The sender's limit for the present command, in place of the usual caps."""
    legs_of: Callable[[str], int] = _one_leg
    """The number of legs of the payment with a group id: they share a limit in dollars."""
    agreed: dict[str, Wei] = field(default_factory=dict[str, Wei], compare=False)
    """The refund cost that the sender confirmed, by payment id."""

    def check(self, record: PaymentRecord, tx: TxRecord, said: UnsignedTx) -> None:
        """Allow `said`, decoded from the bytes signed for `tx`. Raises Refused.

        Refunds and revocations call the contracts of the payment's order, even if the registry now names others.
        """
        if tx.step.kind is StepKind.CANCEL:
            if said != cancel_tx(tx):
                raise Refused("the signed bytes do something where nothing was to be done; they were thrown away.")
            return
        if tx.step.kind is StepKind.REVOKE and record.sponsored:
            if said != operation_of(record).cancel_tx():
                raise Refused("the signed bytes do more than use up the nonce of the operation; they were thrown away.")
            return
        if tx.step.kind is StepKind.EXECUTE:
            check_execution(record, said, self.registry)
            return
        effect = decode(said, self.registry)
        if tx.step.kind is StepKind.DELEGATE:
            refuse_other_delegation(effect, tx, self.registry)
        elif isinstance(effect, RefundsOrder) and record.order:
            check_refund(effect, record.order.order)
            if effect.fee.units != tx.step.tx.value:
                raise Refused(f"the signed bytes pay {effect.fee} for the refund, which was not agreed.")
        elif effect != _nothing_allowed(record) and effect not in _approved(record, self.registry):
            raise Refused("the signed bytes do something else than was approved; they were thrown away.")

    def check_message(self, record: PaymentRecord, data: TypedData) -> None:
        """Allow the messages that the payment needs. Raises Refused."""
        assert record.sponsored
        bridge, sponsored = record.terms.bridge, record.sponsored.sponsored
        approved = checked_messages(record.payment, bridge, sponsored, record.terms.pays, self.registry)
        if decode_message(bridge, data, self.registry) not in approved:
            raise Refused("the message does something else than was approved; it was not signed.")

    async def fee_cap(self, record: PaymentRecord, tx: TxRecord, rpc: Rpc) -> FeeCap:
        """The most that `tx` may cost in network fees: see fee_caps.py. Raises Refused, NetworkError."""
        limit = self.limit
        if limit and limit.usd is not None and record.group_id:
            limit = replace(limit, usd=limit.usd / self.legs_of(record.group_id))
        return await fee_cap(record, tx, rpc, limit, self.agreed.get(record.id))


def refuse_other_delegation(effect: Effects, tx: TxRecord, registry: Registry) -> None:
    """Raises Refused unless the account of `tx` delegates to registry code, or to none, as approved."""
    approved = Delegates(ChainAddress(tx.chain_id, tx.sender), tx.step.tx.delegate_to or ZERO_ADDRESS)
    if effect != approved:
        raise Refused("the signed bytes do something else than was approved; they were thrown away.")
    if not ends_delegation(approved.code) and not known_delegate(approved.code, registry.chain(tx.chain_id)):
        raise Refused(f"the registry does not list {approved.code} as code that an account may delegate to.")


def checked_legs(plan: Plan, registry: Registry) -> tuple[tuple[Effects, ...], ...]:
    """The effects of every leg, each the payment of its part; the parts add up to the payment. Raises Refused."""
    payment = plan.payment
    together = sum(leg.delivers.units for leg in plan.legs)
    if together != payment.amount.units or any(leg.delivers.token != payment.amount.token for leg in plan.legs):
        raise Refused(f"the plan delivers {Amount(together, payment.amount.token)}, not {payment.amount}.")
    if len({leg.source.chain_id for leg in plan.legs}) != len(plan.legs):
        raise Refused("the plan takes money from one chain twice.")
    return tuple(_checked_leg(replace(payment, amount=leg.delivers), leg, registry) for leg in plan.legs)


def _checked_leg(payment: Payment, leg: Quote, registry: Registry) -> tuple[Effects, ...]:
    if leg.sponsored:
        return checked_messages(payment, leg.bridge, leg.sponsored, leg.pays, registry)
    if leg.proposal and leg.carries:
        return (checked_together(payment, leg.carries, leg.proposal.execution, registry),)
    if leg.proposal:
        return checked_effects(payment, [leg.proposal.execution], leg.pays, registry)
    return checked_effects(payment, (step.tx for step in leg.steps), leg.pays, registry)


def checked_effects(
    payment: Payment, txs: Iterable[UnsignedTx], spent: Amount, registry: Registry
) -> tuple[Effects, ...]:
    """Decode every transaction and compare the whole with the payment. Raises Refused."""
    return _compared(tuple(decode(tx, registry) for tx in txs), payment, spent, registry)


def checked_together(payment: Payment, carries: Sequence[Payment], tx: UnsignedTx, registry: Registry) -> Effects:
    """The effects of `tx`, decoded call by call: each call makes one of `carries`, in order, and there are no others.

    `payment` names the account. Raises Refused.
    """
    effect = decode(tx, registry)
    who = (payment.sender, payment.executor)
    if isinstance(effect, Executes):
        made_by = (effect.safe.address, effect.owner)
    elif isinstance(effect, CallsTogether):
        made_by = (effect.account.address, None)
    elif isinstance(effect, SplitsCoin):
        made_by = (payment.sender, None)  # Its value is that of the account which signs it.
    else:
        raise Refused("the transaction does not make several payments.")
    alike = (*who, payment.by_owners)
    if made_by != who or any((one.sender, one.executor, one.by_owners) != alike for one in carries):
        raise Refused("the calls are made by another account than the one that pays.")
    if len(effect.effects) != len(carries):
        raise Refused(f"the transaction makes {len(effect.effects)} calls, not the {len(carries)} that were approved.")
    for inner, one in zip(effect.effects, carries, strict=True):
        compare_with_payment((inner,), replace(one, executor=None, by_owners=False), one.amount, registry)
    return effect


def checked_messages(
    payment: Payment, bridge: str, sponsored: Sponsored, spent: Amount, registry: Registry
) -> tuple[Effects, ...]:
    """Decode every message and compare the whole with the payment. Raises Refused."""
    effects = tuple(decode_message(bridge, message.data, registry) for message in sponsored.messages)
    return _compared(effects, payment, spent, registry)


def check_execution(record: PaymentRecord, said: UnsignedTx, registry: Registry) -> None:
    """Allow `said`, which submits what the owners of a Safe signed, or the empty transaction that cancels it.

    Raises Refused.
    """
    assert record.proposal
    execution = record.proposal.proposal.execution
    if (said.chain_id, said.to) == (execution.chain_id, execution.to) and does_nothing(said):
        return
    safe_tx, _ = read_execution(said)
    if safe_tx.execution(b"") != execution:
        raise Refused("the signed bytes have the Safe do something else than its owners signed; they were thrown away.")
    if record.terms.carries:
        checked_together(record.payment, record.terms.carries, execution, registry)
        return
    checked_effects(record.payment, [execution], record.terms.pays, registry)


def _compared(effects: tuple[Effects, ...], payment: Payment, spent: Amount, registry: Registry) -> tuple[Effects, ...]:
    """Check that `effects` are the payment, lock money for days at most, and pay an account that can receive it."""
    compare_with_payment(effects, payment, spent, registry)
    for effect in (inner for one in effects for inner in each_of(one)):
        match effect:
            case Opens(order):
                refuse_long_lock(order, machine_time())
            case OpensBySignature(order=order, open_deadline=deadline):
                refuse_long_lock(order, machine_time(), {"be opened until": deadline})
            case _:
                pass
    return effects


def _nothing_allowed(record: PaymentRecord) -> Allows | None:
    """The approval that sets the allowance of the payment's bridge to zero."""
    if record.order is None or record.terms.pays.token.address is None:
        return None
    return Allows(Amount(0, record.order.order.pays.token), record.order.order.origin_settler)


def _approved(record: PaymentRecord, registry: Registry) -> tuple[Effects, ...]:
    """The effects of the payment's own transactions, compared again with it and the registry. Raises Refused."""
    if record.terms.carries:
        (tx,) = record.approved
        return (checked_together(record.payment, record.terms.carries, tx.step.tx, registry),)
    # A signed approval was compared before, and may be for more than a later quote needs. It is signed again unchanged
    # or not at all.
    signed = [tx for tx in record.approved if tx.step.kind is StepKind.APPROVE and tx.raw]
    left = [tx for tx in record.approved if tx not in signed]
    approved = checked_effects(record.payment, (tx.step.tx for tx in left), record.terms.pays, registry)
    nothing = _nothing_allowed(record)
    if nothing is None:
        return approved
    again = (decode(tx.step.tx, registry) for tx in signed)
    theirs = (nothing.spender, nothing.amount.token)
    return (*approved, *(e for e in again if isinstance(e, Allows) and (e.spender, e.amount.token) == theirs))
