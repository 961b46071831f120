"""Payments by the real command, signed by stand-ins for a Ledger and a Trezor where the vendors' emulators would be."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest

from l2send.core.chains import load_registry
from l2send.core.delegation import named_delegate
from l2send.core.safe_signatures import SignatureKind
from l2send.devnet.node import Node
from l2send.wallet.keys.derivation import path_on_device
from l2send.wallet.keys.mnemonic import Phrase
from l2send.wallet.keys.signer import address_of
from l2send.wallet.safe_files import read_safe_file
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.devices import WORDS, StandIn, ledger
from tests.support.inside import Inside, inside
from tests.support.owners import new_signer, written
from tests.support.trezor_device import trezor
from tests.wallet.test_safe_files import bundle_of

__all__ = ["inside"]

pytestmark = pytest.mark.lab

Device = Callable[[], AbstractContextManager[StandIn]]
DEVICES = [("ledger", ledger, "LEDGER_PROXY_PORT", "{}"), ("trezor", trezor, "TREZOR_PATH", "udp:127.0.0.1:{}")]


@pytest.mark.parametrize(("name", "device", "variable", "place"), DEVICES, ids=["ledger", "trezor"])
def test_an_operation_for_a_sponsor_is_signed_by_a_device(
    home: Home, name: str, device: Device, variable: str, place: str
) -> None:
    """An account without gas that delegates: the device signs the message, as for a gasless order."""
    index = {"ledger": 8, "trezor": 9}[name]
    account = address_of(Phrase(WORDS).key(path_on_device(index)))
    home.fund(account, "dev1", USDC="5")
    code = named_delegate("simple7702account", home.chain("dev1")).code.address
    Node(home.chain("dev1").rpcs[0]).call("anvil_setCode", account, "0xef0100" + code[2:])
    recipient = new_address()
    with device() as plugged:
        where = {variable: place.format(plugged.port), "ETH_PASSWORD": ""}
        words = ("3", "USDC", f"dev1:{recipient}", f"--{name}", "--mnemonic-index", str(index), "--yes", "--json")
        paid = home.must(*words, **where)
    assert (paid.json["state"], paid.json["transactions"], plugged.asked[-1]) == ("delivered", [], "typed")
    assert home.holds(recipient, "dev1") == 3_000_000


@pytest.mark.parametrize(("name", "device", "variable", "place"), DEVICES, ids=["ledger", "trezor"])
def test_a_payment_is_signed_by_a_device(home: Home, name: str, device: Device, variable: str, place: str) -> None:
    account = address_of(Phrase(WORDS).key(path_on_device(7)))
    home.fund(account, "dev1", USDC="2", ETH="1")
    recipient = new_address()
    words = ("1", "USDC", f"dev1:{recipient}", f"--{name}", "--mnemonic-index", "7", "--yes", "--json")
    with device() as plugged:
        where = {variable: place.format(plugged.port), "ETH_PASSWORD": ""}
        plugged.answer = 0x6985
        refused = home.run(*words, **where)
        assert (refused.status, refused.error["sent"]) == (130, "no")
        assert f"rejected on the {name.capitalize()}" in refused.error["message"]
        assert "l2send resume" in refused.error["hint"]
        plugged.answer = None
        (payment,) = re.findall(r"payment (p-\w+)", refused.stderr)
        paid = home.must("resume", payment, f"--{name}", "--mnemonic-index", "7", "--json", **where)
    assert paid.json["state"] == "delivered"
    assert "compare and confirm on the" in paid.stderr
    assert home.holds(recipient, "dev1") == 1_000_000
    assert plugged.asked[-1] == "transaction"
    unplugged = home.run(*words, "--again", **where)
    assert (unplugged.status, unplugged.error["sent"]) == (3, "no")
    assert "Connect it" in unplugged.error["hint"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the Ledger's library never hangs up
@pytest.mark.parametrize(("name", "device", "variable", "place"), DEVICES, ids=["ledger", "trezor"])
def test_an_owner_of_a_safe_signs_by_a_device(
    inside: Inside, monkeypatch: pytest.MonkeyPatch, name: str, device: Device, variable: str, place: str
) -> None:
    """As EIP-712, without a network: a Ledger is sent the two hashes, a Trezor every field."""
    owner, registry = address_of(Phrase(WORDS).key(path_on_device(7))), load_registry(inside.paths)
    bundle = bundle_of(registry, [new_signer(), new_signer()])
    bundle = replace(bundle, proposal=replace(bundle.proposal, owners=(*bundle.proposal.owners, owner)))
    file, output = written(bundle, inside.path / "pay.json"), inside.path / "signed.json"
    words = ("sign", str(file), f"--{name}", "--yes", "--json", "-o", str(output), "--mnemonic-index")
    with device() as plugged:
        monkeypatch.setenv(variable, place.format(plugged.port))
        stranger = inside.run(*words, "8")
        assert (stranger.status, stranger.error["sent"], plugged.asked) == (7, "no", [])
        inside.must(*words, "7")
    (signature,) = read_safe_file(output).signatures
    assert (signature.owner, signature.kind) == (owner, SignatureKind.EIP712)
    assert plugged.asked == ["typed"]
