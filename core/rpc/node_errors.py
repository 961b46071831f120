"""Classifies a node's error by the words, codes and HTTP statuses of node_errors.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from l2send.core.errors import BadAnswer, ErrorClass, NetworkError, NodeError, NodeFailed, RateLimited, Transient
from l2send.core.text import clean

_MOST_WORDS = 2_000
_REVERT_DATA = re.compile(r"(?:Reverted\s+)?(0x(?:[0-9a-fA-F]{2})*)")
_SELECTOR = 4  # bytes
_ERRORS_OF_SOLIDITY = ("0x08c379a0", "0x4e487b71")
"""Error(string) and Panic(uint256)."""
_MINIMUM = re.compile(r"(?:minimum(?: needed)?|tip needed|min(?:imum)? (?:gas )?(?:price|tip))\D{0,24}?(\d{1,24})")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One entry of a table of node_errors.toml."""

    meaning: str
    words: tuple[str, ...]
    codes: frozenset[int]
    statuses: frozenset[int]

    def fits(self, message: str, code: int, status: int) -> bool:
        return (
            (not self.words or any(word in message for word in self.words))
            and (not self.codes or code in self.codes)
            and (not self.statuses or status in self.statuses)
        )


@cache
def _table(name: str, meaning: str) -> tuple[_Entry, ...]:
    """The entries of `name`, whose field `meaning` holds their meaning."""
    text = files("l2send.core.rpc").joinpath("node_errors.toml").read_text(encoding="utf-8")
    return tuple(
        _Entry(
            entry[meaning],
            tuple(entry.get("words", ())),
            frozenset(entry.get("codes", ())),
            frozenset(entry.get("statuses", ())),
        )
        for entry in tomllib.loads(text)[name]
    )


def class_of(message: str, code: int = 0, status: int = 200) -> ErrorClass:
    """The class of an error with these words, JSON-RPC code and HTTP status."""
    low = message[:_MOST_WORDS].lower()
    entries = _table("errors", "class")
    found = next((entry.meaning for entry in entries if entry.fits(low, code, status)), ErrorClass.REFUSED)
    return ErrorClass(found)


def meaning_to_broadcast(message: str) -> str:
    """The meaning of a node's message about a broadcast: `accepted`, `nonce_too_low`, `underpriced`, or empty."""
    low = message[:_MOST_WORDS].lower()
    if "unknown transaction" in low:
        return ""
    return next((entry.meaning for entry in _table("broadcasts", "reply") if entry.fits(low, 0, 200)), "")


def least_price(message: str) -> int | None:
    """The lowest price in wei per gas that a node says it accepts, or None."""
    found = _MINIMUM.search(message.lower())
    return int(found[1]) if found else None


def error_of(error: Any, status: int, pause: float, where: str, method: str) -> NetworkError:
    """The exception for the `error` of a JSON-RPC answer, an object or plain text; BadAnswer for anything else."""
    if isinstance(error, str):
        error = {"message": error}
        if status < 400 and class_of(str(error["message"])) is ErrorClass.REFUSED:
            return BadAnswer(f"{where} answered with a malformed error: {clean(error['message'])}")
    if not isinstance(error, dict):
        return BadAnswer(f"{where} answered with a malformed error.")
    code = error.get("code")
    code = code if isinstance(code, int) and not isinstance(code, bool) and abs(code) < 2**31 else 0
    said = error.get("message")
    message = said if isinstance(said, str) else "no message"
    data = _revert_data(error.get("data"))
    kind = class_of(message, code, status)
    if kind in {ErrorClass.REFUSED, ErrorClass.FAILED} and _is_revert_data(data, error.get("data"), method):
        kind = ErrorClass.REVERT
    return _exception(f"{where}: {clean(message)}", kind, code, data, max(pause, _asked_pause(error.get("data"))))


def error_of_status(status: int, pause: float, where: str, words: str = "") -> NetworkError:
    """The exception for an HTTP status without a JSON-RPC error; `words` are from the body."""
    said = f"{where} answered HTTP {status}" + (f": {clean(words)}" if words else "")
    return _exception(f"{said}.", class_of(words, 0, status), 0, "", pause)


def reverted_result(result: Any, method: str) -> NetworkError | None:
    """The revert that some nodes return as if it were the call's result: Error(string) or Panic(uint256)."""
    if method != "eth_call" or not isinstance(result, str) or not result.startswith(_ERRORS_OF_SOLIDITY):
        return None
    whole = (len(result) - 2) // 2 % 32 == _SELECTOR
    return NodeError("execution reverted", kind=ErrorClass.REVERT, data=result) if whole else None


def _exception(message: str, kind: ErrorClass, code: int, data: str, pause: float) -> NetworkError:
    match kind:
        case ErrorClass.TRANSIENT:
            return Transient(message, pause=pause)
        case ErrorClass.RATE_LIMITED:
            return RateLimited(message, pause=pause)
        case ErrorClass.FAILED:
            return NodeFailed(message, pause=pause)
        case _:
            return NodeError(message, rpc_code=code, data=data, kind=kind)


def _revert_data(data: Any) -> str:
    """The revert data as 0x text, in any of the clients' formats; else empty."""
    if isinstance(data, Mapping):  # hardhat, ganache
        data = data.get("data", data.get("result"))
    found = _REVERT_DATA.fullmatch(data.strip()) if isinstance(data, str) else None
    return found[1] if found else ""


def _is_revert_data(data: str, original: Any, method: str) -> bool:
    """Whether an error of an unknown kind has data that only reverts have."""
    says_so = isinstance(original, str) and original.lstrip().startswith("Reverted")
    return says_so or (method in {"eth_call", "eth_estimateGas"} and len(data) >= 2 + 2 * _SELECTOR)


def _asked_pause(data: Any) -> float:
    """Seconds that Infura asks to wait, inside the error."""
    rate = data.get("rate") if isinstance(data, Mapping) else None
    asked = rate.get("backoff_seconds") if isinstance(rate, Mapping) else None
    return float(asked) if isinstance(asked, int | float) and 0 <= asked < 3600 else 0.0
