"""What was begun and not finished is said before another payment is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from l2send.cli.unfinished import unfinished
from l2send.client import open_client
from l2send.core.address import Address
from l2send.core.paths import Paths
from l2send.wallet.journal.states import TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.bridges.registry import REGISTRY
from tests.support.addresses import new_address
from tests.wallet.journal.writing import SENDER, begin, bring_to


def said(home: Path, count: int, account: Address = SENDER) -> tuple[list[str], list[str]]:
    """What is said to `account`, and the ids of `count` payments of SENDER, which are open."""

    async def work() -> tuple[list[str], list[str]]:
        async with open_client(Paths.under(home), REGISTRY) as client:
            ids, journal = list[str](), client.journal
            assert isinstance(journal, JournalMoves)
            for nonce in range(count):
                record = begin(journal)
                bring_to(journal, record.transactions[0], TxState.BROADCAST, nonce)
                ids.append(record.id)
            done = begin(journal)
            bring_to(journal, done.transactions[0], TxState.FINAL, count)
            return unfinished(client, account), ids

    return asyncio.run(work())


def test_each_open_payment_is_named_and_how_it_is_followed(tmp_path: Path) -> None:
    (words,), (payment,) = said(tmp_path, 1)
    assert words.startswith(f"Not finished: {payment}, ")
    assert words.endswith(f", sending. Follow it: l2send resume {payment}")


def test_many_are_counted(tmp_path: Path) -> None:
    words, _ = said(tmp_path, 5)
    assert len(words) == 4
    assert words[-1] == "Not finished: 2 other payments here. See: l2send history --open"


def test_those_of_another_account_are_counted_only(tmp_path: Path) -> None:
    assert said(tmp_path, 1, new_address())[0] == ["Not finished: 1 payment here. See: l2send history --open"]


def test_nothing_is_said_where_all_is_done(tmp_path: Path) -> None:
    assert said(tmp_path, 0)[0] == []
