"""Reads fields of files that carry payments between machines: each has its type and size, or raises ValueError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from l2send.core.address import checksum
from l2send.core.errors import ConfigError
from l2send.core.json_text import parse_json
from l2send.core.plan import Payment
from l2send.core.trusted_files import read_trusted
from l2send.wallet.journal import codec

_LARGEST = 1 << 20
_LONGEST_TEXT = 64


def read_uint(value: Any, bits: int) -> int:
    """An integer, as JSON has it; not true or false, which Python counts as 1 and 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise ValueError("not a number of its size")
    return value


def read_text(value: Any) -> str:
    """A short text, such as an id."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError("not a short text")
    return value


def read_list(value: Any) -> list[Any]:
    """A list of anything."""
    if not isinstance(value, list):
        raise ValueError("not a list")
    return value


def read_address(value: Any) -> None:
    """Raises ValueError unless it is an address with a valid ERC-55 checksum."""
    if checksum(read_text(value)) != value:
        raise ValueError("not an address with its checksum")


def read_payment(written: Any) -> Payment:
    """The payment that codec.payment_json wrote; the review judges what it means together with the other fields."""
    payment = codec.payment_from(written)
    token = payment.amount.token
    for account in (payment.sender, payment.to.address, *([] if token.address is None else [token.address])):
        read_address(account)
    read_uint(payment.amount.units, 256)
    read_uint(token.decimals, 8)
    for chain_id in (payment.to.chain_id, token.chain_id):
        read_uint(chain_id, 64)
    return payment


def load_json(path: Path) -> Any:
    """The content of a file that no other user can change: it says where money goes. Raises ConfigError, ValueError."""
    try:
        data = read_trusted(path)[: _LARGEST + 1]
    except FileNotFoundError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from error
    return parse_json(data, parse_float=_no_float, parse_constant=_no_float)


def _no_float(text: str) -> None:
    raise ValueError(text)
