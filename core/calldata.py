"""Encodes and decodes calldata of functions by their signature, with eth_abi.

Decoding is strict: bytes that differ from the encoding of the decoded values are refused, so nothing can hide behind
the values shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from eth_hash.auto import keccak

from l2send.core.abi_layout import refuse_odd_layout
from l2send.core.errors import BadAnswer, Refused


def abi_encode(types: list[str], values: list[Any]) -> bytes:
    """ABI-encode `values`; addresses are 0x strings, bytes are bytes."""
    from eth_abi.abi import encode

    return encode(types, values)


def abi_decode(types: list[str], data: bytes) -> tuple[Any, ...]:
    """ABI-decode an answer from a contract. Raises BadAnswer, also for parts that overlap: see abi_layout.py."""
    from eth_abi.abi import decode
    from eth_abi.exceptions import DecodingError

    refuse_odd_layout(types, data)
    try:
        return decode(types, data)
    except (DecodingError, OverflowError, ValueError) as error:
        raise BadAnswer("a contract's answer does not decode as its ABI says.") from error


def abi_decode_exact(types: list[str], data: bytes, what: str) -> tuple[Any, ...]:
    """ABI-decode bytes that will be signed: only their canonical encoding is accepted. Raises Refused."""
    try:
        values = abi_decode(types, data)
    except BadAnswer as error:
        raise Refused(f"{what} cannot be decoded, so what it does cannot be shown.") from error
    if abi_encode(types, list(values)) != data:
        raise Refused(f"{what} carries bytes besides its values.")
    return values


@dataclass(frozen=True)
class Function:
    """A contract function by its canonical signature, for example `transfer(address,uint256)`."""

    signature: str
    returns: str = ""
    inputs: list[str] = field(init=False)
    outputs: list[str] = field(init=False)

    def __post_init__(self) -> None:
        arguments = re.sub(r"^[^(]*\((.*)\)$", r"\1", self.signature)
        object.__setattr__(self, "inputs", split_types(arguments))
        object.__setattr__(self, "outputs", split_types(self.returns))

    @cached_property
    def selector(self) -> bytes:
        """The first four bytes of the signature's keccak."""
        return keccak(self.signature.encode())[:4]

    def encode(self, *values: Any) -> bytes:
        """Calldata of a call with these arguments."""
        return self.selector + abi_encode(self.inputs, list(values))

    def decode_call(self, data: bytes) -> tuple[Any, ...]:
        """The arguments in calldata that is about to be signed. Raises Refused."""
        if data[:4] != self.selector:
            raise Refused(f"the calldata does not call {self.signature}.")
        return abi_decode_exact(self.inputs, data[4:], f"the call of {self.signature.split('(')[0]}")

    def decode_result(self, data: bytes) -> tuple[Any, ...]:
        """The values that a call returned. Raises BadAnswer, also for an empty answer (no code there)."""
        return abi_decode(self.outputs, data)


def event_topic(signature: str) -> str:
    """Topic 0 of an event, 0x-prefixed."""
    return "0x" + keccak(signature.encode()).hex()


def split_types(types: str) -> list[str]:
    """Top-level types of a comma-separated list, nested tuples kept whole."""
    parts, depth, start = list[str](), 0, 0
    for i, c in enumerate(types):
        depth += (c == "(") - (c == ")")
        if c == "," and depth == 0:
            parts.append(types[start:i])
            start = i + 1
    return [*parts, types[start:]] if types else []


def address_word(address: str) -> bytes:
    """An address as a bytes32, as in ERC-7683."""
    return bytes(12) + bytes.fromhex(address[2:])


def answers_false(returned: bytes) -> bool:
    """Whether a token returned `false`, as EIP-20 allows for a failed transfer. Many tokens return nothing."""
    return len(returned) == 32 and not any(returned)


BALANCE_OF = Function("balanceOf(address)", "uint256")
ALLOWANCE = Function("allowance(address,address)", "uint256")
DECIMALS = Function("decimals()", "uint8")
TRANSFER = Function("transfer(address,uint256)", "bool")
APPROVE = Function("approve(address,uint256)", "bool")
TRANSFER_TOPIC = event_topic("Transfer(address,address,uint256)")
