"""The `l2send` command: turns the typed words into a command, and its end into an exit status.

Nothing slow is imported here: `--version`, `--help` and completion wait for this file.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from l2send.cli.command_table import COMMANDS, COMPLETION_VARIABLE
from l2send.cli.global_options import Root, width_of_help
from l2send.cli.light_values import read_values_lightly
from l2send.cli.progress_mode import ProgressMode, set_progress_mode
from l2send.cli.streams import leave, open_streams
from l2send.cli.styles import forget_plain
from l2send.cli.typed_line import remember_line, remember_parts
from l2send.cli.word_order import apart, in_order, refuse_unknown_command
from l2send.core.errors import BadAmount, ExitStatus
from l2send.core.redaction import remember_typed
from l2send.core.version import VERSION

if TYPE_CHECKING:
    from l2send.cli.word_readings import Known

EXIT_STATUSES = (
    "Exit status: 0 delivered · 1 unexpected · 2 usage or bad address · 3 configuration · "
    "4 network, try again · 5 reverted · 6 insufficient funds or no route · 7 refused by a cap or a check · "
    "8 submitted, not final · 9 refunded or refund due · 10 the journal was changed or replaced · "
    "11 a batch ended, not all of it delivered · 130 interrupted"
)
_PAYMENT_WORDS = frozenset({"send", "plan", "prepare"})
"""Commands that take a payment's words."""
_TAKE_FEW_WORDS = frozenset({"resume", "status", "watch", "receive"})
"""Commands that take one payment's id, or options only."""
_COLLECT_AFTER = 10_000
"""Objects created and not freed before Python looks for garbage: a few megabytes."""
_SHOW_HELP_ALONE = frozenset({"wallet", "devnet"})
"""Groups that do nothing themselves."""

_app = typer.Typer(
    name="l2send",
    cls=Root,
    help="Send tokens to any Ethereum chain, wherever yours are.\n\n"
    "l2send 25 USDC base:0x…   pays directly if the money is on Base, and bridges it there if not.\n\n"
    "l2send                    asks for everything.",
    epilog="Exit statuses: l2send help exit-codes",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@_app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
    exit_codes: bool = typer.Option(False, "--exit-codes", help="Print what each exit status means, and stop."),
) -> None:
    if exit_codes:
        print(EXIT_STATUSES.replace(": ", ":\n  ", 1).replace(" · ", "\n  "))
        raise typer.Exit
    if version:
        print(f"l2send {VERSION}")
        raise typer.Exit


@cache
def root() -> TyperGroup:
    """The command `l2send` itself; each of its commands is loaded when it is looked up."""
    read_values_lightly()
    command = get_command(_app)
    assert isinstance(command, TyperGroup)
    return command


def shape(argv: list[str]) -> list[str]:
    """The command line for Typer: `l2send 25 USDC base:0x…` is `l2send send 25 USDC base:0x…`.

    Raises BadAmount for a negative number, which Typer would read as an option; UsageError for an unknown command, and
    for a payment that lacks a word.
    """
    command, *rest = words = shape_unfinished(argv)
    if command in _TAKE_FEW_WORDS and rest:
        from l2send.cli.extra_words import refuse_extra_words

        refuse_extra_words(command, rest, root().commands[command].params, lambda: _known(rest))
    if command not in _PAYMENT_WORDS:
        return words
    typed, options = rest, list[str]()
    if any(word.startswith("-") for word in rest):
        typed, options = apart(rest, root().commands[command].params) or (rest, [])
    remember_parts(command, options)
    return [command, *in_order(typed, lambda: _known(rest), is_implied=command not in argv), *options]


def _known(words: list[str]) -> Known:
    """The chains and contacts of the run in `words`. Raises ConfigError."""
    from l2send.cli.word_readings import Known
    from l2send.core.chains import load_registry
    from l2send.core.paths import Paths
    from l2send.resolver.contacts import load_book

    paths = Paths.for_devnet() if "--devnet" in words else Paths.from_environment()
    return Known(load_registry(paths), load_book(paths.contacts), paths)


def shape_unfinished(argv: list[str]) -> list[str]:
    """As `shape`, for a line that is still being typed: missing words are not an error. Raises BadAmount."""
    negative = next((a for a in argv if re.fullmatch(r"-[0-9.,_]+", a)), None)
    if negative:
        raise BadAmount(f"not an amount: {negative!r}.", hint="Use no sign.")
    if not argv:
        return ["ask"]
    if argv[0] in {"-h", "--help", "--version"}:
        return argv
    if argv[0] in {"help", "version"}:
        return _help(argv)
    if len(argv) == 1 and argv[0] in _SHOW_HELP_ALONE:
        return [*argv, "--help"]
    if _are_options_of_ask(argv):
        return ["ask", *argv]
    command, *rest = _command_first(argv, COMMANDS)
    known = command in COMMANDS
    return [command, *_command_first(rest, _below(command))] if known else ["send", command, *rest]


def _are_options_of_ask(words: list[str]) -> bool:
    """Whether they are options of the conversation and their values alone, as `--devnet` or `--account alice`."""
    if not words[0].startswith("-") or any(word in COMMANDS for word in words):
        return False
    parted = apart(words, root().commands["ask"].params)
    return parted is not None and not parted[0]


def _below(command: str) -> Collection[str]:
    """The commands of a group; none for a command."""
    return getattr(root().commands[command], "commands", ())


def _help(argv: list[str]) -> list[str]:
    """Turn `l2send help`, `help COMMAND`, `help exit-codes` and `version` into words for Typer."""
    match argv:
        case ["version", *_]:
            return ["--version"]
        case ["help", topic] if topic in {"exit-codes", "exit-statuses"}:
            return ["--exit-codes"]
        case ["help", command, *more] if command in COMMANDS:
            return [command, *more, "--help"]
        case ["help", word, *_]:
            refuse_unknown_command(word)
    return ["--help"]


def _command_first(words: list[str], commands: Collection[str]) -> list[str]:
    """`words` with the command moved before the options in front of it."""
    known = (at for at, word in enumerate(words) if word in commands)
    at = next(known, 0) if words and words[0].startswith("-") else 0
    return [*words[at : at + 1], *words[:at], *words[at + 1 :]]


def run(argv: list[str]) -> int:
    """Run one command line and return its exit status. Its screen settings apply only to it."""
    no_color = os.environ.get("NO_COLOR")
    try:
        return _run(argv)
    finally:
        set_progress_mode(None)
        forget_plain()
        if "--devnet" in argv:
            from l2send.cli.lines_to_type import forget_devnet

            forget_devnet()
        os.environ.pop("NO_COLOR", None)
        if no_color is not None:
            os.environ["NO_COLOR"] = no_color


def _run(argv: list[str]) -> int:
    remember_typed(argv)
    remember_line(argv)
    if "--devnet" in argv:
        from l2send.cli.lines_to_type import remember_devnet

        remember_devnet()
    words = list[str]()
    try:
        words = shape(argv)
        more = {"terminal_width": width_of_help(), **_from_settings(words)}
        result = root().main(args=words, prog_name="l2send", standalone_mode=False, **more)
        sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - every end is reported, in words and as a status
        from l2send.cli.failures import failure_of, report

        failure = failure_of(error, words)
        report(failure, words, as_envelope="--json" in argv)
        return failure.exit_status
    return result if isinstance(result, int) else ExitStatus.DELIVERED


def _from_settings(words: list[str]) -> dict[str, Any]:
    """The settings of config.toml for Typer; none for commands that must work with a broken file.

    Raises ConfigError.
    """
    if words[0] in {"config", "doctor"} or words[0].startswith("-"):
        return {}
    from l2send.cli.settings import load_settings
    from l2send.core.paths import Paths

    paths = Paths.for_devnet() if "--devnet" in words else Paths.from_environment()
    settings = load_settings(paths.settings)
    if settings.text("progress") != "auto":
        set_progress_mode(ProgressMode(settings.text("progress")))
    if settings.text("color") == "never":
        os.environ.setdefault("NO_COLOR", "1")
    return {"obj": settings, "default_map": settings.defaults(COMMANDS, words)}


def start_lightly() -> None:
    """Prepare a process that runs one command: load slow modules late, and collect garbage rarely.

    Imported modules are never garbage; Python would search them 200 times.
    """
    from l2send.core.late_modules import load_late

    load_late()
    gc.set_threshold(_COLLECT_AFTER, *gc.get_threshold()[1:])


def main() -> None:
    """Entry point of the installed command."""
    from l2send.wallet.keys.harden import harden

    start_lightly()
    harden()
    open_streams()
    if os.environ.get(COMPLETION_VARIABLE):
        from l2send.cli.commands.completion import answer

        sys.stdout.writelines(f"{word}\n" for word in answer(sys.argv[-1], root(), shape_unfinished))
        return
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # like Ctrl-C, a clean end
    from l2send.cli.terminal_echo import without_echo

    with without_echo():  # What is typed too early, a password for example, is not shown.
        status = run(sys.argv[1:])
    leave(status)
