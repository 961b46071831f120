"""prepare, sign and broadcast: real chains, and a signing process that has no network interface at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from l2send.core.address import Address
from l2send.core.errors import ConfigError, NodeError, Refused, UsageError
from l2send.devnet.node import Node
from l2send.devnet.state import require
from l2send.review import review_of
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from l2send.wallet.offline import read, sign
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.vault import Prepare, Vault, bring_key, changed, hash_of, payer, prepare, signed, vault

pytestmark = pytest.mark.lab

__all__ = ["payer", "prepare", "vault"]


def test_there_is_no_network_in_the_vault(vault: Vault, payer: tuple[str, Address]) -> None:
    asked = ("25", "USDC", f"dev1:{new_address()}", "--dry-run", "--from", payer[1])
    assert vault.run(*asked).status == 4


@pytest.mark.parametrize(("chain", "signatures"), [("dev1", 1), ("dev4", 2)], ids=["direct", "approve and open"])
def test_a_payment_is_signed_without_a_network_and_made_once(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare, chain: str, signatures: int
) -> None:
    to = new_address()
    unsigned = prepare("25", "USDC", f"{chain}:{to}")
    path = unsigned.with_name("signed.json")
    done = vault.must("sign", str(unsigned), "--account", payer[0], "--yes", "-o", str(path))
    assert to in done.stderr
    assert "25 USDC" in done.stderr
    (part,) = json.loads(path.read_text())["parts"]
    assert len(part["signed"]) == signatures
    assert [step["nonce"] for step in part["steps"]] == list(range(signatures))
    assert (part["until"] is None) == (signatures == 1)
    assert home.holds(to, chain) == 0, "something was sent before it was broadcast"
    sent = home.must("broadcast", str(path), "--json", ETH_PASSWORD="").json
    assert sent["state"] == "delivered"
    assert {tx["hash"] for tx in sent["transactions"]} == {hash_of(raw) for raw in part["signed"]}
    if signatures == 2:
        again = home.must("broadcast", str(path), "--json", ETH_PASSWORD="").json
        assert again["transactions"] == sent["transactions"]
    assert home.holds(to, chain) == 25_000_000
    assert {oct(file.stat().st_mode & 0o777) for file in (unsigned, path)} == {"0o600"}


@pytest.mark.parametrize("chain", ["dev1", "dev4"], ids=["direct", "approve and open"])
def test_what_was_sent_past_l2send_is_found_and_never_called_impossible(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare, chain: str
) -> None:
    """The signed bytes may reach a node by other hands: a block explorer's form, another machine, another tool."""
    to = new_address()
    path = signed(vault, payer, prepare("25", "USDC", f"{chain}:{to}"))
    (part,) = json.loads(path.read_text())["parts"]
    node = Node(require(home.paths.state).chain("dev1").rpc_url)
    for raw in part["signed"]:
        assert node.call("eth_sendRawTransactionSync", raw)["status"] == "0x1"
    sent = home.must("broadcast", str(path), "--json", ETH_PASSWORD="").json
    assert sent["state"] == "delivered"
    assert [tx["hash"] for tx in sent["transactions"]] == [hash_of(raw) for raw in part["signed"]]
    assert home.holds(to, chain) == 25_000_000


def test_cancel_says_that_a_signed_file_stays_valid_and_what_ends_it(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare
) -> None:
    to = new_address()
    path = signed(vault, payer, prepare("25", "USDC", f"dev1:{to}"))
    bundle = read(path)
    done = home.run("cancel", bundle.id, "--yes", "--json", ETH_PASSWORD="")
    assert done.status == 7
    (warning,) = done.json["warnings"]
    name = home.chain("dev1").name
    for said in (done.stderr, warning, home.run("status", bundle.id).stdout):
        assert f"A signed file of it stays valid until its nonces on {name} (0) are used." in " ".join(said.split())
        assert "the account's next payment there takes the first" in " ".join(said.split())
    assert "Nothing needs to be sent" not in done.stderr

    bring_key(vault, payer, home)
    home.must("5", "USDC", f"dev1:{new_address()}", "--yes", "--account", payer[0])
    node = Node(require(home.paths.state).chain("dev1").rpc_url)
    with pytest.raises(NodeError, match="nonce"):
        node.call("eth_sendRawTransactionSync", "0x" + bundle.parts[0].signed[0].hex())
    assert home.holds(to, "dev1") == 0


def test_cancel_does_not_call_a_payment_not_made_whose_file_may_have_been_sent(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare
) -> None:
    to = new_address()
    path = signed(vault, payer, prepare("25", "USDC", f"dev1:{to}"))
    bundle = read(path)
    node = Node(require(home.paths.state).chain("dev1").rpc_url)
    node.call("eth_sendRawTransactionSync", "0x" + bundle.parts[0].signed[0].hex())
    assert home.holds(to, "dev1") == 25_000_000
    done = home.run("cancel", bundle.id, "--yes", "--json", ETH_PASSWORD="")
    assert (done.status, done.error["sent"]) == (2, "maybe")
    assert "Nonce 0 is used already" in done.error["message"]
    assert home.must("broadcast", str(path), "--json", ETH_PASSWORD="").json["state"] == "delivered"


def _pay_somebody_else(content: Any) -> None:
    data = content["parts"][0]["steps"][0]["data"]
    content["parts"][0]["steps"][0]["data"] = data[:34] + new_address()[2:].lower() + data[74:]


def _more(content: Any) -> None:
    content["payment"]["amount"]["units"] = "26000000"


def _other_decimals(content: Any) -> None:
    content["payment"]["amount"]["token"]["decimals"] = 8


def _another_step(content: Any) -> None:
    content["parts"][0]["steps"] *= 2


def _allows_and_never_pays(content: Any) -> None:
    step = content["parts"][0]["steps"][0]
    step["data"] = "0x095ea7b3" + step["data"][10:]


def test_a_file_that_says_something_else_is_not_signed(
    vault: Vault, payer: tuple[str, Address], prepare: Prepare, tmp_path: Path
) -> None:
    unsigned = prepare("25", "USDC", f"dev1:{new_address()}")
    assert review_of(read(unsigned), vault.registry).effects
    for change in (_pay_somebody_else, _more, _other_decimals, _another_step, _allows_and_never_pays):
        with pytest.raises(Refused):
            review_of(read(changed(unsigned, change)), vault.registry)
    out = tmp_path / "out.json"
    other = str(changed(unsigned, _pay_somebody_else))
    done = vault.run("sign", other, "--account", payer[0], "--yes", "--json", "-o", str(out))
    assert (done.status, done.error["code"], done.error["sent"]) == (7, "refused", "no")
    assert not out.exists()


def test_what_cannot_be_meant_is_refused_in_words(
    home: Home, vault: Vault, payer: tuple[str, Address], prepare: Prepare, tmp_path: Path
) -> None:
    unsigned = prepare("1", "USDC", f"dev1:{new_address()}")
    path = signed(vault, payer, unsigned)
    late = changed(unsigned, lambda content: content["parts"][0].update(until=1))
    new = ("-o", str(tmp_path / "new.json"))
    refused = [
        (home.run("broadcast", str(unsigned), "--json"), 2, "not signed yet"),
        (vault.run("broadcast", str(path), "--json"), 3, "in this journal"),
        (vault.run("sign", str(unsigned), "--json", "--account", payer[0], *new), 2, "no question can be asked"),
        (vault.run("sign", str(late), "--yes", "--json", *new), 7, "the deadline was 1970-01-01"),
    ]
    for done, status, words in refused:
        assert (done.status, done.error["sent"]) == (status, "no"), done
        assert words in done.error["message"]
    with pytest.raises(UsageError, match="signed already"):
        sign(read(path), LocalSigner(SecretKey(b"1" * 32)))
    with pytest.raises(UsageError, match="pays"):
        sign(read(unsigned), LocalSigner(SecretKey(b"1" * 32)))


@pytest.mark.parametrize(
    "text", ['{"schema": "l2send.unsigned/1", "id": 1.5}', "[]", "", "{", '{"parts": []}', "[" * 9**5]
)
def test_what_is_no_bundle_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rubbish.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="not a payment that l2send prepared"):
        read(path)
    with pytest.raises(ConfigError, match="cannot read"):
        read(tmp_path / "none")
