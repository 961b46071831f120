"""The user's own chains.toml: a wrong entry is reported with its line and what to write, and stops nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.cli.settings import parse_settings
from l2send.core.chains import Registry, check_user_chains, load_registry
from l2send.core.errors import ConfigError, UnknownChain
from l2send.core.paths import Paths
from l2send.core.units import ChainId
from l2send.core.user_chains import CHAIN
from l2send.core.user_chains import TOKEN as TOKEN_TABLE
from l2send.resolver.contacts import parse_book
from tests.conftest import Home

USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
TOKEN = f'symbol = "FOO"\naddress = "{USDC}"\ndecimals = 6\norigin = "canonical"'
ACME = """
[chains.acme]
chain_id = 777777
name = "Acme"
kind = "other"
native = { symbol = "ACM", decimals = 18 }
rpcs = ["https://rpc.acme.example"]
confirmations = 3
stage = { value = "none", date = 2026-11-22 }
"""


def registry(folder: Path, text: str) -> Registry:
    paths = Paths.under(folder)
    paths.user_chains.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths.user_chains.write_text(text)
    return load_registry(paths)


CASES = {
    "a token's symbol that is a list": (
        "[chains.base]\n[[chains.base.tokens]]\n" + TOKEN.replace('"FOO"', "[]"),
        4,
        "symbol: ",
    ),
    "URL without scheme": (
        '[chains.base]\nrpcs = ["rpc.example/v1"]',
        3,
        'rpcs: write a URL with its scheme: "https://',
    ),
    "URL of another scheme": ('[chains.base]\nrpcs = ["wss://rpc.example"]', 3, "rpcs: write a URL with its scheme"),
    "URL that is a number": ("[chains.base]\nrpcs = [8545]", 3, "rpcs: write a URL with its scheme"),
    "URL with a wrong port": (
        '[chains.base]\nrpcs = ["http://localhost:port"]',
        3,
        "rpcs: write a URL with its scheme",
    ),
    "text instead of a list": (
        '[chains.base]\nrpcs = "http://localhost:8545"',
        3,
        'it is a list: write rpcs = ["https://…"]',
    ),
    "no RPC": ("[chains.base]\nrpcs = []", 3, "write one URL or more"),
    "unknown field": (
        '[chains.base]\n\nrpc = ["https://a.example"]',
        4,
        "rpc is no field of [chains.base]: did you mean rpcs?",
    ),
    "unknown field of a token": (
        f"[[chains.base.tokens]]\n{TOKEN}\ndecimal = 6",
        7,
        "decimal is no field of [[chains.base.tokens]]: did you mean decimals?",
    ),
    "token without origin": (
        f'[[chains.base.tokens]]\nsymbol = "FOO"\naddress = "{USDC}"\ndecimals = 6',
        2,
        "origin is missing in [[chains.base.tokens]]: write one of canonical, bridged",
    ),
    "second token without decimals": (
        (
            f"[[chains.base.tokens]]\n{TOKEN}\n"
            f'[[chains.base.tokens]]\nsymbol = "BAR"\naddress = "{USDC}"\norigin = "bridged"'
        ),
        7,
        "decimals is missing in [[chains.base.tokens]]: write a number from 0 to 77",
    ),
    "token with a wrong checksum": (
        f"[[chains.base.tokens]]\n{TOKEN.replace('f4c7C', 'F4c7C')}",
        4,
        "tokens: address: write an address with its ERC-55 checksum",
    ),
    "settler with a wrong checksum": (
        f'[chains.base.settlers.acme]\ntype = "eco"\nportal = "{USDC.replace("f4c7C", "F4c7C")}"',
        1,
        "portal",
    ),
    "price feed with a wrong checksum": (
        f'[chains.base]\nprice_feed = {{ address = "{USDC.replace("f4c7C", "F4c7C")}" }}',
        3,
        "price_feed: address: write an address",
    ),
    "tokens that are no list": ("[chains.base]\ntokens = 5", 3, "tokens: it is a list of tables"),
    "a token that is no table": ('[chains.base]\ntokens = ["USDC"]', 3, "tokens: it is no table"),
    "decimals in quotes": (
        f"[[chains.base.tokens]]\n{TOKEN.replace('= 6', chr(61) + ' ' + chr(34) + '6' + chr(34))}",
        5,
        "decimals: write a number",
    ),
    "confirmations that are no number": (
        '[chains.base]\nconfirmations = "3"',
        3,
        "confirmations: write a number from 1",
    ),
    "no confirmations": ("[chains.base]\nconfirmations = 0", 3, "confirmations: write a number from 1"),
    "testnet in quotes": ('[chains.base]\ntestnet = "no"', 3, "testnet: write true or false"),
    "unknown kind": ('[chains.base]\nkind = "rollup"', 3, "kind: write one of arbitrum"),
    "a chain that is no table": ("[chains]\nbase = 5", 3, "it is no table: write [chains.base]"),
    "settlers that are no table": ("[chains.base]\nsettlers = 5", 3, "settlers: write one table for each bridge"),
    "another chain id": ("[chains.base]\nchain_id = 10", 3, "the chain id of base is 8453"),
    "a native coin without decimals": ('[chains.base]\nnative = { symbol = "ETH" }', 3, "native: decimals is missing"),
    "a stage that does not exist": (
        '[chains.base]\nstage = { value = "3", date = 2026-11-22 }',
        3,
        "stage: value: write one of",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_named_with_its_line_and_leaves_the_chain_out_alone(case: str, tmp_path: Path) -> None:
    text, line, said = CASES[case]
    found = registry(tmp_path, f"schema = 1\n{text}\n{ACME}")
    assert [(p.line, p.chain) for p in found.problems] == [(line, "base")] or "settler" in case
    assert said in str(found.problems[0])
    assert "example/v1" not in str(found.problems[0]), "a URL may hold a key"
    assert "base" not in found.by_name
    assert {"oeth", "eth", "acme"} <= found.by_name.keys()
    with pytest.raises(ConfigError, match="the chain base cannot be used") as refused:
        found.named("base")
    assert said in refused.value.message
    with pytest.raises(UnknownChain) as unknown:
        found.chain(ChainId(8453))
    assert "left out" in unknown.value.hint
    with pytest.raises(ConfigError):
        check_user_chains(f"schema = 1\n{text}\n{ACME}", tmp_path / "chains.toml")


def test_each_wrong_entry_is_named_and_leaves_its_own_chain_out(tmp_path: Path) -> None:
    found = registry(tmp_path, f'schema = 1\n[chains.base]\nrpcs = []\n[chains.oeth]\nrpcs = "x"\n{ACME}')
    assert [(problem.line, problem.chain) for problem in found.problems] == [(3, "base"), (5, "oeth")]
    assert {"eth", "acme"} <= found.by_name.keys()
    assert not {"base", "oeth"} & found.by_name.keys()


@pytest.mark.parametrize("key", ["chain_id", "name", "kind", "native", "rpcs", "confirmations", "stage"])
def test_a_new_chain_needs_its_fields(key: str, tmp_path: Path) -> None:
    text = "\n".join(line for line in ACME.splitlines() if not line.startswith(f"{key} ="))
    (problem,) = registry(tmp_path, f"schema = 1{text}\n").problems
    assert (problem.line, problem.chain) == (2, "acme")
    assert f"{key} is missing in [chains.acme]: write" in str(problem)


def test_a_chain_id_of_another_chain_is_not_taken(tmp_path: Path) -> None:
    found = registry(tmp_path, f"schema = 1{ACME.replace('777777', '8453')}")
    (problem,) = found.problems
    assert "8453 is the chain base" in str(problem)
    assert found.chain(ChainId(8453)).short_name == "base"


def test_an_unknown_table_at_the_top_leaves_no_chain_out(tmp_path: Path) -> None:
    found = registry(tmp_path, f'schema = 1\n[chain.base]\nrpcs = ["https://a.example"]\n{ACME}')
    (problem,) = found.problems
    assert (problem.line, problem.chain) == (2, "")
    assert "chain is no field of this file: did you mean chains?" in str(problem)
    assert {"base", "acme"} <= found.by_name.keys()


def test_what_is_right_is_used(tmp_path: Path) -> None:
    own = f'schema = 1\n[chains.base]\nrpcs = ["http://localhost:8545"]\n[[chains.base.tokens]]\n{TOKEN}\n{ACME}'
    found = registry(tmp_path, own)
    assert not found.problems
    base = found.named("base")
    assert base.rpcs == ("http://localhost:8545",)
    assert {"FOO", "USDC"} <= {token.symbol for token in base.tokens}
    assert found.named("acme").chain_id == 777777


def test_every_field_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "chains.md").read_text()
    for field in (*CHAIN.fields, *TOKEN_TABLE.fields):
        assert f"`{field}`" in page, field


def test_commands_and_doctor_say_it(empty_home: Home) -> None:
    empty_home.paths.user_chains.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    empty_home.paths.user_chains.write_text('schema = 1\n[chains.base]\nrpcs = "http://localhost:8545"\n')
    listed = empty_home.must("chains")
    assert "line 3: rpcs: it is a list" in " ".join(listed.stderr.split())
    assert "base is left out" in " ".join(listed.stderr.split())
    refused = empty_home.run("25", "USDC", f"base:{USDC}", "--yes", "--json")
    assert (refused.status, refused.error["code"]) == (3, "config_error")
    assert "it is a list" in refused.error["message"]


@pytest.mark.parametrize("text", ["x = " + "[" * 3_000, "x = " + "9" * 5_000, "[" * 3_000])
def test_what_no_parser_should_read_is_a_mistake_in_the_file(tmp_path: Path, text: str) -> None:
    """In each of the files that people edit."""
    with pytest.raises(ConfigError, match=r"cannot read .*chains\.toml"):
        registry(tmp_path, text)
    with pytest.raises(ConfigError, match="is not usable"):
        parse_book(text, "contacts.toml")
    with pytest.raises(ConfigError, match="is not usable"):
        parse_settings(text, "config.toml")


@pytest.mark.parametrize("key", ["retired", "accounts"])
def test_a_table_of_another_shape_is_named_and_stops_no_chain(tmp_path: Path, key: str) -> None:
    found = registry(tmp_path, f"schema = 1\n{key} = 7\n{ACME}")
    assert [(p.line, p.chain) for p in found.problems] == [(2, "")]
    assert f"{key} is no table" in str(found.problems[0])
    assert {"base", "acme"} <= found.by_name.keys()
