"""A payment stays open if its recipient may have been paid by another wallet: its user alone closes it."""

from __future__ import annotations

import asyncio
from contextlib import closing
from dataclasses import replace

import pytest

from l2send.cli.json_documents import payment_document
from l2send.core.chains import Registry
from l2send.core.errors import Refused
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import open_rpcs
from l2send.core.units import Wei
from l2send.wallet.closing import close, only_its_user_knows, refuse_to_close
from l2send.wallet.journal.errors import IllegalMove
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.schemas import check
from tests.wallet.resuming import elsewhere, is_in, reach, until
from tests.wallet.rig import CHAIN_ID, Rig


def closed(rig: Rig, record: PaymentRecord) -> PaymentRecord:
    async def run() -> None:
        async with open_rpcs(Registry({"rig": rig.chain}), timeout=3) as rpcs:
            await refuse_to_close(record, rpcs)

    asyncio.run(run())
    with closing(rig.journal()) as journal:
        done = close(record, journal)
    assert isinstance(done, PaymentRecord)
    return done


@pytest.fixture
def paid_otherwise(slow: Rig) -> tuple[Rig, PaymentRecord]:
    """With three confirmations: another wallet paid the recipient more with the payment's nonce, one block ago."""
    rig = replace(slow, confirmations=3)
    payment = rig.payment()
    record = until(rig, rig.begin(payment).id, TxState.BROADCAST)
    elsewhere(rig, record, UnsignedTx(CHAIN_ID, payment.to.address, Wei(2 * payment.amount.units), b""))
    rig.node.mine(1)
    return rig, reach(rig, record.id, is_in(TxState.INDETERMINATE))


def test_it_is_closed_once_nothing_of_it_can_be_mined(paid_otherwise: tuple[Rig, PaymentRecord]) -> None:
    """Not before that. Its state claims nothing more than before, and an equal payment can be made again."""
    rig, record = paid_otherwise
    with pytest.raises(Refused, match="may become free again"):
        closed(rig, record)
    assert rig.record(record.id).meaning.open
    rig.node.mine(3)
    record = reach(rig, record.id, is_in(TxState.INDETERMINATE))
    assert "the recipient got as much in that block" in record.transactions[0].detail
    assert only_its_user_knows(record)
    reworded = replace(record, transactions=tuple(replace(tx, detail="in other words") for tx in record.transactions))
    assert only_its_user_knows(reworded), "the journal's flag says it, no sentence"

    done = closed(rig, record)
    assert (done.state, done.meaning.open) == (PaymentState.INDETERMINATE, False)
    assert done.meaning.money.startswith("You closed it")
    assert not only_its_user_knows(done)
    check(document := payment_document(done, Registry({"rig": rig.chain})))
    assert (document["state"], document["open"], document["closed_at"]) == ("indeterminate", False, done.closed_at)
    assert done.transactions == record.transactions
    assert rig.resume(record.id) == done, "it is followed no more"
    with closing(rig.journal()) as journal:
        assert journal.open_payments() == []
    assert rig.begin(record.payment).id != record.id
    with pytest.raises(Refused, match="is not open"):
        closed(rig, done)


def test_what_may_still_be_mined_is_not_closed(slow: Rig) -> None:
    record = until(slow, slow.begin(slow.payment()).id, TxState.BROADCAST)
    with pytest.raises(Refused, match="it is sending"):
        closed(slow, record)
    with closing(slow.journal()) as journal, pytest.raises(IllegalMove):
        journal.close_payment(record)
    slow.node.mine(2)
    with pytest.raises(Refused, match="is not open"):
        closed(slow, slow.resume(record.id))
