"""Sets on every error that ends work on a payment whether money may have moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from l2send.core.errors import ConfigError, L2sendError, Sent
from l2send.wallet.journal.protocol import Journal

_ORDER = (Sent.NO, Sent.MAYBE, Sent.YES)


@contextmanager
def saying_what_moved(journal: Journal, payment_id: str) -> Iterator[None]:
    """Raises every L2sendError of the context again, with `sent` by the journal: never less than the error says."""
    try:
        yield
    except L2sendError as error:
        error.sent = max(error.sent, _moved(journal, payment_id), key=_ORDER.index)
        raise


def _moved(journal: Journal, payment_id: str) -> Sent:
    """Whether money may have moved; perhaps, if the journal cannot be read."""
    try:
        return journal.get(payment_id).moved
    except ConfigError:
        return Sent.MAYBE
