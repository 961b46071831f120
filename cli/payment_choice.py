"""Finds the payment of a command: by the typed id, or the newest in the journal."""

from __future__ import annotations

from typing import Annotated

import typer

from l2send.cli.forgotten_devnet import reminder_of_the_devnet
from l2send.cli.options import AN_ID
from l2send.client import Client
from l2send.core.errors import UsageError
from l2send.wallet.journal.records import Record

OptionalId = Annotated[str, typer.Argument(metavar="ID", help=AN_ID)]


def newest_payment(client: Client, *, prefer_open: bool = False) -> Record:
    """The newest payment, with `prefer_open` the newest open one if any is open. Raises UsageError if there is none."""
    found = (client.open_payments() if prefer_open else []) or client.history(1)
    if not found:
        hint = reminder_of_the_devnet(client.paths) or "Make one: l2send AMOUNT TOKEN CHAIN:ADDRESS"
        raise UsageError("no payment was made yet.", hint=hint)
    return found[0]
