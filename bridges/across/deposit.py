"""An Across deposit: its calldata for the origin, and the hash that identifies it on both chains.

A SpokePool identifies a deposit by its relay hash: keccak of the whole V3RelayData and the destination's chain id. The
data include a deposit id. One from the pool's counter is known only once the deposit is mined; `unsafeDeposit` takes a
nonce instead, and its id is keccak(caller, depositor, nonce). So the hash is known before anything is signed. The
danger in the name, two deposits with one id, requires that a depositor uses a nonce twice: l2send's nonces are the
depositor's address and 96 random bits.

The nonce includes the depositor because the origin settler's `open` uses its caller, which is not in the calldata: so
the bytes alone show who pays and who is refunded.

Source: across-protocol/contracts contracts/spoke-pools/SpokePool.sol (unsafeDeposit, getUnsafeDepositId,
getV3RelayHash), interfaces/V3SpokePoolInterface.sol; of 4.1.12 also erc7683/ERC7683OrderDepositor.sol.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from eth_hash.auto import keccak

from l2send.bridges.erc7683 import OPEN
from l2send.bridges.quoting import demanding
from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import (
    Function,
    abi_decode,
    abi_decode_exact,
    abi_encode,
    address_word,
    event_topic,
    split_types,
)
from l2send.core.errors import BadAnswer

RELAY = "(bytes32,bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,bytes)"
"""V3RelayData: depositor, recipient, exclusiveRelayer, inputToken, outputToken, inputAmount, outputAmount,
originChainId, depositId, fillDeadline, exclusivityDeadline, message."""

UNSAFE_DEPOSIT = Function(
    "unsafeDeposit(bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,bytes32,uint256,uint32,uint32,uint32,bytes)"
)
DEPOSITED_TOPIC = event_topic(
    "FundsDeposited(bytes32,bytes32,uint256,uint256,uint256,uint256,uint32,uint32,uint32,bytes32,bytes32,bytes32,bytes)"
)
FILLED_TOPIC = event_topic(
    "FilledRelay(bytes32,bytes32,uint256,uint256,uint256,uint256,uint256,uint32,uint32,bytes32,bytes32,bytes32,"
    "bytes32,bytes32,(bytes32,bytes32,uint256,uint8))"
)
ORDER_DATA_TYPE = bytes.fromhex("9df4b782e7bbc178b3b93bfe8aafb909e84e39484d7f3c59f400f1b4691f85e2")
ORDER_DATA = "(address,uint256,address,uint256,uint256,bytes32,address,uint256,uint32,bytes)"
"""AcrossOrderData of contracts 4.x: inputToken, inputAmount, outputToken, outputAmount, destinationChainId,
recipient, exclusiveRelayer, depositNonce, exclusivityPeriod, message."""

demand = demanding("Across")

_DEPOSITED_DATA = split_types("bytes32,bytes32,uint256,uint256,uint32,uint32,uint32,bytes32,bytes32,bytes")
_FILLED_DATA = split_types(
    "bytes32,bytes32,uint256,uint256,uint256,uint32,uint32,bytes32,bytes32,bytes32,bytes32,"
    "(bytes32,bytes32,uint256,uint8)"
)
_NONCE_BITS = 96


@dataclass(frozen=True, slots=True)
class Deposit:
    """A deposit without a message or an exclusive relayer: any relayer may fill it, and it only pays."""

    origin: int
    destination: int
    depositor: Address
    recipient: Address
    input_token: Address
    input_units: int
    output_token: Address
    output_units: int
    nonce: int
    fill_deadline: int
    named_relayer: Address = ZERO_ADDRESS
    """The exclusive relayer in the relay data, with an exclusivity of zero seconds: see gasless.py."""

    def id(self, caller: Address) -> int:
        """The deposit id if `caller` calls `unsafeDeposit`. Source: SpokePool.getUnsafeDepositId."""
        packed = bytes.fromhex(caller[2:]) + address_word(self.depositor) + self.nonce.to_bytes(32, "big")
        return int.from_bytes(keccak(packed), "big")

    def relay(self, caller: Address) -> tuple[Any, ...]:
        """The V3RelayData that the pool will emit, as input for the ABI encoder."""
        return (
            address_word(self.depositor),
            address_word(self.recipient),
            address_word(self.named_relayer),
            address_word(self.input_token),
            address_word(self.output_token),
            self.input_units,
            self.output_units,
            self.origin,
            self.id(caller),
            self.fill_deadline,
            0,
            b"",
        )

    def unsafe_deposit(self, quoted_at: int) -> bytes:
        """Calldata for the origin's SpokePool; `quoted_at` is the time that sets the system's fee."""
        words = [address_word(a) for a in (self.depositor, self.recipient, self.input_token, self.output_token)]
        amounts = (self.input_units, self.output_units, self.destination)
        times = (quoted_at, self.fill_deadline, 0)
        return UNSAFE_DEPOSIT.encode(*words, *amounts, bytes(32), self.nonce, *times, b"")

    def open(self) -> bytes:
        """Calldata for the origin settler's `open`, whose caller is the depositor."""
        data = (
            self.input_token,
            self.input_units,
            self.output_token,
            self.output_units,
            self.destination,
            address_word(self.recipient),
            ZERO_ADDRESS,
            self.nonce,
            0,
            b"",
        )
        return OPEN.encode((self.fill_deadline, ORDER_DATA_TYPE, abi_encode([ORDER_DATA], [data])))


@dataclass(frozen=True, slots=True)
class Deposited:
    """A deposit in a block, by l2send or not, as its event describes it."""

    relay_hash: str
    destination: int
    input_token: Address
    input_units: int
    fill_deadline: int


def new_nonce(depositor: Address) -> int:
    """A nonce that this depositor has never used and will never use again."""
    return int(depositor, 16) << _NONCE_BITS | secrets.randbits(_NONCE_BITS)


def decode_unsafe_deposit(origin: int, data: bytes) -> tuple[Deposit, int]:
    """The deposit in calldata about to be signed, and its quote timestamp. Raises Refused."""
    values = UNSAFE_DEPOSIT.decode_call(data)
    depositor, recipient, input_token, output_token = (_account(word) for word in values[:4])
    input_units, output_units, destination, exclusive, nonce, quoted_at, deadline, exclusivity, message = values[4:]
    demand(not any(exclusive) and not exclusivity, "lets one relayer fill it before others")
    demand(not message, "carries a message for its recipient")
    demand(depositor == owner_of(nonce), "has a nonce that does not belong to who is refunded")
    amounts = (input_token, input_units, output_token, output_units)
    return Deposit(origin, destination, depositor, recipient, *amounts, nonce, deadline), quoted_at


def decode_open(origin: int, data: bytes) -> Deposit:
    """The deposit that this call of the origin settler makes. Raises Refused."""
    ((deadline, data_type, order_data),) = OPEN.decode_call(data)
    demand(data_type == ORDER_DATA_TYPE, "is of a type l2send does not know")
    (values,) = abi_decode_exact([ORDER_DATA], order_data, "the order for Across")
    input_token, input_units, output_token, output_units, destination = values[:5]
    recipient, exclusive, nonce, exclusivity, message = values[5:]
    demand(int(exclusive, 16) == 0 and not exclusivity, "lets one relayer fill it before others")
    demand(not message, "carries a message for its recipient")
    amounts = (checksum(input_token), input_units, checksum(output_token), output_units)
    return Deposit(origin, destination, owner_of(nonce), _account(recipient), *amounts, nonce, deadline)


def relay_hash(relay: tuple[Any, ...], destination: int) -> str:
    """The key of `fillStatuses` at the destination's SpokePool. Source: SpokePool.getV3RelayHash."""
    return "0x" + keccak(abi_encode([RELAY, "uint256"], [relay, destination])).hex()


def deposited(origin: int, log: dict[str, Any]) -> Deposited:
    """The deposit in a FundsDeposited event of chain `origin`. Raises BadAnswer."""
    destination, deposit_id, depositor = _topics(log)
    values = _data(log, _DEPOSITED_DATA)
    given, wanted, units_in, units_out, _, deadline, exclusivity, recipient, exclusive, message = values
    parties = (depositor.to_bytes(32, "big"), recipient, exclusive, given, wanted)
    relay = (*parties, units_in, units_out, origin, deposit_id, deadline, exclusivity, message)
    return Deposited(relay_hash(relay, destination), destination, checksum(given[12:]), units_in, deadline)


def filled_hash(destination: int, log: dict[str, Any]) -> str:
    """The relay hash of the fill in a FilledRelay event, empty if it had a message. Raises BadAnswer."""
    origin, deposit_id, _ = _topics(log)
    values = _data(log, _FILLED_DATA)
    given, wanted, units_in, units_out, _, deadline, exclusivity, exclusive, depositor, recipient, message, _ = values
    if any(message):
        return ""
    parties = (depositor, recipient, exclusive, given, wanted)
    return relay_hash((*parties, units_in, units_out, origin, deposit_id, deadline, exclusivity, b""), destination)


def owner_of(nonce: int) -> Address:
    """The depositor in a nonce of `new_nonce`."""
    return checksum((nonce >> _NONCE_BITS).to_bytes(20, "big"))


def _account(word: bytes) -> Address:
    demand(not any(word[:12]), "names an account that is not of an EVM chain")
    return checksum(word[12:])


def _topics(log: dict[str, Any]) -> tuple[int, int, int]:
    """An event's three indexed values, as numbers."""
    try:
        first, second, third = (int(topic, 16) for topic in log["topics"][1:])
    except (KeyError, TypeError, ValueError):
        raise BadAnswer("an event of a SpokePool has not its three topics.") from None
    return first, second, third


def _data(log: dict[str, Any], types: list[str]) -> tuple[Any, ...]:
    try:
        data = bytes.fromhex(log["data"].removeprefix("0x"))
    except (KeyError, AttributeError, ValueError):
        raise BadAnswer("an event of a SpokePool has no data.") from None
    return abi_decode(types, data)
