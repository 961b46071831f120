"""Fees and arrived amounts in receipts, in the formats of each kind of chain."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER_TOPIC, address_word
from l2send.core.chains import Chain
from l2send.core.tx_fee import TxFee, agreed_fee, fee_of, units_received
from l2send.core.units import Gas, Token, Wei
from tests.support.addresses import new_address
from tests.wallet.rig import CHAIN_ID, chain_at

PLAIN = chain_at()
WITH_L1_FEE = replace(PLAIN, l1_fee_oracle=Address("0x420000000000000000000000000000000000000F"))
GAS: dict[str, Any] = {"status": "0x1", "gasUsed": "0x5208", "effectiveGasPrice": "0x3b9aca00"}
OF_GAS = 21_000 * 10**9
USDC = Token(CHAIN_ID, new_address(), "USDC", 6)


@pytest.mark.parametrize(
    ("chain", "fields", "total"),
    [
        pytest.param(PLAIN, {}, OF_GAS, id="ethereum"),
        pytest.param(PLAIN, {"gasUsedForL1": "0x1000", "l1BlockNumber": "0x1"}, OF_GAS, id="arbitrum: inside gasUsed"),
        pytest.param(WITH_L1_FEE, {"l1Fee": "0x64"}, OF_GAS + 100, id="op-stack, scroll, morph"),
        pytest.param(WITH_L1_FEE, {"l1Fee": "0x0"}, OF_GAS, id="a chain whose operator waives it"),
        pytest.param(
            WITH_L1_FEE,
            {"l1Fee": "0x64", "operatorFeeScalar": "0xf4240", "operatorFeeConstant": "0x7"},
            OF_GAS + 100 + 21_000 + 7,
            id="isthmus",
        ),
        pytest.param(
            WITH_L1_FEE,
            {
                "l1Fee": "0x64",
                "operatorFeeScalar": "0x2",
                "operatorFeeConstant": "0x7",
                "daFootprintGasScalar": "0x190",
            },
            OF_GAS + 100 + 21_000 * 2 * 100 + 7,
            id="jovian",
        ),
    ],
)
def test_everything_that_was_charged_is_counted(chain: Chain, fields: dict[str, str], total: int) -> None:
    fee = fee_of({**GAS, **fields}, chain)
    assert fee is not None
    assert (fee.total, fee.is_whole) == (total, True)


def test_a_data_fee_that_the_node_does_not_name_is_unknown_and_not_zero() -> None:
    fee = fee_of(GAS, WITH_L1_FEE)
    assert fee is not None
    assert (fee, fee.is_whole) == (TxFee(Gas(21_000), Wei(10**9), None, Wei(0)), False)


@pytest.mark.parametrize(
    "fields",
    [
        {"gasUsed": None},
        {"effectiveGasPrice": None},
        {"effectiveGasPrice": "5"},
        {"effectiveGasPrice": "0x" + "f" * 40},
        {"gasUsed": "0x" + "f" * 20},
        {"l1Fee": "0x" + "f" * 40},
        {"l1Fee": 100},
        {"operatorFeeScalar": "one"},
    ],
)
def test_a_receipt_that_makes_no_sense_names_no_fee(fields: dict[str, object]) -> None:
    assert fee_of({**GAS, **fields}, PLAIN) is None


def test_endpoints_must_agree() -> None:
    fee = TxFee(Gas(1), Wei(2), Wei(3), Wei(0))
    without = replace(fee, l1_fee=None)
    assert agreed_fee([fee, fee]) == fee
    assert agreed_fee([without, fee, None]) == fee, "a node that leaves it out denies nothing"
    assert agreed_fee([without]) == without
    assert agreed_fee([fee, replace(fee, gas_price=Wei(9))]) is None
    assert agreed_fee([fee, replace(fee, l1_fee=Wei(9))]) is None
    assert agreed_fee([None, None]) is None


def transferred(to: Address, units: int, token: Address | None = USDC.address) -> dict[str, Any]:
    topics = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (new_address(), to))]
    return {"address": token, "topics": topics, "data": "0x" + units.to_bytes(32).hex()}


def test_what_arrived_is_read_from_the_tokens_own_event() -> None:
    to, other = new_address(), new_address()

    def received(*logs: dict[str, Any], expected: int = 100, token: Token = USDC, status: str = "0x1") -> int | None:
        return units_received({**GAS, "status": status, "logs": list(logs)}, token, to, expected)

    assert received(transferred(to, 100)) == 100
    assert received(transferred(other, 1), transferred(to, 99)) == 99, "the token kept one"
    assert received(transferred(to, 7), transferred(to, 100)) == 100, "another payment in the same transaction"
    assert received(transferred(to, 50), transferred(to, 40)) is None, "whose is which?"
    assert received(transferred(to, 100, new_address())) is None, "another token"
    assert received(transferred(to, 100), status="0x0") is None
    assert received(transferred(to, 100), token=replace(USDC, address=None)) is None, "coin leaves no event"
    assert received() is None
