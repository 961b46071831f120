"""`l2send batch FILE`: plans and approves a file of payments as one, pays each line once, and resumes it by name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from l2send.batch_record import BatchResult, batch_name
from l2send.batch_review import BatchReview
from l2send.bridges.direct import Direct
from l2send.cli.batch_progress import BatchLive
from l2send.cli.batch_result import ResultFile, batch_document, exit_status, line_results
from l2send.cli.batch_screen import batch_question, consent_to_batch, show_batch, show_result
from l2send.cli.command_table import Heading
from l2send.cli.money import cost_paid, total_paid
from l2send.cli.option_groups import spread
from l2send.cli.options import BatchOptions, KeyOptions, PayingRunOptions, RouteOptions, SenderOptions, Yes
from l2send.cli.paying_safe import PayingSafe, Safe, choose_safe
from l2send.cli.payments_file import read_rows
from l2send.cli.progress import Live
from l2send.cli.queue_commands import QUEUE_WORDS, queue_question, tell_queue
from l2send.cli.screen import err, print_json, print_words, styled
from l2send.cli.sender import Sender, choose_payer, choose_sender, refuse_contradiction
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.client import Client, open_client
from l2send.core.errors import CannotPay, ConfigError, Interrupted, Refused, Sent, UsageError
from l2send.progress_events import ProgressEvent
from l2send.resolver.batch_file import BatchRow
from l2send.resolver.batch_lines import JudgedBatch, judge_batch, words_of
from l2send.resolver.batch_plan import LineWay
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.states import PaymentState

_STDIN, _RESUME = "-", "resume"
_RESULT_EVERY = 15.0
"""Seconds between updates of the result file while payments are made."""

File = Annotated[
    str, typer.Argument(metavar="FILE", help="CSV, JSON or NDJSON: ref, amount, token, to, memo. -: stdin")
]
Resumed = Annotated[str, typer.Argument(metavar="NAME", help="after `resume`: the batch to carry on, without a file")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the plan of the whole and stop.", rich_help_panel=Heading.PAYMENT)
]


@spread
def batch(
    file: File,
    resumed: Resumed = "",
    yes: Yes = False,
    dry_run: DryRun = False,
    safe: Safe = None,
    *,
    options: BatchOptions,
    sender: SenderOptions,
    keys: KeyOptions,
    route: RouteOptions,
    run_options: PayingRunOptions,
) -> int:
    """Pay a file of payments, each line once: one plan, one review, one yes.

    A line needs a ref, an amount, a token and a destination. All lines are checked before anything is sent.
    The same command again pays what is missing, and nothing twice: a line is known by the batch's name and its ref.
    `l2send batch resume NAME` carries on without the file. --max-fee holds for each line, --max-fee-total for all.
    With --queue the lines are approved and wait for `l2send work`, here or on another machine: `batch status NAME`
    says how they stand, `batch withdraw NAME` takes back those that wait.

    Example: l2send batch november.csv --account payroll --dry-run

    Example: l2send batch november.csv --account payroll --result november-result.csv

    Example: l2send batch resume november
    """
    refuse_contradiction(keys)
    total, registry = options.most_in_all, run_options.registry()
    run = _Run(options, run_options, sender, keys, safe, yes=yes, dry_run=dry_run)
    if resumed:
        if file in QUEUE_WORDS:
            options.refuse_for_queue(file)
            return run_to_end(QUEUE_WORDS[file](batch_name(resumed), options.result, run_options))
        if file != _RESUME:
            raise UsageError(f"one file at a time: {resumed[:40]!r} is too much.", hint="Use l2send batch FILE")
        return run_to_end(run.carry_on(batch_name(resumed)))
    if file in {_RESUME, *QUEUE_WORDS} and not Path(file).exists():
        raise UsageError("which batch?", hint=f"Use l2send batch {file} NAME")
    run.check_result(file)
    name = batch_name(options.name or _name_of(file))
    limits = route.limits(registry)
    route.refuse_batch_of(keys, safe=safe is not None)
    options.refuse_contradiction(route)
    return run_to_end(run.pay(read_rows(file), name, limits, total))


def _name_of(file: str) -> str:
    if file == _STDIN or _is_passing(Path(file)):
        raise UsageError(
            "payments from stdin or a pipe need a name.", hint="Add --name NAME: the same name again pays none twice."
        )
    return Path(file).stem


def _of_safe(safe: PayingSafe, limits: Limits) -> Limits:
    """The limits of a batch paid by a Safe: transfers on its own chain. Raises UsageError for others."""
    if limits.via not in {"", Direct.name}:
        raise UsageError("a Safe pays a batch by transfers on its own chain alone.", hint="Leave --via out.")
    return replace(safe.narrow_to_one(limits), via=Direct.name)


def _moved(result: BatchResult) -> Sent:
    """Whether money of any payment may have moved."""
    return max((payment.record.moved for payment in result.payments), key=list(Sent).index)


def _is_passing(path: Path) -> bool:
    """Whether it is a pipe or a process's file, such as /dev/fd/63: its name differs in the next run."""
    of_process = str(path.absolute()).startswith(("/dev/fd/", "/dev/stdin", "/proc/"))
    return path.exists() and not path.is_dir() and (of_process or not path.is_file())


@dataclass
class _Run:
    """One run of the command."""

    options: BatchOptions
    run_options: PayingRunOptions
    sender: SenderOptions
    keys: KeyOptions
    safe: str | None
    yes: bool
    dry_run: bool
    _review: BatchReview | None = field(default=None, init=False)
    _written_at: float = field(default=0.0, init=False)

    def check_result(self, source: str) -> None:
        """Raises UsageError for a result that would overwrite something else."""
        if self.options.result:
            ResultFile(self.options.result).check(source)

    async def pay(self, rows: Sequence[BatchRow], name: str, limits: Limits, total: float | None) -> int:
        """Judge, plan, approve, record and follow a file."""
        async with open_client(self.run_options.paths, self.run_options.registry()) as client:
            with Live.of_answers(f"reading {len(rows):,} lines"):
                judged = await judge_batch(rows, client.rpcs, client.book)
            self._refuse_bad(judged, name)
            safe, sender = choose_safe(self.safe, self.sender, client.paths, client.registry)
            if safe and limits.batch:
                raise UsageError("a Safe already makes several calls in one transaction.", hint="Leave --batch out.")
            if safe and self.options.queue:
                raise UsageError("a Safe's payments are not queued.", hint="Leave --queue out: they are paid at once.")
            who = choose_sender(client.paths, sender, self.keys)
            must_be_able_to_ask(yes=self.yes or self.dry_run, hint="Add --yes, or --dry-run to see the plan.")
            if self.options.queue:
                judged = client.queue.without_waiting(judged, who.address, name)
            with Live.of_answers(f"planning {len(judged.lines):,} payments"):
                review = await client.batch.plan(
                    judged,
                    safe.address if safe else who.address,
                    name,
                    _of_safe(safe, limits) if safe else limits,
                    max_total_usd=total,
                    again=self.options.again,
                    together=not (self.options.no_batching or self.options.queue),
                    owner=who.address if safe else None,
                )
            self._review = review
            show_batch(review, client.registry)
            if self.dry_run:
                return self._end(client, name, client.batch.found(name))
            self._refuse_stopped(review)
            if self.options.queue:
                caps = client.queue.caps(review, limits, total)
                await self._consent(review, queue_question(review, caps, client.registry))
                client.queue.approve(review, limits, total, again=self.options.again)
                return tell_queue(client, name, self.options.result, as_json=self.run_options.as_json)
            if review.payable:
                await self._consent(review, batch_question(review, client.registry))
                who.unlock()
                client.batch.begin(review, again=self.options.again)
            elif not any(record.meaning.open for _, record in review.known):
                return self._end(client, name, client.batch.found(name))
            return await self._follow(client, name, who)

    async def carry_on(self, name: str) -> int:
        """Resume a batch of the journal, without its file."""
        if self.dry_run or self.options.name:
            raise UsageError("--dry-run and --name need a file.", hint="Use l2send batch resume NAME")
        self.check_result(_STDIN)
        async with open_client(self.run_options.paths, self.run_options.registry()) as client:
            result = client.batch.result(name)
            if not any(payment.record.meaning.open for payment in result.payments):
                return self._end(client, name, result)
            paid = result.payments[0].record.payment
            if paid.by_owners:
                raise UsageError(
                    f"the owners of a Safe sign {name}, and an account with gas sends it.",
                    hint="Use l2send broadcast FILE, with the file that they signed.",
                )
            who = choose_payer(client.paths, paid.signer, self.sender, self.keys)
            return await self._follow(client, name, who)

    def _refuse_bad(self, judged: JudgedBatch, name: str) -> None:
        """Report every wrong line. Raises UsageError, unless the others are to be paid."""
        if not judged.bad or self.options.skip_bad:
            return
        count, of = len(judged.bad), len(judged.bad) + len(judged.lines)
        raise UsageError(
            f"{count} of {of} lines of {name} are wrong:\n{words_of(judged.bad)}",
            hint="Correct them, or pay the others with --skip-bad.",
        )

    def _refuse_stopped(self, review: BatchReview) -> None:
        """Raises UsageError, Refused or CannotPay for unpaid lines, unless the others are to be paid."""
        refused = [line.error for line in review.stopped if line.way is LineWay.REFUSED and line.error]
        unfunded = [line.error for line in review.stopped if line.way is LineWay.UNFUNDED and line.error]
        if self.options.skip_bad or not (review.bad or review.stopped):
            return
        counts = [(len(review.bad), "wrong"), (len(refused), "refused"), (len(unfunded), "without money")]
        said = f"not all lines can be paid: {', '.join(f'{count} {words}' for count, words in counts if count)}."
        hint = f"--skip-bad pays the other {len(review.payable)}." if review.payable else "No line can be paid."
        if review.bad:
            raise UsageError(f"{said}\n{words_of(review.bad)}", hint=hint)
        if refused:
            raise Refused(f"{said}\n{refused[0].message}", hint=hint)
        raise CannotPay(f"{said}\n{unfunded[0].message}", hint=hint)

    async def _consent(self, review: BatchReview, question: str) -> None:
        """One yes for all. Raises Interrupted for a no."""
        if not self.yes and review.payable:
            await consent_to_batch(review, question)

    async def _follow(self, client: Client, name: str, who: Sender) -> int:
        """Follow every payment until it ends, within --timeout; the result is written repeatedly, and at the end."""
        result = client.batch.result(name)
        left_alone = {record.id for record in self._review.left_alone} if self._review else set[str]()
        records = [payment.record for payment in result.payments if payment.record.id not in left_alone]
        live = BatchLive(name, records)
        if any(record.state is PaymentState.PLANNED for record in records):
            if self._review is None:  # Otherwise it was shown.
                print_words(err(), styled(live.line(), "bold", limit=300))
            who.unlock()
        self._write(client, name, result)

        def progress(event: ProgressEvent) -> None:
            live.update(event)
            if self.options.result and time.monotonic() - self._written_at > _RESULT_EVERY:
                with suppress(ConfigError):  # The last update reports it: payments do not stop for a file.
                    self._write(client, name, client.batch.result(name))

        try:
            with live:
                result = await client.batch.run(
                    name, who, patience=self.options.timeout, progress=progress, without=left_alone
                )
        except asyncio.CancelledError:
            result = client.batch.result(name)
            self._write(client, name, result)
            raise Interrupted(
                f"interrupted; {live.line()}.",
                sent=_moved(result),
                hint=f"Resume it with: l2send batch resume {name}",
            ) from None
        if not err().is_terminal:  # For a log. On a terminal the result says the same.
            err().print(live.line())
        return self._end(client, name, result)

    def _write(self, client: Client, name: str, result: BatchResult | None) -> None:
        self._written_at = time.monotonic()
        if self.options.result is None:
            return
        lines = line_results(self._review, result, client.registry)
        moves = [payment for payment in result.payments if payment.is_move] if result else []
        document = batch_document(name, lines, moves, client.registry, self._review)
        try:
            ResultFile(self.options.result).write(document, lines, client.registry)
        except ConfigError as error:
            error.sent = _moved(result) if result else Sent.NO
            error.hint = f"What became of each line is in the journal: l2send batch resume {name} --result FILE"
            raise

    def _end(self, client: Client, name: str, result: BatchResult | None) -> int:
        """Print the state of the batch; returns its exit status."""
        self._write(client, name, result)
        lines = line_results(self._review, result, client.registry)
        moves = [payment for payment in result.payments if payment.is_move] if result else []
        if self.run_options.as_json:
            print_json(batch_document(name, lines, moves, client.registry, self._review))
        elif self.dry_run:
            err().print("Dry run: nothing was signed and nothing was sent.")
        else:
            records = [payment.record for payment in result.payments] if result else []
            paid = cost_paid(total_paid(client.fees_paid(record) for record in records))
            show_result(name, lines, self.options.result, paid)
        return exit_status(lines)
