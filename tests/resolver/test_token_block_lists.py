"""Every known block-list function of a token is called; a token with none of them is reported as unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.calldata import DECIMALS, Function
from l2send.core.errors import Refused
from l2send.core.plan import Payment
from l2send.core.units import Amount
from l2send.devnet.node import Node
from l2send.resolver.token_block_lists import BLOCK_LISTS
from tests.conftest import Home
from tests.resolver.test_recipient import findings, payment
from tests.support.addresses import new_address


def code_of(blocked: Function, answer: int) -> str:
    """A contract that answers 6 to decimals(), `answer` to `blocked`, and reverts otherwise."""
    says = lambda value: f"5b60{value:02x}5f5260205ff3"  # noqa: E731
    asked = lambda function, place: f"8063{function.selector.hex()}1460{place:02x}57"  # noqa: E731
    return "0x5f3560e01c" + asked(DECIMALS, 28) + asked(blocked, 37) + "5f5ffd" + says(6) + says(answer)


def of_token(home: Home, blocked: Function, answer: int) -> Payment:
    token = new_address()
    Node(home.chain("dev4").rpcs[0]).call("anvil_setCode", token, code_of(blocked, answer))
    asked = payment(home, new_address())
    return replace(asked, amount=Amount(1, replace(asked.amount.token, address=token, symbol="ODD")))


@pytest.mark.parametrize("blocked", BLOCK_LISTS, ids=[function.signature for function in BLOCK_LISTS])
def test_a_recipient_that_the_token_blocks_is_refused_in_every_spelling(home: Home, blocked: Function) -> None:
    with pytest.raises(Refused, match="ODD blocks"):
        findings(home, of_token(home, blocked, 1))
    assert not findings(home, of_token(home, blocked, 0)).said


def test_the_spellings_of_the_great_tokens_are_among_them() -> None:
    """Named here too: the list of the code cannot lose one unnoticed."""
    circle, tether, later_tether, paxos = "isBlacklisted", "isBlackListed", "isBlocked", "isFrozen"
    needed = {f"{name}(address)" for name in (circle, tether, later_tether, paxos, "isBlockListed", "blacklisted")}
    assert needed <= {function.signature for function in BLOCK_LISTS}


def test_a_list_of_an_unknown_name_is_said_not_to_be_known(home: Home) -> None:
    (said,) = findings(home, of_token(home, Function("isOutOfFavour(address)", "uint256"), 1)).said
    assert "not known: whether ODD blocks the recipient" in said
