"""How the lines of a batch are paid: a line to the paying account itself moves money from other chains, or nothing."""

from __future__ import annotations

from l2send.batch_review import BatchReview
from l2send.core.address import Address
from l2send.core.errors import BadRecipient
from l2send.resolver.batch_plan import LineWay
from tests.client.test_batch_shared_tx import Delegating, safe_plan
from tests.client.test_batches import Line, lines, planned
from tests.conftest import Home
from tests.support.paying import Payer
from tests.support.safes import new_safe


def ways(review: BatchReview) -> dict[str, LineWay]:
    return {line.wanted.line.row.ref: line.way for line in review.lines}


def test_a_line_to_the_account_that_pays_is_refused_if_nothing_would_move(home: Home) -> None:
    payer = Payer(home)
    home.fund(payer.address, "dev1", USDC="100", ETH="1")
    rows = [Line("own", "5", "dev1", payer.address), *lines("other", 1, "dev1")]
    review = planned(payer, rows, "own")
    assert ways(review) == {"own": LineWay.REFUSED, "other-0": LineWay.DIRECT}
    (stopped,) = review.stopped
    assert isinstance(stopped.error, BadRecipient)
    assert "nothing would move" in stopped.error.message


def test_it_is_bridged_from_where_the_money_is(home: Home) -> None:
    """Not taken from its destination, although that holds as much."""
    payer = Payer(home)
    for chain in ("dev1", "dev2"):
        home.fund(payer.address, chain, USDC="100", ETH="1")
    review = planned(payer, [Line("own", "50", "dev2", payer.address), *lines("other", 1, "dev2")], "own")
    assert ways(review) == {"own": LineWay.BRIDGED, "other-0": LineWay.DIRECT}


def test_a_safe_does_not_pay_itself(home: Home) -> None:
    owner = Delegating(home, "dev1")
    safe = new_safe(home, [owner.address]).address
    home.fund(safe, "dev1", USDC="100")
    rows = [*lines("safe", 2, "dev1"), Line("own", "5", "dev1", Address(safe))]
    review = owner.do(lambda client: safe_plan(client, owner, safe, rows, "safe-itself"))
    assert ways(review)["own"] is LineWay.REFUSED
    assert len(review.payable) == 2
