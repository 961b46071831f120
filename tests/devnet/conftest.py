"""One devnet for all tests that only use it; tests that break a devnet start their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from l2send.devnet import control, faucet, solver_client
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.state import Devnet
from tests.devnet.user import User, fresh_address


@pytest.fixture(scope="session")
def cache() -> Path:
    """Where the packages are, so that they are fetched once a machine and not once a test run."""
    return Path(os.environ.get("L2SEND_CACHE") or platformdirs.user_cache_dir("l2send", appauthor=False))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def devnet(home: Path, cache: Path) -> Iterator[Devnet]:
    yield control.up(home, cache, chains=4)
    control.down(home)


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
