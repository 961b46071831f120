"""Whether a payment whose ways could not all be asked is worth another try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.errors import NetworkError, NodeError, WrongChain
from tests.resolver.test_planner import ASLEEP, BRIDGE, DIRECT, ORIGIN, RICH, TARGET, THIRD, Priced, holding, plan


@pytest.mark.parametrize(
    ("error", "retryable"),
    [(NodeError("Unauthorized: no API key"), False), (WrongChain("serves 1"), False), (ASLEEP, True)],
)
def test_an_endpoint_that_refuses_for_good_is_not_asked_to_be_tried_again(error: NetworkError, retryable: bool) -> None:
    failing = Priced("direct", {}, fails={"right": error})
    with pytest.raises(NetworkError, match="right by direct") as refused:
        plan([failing], holding(ORIGIN, 0), holding(TARGET, RICH))
    assert refused.value.retryable == retryable
    assert ("try again later" in refused.value.hint) == retryable


def test_a_destination_that_refuses_to_say_the_balance_is_not_asked_to_be_tried_again() -> None:
    refusing = replace(holding(TARGET, 0, error="Unauthorized: no API key"), refused=True)
    with pytest.raises(NetworkError, match="Unauthorized") as refused:
        plan([DIRECT], holding(ORIGIN, 0), refusing)
    assert not refused.value.retryable


def test_a_cheaper_way_that_is_refused_for_good_is_not_asked_to_be_tried_again() -> None:
    failing = Priced("f", {}, fails={"left": NodeError("Unauthorized: no API key")})
    with pytest.raises(NetworkError, match=r"left by f: .*Unauthorized") as refused:
        plan([failing, BRIDGE], holding(ORIGIN, RICH), holding(TARGET, 0))
    assert not refused.value.retryable
    assert "will not help" in refused.value.hint
    assert "--via b" in refused.value.hint


def test_a_chain_that_refuses_to_say_what_it_holds_is_not_asked_to_be_tried_again() -> None:
    refusing = replace(holding(THIRD, 0, error="Unauthorized: no API key"), refused=True)
    with pytest.raises(NetworkError, match="third") as refused:
        plan([BRIDGE], holding(ORIGIN, 0), holding(TARGET, 0), refusing)
    assert not refused.value.retryable
