"""Files of Safe's Transaction Builder: written with its checksum, and read only as they were exported."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any

import pytest

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.calldata import APPROVE, TRANSFER
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import ConfigError, Refused, UsageError
from l2send.core.plan import BRIDGE_FEE, UnsignedTx
from l2send.core.safe import decode_execution
from l2send.core.units import Wei
from l2send.planning import payment_of_calls
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.safe_builder import builder_document, is_builder_file, read_builder_file
from l2send.wallet.safe_files import safe_bundle_of
from tests.bridges.mutations import Capsys, tell
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.owners import Team, new_signer
from tests.wallet.test_safe_files import bundle_of, leaves, others, put, with_leaf

SAFE, TO = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"), Address("0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045")
USDC = Address("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913")


def exported() -> dict[str, Any]:
    """As Safe's interface exports a batch that was made from the ABI of a token; its own code made the checksum."""
    inputs = [
        {"internalType": "address", "name": "to", "type": "address"},
        {"internalType": "uint256", "name": "", "type": "uint256"},
    ]
    return {
        "version": "1.0",
        "chainId": "8453",
        "createdAt": 1761326849944,
        "meta": {
            "name": "Löhne für November ✓",
            "description": 'a "quoted" line\nand \\ another',
            "txBuilderVersion": "1.18.3",
            "createdFromSafeAddress": SAFE,
            "createdFromOwnerAddress": "",
            "checksum": CHECKSUM,
        },
        "transactions": [
            {
                "to": USDC,
                "value": "0",
                "data": None,
                "contractMethod": {"inputs": inputs, "name": "transfer", "payable": False},
                "contractInputsValues": {"to": TO, "1": "25000000"},
            }
        ],
    }


CHECKSUM = "0xd438c809341ef6d7cec0e7b089706f616cf681018912eba3ea1191e8f533c139"
"""By tx-builder's checksum.ts in Node, with keccak of js-sha3."""


@pytest.fixture
def registry(empty_home: Home) -> Registry:
    return load_registry(empty_home.paths)


def read(content: object, path: File, registry: Registry) -> tuple[UnsignedTx, ...]:
    return read_builder_file(put(path, content), registry.named("base").chain_id, SAFE)


def test_a_batch_of_the_interface_is_read(registry: Registry, tmp_path: File) -> None:
    content, path = exported(), tmp_path / "batch.json"
    (call,) = read(content, path, registry)
    assert call == UnsignedTx(registry.named("base").chain_id, USDC, Wei(0), TRANSFER.encode(TO, 25_000_000))
    assert is_builder_file(path)
    payment = payment_of_calls(SAFE, [call], registry)
    assert (payment.sender, payment.to.address, str(payment.amount)) == (SAFE, TO, "25 USDC")
    content["meta"]["name"] = "renamed, which the interface allows"
    assert read(content, path, registry) == (call,)
    del content["meta"]["checksum"]
    assert read(content, path, registry) == (call,), "other programs write none"


def test_what_is_written_is_read_again(registry: Registry, tmp_path: File) -> None:
    for spender in ("", new_address()):
        bundle = bundle_of(registry, [new_signer() for _ in range(3)], spender=spender)
        multi_sends = {safe.multi_send_call_only.address for safe in registry.named("base").safes}
        calls = decode_execution(bundle.proposal.execution, multi_sends).calls
        content = builder_document(bundle, calls)
        path = put(tmp_path / f"{len(calls)}.json", content)
        assert read_builder_file(path, bundle.proposal.execution.chain_id, bundle.payment.sender) == calls
        assert bundle.typed.digest.hex() in content["meta"]["description"]
        assert not {"nonce", "signatures"} & content.keys()


def test_every_change_of_an_exported_file_is_noticed(registry: Registry, tmp_path: File, capsys: Capsys) -> None:
    """By its checksum, or because it is no such file any more. Only the name may change."""
    content, path, caught, tried = exported(), tmp_path / "batch.json", 0, 0
    assert read(content, path, registry)
    for where, value in leaves(content):
        for other in others(value):
            if other == value or where == ("meta", "name") or (where[-1] == "checksum" and not other):
                continue  # no checksum: what is left is checked like any call
            tried += 1
            try:
                read(with_leaf(content, where, other), path, registry)
            except (UsageError, Refused):
                caught += 1
    tell(capsys, "values of a file of the Transaction Builder", caught, tried)
    assert caught == tried > 100


BAD: dict[str, tuple[tuple[Any, ...], Any, str]] = {
    "another version": (("version",), "2.0", "not a file of"),
    "another chain": (("chainId",), "10", "chain with id '10'"),
    "another Safe": (("meta", "createdFromSafeAddress"), TO, f"made for the Safe {TO}"),
    "a delegate call": (("transactions", 0, "operation"), 1, "another operation than a call"),
    "an amount as a number": (("transactions", 0, "value"), 0, "not a file of"),
    "no calls": (("transactions",), [], "not a file of"),
    "a wrong checksum of an address": (("transactions", 0, "to"), USDC.replace("833", "834"), "not a file of"),
    "a method with an array": (
        ("transactions", 0, "contractMethod", "inputs", 0, "type"),
        "address[]",
        "not a file of",
    ),
    "a name with a type": (("transactions", 0, "contractMethod", "name"), "transfer(address)", "not a file of"),
    "a value beyond its type": (("transactions", 0, "contractInputsValues", "1"), str(2**256), "not a file of"),
    "a value missing": (("transactions", 0, "contractInputsValues"), {"to": TO}, "not a file of"),
    "meta of another kind": (("meta",), [], "not a file of"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_such_file_is_refused(registry: Registry, tmp_path: File, what: str) -> None:
    where, value, words = BAD[what]
    content = exported()
    del content["meta"]["checksum"]
    with pytest.raises((UsageError, Refused), match=words):
        read(with_leaf(content, where, value), tmp_path / "batch.json", registry)


def test_calls_that_are_not_one_payment_are_refused(registry: Registry) -> None:
    chain_id = registry.named("base").chain_id
    one = UnsignedTx(chain_id, USDC, Wei(0), TRANSFER.encode(TO, 1))
    allow = UnsignedTx(chain_id, USDC, Wei(0), APPROVE.encode(TO, 1))
    unknown = UnsignedTx(chain_id, new_address(), Wei(0), b"\x01\x02\x03\x04")
    for calls, words in (
        ([one, one], "makes 2 payments"),
        ([allow], "makes 0 payments"),
        ([one, allow], "in 2 calls"),
        ([one, unknown], "cannot tell"),
    ):
        with pytest.raises(Refused, match=words):
            payment_of_calls(SAFE, calls, registry)


def test_other_files_are_told_apart(tmp_path: File) -> None:
    for content in ({"version": "1.0"}, [], "text", {"schema": "l2send.safe_tx/1"}):
        assert not is_builder_file(put(tmp_path / "other.json", content))
    with pytest.raises(ConfigError):
        is_builder_file(tmp_path / "none.json")


@pytest.mark.parametrize(("to", "via"), [("dev1", ""), ("dev4", "eco")])
def test_a_file_becomes_the_same_transaction_on_another_machine(home: Home, tmp_path: File, to: str, via: str) -> None:
    """What is exported there is signed and paid here, an order too: with the same nonce the SafeTx hash is the same."""
    team, recipient = Team(home, tmp_path), new_address()
    bundle = team.prepare("20", f"{to}:{recipient}", via=via)
    multi_sends = {safe.multi_send_call_only.address for safe in home.chain("dev1").safes}
    calls = decode_execution(bundle.proposal.execution, multi_sends).calls
    path = put(tmp_path / "batch.json", builder_document(bundle, calls))
    calls = read_builder_file(path, home.chain("dev1").chain_id, team.safe.address)

    async def prepare(client: Client) -> PaymentRecord:
        payment = client.payment_of_calls(team.safe.address, calls)
        review = await client.plan_calls(payment, calls)
        quote = review.plan.quote
        kept = sum(fee.amount.units for fee in quote.fees if fee.name == BRIDGE_FEE)
        assert quote.pays.units == payment.amount.units + kept, "the bridge's fee counts for the limits"
        record = await client.prepare(review)
        assert isinstance(record, PaymentRecord)
        return record

    elsewhere = team.home_of("elsewhere")
    again = safe_bundle_of(team.do(prepare, elsewhere))
    assert (again.payment, again.typed.digest) == (bundle.payment, bundle.typed.digest)
    assert team.execute(team.sign(again), elsewhere).state is PaymentState.DELIVERED
    assert home.holds(recipient, to) == 20 * 10**6

    async def paid_recently(client: Client) -> object:
        return client.paid_recently(bundle.payment)

    assert team.do(paid_recently, elsewhere), "who prepares the file once more is asked whether it is meant"
