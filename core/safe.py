"""Transactions of a Safe: their signed hash, and the effects of `execTransaction`, decoded from its own bytes.

Accepted are a CALL, and a DELEGATECALL to the pinned MultiSendCallOnly with only CALLs inside, without a gas refund.
Anything else is refused. Source: safe-global/safe-smart-account, Safe.sol and libraries/MultiSendCallOnly.sol.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import Function
from l2send.core.errors import Refused
from l2send.core.plan import UnsignedTx
from l2send.core.typed_data import Fields, TypedData
from l2send.core.units import ChainId, Nonce, Wei

EXECUTE = Function("execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)", "bool")
_MULTI_SEND = Function("multiSend(bytes)")
_SIGNATURE = 65
_APPROVED_BY_SENDER = 1
"""The `v` of an owner's missing signature: the owner approves by sending the transaction."""
_TYPE: Fields = (
    ("address", "to"),
    ("uint256", "value"),
    ("bytes", "data"),
    ("uint8", "operation"),
    ("uint256", "safeTxGas"),
    ("uint256", "baseGas"),
    ("uint256", "gasPrice"),
    ("address", "gasToken"),
    ("address", "refundReceiver"),
    ("uint256", "nonce"),
)


@unique
class Operation(IntEnum):
    """How a Safe runs its transaction. Source: Enum.sol."""

    CALL = 0
    DELEGATECALL = 1


@dataclass(frozen=True, slots=True)
class SafeTx:
    """One transaction of a Safe. Gas refunds are never used, so their fields are omitted."""

    chain_id: ChainId
    safe: Address
    to: Address
    value: Wei
    data: bytes
    operation: Operation

    def typed(self, nonce: Nonce) -> TypedData:
        """The EIP-712 message that owners sign for it with that nonce of the Safe. `digest` is the SafeTx hash."""
        message = {
            "to": self.to,
            "value": str(self.value),
            "data": "0x" + self.data.hex(),
            "operation": str(int(self.operation)),
            "safeTxGas": "0",
            "baseGas": "0",
            "gasPrice": "0",
            "gasToken": ZERO_ADDRESS,
            "refundReceiver": ZERO_ADDRESS,
            "nonce": str(nonce),
        }
        domain = {"chainId": str(self.chain_id), "verifyingContract": self.safe}
        return TypedData(domain, {"SafeTx": _TYPE}, "SafeTx", message)

    def execution(self, signatures: bytes) -> UnsignedTx:
        """The transaction that has the Safe run it."""
        refund = (0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
        data = EXECUTE.encode(self.to, self.value, self.data, int(self.operation), *refund, signatures)
        return UnsignedTx(self.chain_id, self.safe, Wei(0), data)


@dataclass(frozen=True, slots=True)
class Execution:
    """A decoded `execTransaction`."""

    safe_tx: SafeTx
    calls: tuple[UnsignedTx, ...]
    """The Safe's calls, in order; all of them succeed, or none."""
    owner: Address | None
    """The owner who approves it by sending it; from any other account it reverts. None: it contains no approval."""


def safe_tx_of(safe: Address, calls: Sequence[UnsignedTx], multi_send: Address) -> SafeTx:
    """The transaction with which a Safe makes `calls` on its chain: one directly, several through MultiSendCallOnly."""
    chain_id = calls[0].chain_id
    if len(calls) == 1:
        return SafeTx(chain_id, safe, calls[0].to, calls[0].value, calls[0].data, Operation.CALL)
    data = _MULTI_SEND.encode(b"".join(_packed(call) for call in calls))
    return SafeTx(chain_id, safe, multi_send, Wei(0), data, Operation.DELEGATECALL)


def nothing_of(safe: Address, chain_id: ChainId) -> SafeTx:
    """The transaction that uses a nonce of the Safe and does nothing else."""
    return SafeTx(chain_id, safe, safe, Wei(0), b"", Operation.CALL)


def does_nothing(tx: UnsignedTx) -> bool:
    """Whether an `execTransaction` only uses a nonce of the Safe. Raises Refused."""
    return read_execution(tx)[0] == nothing_of(tx.to, tx.chain_id)


def approved_by_sender(owner: Address) -> bytes:
    """The signatures for a transaction that its only approving owner sends. Source: Safe.sol, checkNSignatures."""
    return bytes(12) + bytes.fromhex(owner[2:]) + bytes(32) + bytes([_APPROVED_BY_SENDER])


def decode_execution(tx: UnsignedTx, multi_sends: Collection[Address]) -> Execution:
    """Decode an `execTransaction`. `multi_sends`: MultiSendCallOnly as pinned on the chain. Raises Refused."""
    safe_tx, signatures = read_execution(tx)
    owner = _owner_of(signatures) if signatures else None
    return Execution(safe_tx, _calls_of(safe_tx, multi_sends), owner)


def read_execution(tx: UnsignedTx) -> tuple[SafeTx, bytes]:
    """The Safe's transaction in an `execTransaction`, and its signatures. Raises Refused."""
    if tx.value:
        raise Refused("the call of the Safe carries native coin, which the Safe would keep.")
    to, value, data, operation, *refund, signatures = EXECUTE.decode_call(tx.data)
    if refund != [0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS]:
        raise Refused("the transaction of the Safe refunds gas to the account that executes it.")
    if operation not in {Operation.CALL, Operation.DELEGATECALL}:
        raise Refused("the transaction of the Safe is neither a call nor a delegate call.")
    return SafeTx(tx.chain_id, tx.to, checksum(to), Wei(value), data, Operation(operation)), signatures


def _calls_of(safe_tx: SafeTx, multi_sends: Collection[Address]) -> tuple[UnsignedTx, ...]:
    if safe_tx.operation is Operation.CALL:
        return (UnsignedTx(safe_tx.chain_id, safe_tx.to, safe_tx.value, safe_tx.data),)
    if safe_tx.to not in multi_sends:
        raise Refused(f"the Safe would run code of {safe_tx.to} as its own, which can do anything with it.")
    if safe_tx.value:
        raise Refused("a delegate call carries native coin, which does nothing.")
    (packed,) = _MULTI_SEND.decode_call(safe_tx.data)
    calls = _unpacked(safe_tx.chain_id, packed)
    if len(calls) < 2 or b"".join(_packed(call) for call in calls) != packed:
        raise Refused("the calls of the Safe are not written as MultiSendCallOnly takes them.")
    return calls


def _packed(call: UnsignedTx) -> bytes:
    """One call in MultiSendCallOnly's format: operation, address, value, length, data."""
    head = bytes([Operation.CALL]) + bytes.fromhex(call.to[2:])
    return head + call.value.to_bytes(32, "big") + len(call.data).to_bytes(32, "big") + call.data


def _unpacked(chain_id: ChainId, packed: bytes) -> tuple[UnsignedTx, ...]:
    calls, at = list[UnsignedTx](), 0
    while at < len(packed):
        head, at = packed[at : at + 85], at + 85
        length = int.from_bytes(head[53:85], "big")
        if len(head) < 85 or length > len(packed) - at:
            raise Refused("the calls of the Safe are cut off.")
        to = checksum(head[1:21])
        if to == ZERO_ADDRESS:  # Safe 1.5.0 treats it as the Safe itself.
            raise Refused("the Safe would call the zero address.")
        calls.append(UnsignedTx(chain_id, to, Wei(int.from_bytes(head[21:53], "big")), packed[at : at + length]))
        at += length
    return tuple(calls)


def _owner_of(signatures: bytes) -> Address:
    owner = checksum(signatures[12:32]) if len(signatures) == _SIGNATURE else ZERO_ADDRESS
    if owner == ZERO_ADDRESS or signatures != approved_by_sender(owner):
        raise Refused("the transaction of the Safe is not approved by its sender alone.")
    return owner
