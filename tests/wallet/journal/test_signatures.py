"""Payments that were found on a chain: recorded with their bytes in one database transaction, exempt from limits."""

from __future__ import annotations

import secrets

import pytest
from eth_hash.auto import keccak

from l2send.core.plan import Payment
from l2send.core.spending_limits import parse_limits
from l2send.core.units import Nonce
from l2send.wallet.journal.approved_payment import ApprovedPayment
from l2send.wallet.journal.errors import IllegalMove
from l2send.wallet.journal.proposals import JournalProposals
from l2send.wallet.journal.queue_lines import QueuedLine, QueueState
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState
from tests.wallet.journal.writing import CHAIN, CHAIN_ID, SENDER, a_payment
from tests.wallet.rig import paying_quote


def found(journal: JournalProposals, payment: Payment, key: str, nonce: int, raw: bytes) -> Record:
    one = ApprovedPayment(payment, (paying_quote(payment, CHAIN),), key, True)
    return journal.record_found(one, Nonce(nonce), "0x" + keccak(raw).hex(), raw)


def test_it_is_there_with_its_bytes_and_its_line_is_begun(journal: JournalProposals) -> None:
    payment, raw = a_payment(5), secrets.token_bytes(50)
    journal.enqueue([QueuedLine("november/a", "november", payment, "{}")])
    journal.read_limits = lambda: [parse_limits({"per_payment": ["0.000000000000000001 ETH"]}, "", "policy.toml")]
    record = found(journal, payment, "november/a", 7, raw)
    assert record.state is PaymentState.SENDING
    (tx,) = record.transactions
    assert (tx.nonce, tx.raw, tx.elsewhere) == (7, raw, True)
    assert journal.highest_nonce(CHAIN_ID, SENDER) == 7
    (line,) = journal.queued("november")
    assert (line.state, line.payment_id) == (QueueState.BEGUN, record.id)
    assert found(journal, payment, "november/a", 7, raw) == record, "found again it is the same"


def test_bytes_of_another_hash_are_refused_and_nothing_is_written(journal: JournalProposals) -> None:
    one = ApprovedPayment(payment := a_payment(), (paying_quote(payment, CHAIN),), "k", True)
    with pytest.raises(IllegalMove):
        journal.record_found(one, Nonce(0), "0x" + "00" * 32, b"other")
    assert journal.history() == []
