"""`l2send journal`: limits that stand in the journal, and what is refused before anything changes."""

from __future__ import annotations

from pathlib import Path

from l2send.core.private_files import write_private
from tests.conftest import Home
from tests.support.addresses import new_address


def test_limits_of_the_journal_are_set_shown_kept_and_taken_away(own_home: Home, tmp_path: Path) -> None:
    name, address = own_home.new_account()
    own_home.fund(address, "dev1", USDC="10", ETH="1")
    policy = tmp_path / "policy.toml"
    write_private(policy, b'[limits]\nper_payment = ["2 USD"]\n')
    assert own_home.must("journal", "limits", "--json").json["limits"] == {}
    set_ = own_home.must("journal", "limits", str(policy), "--json").json
    assert set_["limits"] == {"per_payment": "2 USD"}
    assert "SQLite file" in set_["journal"]
    words = ("USDC", f"dev1:{new_address()}", "--account", name, "--yes")
    done = own_home.run("3", *words)
    assert (done.status, "per_payment in the shared journal allows 2 USD" in done.stderr) == (7, True), done
    own_home.must("2", *words)
    wrong = tmp_path / "wrong.toml"
    write_private(wrong, b'[limits]\nper_payment = ["2 NOSUCH"]\n')
    assert own_home.run("journal", "limits", str(wrong)).status == 3
    assert own_home.run("journal", "limits", str(tmp_path / "none.toml")).status == 2
    assert own_home.run("journal", "limits", str(policy), "--none").status == 2
    assert "per_payment" in own_home.must("journal", "limits").stdout
    assert "no limits stand in it" in own_home.must("journal", "limits", "--none").stdout
    own_home.must("3", *words)
