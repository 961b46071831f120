"""Nodes and accounts for the tests of the wallet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.faultproxy import FaultProxy
from tests.wallet.rig import Node, Rig, running_anvil


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """An anvil that mines at once, shared: every test has an account of its own."""
    with running_anvil() as running:
        yield running


@pytest.fixture
def own_node() -> Iterator[Node]:
    """An anvil for one test, which may stop its mining or turn its time."""
    with running_anvil() as running:
        yield running


@pytest.fixture
def rig(node: Node, tmp_path: Path) -> Rig:
    return Rig(tmp_path, node, (node.url,)).funded()


@pytest.fixture
def own_rig(own_node: Node, tmp_path: Path) -> Rig:
    return Rig(tmp_path, own_node, (own_node.url,)).funded()


@pytest.fixture
def proxy(node: Node) -> Iterator[FaultProxy]:
    with FaultProxy(node.url) as running:
        yield running


@pytest.fixture
def slow(own_rig: Rig) -> Rig:
    """An account on a node that mines when it is told to."""
    own_rig.node.call("evm_setAutomine", False)
    return own_rig


@pytest.fixture
def slow_proxy(slow: Rig) -> Iterator[FaultProxy]:
    with FaultProxy(slow.node.url) as running:
        yield running
