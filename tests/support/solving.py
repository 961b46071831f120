"""What the devnet's solver does with orders while a test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from l2send.devnet import solver_client, state
from l2send.devnet.modes import Mode
from tests.conftest import Home


@contextmanager
def unfilled(home: Home) -> Iterator[None]:
    """Orders stay open meanwhile."""
    devnet = state.require(home.paths.state)
    solver_client.set_mode(devnet, Mode.IGNORE)
    try:
        yield
    finally:
        solver_client.set_mode(devnet, Mode.FILL)
