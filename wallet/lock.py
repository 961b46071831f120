"""Locks an account on a chain: one payment at a time, among all processes that share a journal.

On one machine the lock is `flock` on a file: the kernel frees it when its holder ends, even by a crash or kill -9. The
file stays, and names the last holder for the message that waiting processes show. A journal that several machines share
has its own lock, acquired after that of the machine.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from l2send.core.address import Address
from l2send.core.errors import ConfigError, NotFinal
from l2send.core.paths import private_dir
from l2send.core.private_files import PRIVATE_FILE
from l2send.core.synced_folders import network_file_system
from l2send.core.text import clean
from l2send.core.units import ChainId
from l2send.wallet.journal.protocol import Journal

_LOOK_EVERY = 0.1


@asynccontextmanager
async def account_lock(
    folder: Path,
    chain_id: ChainId,
    sender: Address,
    holder: str,
    waiting: Callable[[str], None],
    patience: float,
    journal: Journal | None = None,
) -> AsyncIterator[None]:
    """Hold the account's lock for the context; `waiting` is called once with the present holder.

    `holder` names this payment to others; with `journal` the lock also excludes other machines that share it. Raises
    NotFinal after `patience` seconds, ConfigError.
    """
    until = time.monotonic() + patience
    path = private_dir(folder) / f"{chain_id}-{sender.lower()}.lock"
    descriptor = _open(path)
    try:
        await _acquire(descriptor, path, waiting, patience)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{holder} (process {os.getpid()})".encode(), 0)
        if journal is None:
            yield
            return
        async with _among_machines(journal, chain_id, sender, waiting, until):
            yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def _among_machines(
    journal: Journal, chain_id: ChainId, sender: Address, waiting: Callable[[str], None], until: float
) -> AsyncIterator[None]:
    """Hold the journal's own lock."""
    told = False
    while not journal.take_account(chain_id, sender):
        other = journal.account_holder(chain_id, sender) or "another l2send"
        if time.monotonic() > until:
            raise _in_use(other)
        if not told:
            waiting(other)
            told = True
        await asyncio.sleep(_LOOK_EVERY)
    try:
        yield
    finally:
        journal.release_account(chain_id, sender)


def _in_use(other: str) -> NotFinal:
    return NotFinal(
        f"this account is in use by {other}, and did not become free in time.",
        hint="Wait for it to end, or stop it, then run the command again.",
    )


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE_FILE)
    except OSError as error:
        hint = "Check the rights on the folder and the disk's free space. Nothing was signed."
        raise ConfigError(f"cannot open the lock {path}: {error.strerror}.", hint=hint) from error


def _no_locks(path: Path, error: OSError) -> ConfigError:
    """The error where flock fails: some network file systems answer ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL or EIO."""
    kind = network_file_system(path.parent)
    where = f" It is a network file system ({kind})." if kind else ""
    return ConfigError(
        f"the file system of {path.parent} does not lock files ({error.strerror}), so two payments could take the same "
        f"nonce.{where} Nothing was signed.",
        hint="Keep l2send's files on a local disk: move the folder there, and name it in L2SEND_HOME.",
    )


async def _acquire(descriptor: int, path: Path, waiting: Callable[[str], None], patience: float) -> None:
    until, told = time.monotonic() + patience, False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = clean(os.pread(descriptor, 100, 0).decode(errors="replace"), 60) or "another l2send"
            if time.monotonic() > until:
                raise NotFinal(
                    f"this account is in use by {other}, and did not become free in {patience:.0f} seconds.",
                    hint="Wait for it to end, or stop it, then run the command again.",
                ) from None
            if not told:
                waiting(other)
                told = True
            await asyncio.sleep(_LOOK_EVERY)
        except OSError as error:
            raise _no_locks(path, error) from error
        else:
            return
