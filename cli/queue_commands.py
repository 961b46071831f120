"""The queue on the command line: the question of `batch --queue`, `batch status` and `batch withdraw`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

from l2send.batch_record import BatchPayment
from l2send.batch_review import BatchReview
from l2send.cli.batch_result import LineResult, ResultFile, batch_document, exit_status, line_results
from l2send.cli.batch_screen import number_of, show_result, sums_of
from l2send.cli.options import RunOptions
from l2send.cli.screen import err, print_json
from l2send.client import Client, open_client
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, Refused, UsageError
from l2send.core.text import clean
from l2send.queue_caps import Caps
from l2send.wallet.journal.queue_lines import QueuedLine, QueueState

_STDIN = "-"


def queue_question(review: BatchReview, caps: Caps, registry: Registry) -> str:
    """The question: how many lines, of how much, and how far fees may rise until a worker pays them."""
    total = caps.for_all(len(review.payable))
    in_all = "" if total is None else f" and ${total:.2f} in all"
    lines, sums = number_of(len(review.payable), "line"), sums_of(review.payable, registry)
    return f"Have workers pay {lines} of {review.name}: {sums}, {caps}{in_all}?"


def tell_queue(client: Client, name: str, result: Path | None, *, as_json: bool) -> int:
    """Print the state of every line of a batch, and write the result: exit status 0, since nothing was to be sent."""
    lines, moves = queue_results(client, name)
    _write(client, name, lines, moves, result)
    if as_json:
        print_json(batch_document(name, lines, moves, client.registry, None))
    else:
        show_result(name, lines, result)
        if any(line.state == QueueState.WAITING for line in lines):
            err().print(
                "Lines that wait are paid by `l2send work`, here or on any machine with this journal and the key."
            )
    return ExitStatus.DELIVERED


def queue_results(client: Client, name: str) -> tuple[list[LineResult], list[BatchPayment]]:
    """Every line of a batch, waiting or begun, and its moves of money. Raises UsageError."""
    queued = client.queue.lines(name)
    payments = client.batch.find(name)
    if not queued and not payments:
        raise UsageError(
            f"no batch is called {clean(name, 60)!r} in this journal.",
            hint="The name is the file's without its suffix, or what --name said.",
        )
    result = client.batch.result(name) if payments else None
    begun = {line.ref: line for line in line_results(None, result, client.registry)}
    lines = [begun.pop(line.ref) if line.ref in begun else _not_begun(line, client.registry) for line in queued]
    return [*begun.values(), *lines], [payment for payment in payments if payment.is_move]


def _not_begun(line: QueuedLine, registry: Registry) -> LineResult:
    payment = line.payment
    to = f"{registry.shown(payment.to.chain_id).short_name}:{payment.to.address}"
    error = Refused(line.detail) if line.detail and line.state is QueueState.WAITING else None
    return LineResult(None, line.ref, line.state.value, payment.amount, to, error=error)


def _write(client: Client, name: str, lines: list[LineResult], moves: list[BatchPayment], result: Path | None) -> None:
    if result is not None:
        document = batch_document(name, lines, moves, client.registry, None)
        ResultFile(result).write(document, lines, client.registry)


async def status(name: str, result: Path | None, run_options: RunOptions) -> int:
    """`l2send batch status NAME`: 0 if every line is delivered, 8 while some may be, else 11."""
    if result:
        ResultFile(result).check(_STDIN)
    async with open_client(run_options.paths, run_options.registry()) as client:
        tell_queue(client, name, result, as_json=run_options.as_json)
        lines, _ = queue_results(client, name)
    waits = any(line.state == QueueState.WAITING or (line.record and line.record.meaning.open) for line in lines)
    return ExitStatus.NOT_FINAL if waits else exit_status(lines)


async def withdraw(name: str, result: Path | None, run_options: RunOptions) -> int:
    """`l2send batch withdraw NAME`: withdraws the lines that no worker has begun."""
    if result:
        ResultFile(result).check(_STDIN)
    async with open_client(run_options.paths, run_options.registry()) as client:
        queue_results(client, name)
        count = client.queue.withdraw(name)
        err().print(f"{number_of(count, 'line')} of {name} taken back. Payments that were begun go on: l2send history")
        return tell_queue(client, name, result, as_json=run_options.as_json)


QUEUE_WORDS: Mapping[str, Callable[[str, Path | None, RunOptions], Coroutine[Any, Any, int]]] = {
    "status": status,
    "withdraw": withdraw,
}
"""Words that may replace the file, followed by the batch's name."""
