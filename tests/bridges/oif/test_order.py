"""OIF: bytes that are refused before signing, and a refund of exactly one order."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from l2send.bridges import decode
from l2send.bridges.oif.bridge import REFUND, Oif
from l2send.bridges.oif.order import OPEN, PROOF_TIME
from l2send.bridges.oif.order import open_tx as write_open
from l2send.core.calldata import address_word
from l2send.core.effects import Effects, Opens, RefundsOrder, check_refund, compare_with_payment
from l2send.core.errors import L2sendError, Refused
from l2send.core.plan import ChainAddress, Order, Payment, UnsignedTx
from l2send.core.rpc import open_rpcs
from l2send.core.settlers import OifSettlers
from l2send.core.units import Amount, UnixTime, Wei
from tests.bridges import registry as two
from tests.bridges.mutations import Capsys, every_byte, every_field
from tests.support.settlers import with_chains

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
    """The nonce makes an order unique and moves no money. Only the guard knows which nonce was approved."""
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
    assert decode(refund, REGISTRY) == RefundsOrder(order.order_id, Amount(0, SOURCE.native), refund.to)
    other = list(REFUND.decode_call(refund.data)[0])
    other[1] += 1
    of_another = decode(replace(refund, data=REFUND.encode(other)), REGISTRY)
    assert isinstance(of_another, RefundsOrder)
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
