"""Across's deposits and settlements, as relayers and the HubPool encode them.

Layouts: across-protocol/contracts interfaces/{V3SpokePoolInterface,SpokePoolInterface}.sol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from eth_hash.auto import keccak

from l2send.core.address import checksum
from l2send.core.calldata import abi_encode, address_word

# The structs as a SpokePool hashes them.
_RELAY = "(bytes32,bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,bytes)"
_LEAF = "(uint256,uint256,uint256[],uint32,address,address[])"


@dataclass(frozen=True, slots=True)
class Deposit:
    """One deposit, from its FundsDeposited event. Accounts and tokens are ERC-55 addresses."""

    origin: int
    destination: int
    deposit_id: int
    depositor: str
    recipient: str
    exclusive_relayer: str
    input_token: str
    output_token: str
    input_amount: int
    output_amount: int
    fill_deadline: int
    exclusivity_deadline: int
    message: bytes

    def values(self) -> tuple[Any, ...]:
        """V3RelayData, as input for the ABI encoder."""
        parties = (self.depositor, self.recipient, self.exclusive_relayer, self.input_token, self.output_token)
        return (
            *(address_word(party) for party in parties),
            self.input_amount,
            self.output_amount,
            self.origin,
            self.deposit_id,
            self.fill_deadline,
            self.exclusivity_deadline,
            self.message,
        )

    @property
    def hash(self) -> bytes:
        """The relay hash that identifies it at the destination's SpokePool."""
        return bytes(keccak(abi_encode([_RELAY, "uint256"], [self.values(), self.destination])))

    def halved(self) -> Deposit:
        """The same deposit paying half: a careless client might mistake its fill for this one's."""
        return replace(self, output_amount=self.output_amount // 2)


def deposited(origin: int, event: Mapping[str, Any]) -> Deposit:
    """The deposit in the arguments of a FundsDeposited event of chain `origin`."""
    return Deposit(
        origin=origin,
        destination=event["destinationChainId"],
        deposit_id=event["depositId"],
        depositor=checksum(event["depositor"][12:]),
        recipient=checksum(event["recipient"][12:]),
        exclusive_relayer=checksum(event["exclusiveRelayer"][12:]),
        input_token=checksum(event["inputToken"][12:]),
        output_token=checksum(event["outputToken"][12:]),
        input_amount=event["inputAmount"],
        output_amount=event["outputAmount"],
        fill_deadline=event["fillDeadline"],
        exclusivity_deadline=event["exclusivityDeadline"],
        message=event["message"],
    )


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of a settlement: what the SpokePool of a chain pays one account in one token."""

    chain_id: int
    token: str
    account: str
    amount: int

    def values(self) -> tuple[Any, ...]:
        """RelayerRefundLeaf, as input for the ABI encoder."""
        return (0, self.chain_id, [self.amount], 0, self.token, [self.account])

    @property
    def root(self) -> bytes:
        """The root of a tree with only this leaf."""
        return bytes(keccak(abi_encode([_LEAF], [self.values()])))
