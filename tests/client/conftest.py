"""The fixtures of the wallet's tests: what may be signed is tested on the same chain."""

from __future__ import annotations

from tests.wallet.conftest import node, own_node, own_rig, rig

__all__ = ["node", "own_node", "own_rig", "rig"]
