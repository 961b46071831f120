"""`l2send balances` asks every chain once, and all of them at the same time."""

from __future__ import annotations

import time

from bench.latency_client import delayed
from l2send.devnet.node import Node
from tests.conftest import Home, somebody

DELAY = 0.3


def test_one_request_a_chain_and_all_in_flight_at_once(home: Home) -> None:
    chains = list(home.registry)
    with delayed([chain.rpcs[0] for chain in chains], DELAY) as proxy:
        urls = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(chains, proxy.urls, strict=True)}
        document = home.must("balances", "--from", somebody(), "--json", **urls).json
        traffic = proxy.take()
    assert [entry["known"] for entry in document["chains"]] == [True] * len(chains)
    assert traffic.requests == (1,) * len(chains)
    assert traffic.most_in_flight == len(chains)


def test_the_proxy_delays_each_request_and_counts_anew(home: Home) -> None:
    """Else the test above would prove nothing."""
    with delayed([home.chain("dev2").rpcs[0]], DELAY) as proxy:
        node = Node(proxy.urls[0])
        started = time.monotonic()
        assert [node.quantity("eth_chainId") for _ in range(2)] == [home.chain("dev2").chain_id] * 2
        assert time.monotonic() - started >= 2 * DELAY
        first, second = proxy.take(), proxy.take()
    assert (first.requests, first.most_in_flight) == ((2,), 1)
    assert (second.requests, second.most_in_flight) == ((0,), 0)
