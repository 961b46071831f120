"""The tool that writes chains.toml refuses bad input. No network: the packages are stand-ins."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools import refresh_chains as tool
from tools.registry import facts as packages
from tools.registry import names, tables
from tools.registry.facts import Facts, Refused

USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
PORTAL = "0xEC000769A73b70e16f361a442292500b3BCf4A85"

OVERLAY = f"""
[sources]
someone = {{ what = "a page", date = 2026-05-27 }}
[names]
USDC = "USD Coin"
[pegs]
USD = ["USDC"]
[rpcs]
refuse = []
prefer = []
[eco]
chains = []
[chains.base]
chain_id = 8453
kind = "op-stack"
stage = ["1", "someone"]
tokens = [["USDC", "canonical", "circle", "{USDC}"]]
"""


def facts(**changed: Any) -> Any:
    rpcs = [
        "https://mainnet.base.org/",
        "https://key.example/${KEY}",
        "wss://base.example",
        "https://base.drpc.org",
    ]
    ether = {"name": "Ether", "symbol": "ETH", "decimals": 18}
    played: dict[str, Any] = {
        "chains": {8453: {"name": "Base", "shortName": "base", "chainId": 8453, "nativeCurrency": ether, "rpc": rpcs}},
        "viem": {8453: {"rpcs": rpcs[:1], "explorer": "https://basescan.org/", "multicall3": MULTICALL3.lower()}},
        "hyperlane": {8453: {"technicalStack": "opstack", "blocks": {"reorgPeriod": 10}, "rpcUrls": []}},
        "tokens": {"circle": {(8453, USDC.lower()): 6}, "uniswap": {(8453, USDC.lower()): 6}},
        "feeds": {"Base": {"ETH": "0x71041dddad3595f9ced3dccfbe3d1f4b0a16bb70"}},
        "across": {8453: "0x09aea4b2242abc8bb4bb78d537a67a245a7bec64"},
        "eco": {},
        "safes": {},
        "init_codes": {},
        "former": [],
    }
    return Facts(**(played | changed))


def overlay(**changed: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "chain_id": 8453,
        "kind": "op-stack",
        "stage": ["1", "someone"],
        "feed": ["Base", "ETH"],
        "tokens": [["USDC", "canonical", "circle", USDC]],
    }
    return {
        "sources": {"someone": {"what": "a page", "date": tomllib.loads("d = 2026-05-27")["d"]}},
        "names": {"USDC": "USD Coin", "WETH": "Wrapped Ether"},
        "pegs": {"USD": ["USDC"]},
        "rpcs": {"refuse": ["refused"], "prefer": ["drpc.org"]},
        "eco": {"portal": PORTAL, "prover": MULTICALL3, "chains": [], "retired": USDC},
        "chains": {"base": base | changed},
    }


def listed(short: str, name: str = "Base") -> dict[str, str]:
    """A chain as an older version of ethereum-lists has it."""
    return {"shortName": short, "name": name}


def test_the_same_input_gives_the_same_bytes_and_they_are_toml() -> None:
    text = tables.render({}, overlay(), facts())
    assert text == tables.render({}, overlay(), facts())
    chain = tomllib.loads(text)["chains"]["base"]
    assert chain["rpcs"] == ["https://mainnet.base.org", "https://base.drpc.org"]
    assert (chain["explorer"], chain["multicall3"]) == ("https://basescan.org", MULTICALL3)
    assert (chain["confirmations"], chain["source"]["confirmations"]) == (10, "hyperlane")
    assert chain["tokens"][0]["address"] == USDC
    assert chain["settlers"]["across"]["spoke_pool"] == "0x09aea4b2242abC8bb4BB78D537A67a245A7bEC64"


@pytest.mark.parametrize(
    ("entry", "played", "words"),
    [
        ({"chain_id": 10}, {}, "now means chain"),
        ({"kind": "arbitrum"}, {}, "arbitrum in the overlay and op-stack"),
        ({"feed": ["Base", "BNB"]}, {}, "not that of ETH"),
        ({"tokens": [["USDC", "canonical", "circle", MULTICALL3]]}, {}, "circle does not list"),
        ({"tokens": [["WETH", "canonical", "op-predeploys", USDC]]}, {}, "not the WETH9 predeploy"),
        (
            {},
            {"tokens": {"circle": {(8453, USDC.lower()): 6}, "uniswap": {(8453, USDC.lower()): 18}}},
            "disagree",
        ),
        (
            {},
            {
                "viem": {8453: {"rpcs": ["https://a.drpc.org"], "explorer": "", "multicall3": ""}},
                "chains": {},
            },
            "base",
        ),
    ],
)
def test_it_refuses(entry: dict[str, Any], played: dict[str, Any], words: str) -> None:
    with pytest.raises(Refused, match=words):
        tables.render({}, overlay(**entry), facts(**played))


def test_the_eco_portal_is_the_overlay_s_as_long_as_the_package_names_the_retired_one() -> None:
    reviewed = overlay()
    reviewed["eco"]["chains"] = ["base"]
    chain = tomllib.loads(tables.render({}, reviewed, facts(eco={8453: USDC})))["chains"]["base"]
    written = {"portal": PORTAL, "prover": MULTICALL3, "quote_api": "https://quotes.eco.com", "source": "eco-portal"}
    assert chain["settlers"]["eco"] == written
    for named in ({8453: PORTAL}, {}):
        with pytest.raises(Refused, match=r"review \[eco\]"):
            tables.render({}, reviewed, facts(eco=named))
    assert (
        "eco" not in tomllib.loads(tables.render({}, overlay(), facts(eco={8453: USDC})))["chains"]["base"]["settlers"]
    )


def test_an_oracle_of_l1_fees_is_written_with_its_source() -> None:
    entry = {"l1_fee_oracle": ["someone", USDC.lower()]}
    chain = tomllib.loads(tables.render({}, overlay(**entry), facts()))["chains"]["base"]
    assert chain["l1_fee_oracle"] == {"address": USDC, "source": "someone"}
    assert "l1_fee_oracle" not in tomllib.loads(tables.render({}, overlay(), facts()))["chains"]["base"]


def test_one_operator_is_not_two_endpoints() -> None:
    viem = {8453: {"rpcs": ["https://a.drpc.org"], "explorer": "", "multicall3": MULTICALL3}}
    chains = {8453: facts().chains[8453] | {"rpc": ["https://b.drpc.org", "https://x.refused.example"]}}
    with pytest.raises(Refused, match="base has not two or more public RPCs"):
        tables.render({}, overlay(), facts(viem=viem, chains=chains))


def test_one_operator_must_be_what_the_overlay_says() -> None:
    alone = {8453: facts().chains[8453] | {"rpc": []}}
    chain = tomllib.loads(tables.render({}, overlay(one_operator=True), facts(chains=alone)))["chains"]["base"]
    assert chain["rpcs"] == ["https://mainnet.base.org"]
    with pytest.raises(Refused, match="base has not just one public RPCs"):
        tables.render({}, overlay(one_operator=True), facts())
    none = {8453: {"rpcs": [], "explorer": "", "multicall3": MULTICALL3}}
    with pytest.raises(Refused, match="base has not just one public RPCs"):
        tables.render({}, overlay(one_operator=True), facts(chains=alone, viem=none))


def test_a_chain_on_which_no_multicall3_is_known() -> None:
    viem = {8453: facts().viem[8453] | {"multicall3": ""}}
    chain = tomllib.loads(tables.render({}, overlay(), facts(viem=viem)))["chains"]["base"]
    assert "multicall3" not in chain
    assert "multicall3" not in chain["source"]


def test_a_short_name_never_comes_to_mean_another_chain() -> None:
    with pytest.raises(Refused, match="base was chain 1 and would become 8453"):
        tool.refuse_repointed("[chains.base]\nchain_id = 1\n", tables.render({}, overlay(), facts()))


def test_a_refused_refresh_leaves_chains_toml_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole tool: ethereum-lists points the short name base at another chain, and the tool stops."""
    monkeypatch.setattr(tool, "TARGET", tmp_path / "chains.toml")
    monkeypatch.setattr(tool, "TOOLS", tmp_path)
    monkeypatch.setattr(tool, "fetch", lambda name, pin: tmp_path)
    monkeypatch.setattr(tool, "read_facts", lambda at: facts())
    monkeypatch.setattr(sys, "argv", ["refresh_chains.py"])
    (tmp_path / "registry-pins.toml").write_text("")
    (tmp_path / "registry-overlay.toml").write_text(OVERLAY)
    assert tool.main() == 0
    written = tool.TARGET.read_bytes()
    assert tomllib.loads(written.decode())["chains"]["base"]["chain_id"] == 8453

    repointed = facts().chains | {666: facts().chains[8453] | {"chainId": 666}}
    del repointed[8453]
    monkeypatch.setattr(tool, "read_facts", lambda at: facts(chains=repointed))
    assert tool.main() == 1
    assert "the short name base now means chain [666], not 8453" in capsys.readouterr().err
    assert tool.TARGET.read_bytes() == written


def test_a_name_that_was_taken_back_leads_to_the_one_in_its_place() -> None:
    former = [{8453: listed("basechain"), 10: listed("op", "OP Mainnet")}, {8453: listed("based")}]
    assert tomllib.loads(tables.render({}, overlay(), facts(former=former)))["retired"] == {
        "based": "base",
        "basechain": "base",
    }


def test_a_name_that_another_chain_took_is_not_retired() -> None:
    chains = facts().chains | {1: {"shortName": "based", "chainId": 1}}
    assert names.retired(overlay(), facts(former=[{8453: listed("based")}], chains=chains)) == {}


def test_a_chain_id_that_was_another_chains_retires_no_name() -> None:
    """300 was Optimism on Gnosis, `ogc`, before it was ZKsync Sepolia."""
    former = [{8453: listed("ogc", "Optimism on Gnosis")}]
    assert names.retired(overlay(), facts(former=former)) == {}


def test_ens_needs_two_witnesses() -> None:
    registry = "0x00000000000c2e074ec69a0dfb2997ba6c7d2e1e"
    chains = {8453: facts().chains[8453] | {"ens": {"registry": registry}}}
    assert tables.name_service(8453, facts(chains=chains)) is None
    viem = {8453: facts().viem[8453] | {"ens": USDC.lower()}}
    assert tables.name_service(8453, facts(viem=viem)) is None
    both = tables.name_service(8453, facts(chains=chains, viem=viem))
    assert both is not None
    assert both["universal_resolver"] == USDC


def test_one_list_that_contradicts_itself() -> None:
    entry = {"chainId": 8453, "address": USDC}
    with pytest.raises(Refused, match="two different decimals"):
        packages.token_list([entry | {"decimals": 6}, entry | {"address": USDC.lower(), "decimals": 18}])


def test_another_tarball_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "CACHE", tmp_path)
    (tmp_path / "x-1").mkdir()
    (tmp_path / "x-1" / "x-1.tgz").write_bytes(b"something else")
    with pytest.raises(Refused, match="not the package that was pinned"):
        packages.fetch("x", {"package": "x", "version": "1", "integrity": "sha512-AAAA"})
