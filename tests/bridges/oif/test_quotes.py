"""A quote endpoint of OIF: its answer is a price, and everything else in it must agree with what was asked."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from l2send.bridges.oif.order import OPEN
from l2send.core import erc7930
from l2send.core.chains import Registry
from l2send.core.errors import L2sendError
from l2send.core.plan import ChainAddress
from tests.bridges import registry as two
from tests.bridges.oif.test_order import SOURCE, VIA
from tests.bridges.standins import Answer, Payer, StandIns, endpoint
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab


def offers(world: StandIns, units: int) -> Answer:
    """What an OIF solver answers: 20 base units of fee, and calldata that must never be used."""
    settler = ChainAddress(world.origin.chain.chain_id, world.origin.settler(VIA, "input_settler"))

    def answer(request: dict[str, Any]) -> Any:
        (given,), (wanted,) = request["intent"]["inputs"], request["intent"]["outputs"]
        allowance = {
            "token": given["asset"],
            "user": given["user"],
            "spender": erc7930.text(settler),
            "required": str(units),
        }
        order = {
            "type": "oif-user-open-v0",
            "openIntentTx": {"to": erc7930.text(settler), "data": "0xdeadbeef", "gasRequired": "250000"},
            "checks": {"allowances": [allowance]},
        }
        preview = {"inputs": [{**given, "amount": str(units)}], "outputs": [wanted]}
        quote = {"order": order, "preview": preview, "eta": 7, "failureHandling": "refund-claim", "partialFill": False}
        return {"quotes": [quote]}

    return answer


def with_api(world: StandIns, url: str) -> Registry:
    return with_chains(world.registry, with_settlers(world.origin.chain, oif={"quote_api": url}))


def test_a_quote_endpoint_gives_the_price_and_nothing_else(stand_ins: StandIns, payer: Payer) -> None:
    asked = list[dict[str, Any]]()
    answer = offers(stand_ins, 10_000_020)

    def listen(request: dict[str, Any]) -> Any:
        asked.append(request)
        dear = copy.deepcopy(answer(request)["quotes"][0])
        dear["preview"]["inputs"][0]["amount"] = dear["order"]["checks"]["allowances"][0]["required"] = "10000030"
        return {"quotes": [None, {"order": None}, dear, *answer(request)["quotes"]]}

    with endpoint(listen) as url:
        quote = payer.quote(VIA, registry=with_api(stand_ins, url))
    assert (quote.pays.units, quote.delivers.units, quote.duration) == (10_000_020, 10_000_000, 7)
    assert quote.steps[-1].tx.data[:4] == OPEN.selector
    assert b"\xde\xad\xbe\xef" not in quote.steps[-1].tx.data
    (request,) = asked
    intent = request["intent"]
    assert (intent["swapType"], request["supportedTypes"]) == ("exact-output", ["oif-user-open-v0"])
    assert intent["outputs"][0]["amount"] == "10000000"


LIES: list[tuple[str, tuple[Any, ...], Any]] = [
    ("no quote", (), None),
    ("a signature is wanted", ("order", "type"), "oif-escrow-v0"),
    ("another settler", ("order", "openIntentTx", "to"), erc7930.text(ChainAddress(SOURCE.chain_id, two.address(1)))),
    ("no allowance", ("order", "checks", "allowances"), []),
    ("allowance of more", ("order", "checks", "allowances", 0, "required"), "10000021"),
    ("another spender", ("order", "checks", "allowances", 0, "spender"), "0x00010000010114" + "11" * 20),
    ("a bad address", ("order", "checks", "allowances", 0, "token"), "0x00010000"),
    ("less delivered", ("preview", "outputs", 0, "amount"), "9999999"),
    ("nothing delivered", ("preview", "outputs", 0, "amount"), None),
    ("another receiver", ("preview", "outputs", 0, "receiver"), "0x00010000010114" + "11" * 20),
    ("another token", ("preview", "outputs", 0, "asset"), "0x00010000010114" + "11" * 20),
    ("two outputs", ("preview", "outputs"), [{}, {}]),
    ("a price of nothing", ("preview", "inputs", 0, "amount"), "0"),
    ("a negative price", ("preview", "inputs", 0, "amount"), "-1"),
    ("a price in other digits", ("preview", "inputs", 0, "amount"), "\uff11\uff10\uff10"),
    ("a price beyond what is held", ("preview", "inputs", 0, "amount"), "200000000"),
    ("ran out", ("validUntil",), 1),
]


@pytest.mark.parametrize(("what", "path", "value"), LIES, ids=[lie[0] for lie in LIES])
def test_a_quote_that_differs_from_what_was_asked_is_refused(
    stand_ins: StandIns, payer: Payer, what: str, path: tuple[Any, ...], value: Any
) -> None:
    answer = offers(stand_ins, 10_000_020)

    def lie(request: dict[str, Any]) -> Any:
        quotes = answer(request)["quotes"]
        if not path:
            return {"quotes": []}
        *way, last = path
        place = quotes[0]
        for key in way:
            place = place[key]
        place[last] = value
        return {"quotes": quotes}

    with endpoint(lie) as url, pytest.raises(L2sendError):
        payer.quote(VIA, registry=with_api(stand_ins, url))
