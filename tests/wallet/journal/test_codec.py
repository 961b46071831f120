"""Conversion to JSON and back, without loss."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2send.core.address import checksum
from l2send.core.plan import ChainAddress, Fee, GasPrice, Order, Payment, Step, StepKind, UnsignedTx
from l2send.core.units import Amount, ChainId, Gas, Nonce, Seconds, Token, UnixTime, Wei
from l2send.wallet.journal import codec

_uint256 = st.integers(0, 2**256 - 1)
_time = st.integers(0, 2**40).map(UnixTime)
_chain = st.integers(1, 2**53).map(ChainId)
_address = st.binary(min_size=20, max_size=20).map(checksum)
_text = st.text(max_size=20)
_token = st.builds(Token, _chain, st.none() | _address, _text, st.integers(0, 77), _text, st.booleans(), _text)
_amount = st.builds(Amount, _uint256, _token)
_payment = st.builds(Payment, _address, st.builds(ChainAddress, _chain, _address), _amount)
_tx = st.builds(UnsignedTx, _chain, _address, _uint256.map(Wei), st.binary(max_size=200))
_wei = _uint256.map(Wei)
_price = st.none() | st.builds(GasPrice, _wei, _wei, _wei, st.booleans())
_nonce = st.none() | st.integers(0, 2**63).map(Nonce)
_step = st.builds(Step, st.sampled_from(StepKind), _tx, st.integers(0, 2**40).map(Gas), _price, _nonce)
_finite = st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _finite | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=8,
)
_order = st.builds(
    Order,
    _text,
    _text,
    _chain,
    _address,
    _chain,
    _address,
    _address,
    _address,
    _amount,
    _amount,
    _time,
    _time,
    st.dictionaries(_text, _json, max_size=3),
)
_fees = st.lists(st.builds(Fee, _text, _amount, st.none() | _finite), max_size=3).map(tuple)
_terms = st.builds(
    codec.Terms,
    _text,
    _chain,
    _amount,
    _amount,
    _fees,
    st.integers(0, 10**6).map(Seconds),
    st.none() | _time,
    st.lists(_text, max_size=3).map(tuple),
)


@given(_payment)
def test_payments_come_back(payment: Payment) -> None:
    assert codec.payment_from(_there(codec.payment_json(payment))) == payment


@given(_step)
def test_steps_come_back(step: Step) -> None:
    assert codec.step_from(_there(codec.step_json(step))) == step


@given(_step)
def test_steps_of_the_first_version_come_back(step: Step) -> None:
    """They were written without a price."""
    old = codec.step_json(step)
    del old["price"]
    assert codec.step_from(_there(old)) == replace(step, price=None)


@given(_order)
def test_orders_come_back(order: Order) -> None:
    assert codec.order_from(_there(codec.order_json(order))) == order


@given(_terms)
def test_terms_come_back(terms: codec.Terms) -> None:
    assert codec.terms_from(_there(codec.terms_json(terms))) == terms


@given(_payment, _payment)
def test_a_fingerprint_is_of_what_is_paid(one: Payment, other: Payment) -> None:
    def paid(p: Payment) -> tuple[object, ...]:
        return p.sender, p.to, p.amount.units, p.amount.token.chain_id, p.amount.token.address

    assert (codec.fingerprint(one) == codec.fingerprint(other)) == (paid(one) == paid(other))


@given(_payment)
def test_money_is_never_a_json_number(payment: Payment) -> None:
    """Other readers than Python's round numbers above 2^53."""
    text = codec.dump(codec.payment_json(payment))
    assert all(abs(number) <= 2**53 for number in _numbers(json.loads(text)))
    assert text.isascii()


def _numbers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [n for inner in value.values() for n in _numbers(inner)]
    return [value] if isinstance(value, int) else []


@pytest.mark.parametrize("value", [{1: "a"}, {"a": (1,)}, {"a": b""}, {"a": float("nan")}, {"a": [{2: 3}]}], ids=repr)
def test_what_json_would_change_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        codec.dump(value)


@pytest.mark.parametrize("text", ["[]", "1", "", "{"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        codec.load(text)


def _there(value: codec.Json) -> codec.Json:
    return codec.load(codec.dump(value))
