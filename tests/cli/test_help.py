"""`--help` of every command: an example, `--json`, the exit statuses; and no line of a list is truncated."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from l2send.cli.command_table import Heading
from l2send.cli.main import root
from l2send.core.errors import ExitStatus
from tests.support.inside import Inside, inside

__all__ = ["inside"]


def tree(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and every group of commands, with the words it is called by."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from tree(below, (*path, name))


TREE = dict(tree(root()))
GROUPS = [path for path, command in TREE.items() if hasattr(command, "commands")]
COMMANDS = [path for path in TREE if path and (path not in GROUPS or TREE[path].invoke_without_command)]
"""What does something: the leaves of the tree, and the groups that are commands themselves."""


def test_the_tree_is_walked_to_its_leaves() -> None:
    assert {("send",), ("config",), ("config", "edit"), ("devnet", "up"), ("completion",)} <= set(COMMANDS)
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_json_an_example_and_exit_statuses(inside: Inside, path: tuple[str, ...]) -> None:
    """None is left out: a script that reads no JSON would have to read words meant for people."""
    shown = inside.must(*path, "--help").stdout
    assert "--json " in shown
    assert "--quiet" in shown
    assert "Example: l2send " in shown
    assert "l2send help exit-codes" in shown


def test_the_exit_statuses_stand_in_one_place(inside: Inside) -> None:
    shown = inside.must("help", "exit-codes").stdout.splitlines()
    assert {line.split()[0] for line in shown[1:]} == {f"{status:d}" for status in ExitStatus}


@pytest.mark.parametrize(
    "words",
    [
        ("config", "path", "--json"),
        ("config", "--json", "path"),
        ("--json", "config", "path"),
        ("--quiet", "config", "--progress", "plain", "path", "--json"),
    ],
)
def test_an_option_counts_wherever_it_stands(inside: Inside, words: tuple[str, ...]) -> None:
    """A group of commands takes what stands before its command for its own, and would forget it."""
    assert inside.must(*words).json["path"] == str(inside.paths.settings)


@pytest.mark.parametrize("words", [("--devnet", "contacts", "list"), ("contacts", "--devnet", "list")])
def test_devnet_is_never_forgotten(inside: Inside, words: tuple[str, ...]) -> None:
    done = inside.run(*words)
    assert (done.status, "no devnet is running" in done.stderr) == (3, True)


@pytest.mark.parametrize("path", GROUPS, ids=lambda path: " ".join(path) or "l2send")
def test_no_line_in_a_list_of_commands_is_cut_at_80_columns(inside: Inside, path: tuple[str, ...]) -> None:
    inside.environment.setenv("COLUMNS", "80")
    lines = inside.must(*path, "--help").stdout.splitlines()
    listed = [line for line in lines if (words := line.split()) and words[0] in TREE[path].commands]
    assert {line.split()[0] for line in listed} == set(TREE[path].commands)
    for line in listed:
        assert not line.rstrip().endswith(("...", "…")), line
        assert len(line) <= 80


@pytest.mark.parametrize("path", [(), ("send",), ("devnet",), ("devnet", "solver"), ("config", "set")], ids=" ".join)
def test_help_fits_40_columns_and_breaks_no_word(inside: Inside, path: tuple[str, ...]) -> None:
    inside.environment.setenv("COLUMNS", "200")
    wide = set(inside.must(*path, "--help").stdout.split())
    inside.environment.setenv("COLUMNS", "40")
    lines = inside.must(*path, "--help").stdout.splitlines()
    assert [line for line in lines if len(line) > 40] == []
    too_long = "".join(word for word in wide if len(word) > 30)
    assert {word for line in lines for word in line.split() if word not in too_long} - wide == set()


def test_the_commands_of_a_group_have_whole_sentences(inside: Inside) -> None:
    inside.environment.setenv("COLUMNS", "80")
    shown = " ".join(inside.must("devnet", "--help").stdout.split())
    assert "..." not in shown.replace("[ARGS]...", "")
    for command in TREE[("devnet",)].commands.values():
        assert command.get_short_help_str(1000) in shown


def test_the_options_of_a_payment_stand_under_headings_by_need(inside: Inside) -> None:
    """The payment first, what every command has last; each option once."""
    shown = inside.must("send", "--help").stdout
    headings = [line[:-1] for line in shown.splitlines() if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Arguments", *Heading]
    under = dict(zip(headings, re.split(r"(?m)^\S.*:$", shown)[1:], strict=True))
    for heading, option in {
        Heading.PAYMENT: "--idempotency-key",
        Heading.ACCOUNT: "--safe",
        Heading.KEY: "--ledger",
        Heading.WAY: "--from-chain",
        Heading.RUN: "--help",
    }.items():
        assert option in under[heading]
    assert shown.count("  Example: l2send ") == 3
