"""`l2send chains pin`: code that two endpoints agree on is pinned in the user's chains.toml, and later compared."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from l2send.core.chains import load_registry
from l2send.core.paths import Paths
from tests.cli.commands.test_chains_check import OwnRegistry
from tests.conftest import Home
from tests.support.faultproxy import FaultProxy

pytestmark = pytest.mark.lab

COMMENT = "# my own node is faster"
MINE = f"""
[chains.base]  {COMMENT}
rpcs = ["https://my-node.example/base"]
"""


@pytest.fixture
def proxy(home: Home) -> Iterator[FaultProxy]:
    with FaultProxy(home.chain("dev1").rpcs[0]) as running:
        yield running


@pytest.fixture
def registry(home: Home, proxy: FaultProxy, tmp_path: Path) -> OwnRegistry:
    """A person's own chains.toml with the devnet's chains, nothing of them pinned, and two RPCs for dev1."""
    text = (home.paths.devnet / "chains.toml").read_text()
    text = re.sub(r"\[chains\.\w+\.settlers\.\w+\.code\]\n(\w+ = .*\n)+", "", text)
    assert "[chains.dev1.settlers" in text
    assert ".code]" not in text
    made = OwnRegistry(tmp_path / "own", text + MINE)
    (good,) = home.chain("dev1").rpcs
    made.replace(f'rpcs = ["{good}"]', f'rpcs = ["{good}", "{proxy.url}"]')
    made.file.parent.mkdir(mode=0o700, parents=True)
    made.file.write_text(made.text)
    return made


def without_pins(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and " = {hash" not in line and not line.endswith(".code]")]


def test_what_two_endpoints_agree_on_is_pinned_and_the_rest_of_the_file_stays(
    registry: OwnRegistry, home: Home, tmp_path: Path
) -> None:
    assert "is not pinned" in registry.check().stdout
    done = registry.run("pin", "--json")
    assert (done.status, done.json["schema"]) == (0, "l2send.chains_pin/1"), done
    assert {(c["bridge"], c["name"], c["witnesses"]) for c in done.json["contracts"]} == {
        ("eco", "portal", 2),
        ("eco", "prover", 2),
        ("across", "spoke_pool", 2),
        ("across", "origin_settler", 2),
        ("sponsor", "entry_point", 2),
    }
    read = load_registry(Paths.under(tmp_path / "own"))
    assert read.named("dev1").pinned == home.chain("dev1").pinned
    assert read.named("dev2").pinned["eco"] == {}
    text = registry.file.read_text()
    assert without_pins(text) == without_pins(registry.text)
    assert COMMENT in text
    today = datetime.now(UTC).date().isoformat()
    assert text.count(f'date = {today}, source = "l2send chains pin"') == 5
    assert stat.S_IMODE(registry.file.stat().st_mode) == 0o600
    registry.text = text
    assert "is not pinned" not in registry.check().stdout


def test_endpoints_that_contradict_each_other_are_not_believed(
    registry: OwnRegistry, home: Home, proxy: FaultProxy
) -> None:
    proxy.lie("eth_getCode", "0x6001")
    done = registry.run("pin")
    assert done.status == 3
    assert "not pinned: 127.0.0.1 says 0x" in done.stdout
    assert registry.file.read_text() == registry.text


def test_one_endpoint_is_not_enough(registry: OwnRegistry, home: Home) -> None:
    done = registry.run("pin", "--json", **{f"L2SEND_RPC_{home.chain('dev1').chain_id}": home.chain("dev1").rpcs[0]})
    assert done.status == 4
    assert {c["problem"] for c in done.json["contracts"]} == {"1 of 1 RPCs answered, 2 must agree"}
    assert registry.file.read_text() == registry.text


def test_code_that_changed_needs_a_yes(registry: OwnRegistry, home: Home) -> None:
    assert registry.run("pin").status == 0
    right, pinned = registry.file.read_text(), home.chain("dev1").pinned["eco"]["portal"].hash
    changed = right.replace(pinned, "0x" + "ab" * 32)
    registry.file.write_text(changed)
    done = registry.run("pin")
    assert done.status == 2
    assert f"eco portal on Devnet 1: {pinned}, pinned is 0xabab" in done.stderr
    assert registry.file.read_text() == changed
    assert registry.run("pin", "--yes").status == 0
    assert registry.file.read_text() == right


def test_a_devnet_has_nothing_to_pin(home: Home) -> None:
    assert home.run("chains", "pin").status == 2


@pytest.mark.parametrize("hash_", ["0x12", "AB" * 32, "0x" + "AB" * 32])
def test_a_hash_that_is_none_makes_the_registry_unusable(registry: OwnRegistry, hash_: str) -> None:
    registry.file.write_text(f'{registry.text}\n[chains.dev1.settlers.eco.code]\nportal = {{ hash = "{hash_}" }}\n')
    done = registry.run("check")
    assert done.status == 3
    assert "pinned by keccak hashes" in done.stderr
