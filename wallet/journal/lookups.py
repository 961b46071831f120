"""Finds the journal's payments by ids, keys, accounts and nonces: every lookup uses an index.

tests/wallet/journal/test_query_plans.py checks every statement; only history and count read all rows.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from l2send.core.address import Address, ends
from l2send.core.errors import ConfigError, L2sendError, UnknownPayment, UsageError
from l2send.core.look_alikes import looks_of, unlike
from l2send.core.plan import Payment, StepKind
from l2send.core.text import clean, visible_part, visible_text
from l2send.core.units import ChainId, Nonce, Seconds, UnixTime
from l2send.wallet.journal import codec
from l2send.wallet.journal.connection import JournalConnection
from l2send.wallet.journal.derived import derive, fill_in
from l2send.wallet.journal.records import EventRecord, GroupRecord, PaidBefore, PaymentRecord, Record, TxRecord
from l2send.wallet.journal.rows import payment_record, tx_record
from l2send.wallet.journal.states import NOTHING_ARRIVED
from l2send.wallet.journal.store import Row

# Without 0 o 1 i l u: an id can be read aloud and typed without errors.
ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
ID_LENGTH = 8
_SHORTEST_PREFIX = 3
LEG_MARK = "."
"""Separates a payment's id from the number of its leg."""
THE_KEY = "the idempotency key"
_HISTORY_HINT = "`l2send history` lists every payment."
_PAGE = 200
_AFTER_ALL = 2**63 - 1
_COUNT_AT_MOST = 100
_STEPS = (
    "SELECT t.*, EXISTS (SELECT 1 FROM orders o WHERE o.payment_id = t.payment_id) AS has_order,"
    " EXISTS (SELECT 1 FROM sponsored s WHERE s.payment_id = t.payment_id) AS has_messages,"
    " EXISTS (SELECT 1 FROM proposals p WHERE p.payment_id = t.payment_id) AS has_proposal"
    " FROM transactions t WHERE t.payment_id = ? ORDER BY t.step"
)
_BESIDE = {
    "has_order": "SELECT * FROM orders WHERE payment_id = ?",
    "has_messages": "SELECT * FROM sponsored WHERE payment_id = ?",
    "has_proposal": "SELECT * FROM proposals WHERE payment_id = ?",
}
"""What few payments have."""
AFTER_ALL_TEXT = chr(0x10FFFF)
"""Sorts after every character of a key."""


class JournalLookups(JournalConnection):
    """The journal's read methods."""

    def _fill_in(self) -> None:
        """Compute the derived columns of payments from an older l2send."""
        fill_in(self._store, self._payment)

    def _derive(self, payment_ids: list[str]) -> None:
        for payment_id in payment_ids:
            derive(self._db, payment_id, self._payment)
            for row in self._rows("SELECT payment_id FROM rides WHERE shared_id = ?", payment_id):
                derive(self._db, row["payment_id"], self._payment)

    def known(self, payment: Payment, key: str) -> Record | None:
        """See Journal."""
        fingerprint = codec.fingerprint(payment)
        rows = self._keyed(key)
        mine = [row for row in rows if row["fingerprint"] == fingerprint]
        if rows and not mine:
            raise UsageError(
                f"{THE_KEY} {clean(key, 60)!r} belongs to another payment, {whole_id(rows[0]['id'])}.",
                hint="A key stands for one payment. Use a new key for this one.",
            )
        return self.find(mine[0]["id"]) if mine else None

    def keyed(self, key: str) -> Record | None:
        """See Journal."""
        rows = self._keyed(key)
        return self.find(rows[0]["id"]) if rows else None

    def keyed_under(self, prefix: str) -> list[Record]:
        """See Journal."""
        rows = self._rows(
            "SELECT id FROM payments WHERE idempotency_key >= ? AND idempotency_key < ? ORDER BY seq",
            prefix,
            prefix + AFTER_ALL_TEXT,
        )
        return [self._whole(whole_id(row["id"])) for row in rows]

    def _keyed(self, key: str) -> list[Row]:
        """Rows of exactly that key, or of the forms in which older journals stored it, with line ends for example.

        Raises UsageError for an invalid key that no older journal stored, and for another key that looks like a known
        one: neither paying again nor reporting it as paid would be right.
        """
        if not key.isprintable() and any("\ud800" <= c <= "\udfff" for c in key):
            visible_text(key, THE_KEY)
        exact = self._rows("SELECT id, fingerprint FROM payments WHERE idempotency_key = ?", key)
        if exact:
            return exact
        wanted = visible_text(key, THE_KEY)
        columns = "SELECT id, fingerprint, idempotency_key FROM payments WHERE "
        if same := self._rows(columns + "idempotency_key = ?", wanted):
            return same
        alike = self._rows(columns + "key_seen = ? ORDER BY is_open DESC, seq", looks_of(wanted))
        same = [row for row in alike if visible_part(row["idempotency_key"]) == visible_part(wanted)]
        if alike and not same:
            raise UsageError(
                f"{THE_KEY} looks like that of {whole_id(alike[0]['id'])}, and is another one: "
                f"{unlike(wanted, alike[0]['idempotency_key'])}.",
                hint="Nothing was paid. Write it as it was written then, or take a key that is told apart at a glance.",
            )
        return same

    def find(self, payment_id: str) -> Record:
        """See Journal."""
        wanted = payment_id.strip().lower()
        wanted = whole_id(wanted if wanted.startswith("p-") else f"p-{wanted}")
        if not re.fullmatch(rf"p-[{ALPHABET}]{{{_SHORTEST_PREFIX},{ID_LENGTH}}}", wanted):
            raise UsageError(
                f"{clean(payment_id, 40)!r} is not a payment's id.",
                hint=f"An id is p- and {ID_LENGTH} characters; its first {_SHORTEST_PREFIX} or more after p- are "
                f"enough, if no other payment begins with them. {_HISTORY_HINT}",
            )
        rows = self._rows("SELECT id FROM payments WHERE id >= ? AND id < ?", wanted, wanted + "~")
        ids = list(dict.fromkeys(whole_id(row["id"]) for row in rows))
        if not ids:
            raise UnknownPayment(f"no payment {wanted} in this journal.", hint=_HISTORY_HINT)
        if len(ids) > 1:
            raise UsageError(
                f"{wanted} is the start of {len(ids)} payments: {', '.join(ids[:5])}.", hint="Type more of it."
            )
        return self._whole(ids[0])

    def get(self, payment_id: str) -> PaymentRecord:
        """See Journal."""
        exact = self._rows("SELECT * FROM payments WHERE id = ?", payment_id)
        if exact:
            return self._payment(exact[0])
        found = self.find(payment_id)
        if isinstance(found, GroupRecord):
            legs = ", ".join(leg.id for leg in found.legs)
            raise UsageError(f"{found.id} is paid from several chains.", hint=f"Name one of its legs: {legs}")
        return found

    def history(self, limit: int | None = None, before: str | None = None) -> list[Record]:
        """See Journal."""
        return list(self.stream(limit, before))

    def stream(self, limit: int | None = None, before: str | None = None) -> Iterator[Record]:
        """See Journal."""
        last = _AFTER_ALL if before is None else self._place(before)
        left = _AFTER_ALL if limit is None else limit
        while left > 0:
            rows = self._rows(
                "SELECT seq, id FROM payments WHERE seq < ? AND (leg IS NULL OR leg = 1) ORDER BY seq DESC LIMIT ?",
                last,
                min(left, _PAGE),
            )
            yield from (self._whole(whole_id(row["id"])) for row in rows)
            if len(rows) < min(left, _PAGE):
                return
            left, last = left - len(rows), rows[-1]["seq"]

    def _place(self, payment_id: str) -> int:
        """The row number of a payment in the history. Raises UsageError."""
        rows = self._rows("SELECT seq FROM payments WHERE id = ?", self.find(payment_id).legs[0].id)
        return int(rows[0]["seq"])

    def count(self) -> int:
        """See Journal."""
        return int(self._rows("SELECT count(*) AS n FROM payments WHERE leg IS NULL OR leg = 1")[0]["n"])

    def open_payments(self) -> list[Record]:
        """See Journal."""
        rows = self._rows("SELECT id FROM payments WHERE is_open = 1 ORDER BY seq DESC")
        ids = dict.fromkeys(whole_id(row["id"]) for row in rows)
        records = (self._whole(payment_id) for payment_id in ids)
        return [record for record in records if record.meaning.open]

    def paid_recently(self, payment: Payment, within: Seconds) -> Record | None:
        """See Journal."""
        return next(self.all_paid_recently(payment, within), None)

    def all_paid_recently(self, payment: Payment, within: Seconds) -> Iterator[Record]:
        """See Journal."""
        rows = self._rows(
            "SELECT id FROM payments WHERE fingerprint = ? AND created_at >= ? ORDER BY created_at DESC",
            codec.fingerprint(payment),
            int(time.time()) - within,
        )
        ids = dict.fromkeys(whole_id(row["id"]) for row in rows)
        records = (self._whole(payment_id) for payment_id in ids)
        return (record for record in records if record.state not in NOTHING_ARRIVED)

    def paid_before(self, account: Address) -> PaidBefore | None:
        """See Journal."""
        rows = self._rows(
            "SELECT created_at FROM payments WHERE recipient = ? AND state = 'delivered' AND (leg IS NULL OR leg = 1)"
            " ORDER BY seq DESC LIMIT ?",
            account,
            _COUNT_AT_MOST,
        )
        return (
            PaidBefore(len(rows), UnixTime(rows[0]["created_at"]), more=len(rows) == _COUNT_AT_MOST) if rows else None
        )

    def recipients_like(self, account: Address) -> list[Address]:
        """See Journal."""
        rows = self._rows("SELECT address FROM recipients WHERE ends = ?", ends(account))
        return [Address(row["address"]) for row in rows]

    def _whole(self, payment_id: str) -> Record:
        """The payment with exactly that id, with all its legs."""
        rows = self._rows("SELECT * FROM payments WHERE id = ?", payment_id) or self._rows(
            "SELECT * FROM payments WHERE group_id = ? ORDER BY leg", payment_id
        )
        legs = tuple(self._payment(row) for row in rows)
        return legs[0] if legs[0].group_id is None else GroupRecord(payment_id, legs)

    def events(self, payment_id: str) -> list[EventRecord]:
        """See Journal."""
        rows = self._rows("SELECT * FROM events WHERE payment_id = ? ORDER BY seq", payment_id)
        record = self.find(payment_id)
        if isinstance(record, PaymentRecord) and record.ride:
            rows += self._rows("SELECT * FROM events WHERE payment_id = ? ORDER BY seq", record.ride.shared_id)
        return [EventRecord(UnixTime(r["at"]), r["subject"], r["before"], r["after"], r["detail"]) for r in rows]

    def highest_nonce(self, chain_id: ChainId, sender: Address) -> Nonce | None:
        """See Journal."""
        rows = self._rows(
            "SELECT max(nonce) AS nonce FROM transactions WHERE chain_id = ? AND sender = ?", chain_id, sender
        )
        return None if rows[0]["nonce"] is None else Nonce(rows[0]["nonce"])

    def signed_from(self, chain_id: ChainId, sender: Address, nonce: Nonce) -> list[TxRecord]:
        """See Journal."""
        rows = self._rows(
            "SELECT * FROM transactions WHERE chain_id = ? AND sender = ? AND nonce >= ? ORDER BY nonce",
            chain_id,
            sender,
            nonce,
        )
        return [tx_record(row) for row in rows]

    def _transaction(self, payment_id: str, index: int) -> TxRecord:
        rows = self._rows("SELECT * FROM transactions WHERE payment_id = ? AND step = ?", payment_id, index)
        return tx_record(rows[0])

    def signed_with(self, chain_id: ChainId, sender: Address, nonce: Nonce) -> list[TxRecord]:
        """See Journal."""
        rows = self._rows(
            "SELECT * FROM transactions WHERE chain_id = ? AND sender = ? AND nonce = ?", chain_id, sender, nonce
        )
        return [tx_record(row) for row in rows]

    def proposed(self, chain_id: ChainId, safe: Address, nonce: Nonce) -> PaymentRecord | None:
        """See Journal."""
        rows = self._rows(
            "SELECT payment_id FROM proposals WHERE chain_id = ? AND safe = ? AND nonce = ?", chain_id, safe, nonce
        )
        return self.get(rows[0]["payment_id"]) if rows else None

    def highest_proposed(self, chain_id: ChainId, safe: Address) -> Nonce | None:
        """See Journal."""
        rows = self._rows("SELECT max(nonce) AS nonce FROM proposals WHERE chain_id = ? AND safe = ?", chain_id, safe)
        return None if rows[0]["nonce"] is None else Nonce(rows[0]["nonce"])

    def _payment(self, row: Row) -> PaymentRecord:
        steps = self._rows(_STEPS, row["id"])
        orders, sponsored, proposals = (
            self._rows(statement, row["id"]) if not steps or steps[0][has_it] else []
            for has_it, statement in _BESIDE.items()
        )
        rides = [] if steps or sponsored or proposals else self._ride(row["id"])
        if rides:
            steps, rides = self._steps_of_ride(row["id"], rides)
        if rides and all(step["kind"] == StepKind.EXECUTE for step in steps):
            proposals = self._rows(_BESIDE["has_proposal"], rides[0]["shared_id"])
        try:
            return payment_record(row, steps, orders, sponsored, proposals, rides)
        except (ValueError, KeyError, TypeError, IndexError, L2sendError) as error:
            raise ConfigError(
                f"the journal's payment {row['id']} is not readable: another program changed it.",
                hint="Put a copy back that no other program wrote to. Pay nothing before: it may be open.",
            ) from error

    def _steps_of_ride(self, payment_id: str, rides: list[Row]) -> tuple[list[Row], list[Row]]:
        """The steps that make a payment, and its ride unless it was separated meanwhile: both from one moment."""
        either = "SELECT * FROM transactions WHERE payment_id IN (?, ?) ORDER BY step"
        steps = self._rows(either, payment_id, rides[0]["shared_id"])
        own = [step for step in steps if step["payment_id"] == payment_id]
        return (own, []) if own else (steps, rides)

    def _ride(self, payment_id: str) -> list[Row]:
        return self._rows("SELECT * FROM rides WHERE payment_id = ?", payment_id)

    def carried_by(self, payment_id: str) -> list[PaymentRecord]:
        """See Journal."""
        ids = self._rows("SELECT payment_id FROM rides WHERE shared_id = ? ORDER BY call", payment_id)
        records = (self.get(row["payment_id"]) for row in ids)
        return [record for record in records if record.ride]


def whole_id(payment_id: str) -> str:
    """The id of the payment that this leg belongs to; else the id itself."""
    return payment_id.partition(LEG_MARK)[0]
