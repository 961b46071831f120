"""`l2send balances` sends each chain one request, all at the same time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.latency_client import delayed
from l2send.core.chains import Chain
from l2send.core.errors import NetworkError
from l2send.core.paths import Paths
from l2send.devnet import anvil
from l2send.devnet.node import Node
from tests.conftest import Home
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

DELAY = 0.3
STARTED_WITHIN = 60  # seconds, all of them on two cores


def test_one_request_a_chain_and_all_in_flight_at_once(home: Home) -> None:
    chains = list(home.registry)
    with delayed([chain.rpcs[0] for chain in chains], DELAY) as proxy:
        urls = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(chains, proxy.urls, strict=True)}
        document = home.must("balances", "--from", new_address(), "--json", **urls).json
        traffic = proxy.take()
    assert [entry["known"] for entry in document["chains"]] == [True] * len(chains)
    assert traffic.requests == (1,) * len(chains)
    assert traffic.most_in_flight == len(chains)


def test_so_it_does_with_every_chain_of_the_shipped_registry(home: Home, empty_home: Home, tmp_path: Path) -> None:
    """A node for each, with its chain id and with Multicall3 where the registry says it is."""
    some = home.chain("dev1")
    multicall3: str = Node(some.rpcs[0]).call("eth_getCode", str(some.multicall3), "latest")
    chains = list(empty_home.registry)
    assert len(chains) > 50
    with nodes_of(chains, multicall3, tmp_path) as urls, delayed(urls, DELAY) as proxy:
        environment = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(chains, proxy.urls, strict=True)}
        document = empty_home.must("balances", "--from", new_address(), "--testnets", "--json", **environment).json
        traffic = proxy.take()
    assert [entry["known"] for entry in document["chains"]] == [True] * len(chains)
    assert traffic.requests == tuple(requests_for(chain) for chain in chains)
    assert traffic.most_in_flight == len(chains)


def requests_for(chain: Chain) -> int:
    """One to Multicall3; without it chain id and head, and then every asset alone."""
    return 1 if chain.multicall3 else 2 + len(chain.assets)


@contextmanager
def nodes_of(chains: Sequence[Chain], multicall3: str, folder: Path) -> Iterator[list[str]]:
    """URLs of nodes that pass for these chains."""
    program = anvil.find(Paths.from_environment().cache, print)
    ports = anvil.free_ports(len(chains))
    with ExitStack() as running:
        for chain, port in zip(chains, ports, strict=True):
            log = folder / f"{chain.chain_id}.log"
            process = running.enter_context(
                anvil.start(program, chain_id=chain.chain_id, port=port, block_time=3600, op_stack=False, log=log)
            )
            running.callback(process.kill)
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        for chain, url in zip(chains, urls, strict=True):
            assert wait_for(Node(url)) == chain.chain_id
            if chain.multicall3:
                Node(url).call("anvil_setCode", chain.multicall3, multicall3)
        yield urls


def wait_for(node: Node) -> int:
    """The chain id, as soon as the node answers."""
    deadline = time.monotonic() + STARTED_WITHIN
    while True:
        try:
            return node.quantity("eth_chainId")
        except NetworkError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_the_proxy_delays_each_request_and_counts_again(home: Home) -> None:
    """Else the test above would prove nothing."""
    with delayed([home.chain("dev2").rpcs[0]], DELAY) as proxy:
        node = Node(proxy.urls[0])
        started = time.monotonic()
        assert [node.quantity("eth_chainId") for _ in range(2)] == [home.chain("dev2").chain_id] * 2
        assert time.monotonic() - started >= 2 * DELAY
        first, second = proxy.take(), proxy.take()
    assert (first.requests, first.most_in_flight) == ((2,), 1)
    assert (second.requests, second.most_in_flight) == ((0,), 0)
