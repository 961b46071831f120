"""How long money may be locked, and when an order is too late: bounds on an order's times, by several clocks.

A chain's clock is what its node says. A node that names a distant time could get money locked for years, so this
machine's clock counts too, with some room for error.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from l2send.core.errors import Refused
from l2send.core.plan import Order
from l2send.core.units import Seconds, UnixTime

LONGEST_LOCK = Seconds(7 * 86_400)
"""Every bridge pays back within hours of an order's deadline; days are room for clocks that are set wrong."""
TIME_TO_FILL = Seconds(20)
"""An order is not opened when solvers would have less time than this. Bridges ask for more when they quote."""
CLOCK_ERROR = Seconds(300)
"""How far this machine's clock may be ahead and is still believed when it says that an order is late."""


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
    """Raises Refused for an order, or a message of it in `more`, that could lock money for longer than days."""
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
    """Why `order` must not be opened any more, by the chains' clocks and by this machine's, or an empty string."""
    for whose, now in {**clocks, "this machine": UnixTime(machine_time() - CLOCK_ERROR)}.items():
        left = order.fill_deadline - now
        if left <= 0:
            return f"the time to fill its order ended {-left} seconds ago, by the clock of {whose}"
        if left < TIME_TO_FILL:
            return f"its order would have {left} seconds to be filled, by the clock of {whose}"
    return ""
