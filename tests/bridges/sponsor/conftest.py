"""A delegated account without gas."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.paths import Paths
from l2send.devnet.state import require
from tests.conftest import Home
from tests.support.operations import Delegated


@pytest.fixture
def delegated(home: Home, tmp_path: Path) -> Delegated:
    made = Delegated(home, require(home.paths.state), Paths.under(tmp_path / "mine"))
    home.fund(made.address, "dev1", USDC="100")
    made.delegate()
    assert made.node.quantity("eth_getBalance", made.address, "latest") == 0
    return made
