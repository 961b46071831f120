"""`l2send inspect`: an order of the current ERC-7683 draft, resolved by a contract and described."""

from __future__ import annotations

from l2send.devnet.node import Node
from tests.bridges.erc7683_draft.test_order import full
from tests.conftest import Home
from tests.support.addresses import new_address


def resolver_that_says(home: Home, answer: bytes) -> str:
    """A contract on dev1 that gives this answer to every call."""
    at = new_address()
    # PUSH2 length, DUP1, PUSH1 12, PUSH1 0, CODECOPY, PUSH1 0, RETURN, and the answer behind it.
    code = b"\x61" + len(answer).to_bytes(2, "big") + bytes.fromhex("80600c6000396000f3") + answer
    Node(home.chain("dev1").rpcs[0]).call("anvil_setCode", at, "0x" + code.hex())
    return f"dev1:{at}"


def test_an_order_is_put_into_clean_words(home: Home) -> None:
    resolver = resolver_that_says(home, full())
    shown = home.must("inspect", resolver, "0x1234").stdout
    assert "step 0: call 0x" in shown
    assert "payment 0:" in shown
    assert "assumed, not checked: token is honest" in shown
    assert "\x1b" not in shown
    assert home.must("inspect", resolver, "0x1234", "--json").json["says"] == shown.splitlines()


def test_an_answer_that_is_no_order_is_refused(home: Home) -> None:
    done = home.run("inspect", resolver_that_says(home, full()[:-32]), "0x1234", "--json")
    assert done.status == 7
    assert done.error["sent"] == "no"
    assert "Do not act on this order" in done.error["hint"]


def test_what_is_no_payload_is_refused(home: Home) -> None:
    assert home.run("inspect", resolver_that_says(home, full()), "0x123").status == 2
