"""The modes of a devnet's solver."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Mode(StrEnum):
    """What the solver does with an order."""

    FILL = "fill"
    IGNORE = "ignore"
    """Nothing; orders wait, and are filled when the mode changes back before they expire."""
    DELAY = "delay"
    """Fill, but only some seconds after the order was first seen."""
    UNDERFILL = "underfill"
    """Fulfil a look-alike that pays half: a real IntentFulfilled event, of another intent."""
