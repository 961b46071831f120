"""A client's lookups of payments in its journal. No chain is queried."""

from __future__ import annotations

from collections.abc import Iterator

from l2send.core.chains import Registry
from l2send.core.plan import Payment
from l2send.core.units import Seconds
from l2send.wallet.fees_paid import FeesPaid, fees_paid
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record

PAID_JUST_NOW = Seconds(600)
"""How long ago an equal payment must be not to be suspected of being a duplicate."""


class ClientLookups:
    """The lookups of `Client`."""

    journal: Journal
    registry: Registry

    def known(self, payment: Payment, key: str) -> Record | None:
        """The payment that an idempotency key stands for. Raises UsageError if that is a different one."""
        return self.journal.known(payment, key)

    def find(self, prefix: str) -> Record:
        """The payment with that id or unique prefix of an id; a leg's id finds its payment. Raises UsageError."""
        return self.journal.find(prefix)

    def get(self, prefix: str) -> PaymentRecord:
        """The payment from one chain, or the leg, with that id. Raises UsageError for a payment from several chains."""
        return self.journal.get(prefix)

    def keyed(self, key: str) -> Record | None:
        """The payment that an idempotency key stands for; None for an unknown key."""
        return self.journal.keyed(key)

    def open_payments(self) -> list[Record]:
        """Every payment that may still change, newest first."""
        return list(self.journal.open_payments())

    def history(self, limit: int | None = None, before: str | None = None) -> list[Record]:
        """At most `limit` payments of the journal, newest first; only those older than the payment `before`."""
        return self.journal.history(limit, before)

    def stream_history(self, before: str | None = None) -> Iterator[Record]:
        """The payments that `history` lists, read lazily."""
        return self.journal.stream(before=before)

    def paid_recently(self, payment: Payment, within: Seconds = PAID_JUST_NOW) -> Record | None:
        """The newest equal payment recorded in the last `within` seconds, unless nothing of it will arrive.

        Ask the user about it before `plan`: `begin` refuses only while an equal payment is open.
        """
        return self.journal.paid_recently(payment, within)

    def fees_paid(self, record: Record) -> FeesPaid:
        """What a payment cost so far, by its final receipts; sends no request."""
        return fees_paid(record, self.registry)
