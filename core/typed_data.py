"""EIP-712 messages, signed instead of transactions; a contract verifies one when it is submitted.

A message is kept in the JSON form that `eth_signTypedData_v4` takes and that sponsors receive: addresses by ERC-55,
integers as decimal strings, bytes as 0x and digits. Each value has one spelling, so that two messages are the same
exactly if they compare equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_hash.auto import keccak

from l2send.core.errors import Refused

Fields = tuple[tuple[str, str], ...]
"""The fields of a struct in order: (type, name)."""


@dataclass(frozen=True, slots=True)
class TypedData:
    """One message, with everything its hash commits to."""

    domain: Mapping[str, Any]
    types: Mapping[str, Fields]
    """Every struct except EIP712Domain."""
    primary_type: str
    message: Mapping[str, Any]

    @property
    def domain_hash(self) -> bytes:
        """hashStruct of the domain. Raises Refused."""
        return self._hashes()[0]

    @property
    def message_hash(self) -> bytes:
        """hashStruct of the message. Raises Refused."""
        return self._hashes()[1]

    @property
    def digest(self) -> bytes:
        """The 32 bytes that are signed. Raises Refused for values outside their types. Source: EIP-712."""
        return bytes(keccak(b"\x19\x01" + b"".join(self._hashes())))

    def json(self) -> dict[str, Any]:
        """The parameter of `eth_signTypedData_v4`."""
        domain: Fields = tuple((kind, name) for name, kind in _DOMAIN if name in self.domain)
        types = {"EIP712Domain": domain, **self.types}
        return {
            "types": {name: [{"type": t, "name": n} for t, n in fields] for name, fields in types.items()},
            "domain": dict(self.domain),
            "primaryType": self.primary_type,
            "message": dict(self.message),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TypedData:
        """The message that `json` wrote. Raises KeyError, TypeError, ValueError for any other shape."""
        types = {
            name: tuple((field["type"], field["name"]) for field in fields)
            for name, fields in data["types"].items()
            if name != "EIP712Domain"
        }
        return cls(data["domain"], types, data["primaryType"], data["message"])

    def _hashes(self) -> tuple[bytes, bytes]:
        from eth_account.messages import encode_typed_data

        try:
            signable = encode_typed_data(full_message=self.json())
        except Exception as error:  # noqa: BLE001 - the library raises many types of error, and all mean the same
            raise Refused(f"the message to be signed does not encode ({type(error).__name__}).") from None
        return bytes(signable.header), bytes(signable.body)


_DOMAIN = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
    ("salt", "bytes32"),
)
