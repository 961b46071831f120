"""What is shown is what is signed, for Across: every change of a deposit's bytes is detected before signing.

A change is caught if decoding or the comparison with the payment refuses it, or if what is decoded differs
from what was approved, which is what the guard compares before signed bytes are kept.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from l2send.bridges import decode
from l2send.bridges.across.api import AcrossPrice
from l2send.bridges.across.bridge import _deposit_tx
from l2send.bridges.across.contracts import ContractState, crossing
from l2send.bridges.across.deposit import ORDER_DATA, ORDER_DATA_TYPE, UNSAFE_DEPOSIT, new_nonce
from l2send.bridges.across.integrator import with_integrator
from l2send.bridges.erc7683 import OPEN
from l2send.core.address import ZERO_ADDRESS
from l2send.core.calldata import APPROVE, Function, abi_decode, abi_encode, address_word
from l2send.core.effects import Effects, Opens, compare_with_payment
from l2send.core.errors import ConfigError, L2sendError, Refused
from l2send.core.plan import ChainAddress, Payment, UnsignedTx
from l2send.core.units import Amount, Seconds, UnixTime, Wei
from tests.bridges.mutations import Capsys, every_byte, every_field
from tests.support.across_registry import ORIGIN, RECIPIENT, REGISTRY, SENDER, TARGET, address

pytestmark = pytest.mark.lab

USDC_IN, USDC_OUT = ORIGIN.tokens[0], TARGET.tokens[0]
BRIDGED_IN, BRIDGED_OUT = ORIGIN.tokens[1], TARGET.tokens[1]
WETH_IN, WETH_OUT = ORIGIN.tokens[2], TARGET.tokens[2]
TO = ChainAddress(TARGET.chain_id, RECIPIENT)
PAYMENT = Payment(SENDER, TO, Amount(25_000_000, USDC_OUT))
PAYS = Amount(25_100_000, USDC_IN)
ETH_PAYMENT = Payment(SENDER, TO, Amount(10**17, TARGET.native))
ETH_PAYS = Amount(11 * 10**16, ORIGIN.native)
NOW = UnixTime(1_800_000_000)
DEADLINE = UnixTime(NOW + 3600)
STATE = ContractState(NOW, NOW, Seconds(3600), Seconds(21_600), settler_works=True)


def deposit_tx(payment: Payment, pays: Amount, *, settler: bool) -> UnsignedTx:
    way = crossing("across", ORIGIN, TARGET, pays.token, payment.amount.token)
    assert way
    price = AcrossPrice(pays.units, NOW, DEADLINE, Seconds(2))
    return _deposit_tx(payment, way, price, replace(STATE, settler_works=settler))


BY_SETTLER = deposit_tx(PAYMENT, PAYS, settler=True)
BY_POOL = deposit_tx(PAYMENT, PAYS, settler=False)
OF_ETH = deposit_tx(ETH_PAYMENT, ETH_PAYS, settler=True)
CASES = [("open", BY_SETTLER, PAYMENT, PAYS), ("pool", BY_POOL, PAYMENT, PAYS), ("ETH", OF_ETH, ETH_PAYMENT, ETH_PAYS)]
NAMES = [case[0] for case in CASES]


def check_all(tx: UnsignedTx, payment: Payment = PAYMENT, spent: Amount = PAYS) -> tuple[Effects, ...]:
    effects = (decode(tx, REGISTRY),)
    compare_with_payment(effects, payment, spent, REGISTRY)
    return effects


@pytest.mark.parametrize(("name", "tx", "payment", "spent"), CASES, ids=NAMES)
def test_a_deposit_is_decoded_from_its_bytes(name: str, tx: UnsignedTx, payment: Payment, spent: Amount) -> None:
    (effect,) = check_all(tx, payment, spent)
    assert isinstance(effect, Opens)
    order = effect.order
    assert (order.sender, order.recipient) == (SENDER, RECIPIENT)
    assert (order.pays, order.delivers) == (spent, payment.amount)
    assert (order.fill_deadline, order.refund_after) == (DEADLINE, DEADLINE)
    assert tx.value == (spent.units if name == "ETH" else 0)
    settler = ORIGIN.settlers["across"].contracts["origin_settler" if name == "open" else "spoke_pool"]
    assert order.origin_settler == tx.to == settler


def test_two_orders_of_the_same_payment_have_different_ids() -> None:
    ids = {effect.order.order_id for _ in range(20) for effect in check_all(deposit_tx(PAYMENT, PAYS, settler=False))
           if isinstance(effect, Opens)}  # fmt: skip
    assert len(ids) == 20


def test_the_wrapped_token_itself_is_not_offered() -> None:
    """A SpokePool would pay an account ETH where WETH was asked for."""
    assert crossing("across", ORIGIN, TARGET, WETH_IN, WETH_OUT) is None
    assert crossing("across", ORIGIN, ORIGIN, USDC_IN, USDC_IN) is None


NONCE = new_nonce(SENDER)
OTHER = new_nonce(address(77))

# One change of one field: (name, index of the argument, new value).
POOL_FIELDS: list[tuple[str, int, Any]] = [
    ("depositor, who is refunded", 0, address_word(RECIPIENT)),
    ("depositor beyond an EVM account", 0, b"\x01" + address_word(SENDER)[1:]),
    ("recipient", 1, address_word(SENDER)),
    ("recipient beyond an EVM account", 1, b"\x01" + address_word(RECIPIENT)[1:]),
    ("input token", 2, address_word(BRIDGED_IN.address or "")),
    ("input token unknown", 2, address_word(address(900))),
    ("input token wrapped", 2, address_word(WETH_IN.address or "")),
    ("output token", 3, address_word(BRIDGED_OUT.address or "")),
    ("output token unknown", 3, address_word(address(901))),
    ("output token wrapped", 3, address_word(WETH_OUT.address or "")),
    ("output token zero: the relayer may choose", 3, bytes(32)),
    ("more taken", 4, PAYS.units + 1),
    ("everything taken", 4, 2**256 - 1),
    ("less delivered", 5, PAYMENT.amount.units - 1),
    ("nothing delivered", 5, 0),
    ("another destination", 6, ORIGIN.chain_id),
    ("a destination not in the registry", 6, 999_999),
    ("exclusive relayer", 7, address_word(address(66))),
    ("nonce of another depositor", 8, OTHER),
    ("nonce without an owner", 8, 1),
    ("another nonce", 8, NONCE),
    ("quote timestamp", 9, NOW - 1),
    ("a deadline in the past", 10, 1),
    ("a deadline far away", 10, 2**32 - 1),
    ("exclusivity period", 11, 1),
    ("exclusivity for good", 11, 2**32 - 1),
    ("a message", 12, b"\x00"),
    ("a call in the message", 12, APPROVE.encode(SENDER, 1)),
]
OPEN_FIELDS: list[tuple[str, int, Any]] = [
    ("input token", 0, BRIDGED_IN.address),
    ("input token wrapped", 0, WETH_IN.address),
    ("more taken", 1, PAYS.units + 1),
    ("output token", 2, BRIDGED_OUT.address),
    ("output token zero: the relayer may choose", 2, ZERO_ADDRESS),
    ("less delivered", 3, PAYMENT.amount.units - 1),
    ("another destination", 4, ORIGIN.chain_id),
    ("a destination not in the registry", 4, 999_999),
    ("recipient", 5, address_word(SENDER)),
    ("recipient beyond an EVM account", 5, b"\x01" + address_word(RECIPIENT)[1:]),
    ("exclusive relayer", 6, address(66)),
    ("nonce 0: the pool's own counter", 7, 0),
    ("nonce of another depositor", 7, OTHER),
    ("another nonce", 7, NONCE),
    ("exclusivity period", 8, 1),
    ("a message", 9, b"\x00"),
]


@pytest.mark.parametrize(("name", "tx", "payment", "spent"), CASES[1:], ids=NAMES[1:])
def test_every_changed_field_of_a_deposit_is_caught(
    name: str, tx: UnsignedTx, payment: Payment, spent: Amount, capsys: Capsys
) -> None:
    """Refused at once, but for what only the guard can know."""
    bad = list[tuple[str, UnsignedTx]]()
    for what, index, value in POOL_FIELDS:
        values = list(UNSAFE_DEPOSIT.decode_call(tx.data))
        if values[index] != value:
            values[index] = value
            bad.append((what, replace(tx, data=UNSAFE_DEPOSIT.encode(*values))))
    guarded = every_field(capsys, f"across {name}", tx, bad, lambda tx: check_all(tx, payment, spent))
    assert set(guarded) == {"another nonce", "quote timestamp", "a deadline in the past", "a deadline far away"}


def test_every_changed_field_of_an_open_is_caught(capsys: Capsys) -> None:
    """Refused at once, but for what only the guard can know."""
    ((deadline, kind, data),) = OPEN.decode_call(BY_SETTLER.data)
    bad = list[tuple[str, UnsignedTx]]()
    for what, index, value in OPEN_FIELDS:
        values = list(abi_decode([ORDER_DATA], data)[0])
        assert values[index] != value
        values[index] = value
        changed = OPEN.encode((deadline, kind, abi_encode([ORDER_DATA], [values])))
        bad.append((what, replace(BY_SETTLER, data=changed)))
    assert every_field(capsys, "across open", BY_SETTLER, bad, check_all) == ["another nonce"]


def test_another_contract_chain_value_type_or_function_is_refused() -> None:
    ((deadline, kind, data),) = OPEN.decode_call(BY_SETTLER.data)
    v3 = Function(
        "depositV3(address,address,address,address,uint256,uint256,uint256,address,uint32,uint32,uint32,bytes)"
    )
    tokens = (USDC_IN.address, USDC_OUT.address)
    by_number = v3.encode(
        SENDER, RECIPIENT, *tokens, PAYS.units, 25_000_000, TARGET.chain_id, ZERO_ADDRESS, NOW, DEADLINE, 0, b""
    )
    for bad in (
        replace(BY_SETTLER, to=address(81)),
        replace(BY_SETTLER, chain_id=TARGET.chain_id),
        replace(BY_SETTLER, value=Wei(1)),
        replace(BY_SETTLER, to=BY_POOL.to),
        replace(BY_SETTLER, data=OPEN.encode((deadline, b"\x01" * 32, data))),
        replace(BY_SETTLER, data=b"\x12\x34\x56\x78" + BY_SETTLER.data[4:]),
        replace(BY_SETTLER, data=BY_SETTLER.data[:-1]),
        replace(BY_SETTLER, data=BY_SETTLER.data + b"\x00"),
        replace(BY_POOL, value=Wei(1)),
        replace(BY_POOL, value=Wei(PAYS.units)),
        replace(BY_POOL, to=BY_SETTLER.to),
        replace(BY_POOL, data=by_number),
        replace(BY_POOL, data=Function("multicall(bytes[])").encode([BY_POOL.data])),
        replace(BY_POOL, data=b""),
    ):
        with pytest.raises(L2sendError):
            check_all(bad)
    for value in (0, ETH_PAYS.units - 1, ETH_PAYS.units + 1):
        with pytest.raises(Refused):
            check_all(replace(OF_ETH, value=Wei(value)), ETH_PAYMENT, ETH_PAYS)
    assert kind == ORDER_DATA_TYPE


@pytest.mark.parametrize(("name", "tx", "payment", "spent"), CASES, ids=NAMES)
def test_every_changed_byte_of_the_calldata_is_caught(
    name: str, tx: UnsignedTx, payment: Payment, spent: Amount, capsys: Capsys
) -> None:
    """Refused at once, but for what only the guard can know: nonce, deadline, quote timestamp."""
    guarded = every_byte(capsys, f"across {name}", tx, lambda tx: check_all(tx, payment, spent))
    assert len(guarded) <= 12 + 4 + 4


@pytest.mark.parametrize(("name", "tx", "payment", "spent"), CASES, ids=NAMES)
def test_an_integrators_id_is_decoded_too_and_nothing_else_may_be_appended(
    name: str, tx: UnsignedTx, payment: Payment, spent: Amount, capsys: Capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert with_integrator(tx) == tx
    monkeypatch.setenv("ACROSS_INTEGRATOR_ID", "0xDEAD")
    mine = with_integrator(tx)
    assert mine.data == tx.data + bytes.fromhex("1dc0dedead")
    (effect,), (without,) = (check_all(each, payment, spent) for each in (mine, tx))
    assert isinstance(effect, Opens)
    assert isinstance(without, Opens)
    assert effect.order.details == without.order.details | {"integrator": "0xdead"}
    assert effect.order.order_id == without.order.order_id
    guarded = every_byte(capsys, f"across {name} with an id", mine, lambda tx: check_all(tx, payment, spent))
    assert set(guarded) >= {len(mine.data) - 2, len(mine.data) - 1}, "the id is the guard's to compare"
    assert len(guarded) <= 12 + 4 + 4 + 2
    for other in (mine.data[:-1], mine.data + b"\0", mine.data + mine.data[-5:], tx.data + mine.data[-2:], tx.data * 2):
        with pytest.raises(L2sendError):
            check_all(replace(tx, data=other), payment, spent)


@pytest.mark.parametrize("given", ["dead", "0xdea", "0xdeadbe", "0xdeag", "0x\uff11234", " 0xdead", "0xdead\n"])
def test_what_is_no_integrators_id_is_refused(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACROSS_INTEGRATOR_ID", given)
    with pytest.raises(ConfigError, match="no integrator id"):
        with_integrator(BY_POOL)
