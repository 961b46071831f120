"""Passwords in a real keyring: GNOME's, which is a Secret Service, in a D-Bus session and a HOME of its own."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from eth_account import Account

from l2send.core.address import Address, checksum
from l2send.core.private_files import write_private
from tests.conftest import Done, Home
from tests.lab.test_secrets import Secrets, watched
from tests.support.addresses import new_address

NEEDED = ("dbus-run-session", "dbus-send", "gnome-keyring-daemon")
BUS = "org.freedesktop.DBus"
SECRETS, SECRETS_API = "org.freedesktop.secrets", "org.freedesktop.Secret"
LOGIN = "/org/freedesktop/secrets/collection/login"
"""The keyring that is unlocked with the login, which is the default one."""

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        not all(shutil.which(name) for name in NEEDED), reason=f"no {', '.join(NEEDED)} to keep a keyring with"
    ),
]


@dataclass(kw_only=True)
class Desk(Home):
    """A user at a desktop: a D-Bus session of their own, a keystore, and its password in no file that is named."""

    name: str
    address: Address
    secret: Secrets

    @property
    def password_file(self) -> str:
        return str(Path(self.environment["HOME"]) / "password")

    def remember(self) -> Done:
        return self.run("wallet", "remember", self.name, "--password-file", self.password_file)

    def pay(self, *words: str) -> Done:
        own = ("--yes", "--json", "--account", self.name, "--from", self.address)
        return self.run("1", "USDC", f"dev1:{new_address()}", *own, *words)

    def unlock(self) -> None:
        """As the login of a desktop does: the first time the keyring is made, with that password."""
        words = ("gnome-keyring-daemon", "--replace", "--daemonize", "--unlock", "--components=secrets")
        self._session(*words, said="the login's own")
        for _ in range(100):
            if self._is_unlocked():
                return
            time.sleep(0.1)
        raise AssertionError("the keyring was not unlocked")

    def lock(self) -> None:
        answer = self._ask(SECRETS, "/org/freedesktop/secrets", f"{SECRETS_API}.Service.Lock", f"array:objpath:{LOGIN}")
        assert LOGIN in answer, answer

    def keyring_process(self) -> int:
        return int(self._ask(BUS, "/", f"{BUS}.GetConnectionUnixProcessID", f"string:{SECRETS}").split()[-1])

    def _is_unlocked(self) -> bool:
        if "true" not in self._ask(BUS, "/", f"{BUS}.NameHasOwner", f"string:{SECRETS}"):
            return False
        wanted = (f"string:{SECRETS_API}.Collection", "string:Locked")
        return "false" in self._ask(SECRETS, LOGIN, f"{BUS}.Properties.Get", *wanted)

    def _ask(self, service: str, path: str, *call: str) -> str:
        return self._session("dbus-send", "--session", "--print-reply=literal", f"--dest={service}", path, *call)

    def _session(self, *words: str, said: str = "") -> str:
        done = subprocess.run(
            words, env=self.environment, input=said, capture_output=True, text=True, timeout=30, check=False
        )
        return done.stdout


@contextmanager
def session(environment: dict[str, str]) -> Iterator[str]:
    """The address of a D-Bus session that lasts as long as the context, and all that was started in it."""
    words = ["dbus-run-session", "--", "sh", "-c", 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat']
    with subprocess.Popen(
        words, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as bus:
        assert bus.stdin
        assert bus.stdout
        yield bus.stdout.readline().strip()
        bus.stdin.close()
        bus.wait(10)


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Iterator[Desk]:
    """Its keyring has not been made yet: `unlock` does that."""
    own, runtime = tmp_path / "home", tmp_path / "run"
    for folder in (own, runtime):
        folder.mkdir(mode=0o700)
    graphical = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND")
    kept = {k: v for k, v in home.environment.items() if k not in graphical and not k.startswith("XDG_")}
    environment = kept | {"HOME": str(own), "XDG_RUNTIME_DIR": str(runtime), "ETH_PASSWORD": ""}
    key = secrets.token_bytes(32)
    name, address, secret = f"k{secrets.token_hex(4)}", checksum(Account.from_key(key).address), Secrets(key)
    content = dict(Account.encrypt(key, secret.password, kdf="scrypt", iterations=2))
    text = json.dumps(content | {"name": name, "address": address[2:].lower()})
    write_private(home.paths.keystores / f"{name}.json", text.encode())
    write_private(own / "password", secret.password.encode())
    home.fund(address, "dev1", USDC="5", ETH="1")
    with session(environment) as bus:
        own_bus = environment | {"DBUS_SESSION_BUS_ADDRESS": bus}
        yield Desk(home.path, own_bus, name=name, address=address, secret=secret)


def test_a_payment_is_unlocked_by_the_keyring_until_it_forgets(desk: Desk, tmp_path: Path) -> None:
    desk.unlock()
    with watched(desk.secret) as seen:
        said = [desk.pay(), desk.remember(), desk.pay(), desk.must("wallet", "forget", desk.name), desk.pay()]
        again = desk.run("wallet", "forget", desk.name)
    assert [done.status for done in said] == [3, 0, 0, 0, 3]
    assert "SecretService" in said[1].stderr
    assert said[2].json["state"] == "delivered"
    for done in (said[0], said[4]):
        assert (done.error["sent"], "password is needed" in done.error["message"]) == ("no", True)
    assert (again.status, "holds no password of this account" in again.stderr) == (3, True)

    assert len(seen.processes) > 1
    assert not seen.hits
    assert not [done for done in said if desk.secret.found_in((done.stdout + done.stderr).encode())]
    files = [p for p in (*tmp_path.rglob("*"), *desk.path.rglob("*")) if p.is_file() and p != Path(desk.password_file)]
    assert any(path.suffix == ".keyring" for path in files), "the keyring was not used"
    assert not [path for path in files if desk.secret.found_in(path.read_bytes())]


def test_a_locked_keyring_is_said_to_be_locked(desk: Desk) -> None:
    desk.unlock()
    assert desk.remember().status == 0
    desk.lock()
    refused = desk.pay()
    assert (refused.status, refused.error["sent"]) == (3, "no")
    assert "the password cannot be read: the keyring is locked" in refused.error["message"]
    for done in (desk.remember(), desk.run("wallet", "forget", desk.name)):
        assert (done.status, "the keyring is locked" in done.stderr, "Traceback" in done.stderr) == (3, True, False)
    assert desk.pay("--password-file", desk.password_file).json["state"] == "delivered"
    desk.unlock()
    assert desk.pay().json["state"] == "delivered"


def test_a_keyring_that_cannot_be_made_is_no_keyring(desk: Desk) -> None:
    """D-Bus starts the daemon for who asks; the first keyring needs a person and a screen."""
    done = desk.remember()
    assert (done.status, "there is no keyring yet" in done.stderr) == (3, True)
    refused = desk.pay()
    assert (refused.status, "password is needed" in refused.error["message"]) == (3, True)


def test_without_a_keyring_no_password_goes_into_a_file(desk: Desk, tmp_path: Path) -> None:
    """The library keyrings.alt, which is installed with the tests, offers files that other users can read."""
    desk.environment["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path}/none"
    done = desk.remember()
    assert (done.status, "there is no keyring here" in done.stderr) == (3, True)
    assert "--password-file" in done.stderr
    refused = desk.pay()
    assert (refused.status, "password is needed" in refused.error["message"]) == (3, True)
    assert desk.run("wallet", "forget", desk.name).status == 3
    assert [path.name for path in (tmp_path / "home").rglob("*") if path.is_file()] == ["password"]


def test_a_process_that_dies_with_the_password_leaves_no_core_file(desk: Desk, tmp_path: Path) -> None:
    """It is aborted while the keyring, which is stopped, lets it wait."""
    desk.unlock()
    where = tmp_path / "cores"
    where.mkdir()
    keyring = desk.keyring_process()
    os.kill(keyring, signal.SIGSTOP)
    words = (sys.executable, "-m", "l2send", "wallet", "remember", desk.name, "--password-file", desk.password_file)
    script = 'ulimit -c unlimited && exec "$@"'
    with subprocess.Popen(["sh", "-c", script, "sh", *words], env=desk.environment, cwd=where) as waiting:
        time.sleep(3)
        assert waiting.poll() is None, "the keyring was not waited for"
        waiting.send_signal(signal.SIGABRT)
        assert waiting.wait(10) == -signal.SIGABRT
    os.kill(keyring, signal.SIGCONT)
    assert list(where.iterdir()) == []
    if not Path("/proc/sys/kernel/core_pattern").read_text().startswith(("/", "|")):
        other = ["sh", "-c", script, "sh", "sh", "-c", "kill -ABRT $$"]
        assert subprocess.run(other, cwd=where, check=False).returncode == -signal.SIGABRT
        assert list(where.iterdir()), "no process leaves a core file here, so that none proves nothing"
