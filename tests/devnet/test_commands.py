"""`l2send devnet ...`: data on standard output, messages on standard error."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from l2send.core.errors import UsageError
from l2send.core.paths import Paths
from l2send.devnet import faucet, solver_client
from l2send.devnet.commands import app, between_words, how_far_ahead
from l2send.devnet.modes import Mode
from l2send.devnet.state import Devnet
from tests.devnet.user import User, fresh_address


@pytest.fixture(autouse=True)
def in_home(home: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the tests' devnet where they would find a user's."""
    monkeypatch.setattr(Paths, "for_devnet", classmethod(lambda _: Paths(home / "config", home, cache)))


def run(*arguments: str) -> tuple[str, str]:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def test_up_json(devnet: Devnet, home: Path) -> None:
    out, _ = run("up", "--json")
    data = json.loads(out)
    assert data["home"] == str(home)
    assert data["healthy"] is True
    assert [c["short_name"] for c in data["chains"]] == ["dev1", "dev2", "dev3", "dev4"]
    assert data["chains"][0]["tokens"]["USDC"] == {
        "address": devnet.chain("dev1").token("USDC").address,
        "decimals": 6,
    }
    assert data["solver"] == {
        "url": devnet.solver_url,
        "address": devnet.solver_address,
        "mode": "fill",
        "delay_seconds": 0,
    }


def test_status_for_people(devnet: Devnet) -> None:
    out, _ = run("status")
    assert "dev4" in out
    assert "768300004" in out
    assert devnet.solver_url in out


def test_fund_and_advance(devnet: Devnet, home: Path) -> None:
    someone = User(home, devnet, fresh_address())
    out, err = run("fund", someone.address, "2.5", "USDC", "--chain", "dev1")
    assert out == ""
    assert err == f"Gave 2.5 USDC on dev1 to {someone.address}\n"
    assert someone.balance(devnet.chain("dev1"), "USDC") == 2_500_000
    out, err = run("advance", "10", "--chain", "dev1")
    assert out == ""
    # Another test may have moved that clock before.
    assert re.fullmatch(r"The clock of dev1 moved 10 s forward(; it is \d+ min ahead of this machine's)?\n", err)


def test_solver_mode(solver: Devnet) -> None:
    out, _ = run("solver", "--mode", "delay", "--delay", "3", "--json")
    assert json.loads(out)["mode"] == "delay"
    assert solver_client.report(solver)["delay_seconds"] == 3
    assert run("solver", "underfill")[1] == "The solver's mode is underfill, its delay 3 s\n"
    assert run("solver", "--mode", "fill") == ("", "The solver's mode is fill, its delay 3 s\n")
    assert solver_client.report(solver)["mode"] == Mode.FILL


def test_without_a_devnet(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Paths, "for_devnet", classmethod(lambda _: Paths(tmp_path, tmp_path, cache)))
    assert json.loads(run("status", "--json")[0]) == {
        "schema": "l2send.devnet/1",
        "running": False,
        "chains": [],
        "solver": None,
    }
    assert run("status") == ("", "No devnet is running. Start one: l2send devnet up\n")
    assert run("down") == ("", "No devnet was running\n")


def test_every_command_has_help_and_an_example() -> None:
    for command in app.registered_commands:
        assert command.callback
        assert "Example: l2send devnet " in (command.callback.__doc__ or "")


def test_the_names_of_packages_are_not_broken() -> None:
    names = "Fetching @openzeppelin/contracts@5.4.0, @foundry-rs/anvil-linux-amd64@1.5.0, solc@0.8.30"
    lines = between_words(names, 40)
    assert [word for line in lines for word in line.split()] == names.split()
    assert all(len(line) <= 40 or " " not in line for line in lines)


@pytest.mark.parametrize("words", [(), ("ignore", "--mode", "fill")])
def test_the_solver_gets_one_mode(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged before a devnet is looked for."""
    monkeypatch.setattr(Paths, "for_devnet", classmethod(lambda _: Paths(tmp_path, tmp_path, tmp_path)))
    with pytest.raises(UsageError) as refused:
        run("solver", *words)
    assert "fill, ignore, delay, underfill" in refused.value.hint


def test_a_clock_that_was_moved_is_said_to_be_ahead() -> None:
    """Else `in 70 min` beside a time is not understood: it counts from this machine's clock."""
    assert [how_far_ahead(seconds) for seconds in (-5, 59)] == ["", ""]
    assert how_far_ahead(11 * 60 + 5) == "11 min ahead of this machine's"


@pytest.mark.parametrize(("typed", "seconds"), [("3600", 3600), ("10m", 600), ("2h", 7200)])
def test_a_clock_moves_by_spans_as_people_type_them(typed: str, seconds: int) -> None:
    assert faucet.span_of(typed) == seconds


@pytest.mark.parametrize("typed", ["soon", "-5", "1.5h", "٣"])
def test_what_is_no_span_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="not a time"):
        faucet.span_of(typed)
