"""A worker's metrics: Prometheus' text format, served only to this machine."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from l2send.cli.work_metrics import Metrics, parse_place, serve
from l2send.core.errors import ConfigError, NotFinal, Refused, UsageError
from l2send.queueing import Queued
from l2send.wallet.journal.queue_lines import QueuedLine
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.journal.states import TxState
from l2send.worker import Happened, WorkEvent
from tests.wallet.journal.writing import SENDER, a_payment, begin, bring_to

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


def test_what_the_page_names_is_served_and_nothing_else(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operators.md").read_text()
    named = set(re.findall(r"`(l2send_[a-z_]+)`", page.partition("## Monitoring")[2]))
    journal = SqliteJournal(tmp_path / "journal.db")
    served = set(re.findall(r"^# TYPE (\S+)", Metrics([SENDER], Queued(journal)).text(), re.MULTILINE))
    journal.close()
    assert served == named


def test_numbers_change_as_a_line_is_paid_and_another_fails(tmp_path: Path) -> None:
    """The journal's own numbers come from the journal, and the others from what the worker tells."""
    journal = SqliteJournal(tmp_path / "journal.db")
    paid, fails = a_payment(1), a_payment(2)
    journal.enqueue([QueuedLine(f"november/{n}", "november", one, "{}") for n, one in enumerate((paid, fails))])
    metrics, account = Metrics([SENDER], Queued(journal)), f'account="{SENDER}"'
    before = _samples(metrics)
    record = begin(journal, paid, "november/0")
    metrics.event(WorkEvent(Happened.BEGUN, SENDER, "november/0", record.id, "planned"))
    during = _samples(metrics)
    bring_to(journal, record.transactions[0], TxState.FINAL)
    metrics.event(WorkEvent(Happened.PAYMENT, SENDER, "november/0", record.id, "delivered"))
    metrics.event(WorkEvent(Happened.HELD_BACK, SENDER, "november/1", error=Refused("above its cap")))
    after = _samples(metrics)
    journal.close()

    def moves(name: str) -> tuple[str | None, ...]:
        return tuple(samples.get(name) for samples in (before, during, after))

    assert moves(f"l2send_lines_waiting{{{account}}}") == ("2", "1", "1")
    assert moves(f"l2send_payments_open{{{account}}}") == ("0", "1", "0")
    assert moves("l2send_payments_begun_total") == ("0", "1", "1")
    assert moves('l2send_payment_states_total{state="delivered"}') == (None, None, "1")
    assert moves("l2send_lines_held_back_total") == ("0", "0", "1")
    assert moves('l2send_errors_total{code="refused"}') == (None, None, "1")


def _samples(metrics: Metrics) -> dict[str, str]:
    lines = [line for line in metrics.text().splitlines() if not line.startswith("#")]
    return {name: value for name, _, value in (line.rpartition(" ") for line in lines)}


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
