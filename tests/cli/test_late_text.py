"""What is waited for, and what becomes of an order that no solver fills: in the review, and while it is late."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.cli.late_text import awaited, if_late, when_late
from l2send.core.bridge_protocol import OrderState
from l2send.core.plan import Fee, RefundCost
from l2send.core.units import Amount, UnixTime, Wei
from l2send.review import Review, review_of
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from tests.bridges.registry import ORIGIN, REGISTRY
from tests.client.test_review import bridged, soon
from tests.wallet.journal.writing import begin_order

GAS = Amount(10**15, ORIGIN.native)


def reviewed(bridge: str, *, refund: bool, legs: int = 1) -> Review:
    """A plan of `legs` equal legs by `bridge`, whose refund, if it is signed, takes twice the gas of its opening."""
    review = review_of(bridged(1_001_000, 1_000_000, soon()), REGISTRY)
    (leg,) = review.plan.legs
    assert leg.order
    cost = RefundCost(ORIGIN, Wei(2 * GAS.units), Wei(0)) if refund else None
    leg = replace(leg, order=replace(leg.order, bridge=bridge), refund=cost, fees=(Fee("network fee", GAS, 0.05),))
    return replace(review, plan=replace(review.plan, way=replace(review.plan.way, legs=(leg,) * legs)))


def test_the_review_names_the_refund_that_would_be_signed_and_its_gas() -> None:
    (words,) = if_late(reviewed("eco", refund=True), REGISTRY)
    assert re.fullmatch(
        r"not filled by .*: `l2send resume` \(or this run, if it still waits\) signs a refund of 1\.001 USDC, "
        r"gas at most \$0\.10",
        words,
    ), words
    (words,) = if_late(reviewed("eco", refund=True, legs=3), REGISTRY)
    assert words.endswith("signs 3 refunds, gas at most $0.10 each")
    (words,) = if_late(reviewed("eco", refund=False), REGISTRY)
    assert words.endswith("signs a refund of 1.001 USDC")


def test_the_review_says_who_pays_back_by_itself() -> None:
    (words,) = if_late(reviewed("across", refund=False), REGISTRY)
    assert words.endswith("across pays 1.001 USDC back by itself, usually within hours")
    assert "resume" not in words


@pytest.fixture
def bridging(tmp_path: Path) -> PaymentRecord:
    """A payment whose order is open; its deadline is in the far future."""
    journal = SqliteJournal(tmp_path / "journal.db")
    record = journal.move_order(begin_order(journal), OrderState.OPEN)
    journal.close()
    return record


def test_a_solver_is_waited_for_only_while_the_bridge_holds_the_money(bridging: PaymentRecord) -> None:
    assert awaited(bridging, REGISTRY).startswith("waiting for a solver to pay on ")
    assert bridging.order
    unopened = replace(bridging, order=replace(bridging.order, state=OrderState.NOT_OPEN))
    assert awaited(unopened, REGISTRY) == ""


@pytest.mark.parametrize(
    ("bridge", "hours", "words"),
    [
        (
            "eco",
            2,
            r"Stay here, and if no solver pays by .* the refund is signed and sent; or press Ctrl-C, and later: R",
        ),
        ("eco", 0, r"Wait, or press Ctrl-C: the payment stays as it is. If no solver pays by .*, R signs the refund"),
        (
            "across",
            0,
            r"Wait, .* look again later: R. If no solver pays by .*, across pays the money back by itself, .*",
        ),
    ],
)
def test_a_late_payment_says_how_the_money_comes_back(
    bridging: PaymentRecord, bridge: str, hours: int, words: str
) -> None:
    assert bridging.order
    order = replace(bridging.order.order, bridge=bridge, refund_after=UnixTime(int(time.time()) + 3600))
    record = replace(bridging, order=replace(bridging.order, order=order))
    said = when_late(record, REGISTRY, time.time() + hours * 3600)
    assert re.fullmatch(words.replace("R", f"`l2send resume {record.id}`") + r"\.", said), said
