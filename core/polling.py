"""How often a chain is polled: a few times per block."""

from __future__ import annotations

from l2send.core.chains import Chain

_BLOCK_SECONDS = {"l1": 12.0, "sidechain": 2.0, "arbitrum": 0.25}
_OF_OTHERS = 2.0
"""Seconds between blocks of the OP stack, and roughly of other chains."""
_LOOKS_A_BLOCK = 4
_QUICKEST, _SLOWEST = 0.25, 2.0
_LONGEST_TO_HOLD = 3.0
"""The longest block time, in seconds, for which a request may be kept open."""


def block_seconds(chain: Chain) -> float:
    """Seconds between two blocks, by the kind of the chain."""
    return _BLOCK_SECONDS.get(chain.kind, _OF_OTHERS)


def may_hold(chain: Chain) -> bool:
    """Whether a broadcast may wait for its receipt in one request: not if blocks take too long."""
    return block_seconds(chain) <= _LONGEST_TO_HOLD


def pause_between_looks(chain: Chain) -> float:
    """Seconds between polls: a quarter of a block, within bounds that spare the node and the waiting user."""
    return min(max(block_seconds(chain) / _LOOKS_A_BLOCK, _QUICKEST), _SLOWEST)
