"""Ledger and Trezor behind the same Signer: the vendors' libraries, and stand-ins for the devices.

The stand-ins are tests/support/devices.py and tests/support/trezor_device.py.
What is a Trezor's own is in test_trezor.py; the real
Ethereum app of a Ledger is tried in tests/lab/test_speculos.py, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from l2send.core.address import ZERO_ADDRESS
from l2send.core.errors import ConfigError, Interrupted, Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.safe import Operation, SafeTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.keys.derivation import parse_path, path_on_device
from l2send.wallet.keys.hardware import HardwareSigner, unsigned_bytes
from l2send.wallet.keys.ledger import open_ledger
from l2send.wallet.keys.mnemonic import Phrase
from l2send.wallet.keys.signed import decode_signed
from l2send.wallet.keys.signer import LocalSigner, Signer
from l2send.wallet.keys.trezor import open_trezor
from tests.support import devices
from tests.support.addresses import new_address
from tests.support.trezor_device import trezor

PRICE = GasPrice(Wei(7), Wei(2), Wei(16))
LEGACY = GasPrice(Wei(0), Wei(0), Wei(9), legacy=True)
TX = UnsignedTx(ChainId(8453), new_address(), Wei(5), b"\1\2")
PATH = path_on_device(1)


@dataclass
class DeviceRig:
    """A signer on a stand-in, and one that has the same key in memory."""

    device: devices.StandIn
    signer: HardwareSigner
    local: LocalSigner
    said: list[str]


def unasked(question: str) -> str:
    raise AssertionError(question)


def _bench(kind: str, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> DeviceRig:
    said = list[str]()
    if kind == "ledger":
        device = stack.enter_context(devices.ledger())
        monkeypatch.setenv("LEDGER_PROXY_PORT", str(device.port))
        opened = open_ledger(PATH)
        stack.callback(opened._transport.close)  # type: ignore[attr-defined]
        signer = HardwareSigner(opened, said.append)
    else:
        device = stack.enter_context(trezor())
        monkeypatch.setenv("TREZOR_PATH", f"udp:127.0.0.1:{device.port}")
        signer = HardwareSigner(open_trezor(PATH, unasked), said.append)
    return DeviceRig(device, signer, LocalSigner(Phrase(devices.WORDS).key(PATH)), said)


@pytest.fixture(params=["ledger", "trezor"])
def rig(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeviceRig]:
    with ExitStack() as stack:
        yield _bench(request.param, stack, monkeypatch)


@pytest.fixture
def ledger(monkeypatch: pytest.MonkeyPatch) -> Iterator[DeviceRig]:
    with ExitStack() as stack:
        yield _bench("ledger", stack, monkeypatch)


def test_the_account_at_the_path_is_the_one_of_the_seed(rig: DeviceRig) -> None:
    assert rig.signer.address == rig.local.address == "0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650"
    assert rig.device.paths == [list(parse_path("m/44'/60'/1'/0/0").numbers)]


@pytest.mark.parametrize("price", [PRICE, LEGACY], ids=["type 2", "legacy"])
@pytest.mark.parametrize(
    "tx",
    [
        TX,
        replace(TX, value=Wei(2**200), data=b""),
        replace(TX, chain_id=ChainId(1), data=bytes(range(256)) * 9),
        replace(TX, chain_id=ChainId(2**40), value=Wei(0)),
    ],
    ids=["small", "transfer", "long", "large chain id"],
)
def test_the_bytes_are_those_of_a_key_in_memory(rig: DeviceRig, tx: UnsignedTx, price: GasPrice) -> None:
    """Deterministic signatures (RFC 6979): the same key over the same bytes gives the same bytes."""
    ours: Signer = rig.signer
    signed = ours.sign(tx.chain_id, Nonce(3), tx, Gas(21000), price)
    assert signed == rig.local.sign(tx.chain_id, Nonce(3), tx, Gas(21000), price)
    assert decode_signed(signed.raw).sender == rig.signer.address
    assert rig.device.asked == ["transaction"]
    assert len(rig.said) == 1


def test_a_ledger_gets_chunks_that_hide_no_chain(ledger: DeviceRig) -> None:
    """Of every length: the last chunk is never just the chain and two zeros, or less of them."""
    for length in range(170, 250, 2):
        tx = replace(TX, data=bytes([7]) * length)
        ledger.device.chunks.clear()
        ledger.signer.sign(tx.chain_id, Nonce(0), tx, Gas(21000), LEGACY)
        whole = len(unsigned_bytes(Nonce(0), tx, Gas(21000), LEGACY)) + 21
        assert sum(ledger.device.chunks) == whole
        assert ledger.device.chunks[-1] > 5
        assert max(ledger.device.chunks) <= 255


@pytest.mark.parametrize(
    "spoil",
    [
        lambda fields: fields.update(value=fields["value"] + 1),
        lambda fields: fields.update(nonce=9),
        lambda fields: fields.update(to=bytes(19) + b"\1"),
        lambda fields: fields.update(data=b""),
        lambda fields: fields.update(chainId=1),
    ],
    ids=["value", "nonce", "recipient", "data", "chain"],
)
def test_a_device_that_signs_something_else_is_not_believed(
    rig: DeviceRig, spoil: Callable[[dict[str, Any]], None]
) -> None:
    rig.device.spoil = spoil
    with pytest.raises(Refused, match="is not this transaction"):
        rig.signer.sign(TX.chain_id, Nonce(0), TX, Gas(21000), PRICE)
    assert rig.device.asked == ["transaction"]


def test_a_no_on_the_device_is_a_no(rig: DeviceRig) -> None:
    rig.device.answer = 0x6985
    with pytest.raises(Interrupted, match="rejected on the"):
        rig.signer.sign(TX.chain_id, Nonce(0), TX, Gas(21000), PRICE)
    rig.device.answer = None
    rig.signer.sign(TX.chain_id, Nonce(0), TX, Gas(21000), PRICE)


@pytest.mark.parametrize(
    ("status", "words"),
    [(0x5515, "locked"), (0x6D00, "not open"), (0x6E00, "another app"), (0x6A80, "blindly"), (0x6F00, "6f00")],
)
def test_what_a_ledger_answers_is_said_in_words(ledger: DeviceRig, status: int, words: str) -> None:
    ledger.device.answer = status
    with pytest.raises(ConfigError, match=words) as caught:
        ledger.signer.sign(TX.chain_id, Nonce(0), TX, Gas(21000), PRICE)
    assert caught.value.hint


def test_what_is_not_bound_is_not_shown_to_the_device(rig: DeviceRig) -> None:
    for chain, tx in ((ChainId(1), TX), (TX.chain_id, replace(TX, to=ZERO_ADDRESS))):
        with pytest.raises(Refused):
            rig.signer.sign(chain, Nonce(0), tx, Gas(21000), PRICE)
    assert rig.device.asked == []


def test_a_ledger_signs_a_message_by_its_hashes(ledger: DeviceRig) -> None:
    data = TypedData(
        {"name": "Token", "chainId": "8453", "verifyingContract": new_address()},
        {"Permit": (("address", "spender"), ("uint256", "value"))},
        "Permit",
        {"spender": new_address(), "value": "5"},
    )
    assert ledger.signer.sign_typed(data) == ledger.local.sign_typed(data)
    assert ledger.device.asked == ["typed"]


@pytest.mark.parametrize("length", [0, 68, 3000])
def test_a_device_signs_a_safes_transaction(rig: DeviceRig, length: int) -> None:
    """A transfer of coin, a call, and as many calls through MultiSendCallOnly as a long batch has."""
    safe_tx = SafeTx(ChainId(8453), new_address(), new_address(), Wei(7), bytes(length), Operation.DELEGATECALL)
    typed = safe_tx.typed(Nonce(2**40))
    assert rig.signer.sign_typed(typed) == rig.local.sign_typed(typed)
    assert rig.device.asked == ["typed"]


@pytest.mark.parametrize("kind", ["ledger", "trezor"])
def test_no_device_is_said_in_words(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEDGER_PROXY_PORT", raising=False)
    monkeypatch.setenv("TREZOR_PATH", "udp:127.0.0.1:1")
    with pytest.raises(ConfigError) as caught:
        open_ledger(PATH) if kind == "ledger" else open_trezor(PATH, unasked)
    assert "Connect it" in caught.value.hint
