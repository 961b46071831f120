"""The journal's spending limits: sums up today's payments in the database transaction that records another."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from l2send.core.errors import ConfigError
from l2send.core.plan import Payment
from l2send.core.units import UnixTime
from l2send.wallet.journal import codec
from l2send.wallet.journal.connection import BEGINNING
from l2send.wallet.journal.queue import JournalQueue
from l2send.wallet.journal.states import PaymentState

if TYPE_CHECKING:
    from l2send.core.spending_limits import SpendingLimits
    from l2send.wallet.journal.tally import Tally

MOVED_NOTHING = frozenset({PaymentState.CANCELLED, PaymentState.EXPIRED, PaymentState.REVERTED, PaymentState.REPLACED})
"""Final states in which no amount left the account. A refunded amount did leave it, and stays counted."""


def take(tallies: Sequence[Tally], payment: Payment) -> None:
    """Count a payment that is about to be recorded. Raises Refused, and counts nothing, if a limit forbids it."""
    for tally in tallies:
        tally.check(payment)
    for tally in tallies:
        tally.count(payment)


class JournalLimiting(JournalQueue):
    """The journal's methods that check payments against limits."""

    read_limits: Callable[[], Sequence[SpendingLimits]] | None = None
    """Reads the limits that every new payment must keep. Called only when a payment is recorded: a broken file stops no
    payment that is already being sent.
    """

    parse_shared: Callable[[str], SpendingLimits] | None = None
    """Parses the limits that the journal itself holds, for all its users. Raises ConfigError."""

    def shared_limits(self) -> str:
        """See Queue."""
        return str(self._rows("SELECT text FROM shared_limits")[0]["text"])

    def set_shared_limits(self, text: str) -> None:
        """See Queue."""
        with self._writing(BEGINNING) as db:
            db.execute("UPDATE shared_limits SET text = ?, set_at = ?", (text, int(time.time())))

    def tallies(self, without: Collection[str] = ()) -> list[Tally]:
        """See Queue."""
        all_limits = [*(self.read_limits() if self.read_limits else ()), *self._limits_of_all()]
        if not all_limits:
            return []
        from l2send.wallet.journal.tally import Tally

        now, found = UnixTime(int(time.time())), list[Tally]()
        for limits in all_limits:
            begun = self._begun_since(limits.day_of(now)[0]) if limits.counts_a_day else []
            waiting = self._waiting_payments(without) if limits.counts_a_day else []
            found.append(Tally(limits, now, [*begun, *waiting]))
        return found

    def _limits_of_all(self) -> list[SpendingLimits]:
        """Raises ConfigError if they cannot be read: nothing is allowed then."""
        if not (text := self.shared_limits()):
            return []
        if self.parse_shared is None:
            raise ConfigError("this journal has limits for all who use it, and was opened without a reader of them.")
        return [self.parse_shared(text)]

    def refuse_over_limits(self, payments: Iterable[Payment]) -> None:
        """See Journal."""
        tallies = self.tallies()
        for payment in payments:
            take(tallies, payment)

    def _begun_since(self, start: UnixTime) -> list[Payment]:
        """Payments recorded since then that moved money or still may; of a payment from several chains, each leg."""
        rows = self._rows("SELECT payment, state FROM payments WHERE created_at >= ?", start)
        return [codec.payment_from(codec.load(row["payment"])) for row in rows if row["state"] not in MOVED_NOTHING]
