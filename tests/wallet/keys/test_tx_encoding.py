"""The bytes are those of eth-account, which encodes and signs them independently."""

from __future__ import annotations

from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from l2send.core.address import Address, checksum
from l2send.core.errors import Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.keys.signed import decode_signed
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from l2send.wallet.keys.tx_encoding import LEGACY, TYPE_2, TYPE_4, encoding_of, signature_by

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_keys = st.integers(1, _ORDER - 1).map(lambda key: key.to_bytes(32, "big"))
_kinds = st.sampled_from([LEGACY, TYPE_2, TYPE_4])
_addresses = st.binary(min_size=20, max_size=20).filter(any).map(checksum)
_amounts = st.integers(0, 2**256 - 1)
_txs = st.builds(UnsignedTx, st.integers(1, 2**50).map(ChainId), _addresses, _amounts.map(Wei), st.binary(max_size=99))


def _fields(tx: UnsignedTx, nonce: int, gas: int, price: GasPrice) -> dict[str, Any]:
    """As eth-account and web3.py call them."""
    fields = {
        "chainId": tx.chain_id, "nonce": nonce, "to": tx.to, "value": tx.value, "data": tx.data, "gas": gas,
    }  # fmt: skip
    if price.legacy:
        return fields | {"gasPrice": price.max_fee_per_gas}
    return fields | {"type": 2, "maxFeePerGas": price.max_fee_per_gas, "maxPriorityFeePerGas": price.tip}


@settings(max_examples=150, deadline=None)
@given(
    _keys, _txs, st.integers(0, 2**64 - 2), st.integers(0, 2**64 - 1), _amounts, _amounts, st.sampled_from([0, 2, 4])
)
def test_every_transaction_is_signed_as_by_eth_account(
    key: bytes, tx: UnsignedTx, nonce: int, gas: int, max_fee: int, tip: int, kind: int
) -> None:
    price = GasPrice(Wei(0), Wei(0 if kind == LEGACY else tip), Wei(max_fee), legacy=kind == LEGACY)
    fields = _fields(tx, nonce, gas, price)
    if kind == TYPE_4:
        tx = UnsignedTx(tx.chain_id, tx.to, tx.value, tx.data, delegate_to=tx.to)
        message = {"chainId": tx.chain_id, "address": tx.to, "nonce": nonce + 1}
        fields |= {"type": 4, "authorizationList": [Account.sign_authorization(message, key)]}
    theirs = Account.sign_transaction(fields, key)
    ours = LocalSigner(SecretKey(key)).sign(tx.chain_id, Nonce(nonce), tx, Gas(gas), price)
    assert (ours.raw, ours.hash) == (bytes(theirs.raw_transaction), "0x" + theirs.hash.hex())
    assert decode_signed(ours.raw).sender == Account.recover_transaction(ours.raw) == Account.from_key(key).address


@settings(max_examples=50, deadline=None)
@given(_keys, st.binary(min_size=32, max_size=32))
def test_a_digest_is_signed_as_by_eth_account(key: bytes, digest: bytes) -> None:
    theirs = Account.unsafe_sign_hash(digest, key)
    assert signature_by(key, digest).vrs == (theirs.v - 27, theirs.r, theirs.s)


_TO = Address("0xF0109fC8DF283027b6285cc889F5aA624EaC1F55")


@pytest.mark.parametrize("kind", [LEGACY, TYPE_2])
def test_no_number_and_no_bytes_may_be_a_list(kind: int) -> None:
    """An empty list has no bytes, as zero has none, but other libraries refuse it."""
    price = GasPrice(Wei(0), Wei(0), Wei(0), legacy=kind == LEGACY)
    encoding = encoding_of(Nonce(0), UnsignedTx(ChainId(1), _TO, Wei(0), b""), Gas(0), price)
    parity, r, s = signature_by(bytes([1] * 32), encoding.digest).vrs
    whole = encoding.signed(parity, r, s)
    assert decode_signed(whole).tx.value == 0
    items = rlp.decode(whole[1:] if kind else whole)
    for place, item in enumerate(items):
        if item == b"":
            changed = rlp.encode([*items[:place], [], *items[place + 1 :]])
            with pytest.raises(Refused):
                decode_signed((whole[:1] if kind else b"") + bytes(changed))
