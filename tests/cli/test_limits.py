"""Limits on the command line: a payment above them ends before any network request, with exit status 7."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.private_files import write_private
from l2send.core.text import clean
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside

__all__ = ["inside"]

TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture
def policy(inside: Inside) -> Path:
    """A policy file, in a home in which no chain answers."""
    for chain in ("L2SEND_RPC_8453", "L2SEND_RPC_1"):
        inside.environment.setenv(chain, "http://127.0.0.1:1")
    path = inside.path / "policy.toml"
    write_private(path, b'[limits]\nper_payment = ["20 USD"]\n')
    return path


def words(command: str, inside: Inside) -> list[str]:
    pay = ["25", "USDC", f"base:{TO}", "--from", new_address()]
    if command == "batch":
        file = inside.path / "people.csv"
        file.write_text(f"ref,amount,token,to\na,25,USDC,base:{TO}\n")
        return ["batch", str(file), "--from", new_address(), "--yes"]
    if command == "prepare":
        return ["prepare", *pay, "-o", str(inside.path / "pay.json"), "--yes"]
    return ["plan", *pay] if command == "plan" else [*pay, "--dry-run"]


@pytest.mark.parametrize("how", ["--policy", "L2SEND_POLICY", "config.toml"])
@pytest.mark.parametrize("command", ["send", "plan", "prepare", "batch"])
def test_a_payment_beyond_a_limit_is_refused(command: str, how: str, inside: Inside, policy: Path) -> None:
    more = list[str]()
    if how == "--policy":
        more = ["--policy", str(policy)]
    elif how == "L2SEND_POLICY":
        inside.environment.setenv("L2SEND_POLICY", str(policy))
    else:
        inside.must("config", "set", "speed", "cheap")
        inside.paths.settings.write_text(inside.paths.settings.read_text() + policy.read_text())
    done = inside.run(*words(command, inside), *more, "--json")
    assert (done.status, done.error["code"], done.error["sent"]) == (7, "refused", "no"), done
    where = inside.paths.settings if how == "config.toml" else policy
    assert f"25 USDC is more than one payment may be: per_payment in {where} allows 20 USD." in done.error["message"]


@pytest.mark.parametrize("command", ["send", "plan", "prepare", "batch"])
def test_a_policy_that_others_can_write_pays_nothing(command: str, inside: Inside, policy: Path) -> None:
    policy.chmod(0o666)
    done = inside.run(*words(command, inside), "--policy", str(policy), "--json")
    assert (done.status, done.error["code"]) == (3, "config_error"), done
    assert f"other users can write {policy}" in done.error["message"]


def test_doctor_says_the_limits_and_what_is_wrong_with_them(inside: Inside, policy: Path) -> None:
    inside.environment.setenv("L2SEND_POLICY", str(policy))
    fine = {one["name"]: one for one in inside.must("doctor", "--offline", "--json").json["findings"]}
    assert fine["limits"]["says"] == f"per_payment 20 USD ({policy})"
    policy.write_text('[limits]\nchains = ["bsae"]\n')
    done = inside.run("doctor", "--offline", "--json")
    wrong = {one["name"]: one for one in done.json["findings"]}["limits"]
    assert (done.status, wrong["health"]) == (3, "wrong")
    assert clean("bsae") in wrong["says"]
    inside.must("history")  # what was paid can be looked at
