"""What the conversation offers at its first question."""

from __future__ import annotations

import asyncio
from pathlib import Path

from l2send.cli.commands.ask import _Conversation
from l2send.cli.live_balances import LiveBalances
from l2send.cli.options import KeyOptions
from l2send.cli.sender import Sender
from l2send.client import open_client
from l2send.core.address import Address
from l2send.core.paths import Paths
from l2send.core.plan import ChainAddress, Payment
from l2send.core.units import Amount
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.transitions import JournalMoves
from tests.bridges.registry import ORIGIN, RECIPIENT, REGISTRY, SENDER
from tests.wallet.journal.writing import begin_one
from tests.wallet.rig import paying_quote


def offered(home: Path, account: Address) -> list[str]:
    """To `account`, after SENDER paid RECIPIENT and itself."""

    async def work() -> list[str]:
        async with open_client(Paths.under(home), REGISTRY) as client:
            assert isinstance(client.journal, JournalMoves)
            for to in (RECIPIENT, SENDER):
                payment = Payment(SENDER, ChainAddress(ORIGIN.chain_id, to), Amount(1, ORIGIN.native))
                begin_one(client.journal, payment, paying_quote(payment, ORIGIN))
            held = LiveBalances(client, account)
            return list(_Conversation(client, held, Sender(None, account, KeyOptions()), Limits())._recipients())

    return asyncio.run(work())


def test_this_accounts_payees_are_offered_and_not_itself(tmp_path: Path) -> None:
    assert offered(tmp_path, SENDER) == [f"left:{RECIPIENT}"]


def test_those_of_another_account_are_not(tmp_path: Path) -> None:
    assert offered(tmp_path, RECIPIENT) == []
