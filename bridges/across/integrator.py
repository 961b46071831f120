"""Across integrator IDs: an integrator appends its id to the calldata of its deposits; no contract reads it.

Across asks this of integrators that request /suggested-fees and build the deposit themselves; the parameter of that
name is for its other API, which builds deposits. The id is the user's own, and is decoded again like everything signed.

Source: docs.across.to/introduction/api-keys (direct contract integration).
"""

from __future__ import annotations

import os
import re
from dataclasses import replace

from l2send.core.errors import ConfigError
from l2send.core.plan import UnsignedTx

_VARIABLE = "ACROSS_INTEGRATOR_ID"
_ID = re.compile(r"0x[0-9a-fA-F]{4}", re.ASCII)
_DELIMITER = bytes.fromhex("1dc0de")
_LENGTH = len(_DELIMITER) + 2
_SELECTOR, _WORD = 4, 32


def with_integrator(deposit: UnsignedTx) -> UnsignedTx:
    """The deposit with the id in ACROSS_INTEGRATOR_ID, if set. Raises ConfigError for an invalid id."""
    given = os.environ.get(_VARIABLE, "")
    if not given:
        return deposit
    if not _ID.fullmatch(given):
        raise ConfigError(f"{_VARIABLE} is no integrator id of Across: that has two bytes, such as 0xdead.")
    return replace(deposit, data=deposit.data + _DELIMITER + bytes.fromhex(given[2:]))


def split_integrator(data: bytes) -> tuple[bytes, str]:
    """Calldata without the appended id, and the id as 0x-prefixed hex, empty without one."""
    appended = (len(data) - _SELECTOR) % _WORD == _LENGTH and data[-_LENGTH:].startswith(_DELIMITER)
    return (data[:-_LENGTH], f"0x{data[-2:].hex()}") if appended else (data, "")
