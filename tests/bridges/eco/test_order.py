"""What is shown is what is signed: every change of an order's bytes is detected before signing."""

from __future__ import annotations

from typing import Any

import pytest

from l2send.bridges import decode
from l2send.bridges.eco.order import ORDER_DATA, ORDER_DATA_TYPE, ROUTE
from l2send.bridges.eco.order import open_tx as write_open
from l2send.bridges.erc7683 import OPEN
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.calldata import APPROVE, TRANSFER, abi_decode, abi_encode, address_word
from l2send.core.effects import Allows, Effects, Opens, Pays, compare_with_payment
from l2send.core.errors import L2sendError, Refused
from l2send.core.plan import ChainAddress, Payment, UnsignedTx
from l2send.core.settlers import EcoSettlers
from l2send.core.units import Amount, UnixTime, Wei
from tests.bridges.mutations import Capsys, every_byte, every_field
from tests.bridges.registry import ORIGIN, RECIPIENT, REGISTRY, SENDER, TARGET, address

HERE, THERE = (one for chain in (ORIGIN, TARGET) if (one := chain.settlers_of("eco", EcoSettlers)))
USDC_IN, USDC_OUT = ORIGIN.tokens[0], TARGET.tokens[0]
PAYS = Amount(25_100_000, USDC_IN)
PAYMENT = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), Amount(25_000_000, USDC_OUT))
ETH_PAYMENT = Payment(SENDER, PAYMENT.to, Amount(10**17, TARGET.native))
ETH_PAYS = Amount(11 * 10**16, ORIGIN.native)
DEADLINE = UnixTime(1_800_000_000)


def open_tx() -> UnsignedTx:
    return write_open(HERE, THERE, PAYMENT, PAYS, DEADLINE)


def check_all(*txs: UnsignedTx, payment: Payment = PAYMENT, spent: Amount = PAYS) -> tuple[Effects, ...]:
    effects = tuple(decode(tx, REGISTRY) for tx in txs)
    compare_with_payment(effects, payment, spent, REGISTRY)
    return effects


def approve_tx(spender: Address, units: int) -> UnsignedTx:
    assert USDC_IN.address
    return UnsignedTx(ORIGIN.chain_id, USDC_IN.address, Wei(0), APPROVE.encode(spender, units))


def transfer_tx(to: Address, units: int) -> UnsignedTx:
    assert USDC_OUT.address
    return UnsignedTx(TARGET.chain_id, USDC_OUT.address, Wei(0), TRANSFER.encode(to, units))


def test_an_order_is_decoded_from_its_bytes() -> None:
    (effect,) = check_all(open_tx())
    assert isinstance(effect, Opens)
    order = effect.order
    assert (order.recipient, order.sender) == (RECIPIENT, SENDER)
    assert (order.pays, order.delivers) == (PAYS, PAYMENT.amount)
    assert (order.fill_deadline, order.refund_after) == (DEADLINE, DEADLINE)


def test_an_order_of_native_coin_is_decoded_too() -> None:
    tx = write_open(HERE, THERE, ETH_PAYMENT, ETH_PAYS, DEADLINE)
    (effect,) = check_all(tx, payment=ETH_PAYMENT, spent=ETH_PAYS)
    assert isinstance(effect, Opens)
    assert tx.value == effect.order.pays.units == ETH_PAYS.units


def test_two_orders_of_the_same_payment_have_different_ids() -> None:
    first, second = decode(open_tx(), REGISTRY), decode(open_tx(), REGISTRY)
    assert isinstance(first, Opens)
    assert isinstance(second, Opens)
    assert first.order.order_id != second.order.order_id


def test_a_transfer_and_an_exact_approval_pass() -> None:
    (effect,) = check_all(transfer_tx(RECIPIENT, 25_000_000))
    assert isinstance(effect, Pays)
    allows, _ = check_all(approve_tx(open_tx().to, PAYS.units), open_tx())
    assert isinstance(allows, Allows)


@pytest.mark.parametrize(
    "tx",
    [
        transfer_tx(SENDER, 25_000_000),
        transfer_tx(RECIPIENT, 25_000_001),
        transfer_tx(RECIPIENT, 24_999_999),
        UnsignedTx(TARGET.chain_id, RECIPIENT, Wei(25_000_000), b""),
        UnsignedTx(TARGET.chain_id, address(999), Wei(0), TRANSFER.encode(RECIPIENT, 25_000_000)),
    ],
)
def test_another_transfer_than_the_payment_is_refused(tx: UnsignedTx) -> None:
    with pytest.raises(L2sendError):
        check_all(tx)


@pytest.mark.parametrize(
    "approval",
    [
        approve_tx(SENDER, PAYS.units),
        approve_tx(open_tx().to, 2**256 - 1),
        approve_tx(open_tx().to, PAYS.units + 1),
    ],
)
def test_an_approval_that_the_order_does_not_need_is_refused(approval: UnsignedTx) -> None:
    with pytest.raises(Refused):
        check_all(approval, open_tx())


def test_paying_twice_in_one_plan_is_refused() -> None:
    with pytest.raises(Refused):
        check_all(open_tx(), open_tx())
    with pytest.raises(Refused):
        check_all()


# One change of one field of the order each: (index path into the order, new value).
FIELD_MUTATIONS: list[tuple[str, tuple[int | str, ...], Any]] = [
    ("destination", (0,), ORIGIN.chain_id),
    ("destination not in the registry", (0,), 999_999),
    ("refund deadline far away, money locked", (2, 0), 2**40),
    ("refund address", (2, 1), RECIPIENT),
    ("prover", (2, 2), address(77)),
    ("zero prover", (2, 2), ZERO_ADDRESS),
    ("native locked too", (2, 3), 1),
    ("token locked", (2, 4), [(ORIGIN.tokens[1].address, PAYS.units)]),
    ("more locked", (2, 4), [(USDC_IN.address, PAYS.units + 1)]),
    ("two tokens locked", (2, 4), [(USDC_IN.address, PAYS.units), (USDC_IN.address, 1)]),
    ("nothing locked", (2, 4), []),
    ("portal announced", (3,), address_word(address(78))),
    ("route deadline", (4,), DEADLINE + 1),
    ("announced delivery", (5,), []),
    ("route: deadline", ("route", 1), DEADLINE + 1),
    ("route: portal", ("route", 2), address(79)),
    ("route: native besides the token", ("route", 3), 1),
    ("route: token", ("route", 4), [(TARGET.tokens[1].address, 25_000_000)]),
    ("route: less given", ("route", 4), [(USDC_OUT.address, 24_000_000)]),
    ("route: no call", ("route", 5), []),
    ("route: recipient", ("route", 5), [(USDC_OUT.address, TRANSFER.encode(SENDER, 25_000_000), 0)]),
    ("route: less paid", ("route", 5), [(USDC_OUT.address, TRANSFER.encode(RECIPIENT, 1), 0)]),
    ("route: another call", ("route", 5), [(USDC_OUT.address, APPROVE.encode(RECIPIENT, 25_000_000), 0)]),
    ("route: another target", ("route", 5), [(address(80), TRANSFER.encode(RECIPIENT, 25_000_000), 0)]),
    (
        "route: value in the call",
        ("route", 5),
        [(USDC_OUT.address, TRANSFER.encode(RECIPIENT, 25_000_000), 1)],
    ),
    (
        "route: an extra call",
        ("route", 5),
        [(USDC_OUT.address, TRANSFER.encode(RECIPIENT, 25_000_000), 0), (SENDER, b"", 0)],
    ),
]


def _mutated(tx: UnsignedTx, path: tuple[int | str, ...], value: Any) -> UnsignedTx:
    ((deadline, kind, data),) = OPEN.decode_call(tx.data)
    order = list(abi_decode([ORDER_DATA], data)[0])
    if path[0] == "route":
        route = list(abi_decode([ROUTE], order[1])[0])
        route[int(path[1])] = value
        order[1] = abi_encode([ROUTE], [route])
    elif len(path) == 2:
        reward = list(order[2])
        reward[int(path[1])] = value
        order[2] = tuple(reward)
    else:
        order[int(path[0])] = value
    return UnsignedTx(tx.chain_id, tx.to, tx.value, OPEN.encode((deadline, kind, abi_encode([ORDER_DATA], [order]))))


def test_every_changed_field_of_an_order_is_refused(capsys: Capsys) -> None:
    tx = open_tx()
    bad = [(name, _mutated(tx, path, value)) for name, path, value in FIELD_MUTATIONS]
    assert every_field(capsys, "eco", tx, bad, check_all) == []


def test_another_settler_value_order_type_or_deadline_is_refused() -> None:
    tx = open_tx()
    ((deadline, kind, data),) = OPEN.decode_call(tx.data)
    for bad in (
        UnsignedTx(tx.chain_id, address(81), tx.value, tx.data),
        UnsignedTx(TARGET.chain_id, tx.to, tx.value, tx.data),
        UnsignedTx(tx.chain_id, tx.to, Wei(1), tx.data),
        UnsignedTx(tx.chain_id, tx.to, tx.value, OPEN.encode((deadline, b"\x01" * 32, data))),
        UnsignedTx(tx.chain_id, tx.to, tx.value, OPEN.encode((deadline - 1, kind, data))),
        UnsignedTx(tx.chain_id, tx.to, tx.value, b"\x12\x34\x56\x78" + tx.data[4:]),
        UnsignedTx(tx.chain_id, tx.to, tx.value, tx.data[:-1]),
    ):
        with pytest.raises(L2sendError):
            check_all(bad)
    assert kind == ORDER_DATA_TYPE


def test_every_changed_byte_of_the_calldata_is_refused_or_only_the_salt(capsys: Capsys) -> None:
    """The salt makes an order unique and moves no money: the guard alone can know which one was approved."""
    tx = open_tx()
    salt_at = tx.data.index(_salt_of(tx))
    assert every_byte(capsys, "eco", tx, check_all) == list(range(salt_at, salt_at + 32))


def _salt_of(tx: UnsignedTx) -> bytes:
    ((_, _, data),) = OPEN.decode_call(tx.data)
    order = abi_decode([ORDER_DATA], data)[0]
    return bytes(abi_decode([ROUTE], order[1])[0][0])
