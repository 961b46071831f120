"""OIF: bytes that are refused before signing, quotes that are only prices, and orders from `open` to fill or refund."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2send.bridges import decode
from l2send.bridges.oif.bridge import FILLED_TOPIC, OPEN_TOPIC, REFUND, Oif
from l2send.bridges.oif.order import OPEN, OUTPUT, PROOF_TIME, fields_of
from l2send.bridges.oif.order import open_tx as write_open
from l2send.client import Client
from l2send.core import erc7930
from l2send.core.bridge import OrderState
from l2send.core.calldata import abi_encode, address_word
from l2send.core.chains import Registry
from l2send.core.effects import Effects, Opens, TakesBack, check_refund, compare_with_payment
from l2send.core.errors import CannotPay, L2sendError, Refused
from l2send.core.plan import ChainAddress, Order, Payment, UnsignedTx
from l2send.core.rpc import open_rpcs
from l2send.core.settlers import OifSettlers
from l2send.core.units import Amount, UnixTime, Wei
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.bridges import registry as two
from tests.bridges.mutations import Capsys, every_byte, every_field
from tests.bridges.standins import ORIGIN, TARGET, Answer, Payer, StandIns, endpoint, fill_oif, order_of, order_state
from tests.conftest import somebody
from tests.support.faultproxy import FaultProxy
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab

VIA = "oif"

LISTED = (
    OifSettlers(input_settler=two.address(160), oracle=two.address(161)),
    OifSettlers(output_settler=two.address(260), oracle=two.address(261)),
)
SOURCE, DESTINATION = (
    replace(chain, settlers={**chain.settlers, VIA: listed})
    for chain, listed in zip((two.ORIGIN, two.TARGET), LISTED, strict=True)
)
REGISTRY = with_chains(two.REGISTRY, SOURCE, DESTINATION)
PAYS = Amount(25_100_000, SOURCE.tokens[0])
PAYMENT = Payment(
    two.SENDER, ChainAddress(DESTINATION.chain_id, two.RECIPIENT), Amount(25_000_000, two.TARGET.tokens[0])
)
DEADLINE = UnixTime(1_800_000_000)


def open_tx() -> UnsignedTx:
    return write_open(*LISTED, PAYMENT, PAYS, DEADLINE)


def check_all(tx: UnsignedTx) -> Effects:
    effect = decode(tx, REGISTRY)
    compare_with_payment((effect,), PAYMENT, PAYS, REGISTRY)
    return effect


def test_an_order_is_decoded_from_its_bytes() -> None:
    effect = check_all(open_tx())
    assert isinstance(effect, Opens)
    order = effect.order
    assert (order.sender, order.recipient) == (two.SENDER, two.RECIPIENT)
    assert (order.pays, order.delivers) == (PAYS, PAYMENT.amount)
    assert (order.fill_deadline, order.refund_after) == (DEADLINE, DEADLINE + PROOF_TIME)


def _token_id(address: Any) -> int:
    return int(str(address), 16)


USDC, USDC_E = (_token_id(t.address) for t in SOURCE.tokens)

# One change of one field each: (what, path into StandardOrder, new value).
FIELDS: list[tuple[str, tuple[int, ...], Any]] = [
    ("user, who is refunded", (0,), two.RECIPIENT),
    ("origin", (2,), DESTINATION.chain_id),
    ("money locked for years", (3,), 2**32 - 1),
    ("no time for the oracle", (3,), DEADLINE),
    ("fill deadline", (4,), DEADLINE - 1),
    ("input oracle", (5,), two.address(77)),
    ("input oracle is the destination's", (5,), two.address(261)),
    ("token locked", (6,), [(USDC_E, PAYS.units)]),
    ("token with dirt before its address", (6,), [(USDC | 1 << 200, PAYS.units)]),
    ("more locked", (6,), [(USDC, PAYS.units + 1)]),
    ("two tokens locked", (6,), [(USDC, PAYS.units), (USDC_E, 1)]),
    ("nothing locked", (6,), []),
    ("nothing delivered", (7,), []),
    ("output oracle", (7, 0), address_word(two.address(77))),
    ("output oracle is the origin's", (7, 0), address_word(two.address(161))),
    ("output settler", (7, 1), address_word(two.address(78))),
    ("another settler of the destination", (7, 1), address_word(two.address(203))),
    ("destination", (7, 2), SOURCE.chain_id),
    ("destination not in the registry", (7, 2), 999_999),
    ("token delivered", (7, 3), address_word(str(DESTINATION.tokens[1].address))),
    ("native delivered", (7, 3), bytes(32)),
    ("less delivered", (7, 4), 1),
    ("recipient", (7, 5), address_word(two.SENDER)),
    ("recipient that is no EVM account", (7, 5), b"\x01" + address_word(two.RECIPIENT)[1:]),
    ("a call of the recipient", (7, 6), b"\x00"),
    ("a Dutch auction", (7, 7), b"\x01" + bytes(40)),
    ("kept for one solver", (7, 7), b"\xe0" + bytes(36)),
]


def mutated(tx: UnsignedTx, path: tuple[int, ...], value: Any) -> UnsignedTx:
    order = list(OPEN.decode_call(tx.data)[0])
    if len(path) == 2:
        output = list(order[7][0])
        output[path[1]] = value
        order[7] = [output]
    else:
        order[path[0]] = value
    return replace(tx, data=OPEN.encode(order))


def test_every_changed_field_is_refused(capsys: Capsys) -> None:
    tx = open_tx()
    bad = [(what, mutated(tx, path, value)) for what, path, value in FIELDS]
    assert every_field(capsys, "oif", tx, bad, check_all) == []


def test_a_second_delivery_another_settler_chain_value_or_call_is_refused() -> None:
    tx = open_tx()
    order = list(OPEN.decode_call(tx.data)[0])
    order[7] = [order[7][0], order[7][0]]
    for bad in (
        replace(tx, data=OPEN.encode(order)),
        replace(tx, to=two.address(161)),
        replace(tx, chain_id=DESTINATION.chain_id),
        replace(tx, value=Wei(1)),
        replace(tx, data=b"\x12\x34\x56\x78" + tx.data[4:]),
        replace(tx, data=tx.data[:-1]),
        replace(tx, data=tx.data + bytes(32)),
    ):
        with pytest.raises(L2sendError):
            check_all(bad)


def test_every_changed_byte_of_the_calldata_is_refused_or_only_the_nonce(capsys: Capsys) -> None:
    """The nonce makes an order unique and moves no money: the guard alone can know which one was approved."""
    tx = open_tx()
    nonce_at = tx.data.index(OPEN.decode_call(tx.data)[0][1].to_bytes(32, "big"))
    assert every_byte(capsys, "oif", tx, check_all) == list(range(nonce_at, nonce_at + 32))


def refund_tx(order: Order) -> UnsignedTx:
    """The refund, which asks no chain."""

    async def run() -> UnsignedTx:
        async with open_rpcs(REGISTRY) as rpcs:
            step = await Oif().refund(order, rpcs)
            assert step
            return step.tx

    return asyncio.run(run())


def test_a_refund_is_of_this_order_alone() -> None:
    effect = check_all(open_tx())
    assert isinstance(effect, Opens)
    order = effect.order
    refund = refund_tx(order)
    assert (refund.chain_id, refund.to, refund.value) == (SOURCE.chain_id, two.address(160), 0)
    assert decode(refund, REGISTRY) == TakesBack(order.order_id, Amount(0, SOURCE.native), refund.to)
    other = list(REFUND.decode_call(refund.data)[0])
    other[1] += 1
    of_another = decode(replace(refund, data=REFUND.encode(other)), REGISTRY)
    assert isinstance(of_another, TakesBack)
    with pytest.raises(Refused):
        check_refund(of_another, order)
    for bad in (replace(refund, value=Wei(1)), replace(refund, data=refund.data + b"\x00")):
        with pytest.raises(Refused):
            decode(bad, REGISTRY)
    with pytest.raises(Refused):
        refund_tx(replace(order, order_id="0x" + "11" * 32))


def test_the_selector_and_the_type_are_those_of_the_deployed_contracts() -> None:
    from eth_hash.auto import keccak

    assert OPEN.selector.hex() == "7515fd56"
    text = (
        "MandateOutput(bytes32 oracle,bytes32 settler,uint256 chainId,bytes32 token,uint256 amount,"
        "bytes32 recipient,bytes callbackData,bytes context)"
    )
    assert keccak(text.encode()).hex() == "d83fab35b1a9ad089ade576779f12270534c95983ceba3a006ab4bbf9c1721c2"


# From here on: two chains of a devnet.


@pytest.fixture
def payer(stand_ins: StandIns, tmp_path: Path) -> Payer:
    return stand_ins.payer(tmp_path)


def test_opened_filled_delivered(stand_ins: StandIns, payer: Payer) -> None:
    to = somebody()
    record = payer.open(VIA, to)
    fill_oif(stand_ins, order_of(record))
    done = payer.resume(record)
    assert (done.state, order_state(done)) == (PaymentState.DELIVERED, OrderState.FILLED)
    assert done.order is not None
    assert len(done.order.fill_tx) == 66
    assert stand_ins.home.holds(to, TARGET) == 10_000_000
    assert payer.holds() == 89_990_000


def test_ignored_then_too_late_then_refunded(stand_ins: StandIns, payer: Payer) -> None:
    record = payer.open(VIA, somebody())
    stand_ins.advance(3700)
    late = payer.status(record)
    assert order_state(late) is OrderState.OPEN, "expired is not refundable yet"
    assert late.order is not None
    assert "too late for a solver" in late.order.detail
    stand_ins.advance(PROOF_TIME)
    assert payer.status(record).state is PaymentState.REFUND_DUE
    assert payer.resume(record).state is PaymentState.REFUNDED
    assert payer.holds() == 100_000_000


def test_a_solver_that_pays_late_has_paid(stand_ins: StandIns, payer: Payer) -> None:
    """The output settler takes the solver's word for the deadline: no refund is asked for after that."""
    record = payer.open(VIA, somebody())
    stand_ins.advance(PROOF_TIME + 3700)
    fill_oif(stand_ins, order_of(record))
    assert payer.resume(record).state is PaymentState.DELIVERED
    assert payer.holds() == 89_990_000


def test_a_fill_that_one_endpoint_alone_shows_is_not_delivered(stand_ins: StandIns, payer: Payer) -> None:
    """Which of two lies is unknown: the one that shows a fill, or the other, here with an answer of before it."""
    record, target = payer.open(VIA, somebody()), stand_ins.target
    with FaultProxy(target.chain.rpcs[0]) as other:

        def look(*urls: str) -> PaymentRecord:
            two = with_chains(stand_ins.registry, replace(target.chain, rpcs=urls))
            (leg,) = payer.with_client(lambda client: client.status(record.id), two).legs
            return leg

        look(other.url)
        asked = other.sent("eth_call")[-1]
        other.lie("eth_call", target.node.call("eth_call", *asked))
        fill_oif(stand_ins, order_of(record))
        seen = look(target.chain.rpcs[0], other.url)
        assert seen.state is PaymentState.BRIDGING
        assert seen.order
        assert seen.order.detail == "the recipient was paid; 127.0.0.1 is confirming it."
        other.stop_lying("eth_call")
        assert look(target.chain.rpcs[0], other.url).state is PaymentState.DELIVERED


def test_a_refund_counts_once_it_is_confirmed(stand_ins: StandIns, payer: Payer) -> None:
    """Somebody else asked for it; a reorganisation could still take it back, and nobody would ask again."""
    record = payer.open(VIA, somebody())
    order = order_of(record)
    stand_ins.advance(PROOF_TIME + 3700)
    slow = with_chains(stand_ins.registry, replace(stand_ins.origin.chain, confirmations=1000))

    def look() -> PaymentRecord:
        (leg,) = payer.with_client(lambda client: client.status(record.id), slow).legs
        return leg

    stand_ins.origin.must(order.origin_settler, REFUND.encode(fields_of(order)))
    seen = look()
    assert (seen.state, order_state(seen)) == (PaymentState.BRIDGING, OrderState.OPEN)
    assert seen.order
    assert "is confirming it" in seen.order.detail
    stand_ins.origin.node.call("anvil_mine", hex(1000))
    assert look().state is PaymentState.REFUNDED


def test_a_refund_that_somebody_else_was_quicker_with_is_not_called_for_paying_anew(
    stand_ins: StandIns, payer: Payer
) -> None:
    record = payer.open(VIA, somebody())
    order = order_of(record)
    stand_ins.advance(PROOF_TIME + 3700)
    assert payer.status(record).state is PaymentState.REFUND_DUE

    async def be_late(client: Client) -> None:
        step = await client.bridges[VIA].refund(order, client.rpcs)
        assert step
        stand_ins.origin.must(step.tx.to, step.tx.data)
        await client._executor(payer.signer, lambda _: None).send_refund(record.id, step)

    with pytest.raises(Refused, match="the refund would fail") as late:
        payer.with_client(be_late)
    assert "pay anew" not in late.value.hint
    assert payer.resume(record).state is PaymentState.REFUNDED


def test_spoofed_events_are_never_shown_as_filled(stand_ins: StandIns, payer: Payer) -> None:
    """Somebody else's OutputFilled with our id and output, and a true fill of another output under our id."""
    to = somebody()
    record = payer.open(VIA, to)
    order = order_of(record)
    output = fields_of(order)[7][0]
    event = abi_encode(["bytes32", "uint32", OUTPUT, "uint256"], [bytes(31) + b"\x01", 1, output, output[4]])
    for side in (stand_ins.target, stand_ins.origin):
        stand_ins.lie(side, [FILLED_TOPIC, order.order_id], event)
    fill_oif(stand_ins, order, (*output[:4], 1, *output[5:]))
    assert stand_ins.home.holds(to, TARGET) == 1, "the look-alike was not filled, so this test showed nothing"
    assert order_state(payer.status(record)) is OrderState.OPEN
    fill_oif(stand_ins, order)
    done = payer.resume(record)
    assert done.order is not None
    receipt = stand_ins.target.node.call("eth_getTransactionReceipt", done.order.fill_tx)
    assert abi_encode([OUTPUT], [output])[32:].hex() in receipt["logs"][-1]["data"], "the look-alike's transaction"


def test_only_the_escrows_own_open_event_opens(stand_ins: StandIns, payer: Payer) -> None:
    order = order_of(payer.open(VIA, somebody()))
    log: dict[str, Any] = {"address": order.origin_settler, "topics": [OPEN_TOPIC, order.order_id]}
    assert Oif().opened(order, {"status": "0x1", "logs": [log]})
    assert not Oif().opened(order, {"status": "0x0", "logs": [log]})
    assert not Oif().opened(order, {"status": "0x1", "logs": [log | {"address": stand_ins.liars[ORIGIN]}]})


def test_a_silent_chain_is_unknown_not_unfilled(stand_ins: StandIns, payer: Payer) -> None:
    order = order_of(payer.open(VIA, somebody()))
    for side in (stand_ins.origin, stand_ins.target):
        deaf = replace(side.chain, rpcs=("http://127.0.0.1:9",))

        async def ask(client: Client) -> OrderState:
            return (await Oif().status(order, client.rpcs)).state

        assert payer.with_client(ask, with_chains(stand_ins.registry, deaf)) is OrderState.UNKNOWN


def test_settlers_that_are_not_what_the_registry_says_are_refused(stand_ins: StandIns, payer: Payer) -> None:
    for side, field in ((stand_ins.origin, "input_settler"), (stand_ins.target, "output_settler")):
        wrong = with_settlers(side.chain, oif={field: stand_ins.liars[side.chain.short_name]})
        with pytest.raises(CannotPay, match="oif:"):
            payer.quote(VIA, registry=with_chains(stand_ins.registry, wrong))


# A quote endpoint: its answer is a price, and everything else in it must agree with what was asked.


def offers(world: StandIns, units: int) -> Answer:
    """What an OIF solver answers: 20 base units of fee, and calldata that nobody should ever use."""
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
