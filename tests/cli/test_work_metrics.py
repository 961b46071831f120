"""A worker's metrics: Prometheus' text format, served only to this machine."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from l2send.cli.work_metrics import Metrics, parse_place, serve
from l2send.core.errors import ConfigError, NotFinal, UsageError
from l2send.queueing import Queued
from l2send.wallet.journal.queue_lines import QueuedLine
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.working import Happened, WorkEvent
from tests.wallet.journal.writing import SENDER, a_payment

_SAMPLE = re.compile(r'[a-z0-9_]+(\{[a-z]+="[^"]*"\})? -?[0-9.e+]+')


async def ask(port: int, request: bytes) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer.decode()


def test_the_text_is_what_prometheus_reads(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    journal.enqueue([QueuedLine("november/a", "november", a_payment(), "{}")])
    metrics = Metrics([SENDER], Queued(journal))
    metrics.event(WorkEvent(Happened.BEGUN, SENDER, "november/a", "p-1", "planned"))
    for _ in range(2):
        metrics.event(WorkEvent(Happened.PAYMENT, SENDER, "november/a", "p-1", "delivered"))
    metrics.event(WorkEvent(Happened.FAILED, SENDER, "november/a", "p-2", "planned", error=NotFinal("late")))

    async def scrape() -> tuple[str, str]:
        server = await serve(metrics, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        found = await ask(port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        other = await ask(port, b"POST /metrics HTTP/1.1\r\n\r\n")
        server.close()
        return found, other

    found, other = asyncio.run(scrape())
    journal.close()
    head, _, body = found.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200 OK")
    assert "text/plain; version=0.0.4" in head
    samples = [line for line in body.splitlines() if not line.startswith("#")]
    assert all(_SAMPLE.fullmatch(line) for line in samples), samples
    assert 'l2send_payment_states_total{state="delivered"} 1' in samples
    assert 'l2send_errors_total{code="not_final"} 1' in samples
    assert f'l2send_lines_waiting{{account="{SENDER}"}} 1' in samples
    assert "l2send_journal_up 1" in samples
    assert other.startswith("HTTP/1.1 404 ")


def test_a_journal_that_is_gone_is_said() -> None:
    text = Metrics([SENDER]).text()
    assert "l2send_journal_up 0" in text
    assert "l2send_lines_waiting" not in text


@pytest.mark.parametrize("place", ["0.0.0.0:9464", "192.0.2.1:1", "9464", "localhost:9464", "127.0.0.1:x", "[::]:1"])
def test_only_this_machine_is_served(place: str) -> None:
    with pytest.raises(UsageError):
        parse_place(place)


def test_loopback_is_taken_and_a_port_in_use_is_said() -> None:
    assert parse_place("127.0.0.1:9464") == ("127.0.0.1", 9464)
    assert parse_place("[::1]:9464") == ("::1", 9464)

    async def twice() -> None:
        server = await serve(Metrics([]), "127.0.0.1", 0)
        with pytest.raises(ConfigError, match="cannot serve metrics"):
            await serve(Metrics([]), "127.0.0.1", server.sockets[0].getsockname()[1])
        server.close()

    asyncio.run(twice())
