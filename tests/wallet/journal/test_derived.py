"""Derived columns match their sources, and old journals get them, however often that is interrupted."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from pathlib import Path

import pytest

from l2send.core.address import ends
from l2send.core.look_alikes import looks_of
from l2send.wallet.journal import derived, states
from l2send.wallet.journal.derived import RULES
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import ORDER_TRANSITIONS, TRANSITIONS, TxState
from l2send.wallet.journal.transitions import JournalMoves
from tests.wallet.journal.test_groups import begin_legs
from tests.wallet.journal.writing import a_payment, begin, begin_order, sign, sign_again

RULES_KNOWN = {1: "f876489c3a9a40c5", 2: "4a554e3cc5543087"}
"""What the rules of each number were. Where this fails, the tables changed: add one to RULES, and a line here.

`proposed` came to 2, and later the states of operations: no payment of an older journal can be in them, so none has
other columns for it."""


def test_a_change_of_the_rules_has_a_number_of_its_own() -> None:
    tables = (
        states.BY_ATTEMPT, states.CANCEL_OUTCOME, states.BY_ORDER, states.BY_PAYING_STEP, states.BY_STEP_AND_ORDER,
        states.BY_EARLIER_STEPS, states.BY_MESSAGES, states.BY_LEGS,
    )  # fmt: skip
    text = ";".join(_sorted(table) for table in tables)
    text += _sorted({state: meaning.open for state, meaning in states.MEANINGS.items()})
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == RULES_KNOWN[RULES]


def _sorted(table: object) -> str:
    if isinstance(table, dict):
        return repr(sorted((str(key), str(value)) for key, value in table.items()))
    return repr([sorted(map(str, part)) if isinstance(part, frozenset) else [str(x) for x in part] for part in table])  # type: ignore[attr-defined]


def wander(journal: JournalMoves, chance: random.Random) -> None:
    """A payment, moved at random for a few steps."""
    record = begin_order(journal) if chance.random() < 0.5 else begin(journal)
    for _ in range(chance.randrange(8)):
        record = journal.get(record.id)
        tx = chance.choice(record.transactions)
        after = sorted(TRANSITIONS[tx.state] - {TxState.VOID})
        if record.order and chance.random() < 0.3 and ORDER_TRANSITIONS[record.order.state]:
            journal.move_order(record, chance.choice(sorted(ORDER_TRANSITIONS[record.order.state])))
        elif tx.state is TxState.BROADCAST and chance.random() < 0.3 and tx == record.transactions[-1]:
            sign_again(journal, tx)
        elif after:
            to = chance.choice(after)
            nonce = chance.randrange(2**40)
            if to is TxState.SIGNED:
                sign(journal, tx, nonce)
            elif to is not TxState.CANCELLED:
                journal.move_tx(tx, to)
            else:
                journal.cancel(record.id, "")


def check_columns(journal: JournalMoves) -> int:
    rows = journal._rows("SELECT * FROM payments")
    for row in rows:
        record = journal._payment(row)
        assert row["state"] == record.state.value
        assert row["is_open"] == record.meaning.open
        assert row["recipient"] == record.payment.to.address
        assert row["key_seen"] == (None if record.key is None else looks_of(record.key))
        assert record.payment.to.address in journal.recipients_like(record.payment.to.address)
    slow = [record.id for record in journal.stream() if record.meaning.open]
    assert [record.id for record in journal.open_payments()] == slow
    known = {(row["address"], row["ends"]) for row in journal._rows("SELECT * FROM recipients")}
    assert known == {(row["recipient"], ends(row["recipient"])) for row in rows}
    return len(rows)


def test_columns_are_what_they_are_derived_from(tmp_path: Path) -> None:
    chance = random.Random(7)
    journal = SqliteJournal(tmp_path / "state" / "journal.db")
    for _ in range(60):
        wander(journal, chance)
    journal.abandon(begin_legs(journal), "no more")
    begin_legs(journal)
    assert check_columns(journal) > 60
    journal.close()


def test_an_old_journal_is_filled_in_through_any_number_of_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, chance = tmp_path / "state" / "journal.db", random.Random(8)
    journal = SqliteJournal(path)
    for _ in range(20):
        wander(journal, chance)
    journal._db.executescript(
        "UPDATE payments SET state = '', is_open = 1, recipient = '', key_seen = NULL; DELETE FROM recipients;"
        "UPDATE identity SET rules = 0, filled = 0, target = 0"
    )
    journal.close()
    monkeypatch.setattr(derived, "_BATCH", 3)
    cuts, left = 0, 0
    real = derived.derive

    def dies(db: sqlite3.Connection, payment_id: str, read: derived.ReadPayment) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        real(db, payment_id, read)

    monkeypatch.setattr(derived, "derive", dies)
    while True:
        left = 5
        try:
            journal = SqliteJournal(path)
        except KeyboardInterrupt:
            cuts += 1
            continue
        break
    assert cuts > 5
    monkeypatch.setattr(derived, "derive", real)
    assert check_columns(journal) == 20
    begin(journal, a_payment())
    journal.close()
