"""`l2send doctor`: each problem here is found, named, and reported with its remedy."""

from __future__ import annotations

import fcntl
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from l2send.cli.commands import doctor
from l2send.core.units import UnixTime
from l2send.resolver.registry_check import ChainReport, EndpointReport, Verdict
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside

__all__ = ["inside"]


def findings(inside: Inside, *options: str, status: int = 0) -> dict[str, dict[str, Any]]:
    done = inside.run("doctor", "--json", *(options or ("--offline",)))
    assert done.status == status, done
    return {finding["name"]: finding for finding in done.json["findings"]}


def test_an_empty_home_is_in_order(inside: Inside) -> None:
    found = findings(inside)
    assert not [finding for finding in found.values() if finding["health"] in {"wrong", "no answer"}]
    assert {"versions", "folder", "journal", "keystores", "config", "contacts", "chains", "terminal"} <= set(found)
    assert not inside.paths.state.exists()


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def damage_journal(inside: Inside) -> None:
    inside.must("history")
    with inside.paths.journal.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 2000)


def newer_journal(inside: Inside) -> None:
    inside.must("history")
    with sqlite3.connect(inside.paths.journal) as database:
        database.execute("PRAGMA user_version = 999")
    database.close()


def open_folder(inside: Inside) -> None:
    inside.must("history")
    inside.paths.state.chmod(0o755)


def open_keystore(inside: Inside) -> None:
    write(inside.paths.keystores / "alice.json", '{"crypto": {}, "name": "alice"}', 0o644)


def open_home(inside: Inside) -> None:
    write(inside.paths.settings, "schema = 1\n")
    inside.path.chmod(0o777)


def open_password(inside: Inside) -> None:
    write(inside.path / "password", "hunter2", 0o644)
    inside.environment.setenv("ETH_PASSWORD", str(inside.path / "password"))


def synced_home(inside: Inside) -> None:
    inside.must("history")
    (inside.path / ".stfolder").mkdir()


def older_journal(inside: Inside) -> None:
    inside.must("history")
    mark = {"journal": "0123", "event": 7, "payment": "p-22222222"}
    write(inside.paths.state / "journal.db.mark", json.dumps(mark))


FAULTS: dict[str, tuple[str, Callable[[Inside], object]]] = {
    "a damaged journal": ("journal", damage_journal),
    "a journal of a newer l2send": ("journal", newer_journal),
    "a state folder others can enter": ("folder", open_folder),
    "a keystore others can read": ("keystores", open_keystore),
    "a setting that is not known": ("config", lambda i: write(i.paths.settings, "schema = 1\nfee = 1\n")),
    "contacts that others can write": ("contacts", lambda i: write(i.paths.contacts, "schema = 1\n", 0o666)),
    "settings that others can write": ("config", lambda i: write(i.paths.settings, "schema = 1\n", 0o666)),
    "a registry that others can write": ("chains", lambda i: write(i.paths.user_chains, "schema = 1\n", 0o662)),
    "a folder above that others can write": ("config", open_home),
    "a password file that others can read": ("password", open_password),
    "a home that a program syncs": ("storage", synced_home),
    "a journal that was put back": ("journal", older_journal),
    "a contact on no chain": (
        "contacts",
        lambda i: write(
            i.paths.contacts, f'schema = 1\n[contacts.a]\naddress = "{new_address()}"\nchains = ["nowhere"]\n'
        ),
    ),
    "a registry that is not TOML": ("chains", lambda i: write(i.paths.user_chains, "schema =")),
    "a password file that is none": ("password", lambda i: i.environment.setenv("ETH_PASSWORD", "hunter2")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_named_and_says_what_to_do(inside: Inside, fault: str) -> None:
    name, breaks = FAULTS[fault]
    breaks(inside)
    done = inside.run("doctor", "--offline", "--json")
    wrong = [finding for finding in done.json["findings"] if finding["health"] == "wrong"]
    assert (done.status, done.json["health"]) == (3, "wrong")
    assert name in {finding["name"] for finding in wrong}
    assert all(finding["do"] for finding in wrong)
    assert "hunter2" not in done.stdout
    assert inside.run("doctor", "--offline").stdout.count("wrong") >= 1


def test_a_lock_that_is_held_is_told_and_one_that_is_not_is_not(inside: Inside) -> None:
    inside.must("history")
    lock = inside.paths.state / "locks" / "1-0xab.lock"
    write(lock, "p-7k3f9q2m (process 4711)")
    assert "lock" not in findings(inside)
    with lock.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "in use by p-7k3f9q2m (process 4711)" in findings(inside)["lock"]["says"]


def test_a_variable_for_no_chain_is_told_without_its_url(inside: Inside) -> None:
    inside.environment.setenv("L2SEND_RPC_845", "https://rpc.example/secret-key")
    done = inside.run("doctor", "--offline")
    assert "L2SEND_RPC_845 is for no chain" in done.stdout
    assert "secret-key" not in done.stdout + done.stderr


def test_chains_that_answer_and_chains_that_do_not(home: Home, inside: Inside) -> None:
    inside.environment.setenv("L2SEND_HOME", str(home.path))
    found = findings(inside, "--devnet")
    assert {found[f"dev{number} RPCs"]["says"] for number in (1, 2, 3, 4)} == {"1 of 1 answer"}
    assert "advanced" in found["clock"]["says"]
    # Nothing listens on port 9 of this machine.
    inside.environment.setenv(f"L2SEND_RPC_{home.chain('dev2').chain_id}", "http://127.0.0.1:9/secret-key")
    found = findings(inside, "--devnet", status=4)
    assert (found["dev1 RPCs"]["health"], found["dev2 RPCs"]["health"]) == ("ok", "no answer")
    # The endpoint of another chain is no endpoint of this one.
    inside.environment.setenv(f"L2SEND_RPC_{home.chain('dev2').chain_id}", home.chain("dev1").rpcs[0])
    assert findings(inside, "--devnet", status=3)["dev2 RPCs"]["health"] == "wrong"


def test_a_clock_that_is_wrong_is_found(home: Home) -> None:
    def clock(seconds: float) -> str:
        head = EndpointReport("rpc.example", Verdict.OK, head=UnixTime(1_000_000))
        report = ChainReport(home.chain("dev1"), (head,), ())
        (finding,) = doctor._clock([report], 1_000_000 + seconds, devnet=False)
        return f"{finding.health.value}: {finding.says}"

    assert clock(2).startswith("ok")
    assert clock(-40).startswith("wrong")
    assert "slow" in clock(-40)
    assert "fast" in clock(700)
