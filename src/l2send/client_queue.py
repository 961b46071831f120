"""A client's methods for the queue of workers. Their modules are loaded on first use: a single payment needs none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l2send.batches import Batches
    from l2send.core.paths import Paths
    from l2send.queueing import Queued
    from l2send.wallet.journal.protocol import Journal
    from l2send.wallet.keys.signer import Signer
    from l2send.worker import Tell, Worker

_TO_THE_END = 600.0
"""Seconds for which one run follows its payments."""


class Queueing:
    """A client's methods for the queue."""

    journal: Journal
    paths: Paths

    @property
    def batch(self) -> Batches:
        """Files of payments: see batches.py."""
        raise NotImplementedError

    @property
    def queue(self) -> Queued:
        """Approved lines that workers pay."""
        from l2send.queueing import Queued

        return Queued(self.journal)

    def worker(self, signers: Sequence[Signer], tell: Tell = lambda _: None) -> Worker:
        """A worker for the accounts of `signers`; `tell` receives all that it reports. Set its fields, then run it."""
        from l2send.worker import Worker

        return Worker(self.batch, self.paths.state / "locks", signers, tell)

    async def work(self, signers: Sequence[Signer], *, tell: Tell = lambda _: None, until_done: bool = False) -> None:
        """Pay the queued lines of these accounts: forever, or, with `until_done`, those that can be paid now.

        Cancel the task to stop at once; set `worker(…).stop` to stop gracefully. An error of a line or a payment is
        reported, and retried. Raises JournalLost once the connection to the journal is lost: open another client then.
        """
        worker = self.worker(signers, tell)
        worker.until_done, worker.patience = until_done, _TO_THE_END if until_done else worker.patience
        await worker.run()
