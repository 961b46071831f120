"""The lab's two chains, and the proxy in front of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.proxy import Proxy
from tests.lab.scenario import Stage
from tests.lab.world import World, running_world


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
