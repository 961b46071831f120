"""`l2send journal`: commands for the journal as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from l2send.batch_record import batch_name
from l2send.cli.journal_recover import Recovering
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions, SenderOptions
from l2send.cli.payments_file import STDIN, read_rows
from l2send.cli.screen import err, out, print_json, print_pairs, styled
from l2send.cli.sender import account_names, choose_sender
from l2send.cli.terminal import run_to_end
from l2send.core.errors import UsageError
from l2send.core.limit_files import shared_limits
from l2send.core.trusted_files import read_trusted_text
from l2send.resolver.contacts import load_book
from l2send.resolver.destination import parse_destination
from l2send.wallet.journal.journal_move import move as move_rows
from l2send.wallet.journal.location import SQLITE, holds_password, open_for_move, open_journal
from l2send.wallet.journal.postgres_url import SCHEMES
from l2send.wallet.journal.proposals import JournalProposals

app = typer.Typer(no_args_is_help=True)


@contextmanager
def _opened(run_options: RunOptions) -> Iterator[JournalProposals]:
    """The journal of this run. Raises ConfigError, JournalLost."""
    journal = open_journal(run_options.paths)
    try:
        yield journal
    finally:
        journal.close()


@app.command("limits")
@spread
def limits(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="a policy file with the table [limits]; without it: show them")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Take the limits of the journal away.")] = False,
    *,
    run_options: RunOptions,
) -> None:
    """Show the limits that stand in the journal, or set them.

    They hold for every payment that is begun or approved over this journal, on every machine, beside the limits of each
    machine's own files. On PostgreSQL a role that pays needs no right to change them: see docs/operators.md.

    Example: l2send journal limits policy.toml
    """
    if file and none:
        raise UsageError("a file and --none cannot be combined.", hint="Use one of them.")
    registry = run_options.registry()
    text = _read(file) if file else ""
    if file:
        shared_limits(text, registry)
    with _opened(run_options) as journal:
        if file or none:
            journal.set_shared_limits(text)
        text, title = journal.shared_limits(), journal.title
    shown = dict(shared_limits(text, registry).shown) if text else {}
    if run_options.as_json:
        print_json({"schema": "l2send.journal_limits/1", "journal": title, "limits": shown})
        return
    print_pairs(
        out(), [("journal", styled(title)), *((name, styled(value, limit=300)) for name, value in shown.items())]
    )
    if not shown:
        out().print("no limits stand in it")


def _read(file: Path) -> str:
    try:
        return read_trusted_text(file)
    except FileNotFoundError:
        raise UsageError(
            f"there is no file {file}.", hint="docs/limits.md shows one. The limits are as they were."
        ) from None


@app.command("move")
@spread
def move(
    to: Annotated[
        str, typer.Argument(metavar="TO", help="postgresql://USER@HOST/DATABASE, or sqlite: this home's file")
    ],
    *,
    run_options: RunOptions,
) -> None:
    """Move the journal to PostgreSQL, or back into a file.

    Every row is compared. It may be killed at any moment: run it again. The journal before refuses to be used once the
    new one is complete, so that nothing is sent from both. Stop every l2send that uses it first: one that runs on signs
    nothing more.

    Example: l2send journal move postgresql://l2send_owner@db.example/payments
    """
    if to != SQLITE and not to.startswith(SCHEMES):
        raise UsageError("not the URL of a database.", hint=f"Write postgresql://USER@HOST/DATABASE, or {SQLITE}.")
    if to != SQLITE and holds_password(to):
        raise UsageError(
            "the URL holds a password, which other programs can read from the command line.",
            hint="Keep it in ~/.pgpass, or in a file that PGPASSFILE names.",
        )
    with open_for_move(run_options.paths, to) as (source, target):
        rows = move_rows(source, target, lambda stage, words: err().print(styled(f"{stage}: {words}", limit=300)))
        before, now = source.title, target.title
    if run_options.as_json:
        print_json({"schema": "l2send.journal_moved/1", "from": before, "to": now, "rows": rows})
        return
    do = "l2send config unset journal; and unset L2SEND_JOURNAL" if to == SQLITE else f"l2send config set journal {to}"
    pairs = [("moved", f"{rows} rows"), ("from", before), ("to", now), ("next", f"on every machine: {do}")]
    print_pairs(out(), [(name, styled(words, limit=300)) for name, words in pairs])


@app.command("recover")
@spread
def recover(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="a file that you would pay next, as `l2send batch` takes it")
    ] = "",
    accounts: Annotated[
        str, typer.Option("--accounts", metavar="NAMES", help="Accounts to look for, by keystore: payroll,grants.")
    ] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The batch's name (default: the file's).")] = "",
    chain: Annotated[
        list[str] | None, typer.Option("--chain", metavar="CHAIN", help="Look on these chains alone; repeatable.")
    ] = None,
    safe: Annotated[
        list[str] | None,
        typer.Option(
            "--safe", metavar="CHAIN:ADDRESS", help="Also find what this Safe paid, by its own nonce; repeatable."
        ),
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Use this journal although you did not resolve all that was named.")
    ] = False,
    *,
    run_options: RunOptions,
) -> int:
    """After a restore: find payments that the journal lost.

    Every transaction of the accounts that the journal lacks is looked up by its nonce, and compared by recipient, token
    and amount with lines that wait for workers, payments that were not signed, and the lines of FILE. Nothing is signed
    or sent. --safe finds what a Safe paid, no matter who sent it. Keep every other l2send stopped. Status 0: everything
    was found and understood, and this home uses the journal again; 11: check what is named, then run it again with
    --accept.

    Example: l2send journal recover november.csv --accounts payroll
    """
    registry = run_options.registry()
    chains = [registry.named(one) for one in chain] if chain else list(registry)
    rows = read_rows(file) if file else []
    if file == STDIN and not name:
        raise UsageError("payments from stdin need a name.", hint="Add the --name they are paid under.")
    batch = batch_name(name or Path(file).stem) if file else ""
    payers = [choose_sender(run_options.paths, SenderOptions(one)).address for one in account_names(accounts)]
    book = load_book(run_options.paths.contacts)
    safes = [parse_destination(one, registry, book).account for one in safe or ()]
    recovering = Recovering(run_options, registry, chains, payers, safes, batch)
    return run_to_end(recovering.run(rows, accept=accept))
