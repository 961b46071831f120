"""Bounds on an order's times, by several clocks: how long money may be locked, and when it is too late to open.

A chain's clock is only its node's claim. A node that reports a distant time could get money locked for years, so this
machine's clock counts too, with a margin of error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from l2send.core.errors import Refused
from l2send.core.plan import Order
from l2send.core.units import Seconds, UnixTime

LONGEST_LOCK = Seconds(7 * 86_400)
"""Every bridge refunds within hours of an order's deadline; the rest is a margin for wrong clocks."""
TIME_TO_FILL = Seconds(20)
"""An order is not opened if solvers would have less time than this. Bridges require more when they quote."""
CLOCK_ERROR = Seconds(300)
"""How far this machine's clock may be ahead and still count when it says that an order is late."""


def machine_time() -> UnixTime:
    """Now, by this machine's clock."""
    return UnixTime(int(time.time()))


def moment(at: UnixTime) -> str:
    """A time with its date, in UTC."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, OSError, ValueError):
        return f"the second {at} since 1970"


def refuse_long_lock(order: Order, now: UnixTime, more: Mapping[str, UnixTime] | None = None) -> None:
    """Raises Refused for an order, or a message of it in `more`, that could lock money too long."""
    ends = {"be filled until": order.fill_deadline, "keep the money locked until": order.refund_after, **(more or {})}
    for what, at in ends.items():
        if at > now + LONGEST_LOCK:
            raise Refused(
                f"the order could {what} {moment(at)}, by this machine's clock more than "
                f"{LONGEST_LOCK // 86_400} days from now.",
                hint="Correct the clock of this machine if it is wrong. Else an RPC names a wrong time: correct rpcs "
                "of the two chains.",
            )


def why_late(order: Order, clocks: Mapping[str, UnixTime]) -> str:
    """Why `order` must no longer be opened, by the chains' clocks and this machine's, or an empty string."""
    for whose, now in {**clocks, "this machine": UnixTime(machine_time() - CLOCK_ERROR)}.items():
        left = order.fill_deadline - now
        if left <= 0:
            return f"the time to fill its order ended {-left} seconds ago, by the clock of {whose}"
        if left < TIME_TO_FILL:
            return f"its order would have {left} seconds to be filled, by the clock of {whose}"
    return ""
