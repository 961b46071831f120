"""A Safe's transaction in the format of Safe's transaction service, which api-kit and Safe's own interface read.

Source: schema SafeMultisigTransactionResponse of api.safe.global (OpenAPI), the fields for what is signed and by which
owners. No request is sent to the service: people supply its document as a file.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.errors import Refused
from l2send.core.safe_signatures import OwnerSignature, SignatureKind, contract_signature, read_signature
from l2send.wallet.file_fields import read_address, read_list
from l2send.wallet.safe_files import SafeBundle

_KIND_NAMES = {
    SignatureKind.EIP712: "EOA",
    SignatureKind.ETH_SIGN: "ETH_SIGN",
    SignatureKind.APPROVED_HASH: "APPROVED_HASH",
    SignatureKind.CONTRACT: "CONTRACT_SIGNATURE",
}
_FIELDS = ("safe", "to", "value", "data", "operation", "nonce", "safeTxHash")
_REFUND = ("gasToken", "safeTxGas", "baseGas", "gasPrice", "refundReceiver")


def is_service_document(written: Any) -> TypeGuard[dict[str, Any]]:
    """Whether this is a transaction service's document of one transaction."""
    return isinstance(written, dict) and {*_FIELDS, "confirmations"} <= written.keys()


def service_document(bundle: SafeBundle) -> dict[str, Any]:
    """The transaction and its signatures. `confirmations` are sorted by owner."""
    safe_tx, digest = bundle.safe_tx, "0x" + bundle.typed.digest.hex()
    return {
        "safe": safe_tx.safe,
        "to": safe_tx.to,
        "value": str(safe_tx.value),
        "data": "0x" + safe_tx.data.hex() if safe_tx.data else None,
        "operation": int(safe_tx.operation),
        "gasToken": ZERO_ADDRESS,
        "safeTxGas": 0,
        "baseGas": 0,
        "gasPrice": "0",
        "refundReceiver": ZERO_ADDRESS,
        "nonce": bundle.proposal.nonce,
        "safeTxHash": digest,
        "confirmationsRequired": bundle.proposal.threshold,
        "confirmations": [
            {"owner": one.owner, "signature": "0x" + one.data.hex(), "signatureType": _KIND_NAMES[one.kind]}
            for one in bundle.signatures
        ],
    }


def service_signatures(written: dict[str, Any], bundle: SafeBundle) -> list[OwnerSignature]:
    """The signatures of such a document, each verified over `bundle`. Raises Refused for another transaction."""
    ours = service_document(bundle)
    for name in (*_FIELDS, *_REFUND):
        if _plain(written.get(name)) != _plain(ours[name]):
            raise Refused(f"the document is of another transaction: its {name} differs.", hint="Nothing was added.")
    try:
        return [_signature(one, bundle) for one in read_list(written["confirmations"])]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise Refused("a confirmation of the document has no owner or no signature.") from error


def _signature(confirmation: dict[str, Any], bundle: SafeBundle) -> OwnerSignature:
    owner, data = Address(confirmation["owner"]), bytes.fromhex(confirmation["signature"].removeprefix("0x"))
    read_address(owner)
    if confirmation.get("signatureType") == _KIND_NAMES[SignatureKind.CONTRACT]:
        return contract_signature(owner, data)
    signature = read_signature(data, bundle.typed.digest)
    if signature.owner != owner:
        raise Refused(f"the document holds a signature that is not of {owner} over this transaction.")
    return signature


def _plain(value: Any) -> str:
    """Equal values in one form: services write a number as text or number, and nothing as null, 0x or zero."""
    text = "" if value is None else str(value).lower()
    return "" if text in {"0", "0x", ZERO_ADDRESS.lower()} else text
