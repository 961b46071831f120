"""Queues approved lines for workers, lists them and withdraws them. worker.py pays them.

review = await client.batch.plan(judged, sender, "november", limits)
client.queue.approve(review, limits)            nothing is signed here
await client.work([signer], until_done=True)    on this machine, or any other with this journal
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from l2send.batch_record import batch_name, key_of
from l2send.batch_review import BatchReview
from l2send.core.address import Address
from l2send.core.plan import Payment
from l2send.core.text import visible_part
from l2send.core.units import UnixTime
from l2send.queue_caps import Caps, caps_of, caps_text
from l2send.resolver.batch_lines import JudgedBatch
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.queue_lines import QueuedLine, QueueState


@dataclass(frozen=True, slots=True)
class Left:
    """The work that is left for one account."""

    waiting: int
    """Lines that have not begun."""
    oldest: UnixTime | None
    """When the oldest of them was approved."""
    open: int
    """Payments of lines that have not ended."""


@dataclass(frozen=True, slots=True)
class Queued:
    """The approved lines of one journal."""

    journal: Journal

    @property
    def title(self) -> str:
        """Which kind of store holds the queue, and where; without secrets."""
        return self.journal.title

    def left(self, account: Address) -> Left:
        """The work that is left for an account. Raises ConfigError, JournalLost."""
        count, since = self.journal.count_waiting(account)
        return Left(count, since, len(self.journal.begun_open(account)))

    def without_waiting(self, judged: JudgedBatch, sender: Address, name: str) -> JudgedBatch:
        """`judged` without the lines that already wait in the queue unchanged."""
        waiting = {line.key: line.payment for line in self.lines(name) if line.state is QueueState.WAITING}
        name = batch_name(name)
        lines = (
            line
            for line in judged.lines
            if waiting.get(key_of(name, visible_part(line.row.ref))) != Payment(sender, line.to.account, line.amount)
        )
        return replace(judged, lines=tuple(lines))

    def caps(self, review: BatchReview, limits: Limits, max_total_usd: float | None = None) -> Caps:
        """The caps that `approve` gives workers for each line: show them before the yes."""
        return caps_of(review, limits, max_total_usd)

    def approve(
        self, review: BatchReview, limits: Limits, max_total_usd: float | None = None, *, again: bool = False
    ) -> int:
        """Queue every payable line in one database transaction: all of them, or none. Returns how many are new.

        `limits` and `max_total_usd` are those of the plan of `review`: workers plan again within them. Raises
        UsageError for a ref that belongs to another payment, Refused for a limit of the journal, as `batch.begin` does.
        """
        caps = caps_text(caps_of(review, limits, max_total_usd))
        return self.journal.enqueue(
            [
                QueuedLine(
                    key_of(review.name, line.wanted.line.row.ref),
                    review.name,
                    line.wanted.payment,
                    caps,
                    line.wanted.line.to.typed_name,
                    line.wanted.line.row.memo,
                )
                for line in review.payable
            ],
            again=again,
        )

    def lines(self, name: str) -> list[QueuedLine]:
        """Every line of a batch that was approved for workers, in order of approval; none of an unknown batch."""
        return self.journal.queued(batch_name(name))

    def withdraw(self, name: str) -> int:
        """Withdraw every line of a batch that no worker has begun. Returns how many."""
        return self.journal.withdraw(batch_name(name))
