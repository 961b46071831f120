"""Stand-ins for settlers, on the running devnet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.devnet import solver_client, state
from l2send.devnet.modes import Mode
from tests.bridges.standins import Payer, StandIns, deploy
from tests.conftest import Home


@pytest.fixture(scope="session")
def stand_ins(home: Home) -> StandIns:
    """Hyperlane7683 and OIF stand-ins on dev1 and dev4."""
    return deploy(home)


@pytest.fixture
def payer(stand_ins: StandIns, tmp_path: Path) -> Iterator[Payer]:
    """An account whose orders no solver fills."""
    devnet = state.require(stand_ins.home.paths.state)
    solver_client.set_mode(devnet, Mode.IGNORE)
    yield stand_ins.payer(tmp_path)
    solver_client.set_mode(devnet, Mode.FILL)
