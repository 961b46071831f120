"""User operations (ERC-4337): what a delegated account signs so that another account submits it to the chain.

The account runs the pinned Simple7702Account. It makes the calls that its own key signed and that the EntryPoint
passes on, once for each nonce. l2send signs only one transfer of a token or of coin, or two of them together. The
account pays no gas: every fee of the operation is zero, so the EntryPoint charges it nothing. There is no paymaster.

The EntryPoint has a counter for each account and key: a nonce is the key and the counter. Each payment has its own
random key, whose counter is 0. So payments do not wait for each other, and no other operation uses the nonce unless it
was signed for that. A signature does not expire, since Simple7702Account has no deadline: it is valid until its nonce
is used.

Source: ERC-4337, ERC-7769; eth-infinitism/account-abstraction v0.8.0, core/EntryPoint.sol, core/NonceManager.sol,
core/UserOperationLib.sol, core/BaseAccount.sol, accounts/Simple7702Account.sol.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address, checksum
from l2send.core.calldata import Function, event_topic
from l2send.core.delegation import EXECUTE_BATCH, batch_tx, decode_batch
from l2send.core.errors import L2sendError, Refused
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Call
from l2send.core.typed_data import Fields, TypedData
from l2send.core.units import ChainId, Gas, Wei

EXECUTE_ONE = Function("execute(address,uint256,bytes)")
GET_NONCE = Function("getNonce(address,uint192)", "uint256")
INCREMENT_NONCE = Function("incrementNonce(uint192)")
PACKED = "(address,uint256,bytes,bytes,bytes32,uint256,bytes32,bytes,bytes)"
"""PackedUserOperation: sender, nonce, initCode, callData, accountGasLimits, preVerificationGas, gasFees,
paymasterAndData, signature."""
GET_HASH = Function(f"getUserOpHash({PACKED})", "bytes32")
OPERATION_TOPIC = event_topic("UserOperationEvent(bytes32,address,address,uint256,bool,uint256,uint256)")
BEFORE_TOPIC = event_topic("BeforeExecution()")

CHECK_GAS = Gas(150_000)
"""To check the signature and the nonce, which takes about 30,000."""
MOST_CALL_GAS = Gas(1_000_000)
"""For the calls: two transfers of any known token take less than a third."""
_LEAST_CALL_GAS = Gas(21_000)
_COUNTER_BITS = 64
_KEY_BITS = 192

_PRIMARY = "PackedUserOperation"
_TYPE: Fields = (
    ("address", "sender"),
    ("uint256", "nonce"),
    ("bytes", "initCode"),
    ("bytes", "callData"),
    ("bytes32", "accountGasLimits"),
    ("uint256", "preVerificationGas"),
    ("bytes32", "gasFees"),
    ("bytes", "paymasterAndData"),
)
_NO_FEES = bytes(32)


@dataclass(frozen=True, slots=True)
class Operation:
    """Everything that is signed. What is not here is zero or empty."""

    chain_id: ChainId
    entry_point: Address
    sender: Address
    key: int
    """Of its nonce; the counter is 0."""
    calls: tuple[UnsignedTx, ...]
    """What the account calls, in order: all of it, or nothing."""
    call_gas: Gas
    """The gas limit of the calls. With less gas left, the EntryPoint runs nothing and leaves the nonce unused."""

    @property
    def nonce(self) -> int:
        """As the EntryPoint has it: the key, then 64 bits of its counter."""
        return self.key << _COUNTER_BITS

    @property
    def call_data(self) -> bytes:
        """What the EntryPoint calls the account with."""
        if len(self.calls) == 1:
            return EXECUTE_ONE.encode(self.calls[0].to, self.calls[0].value, self.calls[0].data)
        return batch_tx(self.sender, self.calls).data

    @property
    def typed(self) -> TypedData:
        """The message that is signed. Its digest is the userOpHash."""
        limits = int(CHECK_GAS).to_bytes(16, "big") + int(self.call_gas).to_bytes(16, "big")
        return TypedData(
            domain={
                "name": "ERC4337",
                "version": "1",
                "chainId": str(self.chain_id),
                "verifyingContract": self.entry_point,
            },
            types={_PRIMARY: _TYPE},
            primary_type=_PRIMARY,
            message={
                "sender": self.sender,
                "nonce": str(self.nonce),
                "initCode": "0x",
                "callData": "0x" + self.call_data.hex(),
                "accountGasLimits": "0x" + limits.hex(),
                "preVerificationGas": "0",
                "gasFees": "0x" + _NO_FEES.hex(),
                "paymasterAndData": "0x",
            },
        )

    @property
    def hash(self) -> str:
        """The userOpHash, 0x-prefixed."""
        return "0x" + self.typed.digest.hex()

    def packed(self, signature: bytes = b"") -> tuple[Any, ...]:
        """The PackedUserOperation, as the ABI encoder takes it."""
        message = self.typed.message
        limits = bytes.fromhex(message["accountGasLimits"][2:])
        return self.sender, self.nonce, b"", self.call_data, limits, 0, _NO_FEES, b"", signature

    def json(self, signature: bytes) -> dict[str, str]:
        """As `eth_sendUserOperation` takes it (ERC-7769); empty fields are left out."""
        return {
            "sender": self.sender,
            "nonce": hex(self.nonce),
            "callData": "0x" + self.call_data.hex(),
            "callGasLimit": hex(self.call_gas),
            "verificationGasLimit": hex(CHECK_GAS),
            "preVerificationGas": "0x0",
            "maxFeePerGas": "0x0",
            "maxPriorityFeePerGas": "0x0",
            "signature": "0x" + signature.hex(),
        }

    def nonce_call(self) -> Call:
        """Asks the EntryPoint for the next nonce of its key: see `is_used`."""
        return Call(self.entry_point, GET_NONCE, (self.sender, self.key))

    def is_used(self, next_nonce: int) -> bool:
        """Whether its nonce was used, by this operation or by something else."""
        return next_nonce > self.nonce

    def cancel_tx(self) -> UnsignedTx:
        """The account's own transaction that uses the nonce, and does nothing else."""
        return UnsignedTx(self.chain_id, self.entry_point, Wei(0), INCREMENT_NONCE.encode(self.key))


def new_key() -> int:
    """A random nonce key, which no other payment has."""
    return secrets.randbits(_KEY_BITS)


def operation_from(chain_id: ChainId, entry_point: Address, said: Mapping[str, str]) -> Operation:
    """The operation in a document of `json`. Raises Refused for any other form, KeyError, TypeError, ValueError."""
    sender, nonce = checksum(said["sender"]), int(said["nonce"], 16)
    calls = calls_in(UnsignedTx(chain_id, sender, Wei(0), bytes.fromhex(said["callData"][2:])))
    gas = Gas(int(said["callGasLimit"], 16))
    found = Operation(chain_id, entry_point, sender, nonce >> _COUNTER_BITS, calls, gas)
    if found.json(bytes.fromhex(said["signature"][2:])) != said:
        raise Refused("the operation says something else than the calls in it, or takes a fee.")
    return found


def is_operation(data: TypedData) -> bool:
    """Whether a message is a user operation, by its name alone."""
    return data.primary_type == _PRIMARY


def read_operation(data: TypedData) -> Operation:
    """The operation in `data`, decoded from its fields.

    The decoded operation is encoded again and compared with `data`, so that no field is ignored or misread. Raises
    Refused if they differ, for a fee, a paymaster, code to deploy, other gas limits, and a function call with coin.
    """
    try:
        message, chain_id = data.message, ChainId(int(data.domain["chainId"]))
        sender, nonce = checksum(message["sender"]), int(message["nonce"])
        limits = bytes.fromhex(message["accountGasLimits"][2:])
        calls = calls_in(UnsignedTx(chain_id, sender, Wei(0), bytes.fromhex(message["callData"][2:])))
        entry_point, call_gas = checksum(data.domain["verifyingContract"]), Gas(int.from_bytes(limits[16:], "big"))
        found = Operation(chain_id, entry_point, sender, nonce >> _COUNTER_BITS, calls, call_gas)
        meant = found.typed
    except Refused:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, L2sendError) as error:
        raise Refused(f"the operation to be signed cannot be read ({type(error).__name__}).") from None
    if data != meant or not data.digest:  # A value beyond the range of its type has no digest.
        raise Refused("the operation to be signed says something else than the calls in it, or takes a fee.")
    if not _LEAST_CALL_GAS <= call_gas <= MOST_CALL_GAS:
        raise Refused(f"the operation to be signed has a gas limit of {call_gas} for its calls.")
    return found


def calls_in(tx: UnsignedTx) -> tuple[UnsignedTx, ...]:
    """The calls that the account makes by `tx` to itself.

    Raises Refused for any other function, for the account itself as target, and for a function call with coin.
    """
    if tx.data[:4] == EXECUTE_BATCH.selector:
        calls = decode_batch(tx)
    else:
        to, value, data = EXECUTE_ONE.decode_call(tx.data)
        calls = (UnsignedTx(tx.chain_id, checksum(to), Wei(value), data),)
    if any((call.value and call.data) or call.to == tx.to for call in calls):
        raise Refused("the operation to be signed hands coin to a function, or calls the account itself.")
    return calls
