"""A worker's metrics for Prometheus, only on loopback since they name accounts. Text format 0.0.4, without a library.

Source: Prometheus documentation, "Exposition formats".
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from l2send.core.address import Address
from l2send.core.errors import ConfigError, L2sendError, UsageError
from l2send.queueing import Queued
from l2send.worker import Happened, WorkEvent

_LONGEST_REQUEST = 8192
_REQUEST_SECONDS = 5.0


@dataclass
class Metrics:
    """Counts since the start of the process, and numbers read from the journal on request."""

    accounts: Sequence[Address]
    queue: Queued | None = None
    """None while the journal is not connected."""
    begun: int = 0
    held_back: int = 0
    ended: Counter[str] = field(default_factory=Counter[str])
    errors: Counter[str] = field(default_factory=Counter[str])
    reconnects: int = 0
    _states: dict[str, str] = field(default_factory=dict[str, str])

    def event(self, event: WorkEvent) -> None:
        """Count an event of a worker."""
        self.begun += event.what is Happened.BEGUN
        self.held_back += event.what is Happened.HELD_BACK
        if event.error:
            self.errors[event.error.code] += 1
        if event.what is Happened.PAYMENT and self._states.get(event.payment_id) != event.state:
            self._states[event.payment_id] = event.state
            self.ended[event.state] += 1

    def text(self) -> str:
        """All metrics in Prometheus' text format."""
        return "\n".join([*self._lines(), ""])

    def _lines(self) -> Iterator[str]:
        yield from _metric("l2send_payments_begun_total", "counter", "Lines begun as payments.", [("", self.begun)])
        yield from _metric(
            "l2send_lines_held_back_total",
            "counter",
            "Lines that could not be begun, each time.",
            [("", self.held_back)],
        )
        yield from _metric(
            "l2send_payment_states_total",
            "counter",
            "Payments that came to a state.",
            [(f'state="{state}"', count) for state, count in self.ended.items()],
        )
        yield from _metric(
            "l2send_errors_total",
            "counter",
            "Errors by code.",
            [(f'code="{code}"', count) for code, count in self.errors.items()],
        )
        yield from _metric("l2send_reconnects_total", "counter", "Lost journals.", [("", self.reconnects)])
        yield from self._of_journal()

    def _of_journal(self) -> Iterator[str]:
        waiting, oldest, open_payments = list[tuple[str, float]](), list[tuple[str, float]](), list[tuple[str, float]]()
        try:
            for account in self.accounts if self.queue else ():
                assert self.queue
                label, left = f'account="{account}"', self.queue.left(account)
                waiting.append((label, left.waiting))
                oldest.append((label, 0 if left.oldest is None else max(0, int(time.time()) - left.oldest)))
                open_payments.append((label, left.open))
            up = int(self.queue is not None)
        except L2sendError:
            up = 0
        yield from _metric("l2send_journal_up", "gauge", "1 while the journal answers.", [("", up)])
        if up:
            yield from _metric("l2send_lines_waiting", "gauge", "Approved lines that are not begun.", waiting)
            yield from _metric("l2send_oldest_waiting_seconds", "gauge", "Age of the oldest of them.", oldest)
            yield from _metric("l2send_payments_open", "gauge", "Payments that have not ended.", open_payments)


def _metric(name: str, kind: str, words: str, values: Iterable[tuple[str, float]]) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values:
        yield f"{name}{{{labels}}} {value:g}" if labels else f"{name} {value:g}"


def parse_place(text: str) -> tuple[str, int]:
    """Parse `127.0.0.1:9464`. Raises UsageError for any other form, and for an address that other machines reach."""
    host, colon, port = text.rpartition(":")
    try:
        loopback = ip_address(host.strip("[]")).is_loopback
        number = int(port)
    except ValueError:
        colon, loopback, number = "", False, 0
    if not colon or not 0 <= number < 2**16:
        raise UsageError(f"{text[:40]!r} is no address and port.", hint="Write --metrics 127.0.0.1:9464")
    if not loopback:
        raise UsageError(
            f"{host[:40]} can be reached from other machines, and the numbers name your accounts.",
            hint="Use 127.0.0.1 or [::1], and a proxy or an agent on this machine for others.",
        )
    return host.strip("[]"), number


async def serve(metrics: Metrics, host: str, port: int) -> asyncio.Server:
    """Serve `GET /metrics` until the server is closed. Raises ConfigError if the port is taken."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(_response(head, metrics))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    try:
        return await asyncio.start_server(answer, host, port, limit=_LONGEST_REQUEST)
    except OSError as error:
        raise ConfigError(
            f"cannot serve metrics on {host}:{port}: {error.strerror}.", hint="Choose another port."
        ) from error


def _response(head: bytes, metrics: Metrics) -> bytes:
    method, _, rest = head.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    found = method == b"GET" and path == b"/metrics"
    body = metrics.text().encode() if found else b"GET /metrics\n"
    status = b"200 OK" if found else b"404 Not Found"
    kind = b"text/plain; version=0.0.4; charset=utf-8"
    lines = [b"HTTP/1.1 " + status, b"Content-Type: " + kind, b"Content-Length: %d" % len(body), b"Connection: close"]
    return b"\r\n".join([*lines, b"", body])
