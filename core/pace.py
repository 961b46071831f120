"""How often a chain is looked at while it is waited for: a few times a block."""

from __future__ import annotations

from l2send.core.chains import Chain

_BLOCK_SECONDS = {"l1": 12.0, "sidechain": 2.0, "arbitrum": 0.25}
_OF_OTHERS = 2.0
"""Seconds between two blocks of the OP stack, and about those of the others."""
_LOOKS_A_BLOCK = 4
_QUICKEST, _SLOWEST = 0.25, 2.0
_LONGEST_TO_HOLD = 3.0
"""Seconds of a block for which a request may be kept open."""


def block_seconds(chain: Chain) -> float:
    """Seconds between two blocks, by the kind of the chain."""
    return _BLOCK_SECONDS.get(chain.kind, _OF_OTHERS)


def may_hold(chain: Chain) -> bool:
    """Whether a broadcast may be kept open until its receipt is there: not where a block takes too long for that."""
    return block_seconds(chain) <= _LONGEST_TO_HOLD


def pause_between_looks(chain: Chain) -> float:
    """Seconds between two looks: a quarter of a block, within bounds that spare the node and the person who waits."""
    return min(max(block_seconds(chain) / _LOOKS_A_BLOCK, _QUICKEST), _SLOWEST)
