"""Stand-ins for settlers, on the running devnet."""

from __future__ import annotations

import pytest

from tests.bridges.standins import StandIns, deploy
from tests.conftest import Home


@pytest.fixture(scope="session")
def stand_ins(home: Home) -> StandIns:
    """Hyperlane7683 and OIF stand-ins on dev1 and dev4."""
    return deploy(home)
