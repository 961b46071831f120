"""The lab's chains, and the proxy in front of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.proxy import Proxy
from tests.lab.stage import Stage
from tests.lab.world import SOURCES, World, running_world


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("lab") / "world") as running:
        yield running


@pytest.fixture(scope="session")
def proxy(world: World) -> Iterator[Proxy]:
    with Proxy([node.url for node in world.nodes]) as running:
        yield running


@pytest.fixture(scope="session")
def stage(world: World, proxy: Proxy, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(world, proxy, tmp_path_factory.mktemp("scenarios"))


@pytest.fixture(scope="module")
def scattered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Four chains: payments from three of them to the last."""
    folder = tmp_path_factory.mktemp("several")
    with (
        running_world(folder / "world", chains=len(SOURCES) + 1) as world,
        Proxy([node.url for node in world.nodes], world.devnet.solver_url) as proxy,
    ):
        yield Stage(world, proxy, folder)
