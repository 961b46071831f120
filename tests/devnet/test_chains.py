"""What a running devnet is made of: real contracts, per-chain constants, and the registry that names them."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from l2send.core.calldata import Function
from l2send.core.chains import load_registry
from l2send.core.paths import Paths
from l2send.devnet import control, state
from l2send.devnet.node import Node
from l2send.devnet.packages import Pin, fetch
from l2send.devnet.state import DevChain, Devnet

SYMBOL = Function("symbol()", "string")
DECIMALS = Function("decimals()", "uint8")
DOMAIN_SEPARATOR = Function("DOMAIN_SEPARATOR()", "bytes32")
CHAIN_ID = Function("chainId()", "uint256")
FIRST_MNEMONIC_ACCOUNT = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def ask(chain: DevChain, to: str, function: Function, *values: object) -> object:
    return function.decode_result(Node(chain.rpc_url).eth_call(to, function.encode(*values)))[0]


def test_every_chain_answers_with_its_own_id(devnet: Devnet) -> None:
    ids = [Node(c.rpc_url).quantity("eth_chainId") for c in devnet.chains]
    assert ids == [768300001, 768300002, 768300003, 768300004]


def test_registry_is_readable_by_the_project(home: Path, devnet: Devnet) -> None:
    registry = load_registry(Paths(home / "config", home, home / "cache"))
    assert registry.is_devnet
    assert [c.short_name for c in registry] == ["dev1", "dev2", "dev3", "dev4"]
    assert [c.kind for c in registry] == ["l1", "other", "op-stack", "other"]
    assert set(registry.named("dev1").settlers) == {"eco", "across", "sponsor"}


def test_tokens_say_of_themselves_what_the_registry_says(devnet: Devnet) -> None:
    for chain in devnet.chains:
        for token in chain.tokens:
            assert ask(chain, token.address, SYMBOL) == token.symbol
            assert ask(chain, token.address, DECIMALS) == token.decimals


def test_dev2_has_usdc_twice(devnet: Devnet) -> None:
    symbols = [[t.symbol for t in c.tokens] for c in devnet.chains]
    assert [("USDC.e" in s) for s in symbols] == [False, True, False, False]
    dev2 = devnet.chain("dev2")
    assert dev2.token("USDC").address != dev2.token("USDC.e").address


def test_each_chain_has_its_own_token_addresses(devnet: Devnet) -> None:
    assert len({c.token("USDC").address for c in devnet.chains}) == len(devnet.chains)


def test_constants_bound_to_the_chain_id_differ(devnet: Devnet) -> None:
    for contract in ("permit2", "spoke_pool", "portal"):
        code = {Node(c.rpc_url).call("eth_getCode", getattr(c, contract), "latest") for c in devnet.chains}
        assert "0x" not in code
    separators = {ask(c, c.permit2, DOMAIN_SEPARATOR) for c in devnet.chains}
    assert len(separators) == len(devnet.chains)
    assert [ask(c, c.spoke_pool, CHAIN_ID) for c in devnet.chains] == [c.chain_id for c in devnet.chains]


def test_origin_settlers_know_every_other_spoke_pool(devnet: Devnet) -> None:
    settlers = Function("destinationSettlers(uint256)", "address")
    dev1 = devnet.chain("dev1")
    for other in devnet.chains[1:]:
        assert str(ask(dev1, dev1.origin_settler, settlers, other.chain_id)) == other.spoke_pool.lower()


def test_multicall3_works_at_its_canonical_address(devnet: Devnet) -> None:
    chain = devnet.chain("dev4")
    assert chain.multicall3 == "0xcA11bde05977b3631167028862bE2a173976CA11"
    assert ask(chain, chain.multicall3, Function("getChainId()", "uint256")) == chain.chain_id


def test_price_feed_is_fresh_and_can_be_set(devnet: Devnet) -> None:
    chain = devnet.chain("dev1")
    latest = Function("latestRoundData()", "uint80,int256,uint256,uint256,uint80")
    node = Node(chain.rpc_url)

    def answer() -> tuple[int, int]:
        values = latest.decode_result(node.eth_call(chain.price_feed, latest.encode()))
        return values[1], values[3]

    price, updated = answer()
    assert price == 3000 * 10**8
    assert abs(updated - node.now()) <= 2
    set_answer = "0x" + Function("setAnswer(int256)").encode(2500 * 10**8).hex()
    node.call("eth_sendTransactionSync", {"from": chain.issuer, "to": chain.price_feed, "data": set_answer})
    assert answer()[0] == 2500 * 10**8
    set_answer = "0x" + Function("setAnswer(int256)").encode(price).hex()
    node.call("eth_sendTransactionSync", {"from": chain.issuer, "to": chain.price_feed, "data": set_answer})


def test_no_account_with_a_known_key_is_rich(devnet: Devnet) -> None:
    for chain in devnet.chains:
        assert Node(chain.rpc_url).quantity("eth_getBalance", FIRST_MNEMONIC_ACCOUNT, "latest") == 0


def test_files_are_private(home: Path, devnet: Devnet) -> None:
    folder = state.folder(home)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {p.name: oct(p.stat().st_mode & 0o777) for p in folder.iterdir()} == dict.fromkeys(
        [p.name for p in folder.iterdir()], "0o600"
    )


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="reads Linux's /proc")
def test_nothing_listens_beyond_this_machine(devnet: Devnet) -> None:
    ports = {int(url.rsplit(":", 1)[1]) for url in (devnet.solver_url, *(c.rpc_url for c in devnet.chains))}
    listening = re.findall(r"^ *\d+: (\w+):(\w+) \w+:\w+ 0A", Path("/proc/net/tcp").read_text(), re.MULTILINE)
    found = {int(port, 16): host for host, port in listening if int(port, 16) in ports}
    assert found == dict.fromkeys(ports, "0100007F")


def test_up_again_returns_the_same_devnet(home: Path, cache: Path, devnet: Devnet) -> None:
    said: list[str] = []
    assert control.up(home, cache, chains=9, say=said.append) == devnet
    assert said == ["A devnet of 4 chains already runs here."]


@pytest.mark.lab
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads Linux's /proc")
def test_processes_do_not_inherit_the_environment(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2SEND_SENTINEL", "a secret")
    running = control.up(tmp_path, cache, chains=1)
    try:
        assert b"a secret" in bytes(os.environb[b"L2SEND_SENTINEL"])
        for pid in (running.pid, *running.pids):
            assert b"a secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    finally:
        control.down(tmp_path)


@pytest.mark.registry
def test_no_public_chain_has_these_ids_or_names(cache: Path) -> None:
    pin = Pin(
        "@revoke.cash/chains",
        "80.0.0",
        "sha512-Y54CuVR3UFSZHa4AnLTFq8b6WuUVOxiQH0+0MFXfUGTG2SqQLPfYeevDmqjbV3muw+GoRAOQ9I6qqR8ZYG5XkQ==",
        ("dist/src/chains.js",),
    )
    (folder,) = fetch([pin], cache, lambda _: None)
    text = (folder / "dist/src/chains.js").read_text(encoding="utf-8")
    ids = {int(found) for found in re.findall(r"^ {4}(\d+): \{", text, re.MULTILINE)}
    names = set(re.findall(r"^ +shortName: '([^']+)'", text, re.MULTILINE))
    assert len(ids) > 2000
    assert {1, 10, 8453} <= ids
    assert {"eth", "oeth", "base"} <= names
    ours = range(state.FIRST_CHAIN_ID, state.FIRST_CHAIN_ID + control.MAX_CHAINS)
    assert ids.isdisjoint(ours)
    assert names.isdisjoint(f"dev{i + 1}" for i in range(control.MAX_CHAINS))
