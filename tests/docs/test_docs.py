"""The documentation is true: its commands run, every command is in it, every help has an example."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from l2send.cli.main import EXIT_STATUSES, root
from l2send.core.address import checksum
from l2send.core.errors import ExitStatus
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.states import BY_LEGS, MEANINGS, SponsoredState, TxState
from tests.conftest import Home, home_on, make_home
from tests.support.safes import new_safe

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
COMMANDS: dict[str, Any] = dict(root().commands)
LEAVES = {
    f"{name} {sub}".strip(): leaf
    for name, command in COMMANDS.items()
    for sub, leaf in (command.commands.items() if hasattr(command, "commands") else [("", command)])
} | {name: command for name, command in COMMANDS.items() if getattr(command, "invoke_without_command", False)}


def shell_lines(document: Path) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", document.read_text(), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def run_shell(lines: list[str], home: Home) -> None:
    path = f"{Path(sys.executable).parent}:{home.environment['PATH']}"
    script = "\n".join(["set -e", *lines])
    done = subprocess.run(
        ["bash", "-c", script],
        env=home.environment | {"PATH": path},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("name", ["start.md", "devnet.md"])
def test_a_walk_through_runs_from_its_first_line_to_its_last(name: str, tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    try:
        run_shell(shell_lines(ROOT / "docs" / name), home)
    finally:
        home.run("devnet", "down")


def test_the_commands_for_scripts_run(home: Home) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="10", ETH="1")
    payer = Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name})
    run_shell(shell_lines(ROOT / "docs/scripts.md"), payer)


def test_the_python_in_the_page_for_scripts_runs(home: Home) -> None:
    """Twice: its idempotency key pays once."""
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="1", ETH="1")
    program, reads = re.findall(r"```python\n(.*?)```", (ROOT / "docs/scripts.md").read_text(), re.DOTALL)
    environment = home.environment | {"ETH_KEYSTORE": str(home.paths.keystores / f"{name}.json")}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == "delivered The recipient has the money."
    assert home.holds(address, "dev1") == 0
    done = subprocess.run([sys.executable, "-c", reads], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2


def test_the_exit_statuses_are_those_of_the_code() -> None:
    page, shown = (ROOT / "docs/scripts.md").read_text(), EXIT_STATUSES
    for status in ExitStatus:
        assert f"\n| {status:d} | " in page
        assert f" {status:d} " in shown


def test_the_commands_about_sending_run(home: Home) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="10", ETH="1")
    run_shell(shell_lines(ROOT / "docs/sending.md"), Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name}))
    assert (home.holds(address, "dev1"), home.holds(address, "dev1", "ETH")) == (0, 0)


def test_the_commands_about_bridges_run(home: Home) -> None:
    """From an account without gas, which is what they are about."""
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="10")
    run_shell(
        shell_lines(ROOT / "docs/bridges/across-without-gas.md"),
        Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name}),
    )


def test_the_commands_about_accounts_run(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="1", ETH="1")
    monkeypatch.chdir(tmp_path)
    payer = Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name, "ETH_FROM": address})
    run_shell(shell_lines(ROOT / "docs/accounts.md"), payer)
    assert home.holds(address, "dev1") == 0


def test_the_commands_about_delegation_run(home: Home, tmp_path: Path) -> None:
    own = home_on(home, tmp_path / "own")
    _, address = own.new_account("alice")
    home.fund(address, "dev1", USDC="30", ETH="1")
    run_shell(shell_lines(ROOT / "docs/delegation.md"), own)


def test_the_commands_for_teams_run(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three homes: one with the devnet, two that have its registry and a key alone."""
    keys = {name: make_home(tmp_path / name) for name in ("bob", "carol")}
    owners = {"alice": home.new_account(), **{name: one.new_account() for name, one in keys.items()}}
    for name, one in keys.items():
        one.paths.devnet.mkdir(parents=True, mode=0o700)
        one.paths.state.chmod(0o700)
        shutil.copy(home.paths.devnet / "chains.toml", one.paths.devnet)
        (one.paths.keystores / f"{owners[name][0]}.json").rename(one.paths.keystores / f"{name}.json")
    shutil.copy(home.paths.keystores / f"{owners['alice'][0]}.json", home.paths.keystores / "alice.json")
    (tmp_path / "alice").symlink_to(home.path)
    safe = new_safe(home, [address for _, address in owners.values()], 2)
    home.fund(safe.address, "dev1", USDC="60", ETH="1")
    home.fund(owners["alice"][1], "dev1", ETH="1")
    monkeypatch.chdir(tmp_path)
    to = checksum("0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045")
    before = home.holds(to, "dev1")
    run_shell(shell_lines(ROOT / "docs/teams.md"), Home(home.path, home.environment | {"SAFE": safe.place}))
    assert home.holds(to, "dev1") - before == 25 * 10**6


def test_the_commands_about_being_paid_run(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, _ = home.new_account()
    monkeypatch.chdir(tmp_path)
    run_shell(shell_lines(ROOT / "docs/receive.md"), Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name}))
    assert {path.name for path in tmp_path.iterdir()} == {"deposit.html", "code.png", "code.svg"}


def test_the_commands_about_the_registry_run(empty_home: Home) -> None:
    run_shell(shell_lines(ROOT / "docs/chains.md"), empty_home)


def test_the_commands_about_contacts_and_configuration_run(
    empty_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_shell(shell_lines(ROOT / "docs/contacts-and-config.md"), empty_home)


@pytest.mark.parametrize("command", LEAVES)
def test_every_command_has_help_with_an_example_and_is_documented(command: str) -> None:
    text = LEAVES[command].help or LEAVES[command].callback.__doc__
    assert re.search(r"Example: l2send \w+", text), f"`l2send {command} --help` has no example"
    everything = "".join(d.read_text() for d in [*DOCS, ROOT / "README.md"])
    assert re.search(rf"\b{command.rsplit(maxsplit=1)[-1]}\b", everything)


def test_pages_name_files_of_the_code_that_are_there() -> None:
    """Placeholders are written in capitals: `bridges/NAME/order.py`. A test may be named without its folder."""
    pages = [*DOCS, ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "bench/README.md"]
    form = re.compile(r"`((?:\.\./)*[a-z_0-9]+/[a-z_0-9/]+\.(?:py|toml)|test_[a-z_0-9]+\.py)`")
    named = {(page.name, path) for page in pages for path in form.findall(page.read_text())}
    assert len(named) > 200
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    outside = {"config/config.toml", "config/contacts.toml", "config/chains.toml"}  # in the user's own folder
    missing = {(page, path) for page, path in named if not (ROOT / path).is_file() and path not in tests | outside}
    assert missing == set()


def test_every_page_is_in_the_index_of_the_book_or_of_the_page_it_is_a_part_of() -> None:
    book = ROOT / "docs"
    for page in DOCS:
        index = book / "README.md" if page.parent == book else page.parent.with_suffix(".md")
        assert page.name == "README.md" or f"({page.relative_to(index.parent)})" in index.read_text(), page


def test_links_lead_somewhere() -> None:
    for document in [*DOCS, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^):]+))?\)", document.read_text()):
            page = (document.parent / target) if target else document
            assert page.exists(), f"{document.name} links to {target}"
            assert not anchor or anchor in headings(page), f"{document.name} links to {target}#{anchor}"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_the_table_of_states_is_that_of_the_code() -> None:
    page = (ROOT / "docs/states.md").read_text()
    for state, meaning in MEANINGS.items():
        row = f"| {state} | {meaning.exit_status:d} | {'yes' if meaning.open else 'no'} | {meaning.money} |"
        assert row in page, f"docs/states.md lacks the row: {row}"
    for known in [*TxState, *SponsoredState, *ProposalState]:
        assert f"| {known} |" in page
    for leg, undelivered, partly in BY_LEGS:
        assert f"| {leg} | {undelivered} | {partly} |" in page
