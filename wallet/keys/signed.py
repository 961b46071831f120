"""Decodes signed bytes: what a node will execute, and who signed it.

The guard and the journal see what is decoded here, not what was meant to be signed. Only transaction types that l2send
signs are decoded: EIP-1559 (type 2), EIP-155 (legacy), and EIP-7702 (type 4) with one authorization, by the sender
itself and for this chain only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.errors import Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import ChainId, Gas, Nonce, Wei

_TYPE_2, _TYPE_4 = 2, 4
_FIRST_LIST_BYTE = 0xC0
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Half of secp256k1's group order."""
_KEPT = 8
"""Answers that are kept: the same bytes say the same."""
_Fields = tuple[UnsignedTx, Nonce, Gas, Wei, Wei, bool]


@dataclass(frozen=True, slots=True)
class SignedTx:
    """Bytes ready to broadcast, and their hash, computed here."""

    raw: bytes
    hash: str

    @classmethod
    def of(cls, raw: bytes) -> SignedTx:
        """`raw` with its hash. Source: EIP-2718, keccak of the bytes."""
        return cls(raw, "0x" + keccak(raw).hex())


@dataclass(frozen=True, slots=True)
class SignedFields:
    """All fields of signed bytes."""

    tx: UnsignedTx
    nonce: Nonce
    gas: Gas
    max_fee_per_gas: Wei
    """For a legacy transaction, the gas price."""
    tip: Wei
    legacy: bool
    sender: Address
    """Recovered from the signature."""

    def matches(self, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> bool:
        """Whether the bytes contain exactly these values."""
        said = (self.tx, self.nonce, self.gas, self.max_fee_per_gas, self.legacy)
        meant = (tx, nonce, gas, price.max_fee_per_gas, price.legacy)
        return said == meant and (self.legacy or self.tip == price.tip)


@lru_cache(_KEPT)
def decode_signed(raw: bytes) -> SignedFields:
    """Decode `raw`. Raises Refused for anything but one complete transaction of a type that l2send signs.

    Signer and guard decode the same bytes, and recovering the sender takes milliseconds: the newest answers are kept.
    """
    from eth_account import Account

    fields = _fields_of(raw)
    try:
        said = SignedFields(*fields, sender=checksum(Account.recover_transaction(raw)))
        if said.tx.delegate_to is not None and _authority_of(raw) != said.sender:
            raise Refused("the authorization is not signed by the account that sends it.")
        return said
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - the libraries raise many types of error, and all mean the same
        raise Refused(f"the signed bytes do not decode ({type(error).__name__}).") from None


def limits_of(raw: bytes) -> tuple[Gas, Wei]:
    """The gas limit and the most per gas that the signed bytes allow. Raises Refused as `decode_signed`.

    Does not recover the signer, which would take most of the time.
    """
    _, _, gas, max_fee_per_gas, _, _ = _fields_of(raw)
    return gas, max_fee_per_gas


def _fields_of(raw: bytes) -> _Fields:
    """Raises Refused for anything but one complete transaction of a type that l2send signs."""
    import rlp  # type: ignore[import-untyped]

    try:
        if raw[0] == _TYPE_2:
            return _type_2(rlp.decode(raw[1:], strict=True))
        if raw[0] == _TYPE_4:
            return _type_4(rlp.decode(raw[1:], strict=True))
        if raw[0] >= _FIRST_LIST_BYTE:
            return _legacy(rlp.decode(raw, strict=True))
    except Refused:
        raise
    except Exception as error:  # noqa: BLE001 - the library raises many types of error, and all mean the same
        raise Refused(f"the signed bytes do not decode ({type(error).__name__}).") from None
    raise Refused(f"signed bytes of transaction type {raw[0]} are not l2send's.")


def signer_of_typed(data: TypedData, signature: bytes) -> Address:
    """Who signed an EIP-712 message. Raises Refused for a signature that some contracts reject.

    Source: EIP-2 (low s) and v of 27 or 28, which FiatTokenV2 and Permit2 require.
    """
    from eth_account import Account
    from eth_account.messages import SignableMessage

    s, v = int.from_bytes(signature[32:64], "big"), signature[64:]
    if v not in {b"\x1b", b"\x1c"} or s > HALF_ORDER:
        raise Refused("the signature is not 65 bytes with a low s and v of 27 or 28.")
    message = SignableMessage(b"\x01", data.domain_hash, data.message_hash)
    try:
        return checksum(Account.recover_message(message, signature=signature))
    except Exception as error:  # noqa: BLE001 - the library raises many types of error, and all mean the same
        raise Refused(f"the signature belongs to no account ({type(error).__name__}).") from None


def _type_2(items: Any) -> _Fields:
    chain_id, nonce, tip, max_fee_per_gas, gas, to, value, data, access_list, _, _, _ = items
    if access_list:
        raise Refused("the signed bytes carry an access list, which l2send never writes.")
    tx = UnsignedTx(ChainId(_integer(chain_id)), checksum(to), Wei(_integer(value)), data)
    return tx, Nonce(_integer(nonce)), Gas(_integer(gas)), Wei(_integer(max_fee_per_gas)), Wei(_integer(tip)), False


def _type_4(items: Any) -> _Fields:
    """Type 2 plus one authorization, for the transaction's chain and the next nonce. Source: EIP-7702."""
    tx, nonce, gas, max_fee, tip, legacy = _type_2([*items[:9], *items[10:]])
    ((chain_id, code, next_nonce, *_),) = items[9]
    if _integer(chain_id) != tx.chain_id:
        raise Refused("the authorization is not for the chain of its transaction alone: it could be replayed.")
    if _integer(next_nonce) != nonce + 1:
        raise Refused("the authorization is not for the nonce after its transaction.")
    return replace(tx, delegate_to=checksum(code)), nonce, gas, max_fee, tip, legacy


def _authority_of(raw: bytes) -> Address:
    """Who signed the authorization of a type-4 transaction.

    Source: EIP-7702, keccak(0x05 || rlp([chain_id, address, nonce])).
    """
    import rlp

    (authorization,) = rlp.decode(raw[1:], strict=True)[9]
    return _authority(authorization)


def code_authorized(raw: bytes, account: Address, chain_id: ChainId, nonce: Nonce) -> Address | None:
    """The code that `account` delegates to by this transaction's authorization with that nonce, the zero address for
    none; None without such an authorization. Of several, the chain applies the first. Source: EIP-7702.
    """
    import rlp

    if raw[:1] != bytes([_TYPE_4]):
        return None
    for authorization in rlp.decode(raw[1:], strict=True)[9]:
        chain, code, its_nonce, *_ = authorization
        if _integer(chain) not in {0, chain_id} or _integer(its_nonce) != nonce:
            continue
        try:
            if _authority(authorization) == account:
                return checksum(code)
        except Exception:  # noqa: BLE001, S112 - not a valid signature: the chain skips it, too
            continue
    return None


def _authority(signed: Any) -> Address:
    import rlp
    from eth_keys.datatypes import Signature

    *authorization, parity, r, s = signed
    if _integer(s) > HALF_ORDER:
        raise Refused("the signature of the authorization has a high s.")
    said: Any = rlp.encode(authorization)
    digest: Any = keccak(b"\x05" + said)
    signature = Signature(vrs=(_integer(parity), _integer(r), _integer(s)))
    return checksum(signature.recover_public_key_from_msg_hash(digest).to_checksum_address())


def _legacy(items: Any) -> _Fields:
    nonce, price, gas, to, value, data, v, _, _ = items
    chain_id = (_integer(v) - 35) // 2  # EIP-155
    if chain_id < 1:
        raise Refused("the signed bytes name no chain: they could be replayed on every one.")
    tx = UnsignedTx(ChainId(chain_id), checksum(to), Wei(_integer(value)), data)
    return tx, Nonce(_integer(nonce)), Gas(_integer(gas)), Wei(_integer(price)), Wei(0), True


def _integer(item: bytes) -> int:
    """An RLP integer in its canonical encoding."""
    if item[:1] == b"\0":
        raise Refused("the signed bytes write a number with leading zeros.")
    return int.from_bytes(item, "big")
