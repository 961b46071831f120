"""The queue: approved lines that wait for a worker. Each line begins one payment, when that is recorded.

A line has its payment's idempotency key, so that nothing begins the payment twice, with or without the queue.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

from l2send.core.address import Address
from l2send.core.errors import UsageError
from l2send.core.look_alikes import looks_of
from l2send.core.plan import Payment
from l2send.core.text import clean, visible_text
from l2send.core.units import ChainId, UnixTime
from l2send.wallet.journal import codec
from l2send.wallet.journal.errors import ChangedMeanwhile
from l2send.wallet.journal.lookups import AFTER_ALL_TEXT, THE_KEY, JournalLookups, whole_id
from l2send.wallet.journal.queue_lines import QueuedLine, QueueState
from l2send.wallet.journal.store import Row

EVERY_CHAIN = ChainId(0)
"""Instead of a chain: the lock of a whole account, which a worker holds while it works for that account."""
_NEXT = """
    SELECT batch, caps FROM queue WHERE state = 'waiting' AND sender = ? AND not_before <= ? ORDER BY seq LIMIT 1
"""
_LIKE_IT = """
    SELECT * FROM queue WHERE state = 'waiting' AND sender = ? AND not_before <= ? AND batch = ? AND caps = ?
    ORDER BY seq LIMIT ?
"""
_HOLD_BACK = """
    UPDATE queue SET tries = tries + 1, detail = ?, not_before = ? WHERE key = ? AND state = 'waiting'
"""
_MOST_DETAIL = 300


class JournalQueue(JournalLookups):
    """The queue's reads and small writes; beginnings.py adds lines."""

    def waiting(self, sender: Address, at: UnixTime, most: int) -> list[QueuedLine]:
        """See Queue."""
        skip = " FOR UPDATE SKIP LOCKED" if self._store.locks_rows else ""
        with self._writing(f"queue {sender}"):
            self._store.refuse_if_taken(EVERY_CHAIN, sender)
            if not (first := self._rows(_NEXT + skip, sender, at)):
                return []
            rows = self._rows(_LIKE_IT + skip, sender, at, first[0]["batch"], first[0]["caps"], most)
        return [_line(row) for row in rows]

    def all_waiting(self, sender: Address) -> list[QueuedLine]:
        """See Queue."""
        rows = self._rows("SELECT * FROM queue WHERE state = 'waiting' AND sender = ? ORDER BY seq", sender)
        return [_line(row) for row in rows]

    def waiting_like(self, payment: Payment) -> list[QueuedLine]:
        """See Queue."""
        rows = self._rows(
            "SELECT * FROM queue WHERE state = 'waiting' AND sender = ? AND fingerprint = ? ORDER BY seq",
            payment.sender,
            codec.fingerprint(payment),
        )
        return [_line(row) for row in rows]

    def count_waiting(self, sender: Address) -> tuple[int, UnixTime | None]:
        """See Queue."""
        rows = self._rows(
            "SELECT count(*) AS n, min(approved_at) AS oldest FROM queue WHERE state = 'waiting' AND sender = ?", sender
        )
        oldest = rows[0]["oldest"]
        return int(rows[0]["n"]), None if oldest is None else UnixTime(oldest)

    def accounts_waiting(self) -> list[Address]:
        """See Queue."""
        return [
            Address(row["sender"]) for row in self._rows("SELECT DISTINCT sender FROM queue WHERE state = 'waiting'")
        ]

    def hold_back(self, keys: Sequence[str], detail: str, until: UnixTime) -> None:
        """See Queue."""
        with self._writing("queue") as db:
            for key in keys:
                db.execute(_HOLD_BACK, (clean(detail, _MOST_DETAIL), until, key))

    def withdraw(self, batch: str) -> int:
        """See Queue."""
        with self._writing("queue", witnessed=True) as db:
            prefix = f"{batch}/"
            return db.execute(
                "UPDATE queue SET state = 'withdrawn' WHERE key >= ? AND key < ? AND state = 'waiting'",
                (prefix, prefix + AFTER_ALL_TEXT),
            ).rowcount

    def queued(self, batch: str) -> list[QueuedLine]:
        """See Queue."""
        prefix = f"{batch}/"
        rows = self._rows("SELECT * FROM queue WHERE key >= ? AND key < ?", prefix, prefix + AFTER_ALL_TEXT)
        return [_line(row) for row in sorted(rows, key=lambda row: int(row["seq"]))]

    def begun_open(self, sender: Address) -> list[str]:
        """See Queue."""
        rows = self._rows("SELECT id, idempotency_key, sender FROM payments WHERE is_open = 1 ORDER BY seq")
        mine = [row for row in rows if row["sender"] == sender and row["idempotency_key"]]
        return [whole_id(row["id"]) for row in mine if self._is_of_queue(row["idempotency_key"])]

    def _is_of_queue(self, key: str) -> bool:
        """Whether a key is that of a queued line, or of a move of money for a batch with queued lines."""
        if self._rows("SELECT 1 FROM queue WHERE key = ?", key):
            return True
        batch, is_move, _ = key.partition(":move/")
        prefix = f"{batch}/"
        return bool(
            is_move
            and self._rows("SELECT 1 FROM queue WHERE key >= ? AND key < ? LIMIT 1", prefix, prefix + AFTER_ALL_TEXT)
        )

    def _queued(self, key: str) -> QueuedLine | None:
        rows = self._rows("SELECT * FROM queue WHERE key = ?", key)
        return _line(rows[0]) if rows else None

    def _waiting_payments(self, without: Collection[str]) -> list[Payment]:
        """Payments that wait, for the limits: they may begin at any moment."""
        rows = self._rows("SELECT key, payment FROM queue WHERE state = 'waiting'")
        return [codec.payment_from(codec.load(row["payment"])) for row in rows if row["key"] not in without]

    def _begin_queued(self, key: str, payment: Payment, payment_id: str, *, must_wait: bool) -> None:
        """Mark the line of this key as begun. Runs in the transaction that records its payment.

        Raises UsageError if that line pays something else, ChangedMeanwhile if it `must_wait` and does not.
        """
        line = self._queued(key)
        if line is None:
            if must_wait:
                raise ChangedMeanwhile(f"{clean(key, 60)} is not in the queue.")
            return
        refuse_other(line, payment)
        if must_wait and line.state is not QueueState.WAITING:
            raise ChangedMeanwhile(f"{clean(key, 60)} is {line.state} by now.")
        self._db.execute("UPDATE queue SET state = 'begun', payment_id = ? WHERE key = ?", (payment_id, key))

    def _insert_line(self, line: QueuedLine) -> None:
        key = visible_text(line.key, THE_KEY)
        seen = looks_of(key)
        alike = self._rows("SELECT key FROM queue WHERE key_seen = ?", seen)
        if alike:
            raise UsageError(f"{THE_KEY} {clean(key, 60)!r} looks like {clean(alike[0]['key'], 60)!r}, and is another.")
        self._db.execute(
            "INSERT INTO queue (key, key_seen, batch, sender, fingerprint, payment, typed_name, memo, caps,"
            " approved_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting')",
            (
                key,
                seen,
                line.batch,
                line.payment.sender,
                codec.fingerprint(line.payment),
                codec.dump(codec.payment_json(line.payment)),
                clean(line.typed_name, 100),
                line.memo,
                line.caps,
                int(time.time()),
            ),
        )


def refuse_other(line: QueuedLine, payment: Payment) -> None:
    """Raises UsageError unless the line pays exactly this."""
    if codec.fingerprint(line.payment) != codec.fingerprint(payment):
        raise UsageError(
            f"{clean(line.key, 60)!r} was approved for workers with another amount, token, recipient or account: "
            f"{line.payment.amount} to {line.payment.to.address} ({line.state}).",
            hint="A ref stands for one payment. Put the line back as it was, or give the new one a ref of its own.",
        )


def _line(row: Row) -> QueuedLine:
    return QueuedLine(
        row["key"],
        row["batch"],
        codec.payment_from(codec.load(row["payment"])),
        row["caps"],
        row["typed_name"],
        row["memo"],
        UnixTime(row["approved_at"]),
        QueueState(row["state"]),
        row["payment_id"] or "",
        row["tries"],
        UnixTime(row["not_before"]),
        row["detail"],
    )
