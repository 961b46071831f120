"""ERC-7930 interoperable addresses as bridges need them: accounts and tokens of EVM chains, and nothing else."""

from __future__ import annotations

from l2send.core import erc7930
from l2send.core.address import ZERO_ADDRESS, checksum
from l2send.core.errors import BadAddress, Refused
from l2send.core.plan import ChainAddress
from l2send.core.units import ChainId, Token


def asset(token: Token) -> ChainAddress:
    """A token by its contract; the native coin is the zero address."""
    return ChainAddress(token.chain_id, token.address or ZERO_ADDRESS)


def text(account: ChainAddress) -> str:
    """The account as 0x and hexadecimal digits."""
    return "0x" + erc7930.encode(account).hex()


def evm_account(data: bytes) -> ChainAddress:
    """The account on an EVM chain that foreign bytes name. Raises Refused for whatever is not exactly one."""
    try:
        parts = erc7930.split(data)
    except BadAddress as error:
        raise Refused(error.message) from None
    if parts.chain_type != erc7930.EIP155:
        raise Refused(f"an interoperable address is not of an EVM chain (type 0x{parts.chain_type.hex()}).")
    if not parts.reference:
        raise Refused("an interoperable address names no chain.")
    if parts.reference[0] == 0:
        raise Refused("an interoperable address writes its chain id with leading zeros.")
    if len(parts.address) != 20:
        raise Refused(f"an interoperable address holds {len(parts.address)} bytes, not an account's 20.")
    return ChainAddress(ChainId(int.from_bytes(parts.reference, "big")), checksum(parts.address))
