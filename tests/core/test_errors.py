"""A node's words in sentences for people: the contract's reason without the client's own words around it."""

from __future__ import annotations

import pytest

from l2send.core.errors import ErrorClass, NodeError, revert_reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("execution reverted: ERC20: transfer amount exceeds balance", "ERC20: transfer amount exceeds balance"),
        ("execution reverted", "no reason given"),
        ("reverted", "no reason given"),
        ("", "no reason given"),
        ("VM Exception while processing transaction: reverted with it.", "with it"),
        ("transfer: to the token", "transfer: to the token"),
    ],
)
def test_a_reverts_reason(words: str, reason: str) -> None:
    assert revert_reason(words) == reason
    assert NodeError(f"rpc.example.org: {words}", kind=ErrorClass.REVERT).reason == reason


def test_a_refusal_that_is_no_revert_keeps_its_words() -> None:
    assert NodeError("rpc.example.org: insufficient funds for gas").reason == "insufficient funds for gas"
