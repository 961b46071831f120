"""The state that a node assumes while it simulates. Source: eth_simulateV1, `stateOverrides`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2send.core.address import Address

StateOverrides = Mapping[Address, Mapping[str, Any]]
"""By account: `{account: {"stateDiff": {slot: word}}}`, or `{account: {"code": "0x…"}}`."""
