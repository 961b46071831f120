"""What a Trezor receives, shows and signs, with the vendor's library and protocol, on a stand-in.

The device's side is tests/support/trezor_device.py: it answers as the firmware does, and has no screen.
No Trezor was there to
try, and not the vendor's emulator, which is neither on PyPI nor on npm nor in Debian.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest

from l2send.core.errors import ConfigError, Interrupted, Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.keys.derivation import path_on_device
from l2send.wallet.keys.hardware import HardwareSigner
from l2send.wallet.keys.mnemonic import Phrase
from l2send.wallet.keys.signer import LocalSigner
from l2send.wallet.keys.trezor import open_trezor
from tests.support.addresses import new_address
from tests.support.devices import WORDS
from tests.support.trezor_device import TrezorStandIn, trezor

PRICE = GasPrice(Wei(7), Wei(2), Wei(16))
LEGACY = GasPrice(Wei(0), Wei(0), Wei(9), legacy=True)
PATH = path_on_device(1)
TX = UnsignedTx(ChainId(8453), new_address(), Wei(5), b"\1\2")
TOKEN, SPENDER = new_address(), new_address()
MESSAGE = TypedData(
    {"name": "Permit2", "chainId": "8453", "verifyingContract": TOKEN},
    {
        "PermitBatch": (("TokenPermissions[]", "permitted"), ("address", "spender"), ("Witness", "witness")),
        "TokenPermissions": (("address", "token"), ("uint256", "amount")),
        "Witness": (("bytes", "data"), ("bytes32", "salt"), ("string", "note"), ("bool", "exact"), ("int32", "shift")),
    },
    "PermitBatch",
    {
        "permitted": [{"token": TOKEN, "amount": str(2**255)}, {"token": SPENDER, "amount": "0"}],
        "spender": SPENDER,
        "witness": {"data": "0x0102", "salt": "0x" + "ab" * 32, "note": "für dich", "exact": True, "shift": "-5"},
    },
)


Plugged = Callable[..., AbstractContextManager[TrezorStandIn]]
"""A Trezor that is found until the context ends; what its owner has set up and types is told by name."""


class Owner:
    """Answers what is asked at the keyboard."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Plugged:
    @contextmanager
    def plugged(**owner: Any) -> Iterator[TrezorStandIn]:
        with trezor(**owner) as device:
            monkeypatch.setenv("TREZOR_PATH", f"udp:127.0.0.1:{device.port}")
            yield device

    return plugged


def opened(owner: Owner | None = None) -> HardwareSigner:
    return HardwareSigner(open_trezor(PATH, owner or Owner()), lambda _: None)


def local(passphrase: str = "") -> LocalSigner:
    return LocalSigner(Phrase(WORDS).key(PATH, passphrase))


@pytest.mark.parametrize("price", [PRICE, LEGACY], ids=["type 2", "legacy"])
def test_it_shows_all_of_a_transaction_that_can_lose_money(plugged: Plugged, price: GasPrice) -> None:
    tx = replace(TX, data=bytes(range(256)) * 9)
    with plugged() as device:
        assert opened().sign(tx.chain_id, Nonce(3), tx, Gas(21000), price) == local().sign(
            tx.chain_id, Nonce(3), tx, Gas(21000), price
        )
    shown = {"data": tx.data, "to": tx.to, "value": 5, "chainId": 8453, "maximum fee": price.max_fee_per_gas * 21000}
    assert dict(device.shown) == shown
    assert device.chunks == [1024, 1024, 256]


def test_it_shows_every_field_of_a_message_and_signs_its_hash(plugged: Plugged) -> None:
    with plugged() as device:
        signer = opened()
        assert signer.sign_typed(MESSAGE) == local().sign_typed(MESSAGE)
    assert device.shown == [
        ("account", signer.address),
        ("name", "Permit2"), ("chainId", 8453), ("verifyingContract", TOKEN),
        ("token", TOKEN), ("amount", 2**255), ("token", SPENDER), ("amount", 0),
        ("spender", SPENDER),
        ("data", b"\1\2"), ("salt", b"\xab" * 32), ("note", "für dich"), ("exact", 1), ("shift", -5),
    ]  # fmt: skip
    assert device.asked == ["typed"]


def test_a_model_one_is_sent_the_hashes_of_a_message(plugged: Plugged) -> None:
    with plugged(model_one=True) as device:
        assert opened().sign_typed(MESSAGE) == local().sign_typed(MESSAGE)
    assert device.shown == [("domain", MESSAGE.domain_hash), ("message", MESSAGE.message_hash)]


@pytest.mark.parametrize("model_one", [False, True], ids=["Model T", "Model One"])
def test_another_message_than_the_one_asked_for_is_not_believed(plugged: Plugged, model_one: bool) -> None:
    with plugged(model_one=model_one) as device:
        device.spoil = lambda hashes: hashes.update(message=bytes(32))
        with pytest.raises(Refused, match="is not this message"):
            opened().sign_typed(MESSAGE)
        assert device.asked == ["typed"]


def test_a_no_to_a_message_is_a_no(plugged: Plugged) -> None:
    with plugged() as device:
        signer = opened()
        device.answer = 0
        with pytest.raises(Interrupted, match="rejected on the Trezor"):
            signer.sign_typed(MESSAGE)
        device.answer = None
        assert signer.sign_typed(MESSAGE) == local().sign_typed(MESSAGE)


def test_what_the_firmware_refuses_is_said_in_its_words(plugged: Plugged) -> None:
    with plugged() as device:
        wide = GasPrice(Wei(2), Wei(2), Wei(2**235))
        with pytest.raises(ConfigError, match=r"the Trezor did not do it: .*Fee overflow"):
            opened().sign(TX.chain_id, Nonce(0), TX, Gas(21000), wide)
    assert device.shown == []


def test_the_pin_of_a_model_one_is_asked_for_once_and_unseen(plugged: Plugged) -> None:
    owner = Owner("7391")
    with plugged(model_one=True, pin="7391"):
        signer = opened(owner)
        signer.sign(TX.chain_id, Nonce(0), TX, Gas(21000), PRICE)
    assert signer.address == local().address
    assert ["PIN" in question for question in owner.asked] == [True]


@pytest.mark.parametrize(("typed", "words"), [("7392", "PIN"), ("12a4", "1 to 9"), ("", "1 to 9")])
def test_a_wrong_pin_is_said_in_words_without_it(plugged: Plugged, typed: str, words: str) -> None:
    with plugged(model_one=True, pin="7391"):
        with pytest.raises(ConfigError, match=words) as caught:
            opened(Owner(typed))
        assert not typed or typed not in f"{caught.value} {caught.value.hint}"
        assert opened(Owner("7391")).address == local().address


def test_a_model_t_is_unlocked_on_its_own_screen(plugged: Plugged) -> None:
    with plugged(pin="1234"):
        assert opened().address == local().address


def test_the_hidden_wallet_is_the_one_of_the_passphrase(plugged: Plugged) -> None:
    with plugged(passphrase="typed on the device"):
        assert opened().address == local("typed on the device").address
    owner = Owner("typed here")
    with plugged(model_one=True, passphrase=""):
        assert opened(owner).address == local("typed here").address
    assert ["Passphrase" in question for question in owner.asked] == [True]


@pytest.mark.parametrize("path", ["udp:127.0.0.1:nowhere", "udp:127.0.0.1:1", "nothing:at:all"])
def test_a_path_to_nothing_is_said_in_words(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREZOR_PATH", path)
    with pytest.raises(ConfigError, match="Trezor"):
        opened()
