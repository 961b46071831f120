"""What an approval allows workers: recorded, read back exactly, and never looser than what was shown."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from l2send.core.errors import ConfigError, Refused
from l2send.core.plan import Fee, Plan, Way
from l2send.core.units import Amount
from l2send.queue_caps import Caps, caps_text, read_caps
from l2send.resolver.way_limits import Limits, Speed
from tests.wallet.journal.writing import CHAIN, a_payment
from tests.wallet.rig import paying_quote

CAPS = Caps(3.0, 2.5, 0.5, 10**15, ("dev1", "dev2"), "eco", Speed.CHEAP)


def plan_costing(wei: int) -> Plan:
    payment = a_payment()
    quote = replace(paying_quote(payment, CHAIN), fees=(Fee("network", Amount(wei, CHAIN.native)),))
    return Plan(payment, Way((quote,)), "")


@pytest.mark.parametrize(
    "caps", [CAPS, replace(CAPS, percent=None), replace(CAPS, line_usd=None, share_usd=None, via="")]
)
def test_they_come_back_from_the_journal_as_they_were(caps: Caps) -> None:
    assert read_caps(caps_text(caps)) == caps


def test_the_planner_gets_them_as_limits() -> None:
    assert CAPS.limits == Limits(3.0, 2.5, ("dev1", "dev2"), "eco", Speed.CHEAP)
    assert replace(CAPS, percent=None).limits.max_fee_percent == math.inf
    assert CAPS.for_all(4) == 2.0
    assert replace(CAPS, share_usd=None).for_all(4) is None


def test_without_a_price_the_coin_itself_is_capped() -> None:
    unpriced = replace(CAPS, line_usd=None)
    unpriced.check(plan_costing(10**15))
    with pytest.raises(Refused, match="1000000000000001 wei, and 1000000000000000 were approved"):
        unpriced.check(plan_costing(10**15 + 1))
    CAPS.check(plan_costing(10**18))  # The planner holds the cap in dollars.


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"percent": 3}', caps_text(CAPS).replace("cheap", "reckless")])
def test_what_another_program_changed_pays_nothing(text: str) -> None:
    with pytest.raises(ConfigError, match="not readable"):
        read_caps(text)


def test_people_read_them() -> None:
    assert str(CAPS) == "up to $2.50 in fees for each line"
    assert str(replace(CAPS, line_usd=None)) == "network fees of up to 0.001000 coins for each line"
