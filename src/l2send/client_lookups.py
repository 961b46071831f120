"""What a client says of the payments in its journal. No chain is asked."""

from __future__ import annotations

from collections.abc import Iterator

from l2send.core.chains import Registry
from l2send.core.plan import Payment
from l2send.core.units import Seconds
from l2send.wallet.fees_paid import FeesPaid, fees_paid
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record

PAID_JUST_NOW = Seconds(600)
"""How long ago the same payment counts as one that may have been made by mistake a second time."""


class ClientLookups:
    """The lookups of `Client`."""

    journal: Journal
    registry: Registry

    def known(self, payment: Payment, key: str) -> Record | None:
        """The payment that an idempotency key stands for. Raises UsageError if that is another one."""
        return self.journal.known(payment, key)

    def find(self, prefix: str) -> Record:
        """The payment of that id, or of the only id that begins so; a leg's id names its payment. Raises UsageError."""
        return self.journal.find(prefix)

    def get(self, prefix: str) -> PaymentRecord:
        """The same where it is paid from one chain, or a leg. Raises UsageError for a payment from several chains."""
        return self.journal.get(prefix)

    def keyed(self, key: str) -> Record | None:
        """The payment that an idempotency key stands for, if there is one; None for an unknown key."""
        return self.journal.keyed(key)

    def open_payments(self) -> list[Record]:
        """Every payment that may still change, the newest first."""
        return list(self.journal.open_payments())

    def history(self, limit: int | None = None, before: str | None = None) -> list[Record]:
        """At most `limit` payments of the journal, newest first, of those that are older than the payment `before`."""
        return self.journal.history(limit, before)

    def stream_history(self, before: str | None = None) -> Iterator[Record]:
        """What `history` lists, read as it is asked for."""
        return self.journal.stream(before=before)

    def paid_recently(self, payment: Payment, within: Seconds = PAID_JUST_NOW) -> Record | None:
        """The newest payment of exactly the same that was begun within so many seconds, unless nothing of it arrives.

        To be asked about before `plan`: `begin` refuses only while the same payment is open.
        """
        return self.journal.paid_recently(payment, within)

    def fees_paid(self, record: Record) -> FeesPaid:
        """What a payment cost so far, by the receipts that ended its transactions; asks no network."""
        return fees_paid(record, self.registry)
