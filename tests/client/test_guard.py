"""A plan of several legs is refused unless they sum to the payment, each from a chain of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.bridges.direct import Direct
from l2send.core.calldata import TRANSFER
from l2send.core.effects import Pays
from l2send.core.errors import Refused
from l2send.core.plan import ChainAddress, Payment, Plan, Quote, Step, StepKind, UnsignedTx, Way
from l2send.core.units import Amount, Gas, Seconds, Wei
from l2send.guard import checked_legs
from tests.bridges.registry import ORIGIN, RECIPIENT, REGISTRY, SENDER, TARGET

USDC = TARGET.tokens[0]
PAYMENT = Payment(SENDER, ChainAddress(TARGET.chain_id, RECIPIENT), Amount(100, USDC))


def direct(units: int, signed: int | None = None) -> Quote:
    """A transfer said to be of `units`; its bytes say `signed`."""
    assert USDC.address
    data = TRANSFER.encode(RECIPIENT, units if signed is None else signed)
    step = Step(StepKind.TRANSFER, UnsignedTx(TARGET.chain_id, USDC.address, Wei(0), data), Gas(60_000))
    amount = Amount(units, USDC)
    return Quote(Direct.name, TARGET, amount, amount, (), Seconds(2), (step,))


def check(*legs: Quote) -> tuple[tuple[object, ...], ...]:
    return checked_legs(Plan(PAYMENT, Way(legs), "because"), REGISTRY)


def test_the_effects_of_each_leg_are_its_own() -> None:
    ((effect,),) = check(direct(100))
    assert effect == Pays(PAYMENT.amount, PAYMENT.to)


@pytest.mark.parametrize("parts", [(99,), (101,), (60, 39), (60, 41)])
def test_parts_that_do_not_sum_to_the_payment_are_refused(parts: tuple[int, ...]) -> None:
    with pytest.raises(Refused, match="the plan delivers"):
        check(*(direct(part) for part in parts))


def test_one_chain_is_not_a_source_twice() -> None:
    with pytest.raises(Refused, match="one chain twice"):
        check(direct(60), direct(40))


@pytest.mark.parametrize("signed", [0, 59, 61, 100])
def test_a_leg_signs_for_its_own_part_alone(signed: int) -> None:
    with pytest.raises(Refused, match="the amount in the bytes"):
        check(direct(60, signed), replace(direct(40), source=ORIGIN))
