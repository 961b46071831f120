"""What every command has, given to all of them in one place: how much is told beside the result, exit statuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from l2send.cli.screen import Telling, tell


class Root(TyperGroup):
    """The command `l2send`, whose commands all understand `--progress` and `--quiet`."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        _lend(self, get_command(_lender).params, self.epilog)


def _lend(group: TyperGroup, options: Sequence[Any], epilog: str | None) -> None:
    """Add `epilog` to every command and group of `group`, `options` to those that do something themselves."""
    for command in group.commands.values():
        command.epilog = epilog
        if isinstance(command, TyperGroup):
            _lend(command, options, epilog)
        if not isinstance(command, TyperGroup) or command.invoke_without_command:
            command.params += options


def _tell(how: Telling | None) -> None:
    if how:
        tell(how)


def _be_quiet(quiet: bool) -> None:
    if quiet:
        tell(Telling.NONE)


Progress = Annotated[
    Telling | None,
    typer.Option(
        "--progress",
        metavar="HOW",
        callback=_tell,
        expose_value=False,
        help="How stderr tells what happens: live, plain, json (an object a line), none.  [default: live or plain]",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", callback=_be_quiet, expose_value=False, help="Print nothing beside the result and errors."
    ),
]

_lender = typer.Typer(add_completion=False)


@_lender.command()
def _options(progress: Progress = None, quiet: Quiet = False) -> None:
    """Is never run: it lends its options to the commands that are."""
