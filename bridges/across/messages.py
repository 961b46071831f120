"""The message that lets a sponsor open an Across order: built and decoded.

It is Permit2's PermitWitnessTransferFrom, whose witness is the whole ERC-7683 order: Permit2 takes the money only for
the settler, only with this order, and once for each nonce. The submitting account has no choice:

- The settler takes an exclusive relayer from its caller where the order names none, and the relay hash by which the
  order is followed would then be the caller's to choose. So the order names the sender, with an exclusivity of no
  time at all: any relayer may fill it, and its hash is known before it is signed.
- A deposit nonce of 0 would have the pool number the deposit; ours is never 0.

Source: across-protocol/contracts 4.1.12 contracts/erc7683/{ERC7683OrderDepositor,ERC7683Permit2Lib}.sol;
Uniswap/permit2 src/libraries/PermitHash.sol.
"""

from __future__ import annotations

import secrets
from typing import Any

from l2send.bridges.across.deposit import ORDER_DATA, ORDER_DATA_TYPE, Deposit, demand, owner_of
from l2send.bridges.across.order import order_of
from l2send.core.address import Address, checksum
from l2send.core.calldata import abi_encode, address_word
from l2send.core.chains import Registry
from l2send.core.effects import PERMIT2, OpensBySignature
from l2send.core.errors import L2sendError, Refused
from l2send.core.settlers import AcrossSettlers
from l2send.core.typed_data import Fields, TypedData
from l2send.core.units import ChainId, UnixTime

GASLESS_ORDER = "(address,address,uint256,uint256,uint32,uint32,bytes32,bytes)"
"""GaslessCrossChainOrder: originSettler, user, nonce, originChainId, openDeadline, fillDeadline, orderDataType,
orderData."""

_PRIMARY = "PermitWitnessTransferFrom"
_TYPES: dict[str, Fields] = {
    _PRIMARY: (
        ("TokenPermissions", "permitted"),
        ("address", "spender"),
        ("uint256", "nonce"),
        ("uint256", "deadline"),
        ("GaslessCrossChainOrder", "witness"),
    ),
    "AcrossOrderData": (
        ("address", "inputToken"),
        ("uint256", "inputAmount"),
        ("address", "outputToken"),
        ("uint256", "outputAmount"),
        ("uint256", "destinationChainId"),
        ("bytes32", "recipient"),
        ("address", "exclusiveRelayer"),
        ("uint256", "depositNonce"),
        ("uint32", "exclusivityPeriod"),
        ("bytes", "message"),
    ),
    "GaslessCrossChainOrder": (
        ("address", "originSettler"),
        ("address", "user"),
        ("uint256", "nonce"),
        ("uint256", "originChainId"),
        ("uint32", "openDeadline"),
        ("uint32", "fillDeadline"),
        ("bytes32", "orderDataType"),
        ("AcrossOrderData", "orderData"),
    ),
    "TokenPermissions": (("address", "token"), ("uint256", "amount")),
}


def new_permit_nonce() -> int:
    """An unused nonce of Permit2, whose nonces need no order."""
    return secrets.randbits(256)


def order_message(deposit: Deposit, settler: Address, nonce: int, open_deadline: UnixTime) -> TypedData:
    """The message that opens `deposit` through `settler`, by `open_deadline`, with that Permit2 nonce."""
    order_data = {
        "inputToken": deposit.input_token,
        "inputAmount": str(deposit.input_units),
        "outputToken": deposit.output_token,
        "outputAmount": str(deposit.output_units),
        "destinationChainId": str(deposit.destination),
        "recipient": "0x" + address_word(deposit.recipient).hex(),
        "exclusiveRelayer": deposit.named_relayer,
        "depositNonce": str(deposit.nonce),
        "exclusivityPeriod": "0",
        "message": "0x",
    }
    witness = {
        "originSettler": settler,
        "user": deposit.depositor,
        "nonce": str(nonce),
        "originChainId": str(deposit.origin),
        "openDeadline": str(open_deadline),
        "fillDeadline": str(deposit.fill_deadline),
        "orderDataType": "0x" + ORDER_DATA_TYPE.hex(),
        "orderData": order_data,
    }
    return TypedData(
        domain={"name": "Permit2", "chainId": str(deposit.origin), "verifyingContract": PERMIT2},
        types=_TYPES,
        primary_type=_PRIMARY,
        message={
            "permitted": {"token": deposit.input_token, "amount": str(deposit.input_units)},
            "spender": settler,
            "nonce": str(nonce),
            "deadline": str(open_deadline),
            "witness": witness,
        },
    )


def decode_order_message(bridge: str, data: TypedData, registry: Registry) -> OpensBySignature:
    """The order that `data` opens once it is signed, decoded from its fields.

    The message is rebuilt from the decoded order: a field that l2send ignored or misread would make a different
    message. Raises Refused.
    """
    try:
        witness = data.message["witness"]
        deposit, settler = _deposit(witness), checksum(witness["originSettler"])
        nonce, open_deadline = int(witness["nonce"]), UnixTime(int(witness["openDeadline"]))
        meant = order_message(deposit, settler, nonce, open_deadline)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, L2sendError) as error:
        raise Refused(f"the message to be signed cannot be read ({type(error).__name__}).") from None
    if data != meant or not data.digest:  # A value outside the range of its type has no digest.
        raise Refused("the message to be signed says something else than the order in it.")
    demand(deposit.named_relayer == deposit.depositor, "leaves its id to the account that opens it")
    demand(owner_of(deposit.nonce) == deposit.depositor, "has a nonce that does not belong to who is refunded")
    listed = registry.chain(ChainId(deposit.origin)).settlers_of(bridge, AcrossSettlers)
    demand(listed is not None and settler == listed.origin_settler, "is for another settler than the registry's")
    order = order_of(bridge, settler, deposit, None, registry)
    demand(not order.pays.token.is_native, "takes the wrapped coin, which Across would pay out as coin")
    return OpensBySignature(order, checksum(data.domain["verifyingContract"]), nonce, open_deadline)


def gasless_order(data: TypedData) -> tuple[Any, ...]:
    """The GaslessCrossChainOrder of a message, as input for the ABI encoder."""
    witness = data.message["witness"]
    numbers = [int(witness[name]) for name in ("nonce", "originChainId", "openDeadline", "fillDeadline")]
    kind, order_data = bytes.fromhex(witness["orderDataType"][2:]), witness["orderData"]
    values = [_value(type_, order_data[name]) for type_, name in _TYPES["AcrossOrderData"]]
    return witness["originSettler"], witness["user"], *numbers, kind, abi_encode([ORDER_DATA], [tuple(values)])


def _deposit(witness: Any) -> Deposit:
    order_data = witness["orderData"]
    return Deposit(
        origin=int(witness["originChainId"]),
        destination=int(order_data["destinationChainId"]),
        depositor=checksum(witness["user"]),
        recipient=checksum(bytes.fromhex(order_data["recipient"][2:])[12:]),
        input_token=checksum(order_data["inputToken"]),
        input_units=int(order_data["inputAmount"]),
        output_token=checksum(order_data["outputToken"]),
        output_units=int(order_data["outputAmount"]),
        nonce=int(order_data["depositNonce"]),
        fill_deadline=int(witness["fillDeadline"]),
        named_relayer=checksum(order_data["exclusiveRelayer"]),
    )


def _value(type_: str, value: str) -> Any:
    if type_.startswith("uint"):
        return int(value)
    return bytes.fromhex(value[2:]) if type_.startswith("bytes") else value
