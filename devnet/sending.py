"""Sends transactions from the devnet's own accounts, which are unlocked on their chains and have no key."""

from __future__ import annotations

import time
from typing import Any

from l2send.devnet.node import Node

_RECEIPT_SECONDS = 10.0


class Refusal(Exception):
    """Why an order is not filled."""


def send(node: Node, sender: str, to: str, data: bytes, value: int = 0) -> dict[str, Any]:
    """The receipt, once the transaction has succeeded. Raises Refusal, NetworkError; NodeError if it would revert."""
    message = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value)}
    gas = node.quantity("eth_estimateGas", message)
    tx_hash: str = node.call("eth_sendTransaction", {**message, "gas": hex(gas * 5 // 4)})
    give_up = time.monotonic() + _RECEIPT_SECONDS
    while (receipt := node.call("eth_getTransactionReceipt", tx_hash)) is None:
        if time.monotonic() > give_up:
            raise Refusal(f"{tx_hash} is not mined")
        time.sleep(0.02)
    if receipt["status"] != "0x1":
        raise Refusal(f"{tx_hash} reverted")
    return dict(receipt)
