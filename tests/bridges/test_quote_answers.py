"""Answers of quote APIs, changed one value at a time: refused, without effect, or a different price, which is shown.

What the order pays, to which account, on which chain, through which contracts, and who is refunded: none of it comes
from an answer.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import pytest
from jsonschema import validate

from l2send.bridges import decode
from l2send.bridges.across import bridge, contracts
from l2send.bridges.across.api import ask_price as ask_across
from l2send.bridges.across.price import delivery_of
from l2send.bridges.eco import bridge as eco
from l2send.bridges.eco import order as eco_order
from l2send.bridges.eco import quote_api as eco_api_client
from l2send.bridges.hyperlane7683 import order as hyperlane7683
from l2send.bridges.oif import order as oif
from l2send.bridges.quoting import Funding
from l2send.bridges.solver_price import fill_deadline, solver_price
from l2send.core import erc7930
from l2send.core.chains import Chain
from l2send.core.effects import Opens, compare_with_payment
from l2send.core.errors import BadAnswer, CannotPay, L2sendError, Refused
from l2send.core.plan import ChainAddress, Order, Payment, UnsignedTx
from l2send.core.rpc import Rpcs
from l2send.core.settlers import EcoSettlers, HyperlaneSettlers, OifSettlers, Settlers
from l2send.core.units import Amount, Seconds, UnixTime
from tests.bridges.mutations import Capsys, answers, tell
from tests.bridges.registry import RECIPIENT, SENDER, address
from tests.support import across_registry, eco_api
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab

API = "http://quotes.test"
NOW = UnixTime(1_800_000_000)
FOREIGN = address(666)

SOURCE = with_settlers(
    across_registry.ORIGIN,
    hyperlane7683={"router": address(150), "quote_api": API},
    oif={"input_settler": address(160), "oracle": address(161), "quote_api": API},
)
TARGET = with_settlers(
    across_registry.TARGET,
    hyperlane7683={"router": address(250)},
    oif={"output_settler": address(260), "oracle": address(261)},
)
REGISTRY = with_chains(across_registry.REGISTRY, SOURCE, TARGET)
USDC_IN, USDC_OUT = SOURCE.tokens[0], TARGET.tokens[0]
PAYMENT = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), Amount(25_000_000, USDC_OUT))
HELD = Amount(10**12, USDC_IN)
FUNDING = Funding(PAYMENT, SOURCE, HELD, Amount(10**18, SOURCE.native))
PRICE = 25_100_000
S = TypeVar("S", bound=Settlers)


def listed(kind: type[S], chain: Chain = SOURCE) -> S:
    (found,) = (one for one in chain.settlers.values() if isinstance(one, kind))
    return found


def eco_listed() -> tuple[EcoSettlers, EcoSettlers]:
    return listed(EcoSettlers), listed(EcoSettlers, TARGET)


def afford(units: int) -> None:
    """What `quote` asks of every price before an order is built."""
    if units > HELD.units:
        raise CannotPay("more than is held")


async def by_eco(rpcs: Rpcs) -> UnsignedTx:
    here, there = eco_listed()
    price = await eco_api_client.ask_price(here, there, rpcs, PAYMENT, USDC_IN)
    afford(price.source_units)
    deadline = eco._deadline(price.deadline, NOW, NOW)
    return eco_order.open_tx(here, there, PAYMENT, Amount(price.source_units, USDC_IN), deadline)


async def by_across(rpcs: Rpcs) -> UnsignedTx:
    way = contracts.crossing("across", SOURCE, TARGET, USDC_IN, USDC_OUT)
    assert way
    price = await ask_across(rpcs.http, API, delivery_of(FUNDING, way))
    afford(price.input_units)
    state = contracts.ContractState(NOW, NOW, Seconds(3600), Seconds(21_600), settler_works=False)
    return bridge._deposit_tx(PAYMENT, way, price, state)


async def by_hyperlane7683(rpcs: Rpcs) -> UnsignedTx:
    price = await solver_price(listed(HyperlaneSettlers), address(150), FUNDING, rpcs)
    deadline = fill_deadline(price, NOW, NOW)
    here, there = listed(HyperlaneSettlers), listed(HyperlaneSettlers, TARGET)
    return hyperlane7683.open_tx(here, there, PAYMENT, price.pays, deadline)


async def by_oif(rpcs: Rpcs) -> UnsignedTx:
    price = await solver_price(listed(OifSettlers), address(160), FUNDING, rpcs)
    here, there = listed(OifSettlers), listed(OifSettlers, TARGET)
    return oif.open_tx(here, there, PAYMENT, price.pays, fill_deadline(price, NOW, NOW))


def eco_answer() -> Any:
    """As docs.eco.com/api-reference/quotes-v3 has it: its example, for this payment."""
    answer = copy.deepcopy(eco_api.EXAMPLE)
    offer = answer["data"][0]["quoteData"]
    offer["quoteResponse"] |= {
        "sourceChainID": SOURCE.chain_id,
        "destinationChainID": TARGET.chain_id,
        "sourceToken": USDC_IN.address,
        "destinationToken": USDC_OUT.address,
        "sourceAmount": str(PRICE),
        "destinationAmount": str(PAYMENT.amount.units),
        "funder": SENDER,
        "refundRecipient": SENDER,
        "recipient": RECIPIENT,
        "deadline": NOW + 3600,
    }
    offer["contracts"] = {
        "sourcePortal": SOURCE.settlers["eco"].contracts["portal"],
        "destinationPortal": TARGET.settlers["eco"].contracts["portal"],
        "prover": SOURCE.settlers["eco"].contracts["prover"],
    }
    return answer


def across_answer() -> Any:
    """As docs.across.to/api-reference/suggested-fees/get has it."""
    return {
        "totalRelayFee": {"pct": "4000000000000000", "total": "0"},
        "relayerCapitalFee": {"pct": "100000000000000", "total": "1"},
        "timestamp": str(NOW),
        "isAmountTooLow": False,
        "spokePoolAddress": SOURCE.settlers["across"].contracts["spoke_pool"],
        "destinationSpokePoolAddress": TARGET.settlers["across"].contracts["spoke_pool"],
        "exclusiveRelayer": address(66),
        "exclusivityDeadline": 30,
        "estimatedFillTimeSec": 4,
        "fillDeadline": str(NOW + 3600),
        "limits": {"minDeposit": "1", "maxDeposit": str(10**12)},
    }


def oif_answer(settler: str) -> Any:
    """As openintentsframework/oif-specs specs/openapi.yaml has it."""
    here, there = (erc7930.text(erc7930.asset(token)) for token in (USDC_IN, USDC_OUT))
    user, spender = (
        erc7930.text(ChainAddress(SOURCE.chain_id, account)) for account in (SENDER, address(int(settler)))
    )
    allowance = {"token": here, "user": user, "spender": spender, "required": str(PRICE)}
    order = {
        "type": "oif-user-open-v0",
        "openIntentTx": {"to": spender, "data": "0xdeadbeef", "gasRequired": "250000"},
        "checks": {"allowances": [allowance]},
    }
    receiver = erc7930.text(PAYMENT.to)
    preview = {
        "inputs": [{"user": user, "asset": here, "amount": str(PRICE)}],
        "outputs": [{"receiver": receiver, "asset": there, "amount": str(PAYMENT.amount.units)}],
    }
    times = {"validUntil": NOW + 60, "eta": 7}
    return {"quotes": [{"order": order, "preview": preview, "failureHandling": "refund-claim", **times}]}


Build = Callable[[Rpcs], Awaitable[UnsignedTx]]
BRIDGES: list[tuple[str, Build, Any]] = [
    ("eco", by_eco, eco_answer()),
    ("across", by_across, across_answer()),
    ("hyperlane7683", by_hyperlane7683, oif_answer("150")),
    ("oif", by_oif, oif_answer("160")),
]


@dataclass
class Count:
    refused: int = 0
    ignored: int = 0
    shown: int = 0


def order_for(build: Build, answer: Any) -> Order:
    """The order made of this answer, checked as before signing. Raises L2sendError."""

    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(answer).encode()))

    async def run() -> UnsignedTx:
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            return await build(Rpcs(REGISTRY, http))

    effect = decode(asyncio.run(run()), REGISTRY)
    assert isinstance(effect, Opens)
    compare_with_payment((effect,), PAYMENT, effect.order.pays, REGISTRY)
    return effect.order


@pytest.mark.parametrize(("name", "build", "good"), BRIDGES, ids=[b[0] for b in BRIDGES])
def test_no_changed_answer_leads_to_another_payment(name: str, build: Build, good: Any, capsys: Capsys) -> None:
    """`check` has compared recipient, tokens, amount, chains, settlers and refund address of every order made."""
    approved, count = order_for(build, good), Count()
    for what, answer in answers(good, FOREIGN):
        try:
            order = order_for(build, answer)
        except L2sendError:
            count.refused += 1
            continue
        assert NOW < order.fill_deadline <= NOW + 7200, what
        same = (order.pays, order.fill_deadline) == (approved.pays, approved.fill_deadline)
        count.ignored += same
        count.shown += not same
    total = count.refused + count.ignored + count.shown
    more = f": {count.refused} refused, {count.ignored} without effect, {count.shown} shown as another price or time"
    tell(capsys, f"{name} quote answers, field by field", total, total, more)
    assert count.refused > total // 4
    assert count.shown < total // 6


def eco_price(answer: Any, payment: Payment = PAYMENT, asked: list[Any] | None = None) -> Any:
    """The price read from this answer; what was asked is appended to `asked`. Raises L2sendError."""

    def reply(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append((request.method, request.url.path, json.loads(request.content)))
        return httpx.Response(200, stream=httpx.ByteStream(json.dumps(answer).encode()))

    async def run() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(reply)) as http:
            return await eco_api_client.ask_price(*eco_listed(), Rpcs(REGISTRY, http), payment, USDC_IN)

    return asyncio.run(run())


def eco_offers(*changes: dict[str, Any]) -> Any:
    """An answer with one offer for each of `changes` to its quote."""
    offers = []
    for change in changes:
        (offer,) = eco_answer()["data"]
        offer["quoteData"]["quoteResponse"] |= change
        offers.append(offer)
    return {"data": offers}


def test_eco_is_asked_as_its_description_says() -> None:
    asked: list[Any] = []
    eco_price(eco_answer(), asked=asked)
    ((method, path, request),) = asked
    assert (method, path) == ("POST", "/api/v3/quotes/exactOut")
    validate(request, eco_api.REQUEST)
    assert request["quoteRequest"]["sourceAmount"] == str(PAYMENT.amount.units)
    assert request["intentExecutionTypes"] == ["SELF_PUBLISH"]


def test_ecos_published_example_is_understood() -> None:
    """With the chains, tokens, accounts and contracts of this payment, and the example's own amounts and times."""
    example = eco_api.EXAMPLE["data"][0]["quoteData"]["quoteResponse"]
    kept = {name: example[name] for name in ("sourceAmount", "destinationAmount", "deadline")}
    answer = eco_offers(kept)
    validate(answer, eco_api.ANSWER)
    payment = Payment(SENDER, PAYMENT.to, Amount(995_000, USDC_OUT))
    assert eco_price(answer, payment) == eco_api_client.EcoPrice(1_000_000, UnixTime(1_672_531_200), Seconds(300))


def test_eco_estimates_may_have_a_fraction() -> None:
    assert eco_price(eco_offers({"estimatedFulfillTimeSec": 1.5})).duration == 2
    for nonsense in (float("nan"), float("inf"), -1.5, None):
        with pytest.raises(BadAnswer):
            eco_price(eco_offers({"estimatedFulfillTimeSec": nonsense}))


def test_the_cheapest_fitting_offer_of_eco_is_taken() -> None:
    """A solver that quotes nothing, another payment or for a sponsor takes nothing from the others."""
    cheap = {"sourceAmount": "25000001"}
    answer = eco_offers(
        {}, {"sourceAmount": "25000500"}, cheap | {"intentExecutionType": "GASLESS"}, cheap | {"recipient": FOREIGN}
    )
    silent = eco_answer()["data"][0]
    del silent["quoteData"]["quoteResponse"]
    answer["data"].append(silent)
    validate(answer, eco_api.ANSWER)
    assert eco_price(answer).source_units == 25_000_500


def test_no_offer_of_eco_is_said() -> None:
    with pytest.raises(Refused, match="no solver offers it"):
        eco_price({"data": []})
    with pytest.raises(Refused, match="less than the payment"):
        eco_price(eco_offers({"destinationAmount": "24999999"}))
