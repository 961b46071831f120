"""A Ledger's own Ethereum app in the vendor's emulator Speculos, with its buttons pressed.

Runs where `speculos` (0.5.1, which takes apps of that age) is on PATH and L2SEND_SPECULOS_APP names the app's ELF for
a Nano X with SDK 2.0.2. Neither is part of this project.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from l2send.core.errors import ConfigError, Interrupted
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.keys.derivation import path_on_device
from l2send.wallet.keys.hardware import HardwareSigner
from l2send.wallet.keys.ledger import open_ledger
from l2send.wallet.keys.mnemonic import Phrase
from l2send.wallet.keys.signer import LocalSigner
from tests.support.addresses import new_address
from tests.support.devices import WORDS

APP = os.environ.get("L2SEND_SPECULOS_APP", "")
PRICE = GasPrice(Wei(7), Wei(2), Wei(16 * 10**9))
LEGACY = GasPrice(Wei(0), Wei(0), Wei(9 * 10**9), legacy=True)
PATH = path_on_device(1)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not (APP and shutil.which("speculos")), reason="no Speculos with an app here"),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Person:
    """Walks through the screens of the device until one says `choice`, and presses both buttons there."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.seen: list[str] = []

    def choose(self, choice: str) -> threading.Thread:
        thread = threading.Thread(target=self._walk, args=(choice,))
        thread.start()
        return thread

    def _walk(self, choice: str) -> None:
        for _ in range(60):
            time.sleep(0.25)
            events = httpx.get(f"{self.url}/events?currentscreenonly=true").json()["events"]
            self.seen.append(" ".join(event["text"] for event in events))
            found = choice in self.seen[-1]
            button = "both" if found else "right"
            httpx.post(f"{self.url}/button/{button}", json={"action": "press-and-release"})
            if found:
                return


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    api, apdus = free_port(), free_port()
    ports = ("--api-port", str(api), "--apdu-port", str(apdus))
    words = ["speculos", "-m", "nanox", "-k", "2.0.2", "--seed", WORDS, "--display", "headless", *ports, APP]
    emulator = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    monkeypatch.setenv("LEDGER_PROXY_PORT", str(apdus))
    time.sleep(5)
    yield Person(api)
    emulator.terminate()
    emulator.wait(10)


def test_the_real_app_signs_what_a_key_in_memory_signs(person: Person) -> None:
    opened = open_ledger(PATH)
    signer, local = HardwareSigner(opened, lambda _: None), LocalSigner(Phrase(WORDS).key(PATH))
    assert signer.address == local.address
    for chain, price in ((ChainId(8453), PRICE), (ChainId(1), LEGACY)):
        tx = UnsignedTx(chain, new_address(), Wei(10**15), b"")
        pressing = person.choose("Accept")
        assert signer.sign(chain, Nonce(3), tx, Gas(21000), price) == local.sign(chain, Nonce(3), tx, Gas(21000), price)
        pressing.join()
        assert any("0.001" in screen for screen in person.seen)
    pressing = person.choose("Reject")
    with pytest.raises(Interrupted):
        signer.sign(tx.chain_id, Nonce(3), tx, Gas(21000), LEGACY)
    pressing.join()
    with pytest.raises(ConfigError, match="blindly"):
        signer.sign(tx.chain_id, Nonce(3), UnsignedTx(tx.chain_id, tx.to, Wei(0), b"\1" * 68), Gas(21000), PRICE)
    opened._transport.close()  # type: ignore[attr-defined]
