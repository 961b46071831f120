"""What the recipient got from something else that used the nonce, by the token's events.

Coin is in test_foreign_transactions.py.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER, TRANSFER_TOPIC, address_word
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc
from l2send.core.units import BlockNumber, Wei
from l2send.wallet.journal.records import TxRecord
from l2send.wallet.nonce_search import NonceUse
from l2send.wallet.received import may_have_paid, paid_by
from tests.support.addresses import new_address
from tests.wallet.rig import CHAIN_ID, Rig

TOKEN, TO = new_address(), new_address()
UNITS = 5_000_000


@pytest.fixture
def transfer(rig: Rig) -> TxRecord:
    """A payment of a token, as the journal has it."""
    tx = rig.begin(rig.payment()).transactions[0]
    step = replace(tx.step, tx=UnsignedTx(CHAIN_ID, TOKEN, Wei(0), TRANSFER.encode(TO, UNITS)))
    return replace(tx, step=step)


def event(sender: Address, units: int = UNITS, *, to: Address = TO, token: Address = TOKEN) -> dict[str, Any]:
    topics = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (sender, to))]
    return {"address": token.lower(), "topics": topics, "data": "0x" + units.to_bytes(32, "big").hex()}


@dataclass
class Block:
    """A stand-in for a node: the events of one block."""

    events: list[dict[str, Any]]

    async def logs_between(self, query: dict[str, Any], first: int, last: int) -> Any:
        assert (first, last, query["address"]) == (7, 7, TOKEN)
        yield self.events


def received(tx: TxRecord, *events: dict[str, Any], status: str = "0x1", delegation: bool = False) -> bool:
    receipt = None if delegation else {"status": status, "logs": list(events)}
    use = NonceUse(BlockNumber(7), "0xb", "" if delegation else "0xa")
    return asyncio.run(may_have_paid(tx, use, receipt, cast("Rpc", Block(list(events)))))


def test_only_the_senders_own_transfer_of_the_very_sum_is_the_payment(transfer: TxRecord) -> None:
    mine = {"status": "0x1", "logs": [event(transfer.sender)]}
    assert paid_by(transfer, mine)
    assert not paid_by(transfer, mine | {"status": "0x0"})
    assert not paid_by(transfer, mine | {"logs": [event(new_address())]})
    assert not paid_by(transfer, mine | {"logs": [event(transfer.sender, UNITS + 1)]})


@pytest.mark.parametrize("delegation", [True, False])
def test_what_came_from_anybody_may_have_been_it(transfer: TxRecord, delegation: bool) -> None:
    """An exchange contract pays out of its own pool; a batch may pay in two parts."""
    pool = new_address()
    assert received(transfer, event(pool), delegation=delegation)
    assert received(transfer, event(pool, UNITS + 1), delegation=delegation)
    assert received(transfer, event(pool, UNITS - 1), event(transfer.sender, 1), delegation=delegation)
    assert not received(transfer, event(pool, UNITS - 1), delegation=delegation)
    assert not received(transfer, event(pool, to=new_address()), delegation=delegation)
    assert not received(transfer, event(pool, token=new_address()), delegation=delegation)
    assert not received(transfer, delegation=delegation)


def test_another_transfer_of_the_token_pays_its_own_recipient(transfer: TxRecord) -> None:
    """Both call the token's contract, which is not the account that is paid."""
    other = UnsignedTx(CHAIN_ID, TOKEN, Wei(0), TRANSFER.encode(new_address(), UNITS))
    use = NonceUse(BlockNumber(7), "0xb", "0xa", other)
    receipt = {"status": "0x1", "logs": [event(transfer.sender, to=new_address())]}
    assert not asyncio.run(may_have_paid(transfer, use, receipt, cast("Rpc", Block([]))))


def test_what_failed_paid_nothing(transfer: TxRecord) -> None:
    assert not received(transfer, event(transfer.sender), status="0x0")
