"""Eco Portal's orders, as the solver decodes and fulfils them. Layouts: Eco's contracts/types/Intent.sol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from eth_hash.auto import keccak

from l2send.core.address import checksum
from l2send.core.calldata import TRANSFER, abi_decode, abi_encode

# The structs as the Portal hashes them: no function of its ABI takes or returns these bytes.
ROUTE = "(bytes32,uint64,address,uint256,(address,uint256)[],(address,bytes,uint256)[])"
REWARD = "(uint64,address,address,uint256,(address,uint256)[])"

FUNDED = 1
"""The value of IIntentSource.Status for a fully escrowed reward."""


@dataclass(frozen=True, slots=True)
class TokenAmount:
    """`amount` base units of a token."""

    token: str
    amount: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call that the destination's executor makes."""

    target: str
    data: bytes
    value: int


@dataclass(frozen=True, slots=True)
class Route:
    """The calls that must be made on the destination."""

    salt: bytes
    deadline: int
    portal: str
    native_amount: int
    tokens: tuple[TokenAmount, ...]
    calls: tuple[Call, ...]

    def values(self) -> tuple[Any, ...]:
        """As input for the ABI encoder."""
        return (
            self.salt,
            self.deadline,
            self.portal,
            self.native_amount,
            [(t.token, t.amount) for t in self.tokens],
            [(c.target, c.data, c.value) for c in self.calls],
        )

    def encode(self) -> bytes:
        """The bytes whose keccak is the route hash."""
        return abi_encode([ROUTE], [self.values()])

    @classmethod
    def decode(cls, data: bytes) -> Route:
        """What `encode` wrote. Raises BadAnswer."""
        ((salt, deadline, portal, native, tokens, calls),) = abi_decode([ROUTE], data)
        return cls(salt, deadline, checksum(portal), native, _tokens(tokens), tuple(_call(c) for c in calls))

    def halved(self) -> Route:
        """The same route paying half: a dishonest or careless solver might pass it off as this one."""
        return replace(
            self,
            native_amount=self.native_amount // 2,
            tokens=tuple(replace(t, amount=t.amount // 2) for t in self.tokens),
            calls=tuple(_halved(call) for call in self.calls),
        )


@dataclass(frozen=True, slots=True)
class Reward:
    """What the solver gets on the origin, and until when."""

    deadline: int
    creator: str
    prover: str
    native_amount: int
    tokens: tuple[TokenAmount, ...]

    def values(self) -> tuple[Any, ...]:
        """As input for the ABI encoder."""
        tokens = [(t.token, t.amount) for t in self.tokens]
        return (self.deadline, self.creator, self.prover, self.native_amount, tokens)

    def hash(self) -> bytes:
        """keccak of its encoding."""
        return bytes(keccak(abi_encode([REWARD], [self.values()])))


@dataclass(frozen=True, slots=True)
class Intent:
    """One order."""

    origin: int
    destination: int
    route: Route
    reward: Reward

    @property
    def route_hash(self) -> bytes:
        """keccak of the encoded route."""
        return bytes(keccak(self.route.encode()))

    @property
    def hash(self) -> bytes:
        """The id that identifies it at the Portals of both chains."""
        return bytes(keccak(self.destination.to_bytes(8) + self.route_hash + self.reward.hash()))


def published(origin: int, event: Mapping[str, Any]) -> Intent:
    """The intent in the arguments of an IntentPublished event of chain `origin`. Raises BadAnswer."""
    tokens = tuple(TokenAmount(token["token"], token["amount"]) for token in event["rewardTokens"])
    reward = Reward(event["rewardDeadline"], event["creator"], event["prover"], event["rewardNativeAmount"], tokens)
    return Intent(origin, event["destination"], Route.decode(event["route"]), reward)


def proof(intent: Intent, claimant: str) -> bytes:
    """A prover's record: the destination, then pairs of intent hash and claimant."""
    return intent.destination.to_bytes(8) + intent.hash + claimant_word(claimant)


def claimant_word(claimant: str) -> bytes:
    """The solver's address in Eco's cross-VM form."""
    return bytes(12) + bytes.fromhex(claimant[2:])


def transfer_call(token: str, recipient: str, amount: int) -> Call:
    """The call that pays `recipient` in an ERC-20 token."""
    return Call(token, TRANSFER.encode(recipient, amount), 0)


def _tokens(values: Any) -> tuple[TokenAmount, ...]:
    return tuple(TokenAmount(checksum(token), amount) for token, amount in values)


def _call(values: Any) -> Call:
    target, data, value = values
    return Call(checksum(target), data, value)


def _halved(call: Call) -> Call:
    if call.data[:4] != TRANSFER.selector:
        return replace(call, value=call.value // 2)
    recipient, amount = TRANSFER.decode_call(call.data)
    return transfer_call(call.target, recipient, amount // 2)
