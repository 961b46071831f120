"""Options of every command, and the group that loads a command when it is called."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from l2send.cli.command_table import COMMANDS, Heading, Need
from l2send.cli.progress_mode import ProgressMode, set_progress_mode
from l2send.cli.styles import be_plain

_ARGUMENTS, _OPTIONS = "Arguments", "Options"
_NARROW, _NARROW_TERM, _LEAST = 60, 11, 20
"""Columns of help: below the first it is narrow, the second is then the room for a term, the third is the least."""
_LONGEST = 1000
"""Characters of a command's first sentence."""


class _Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    """Lists terms and what they mean beside each other; on a narrow terminal the meaning begins below a long term."""

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """As everywhere, in the columns that there are."""
        if self.width >= _NARROW:
            super().write_dl(rows, col_max, col_spacing)
            return
        narrow = [part for term, text in rows for part in _in_lines(term, text, self.width - 2)]
        super().write_dl(narrow, _NARROW_TERM, col_spacing)


def _in_lines(term: str, text: str, width: int) -> list[tuple[str, str]]:
    """A term with its meaning; the names of one that is too long for a line stand in a line each."""
    *names, last = term.split(", ") if len(term) > width else [term]
    return [*((f"{name},", "") for name in names), (last, text)]


class _Context(typer.Context):
    formatter_class = _Formatter


class Root(TyperGroup):
    """The command `l2send`, whose commands all accept `--progress` and `--quiet`."""

    context_class = _Context

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = _Commands(self.epilog)  # type: ignore[assignment]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands under headings, from the table only."""
        width = max(map(len, COMMANDS))
        for need in Need:
            rows = [(f"{name:<{width}}", entry.summary) for name, entry in COMMANDS.items() if entry.need is need]
            with formatter.section(need.value):
                formatter.write_dl(rows)


class Group(TyperGroup):
    """A group of commands, whose `--help` shows whole sentences about them."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands, each with its first sentence."""
        rows = [(name, command.get_short_help_str(_LONGEST)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Command(TyperCommand):
    """A command whose `--help` lists its options under headings: its own first, common ones last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments, then each group of options, in the order in which the command declares them."""
        sections: dict[str, list[Any]] = {_ARGUMENTS: [], _OPTIONS: []}
        for param in self.get_params(ctx):
            heading = getattr(param, "rich_help_panel", None) or _OPTIONS
            if param.param_type_name == "argument":
                heading = _ARGUMENTS
            elif param.name == "help" and len(sections) > 2:
                heading = list(sections)[-1]
            if record := param.get_help_record(ctx):
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)


def width_of_help() -> int | None:
    """The columns of help on a narrow terminal, else None: the parser makes its lines no shorter than 50 columns."""
    columns = shutil.get_terminal_size().columns
    return max(columns - 1, _LEAST) if columns < _NARROW else None


class _Commands(Mapping[str, Any]):
    """The commands of the table, each loaded on first access."""

    def __init__(self, epilog: str | None) -> None:
        self._epilog, self._loaded = epilog, dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self._loaded:
            self._loaded[name] = _load(name, self._epilog)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


def _load(name: str, epilog: str | None) -> Any:
    """The command of that name with the common options. Raises KeyError."""
    entry = COMMANDS[name]
    module, _, attribute = entry.place.partition(":")
    target = getattr(import_module(f"l2send.cli.commands.{module}"), attribute)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    holder.callback()(_nothing)
    if isinstance(target, typer.Typer):
        own = target.info.cls
        kind = own if isinstance(own, type) and issubclass(own, Group) else Group
        holder.add_typer(target, name=name, cls=kind, short_help=entry.summary)
    else:
        holder.command(name, cls=Command, short_help=entry.summary)(target)
    command = get_command(holder).commands[name]  # type: ignore[attr-defined]
    _lend(command, _shared_options(), epilog)
    return command


def _nothing() -> None:
    """Turns a Typer app with a single command into a group."""


def _lend(command: Any, options: Sequence[Any], epilog: str | None) -> None:
    """Add `epilog` to a command and its subcommands, `options` to those that run something."""
    command.epilog, command.context_class = epilog, _Context
    for below in getattr(command, "commands", {}).values():
        _lend(below, options, epilog)
    if not isinstance(command, TyperGroup) or command.invoke_without_command:
        command.params += options


def _tell(how: ProgressMode | None) -> None:
    if how:
        set_progress_mode(how)


def _be_quiet(quiet: bool) -> None:
    if quiet:
        set_progress_mode(ProgressMode.NONE)


def _be_plain(plain: bool) -> None:
    if plain:
        be_plain()


Progress = Annotated[
    ProgressMode | None,
    typer.Option(
        "--progress",
        metavar="HOW",
        callback=_tell,
        expose_value=False,
        rich_help_panel=Heading.RUN,
        help="How progress is shown on stderr: live, plain, json (an object a line), none.  [default: live or plain]",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        callback=_be_quiet,
        expose_value=False,
        rich_help_panel=Heading.RUN,
        help="Print only the result and errors.",
    ),
]
Plain = Annotated[
    bool,
    typer.Option(
        "--plain",
        callback=_be_plain,
        expose_value=False,
        rich_help_panel=Heading.RUN,
        help="No tables, marks and colours; whole addresses. For screen readers. Also with TERM=dumb.",
    ),
]

_lender = typer.Typer(add_completion=False)


@_lender.command()
def _options(progress: Progress = None, quiet: Quiet = False, plain: Plain = False) -> None:
    """Never called: its options are copied to the other commands."""


@cache
def _shared_options() -> Sequence[Any]:
    return get_command(_lender).params
