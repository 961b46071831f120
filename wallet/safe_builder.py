"""Files of Safe's Transaction Builder, version 1.0: the calls of a Safe's transaction, as Safe's own interface exports
and imports them.

Such a file has no Safe nonce, no operation and no signatures: it becomes a transaction when a Safe is named for it.
Source: safe-global/safe-react-apps at b823488 (2025-09-26), apps/tx-builder 1.18.3: src/typings/models.ts,
src/lib/checksum.ts, src/store/transactionLibraryContext.tsx, src/utils.ts; continued in safe-wallet-monorepo.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.calldata import Function
from l2send.core.deadlines import machine_time
from l2send.core.errors import ConfigError, L2sendError, Refused, UsageError
from l2send.core.plan import UnsignedTx
from l2send.core.units import ChainId, Wei
from l2send.wallet.file_fields import load_json, read_list
from l2send.wallet.safe_files import SafeBundle

_VERSION, _BUILDER = "1.0", "1.18.3"
_MOST_CALLS = 500
_WITHOUT_DATA = frozenset({"", "receive", "fallback"})
"""Names of methods for which the interface writes no calldata."""
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]{0,99}", re.ASCII)
_TYPE = re.compile(r"address|bool|string|bytes(?:[1-9]|[12][0-9]|3[0-2])?|u?int(?:[1-9][0-9]{0,2})?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,78}|0x[0-9a-fA-F]{1,64}", re.ASCII)


def builder_document(bundle: SafeBundle, calls: Sequence[UnsignedTx]) -> dict[str, Any]:
    """The calls of the Safe's transaction, with the checksum that the interface verifies."""
    nonce, digest = bundle.proposal.nonce, bundle.typed.digest.hex()
    written: dict[str, Any] = {
        "version": _VERSION,
        "chainId": str(bundle.proposal.execution.chain_id),
        "createdAt": machine_time() * 1000,
        "meta": {
            "name": f"l2send {bundle.id}",
            "description": f"With nonce {nonce} of the Safe, its SafeTx hash is 0x{digest}",
            "txBuilderVersion": _BUILDER,
            "createdFromSafeAddress": bundle.safe_tx.safe,
            "createdFromOwnerAddress": "",
        },
        "transactions": [_written(call) for call in calls],
    }
    written["meta"]["checksum"] = builder_checksum(written)
    return written


def builder_checksum(written: dict[str, Any]) -> str:
    """What `meta.checksum` must be; the name and the checksum itself do not count."""
    meta = {name: value for name, value in written["meta"].items() if name != "checksum"}
    return "0x" + keccak(_serialized({**written, "meta": {**meta, "name": None}}).encode()).hex()


def is_builder_file(path: Path) -> bool:
    """Whether a file claims to be of the Transaction Builder. Raises ConfigError if it cannot be read."""
    try:
        written = load_json(path)
    except ValueError:
        return False
    return isinstance(written, dict) and {"chainId", "meta", "transactions"} <= written.keys()


def read_builder_file(path: Path, chain_id: ChainId, safe: Address) -> tuple[UnsignedTx, ...]:
    """The calls in a file, for a Safe. What they do must be checked like a plan.

    Raises UsageError for any other file, Refused for one that was changed, or made for another chain or Safe;
    ConfigError.
    """
    try:
        written = load_json(path)
        if written["version"] != _VERSION:
            raise ValueError("another version")
        _refuse_changed(written)
        _refuse_elsewhere(written, chain_id, safe)
        found = read_list(written["transactions"])
        if not 0 < len(found) <= _MOST_CALLS:
            raise ValueError("no calls, or too many")
        return tuple(_call(one, chain_id) for one in found)
    except (ConfigError, Refused):
        raise
    except (L2sendError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        pass
    raise UsageError(
        f"{path} is not a file of Safe's Transaction Builder, version {_VERSION}.",
        hint="Export the batch again, with each address in full and every number as text.",
    )


def _refuse_changed(written: dict[str, Any]) -> None:
    stated = written["meta"].get("checksum")
    if stated and stated != builder_checksum(written):
        raise Refused(
            "the file was changed after it was exported: its checksum does not fit.",
            hint="Nothing was prepared. Export it again. If you changed it yourself, remove meta.checksum.",
        )


def _refuse_elsewhere(written: dict[str, Any], chain_id: ChainId, safe: Address) -> None:
    if str(written["chainId"]) != str(chain_id):
        raise Refused(
            f"the file is for the chain with id {str(written['chainId'])[:20]!r}, and the Safe is on {chain_id}.",
            hint="Nothing was prepared. Name the Safe on the chain of the file.",
        )
    made_from = written["meta"].get("createdFromSafeAddress")
    if made_from and checksum(made_from) != safe:
        raise Refused(
            f"the file was made for the Safe {checksum(made_from)}, not for {safe}.",
            hint="Nothing was prepared. Name that Safe with --safe, or export the file from this one.",
        )


def _written(call: UnsignedTx) -> dict[str, Any]:
    data = "0x" + call.data.hex() if call.data else None
    return {
        "to": call.to,
        "value": str(call.value),
        "data": data,
        "contractMethod": None,
        "contractInputsValues": None,
    }


def _call(written: dict[str, Any], chain_id: ChainId) -> UnsignedTx:
    """Raises ValueError, Refused for a delegate call."""
    if written.get("operation", 0) != 0:
        raise Refused("the file has the Safe make another operation than a call.", hint="Nothing was prepared.")
    value = written["value"]
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or int(value) >= 1 << 256:
        raise ValueError("not an amount of wei")
    data = written.get("data")
    content = bytes.fromhex(data.removeprefix("0x")) if data else _encoded(written)
    return UnsignedTx(chain_id, _address(written["to"]), Wei(int(value)), content)


def _address(text: str) -> Address:
    """Raises ValueError for a wrong checksum; an address in small letters has none."""
    if text not in {checksum(text), text.lower()}:
        raise ValueError("an address with a wrong checksum")
    return checksum(text)


def _encoded(written: dict[str, Any]) -> bytes:
    """The calldata of a method and its values, as the interface encodes them. Raises ValueError."""
    method = written.get("contractMethod") or {}
    name = method.get("name", "")
    if name in _WITHOUT_DATA:
        return b""
    inputs, values = read_list(method.get("inputs")), written["contractInputsValues"] or {}
    types = [one["type"] for one in inputs]
    if not _NAME.fullmatch(name) or not all(_TYPE.fullmatch(kind) for kind in types):
        raise ValueError("arrays and tuples are not encoded here: such a call needs its data")
    canonical = ["uint256" if kind == "uint" else "int256" if kind == "int" else kind for kind in types]
    given = [values[one.get("name") or str(at)] for at, one in enumerate(inputs)]
    try:
        typed = [_value(kind, text) for kind, text in zip(canonical, given, strict=True)]
        return Function(f"{name}({','.join(canonical)})").encode(*typed)
    except Exception as error:  # eth_abi raises many types of error for values that do not fit
        raise ValueError("a value that does not fit its type") from error


def _value(kind: str, text: str) -> Any:
    text = text.strip()
    if kind == "address":
        return _address(text)
    if kind == "bool":
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    if kind == "string":
        return text
    if kind.startswith("bytes"):
        return bytes.fromhex(text.removeprefix("0x"))
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return int(text, 0) if text.startswith("0x") else int(text)


def _serialized(value: Any) -> str:
    """The text under the checksum: each object's sorted names, then its values, each with a comma."""
    if isinstance(value, list):
        return f"[{','.join(map(_serialized, value))}]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + _as_json(names) + "".join(f"{_serialized(value[name])}," for name in names) + "}"
    return _as_json(value)


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
