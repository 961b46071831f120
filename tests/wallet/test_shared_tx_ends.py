"""Several transfers in one transaction's receipt: each has its own event, and none counts twice."""

from __future__ import annotations

from typing import Any

from l2send.core.calldata import TRANSFER, TRANSFER_TOPIC, address_word
from l2send.core.plan import UnsignedTx
from l2send.core.units import BlockNumber, ChainId, Wei
from l2send.wallet.shared_tx_ends import _made, arrived_together
from l2send.wallet.tx_location import Sight
from tests.support.addresses import new_address

CHAIN, PAYER, TOKEN, OTHER = ChainId(1), new_address(), new_address(), new_address()
ALICE, BOB = new_address(), new_address()


def call(to: str, units: int, token: str = TOKEN) -> UnsignedTx:
    return UnsignedTx(CHAIN, token, Wei(0), TRANSFER.encode(to, units))  # type: ignore[arg-type]


def log(to: str, units: int, token: str = TOKEN, payer: str = PAYER) -> dict[str, Any]:
    topics = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (payer, to))]
    return {"address": token, "topics": topics, "data": "0x" + units.to_bytes(32, "big").hex()}


def sight(*logs: dict[str, Any]) -> Sight:
    return Sight(BlockNumber(7), "0x" + "1" * 64, True, {"logs": list(logs)})


CALLS = [call(ALICE, 5), call(BOB, 3), call(ALICE, 5)]
ALL = [log(ALICE, 5), log(BOB, 3), log(ALICE, 5)]


def test_each_call_has_an_event_of_its_own() -> None:
    assert arrived_together(CALLS, PAYER, [sight(*ALL)]) == [5, 3, 5]
    assert arrived_together(CALLS, PAYER, [sight(*ALL[:2])]) == [5, 3, None], "one event counts once"


def test_an_event_of_another_token_payer_or_recipient_or_of_more_is_none() -> None:
    for foreign in (log(ALICE, 5, OTHER), log(ALICE, 5, payer=BOB), log(OTHER, 5), log(ALICE, 6)):
        assert arrived_together(CALLS, PAYER, [sight(ALL[0], ALL[1], foreign)]) == [5, 3, None]
    assert arrived_together(CALLS, PAYER, [sight()]) == [None] * 3


def test_a_token_that_keeps_a_part_brings_less() -> None:
    assert arrived_together(CALLS, PAYER, [sight(log(ALICE, 4), log(BOB, 3), log(ALICE, 4))]) == [4, 3, 4]


def test_endpoints_that_show_different_events_show_none() -> None:
    less = sight(log(ALICE, 4), ALL[1], ALL[2])
    assert arrived_together(CALLS, PAYER, [sight(*ALL), less]) == [None, 3, 5]


def test_a_trace_shows_the_calls_that_were_not_taken_back() -> None:
    inner = {"type": "CALL", "from": PAYER, "to": ALICE, "value": "0x5"}
    failed = {"type": "CALL", "from": PAYER, "to": BOB, "error": "reverted", "calls": [inner]}
    top = {"type": "CALL", "from": PAYER, "to": PAYER, "value": "0x0", "calls": [inner, failed]}
    assert list(_made(top, 9)) == [(PAYER.lower(), PAYER.lower(), 0), (PAYER.lower(), ALICE.lower(), 5)]
    assert list(_made(top, 1)) == [(PAYER.lower(), PAYER.lower(), 0)], "no deeper than it is asked"
