"""What Tab offers: by the command itself for every place, and in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from l2send.cli.command_table import COMPLETION_VARIABLE
from l2send.cli.commands.completion import PLACES, SCRIPTS, answer
from l2send.cli.main import root, shape_unfinished
from l2send.cli.settings import KEYS
from l2send.core.private_files import write_private
from tests.conftest import Home
from tests.packaging.test_imports import SLOW
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside
from tests.support.terminal import Terminal

__all__ = ["inside"]

COMMAND = root()
ALICE = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"


@pytest.fixture
def asked(inside: Inside) -> Inside:
    inside.must("contacts", "add", "alice", f"base:{ALICE}", "--chain", "oeth")
    inside.must("contacts", "add", "carl", new_address())
    inside.environment.setenv(COMPLETION_VARIABLE, "zsh")
    return inside


def offered(line: str) -> set[str]:
    return set(answer(line, COMMAND, shape_unfinished))


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("l2send ", {"send", "history", "contacts", "wallet"}),
        ("l2send hist", {"history"}),
        ("l2send 25 USD", {"USDC", "USDT"}),
        ("l2send send 25 USD", {"USDC", "USDT"}),
        ("l2send --yes 25 USD", {"USDC", "USDT"}),
        ("l2send 25 USDC ", {"base:", "oeth:", "alice", "carl"}),
        ("l2send 25 USDC al", {"alice"}),
        ("l2send 25 USDC base:", {"base:alice", "base:carl"}),
        ("l2send 25 USDC arb1:", {"arb1:carl"}),
        ("l2send 25 USDC alice@", {"alice@base", "alice@oeth"}),
        ("l2send resolve al", {"alice"}),
        ("l2send 25 USDC base:alice --vi", {"--via"}),
        ("l2send 25 USDC base:alice --via ", {"direct", "eco", "across"}),
        ("l2send 25 USDC base:alice --via=e", {"--via=eco"}),
        ("l2send 25 USDC base:alice --from-chain oe", {"oeth"}),
        ("l2send history --state del", {"delivered"}),
        ("l2send history --to al", {"alice"}),
        ("l2send contacts ", {"add", "list", "show", "remove", "export", "import"}),
        ("l2send contacts show ", {"alice", "carl"}),
        ("l2send config set ", set(KEYS)),
        ("l2send chains check ba", {"base"}),
        ("l2send chains check base oe", {"oeth"}),
    ],
)
def test_what_fits_is_offered(asked: Inside, line: str, some: set[str]) -> None:
    found = offered(line)
    assert found >= some
    typed = line.rpartition(" ")[2]
    assert all(candidate.startswith(typed) for candidate in found)


@pytest.mark.parametrize(
    "line",
    ["l2send 2", "l2send 25 USDC base:alice x", 'l2send "25', "l2send -1 ", "l2send 25 USDC nowhere:", "", "l2send"],
)
def test_what_cannot_be_completed_offers_nothing(asked: Inside, line: str) -> None:
    assert offered(line) == set()


def test_a_contact_is_offered_where_it_can_be_paid_alone(asked: Inside) -> None:
    assert "arb1:alice" not in offered("l2send 25 USDC arb1:a")


def test_broken_files_offer_nothing_and_say_nothing(asked: Inside) -> None:
    asked.paths.contacts.write_text("schema = ")
    assert offered("l2send 25 USDC a") == set()


def test_names_that_a_terminal_would_obey_are_not_offered(asked: Inside) -> None:
    """Of keystores: other programs name these files."""
    asked.paths.keystores.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in ("plain", "evil\x1b]0;x\x07", "two\nlines"):
        write_private(asked.paths.keystores / f"{name}.json", b'{"crypto": {}}')
    found = offered("l2send 1 USDC x --account ")
    assert "plain" in found
    assert not any("evil" in candidate or "two" in candidate or "lines" in candidate for candidate in found)


def test_bash_gets_what_stands_behind_its_word_breaks(asked: Inside) -> None:
    asked.environment.setenv(COMPLETION_VARIABLE, "bash")
    asked.environment.setenv("L2SEND_BREAKS", " :=")
    assert offered("l2send 25 USDC base:al") == {"alice "}
    assert offered("l2send 25 USDC bas") >= {"base:"}
    assert offered("l2send 1 USDC x --via=ec") == {"eco "}
    asked.environment.setenv("L2SEND_BREAKS", " ")
    assert offered("l2send 25 USDC base:al") == {"base:alice "}


def test_payments_and_who_was_paid_are_offered(home: Home, asked: Inside) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="10", ETH="1")
    friend = new_address()
    paid = home.must("1", "USDC", f"dev1:{friend}", "--yes", "--json", "--account", name).json["id"]
    asked.environment.setenv("L2SEND_HOME", str(home.path))
    assert paid in offered("l2send status p-")
    assert paid not in offered("l2send resume ")
    assert f"dev1:{friend}" in offered("l2send 1 USDC dev1:0x")
    assert name in offered("l2send wallet show ")
    assert name in offered("l2send 1 USDC x --account ")


def test_an_answer_loads_nothing_slow(asked: Inside) -> None:
    code = (
        f"import sys; sys.argv = ['l2send', 'l2send 25 USDC base:al']; from l2send.cli.main import main; main();"
        f"print(*({SLOW} | {{'tomlkit'}}) & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stdout.split() == ["base:alice"], done


def test_installing_writes_one_file_and_changes_no_other(inside: Inside, tmp_path: Path) -> None:
    profile = tmp_path / ".bashrc"
    profile.write_text("# mine\n")
    for shell in SCRIPTS:
        inside.must("completion", shell, "--install")
        assert (tmp_path / PLACES[shell]).read_text() == SCRIPTS[shell] == inside.must("completion", shell).stdout
        assert "installed" in inside.must("doctor", "--offline").stdout
    assert profile.read_text() == "# mine\n"
    assert inside.run("completion", "tcsh").status == 2


BEGIN = {
    "bash": "bash --norc --noprofile -i",
    "zsh": "zsh -f -i",
    "fish": "fish --no-config -i",
}
READY = {
    "bash": "PS1='> '; source {script}; clear",
    "zsh": "PS1='> '; autoload -Uz compinit; compinit -u -D; source {script}; clear",
    "fish": "function fish_prompt; echo '> '; end; source {script}; clear",
}


@pytest.mark.lab
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
@pytest.mark.parametrize("shell", SCRIPTS)
def test_tab_in_a_real_shell(asked: Inside, shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    script = tmp_path / f"completion.{shell}"
    script.write_text(SCRIPTS[shell])
    environment = dict(os.environ) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TERM": "xterm"}
    environment.pop(COMPLETION_VARIABLE)
    with Terminal(environment, width=100) as terminal:
        terminal.type(f"{BEGIN[shell]}\n")
        terminal.type(f"{READY[shell].format(script=script)}\n")
        terminal.wait_for(">")
        terminal.type("l2send 25 USDb")
        terminal.press("Tab")
        terminal.wait_for("l2send 25 USDbC")
        terminal.type("oet")
        terminal.press("Tab")
        terminal.wait_for("l2send 25 USDbC oeth:")
        terminal.type("al")
        terminal.press("Tab")
        terminal.wait_for("l2send 25 USDbC oeth:alice")
        terminal.type(" --max")
        terminal.press("Tab")
        terminal.wait_for("--max-fee")
