"""Modules that load while a payment waits: in parts, with the network in between."""

from __future__ import annotations

import asyncio
import sys
import time
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from l2send.cli.loading_beside import BESIDE_THE_LOOKS, BESIDE_THE_PLAN, load_beside


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three modules that nothing has imported."""
    names = [f"loaded_beside_{number}" for number in range(3)]
    for name in names:
        (tmp_path / f"{name}.py").write_text("")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    return names


def test_answers_are_read_between_two_modules(parts: list[str]) -> None:
    """A turn of the loop sees one more module than the turn before, at most; then what follows is called once."""
    seen = list[int]()

    async def run() -> None:
        done = asyncio.Event()
        load_beside(parts, done.set)
        while not done.is_set():
            seen.append(sum(name in sys.modules for name in parts))
            await asyncio.sleep(0)

    asyncio.run(run())
    assert (seen[0], seen[-1]) == (0, len(parts))
    assert all(after - before <= 1 for before, after in pairwise(seen))


def test_requests_leave_first_however_long_they_take_to_build(parts: list[str]) -> None:
    """Turns of the loop count, not seconds: a request that loads its libraries blocks the loop for as long."""
    loaded_at_each_send = list[int]()

    def send() -> None:
        loaded_at_each_send.append(sum(name in sys.modules for name in parts))
        time.sleep(0.02)

    async def run() -> None:
        load_beside(parts)
        for _ in range(3):
            send()
            await asyncio.sleep(0)

    asyncio.run(run())
    assert loaded_at_each_send == [0, 0, 0]


def test_a_part_that_another_release_lacks_is_left_out(parts: list[str]) -> None:
    async def run() -> None:
        done = asyncio.Event()
        load_beside(["no_such_module_anywhere", *parts], done.set)
        await done.wait()

    asyncio.run(run())
    assert all(name in sys.modules for name in parts)


@pytest.mark.parametrize("name", [*BESIDE_THE_PLAN, *BESIDE_THE_LOOKS])
def test_each_part_is_there(name: str) -> None:
    assert find_spec(name)
