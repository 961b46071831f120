"""The tests' own PostgreSQL server: a real one, in a temporary folder, run by an unprivileged user.

initdb refuses root: there the server belongs to the user postgres, as Debian's package makes it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest

_PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql*/bin", "opt/homebrew/opt/postgresql*/bin")


def programs() -> Path | None:
    """The folder of the newest server that is installed here."""
    found = [Path(path).resolve().parent for path in [shutil.which("initdb")] if path]
    for pattern in _PLACES:
        found += sorted(Path("/").glob(pattern), key=lambda p: p.parent.name, reverse=True)
    return next((folder for folder in found if (folder / "postgres").exists() and (folder / "pg_dump").exists()), None)


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


class Server:
    """One cluster. `password` is the superuser's, with characters that a URL has to escape."""

    def __init__(self) -> None:
        folder = programs()
        assert folder
        self._programs = folder
        memory = Path("/dev/shm")  # Hundreds of small files for each database: slow to make and to delete on a disk.
        self.folder = Path(tempfile.mkdtemp(prefix="l2send-postgres-", dir=memory if memory.is_dir() else None))
        self.password = f"p@ss/{secrets.token_hex(8)}"
        self.port = _free_port()
        self._user = _unprivileged()
        self._make()
        self.start()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres", *, port: int | None = None, **options: str) -> str:
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
        password = quote(self.password, safe="")
        return f"postgresql://boss:{password}@127.0.0.1:{port or self.port}/{database}{'?' if query else ''}{query}"

    def run(self, program: str, *args: str) -> str:
        done = subprocess.run(
            [*self._as_user(), self._programs / program, *args],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.folder,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": self.password},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """As the superuser, at once committed."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        name = f"t_{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def dump(self, database: str) -> Path:
        file = self.folder / f"{database}.dump"
        self.run("pg_dump", *self._where(database), "--format=custom", f"--file={file}")
        return file

    def restore(self, file: Path, database: str) -> None:
        self.run("pg_restore", *self._where(database), "--exit-on-error", str(file))

    def start(self) -> None:
        log = self.folder / "log"
        self.run("pg_ctl", "start", "-w", "-D", str(self.data), "-l", str(log), "-o", f"-p {self.port}")

    def stop(self, how: str = "immediate") -> None:
        """`immediate` is a crash: nothing is flushed, and recovery runs at the next start."""
        self.run("pg_ctl", "stop", "-w", "-D", str(self.data), "-m", how)

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

    def remove(self) -> None:
        with suppress(AssertionError):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        if self._user:
            for path in (self.folder, secret):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        self.run(
            "initdb",
            "-D",
            str(self.data),
            "-U",
            "boss",
            "-A",
            "scram-sha-256",
            f"--pwfile={secret}",
            "-E",
            "UTF8",
            "-N",
        )
        secret.unlink()
        with (self.data / "postgresql.conf").open("a") as conf:
            conf.write(f"listen_addresses = '127.0.0.1'\nunix_socket_directories = '{self.folder}'\n")
            conf.write("shared_buffers = 16MB\nmax_connections = 60\nrestart_after_crash = on\n")

    def _where(self, database: str) -> tuple[str, ...]:
        return ("-h", "127.0.0.1", "-p", str(self.port), "-U", "boss", "-d", database)

    def _as_user(self) -> list[str]:
        if not self._user:
            return []
        setpriv = shutil.which("setpriv")
        assert setpriv, "setpriv is missing: util-linux has it"
        return [setpriv, f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}", "--clear-groups"]


def _unprivileged() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    return pwd.getpwnam("postgres")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
