"""ERC-7683 v1, the text of 2025-01-08 that deployed settlers speak: its call, its event, its structs.

Source: ethereum/ERCs commit 563555549, ERCS/erc-7683.md.
"""

from __future__ import annotations

from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import Function, event_topic

OUTPUT = "(bytes32,uint256,bytes32,uint256)"
FILL_INSTRUCTION = "(uint256,bytes32,bytes)"
RESOLVED_ORDER = f"(address,uint256,uint32,uint32,bytes32,{OUTPUT}[],{OUTPUT}[],{FILL_INSTRUCTION}[])"
ONCHAIN_ORDER = "(uint32,bytes32,bytes)"

OPEN = Function(f"open({ONCHAIN_ORDER})")
OPEN_TOPIC = event_topic(f"Open(bytes32,{RESOLVED_ORDER})")


def emitted_open(receipt: dict[str, Any], settler: Address, order_id: str, topic: str = OPEN_TOPIC) -> bool:
    """Whether `settler` itself emitted `Open` for `order_id` in this receipt, and the transaction succeeded.

    `topic` is for settlers whose own `Open` carries another order.
    """
    if receipt.get("status") != "0x1":
        return False
    return any(
        str(log.get("address", "")).lower() == settler.lower() and log.get("topics", [])[:2] == [topic, order_id]
        for log in receipt.get("logs", [])
    )
