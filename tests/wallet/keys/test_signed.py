"""Signed bytes of a batch with its authorization (EIP-7702): no other bytes say the same."""

from __future__ import annotations

from dataclasses import replace

import rlp  # type: ignore[import-untyped]

from l2send.core.account_contracts import Delegate, Deployment
from l2send.core.address import Address
from l2send.core.delegation import delegating_batch
from l2send.core.errors import Refused
from l2send.core.fees import signed_extra
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import ChainId, Gas, Nonce, Wei
from l2send.wallet.keys.signed import decode_signed
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.bridges.mutations import Capsys, tell

CHAIN, GAS, PRICE = ChainId(31337), Gas(300_000), GasPrice(Wei(7), Wei(1), Wei(50))
TOKEN = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
CODE = Delegate("simple7702account", Deployment(TOKEN, "0x" + "11" * 32))
SIGNER = LocalSigner(SecretKey(b"\x07" * 32))
CALLS = [UnsignedTx(CHAIN, TOKEN, Wei(0), b"\x01\x02\x03\x04"), UnsignedTx(CHAIN, TOKEN, Wei(7), b"")]
TX = delegating_batch(SIGNER.address, CALLS, CODE)
RAW = SIGNER.sign(CHAIN, Nonce(5), TX, GAS, PRICE).raw


def test_all_of_it_is_read_back() -> None:
    said = decode_signed(RAW)
    assert (said.sender, said.tx, said.nonce) == (SIGNER.address, TX, 5)
    (authorization,) = rlp.decode(RAW[1:], strict=True)[9]
    chain, code, nonce, *_ = authorization
    assert (int.from_bytes(chain), int.from_bytes(nonce), code.hex()) == (CHAIN, 6, TOKEN[2:].lower())


def test_no_other_byte_says_the_same(capsys: Capsys) -> None:
    """Every byte but those of the calls' data, of which one in eight."""
    start = RAW.index(TX.data)
    places = [at for at in range(len(RAW)) if not start <= at < start + len(TX.data) or at % 8 == 0]
    unnoticed = list[int]()
    for at in places:
        changed = bytes([*RAW[:at], RAW[at] ^ 1, *RAW[at + 1 :]])
        try:
            said = decode_signed(changed)
        except Refused:
            continue
        if said.sender == SIGNER.address and said.matches(Nonce(5), TX, GAS, PRICE):
            unnoticed.append(at)
    tell(capsys, "signed batch with its authorization, byte by byte", len(places) - len(unnoticed), len(places))
    assert not unnoticed


def test_its_size_is_what_the_l1_data_fee_is_asked_for() -> None:
    chain, far = ChainId(2**32 - 1), Nonce(2**24)
    tx = delegating_batch(SIGNER.address, [replace(call, chain_id=chain) for call in CALLS], CODE)
    price = GasPrice(Wei(7), Wei(2**40), Wei(2**42))
    for one in (tx, replace(tx, delegate_to=None)):
        beside = len(SIGNER.sign(chain, far, one, Gas(2**24), price).raw) - len(one.data)
        assert beside <= len(signed_extra(one)) < beside + 20
