"""The payments that were begun and not finished: said before another one is asked for."""

from __future__ import annotations

from l2send.cli.replacing import payment_in_words
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.text import in_words

_NAMED = 3
"""How many are named one by one."""


def unfinished(client: Client, account: Address) -> list[str]:
    """A sentence for each open payment of `account`, the newest first, and one for those of the others.

    Each says how to follow it: a crash, or a window that was closed, leaves no other trace on the screen.
    """
    found = sorted(client.open_payments(), key=lambda record: record.created_at, reverse=True)
    own = [record for record in found if record.payment.signer == account]
    words = [
        f"Not finished: {record.id}, {payment_in_words(record, client.registry)}, {in_words(record.state)}. "
        f"Follow it: l2send resume {record.id}"
        for record in own[:_NAMED]
    ]
    if left := len(found) - len(words):
        others = f"{left} {'other ' if words else ''}payment{'' if left == 1 else 's'} here"
        words.append(f"Not finished: {others}. See: l2send history --open")
    return words
