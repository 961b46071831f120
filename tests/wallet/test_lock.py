"""The account's lock, between tasks and between processes."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import multiprocessing
import os
import stat
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from l2send.core.address import Address
from l2send.core.errors import ConfigError, NotFinal
from l2send.core.units import ChainId
from l2send.wallet.lock import account_lock
from tests.wallet.rig import CHAIN_ID

SENDER = Address("0x" + "11" * 20)


def lock(folder: Path, told: list[str], chain: ChainId = CHAIN_ID, patience: float = 0.3):  # type: ignore[no-untyped-def]
    return account_lock(folder, chain, SENDER, "p-me", told.append, patience)


def _hold(folder: Path, ready: Connection) -> None:
    async def run() -> None:
        async with account_lock(folder, CHAIN_ID, SENDER, "p-other", lambda _: None, 1):
            ready.send("held")
            await asyncio.sleep(60)

    asyncio.run(run())


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EIO])
def test_a_file_system_that_does_not_lock_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """A stand-in for flock(2) on such a file system, as NFS without its lock daemon answers."""

    def refuses(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", refuses)

    async def run() -> None:
        async with lock(tmp_path / "locks", []):
            pass

    with pytest.raises(ConfigError, match=f"does not lock files .{os.strerror(code)}.*Nothing was signed") as refused:
        asyncio.run(run())
    assert "L2SEND_HOME" in refused.value.hint


@pytest.fixture
def held_elsewhere(tmp_path: Path):  # type: ignore[no-untyped-def]
    """A process that holds the lock."""
    mine, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path / "locks", theirs))
    process.start()
    assert mine.recv() == "held"
    yield process
    process.kill()
    process.join()


def test_a_killed_holder_frees_it(tmp_path: Path, held_elsewhere: multiprocessing.Process) -> None:
    told: list[str] = []

    async def run() -> None:
        with pytest.raises(NotFinal, match="p-other"):
            async with lock(tmp_path / "locks", told):
                pytest.fail("it was held twice")
        held_elsewhere.kill()
        async with lock(tmp_path / "locks", told, patience=5):
            pass

    asyncio.run(run())
    assert told[0] == f"p-other (process {held_elsewhere.pid})"


def test_it_excludes_within_a_process(tmp_path: Path) -> None:
    inside, most = 0, 0

    async def enter() -> None:
        nonlocal inside, most
        async with lock(tmp_path, [], patience=10):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.01)
            inside -= 1

    async def run() -> None:
        await asyncio.gather(*(enter() for _ in range(5)))

    asyncio.run(run())
    assert most == 1


def test_other_chains_are_other_locks(tmp_path: Path) -> None:
    async def run() -> None:
        async with lock(tmp_path, []), lock(tmp_path, [], ChainId(2)):
            pass

    asyncio.run(run())


def test_waiting_ends_with_the_error_not_with_the_lock(tmp_path: Path) -> None:
    async def run() -> float:
        async with lock(tmp_path, []):
            before = time.monotonic()
            with pytest.raises(NotFinal):
                async with lock(tmp_path, [], patience=0.3):
                    pass
            return time.monotonic() - before

    assert 0.3 <= asyncio.run(run()) < 3


def test_it_is_freed_by_an_error(tmp_path: Path) -> None:
    async def run() -> None:
        with pytest.raises(ZeroDivisionError):
            async with lock(tmp_path, []):
                raise ZeroDivisionError
        async with lock(tmp_path, []):
            pass

    asyncio.run(run())


def test_its_files_are_private_and_no_link_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "locks"

    async def run() -> None:
        async with lock(folder, []):
            pass

    asyncio.run(run())
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError):
        asyncio.run(run())
    assert not (tmp_path / "elsewhere").exists()
