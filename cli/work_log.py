"""A worker's log on stderr: a line for each event, for people or as JSON for a log collector."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from enum import StrEnum, unique

from l2send.cli.json_documents import Document
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.screen import as_json, err, print_words, styled
from l2send.core.errors import L2sendError
from l2send.worker import Happened, WorkEvent

SCHEMA = "l2send.work/1"


@unique
class LogForm(StrEnum):
    """Values of `--log`."""

    TEXT = "text"
    JSON = "json"


class WorkLog:
    """Writes log lines. For people, only payments whose state changed."""

    def __init__(self, form: LogForm) -> None:
        self._form = form
        self._states = dict[str, str]()

    def event(self, event: WorkEvent) -> None:
        """Log an event of a line or a payment."""
        changed = self._states.get(event.payment_id) != event.state
        self._states[event.payment_id] = event.state
        if self._form is LogForm.JSON:
            batch, _, ref = event.key.partition("/")
            self._write(
                event.what.value,
                event.text,
                account=event.account,
                batch=batch.partition(":")[0],
                ref=ref,
                payment=event.payment_id,
                state=event.state,
                error=event.error.code if event.error else "",
            )
        elif changed or event.what is not Happened.PAYMENT:
            what = event.key or event.payment_id
            payment = f" {event.payment_id}" if event.payment_id and event.key else ""
            state = f" {event.state}" if event.state else ""
            self.say(f"{what}{payment}{state}: {event.text}", event=event.what.value)

    def say(self, text: str, *, event: str = "worker", error: L2sendError | None = None) -> None:
        """Log about the worker itself."""
        if self._form is LogForm.JSON:
            self._write(event, text, error=error.code if error else "")
        else:
            at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            print_words(err(), styled(f"{at} {text}", limit=600))

    @staticmethod
    def _write(event: str, text: str, **fields: str) -> None:
        document: Document = {
            "schema": SCHEMA,
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "event": event,
            "text": as_typed_here(text),
            **{name: value or None for name, value in fields.items()},
        }
        print(as_json(document, sys.stderr), file=sys.stderr)
