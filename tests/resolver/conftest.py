"""ENS on the first chain of the running devnet, and a gateway beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.devnet.node import Node
from tests.conftest import Home, make_home
from tests.resolver.name_service import Gateway, NameService


@pytest.fixture(scope="session")
def names(home: Home) -> NameService:
    """ENS with the name `eth` and nothing below it."""
    node = Node(home.chain("dev1").rpcs[0])
    service = NameService.deploy(node, home.paths.cache)
    service.name("eth")
    return service


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    with Gateway() as made:
        yield made


@pytest.fixture
def ens_home(home: Home, names: NameService, tmp_path: Path) -> Home:
    """A home whose registry is the devnet's, with the entry that says where ENS is."""
    made = make_home(tmp_path / "ens-home")
    table = f'\n[chains.dev1.ens]\nregistry = "{names.registry}"\nuniversal_resolver = "{names.universal}"\n'
    made.paths.state.mkdir(mode=0o700)
    made.paths.devnet.mkdir()
    listed = (home.paths.devnet / "chains.toml").read_text()
    (made.paths.devnet / "chains.toml").write_text(listed + table)
    return made
