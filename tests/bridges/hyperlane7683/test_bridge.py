"""Hyperlane7683: bytes that are refused before signing, and orders from `open` to fill or refund."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2send.bridges import decode
from l2send.bridges.erc7683 import OPEN, OPEN_TOPIC
from l2send.bridges.hyperlane7683.bridge import FILLED_TOPIC, Hyperlane7683
from l2send.bridges.hyperlane7683.order import ORDER_DATA, ORDER_DATA_TYPE
from l2send.bridges.hyperlane7683.order import open_tx as write_open
from l2send.bridges.hyperlane7683.refund import REFUND, refund_at
from l2send.client import Client
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import Function, abi_decode, abi_encode, address_word
from l2send.core.effects import Effects, Opens, RefundsOrder, check_refund, compare_with_payment
from l2send.core.errors import CannotPay, L2sendError, Refused
from l2send.core.plan import ChainAddress, Order, Payment, UnsignedTx
from l2send.core.settlers import HyperlaneSettlers
from l2send.core.units import Amount, UnixTime, Wei
from l2send.wallet.journal.states import PaymentState, TxState
from tests.bridges import registry as two
from tests.bridges.mutations import Capsys, every_byte, every_field
from tests.bridges.standins import (
    ORIGIN,
    TARGET,
    Payer,
    StandIns,
    deliver_refund,
    fill_hyperlane7683,
    order_of,
    order_state,
)
from tests.support.addresses import new_address
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab

VIA = "hyperlane7683"
SET_MESSAGE_FEE = Function("setMessageFee(uint256)")
ORDER_STATUS = Function("orderStatus(bytes32)", "bytes32")

LISTED = HyperlaneSettlers(router=two.address(150)), HyperlaneSettlers(router=two.address(250))
SOURCE, DESTINATION = (
    replace(chain, settlers={**chain.settlers, VIA: listed})
    for chain, listed in zip((two.ORIGIN, two.TARGET), LISTED, strict=True)
)
REGISTRY = with_chains(two.REGISTRY, SOURCE, DESTINATION)
PAYS = Amount(25_100_000, SOURCE.tokens[0])
PAYMENT = Payment(
    two.SENDER, ChainAddress(DESTINATION.chain_id, two.RECIPIENT), Amount(25_000_000, two.TARGET.tokens[0])
)
ETH_PAYMENT = replace(PAYMENT, amount=Amount(10**17, DESTINATION.native))
ETH_PAYS = Amount(11 * 10**16, SOURCE.native)
DEADLINE = UnixTime(1_800_000_000)


def open_tx() -> UnsignedTx:
    return write_open(*LISTED, PAYMENT, PAYS, DEADLINE)


def check_all(tx: UnsignedTx, payment: Payment = PAYMENT, spent: Amount = PAYS) -> Effects:
    effect = decode(tx, REGISTRY)
    compare_with_payment((effect,), payment, spent, REGISTRY)
    return effect


def opened_by(tx: UnsignedTx) -> Order:
    effect = decode(tx, REGISTRY)
    assert isinstance(effect, Opens)
    return effect.order


def test_an_order_is_decoded_from_its_bytes() -> None:
    effect = check_all(open_tx())
    assert isinstance(effect, Opens)
    order = effect.order
    assert (order.sender, order.recipient) == (two.SENDER, two.RECIPIENT)
    assert (order.pays, order.delivers) == (PAYS, PAYMENT.amount)
    assert (order.fill_deadline, order.refund_after) == (DEADLINE, DEADLINE)


def test_an_order_of_native_coin_carries_what_it_locks() -> None:
    tx = write_open(*LISTED, ETH_PAYMENT, ETH_PAYS, DEADLINE)
    check_all(tx, ETH_PAYMENT, ETH_PAYS)
    for value in (0, tx.value - 1, tx.value + 1):
        with pytest.raises(Refused):
            check_all(replace(tx, value=Wei(value)), ETH_PAYMENT, ETH_PAYS)


# One change of one field of OrderData each: (what, index, new value).
FIELDS: list[tuple[str, int, Any]] = [
    ("sender, who is refunded", 0, address_word(two.RECIPIENT)),
    ("sender that is no EVM account", 0, b"\x01" + address_word(two.SENDER)[1:]),
    ("recipient", 1, address_word(two.SENDER)),
    ("recipient that is no EVM account", 1, b"\x01" + address_word(two.RECIPIENT)[1:]),
    ("recipient is the settler, as resolve() says", 1, address_word(two.address(250))),
    ("token locked", 2, address_word(str(SOURCE.tokens[1].address))),
    ("native locked", 2, bytes(32)),
    ("token delivered", 3, address_word(str(DESTINATION.tokens[1].address))),
    ("unknown token delivered", 3, address_word(two.address(77))),
    ("native delivered", 3, bytes(32)),
    ("more locked", 4, PAYS.units + 1),
    ("less delivered", 5, 1),
    ("origin", 7, DESTINATION.chain_id),
    ("destination", 8, SOURCE.chain_id),
    ("destination not in the registry", 8, 999_999),
    ("destination settler", 9, address_word(two.address(78))),
    ("another settler of the destination", 9, address_word(two.address(203))),
    ("deadline in the past, outer one kept", 10, 1),
    ("deadline later than the outer one", 10, DEADLINE + 1),
    ("a message", 11, b"\x00"),
]


def mutated(tx: UnsignedTx, index: int, value: Any) -> UnsignedTx:
    ((deadline, kind, data),) = OPEN.decode_call(tx.data)
    order = list(abi_decode([ORDER_DATA], data)[0])
    order[index] = value
    return replace(tx, data=OPEN.encode((deadline, kind, abi_encode([ORDER_DATA], [order]))))


def test_every_changed_field_is_refused(capsys: Capsys) -> None:
    tx = open_tx()
    bad = [(what, mutated(tx, index, value)) for what, index, value in FIELDS]
    assert every_field(capsys, "hyperlane7683", tx, bad, check_all) == []


def test_another_settler_chain_value_type_or_call_is_refused() -> None:
    tx = open_tx()
    ((deadline, kind, data),) = OPEN.decode_call(tx.data)
    for bad in (
        replace(tx, to=two.address(81)),
        replace(tx, chain_id=DESTINATION.chain_id),
        replace(tx, value=Wei(1)),
        replace(tx, data=OPEN.encode((deadline, b"\x01" * 32, data))),
        replace(tx, data=OPEN.encode((deadline - 1, kind, data))),
        replace(tx, data=OPEN.encode((deadline, kind, data + b"\x00"))),
        replace(tx, data=b"\x12\x34\x56\x78" + tx.data[4:]),
        replace(tx, data=tx.data[:-1]),
        replace(tx, data=tx.data + bytes(32)),
    ):
        with pytest.raises(L2sendError):
            check_all(bad)
    assert kind == ORDER_DATA_TYPE


def test_every_changed_byte_of_the_calldata_is_refused_or_only_the_nonce(capsys: Capsys) -> None:
    """The nonce makes an order unique and moves no money. Only the guard knows which nonce was approved."""
    tx = open_tx()
    nonce = abi_decode([ORDER_DATA], OPEN.decode_call(tx.data)[0][2])[0][6].to_bytes(32, "big")
    nonce_at = tx.data.index(nonce)
    assert every_byte(capsys, "hyperlane7683", tx, check_all) == list(range(nonce_at, nonce_at + 32))


def test_a_refund_is_of_this_order_and_on_its_destination() -> None:
    order = opened_by(open_tx())
    refund = refund_at(order, Wei(2000)).tx
    assert (refund.chain_id, refund.to, refund.value) == (DESTINATION.chain_id, two.address(250), 2000)
    effect = RefundsOrder(order.order_id, Amount(2000, DESTINATION.native), refund.to)
    assert decode(refund, REGISTRY) == effect
    check_refund(effect, order)
    ((raw,),) = REFUND.decode_call(refund.data)
    for bad in (
        replace(refund, chain_id=SOURCE.chain_id, to=two.address(150)),
        replace(refund, data=REFUND.encode([raw, raw])),
        replace(refund, data=REFUND.encode([])),
        replace(refund, data=REFUND.encode([(raw[0] + 1, *raw[1:])])),
        replace(refund, data=refund.data + b"\x00"),
    ):
        with pytest.raises(Refused):
            decode(bad, REGISTRY)
    with pytest.raises(Refused):
        refund_at(replace(order, order_id="0x" + "11" * 32), Wei(2000))


def test_the_order_type_is_the_hash_of_its_type_string() -> None:
    from eth_hash.auto import keccak

    text = (
        "OrderData(bytes32 sender,bytes32 recipient,bytes32 inputToken,bytes32 outputToken,uint256 amountIn,"
        "uint256 amountOut,uint256 senderNonce,uint32 originDomain,uint32 destinationDomain,"
        "bytes32 destinationSettler,uint32 fillDeadline,bytes data)"
    )
    assert keccak(text.encode()) == ORDER_DATA_TYPE


# From here on: two chains of a devnet.


@pytest.fixture
def payer(stand_ins: StandIns, tmp_path: Path) -> Payer:
    return stand_ins.payer(tmp_path)


@pytest.mark.parametrize(("amount", "token", "units"), [("10", "USDC", 10_000_000), ("0.1", "ETH", 10**17)])
def test_opened_filled_delivered(stand_ins: StandIns, payer: Payer, amount: str, token: str, units: int) -> None:
    to = new_address()
    record = payer.open(VIA, to, amount, token)
    order = order_of(record)
    assert order.pays.units == units + units // 1000
    fill_hyperlane7683(stand_ins, order)
    done = payer.resume(record)
    assert (done.state, order_state(done)) == (PaymentState.DELIVERED, OrderState.FILLED)
    assert done.order is not None
    assert len(done.order.fill_tx) == 66
    assert stand_ins.home.holds(to, TARGET, token) == units


def test_ignored_then_refunded_from_the_destination(stand_ins: StandIns, payer: Payer) -> None:
    record = payer.open(VIA, new_address())
    assert payer.holds() == 89_990_000
    stand_ins.advance(2 * 3600)
    due = payer.status(record)
    assert (due.state, order_state(due)) == (PaymentState.REFUND_DUE, OrderState.REFUND_DUE)
    assert due.order is not None
    assert "needs gas and Hyperlane's fee there" in due.order.detail
    with pytest.raises(CannotPay):
        payer.resume(record)
    stand_ins.home.fund(payer.address, TARGET, ETH="0.1")
    assert payer.resume(record).state is PaymentState.REFUND_DUE, "the message is still on its way"
    assert payer.holds() == 89_990_000
    deliver_refund(stand_ins, order_of(record))
    assert payer.status(record).state is PaymentState.REFUNDED
    assert payer.holds() == 100_000_000


def test_a_refund_that_could_not_be_paid_for_is_asked_at_the_fee_of_later(stand_ins: StandIns, payer: Payer) -> None:
    record = payer.open(VIA, new_address())
    stand_ins.advance(2 * 3600)
    with pytest.raises(CannotPay):
        payer.resume(record)
    stand_ins.home.fund(payer.address, TARGET, ETH="0.1")
    router = order_of(record).destination_settler
    stand_ins.target.must(router, SET_MESSAGE_FEE.encode(4 * 10**14))
    try:
        _, refund = payer.resume(record).refunds
    finally:
        stand_ins.target.must(router, SET_MESSAGE_FEE.encode(10**14))
    assert (refund.state, refund.step.tx.value) == (TxState.FINAL, 4 * 10**14)


def test_a_refund_pays_the_fee_that_hyperlane_asks_for_now(stand_ins: StandIns, payer: Payer) -> None:
    order = order_of(payer.open(VIA, new_address()))
    stand_ins.advance(2 * 3600)
    router, dearer = order.destination_settler, 10**15

    async def ask(client: Client) -> UnsignedTx:
        step = await Hyperlane7683().refund(order, client.rpcs)
        assert step
        return step.tx

    yesterday = payer.with_client(ask)
    stand_ins.target.must(router, SET_MESSAGE_FEE.encode(dearer))
    try:
        assert stand_ins.target.send(router, yesterday.data, yesterday.value)["status"] == "0x0"
        today = payer.with_client(ask)
        assert today.value == dearer
        stand_ins.target.must(router, today.data, today.value)
    finally:
        stand_ins.target.must(router, SET_MESSAGE_FEE.encode(10**14))


def test_spoofed_events_are_never_shown_as_filled(stand_ins: StandIns, payer: Payer) -> None:
    """Another contract's `Filled` with our id, and a true fill of a look-alike that pays less."""
    to = new_address()
    record = payer.open(VIA, to)
    order = order_of(record)
    order_data = bytes.fromhex(order.details["order_data"][2:])
    event = abi_encode(["bytes32", "bytes", "bytes"], [bytes.fromhex(order.order_id[2:]), order_data, b""])
    stand_ins.lie(stand_ins.target, [FILLED_TOPIC], event)
    stand_ins.lie(stand_ins.origin, [FILLED_TOPIC], event)
    with pytest.raises(AssertionError):
        fill_hyperlane7683(stand_ins, order, _with_amount(order_data, 1))
    from eth_hash.auto import keccak

    less = _with_amount(order_data, 1)
    fill_hyperlane7683(stand_ins, replace(order, order_id="0x" + keccak(less).hex()), less)
    assert stand_ins.home.holds(to, TARGET) == 1, "the look-alike was not filled, so this test showed nothing"
    assert order_state(payer.status(record)) is OrderState.OPEN


def _with_amount(order_data: bytes, units: int) -> bytes:
    order = list(abi_decode([ORDER_DATA], order_data)[0])
    order[5] = units
    return abi_encode([ORDER_DATA], [order])


def test_a_spoofed_open_event_opens_nothing(stand_ins: StandIns, payer: Payer) -> None:
    order = order_of(payer.open(VIA, new_address()))
    log: dict[str, Any] = {"address": order.origin_settler, "topics": [OPEN_TOPIC, order.order_id]}
    bridge = Hyperlane7683()
    assert bridge.opened(order, {"status": "0x1", "logs": [log]})
    assert not bridge.opened(order, {"status": "0x0", "logs": [log]})
    assert not bridge.opened(order, {"status": "0x1", "logs": [log | {"address": stand_ins.liars[ORIGIN]}]})
    assert not bridge.opened(order, {"status": "0x1", "logs": [log | {"topics": [OPEN_TOPIC, "0x" + "11" * 32]}]})


def test_a_silent_chain_is_unknown_not_unfilled(stand_ins: StandIns, payer: Payer) -> None:
    order = order_of(payer.open(VIA, new_address()))
    for side in (stand_ins.origin, stand_ins.target):
        deaf = replace(side.chain, rpcs=("http://127.0.0.1:9",))

        async def ask(client: Client) -> OrderState:
            return (await Hyperlane7683().status(order, client.rpcs)).state

        assert payer.with_client(ask, with_chains(stand_ins.registry, deaf)) is OrderState.UNKNOWN


def test_what_a_refund_needs_on_the_destination_is_said_and_named_where_it_is_missing(
    stand_ins: StandIns, payer: Payer
) -> None:
    def said() -> list[bool]:
        notes = payer.quote(VIA).notes
        return [any(words in note for note in notes) for words in ("starts on Devnet 4", "no gas for a refund on")]

    assert any("no gas for a refund on Devnet 4; it would need about 0.0" in note for note in payer.quote(VIA).notes)
    assert said() == [True, True], "1 ETH on the origin does not help"
    stand_ins.home.fund(payer.address, TARGET, ETH="0.1")
    assert said() == [True, False]


def test_no_price_no_offer_and_routers_that_do_not_know_each_other_are_refused(
    stand_ins: StandIns, payer: Payer
) -> None:
    with pytest.raises(L2sendError):
        payer.quote(VIA, registry=_priced(stand_ins, None))
    strangers = with_settlers(stand_ins.target.chain, hyperlane7683={"router": stand_ins.liars[TARGET]})
    with pytest.raises(CannotPay, match="do not serve each other"):
        payer.quote(VIA, registry=with_chains(stand_ins.registry, strangers))


def _priced(world: StandIns, bps: str | None) -> Any:
    return with_chains(world.registry, with_settlers(world.origin.chain, **{VIA: {"solver_fee_bps": bps}}))
