"""Signing, and decoding signed bytes."""

from __future__ import annotations

import logging
import pickle
import secrets
import sys
import traceback
from dataclasses import replace

import pytest
import rlp  # type: ignore[import-untyped]
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.errors import ConfigError, L2sendError, Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.keys.signed import SignedTx, decode_signed, signer_of_typed
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.support.addresses import new_address

KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
SIGNER = LocalSigner(SecretKey(KEY))
PRICE = GasPrice(Wei(7), Wei(2), Wei(16))
LEGACY = GasPrice(Wei(0), Wei(0), Wei(9), legacy=True)
TX = UnsignedTx(ChainId(8453), new_address(), Wei(5), b"\1\2")

_address = st.binary(min_size=20, max_size=20).filter(any).map(checksum)
_chain = st.integers(1, 2**50).map(ChainId)
_tx = st.builds(UnsignedTx, _chain, _address, st.integers(0, 2**256 - 1).map(Wei), st.binary(max_size=99))
_price = st.builds(
    lambda tip, more: GasPrice(Wei(0), Wei(tip), Wei(tip + more)), st.integers(0, 2**64), st.integers(0, 2**64)
) | st.builds(lambda price: GasPrice(Wei(0), Wei(0), Wei(price), legacy=True), st.integers(0, 2**64))


@settings(max_examples=40, deadline=None)
@given(_tx, st.integers(0, 2**63).map(Nonce), st.integers(21000, 2**40).map(Gas), _price)
def test_signed_bytes_say_what_was_asked(tx: UnsignedTx, nonce: Nonce, gas: Gas, price: GasPrice) -> None:
    said = decode_signed(SIGNER.sign(tx.chain_id, nonce, tx, gas, price).raw)
    assert (said.tx, said.nonce, said.gas, said.max_fee_per_gas, said.legacy) == (
        tx,
        nonce,
        gas,
        price.max_fee_per_gas,
        price.legacy,
    )
    assert said.legacy or said.tip == price.tip
    assert said.sender == SIGNER.address


def test_it_agrees_with_a_known_vector() -> None:
    """The key and transaction of eth-account's own documentation (legacy, EIP-155, chain 1)."""
    tx = UnsignedTx(ChainId(1), Address("0xF0109fC8DF283027b6285cc889F5aA624EaC1F55"), Wei(10**9), b"")
    price = GasPrice(Wei(0), Wei(0), Wei(234567897654321), legacy=True)
    signed = SIGNER.sign(ChainId(1), Nonce(0), tx, Gas(2000000), price)
    assert SIGNER.address == "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"
    assert signed.hash == "0xd8f64a42b57be0d565f385378db2f6bf324ce14a594afc05de90436e9ce01f60"


@pytest.mark.parametrize("price", [PRICE, LEGACY], ids=["type 2", "legacy"])
def test_no_byte_can_be_changed_without_notice(price: GasPrice) -> None:
    """Every one-bit change decodes to something else, to another sender, or not at all."""
    raw = SIGNER.sign(TX.chain_id, Nonce(1), TX, Gas(21000), price).raw
    for place in range(len(raw)):
        for bit in (0x01, 0x80):
            changed = bytearray(raw)
            changed[place] ^= bit
            try:
                said = decode_signed(bytes(changed))
            except Refused:
                continue
            assert said.sender != SIGNER.address or not said.matches(Nonce(1), TX, Gas(21000), price)


@pytest.mark.parametrize("length", [0, 15, 21])
def test_a_recipient_of_another_length_than_an_address_is_refused(length: int) -> None:
    legacy = rlp.encode([1, 1, 21000, b"\x11" * length, 1, b"", 37, 1, 1])
    type_2 = b"\x02" + bytes(rlp.encode([1, 1, 1, 1, 21000, b"\x11" * length, 1, b"", [], 0, 1, 1]))
    for raw in (legacy, type_2):
        with pytest.raises(Refused):
            decode_signed(raw)


def test_bytes_after_the_transaction_are_refused() -> None:
    for price in (PRICE, LEGACY):
        raw = SIGNER.sign(TX.chain_id, Nonce(1), TX, Gas(21000), price).raw
        for other in (raw + b"\0", raw[:-1], b"\1" + raw, b"\x7f", b"\xc0", b"\x02\xc0"):
            with pytest.raises(Refused):
                decode_signed(other)


def test_another_tip_is_noticed() -> None:
    said = decode_signed(SIGNER.sign(TX.chain_id, Nonce(1), TX, Gas(21000), PRICE).raw)
    assert said.matches(Nonce(1), TX, Gas(21000), PRICE)
    assert not said.matches(Nonce(1), TX, Gas(21000), replace(PRICE, tip=Wei(3)))


def test_the_hash_is_computed_here() -> None:
    signed = SIGNER.sign(TX.chain_id, Nonce(1), TX, Gas(21000), PRICE)
    assert signed == SignedTx.of(signed.raw)


@pytest.mark.parametrize(
    ("chain", "tx"),
    [
        (ChainId(1), TX),
        (ChainId(0), replace(TX, chain_id=ChainId(0))),
        (TX.chain_id, replace(TX, to=ZERO_ADDRESS)),
        (TX.chain_id, replace(TX, to=Address(""))),
    ],
    ids=["another chain", "no chain", "zero recipient", "contract creation"],
)
def test_a_transaction_that_is_not_bound_is_not_signed(chain: ChainId, tx: UnsignedTx) -> None:
    with pytest.raises(Refused):
        SIGNER.sign(chain, Nonce(0), tx, Gas(21000), PRICE)


def test_a_replayable_legacy_signature_is_refused() -> None:
    from eth_account import Account

    fields = {"nonce": 0, "gasPrice": 1, "gas": 21000, "to": TX.to, "value": 1, "data": b""}
    raw = bytes(Account.sign_transaction(fields, KEY).raw_transaction)
    with pytest.raises(Refused, match="replayed"):
        decode_signed(raw)


def test_an_access_list_is_refused() -> None:
    from eth_account import Account

    fields = {
        "type": 2, "chainId": 1, "nonce": 0, "maxFeePerGas": 1, "maxPriorityFeePerGas": 1, "gas": 30000,
        "to": TX.to, "value": 1, "data": b"", "accessList": [{"address": TX.to, "storageKeys": []}],
    }  # fmt: skip
    raw = bytes(Account.sign_transaction(fields, KEY).raw_transaction)
    with pytest.raises(Refused, match="access list"):
        decode_signed(raw)


# The key


def leaks(text: object) -> bool:
    shown = str(text).lower()
    return KEY.hex() in shown or repr(KEY).lower() in shown or str(int.from_bytes(KEY, "big")) in shown


def test_no_view_of_a_key_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    key = SecretKey(KEY)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger().debug("%s %r %s", key, SIGNER, vars(SIGNER))
        SIGNER.sign(TX.chain_id, Nonce(0), TX, Gas(21000), PRICE)
    for view in (repr(key), str(key), f"{key}", repr(SIGNER), vars(SIGNER), caplog.text, [key], {"k": key}):
        assert not leaks(view)
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        vars(key)


@pytest.mark.parametrize("text", ["", "0x", "00" * 32, "ff" * 32, "g" * 64, KEY.hex()[:-1], KEY.hex() + "0", "é" * 64])
def test_what_is_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        LocalSigner(SecretKey.from_hex(text))
    if text:
        assert text not in "".join(traceback.format_exception(caught.value))


def test_a_key_may_be_written_with_or_without_0x() -> None:
    for text in (KEY.hex(), "0x" + KEY.hex(), KEY.hex().upper(), f" {KEY.hex()}\n"):
        assert LocalSigner(SecretKey.from_hex(text)).address == SIGNER.address


def test_no_traceback_of_a_failed_signature_holds_the_key() -> None:
    """Not its text, and not a frame of a library whose locals hold it."""
    with pytest.raises(L2sendError) as caught:
        SIGNER.sign(TX.chain_id, Nonce(-1), TX, Gas(21000), PRICE)
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__cause__ is None
    assert error.__context__ is None
    assert not leaks("".join(traceback.format_exception(error)))
    trace = error.__traceback__
    while trace:
        assert not leaks(trace.tb_frame.f_locals), trace.tb_frame.f_code.co_qualname
        trace = trace.tb_next


def test_two_keys_are_not_compared_by_value() -> None:
    assert SecretKey(KEY) != SecretKey(KEY)
    assert secrets.token_bytes(1)


MAIL = TypedData(
    domain={
        "name": "Ether Mail",
        "version": "1",
        "chainId": "1",
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
    },
    types={
        "Mail": (("Person", "from"), ("Person", "to"), ("string", "contents")),
        "Person": (("string", "name"), ("address", "wallet")),
    },
    primary_type="Mail",
    message={
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!",
    },
)
"""The example of EIP-712 itself, signed there by the key keccak("cow")."""
COW = LocalSigner(SecretKey(keccak(b"cow")))
COW_SIGNED = (
    "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
    "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
)


def test_a_message_is_signed_as_eip_712_says() -> None:
    assert MAIL.digest.hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    assert COW.sign_typed(MAIL).hex() == COW_SIGNED
    assert signer_of_typed(MAIL, bytes.fromhex(COW_SIGNED)) == COW.address
    assert TypedData.from_json(MAIL.json()) == MAIL


def test_a_signature_that_a_contract_would_not_take_is_refused() -> None:
    r, s, v = COW_SIGNED[:64], int(COW_SIGNED[64:128], 16), COW_SIGNED[128:]
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    spellings = [
        r + f"{order - s:064x}" + "1b",
        r + f"{s:064x}" + "01",
        r + f"{s:064x}",
        COW_SIGNED + "00",
        "00" * 64 + v,
    ]
    for spelling in spellings:
        with pytest.raises(Refused):
            signer_of_typed(MAIL, bytes.fromhex(spelling))


def test_a_message_whose_values_are_not_of_their_types_has_no_digest() -> None:
    with pytest.raises(Refused):
        _ = replace(MAIL, domain={**MAIL.domain, "chainId": "-1"}).digest


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="coincurve has no wheel for this Python")
def test_signatures_are_made_by_libsecp256k1() -> None:
    """eth-account takes coincurve where it is installed: six times as fast, and in constant time."""
    from eth_keys.backends import get_backend
    from eth_keys.backends.coincurve import CoinCurveECCBackend

    assert isinstance(get_backend(), CoinCurveECCBackend)


def test_bytes_that_the_signer_has_read_are_not_decoded_again() -> None:
    """To recover who signed them takes longer than to sign: the guard asks right after the signer."""
    decode_signed.cache_clear()
    signed = SIGNER.sign(TX.chain_id, Nonce(3), TX, Gas(21000), PRICE)
    assert decode_signed(signed.raw).sender == SIGNER.address
    assert decode_signed.cache_info().misses == 1
