"""An order's times are bounded on both sides, by the chains' clocks and by this machine's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.deadlines import CLOCK_ERROR, LONGEST_LOCK, TIME_TO_FILL, machine_time, refuse_long_lock, why_late
from l2send.core.errors import Refused
from l2send.core.plan import Order
from l2send.core.units import Amount, UnixTime
from tests.bridges.registry import ORIGIN, RECIPIENT, SENDER, TARGET, address

NOW = machine_time()
ORDER = Order(
    bridge="eco",
    order_id="0x" + "11" * 32,
    origin=ORIGIN.chain_id,
    origin_settler=address(3),
    destination=TARGET.chain_id,
    destination_settler=address(4),
    sender=SENDER,
    recipient=RECIPIENT,
    pays=Amount(100, ORIGIN.tokens[0]),
    delivers=Amount(99, TARGET.tokens[0]),
    fill_deadline=UnixTime(NOW + 3600),
    refund_after=UnixTime(NOW + 7200),
)


def test_hours_are_no_long_lock() -> None:
    refuse_long_lock(ORDER, NOW, {"be opened until": UnixTime(NOW + 600)})


@pytest.mark.parametrize(
    "far", [NOW + LONGEST_LOCK + 1, 2**32 - 1, 2**64 - 1, 2**256 - 1], ids=["a second more", "32", "64", "256"]
)
def test_a_time_far_away_is_refused_wherever_it_stands(far: int) -> None:
    for order, more in (
        (replace(ORDER, fill_deadline=UnixTime(far)), {}),
        (replace(ORDER, refund_after=UnixTime(far)), {}),
        (ORDER, {"be opened until": UnixTime(far)}),
    ):
        with pytest.raises(Refused, match="7 days"):
            refuse_long_lock(order, NOW, more)


def test_an_order_is_late_by_whichever_clock_says_so() -> None:
    assert not why_late(ORDER, {"Left": NOW, "Right": NOW})
    assert "clock of Right" in why_late(ORDER, {"Left": NOW, "Right": ORDER.fill_deadline})
    soon = UnixTime(ORDER.fill_deadline - TIME_TO_FILL + 1)
    assert "seconds to be filled" in why_late(ORDER, {"Left": soon, "Right": NOW})


def test_this_machines_clock_has_a_say_and_may_be_a_little_wrong() -> None:
    now = machine_time()
    passed = replace(ORDER, fill_deadline=UnixTime(now - 3600))
    chains = {"Left": UnixTime(now - 7200), "Right": UnixTime(now - 7200)}
    assert "clock of this machine" in why_late(passed, chains)
    little = replace(ORDER, fill_deadline=UnixTime(now - CLOCK_ERROR // 2))
    assert not why_late(little, chains)
