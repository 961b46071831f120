"""The tests' own PostgreSQL server, and what happens to one: backups, crashes of a session."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bench import postgres
from bench.postgres import programs


def required() -> None:
    """Skip where PostgreSQL or psycopg is not installed; on CI that is a failure."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        missing = "psycopg"
    else:
        missing = "" if programs() else "PostgreSQL (Debian: apt-get install postgresql)"
    if missing and os.environ.get("L2SEND_CI"):
        pytest.fail(f"{missing} is not installed, and CI must have it")
    if missing:
        pytest.skip(f"{missing} is not installed")


class Server(postgres.Server):
    """One cluster."""

    def dump(self, database: str) -> Path:
        file = self.folder / f"{database}.dump"
        self.run("pg_dump", *self._where(database), "--format=custom", f"--file={file}")
        return file

    def restore(self, file: Path, database: str) -> None:
        self.run("pg_restore", *self._where(database), "--exit-on-error", str(file))

    def kill_backend(self, pid: int) -> None:
        """SIGKILL: the server ends all its sessions, recovers, and goes on."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as witness, suppress(psycopg.Error):
            os.kill(pid, signal.SIGKILL)
            while True:  # Until the server has noticed, and ended this session with all others.
                witness.execute("SELECT 1")
                time.sleep(0.02)
        self.until_up()

    def until_up(self) -> None:
        import psycopg

        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.Error:
                assert time.monotonic() < until, "the server does not come back"
                time.sleep(0.05)
            else:
                return
