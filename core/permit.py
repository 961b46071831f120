"""Allowances by signature: EIP-2612 for tokens that support it, and Permit2 for any token.

A permit has no effect by itself. Anyone can submit it to the token, once, before its deadline; that sets the allowance.

Source: EIP-2612; Uniswap/permit2 src/EIP712.sol, src/SignatureTransfer.sol; circlefin/stablecoin-evm contracts/v2.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.calldata import Function
from l2send.core.chains import Registry
from l2send.core.effects import PERMIT2, AllowsBySignature
from l2send.core.errors import L2sendError, Refused
from l2send.core.rpc import Call, Rpc
from l2send.core.typed_data import Fields, TypedData
from l2send.core.units import Amount, ChainId, Token, UnixTime

NONCE_BITMAP = Function("nonceBitmap(address,uint256)", "uint256")
"""Permit2's bitmap: which of 256 nonces of an owner are used."""
NONCES = Function("nonces(address)", "uint256")

_PERMIT: Fields = (
    ("address", "owner"),
    ("address", "spender"),
    ("uint256", "value"),
    ("uint256", "nonce"),
    ("uint256", "deadline"),
)
_TYPE_HASH = keccak(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
_NAME = Function("name()", "string")
_VERSION = Function("version()", "string")
_DOMAIN_SEPARATOR = Function("DOMAIN_SEPARATOR()", "bytes32")
_PERMIT_TYPEHASH = Function("PERMIT_TYPEHASH()", "bytes32")


@dataclass(frozen=True, slots=True)
class Permittable:
    """The domain of an EIP-2612 token, with an owner's nonce."""

    token: Token
    name: str
    version: str
    nonce: int
    """The owner's next nonce."""

    def permit(self, owner: Address, spender: Address, units: int, deadline: UnixTime) -> TypedData:
        """The message that gives `spender` an allowance of exactly `units`."""
        amount, domain = Amount(units, self.token), (self.name, self.version)
        return _message(AllowsBySignature(owner, amount, spender, self.nonce, deadline, domain))


async def permittable(rpc: Rpc, token: Token, owner: Address) -> Permittable | None:
    """The data for a permit of `token`, or None if the token does not support EIP-2612. Raises NetworkError."""
    assert token.address
    calls = [_NAME, _VERSION, _DOMAIN_SEPARATOR, _PERMIT_TYPEHASH]
    asked = [Call(token.address, NONCES, (owner,)), *(Call(token.address, function) for function in calls)]
    nonce, name, version, separator, type_hash = (await rpc.aggregate(asked)).values
    if nonce is None or name is None or separator is None or type_hash not in {None, (_TYPE_HASH,)}:
        return None
    # A token without `version` that follows OpenZeppelin's ERC20Permit has version 1; its domain confirms it.
    found = Permittable(token, name[0], version[0] if version else "1", nonce[0])
    domain = found.permit(owner, PERMIT2, 0, UnixTime(0)).domain_hash
    return found if separator == (domain,) else None


def nonce_call(owner: Address, nonce: int) -> Call:
    """Requests Permit2's word that holds `nonce`; see `is_used`."""
    return Call(PERMIT2, NONCE_BITMAP, (owner, nonce >> 8))


def is_used(bitmap: int, nonce: int) -> bool:
    """Whether Permit2 has used that nonce: a transfer signed with it happened, or never can."""
    return bool(bitmap >> (nonce & 0xFF) & 1)


def decode_permit(data: TypedData, registry: Registry) -> AllowsBySignature:
    """The allowance in an EIP-2612 message of a registry token. Raises Refused for anything else."""
    try:
        domain, message = data.domain, data.message
        token = registry.chain(ChainId(int(domain["chainId"]))).token(domain["verifyingContract"])
        allows = AllowsBySignature(
            owner=checksum(message["owner"]),
            amount=Amount(int(message["value"]), token),
            spender=checksum(message["spender"]),
            nonce=int(message["nonce"]),
            deadline=UnixTime(int(message["deadline"])),
            domain=(str(domain["name"]), str(domain["version"])),
        )
        meant = _message(allows)
    except (KeyError, TypeError, ValueError, AttributeError, L2sendError) as error:
        raise Refused(f"the permit to be signed cannot be read ({type(error).__name__}).") from None
    if data != meant or not data.digest:  # A value outside the range of its type has no digest.
        raise Refused("the permit to be signed says more than an EIP-2612 permit of a known token.")
    return allows


def _message(allows: AllowsBySignature) -> TypedData:
    token = allows.amount.token
    assert token.address
    name, version = allows.domain
    return TypedData(
        domain={
            "name": name,
            "version": version,
            "chainId": str(token.chain_id),
            "verifyingContract": token.address,
        },
        types={"Permit": _PERMIT},
        primary_type="Permit",
        message={
            "owner": allows.owner,
            "spender": allows.spender,
            "value": str(allows.amount.units),
            "nonce": str(allows.nonce),
            "deadline": str(allows.deadline),
        },
    )
