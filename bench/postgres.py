"""A PostgreSQL server of a benchmark's or a test's own: a real one, in a temporary folder, run by an unprivileged user.

initdb refuses root: there the server belongs to the user postgres, as Debian's package makes it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from bench.process import Failed

_PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql*/bin", "opt/homebrew/opt/postgresql*/bin")


def programs() -> Path | None:
    """The folder of the newest server that is installed here."""
    found = [Path(path).resolve().parent for path in [shutil.which("initdb")] if path]
    for pattern in _PLACES:
        found += sorted(Path("/").glob(pattern), key=lambda p: p.parent.name, reverse=True)
    return next((folder for folder in found if (folder / "postgres").exists() and (folder / "pg_dump").exists()), None)


class Server:
    """One cluster. `password` is the superuser's, with characters that a URL has to escape."""

    def __init__(self) -> None:
        folder = programs()
        if folder is None:
            raise Failed("PostgreSQL is not installed (Debian: apt-get install postgresql)")
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
        """Its data folder."""
        return self.folder / "data"

    def url(self, database: str = "postgres", *, port: int | None = None, **options: str) -> str:
        """The URL of a database, with the superuser's password."""
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
        password = quote(self.password, safe="")
        return f"postgresql://boss:{password}@127.0.0.1:{port or self.port}/{database}{'?' if query else ''}{query}"

    def run(self, program: str, *args: str) -> str:
        """What one of PostgreSQL's programs prints. Raises Failed."""
        done = subprocess.run(
            [*self._as_user(), self._programs / program, *args],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=self.folder,
            check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "PGPASSWORD": self.password},
        )
        if done.returncode:
            raise Failed(f"{program} ended with status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """As the superuser, at once committed."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """The name of a new, empty database."""
        name = f"t_{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name}")
        return name

    def start(self) -> None:
        """Start it, and wait until it answers."""
        log = self.folder / "log"
        self.run("pg_ctl", "start", "-w", "-D", str(self.data), "-l", str(log), "-o", f"-p {self.port}")

    def stop(self, how: str = "immediate") -> None:
        """`immediate` is a crash: nothing is flushed, and recovery runs at the next start."""
        self.run("pg_ctl", "stop", "-w", "-D", str(self.data), "-m", how)

    def remove(self) -> None:
        """Stop it and remove its files."""
        with suppress(Failed):
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
        if setpriv is None:
            raise Failed("setpriv is missing: util-linux has it")
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
