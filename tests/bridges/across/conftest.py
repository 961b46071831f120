"""An account without gas."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.paths import Paths
from l2send.devnet.state import require
from tests.conftest import Home
from tests.support.gasless import Broke


@pytest.fixture
def broke(home: Home, tmp_path: Path) -> Broke:
    devnet = require(home.paths.state)
    made = Broke(home, devnet, Paths.under(tmp_path / "mine"))
    home.fund(made.address, "dev1", USDC="100")
    assert made.has_no_gas()
    return made
