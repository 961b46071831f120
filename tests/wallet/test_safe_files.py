"""The file that owners pass on: changes in it are detected before it is signed, or before it is sent."""

from __future__ import annotations

import copy
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import pytest
from eth_hash.auto import keccak

from bench import cast as pinned
from l2send.core.address import Address, checksum
from l2send.core.calldata import APPROVE, TRANSFER
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import ConfigError, L2sendError, Refused, UsageError
from l2send.core.paths import Paths
from l2send.core.plan import ChainAddress, Payment, Proposal, StepKind, UnsignedTx
from l2send.core.safe import EXECUTE, decode_execution, safe_tx_of
from l2send.core.safe_signatures import SignatureKind, contract_signature, pack_signatures, read_signature
from l2send.core.units import Amount, BlockNumber, Gas, Nonce, Seconds, Wei
from l2send.review import review_of_safe
from l2send.wallet.keys.signer import LocalSigner
from l2send.wallet.safe_files import SafeBundle, merge_safe, read_safe_file, safe_document, sign_safe, with_signatures
from l2send.wallet.safe_service import service_document, service_signatures
from tests.bridges.mutations import Capsys, tell
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.owners import new_signer, through_a_file

USDC = 10**6


@pytest.fixture
def registry(empty_home: Home) -> Registry:
    return load_registry(empty_home.paths)


@pytest.fixture
def owners() -> list[LocalSigner]:
    return [new_signer() for _ in range(3)]


@pytest.fixture
def bundle(registry: Registry, owners: list[LocalSigner]) -> SafeBundle:
    return bundle_of(registry, owners)


def bundle_of(registry: Registry, owners: list[LocalSigner], *, spender: str = "") -> SafeBundle:
    """A Safe on Base pays 25 USDC; with a `spender` it allows them something first, through MultiSendCallOnly."""
    base = registry.named("base")
    token, to, safe = base.token("USDC"), new_address(), new_address()
    assert token.address
    call = UnsignedTx(base.chain_id, token.address, Wei(0), TRANSFER.encode(to, 25 * USDC))
    calls = [call]
    if spender:
        calls = [UnsignedTx(base.chain_id, token.address, Wei(0), APPROVE.encode(spender, 25 * USDC)), call]
    execution = safe_tx_of(safe, calls, base.safes[0].multi_send_call_only.address).execution(b"")
    addresses = tuple(one.address for one in owners)
    proposal = Proposal(execution, Nonce(7), StepKind.TRANSFER, Gas(120_000), BlockNumber(1), addresses, 2)
    payment = Payment(safe, ChainAddress(base.chain_id, to), Amount(25 * USDC, token), by_owners=True)
    return SafeBundle("p-23456789", payment, proposal, False, Wei(10**14), Seconds(2), None)


def put(path: File, content: object) -> File:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value of a document that is neither an object nor a list, with the way to it."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from leaves(inner, (*path, key))
    else:
        yield path, value


def others(value: Any) -> Iterator[Any]:
    """What a value could be changed into: every byte of what is hexadecimal, and other types."""
    yield from (None, [], {}, "", "x")
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, -1, 2**300, str(value), value + 0.5)
        case str() if value.startswith("0x"):
            for at in range(2, len(value) - 1, 2):
                yield f"{value[:at]}{int(value[at : at + 2], 16) ^ 1:02x}{value[at + 2 :]}"
            yield from (value + "00", value[:-2], value.upper())
        case str():
            yield from (value + "1", value[:-1])
        case _:
            yield 1


def with_leaf(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(content)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


OPEN_TO_CHANGE = {"id", "network_fee", "duration", "until", "gas", "since", "threshold", "owners", "kind"}
"""Fields that no signature covers: what is shown of them is checked against the chain, or is about the file alone."""


@pytest.mark.lab
def test_every_value_of_a_signed_file(
    bundle: SafeBundle, owners: list[LocalSigner], registry: Registry, tmp_path: File, capsys: Capsys
) -> None:
    must_catch_every_value(bundle, owners, registry, tmp_path, capsys)


def must_catch_every_value(
    bundle: SafeBundle, owners: list[LocalSigner], registry: Registry, tmp_path: File, capsys: Capsys
) -> None:
    content = safe_document(sign_safe(sign_safe(bundle, owners[0]), owners[1]))
    path, caught, tried, passed = tmp_path / "pay.json", 0, 0, list[str]()
    assert read_safe_file(put(path, content))
    for where, value in leaves(content):
        if OPEN_TO_CHANGE.intersection(where):
            continue
        for other in others(value):
            if other == value:
                continue
            tried += 1
            put(path, with_leaf(content, where, other))
            try:
                review_of_safe(read_safe_file(path), registry)
            except L2sendError:
                caught += 1
            else:
                passed.append(f"{where}: {other}")
    tell(capsys, "values and bytes of a signed file of a Safe", caught, tried)
    assert not passed
    assert tried > 1000


@pytest.mark.parametrize("kind", [SignatureKind.CONTRACT, SignatureKind.APPROVED_HASH])
def test_what_others_wrote_in_an_owners_name_does_not_keep_that_owner_from_signing(
    bundle: SafeBundle, owners: list[LocalSigner], tmp_path: File, kind: SignatureKind
) -> None:
    owner = owners[0].address
    word = bytes(12) + bytes.fromhex(owner[2:]) + bytes(32) + b"\x01"
    wrong = contract_signature(owner, b"yes") if kind is SignatureKind.CONTRACT else read_signature(word, b"")
    received = through_a_file(with_signatures(bundle, [wrong]), tmp_path / "pay.json")
    assert [one.kind for one in received.signatures] == [kind]
    signed = sign_safe(received, owners[0])
    assert [(one.owner, one.kind) for one in signed.signatures] == [(owner, SignatureKind.EIP712)]
    with pytest.raises(UsageError, match="has signed it already"):
        sign_safe(with_signatures(signed, [wrong]), owners[0])


def test_what_no_signature_covers_changes_nothing_that_is_signed(
    bundle: SafeBundle, owners: list[LocalSigner], tmp_path: File
) -> None:
    signed = sign_safe(bundle, owners[0])
    content = safe_document(signed)
    for where, value in leaves(content):
        if OPEN_TO_CHANGE.intersection(where):
            for other in others(value):
                try:
                    read = read_safe_file(put(tmp_path / "pay.json", with_leaf(content, where, other)))
                except L2sendError:
                    continue
                assert (read.typed.digest, read.payment) == (signed.typed.digest, signed.payment)


def recomputed(bundle: SafeBundle, change: Callable[[Proposal], Proposal]) -> SafeBundle:
    """Changed by someone who knows the format: the hashes in the file are those of the changed transaction."""
    return replace(bundle, proposal=change(bundle.proposal))


def every_change(
    bundle: SafeBundle, registry: Registry, thief: Address, *, bytes_too: bool = True
) -> Iterator[tuple[str, SafeBundle]]:
    """What else the Safe could be made to do, in a file that fits together. `bytes_too`: also every byte changed."""
    execution = bundle.proposal.execution
    values = list(EXECUTE.decode_call(execution.data))

    def with_execution(tx: UnsignedTx) -> SafeBundle:
        return recomputed(bundle, lambda proposal: replace(proposal, execution=tx))

    for at in range(len(execution.data) if bytes_too else 0):
        data = bytearray(execution.data)
        data[at] ^= 1
        yield f"byte {at}", with_execution(replace(execution, data=bytes(data)))
    named = {
        "value": (1, 1),
        "call": (3, 0),
        "delegate call": (3, 1),
        "operation": (3, 2),
        "safeTxGas": (4, 1),
        "baseGas": (5, 1),
    }
    named |= {"gasPrice": (6, 1)}
    addresses = {"to": 0, "gasToken": 7, "refundReceiver": 8}
    for name, (position, value) in {**named, **{n: (p, thief) for n, p in addresses.items()}}.items():
        changed = EXECUTE.encode(*values[:position], value, *values[position + 1 :])
        if changed != execution.data:
            yield name, with_execution(replace(execution, data=changed))
    yield "another Safe", with_execution(replace(execution, to=thief))
    yield "another chain", with_execution(replace(execution, chain_id=registry.named("oeth").chain_id))
    multi_send = registry.named("base").safes[0].multi_send_call_only.address
    for name, calls in other_calls(decode_execution(execution, {multi_send}).calls, registry, thief).items():
        yield name, with_execution(safe_tx_of(execution.to, calls, multi_send).execution(b""))


def other_calls(own: tuple[UnsignedTx, ...], registry: Registry, thief: Address) -> dict[str, list[UnsignedTx]]:
    """Other calls than a Safe's `own`."""
    base = registry.named("base")
    usdc = base.token("USDC").address
    assert usdc
    call = UnsignedTx(base.chain_id, usdc, Wei(0), TRANSFER.encode(thief, 1))
    allow = UnsignedTx(base.chain_id, usdc, Wei(0), APPROVE.encode(thief, 1))
    changes: dict[str, list[UnsignedTx]] = {
        "an extra call": [*own, call],
        "an extra call first": [call, *own],
        "an extra approval": [allow, *own],
        "twice": [*own, *own],
        "its last call again": [*own, own[-1]],
    }
    if len(own) > 1:
        coin = replace(own[-1], value=Wei(own[-1].value + 1))
        changes |= {"a call less": [*own[:-1]], "in another order": [*own[::-1]], "more coin": [*own[:-1], coin]}
        changes |= {"to itself": [*own[:-1], replace(own[-1], to=own[0].to)], "one only": [own[0]]}
        changes |= {f"call {at} to a thief": [*own[:at], call, *own[at + 1 :]] for at in range(len(own))}
    return changes


def test_a_file_that_fits_together_and_does_something_else(
    bundle: SafeBundle, owners: list[LocalSigner], registry: Registry, tmp_path: File, capsys: Capsys
) -> None:
    must_catch_every_change(bundle, owners, registry, tmp_path, capsys)


def must_catch_every_change(
    bundle: SafeBundle, owners: list[LocalSigner], registry: Registry, tmp_path: File, capsys: Capsys
) -> None:
    """Unsigned it is refused by the guard, signed by the signature as well."""
    signed = sign_safe(bundle, owners[0])
    unsigned_passed, signed_passed, tried = list[str](), list[str](), 0
    review_of_safe(through_a_file(bundle, tmp_path / "good.json"), registry)
    for name, changed in every_change(bundle, registry, new_address()):
        tried += 1
        for one, passed in (
            (changed, unsigned_passed),
            (replace(changed, signatures=signed.signatures), signed_passed),
        ):
            try:
                review_of_safe(through_a_file(one, tmp_path / "bad.json"), registry)
            except L2sendError:
                continue
            passed.append(name)
    tell(capsys, "files of a Safe that fit together, unsigned", tried - len(unsigned_passed), tried)
    tell(capsys, "files of a Safe that fit together, signed", tried - len(signed_passed), tried)
    assert (unsigned_passed, signed_passed) == ([], [])


def test_another_nonce_is_another_hash_and_voids_every_signature(
    bundle: SafeBundle, owners: list[LocalSigner], tmp_path: File
) -> None:
    signed = sign_safe(bundle, owners[0])
    moved = replace(signed, proposal=replace(signed.proposal, nonce=Nonce(8)))
    with pytest.raises(Refused, match="signature that is not of"):
        through_a_file(moved, tmp_path / "moved.json")
    with pytest.raises(Refused, match="signature that is not of"):
        through_a_file(replace(signed, cancels=True), tmp_path / "cancel.json")


def test_signatures_are_told_apart(bundle: SafeBundle, owners: list[LocalSigner]) -> None:
    digest = bundle.typed.digest
    eip712 = owners[0].sign_typed(bundle.typed)
    assert read_signature(eip712, digest).kind is SignatureKind.EIP712
    word = bytes(12) + bytes.fromhex(owners[1].address[2:])
    approved = read_signature(word + bytes(32) + b"\x01", digest)
    assert (approved.owner, approved.kind, approved.is_verified) == (
        owners[1].address,
        SignatureKind.APPROVED_HASH,
        False,
    )
    bad = {
        "EIP-1271 without what is judged": word + (65).to_bytes(32, "big") + b"\x00",
        "v of 2": eip712[:64] + b"\x02",
        "v of 29": eip712[:64] + b"\x1d",
        "v of 33": eip712[:64] + b"\x21",
        "64 bytes": eip712[:64],
        "66 bytes": eip712 + b"\x00",
        "no bytes": b"",
        "r of zero": bytes(32) + eip712[32:],
        "approved by no one": bytes(64) + b"\x01",
        "approved with more": word + bytes(31) + b"\x01\x01",
        "a high s": eip712[:32] + b"\xff" * 32 + eip712[64:],
    }
    for name, data in bad.items():
        with pytest.raises(Refused):
            pytest.fail(f"{name}: {read_signature(data, digest)}")


def test_a_personal_message_is_verified_as_such(bundle: SafeBundle) -> None:
    """`eth_sign`: the same hash with a prefix, and `v` 4 higher."""
    from eth_account import Account
    from eth_account.messages import encode_defunct

    account, digest = Account.from_key(keccak(b"an owner")), bundle.typed.digest
    data = bytes(account.sign_message(encode_defunct(digest)).signature)
    signature = read_signature(data[:64] + bytes([data[64] + 4]), digest)
    assert (signature.owner, signature.kind) == (checksum(account.address), SignatureKind.ETH_SIGN)
    assert read_signature(data, digest).owner != signature.owner, "without the mark it is another account's"


def test_signatures_are_packed_in_the_order_of_their_owners(
    bundle: SafeBundle, owners: list[LocalSigner], tmp_path: File
) -> None:
    digest = bundle.typed.digest
    one, two = (read_signature(owner.sign_typed(bundle.typed), digest) for owner in owners[:2])
    packed = pack_signatures([one, two])
    assert packed == pack_signatures([two, one])
    content = safe_document(with_signatures(bundle, [two, one]))
    assert content == safe_document(with_signatures(bundle, [one, two]))
    for signatures in (content["signatures"][::-1], [content["signatures"][0]] * 2):
        with pytest.raises(UsageError):
            read_safe_file(put(tmp_path / "pay.json", content | {"signatures": signatures}))
    first, second = read_signature(packed[:65], digest), read_signature(packed[65:], digest)
    assert int(first.owner, 16) < int(second.owner, 16)


def test_who_signs_and_who_signed(bundle: SafeBundle, owners: list[LocalSigner]) -> None:
    with pytest.raises(Refused, match="no owner of the Safe"):
        sign_safe(bundle, new_signer())
    signed = sign_safe(bundle, owners[1])
    assert set(signed.missing) == {owners[0].address, owners[2].address}
    with pytest.raises(UsageError, match="has signed it already"):
        sign_safe(signed, owners[1])


def test_files_signed_apart_are_joined(bundle: SafeBundle, owners: list[LocalSigner], tmp_path: File) -> None:
    a, b = (through_a_file(sign_safe(bundle, owner), tmp_path / f"{n}.json") for n, owner in enumerate(owners[:2]))
    joined = merge_safe([a, b, a])
    assert joined == sign_safe(a, owners[1])
    with pytest.raises(Refused, match="not of one transaction"):
        merge_safe([a, replace(b, proposal=replace(b.proposal, nonce=Nonce(9)))])


def test_the_format_of_safes_transaction_service(bundle: SafeBundle, owners: list[LocalSigner]) -> None:
    signed = sign_safe(sign_safe(bundle, owners[0]), owners[2])
    written = json.loads(json.dumps(service_document(signed)))
    assert service_signatures(written, bundle) == list(signed.signatures)
    as_numbers = written | {"value": 0, "nonce": "7", "gasToken": None, "refundReceiver": None, "gasPrice": 0}
    assert service_signatures(as_numbers, bundle) == list(signed.signatures)
    for name, value in {
        "to": new_address(),
        "value": "1",
        "data": "0x",
        "operation": 1,
        "nonce": 8,
        "baseGas": 1,
    }.items():
        with pytest.raises(Refused, match="another transaction"):
            service_signatures(written | {name: value}, bundle)
    swapped = copy.deepcopy(written)
    swapped["confirmations"][0]["owner"] = owners[1].address
    with pytest.raises(Refused, match="not of"):
        service_signatures(swapped, bundle)


@pytest.mark.lab
def test_cast_signs_what_the_file_shows(bundle: SafeBundle, owners: list[LocalSigner], tmp_path: File) -> None:
    """`cast wallet sign --data` of `typed_data` is the signature that l2send makes itself, and is accepted."""
    try:
        cast = pinned.find(Paths.from_environment().cache, lambda _: None)
    except ConfigError as error:
        pytest.skip(error.message)
    key = keccak(b"an owner")
    from eth_account import Account

    owner = checksum(Account.from_key(key).address)
    mine = replace(bundle, proposal=replace(bundle.proposal, owners=(owner, *bundle.proposal.owners)))
    typed = put(tmp_path / "typed.json", safe_document(mine)["typed_data"])
    words = [str(cast), "wallet", "sign", "--private-key", "0x" + key.hex(), "--data", "--from-file", str(typed)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    signature = read_signature(bytes.fromhex(done.stdout.strip()[2:]), mine.typed.digest)
    assert (signature.owner, signature.kind) == (owner, SignatureKind.EIP712)
