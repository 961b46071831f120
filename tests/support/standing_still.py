"""A chain that mines nothing for a while: transactions stay pending. Only for a devnet that one module uses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from l2send.devnet.node import Node


@contextmanager
def standing_still(node: Node) -> Iterator[None]:
    """No block meanwhile; one at the end, and from then on one for each transaction, and none by time."""
    node.call("evm_setAutomine", False)
    node.call("evm_setIntervalMining", 0)
    try:
        yield
    finally:
        node.call("evm_setAutomine", True)
        node.call("anvil_mine", "0x1")
