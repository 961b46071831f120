"""The devnet that all tests share, as its own code sees it; tests that break devnets start their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from l2send.devnet import faucet, solver_client, state
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.state import Devnet
from tests.conftest import Home
from tests.devnet.user import User, fresh_address


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where the packages are, so that they are fetched once a machine and not once a test run."""
    return Path(os.environ.get("L2SEND_CACHE") or platformdirs.user_cache_dir("l2send", appauthor=False))


@pytest.fixture(scope="session")
def home(shared_home: Home) -> Path:
    """The folder of the devnet that all tests of this process share."""
    return shared_home.paths.state


@pytest.fixture(scope="module")
def devnet(home: Path) -> Iterator[Devnet]:
    """Its clocks are together again afterwards: tests here move those of single chains."""
    running = state.require(home)
    yield running
    now = [Node(chain.rpc_url).now() for chain in running.chains]
    for chain, time in zip(running.chains, now, strict=True):
        if time < max(now):
            faucet.advance(home, max(now) - time, chain.short_name)


@pytest.fixture
def solver(devnet: Devnet) -> Iterator[Devnet]:
    """The devnet, whose solver is back in mode fill afterwards."""
    solver_client.set_mode(devnet, Mode.FILL, 0)
    yield devnet
    solver_client.set_mode(devnet, Mode.FILL, 0)


@pytest.fixture
def user(home: Path, devnet: Devnet) -> User:
    """A new user with 10 ETH and 1000 USDC on every chain."""
    address = fresh_address()
    for chain in devnet.chains:
        Node(chain.rpc_url).call("anvil_impersonateAccount", address)
        faucet.fund(home, address, "10", "ETH", chain.short_name)
        faucet.fund(home, address, "1000", "USDC", chain.short_name)
    return User(home, devnet, address)
