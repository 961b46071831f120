"""Speeding an Across deposit up: the depositor signs that a relayer may deliver less, and so earn more.

The recipient stays, and there is no message; only the amount falls. l2send offers no command that signs it: a
payment delivers what was asked for or comes back. Once such a signature is out, any relayer may use it, and
`fillStatuses` calls the smaller delivery filled, too.

Source: across-protocol/contracts SpokePool.sol speedUpDeposit, _verifyUpdateV3DepositMessage;
upgradeable/EIP712CrossChainUpgradeable.sol (a domain without a contract, so that all chains accept it).
"""

from __future__ import annotations

from typing import Any

from l2send.core.calldata import Function, address_word
from l2send.core.errors import Refused
from l2send.core.plan import Order

SPEED_UP = Function("speedUpDeposit(bytes32,uint256,uint256,bytes32,bytes,bytes)")
_TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
    ],
    "UpdateDepositDetails": [
        {"name": "depositId", "type": "uint256"},
        {"name": "originChainId", "type": "uint256"},
        {"name": "updatedOutputAmount", "type": "uint256"},
        {"name": "updatedRecipient", "type": "bytes32"},
        {"name": "updatedMessage", "type": "bytes"},
    ],
}


def speed_up_message(order: Order, units: int) -> dict[str, Any]:
    """The EIP-712 message that lets `order` be filled with `units` of its token, no more than it delivers.

    Raises Refused.
    """
    if "deposit_id" not in order.details or not 0 < units <= order.delivers.units:
        raise Refused("a speed-up may only lower what an order of Across delivers.")
    return {
        "types": _TYPES,
        "primaryType": "UpdateDepositDetails",
        "domain": {"name": "ACROSS-V2", "version": "1.0.0", "chainId": order.origin},
        "message": {
            "depositId": int(order.details["deposit_id"]),
            "originChainId": order.origin,
            "updatedOutputAmount": units,
            "updatedRecipient": address_word(order.recipient),
            "updatedMessage": b"",
        },
    }


def check_speed_up(order: Order, units: int, signature: bytes) -> None:
    """Refuse a signature that is not the sender's over exactly this message. Raises Refused."""
    from eth_account import Account
    from eth_account.messages import encode_typed_data
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    if len(signature) != 65:
        raise Refused("this is no signature of a speed-up.")
    try:
        signer = Account.recover_message(
            encode_typed_data(full_message=speed_up_message(order, units)), signature=signature
        )
    except (ValueError, TypeError, BadSignature, ValidationError) as error:
        raise Refused("this is no signature of a speed-up.") from error
    if signer != order.sender:
        raise Refused("the speed-up is signed by another account, or says something else.")


def speed_up_call(order: Order, units: int, signature: bytes) -> bytes:
    """Calldata that announces a signed speed-up on the origin's SpokePool. Raises Refused for a wrong one."""
    check_speed_up(order, units, signature)
    deposit_id = int(order.details["deposit_id"])
    return SPEED_UP.encode(address_word(order.sender), deposit_id, units, address_word(order.recipient), b"", signature)
