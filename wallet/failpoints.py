"""Places where a test kills this process, as a crash or a power cut would.

`L2SEND_FAILPOINT=name[:count]` sends SIGKILL to the process when it passes that place for the count-th time (the first
by default). `L2SEND_FAILPOINT_PROOF` names a file that is written just before, so that a test can prove that the kill
happened. Unset, a failpoint costs one dictionary look-up.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum, unique


@unique
class Failpoint(StrEnum):
    """Every place, in the order a payment reaches them."""

    PLANNED = "planned"
    """The payment is in the journal, no lock is held."""
    LOCKED = "locked"
    NONCE_CHOSEN = "nonce_chosen"
    SIGNED = "signed"
    """Signed bytes exist only in memory."""
    JOURNALED = "journaled"
    """They are committed to the journal."""
    BEFORE_BROADCAST = "before_broadcast"
    AFTER_BROADCAST = "after_broadcast"
    """A node answered; the answer is not in the journal yet."""
    BROADCAST = "broadcast"
    """The answer is in the journal."""
    MINED = "mined"
    FINAL = "final"
    ORDER_OPENED = "order_opened"
    ORDER_FILLED = "order_filled"


_passed: dict[str, int] = {}


def failpoint(place: Failpoint) -> None:
    """Kill this process here, if the environment says so."""
    wanted = os.environ.get("L2SEND_FAILPOINT")
    if not wanted:
        return
    name, _, count = wanted.partition(":")
    if name != place:
        return
    _passed[name] = _passed.get(name, 0) + 1
    if _passed[name] == int(count or 1):
        _prove(wanted)
        os.kill(os.getpid(), signal.SIGKILL)


def _prove(wanted: str) -> None:
    path = os.environ.get("L2SEND_FAILPOINT_PROOF")
    if not path:
        return
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.write(descriptor, f"{wanted}\n".encode())
    os.fsync(descriptor)
    os.close(descriptor)
