"""`l2send broadcast` of a Safe's file after its deadline: what was sent in time is found, and paid once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.safe_signatures import pack_signatures
from l2send.core.units import UnixTime
from l2send.wallet.safe_files import SafeBundle
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.owners import Team, written

USDC = 10**6


def late(bundle: SafeBundle) -> SafeBundle:
    """The same file read after its deadline."""
    return replace(bundle, until=UnixTime(1))


def account_with_gas(home: Home) -> str:
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    return name


@pytest.mark.parametrize("sender", ["this home", "a stranger"])
def test_sent_in_time_it_is_followed_after_its_deadline(home: Home, tmp_path: Path, sender: str) -> None:
    """If it were refused as too late, a person would prepare it again, and it would be paid twice."""
    team, to, name = Team(home, tmp_path), new_address(), account_with_gas(home)
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    if sender == "this home":
        home.must("broadcast", str(written(bundle, tmp_path / "pay.json")), "--account", name, "--yes")
    else:
        stranger, tx = new_address(), bundle.safe_tx.execution(pack_signatures(bundle.signatures))
        team.node.call("anvil_setBalance", stranger, hex(10**18))
        team.node.call("anvil_impersonateAccount", stranger)
        send_unlocked(team.node, stranger, tx.to, tx.data)
    file = str(written(late(bundle), tmp_path / "late.json"))
    done = home.run("broadcast", file, "--account", name, "--yes", "--json")
    assert (done.status, done.json["state"]) == (0, "delivered"), done
    assert home.holds(to, "dev1") == 5 * USDC


def test_not_sent_in_time_it_is_not_sent(home: Home, tmp_path: Path) -> None:
    team, to, name = Team(home, tmp_path), new_address(), account_with_gas(home)
    bundle = late(team.sign(team.prepare("5", f"dev1:{to}")))
    done = home.run("broadcast", str(written(bundle, tmp_path / "late.json")), "--account", name, "--yes", "--json")
    assert (done.status, done.error["sent"]) == (7, "no")
    assert "Its nonce of the Safe is free" in done.error["message"]
    assert f"l2send cancel {bundle.id}" in done.error["hint"]
    assert home.holds(to, "dev1") == 0


def test_an_owner_who_comes_too_late_is_told_that_others_may_have_sent_it(home: Home, tmp_path: Path) -> None:
    team = Team(home, tmp_path)
    bundle = late(team.sign(team.prepare("5", f"dev1:{new_address()}")))
    file, name = str(written(bundle, tmp_path / "late.json")), account_with_gas(home)
    done = home.run("sign", file, "--account", name, "--yes", "-o", str(tmp_path / "signed.json"), "--json")
    assert (done.status, done.error["sent"]) == (7, "maybe")
    assert "l2send broadcast FILE" in done.error["hint"]
