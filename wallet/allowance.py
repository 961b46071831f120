"""Finds and revokes what a payment allowed and did not use: an allowance of its bridge, or an operation that a sponsor
may still submit. The sender does that by a transaction of its own.
"""

from __future__ import annotations

from l2send.core.calldata import ALLOWANCE, APPROVE
from l2send.core.errors import Refused
from l2send.core.plan import Order, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Rpcs
from l2send.core.units import Wei
from l2send.wallet.before_signing import message_of
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.operations import step_to_take_back


async def revocation(record: PaymentRecord, journal: Journal, rpcs: Rpcs) -> Step | None:
    """The step that sets the payment's unused allowance back to zero, or uses up the nonce of its operation; None if
    there is neither.

    Raises Refused while another open payment of the account needs the allowance, NetworkError.
    Source: ERC-20 allowance, eth_estimateGas.
    """
    if record.can_be_taken_back:
        return await step_to_take_back(record, rpcs)
    if record.order is None or not record.left_allowed:
        return None
    order = record.order.order
    token, rpc = order.pays.token, rpcs.on(order.origin)
    assert token.address
    (allowed,) = await rpc.eth_call(Call(token.address, ALLOWANCE, (order.sender, order.origin_settler)))
    if not allowed:
        return None
    for other in (leg for payment in journal.open_payments() for leg in payment.legs):
        if other.id != record.id and other.meaning.open and other.order and _same(other.order.order, order):
            raise Refused(
                f"{other.id} is open and needs the allowance.",
                hint=f"Finish that payment first: l2send resume {other.id}",
            )
    tx = UnsignedTx(order.origin, token.address, Wei(0), APPROVE.encode(order.origin_settler, 0))
    return Step(StepKind.REVOKE, tx, await rpc.estimate_gas(message_of(tx, order.sender)))


def _same(one: Order, other: Order) -> bool:
    """Whether two orders use the same allowance."""
    return (one.sender, one.pays.token, one.origin_settler) == (other.sender, other.pays.token, other.origin_settler)
