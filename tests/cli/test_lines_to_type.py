"""Lines to type work where they are read: on the devnet's own home they have --devnet."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest
from rich.text import Text

import l2send
from l2send.cli.failures import report
from l2send.cli.lines_to_type import (
    WITHOUT_DEVNET,
    as_typed_here,
    forget_devnet,
    remember_devnet,
)
from l2send.cli.main import root
from l2send.cli.progress import Live
from l2send.cli.prompts import _in_words
from l2send.cli.screen import aloud, print_beside, print_data, print_pairs, print_words, styled, table, typed_here
from l2send.cli.work_log import LogForm, WorkLog
from l2send.core.errors import Refused, Sent, UsageError


@pytest.fixture(autouse=True)
def a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With the usual folders, under a home folder of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("L2SEND_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    yield
    forget_devnet()


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("Resume it with: l2send resume p-7k3f9q2m", "Resume it with: l2send --devnet resume p-7k3f9q2m"),
        ("`l2send history` lists every payment.", "`l2send --devnet history` lists every payment."),
        ("send less: l2send max USDC dev1:0x", "send less: l2send --devnet max USDC dev1:0x"),
        ("Write: l2send 25 USDC dev1:0x", "Write: l2send --devnet 25 USDC dev1:0x"),
        ("see `l2send chains`.", "see `l2send --devnet chains`."),
        ("Make one: l2send AMOUNT TOKEN CHAIN:ADDRESS", "Make one: l2send --devnet AMOUNT TOKEN CHAIN:ADDRESS"),
        ("l2send sign FILE, then l2send merge", "l2send --devnet sign FILE, then l2send --devnet merge"),
        ("l2send wallet new NAME --devnet. Or l2send ask", "l2send wallet new NAME --devnet. Or l2send --devnet ask"),
        ("it is not an l2send journal.", "it is not an l2send journal."),
        ("Start one: l2send devnet up", "Start one: l2send devnet up"),
        ("an error in l2send itself", "an error in l2send itself"),
    ],
)
def test_a_line_has_devnet_where_the_run_has_it(monkeypatch: pytest.MonkeyPatch, text: str, here: str) -> None:
    assert as_typed_here(text) == text
    remember_devnet()
    assert as_typed_here(text) == here
    assert as_typed_here(here) == here
    monkeypatch.setenv("L2SEND_HOME", "/play")
    remember_devnet()
    assert as_typed_here(text) == text


def every_command() -> Iterator[tuple[str, bool]]:
    """Each command, and whether it has the option --devnet."""
    groups = [("", root())]
    while groups:
        name, command = groups.pop()
        below = getattr(command, "commands", None)
        if below:
            groups += [(f"{name} {word}".strip(), below[word]) for word in below]
        else:
            yield name, any("--devnet" in param.opts for param in command.params)


def test_each_command_that_has_the_option_gets_it() -> None:
    remember_devnet()
    commands = dict(every_command())
    assert len(commands) > 40
    for name, has_it in commands.items():
        assert as_typed_here(f"Type: l2send {name} X") == f"Type: l2send {'--devnet ' * has_it}{name} X"


def texts_in(path: Path) -> Iterator[str]:
    """Every text in a file of the program except docstrings; of an f-string with X for each value."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    said = {id(node.body[0].value) for node in nodes if isinstance(node, documented) and _is_said(node.body)}
    said |= {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value


def _is_said(body: list[ast.stmt]) -> TypeGuard[list[ast.Expr]]:
    return bool(body) and isinstance(body[0], ast.Expr)


def test_every_line_to_type_in_the_program_is_found() -> None:
    """Between backticks, or after a colon, `l2send` begins a line to type; in other places it is the program's name."""
    remember_devnet()
    lines = [
        line
        for room in Path(l2send.__path__[0]).iterdir()
        for path in ([room] if room.suffix == ".py" else sorted(room.resolve().rglob("*.py")))
        if "l2send " in path.read_text()
        for text in texts_in(path)
        for line in re.findall(r"(?:`|: )(l2send (?!--)[a-zA-Z0-9][^`]*)", text)
    ]
    assert len(lines) > 60
    kept = [line for line in lines if "--devnet" not in line and as_typed_here(line) == line]
    other = {"X", "help", "pays", "brings", "refuses"}  # a value, what needs no chains, and sentences about the program
    assert [line for line in kept if line.split()[1] not in WITHOUT_DEVNET | other] == []


def test_only_the_screen_makes_a_console() -> None:
    """All that is printed with words goes through its consoles, which put --devnet into the lines to type.

    That of progress_mode.py prints nothing: it is asked whether stderr is a terminal.
    """
    makers = [
        p.name
        for p in sorted((Path(l2send.__path__[0]) / "cli").resolve().rglob("*.py"))
        if "Console(" in p.read_text()
    ]
    assert makers == ["progress_mode.py", "screen.py"]


@pytest.mark.parametrize("width", [200, 30])
def test_what_the_screen_prints_has_it(capsys: pytest.CaptureFixture[str], width: int) -> None:
    """Texts in their colours, pairs, tables and marks; data is printed as it is."""
    remember_devnet()
    aloud.cache_clear()
    console = aloud()
    console.width = width
    coloured = Text("see ") + Text("l2send history", "bold")
    rows = table("what", "do")
    rows.add_row("resume", styled("l2send resume p-1"))
    console.print(coloured, rows, soft_wrap=True)
    print_words(console, "see `l2send chains`", "dim")
    print_pairs(console, [("next", styled("l2send watch p-1"))])
    print_beside(console, Text("> "), styled("l2send status p-1"))
    print_data("l2send balances")
    done = capsys.readouterr()
    said = " ".join(done.err.split())
    for word in ("history", "resume", "chains", "watch", "status"):
        assert f"l2send --devnet {word}" in said
    assert done.out == "l2send balances"
    assert [span.style for span in typed_here(coloured).spans if span.style == "bold"] == ["bold"] * 2
    aloud.cache_clear()


@pytest.mark.parametrize("as_envelope", [False, True])
def test_errors_have_it(capsys: pytest.CaptureFixture[str], as_envelope: bool) -> None:
    remember_devnet()
    error = Refused("type l2send history", hint="Then: l2send resume p-7k3f9q2m", sent=Sent.YES)
    report(error, ["send"], as_envelope=as_envelope)
    said = " ".join(capsys.readouterr().err.split())
    assert "type l2send --devnet history" in said
    assert "Then: l2send --devnet resume p-7k3f9q2m" in said
    assert as_envelope or "on chain: see `l2send --devnet status p-7k3f9q2m`." in said


def test_refusals_below_a_question_have_it() -> None:
    def judge(_: str) -> None:
        raise UsageError("No such chain.", hint="See `l2send chains`.")

    remember_devnet()
    assert " ".join(str(_in_words(judge)("x")).split()) == "No such chain. See `l2send --devnet chains`."


def test_hints_in_json_have_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress of a payment, and what a worker logs."""
    remember_devnet()
    Live("")._emit("p-7k3f9q2m", "planned", "Then: l2send resume p-7k3f9q2m")
    WorkLog(LogForm.JSON).say("look with `l2send history`")
    progress, log = (json.loads(line)["text"] for line in capsys.readouterr().err.splitlines())
    assert (progress, log) == ("Then: l2send --devnet resume p-7k3f9q2m", "look with `l2send --devnet history`")
