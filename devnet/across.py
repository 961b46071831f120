"""Across's deposits and settlements, as relayers and the HubPool see them.

Layouts: across-protocol/contracts interfaces/{V3SpokePoolInterface,SpokePoolInterface}.sol.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from eth_hash.auto import keccak

from l2send.core.address import checksum
from l2send.core.calldata import Function, abi_decode, abi_encode, address_word, event_topic

RELAY = "(bytes32,bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,bytes)"
_LEAF = "(uint256,uint256,uint256[],uint32,address,address[])"

DEPOSITED_TOPIC = event_topic(
    "FundsDeposited(bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,uint32,bytes32,bytes32,bytes32,bytes)"
)
RELAYED_BUNDLE_TOPIC = event_topic("RelayedRootBundle(uint32,bytes32,bytes32)")
FILL_RELAY = Function(f"fillRelay({RELAY},uint256,bytes32)")
FILL_STATUS = Function("fillStatuses(bytes32)", "uint256")
RELAY_ROOT_BUNDLE = Function("relayRootBundle(bytes32,bytes32)")
EXECUTE_LEAF = Function(f"executeRelayerRefundLeaf(uint32,{_LEAF},bytes32[])")

FILLED = 2
"""The value of V3SpokePoolInterface.FillStatus for a deposit that was paid out."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """One deposit, as its FundsDeposited event tells. Accounts and tokens are ERC-55 addresses."""

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
        """V3RelayData, as the ABI encoder takes it."""
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
        """The relay hash under which the destination's SpokePool knows it."""
        return bytes(keccak(abi_encode([RELAY, "uint256"], [self.values(), self.destination])))

    def fill(self, relayer: str) -> bytes:
        """Calldata that pays the recipient, to be repaid on the origin."""
        return FILL_RELAY.encode(self.values(), self.origin, address_word(relayer))

    def halved(self) -> Deposit:
        """The same deposit paying half: what a careless client might take for this one's fill."""
        return replace(self, output_amount=self.output_amount // 2)


def deposited(origin: int, log: dict[str, Any]) -> Deposit:
    """The deposit in a FundsDeposited event of chain `origin`. Raises BadAnswer, BadAddress."""
    types = ["bytes32", "bytes32", "uint256", "uint256", "uint32", "uint32", "uint32", "bytes32", "bytes32", "bytes"]
    values = abi_decode(types, bytes.fromhex(log["data"][2:]))
    given, wanted, units_in, units_out, _, deadline, exclusivity, recipient, exclusive, message = values
    destination, deposit_id, depositor = (int(topic, 16) for topic in log["topics"][1:4])
    return Deposit(
        origin=origin,
        destination=destination,
        deposit_id=deposit_id,
        depositor=checksum(depositor.to_bytes(20, "big")),
        recipient=checksum(recipient[12:]),
        exclusive_relayer=checksum(exclusive[12:]),
        input_token=checksum(given[12:]),
        output_token=checksum(wanted[12:]),
        input_amount=units_in,
        output_amount=units_out,
        fill_deadline=deadline,
        exclusivity_deadline=exclusivity,
        message=message,
    )


@dataclass(frozen=True, slots=True)
class Leaf:
    """One leaf of a settlement: what the SpokePool of a chain pays one account in one token."""

    chain_id: int
    token: str
    account: str
    amount: int

    def values(self) -> tuple[Any, ...]:
        """RelayerRefundLeaf, as the ABI encoder takes it."""
        return (0, self.chain_id, [self.amount], 0, self.token, [self.account])

    @property
    def root(self) -> bytes:
        """The root of a tree of this leaf alone."""
        return bytes(keccak(abi_encode([_LEAF], [self.values()])))

    def bundle(self) -> bytes:
        """Calldata by which the HubPool sends the root to a SpokePool."""
        return RELAY_ROOT_BUNDLE.encode(self.root, bytes(32))

    def execution(self, bundle_id: int) -> bytes:
        """Calldata by which anybody has the leaf paid out."""
        return EXECUTE_LEAF.encode(bundle_id, self.values(), [])


def bundle_id(receipt: dict[str, Any]) -> int:
    """The number a SpokePool gave the bundle that was sent to it."""
    (topic,) = (log["topics"][1] for log in receipt["logs"] if log["topics"][0] == RELAYED_BUNDLE_TOPIC)
    return int(topic, 16)
