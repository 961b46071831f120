"""`l2send chains check`, against the devnet's chains with a correct registry, and with wrong ones."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from l2send.devnet.node import Node
from tests.conftest import Done, Home, make_home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy

SILENT = "http://127.0.0.1:9"
OLD_FEED = "0x" + "6064602052" + "6001606052" + "60a06000f3"
"""Code that returns five words: a price of 100, updated at second 1."""


class OwnRegistry:
    """A home whose own chains.toml holds the devnet's chains, to be changed as a person might."""

    def __init__(self, path: Path, text: str) -> None:
        self._home = make_home(path)
        self.text = text

    def replace(self, before: str, after: str) -> None:
        """At its first place, which is in dev1 for what all chains have."""
        assert before in self.text
        self.text = self.text.replace(before, after, 1)

    @property
    def file(self) -> Path:
        return self._home.paths.user_chains

    def check(self, *words: str, **environment: str) -> Done:
        """`chains check`, of dev1 alone: without a name, every real chain would be asked."""
        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        self.file.write_text(self.text)
        return self.run("check", *words, **environment)

    def run(self, command: str, *words: str, **environment: str) -> Done:
        """`chains` with that command, of dev1, on the file as it is."""
        return Home(self._home.path, self._home.environment | environment).run("chains", command, "dev1", *words)


def dev1_at(home: Home, url: str) -> dict[str, str]:
    """The environment in which dev1 has this RPC."""
    return {f"L2SEND_RPC_{home.chain('dev1').chain_id}": url}


@pytest.fixture
def registry(home: Home, tmp_path: Path) -> OwnRegistry:
    return OwnRegistry(tmp_path / "own", (home.paths.devnet / "chains.toml").read_text())


def not_ok(done: Done) -> list[tuple[str, str]]:
    """What is not well on the first chain: host or name, and why."""
    chain = done.json["chains"][0]
    found = [(e["host"], e) for e in chain["endpoints"]] + [(c["name"], c) for c in chain["contracts"]]
    return [(name, f"{entry['verdict']}: {entry['detail']}") for name, entry in found if entry["verdict"] != "ok"]


def test_a_registry_that_is_right(home: Home) -> None:
    done = home.must("chains", "check", "--json")
    assert (done.json["schema"], done.json["verdict"]) == ("l2send.chains_check/1", "ok")
    assert [c["chain"] for c in done.json["chains"]] == ["dev1", "dev2", "dev3", "dev4"]
    chain = done.json["chains"][0]
    assert chain["chain_id"] == home.chain("dev1").chain_id
    assert chain["endpoints"][0]["latency_ms"] > 0
    assert chain["endpoints"][0]["head_age_seconds"] is not None
    kinds = {c["kind"] for c in chain["contracts"]}
    assert kinds == {"multicall3", "settler", "account", "token", "price_feed"}
    checked = {c["address"] for c in chain["contracts"]}
    assert home.chain("dev1").contracts() <= checked
    assert "l1_fee_oracle" in {c["kind"] for c in done.json["chains"][2]["contracts"]}


def test_only_the_chains_that_are_named(home: Home) -> None:
    done = home.must("chains", "check", "dev3", "dev2", "dev3", "--json")
    assert [c["chain"] for c in done.json["chains"]] == ["dev3", "dev2"]
    assert home.run("chains", "check", "dve1").status == 2


def test_options_count_before_and_behind_the_word_check(home: Home) -> None:
    assert home.must("chains", "--json", "check", "dev1").json["schema"] == "l2send.chains_check/1"
    assert home.must("--devnet", "chains", "check", "dev1", "--json").json["verdict"] == "ok"
    assert home.must("chains", "--testnets", "--json").json["schema"] == "l2send.chains/1"


def test_the_list_says_who_answers_for_a_chain_and_nothing_of_keys(home: Home) -> None:
    chains = home.must("chains", "--json", **dev1_at(home, "https://rpc.example/v2/a-secret-key")).json["chains"]
    assert [c["rpcs"] for c in chains] == [["rpc.example"], *[["127.0.0.1"]] * 3]


def test_other_decimals_than_on_chain(registry: OwnRegistry) -> None:
    registry.replace("decimals = 6", "decimals = 18")
    done = registry.check("--json")
    assert (done.status, done.json["verdict"]) == (3, "wrong")
    assert not_ok(done) == [("USDC", "wrong: 6 decimals on chain, 18 in the registry")]


def test_an_address_where_nothing_is(registry: OwnRegistry, home: Home) -> None:
    nowhere, chain = new_address(), home.chain("dev1")
    registry.replace(str(chain.token("EURC").address), nowhere)
    registry.replace(chain.settlers["eco"].contracts["portal"], nowhere)
    registry.replace(str(chain.price_feed), nowhere)
    done = registry.check("--json")
    assert done.status == 3
    assert not_ok(done) == [
        ("eco portal", f"wrong: no code at {nowhere}"),
        ("EURC", f"wrong: no token answers at {nowhere}"),
        ("price feed", f"wrong: no price feed answers at {nowhere}"),
    ]


def test_an_oracle_of_l1_fees_that_is_not_there(registry: OwnRegistry) -> None:
    nowhere = new_address()
    registry.replace('kind = "l1"', f'kind = "l1"\nl1_fee_oracle = {{ address = "{nowhere}", source = "devnet" }}')
    done = registry.check("--json")
    assert done.status == 3
    assert not_ok(done) == [("L1 fee oracle", f"wrong: no code at {nowhere}")]


def test_the_address_of_another_token(registry: OwnRegistry, home: Home) -> None:
    usdc, eurc = (str(home.chain("dev1").token(symbol).address) for symbol in ("USDC", "EURC"))
    registry.replace(usdc, "0x")
    registry.replace(eurc, usdc)
    registry.replace('"0x"', f'"{eurc}"')
    done = registry.check("--json")
    assert done.status == 3
    assert dict(not_ok(done))["USDC"] == f"wrong: the token at {eurc} calls itself 'EURC'"


def test_other_code_than_was_pinned(registry: OwnRegistry, home: Home) -> None:
    pinned = home.chain("dev1").pinned["across"]["spoke_pool"]
    registry.replace(pinned.implementation, other := "0x" + "ab" * 32)
    done = registry.check("--json")
    assert done.status == 3
    found = f"{pinned.hash} (a proxy of {pinned.implementation})"
    wanted = f"{pinned.hash} (a proxy of {other})"
    assert not_ok(done) == [("across spoke_pool", f"wrong: runs the code {found}, pinned is {wanted}")]


def test_multicall3_that_is_not_there(registry: OwnRegistry, home: Home) -> None:
    registry.replace(f'multicall3 = "{home.chain("dev1").multicall3}"', f'multicall3 = "{(nowhere := new_address())}"')
    done = registry.check("--json")
    assert done.status == 3
    found = dict(not_ok(done))
    assert found["Multicall3"] == f"wrong: no code at {nowhere}"
    assert found["USDC"].startswith("no answer: ")


def test_another_chain_id(registry: OwnRegistry) -> None:
    registry.replace("chain_id = 768300001", "chain_id = 768300009")
    done = registry.check("--json")
    assert done.status == 3
    assert "serves chain 768300001, not 768300009" in not_ok(done)[0][1]


def test_an_rpc_of_another_chain(registry: OwnRegistry, home: Home) -> None:
    done = registry.check("--json", **dev1_at(home, home.chain("dev2").rpcs[0]))
    assert done.status == 3
    assert not_ok(done)[0][1].startswith("wrong: the RPC 127.0.0.1 listed for Devnet 1 serves chain 768300002")
    assert {why.split(":")[0] for _, why in not_ok(done)[1:]} == {"no answer"}


def test_a_silent_rpc_is_no_wrong_fact(registry: OwnRegistry, home: Home) -> None:
    done = registry.check("--json", **dev1_at(home, SILENT))
    assert (done.status, done.json["verdict"]) == (4, "no answer")
    assert done.json["chains"][0]["endpoints"][0]["latency_ms"] is None


def test_every_endpoint_is_asked_alone(registry: OwnRegistry, home: Home) -> None:
    """A good one hides neither a silent one nor one that serves another chain, and the contracts are read."""
    (good,), (other,) = home.chain("dev1").rpcs, home.chain("dev2").rpcs
    registry.replace(f'rpcs = ["{good}"]', f'rpcs = ["{SILENT}", "{other}", "{good}"]')
    done = registry.check("--json")
    assert done.status == 3
    assert [e["verdict"] for e in done.json["chains"][0]["endpoints"]] == ["no answer", "wrong", "ok"]
    assert {c["verdict"] for c in done.json["chains"][0]["contracts"]} == {"ok"}


@pytest.mark.parametrize(("others", "words"), [([], "newest block is"), (["good"], "behind the other RPCs")])
def test_a_stuck_node(registry: OwnRegistry, home: Home, others: list[str], words: str) -> None:
    (good,) = home.chain("dev1").rpcs
    age = 600 if others else 7200
    with FaultProxy(good) as proxy:
        proxy.lie("eth_getBlockByNumber", {"timestamp": hex(int(time.time()) - age)})
        urls = ", ".join(f'"{url}"' for url in [proxy.url, *([good] if others else [])])
        registry.replace(f'rpcs = ["{good}"]', f"rpcs = [{urls}]")
        done = registry.check("--json")
    assert done.status == 4
    endpoint = done.json["chains"][0]["endpoints"][0]
    assert endpoint["verdict"] == "stale"
    assert words in endpoint["detail"]


def test_an_old_price(registry: OwnRegistry, home: Home) -> None:
    """A feed whose last answer is of 1970."""
    feed, chain = new_address(), home.chain("dev1")
    Node(chain.rpcs[0]).call("anvil_setCode", feed, OLD_FEED)
    registry.replace(str(chain.price_feed), feed)
    done = registry.check("--json")
    assert done.status == 4
    ((name, why),) = not_ok(done)
    assert name == "price feed"
    assert why.startswith("stale: its price is ")


def test_the_table_fits_80_columns_and_says_what_is_wrong(registry: OwnRegistry) -> None:
    registry.replace("decimals = 6", "decimals = 18")
    done = registry.check(COLUMNS="80")
    assert done.status == 3
    table, row, *findings = done.stdout.splitlines()
    assert table.split() == ["chain", "RPCs", "fastest", "head", "contracts", "tokens", "price", "result"]
    assert row.split()[:2] == ["dev1", "1/1"]
    assert row.split()[-3:] == ["3/4", "ok", "wrong"]
    assert findings == [
        "dev1: wrong: USDC: 6 decimals on chain, 18 in the registry",
        "A single RPC, which no other can contradict: dev1",
    ]
    assert max(map(len, (table, row))) <= 80
