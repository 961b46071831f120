"""Reads JSON values of nodes. Each reader raises BadAnswer for a value of another type; none becomes zero."""

from __future__ import annotations

import re
from typing import Any

from l2send.core.errors import BadAnswer
from l2send.core.text import clean
from l2send.core.units import BlockNumber, Gas, UnixTime, Wei

_SIGNED_64_BITS = 2**63
_MOST_PER_GAS = 2**80  # wei; a million coins for one unit of gas
_YEAR_5000 = 10**11
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")


def quantity(value: Any, what: str) -> int:
    """A JSON-RPC quantity of at most 256 bits. An empty or null answer is an error, never zero. Raises BadAnswer."""
    if isinstance(value, str) and value.startswith("0x") and 3 <= len(value) <= 66:
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise BadAnswer(f"{what} is not a number: {clean(value, 40)!r}.")


def count(value: Any, what: str) -> int:
    """A height, a nonce, an amount of gas: at most 63 bits, as on every chain. Raises BadAnswer."""
    return _below(_SIGNED_64_BITS, quantity(value, what), what)


def block_number(value: Any, what: str = "a block number") -> BlockNumber:
    """A block's height. Raises BadAnswer."""
    return BlockNumber(count(value, what))


def gas_amount(value: Any, what: str) -> Gas:
    """Units of gas. Raises BadAnswer."""
    return Gas(count(value, what))


def wei_per_gas(value: Any, what: str) -> Wei:
    """A price of gas. Raises BadAnswer."""
    return Wei(_below(_MOST_PER_GAS, quantity(value, what), what))


def unix_time(value: Any, what: str = "timestamp") -> UnixTime:
    """A block's time. Raises BadAnswer."""
    return seconds(quantity(value, what), what)


def seconds(value: int, what: str = "timestamp") -> UnixTime:
    """A number as a time within the calendar's range. Raises BadAnswer."""
    return UnixTime(_below(_YEAR_5000, value, what))


def data_bytes(value: Any, what: str) -> bytes:
    """JSON-RPC data; `0x` is empty. Raises BadAnswer."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            return bytes.fromhex(value[2:])
        except ValueError:
            pass
    raise BadAnswer(f"{what} is not data: {clean(value, 40)!r}.")


def record(value: Any, what: str) -> dict[str, Any]:
    """A JSON object. Raises BadAnswer."""
    if not isinstance(value, dict):
        raise BadAnswer(f"{what} is not an object: {clean(value, 40)!r}.")
    return value


def records(value: Any, what: str) -> list[dict[str, Any]]:
    """A JSON list of objects. Raises BadAnswer."""
    if not isinstance(value, list):
        raise BadAnswer(f"{what} is not a list: {clean(value, 40)!r}.")
    return [record(entry, what) for entry in value]


def hash_or_null(value: Any, what: str) -> str | None:
    """A hash of 32 bytes, or None for null. Raises BadAnswer."""
    if value is None or (isinstance(value, str) and _HASH.fullmatch(value)):
        return value
    raise BadAnswer(f"{what} is not a hash: {clean(value, 40)!r}.")


def _below(limit: int, value: int, what: str) -> int:
    if value >= limit:
        raise BadAnswer(f"{what} is out of range: {clean(value, 40)}.")
    return value
