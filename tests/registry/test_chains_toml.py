"""chains.toml keeps its promises: format, checksums, sources, unique names. No network."""

from __future__ import annotations

import datetime
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from eth_hash.auto import keccak

from l2send.core.chains import load_registry
from l2send.core.paths import Paths

CHAINS_TOML = Path(__file__).resolve().parents[2] / "chains.toml"
REGISTRY: dict[str, Any] = tomllib.loads(CHAINS_TOML.read_text(encoding="utf-8"))
CHAINS: dict[str, dict[str, Any]] = REGISTRY["chains"]
KINDS = {"l1", "op-stack", "arbitrum", "zk-stack", "zk-rollup", "optimium", "sidechain", "other"}
REQUIRED = {
    "chain_id",
    "name",
    "kind",
    "testnet",
    "native",
    "rpcs",
    "explorer",
    "confirmations",
    "stage",
    "source",
}
OPTIONAL = {"aliases", "multicall3", "price_feed", "tokens", "settlers", "ens", "l1_fee_oracle", "safes"}
ONE_OPERATOR = {"lens", "adi", "lyra", "gravity", "rise", "codex"}
WITHOUT_MULTICALL3 = {"lens", "adi", "silicon-zk"}
TOKEN_FIELDS = {"symbol", "name", "address", "decimals", "origin", "asset", "peg", "source"}
SETTLER_FIELDS = {
    "eco": {"portal", "prover", "quote_api", "source"},
    "across": {"spoke_pool", "quote_api", "source"},
    "hyperlane7683": {"router", "source"},
    "oif": {"input_settler", "output_settler", "oracle", "source"},
}

each_chain = pytest.mark.parametrize("short", CHAINS)


def checksummed(address: str) -> str:
    low = address.removeprefix("0x").lower()
    digest = keccak(low.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(low, digest, strict=False))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def named_sources(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "source":
                yield from strings(inner)
            else:
                yield from named_sources(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from named_sources(inner)


def test_checksum_vectors() -> None:
    for vector in (
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0x52908400098527886E0F7030069857D2E4169EE7",
    ):
        assert checksummed(vector.lower()) == vector


def test_schema_and_size() -> None:
    assert REGISTRY.keys() == {"schema", "sources", "retired", "elsewhere", "chains", "accounts"}
    assert REGISTRY["schema"] == 1
    assert sum(not c["testnet"] for c in CHAINS.values()) >= 50
    assert sum(c["testnet"] for c in CHAINS.values()) >= 10


def test_the_page_says_how_many_there_are() -> None:
    testnets = sum(c["testnet"] for c in CHAINS.values())
    page = (CHAINS_TOML.parent / "docs" / "chains.md").read_text(encoding="utf-8")
    assert f"{len(CHAINS) - testnets} chains and {testnets} testnets" in page


def test_every_source_says_what_it_is_and_when_it_was_read() -> None:
    for name, source in REGISTRY["sources"].items():
        assert source.keys() == {"what", "date"}, name
        assert isinstance(source["date"], datetime.date), name


def test_every_named_source_is_described() -> None:
    assert set(named_sources(CHAINS)) <= REGISTRY["sources"].keys()


def test_the_address_of_the_delegate_proves_its_code() -> None:
    """CREATE2 (EIP-1014): from the factory and this salt, only code with this hash creates what is at the address."""
    delegate = REGISTRY["accounts"]["delegate"]["simple7702account"]
    assert delegate.keys() == {"what", "address", "code_hash", "factory", "salt", "init_code_hash", "source"}
    parts = (delegate[name].removeprefix("0x") for name in ("factory", "salt", "init_code_hash"))
    digest = keccak(b"\xff" + b"".join(map(bytes.fromhex, parts)))
    assert delegate["address"] == checksummed(digest[12:].hex()) == "0xe6Cae83BdE06E4c305530e199D7217f42808555B"
    assert delegate["factory"] == "0x4e59b44847b379578588920cA78FbF26c0B4956C"


def test_no_chain_claims_a_delegate_and_all_but_the_kinds_with_a_source_are_looked_at() -> None:
    accounts = REGISTRY["accounts"]
    assert accounts["no_delegation"] == {"zk-stack": "era-7702"}
    assert {"era-7702", accounts["delegate"]["simple7702account"]["source"]} <= REGISTRY["sources"].keys()
    assert not any("delegates" in chain for chain in CHAINS.values())
    for chain in load_registry(Paths.under(Path("/nowhere"))):
        assert chain.takes_delegations is (chain.kind != "zk-stack")
        assert [(one.name, one.is_listed) for one in chain.delegates] == (
            [("simple7702account", False)] if chain.takes_delegations else []
        )


def test_chain_ids_are_unique() -> None:
    assert [i for i, n in Counter(c["chain_id"] for c in CHAINS.values()).items() if n > 1] == []


@each_chain
def test_shape_of_a_chain(short: str) -> None:
    chain = CHAINS[short]
    assert re.fullmatch(r"[-a-zA-Z0-9]{1,32}", short)
    assert chain.keys() >= REQUIRED
    assert chain.keys() <= REQUIRED | OPTIONAL
    assert chain["kind"] in KINDS
    assert chain["chain_id"] > 0
    assert 1 <= chain["confirmations"] <= 300
    assert chain["native"].keys() == {"symbol", "name", "decimals"}
    assert chain["native"]["decimals"] == 18
    assert chain["source"].keys() == {"identity", "rpcs", "explorer", "confirmations"} | chain.keys() & {
        "multicall3",
        "aliases",
    }
    assert ("multicall3" in chain) is (short not in WITHOUT_MULTICALL3)


@each_chain
def test_stage(short: str) -> None:
    stage = CHAINS[short]["stage"]
    assert stage.keys() == {"value", "date", "source"}
    assert stage["value"] in {"0", "1", "2", "none"}
    assert type(stage["date"]) is datetime.date
    if CHAINS[short]["testnet"] or CHAINS[short]["kind"] in {"l1", "sidechain"}:
        assert stage["value"] == "none"


@each_chain
def test_two_operators_serve_a_chain_or_it_is_known_to_have_one(short: str) -> None:
    urls = [urlsplit(url) for url in CHAINS[short]["rpcs"]]
    assert all(u.scheme == "https" and u.hostname and not (u.username or u.query) for u in urls)
    operators = len({".".join(str(u.hostname).split(".")[-2:]) for u in urls})
    assert operators == 1 if short in ONE_OPERATOR else operators >= 2
    assert not any(re.search(r"[0-9a-f]{16}|\$|<|api[-_]?key", u.geturl(), re.IGNORECASE) for u in urls)
    assert urlsplit(CHAINS[short]["explorer"]).scheme == "https"


@each_chain
def test_every_address_has_its_checksum(short: str) -> None:
    addresses = [s for s in strings(CHAINS[short]) if s.startswith("0x")]
    assert addresses or short in WITHOUT_MULTICALL3
    for address in addresses:
        assert re.fullmatch(r"0x[0-9a-fA-F]{40}", address)
        assert address == checksummed(address)
        assert int(address, 16) > 0xFFFF


@each_chain
def test_tokens(short: str) -> None:
    tokens = CHAINS[short].get("tokens", [])
    for token in tokens:
        assert token.keys() >= TOKEN_FIELDS - {"asset", "peg"}
        assert token.keys() <= TOKEN_FIELDS
        assert token["origin"] in {"canonical", "bridged"}
        assert token["symbol"].isascii()
        assert 2 <= token["decimals"] <= 18
    symbols = [t["symbol"].lower() for t in tokens] + [CHAINS[short]["native"]["symbol"].lower()]
    assert len(symbols) == len(set(symbols))
    assert len({t["address"] for t in tokens}) == len(tokens)


@each_chain
def test_native_and_bridged_usdc_are_two_tokens(short: str) -> None:
    usdc = {t["symbol"]: t for t in CHAINS[short].get("tokens", []) if t["symbol"] in {"USDC", "USDC.e", "USDbC"}}
    assert len({t["address"] for t in usdc.values()}) == len(usdc)
    for symbol in usdc.keys() - {"USDC"}:
        assert usdc[symbol]["origin"] == "bridged"
    if "USDC" in usdc:
        assert (usdc["USDC"]["origin"] == "canonical") == (usdc["USDC"]["source"] == "circle")


@each_chain
def test_settlers(short: str) -> None:
    for name, fields in CHAINS[short].get("settlers", {}).items():
        assert fields.keys() <= SETTLER_FIELDS[name]
        assert fields.keys() >= SETTLER_FIELDS[name] - {"prover", "quote_api"}
        assert urlsplit(fields.get("quote_api", "https://x")).scheme == "https"


def test_eco_is_where_its_solvers_fill_and_nowhere_else() -> None:
    eco = {short: chain["settlers"]["eco"] for short, chain in CHAINS.items() if "eco" in chain.get("settlers", {})}
    assert eco.keys() == {"eth", "oeth", "base", "arb1", "pol"}
    assert {fields["portal"] for fields in eco.values()} == {"0xEC000769A73b70e16f361a442292500b3BCf4A85"}
    assert {fields["prover"] for fields in eco.values()} == {"0xEC08fb4647f3f50d1162a578d481266687C60fc5"}
    assert all(fields.keys() == SETTLER_FIELDS["eco"] for fields in eco.values())


@each_chain
def test_price_feed_is_that_of_the_native_coin(short: str) -> None:
    feed = CHAINS[short].get("price_feed")
    if feed:
        assert feed.keys() == {"address", "pair", "source"}
        assert feed["pair"] == f"{CHAINS[short]['native']['symbol']}/USD"


def test_chains_that_charge_for_their_data_beside_the_gas() -> None:
    oracles = {short: c["l1_fee_oracle"]["address"] for short, c in CHAINS.items() if "l1_fee_oracle" in c}
    assert oracles == {
        "scr": "0x5300000000000000000000000000000000000002",
        "morph": "0x530000000000000000000000000000000000000f",
        "okb": "0x420000000000000000000000000000000000000F",
    }
    assert all(oracle == checksummed(oracle) for oracle in oracles.values())
    for chain in load_registry(Paths.under(Path("/nowhere"))):
        charges = chain.kind == "op-stack" or chain.short_name in oracles
        where = oracles.get(chain.short_name, "0x420000000000000000000000000000000000000F")
        assert chain.l1_fee_oracle == (where if charges else None)
        assert not charges or where in chain.contracts()


def test_retired_names_lead_to_a_chain_and_are_no_chains_name() -> None:
    retired: dict[str, str] = REGISTRY["retired"]
    assert set(retired.values()) <= CHAINS.keys()
    assert not retired.keys() & CHAINS.keys()
    assert retired == {"fraxtal": "frax", "matic": "pol"}


def test_only_ethereum_answers_for_names() -> None:
    """Forks of Ethereum carry copies of its ENS, whose names are not the names that people mean."""
    assert [short for short in CHAINS if "ens" in CHAINS[short]] == ["eth"]
    assert CHAINS["eth"]["ens"]["registry"] == "0x00000000000C2E074eC69A0dFb2997BA6C7d2e1e"


def test_usdc_on_bnb_chain_has_18_decimals() -> None:
    bnb = {t["symbol"]: t for t in CHAINS["bnb"]["tokens"]}
    assert (bnb["USDC"]["decimals"], bnb["USDC"]["origin"]) == (18, "bridged")
    assert (bnb["USDT"]["decimals"], bnb["USDT"]["origin"]) == (18, "bridged")


@pytest.mark.parametrize(
    ("short", "symbol", "address"),
    [
        ("eth", "USDC", "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
        ("oeth", "USDC", "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"),
        ("oeth", "USDC.e", "0x7F5c764cBc14f9669B88837ca1490cCa17c31607"),
        ("base", "USDC", "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
        ("arb1", "USDC", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
        ("arb1", "USDC.e", "0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8"),
    ],
)
def test_the_tokens_that_most_money_moves_in(short: str, symbol: str, address: str) -> None:
    assert next(t["address"] for t in CHAINS[short]["tokens"] if t["symbol"] == symbol) == address
