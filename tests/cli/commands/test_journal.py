"""`l2send journal`: limits in the journal, and what is refused before anything changes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from l2send.core.private_files import write_private
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside
from tests.support.safes import new_safe

__all__ = ["inside"]


@pytest.mark.postgres
def test_a_journal_is_moved_to_a_database_and_back(inside: Inside, database: str) -> None:
    inside.environment.setenv("L2SEND_JOURNAL", "")
    in_words = inside.run("journal", "move", database)
    assert (in_words.status, "the URL holds a password" in in_words.stderr) == (2, True)
    secret = inside.path / "pgpass"
    write_private(secret, f"*:*:*:*:{unquote(urlsplit(database).password or '')}\n".encode())
    inside.environment.setenv("PGPASSFILE", str(secret))
    parts = urlsplit(database)
    url = f"postgresql://boss@{parts.hostname}:{parts.port}{parts.path}"
    moved = inside.must("journal", "move", url, "--json").json
    assert "SQLite file" in moved["from"]
    assert moved["to"].startswith("PostgreSQL 127.0.0.1")
    refused = inside.run("journal", "limits")
    assert (refused.status, "was moved to PostgreSQL" in refused.stderr) == (10, True)
    inside.environment.setenv("L2SEND_JOURNAL", url)
    assert inside.must("journal", "limits", "--json").json["journal"] == moved["to"]
    shown = inside.must("journal", "move", "sqlite")
    assert "l2send config unset journal" in shown.stdout
    assert inside.run("journal", "limits").status == 10


@pytest.mark.parametrize("to", ["mysql://x/y", "", "journal.db"])
def test_a_place_that_is_none_is_refused(inside: Inside, to: str) -> None:
    done = inside.run("journal", "move", to)
    assert (done.status, "not the URL of a database" in done.stderr) == (2, True)
    assert not inside.paths.journal.exists()


@pytest.mark.lab
def test_a_journal_of_which_a_part_was_looked_at_is_not_accepted(fresh_home: Home) -> None:
    """Payments may be missing on the other chains, and from the other accounts that would pay next."""
    name, _ = fresh_home.new_account()
    other, waiting = fresh_home.new_account()
    fresh_home.fund(waiting, "dev1", USDC="10", ETH="1")
    file = fresh_home.path / "waiting.csv"
    file.write_text(f"ref,amount,token,to\na,1,USDC,dev1:{new_address()}\n")
    fresh_home.must("batch", str(file), "--account", other, "--queue", "--yes")
    some = fresh_home.run("journal", "recover", "--accounts", name, "--chain", "dev1", "--json")
    assert (some.status, some.json["accepted"]) == (11, False)
    assert some.json["not_looked_at"] == [waiting, "dev2", "dev3", "dev4"]
    every = fresh_home.run("journal", "recover", "--accounts", f"{name},{other}", "--json")
    assert (every.status, every.json["accepted"], every.json["not_looked_at"]) == (0, True, [])
    safe = ("journal", "recover", "--accounts", f"{name},{other}", "--safe")
    assert fresh_home.must(*safe, new_safe(fresh_home, [waiting]).place, "--json").json["accepted"]
    none = fresh_home.run(*safe, f"dev1:{waiting}")
    assert (none.status, "is no Safe on Devnet 1" in none.stderr) == (6, True), none


def test_limits_of_the_journal_are_set_shown_kept_and_taken_away(fresh_home: Home, tmp_path: Path) -> None:
    name, address = fresh_home.new_account()
    fresh_home.fund(address, "dev1", USDC="10", ETH="1")
    policy = tmp_path / "policy.toml"
    write_private(policy, b'[limits]\nper_payment = ["2 USD"]\n')
    assert fresh_home.must("journal", "limits", "--json").json["limits"] == {}
    set_ = fresh_home.must("journal", "limits", str(policy), "--json").json
    assert set_["limits"] == {"per_payment": "2 USD"}
    assert "SQLite file" in set_["journal"]
    words = ("USDC", f"dev1:{new_address()}", "--account", name, "--yes")
    done = fresh_home.run("3", *words)
    assert (done.status, "per_payment in the shared journal allows 2 USD" in done.stderr) == (7, True), done
    fresh_home.must("2", *words)
    wrong = tmp_path / "wrong.toml"
    write_private(wrong, b'[limits]\nper_payment = ["2 NOSUCH"]\n')
    assert fresh_home.run("journal", "limits", str(wrong)).status == 3
    assert fresh_home.run("journal", "limits", str(tmp_path / "none.toml")).status == 2
    assert fresh_home.run("journal", "limits", str(policy), "--none").status == 2
    assert "per_payment" in fresh_home.must("journal", "limits").stdout
    assert "no limits stand in it" in fresh_home.must("journal", "limits", "--none").stdout
    fresh_home.must("3", *words)
