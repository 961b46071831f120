"""Payments of coin through Multicall3: one spelling, and nothing but payments that all succeed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from l2send.bridges import decode
from l2send.core.address import Address
from l2send.core.chains import load_registry
from l2send.core.effects import SplitsCoin
from l2send.core.errors import Refused
from l2send.core.multicall3 import AGGREGATE3_VALUE, decode_multicall3_tx, multicall3_tx
from l2send.core.paths import Paths
from l2send.core.plan import UnsignedTx
from l2send.core.units import ChainId, Wei
from tests.support.addresses import new_address

CHAIN = ChainId(8453)
MULTICALL3 = Address("0xcA11bde05977b3631167028862bE2a173976CA11")
CALLS = tuple(UnsignedTx(CHAIN, new_address(), Wei(value), b"") for value in (5, 7, 5))


def packed(*calls: Any, value: int = 12) -> UnsignedTx:
    return UnsignedTx(CHAIN, MULTICALL3, Wei(value), AGGREGATE3_VALUE.encode(list(calls)))


ALICE, BOB = (CALLS[0].to, False, 5, b""), (CALLS[1].to, False, 7, b"")


def test_a_transaction_says_its_payments() -> None:
    tx = multicall3_tx(MULTICALL3, CALLS)
    assert (tx.to, tx.value, tx.data[:4].hex()) == (MULTICALL3, 17, "174dea71")
    assert decode_multicall3_tx(tx) == CALLS
    assert decode_multicall3_tx(packed(ALICE, BOB)) == CALLS[:2]


@pytest.mark.parametrize(
    ("tx", "why"),
    [
        (packed(ALICE, value=5), "fewer than two"),
        (packed(ALICE, (CALLS[1].to, True, 7, b"")), "may fail"),
        (packed(ALICE, (CALLS[1].to, False, 7, b"\x01")), "more than pay"),
        (packed(ALICE, (CALLS[1].to, False, 0, b""), value=5), "pays nothing"),
        (packed(ALICE, (MULTICALL3, False, 7, b"")), "Multicall3 itself"),
        (packed(ALICE, BOB, value=13), "not what the transaction carries"),
        (packed(ALICE, BOB, value=0), "not what the transaction carries"),
        (replace(packed(ALICE, BOB), data=packed(ALICE, BOB).data + bytes(32)), "besides its values"),
        (replace(packed(ALICE, BOB), data=AGGREGATE3_VALUE.selector + bytes(31)), "cannot be decoded"),
    ],
)
def test_anything_else_is_refused(tx: UnsignedTx, why: str) -> None:
    with pytest.raises(Refused, match=why):
        decode_multicall3_tx(tx)


def test_only_the_contract_that_the_registry_pins_hands_on_coin(tmp_path: Any) -> None:
    """The chains of zkSync's kind have another Multicall3, of code that is not pinned."""
    registry = load_registry(Paths.under(tmp_path))
    tx = multicall3_tx(MULTICALL3, CALLS)
    assert isinstance(decode(tx, registry), SplitsCoin)
    era = registry.named("zksync")
    assert era.multicall3
    for other in (replace(tx, to=new_address()), replace(tx, chain_id=era.chain_id, to=era.multicall3)):
        with pytest.raises(Refused, match="not a Multicall3 whose code the registry pins"):
            decode(other, registry)
