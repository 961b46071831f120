"""Batches of an account that delegates by EIP-7702: one spelling, and only calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.core.address import Address
from l2send.core.delegation import EXECUTE_BATCH, batch_tx, decode_batch, delegate_of
from l2send.core.errors import Refused
from l2send.core.plan import UnsignedTx
from l2send.core.units import ChainId, Wei

CHAIN = ChainId(31337)
ACCOUNT = Address("0x1111111111111111111111111111111111111111")
OTHER = Address("0x2222222222222222222222222222222222222222")
CALLS = (UnsignedTx(CHAIN, OTHER, Wei(0), b"\x01\x02"), UnsignedTx(CHAIN, OTHER, Wei(7), b""))


def test_a_batch_says_its_calls() -> None:
    tx = batch_tx(ACCOUNT, CALLS)
    assert (tx.to, tx.value, tx.data[:4].hex()) == (ACCOUNT, 0, "34fcd5be")
    assert decode_batch(tx) == CALLS


@pytest.mark.parametrize(
    ("tx", "why"),
    [
        (replace(batch_tx(ACCOUNT, CALLS), value=Wei(1)), "carries native coin"),
        (batch_tx(ACCOUNT, CALLS[:1]), "fewer than two"),
        (batch_tx(ACCOUNT, (*CALLS, UnsignedTx(CHAIN, ACCOUNT, Wei(0), b"\x01"))), "the account itself"),
        (replace(batch_tx(ACCOUNT, CALLS), data=batch_tx(ACCOUNT, CALLS).data + bytes(32)), "besides its values"),
        (replace(batch_tx(ACCOUNT, CALLS), data=EXECUTE_BATCH.selector + bytes(31)), "cannot be decoded"),
    ],
)
def test_anything_else_is_refused(tx: UnsignedTx, why: str) -> None:
    with pytest.raises(Refused, match=why):
        decode_batch(tx)


@pytest.mark.parametrize("code", ["", "ef0100", "ef0100" + "22" * 19, "ef0100" + "22" * 21, "ef0101" + "22" * 20])
def test_other_code_delegates_to_nothing(code: str) -> None:
    assert delegate_of(bytes.fromhex(code)) is None


def test_a_designator_names_its_delegate() -> None:
    assert delegate_of(bytes.fromhex("ef0100" + "22" * 20)) == OTHER
