"""ERC-7683 v1, the text of 2025-01-08 that deployed settlers implement: its call, its event, its structs.

Source: ethereum/ERCs commit 563555549, ERCS/erc-7683.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import Function, address_word, event_topic
from l2send.core.plan import Order
from l2send.core.units import Amount

OUTPUT = "(bytes32,uint256,bytes32,uint256)"
FILL_INSTRUCTION = "(uint256,bytes32,bytes)"
RESOLVED_ORDER = f"(address,uint256,uint32,uint32,bytes32,{OUTPUT}[],{OUTPUT}[],{FILL_INSTRUCTION}[])"
ONCHAIN_ORDER = "(uint32,bytes32,bytes)"

OPEN = Function(f"open({ONCHAIN_ORDER})")
RESOLVE = Function(f"resolve({ONCHAIN_ORDER})", RESOLVED_ORDER)
OPEN_TOPIC = event_topic(f"Open(bytes32,{RESOLVED_ORDER})")
NO_DEADLINE = 2**32 - 1
"""The `openDeadline` of an order that its sender opens: none."""
NATIVE = bytes(32)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The fields of a resolved order that ERC-7683 leaves to each kind of settler."""

    spent_to: bytes
    """The account that the solver pays, as resolved."""
    origin_data: bytes
    """The data that the solver passes to the destination's settler."""
    open_deadline: int = NO_DEADLINE
    received_by: bytes = bytes(32)
    """The account that pays the solver, as resolved."""


def first_mismatch(resolved: tuple[Any, ...], order: Order, said: Resolution) -> str:
    """The first field of a ResolvedCrossChainOrder in which a settler's view differs from `order`, or an empty string.

    Solvers read these fields: a wrongly announced order may not be filled, or be filled wrongly.
    """
    expected: dict[str, Any] = {
        "user": order.sender.lower(),
        "originChainId": order.origin,
        "openDeadline": said.open_deadline,
        "fillDeadline": order.fill_deadline,
        "orderId": bytes.fromhex(order.order_id[2:]),
        "maxSpent": ((token_word(order.delivers), order.delivers.units, said.spent_to, order.destination),),
        "minReceived": ((token_word(order.pays), order.pays.units, said.received_by, order.origin),),
        "fillInstructions": ((order.destination, address_word(order.destination_settler), said.origin_data),),
    }
    user, *others = resolved
    found = (str(user).lower(), *others)
    return next((name for value, (name, wanted) in zip(found, expected.items(), strict=True) if value != wanted), "")


def token_word(amount: Amount) -> bytes:
    """A token as settlers encode it; zeros for native coin."""
    return address_word(amount.token.address) if amount.token.address else NATIVE


def emitted_open(receipt: dict[str, Any], settler: Address, order_id: str, topic: str = OPEN_TOPIC) -> bool:
    """Whether `settler` itself emitted `Open` for `order_id` in this receipt of a successful transaction.

    `topic` is for settlers whose `Open` has another order struct.
    """
    if receipt.get("status") != "0x1":
        return False
    return any(
        str(log.get("address", "")).lower() == settler.lower() and log.get("topics", [])[:2] == [topic, order_id]
        for log in receipt.get("logs", [])
    )
