"""Dataclasses of options, spread into a command's signature."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
import typer
from typer.main import get_command

from l2send.cli.command_table import COMMANDS
from l2send.cli.main import root
from l2send.cli.option_groups import spread


@dataclass(frozen=True, slots=True)
class _Base:
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="A name.")] = "none"


@dataclass(frozen=True, slots=True)
class _Pair(_Base):
    count: Annotated[int, typer.Option("--count", "-n", min=1)] = 1
    secret: Annotated[str | None, typer.Option("--secret")] = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Words:
    first: Annotated[str, typer.Argument(help="the first")]
    second: Annotated[str | None, typer.Argument()] = None


def _run(command: Any, *words: str) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(command)
    return get_command(app).main(args=list(words), prog_name="tried", standalone_mode=False)


@spread
def _tried(words: _Words, loud: bool = False, *, pair: _Pair) -> tuple[_Words, bool, _Pair]:
    """Tries it."""
    return words, loud, pair


def test_every_field_is_an_option_of_its_own() -> None:
    assert _run(_tried, "a", "b", "-n", "3", "--loud", "--secret", "s") == (
        _Words("a", "b"),
        True,
        _Pair("none", 3, "s"),
    )
    assert _run(_tried, "a") == (_Words("a"), False, _Pair())


def test_help_has_every_field_in_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    _run(_tried, "--help")
    shown = capsys.readouterr().out
    assert "Tries it." in shown
    assert "--name NAME" in shown
    assert shown.index("first") < shown.index("--loud") < shown.index("--name") < shown.index("--count")


def test_the_bounds_of_a_field_hold() -> None:
    with pytest.raises(Exception, match="greater than or equal to 1"):
        _run(_tried, "a", "-n", "0")


def test_two_options_of_one_name_are_noticed() -> None:
    def twice(name: str, *, pair: _Pair) -> None: ...

    with pytest.raises(TypeError, match="two options of one name"):
        spread(twice)


def _callbacks(command: Any, path: str) -> list[tuple[str, Any]]:
    below = getattr(command, "commands", {})
    return [(path, command.callback), *(found for name in below for found in _callbacks(below[name], f"{path} {name}"))]


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_is_a_function_of_more_than_ten_parameters(name: str) -> None:
    """Counted as the function has them, before they are spread."""
    for path, callback in _callbacks(root().commands[name], name):
        if callback:
            code = inspect.unwrap(callback).__code__
            assert code.co_argcount + code.co_kwonlyargcount <= 10, path
