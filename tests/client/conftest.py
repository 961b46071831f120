"""The bench of the wallet's tests: what may be signed is tried on the same chain."""

from __future__ import annotations

from tests.wallet.conftest import bench, node, own_bench, own_node

__all__ = ["bench", "node", "own_bench", "own_node"]
