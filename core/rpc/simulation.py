"""Simulates transactions one after another on top of the head, without signatures. Source: eth_simulateV1.

Nodes take no authorization that is not signed yet (EIP-7702): an account that delegates in its transaction is simulated
with that code, and the gas of the authorization is added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from l2send.core.address import Address
from l2send.core.delegation import AUTHORIZATION_GAS, as_delegated, delegates_and_calls
from l2send.core.errors import BadAnswer, revert_reason
from l2send.core.rpc.values import data_bytes, gas_amount, quantity, record, records
from l2send.core.state_overrides import StateOverrides
from l2send.core.text import clean
from l2send.core.units import Gas

if TYPE_CHECKING:
    from l2send.core.plan import UnsignedTx


@dataclass(frozen=True, slots=True)
class Simulated:
    """The result of one simulated transaction."""

    succeeded: bool
    gas: Gas
    """The gas used, after refunds."""
    reason: str
    output: bytes
    """The returned bytes."""

    @property
    def gas_before_refunds(self) -> Gas:
        """At least the gas used before refunds, which `gas` lacks: they are at most a fifth of the total (EIP-3529)."""
        return Gas(self.gas * 5 // 4)


def simulation(sender: Address, txs: Sequence[UnsignedTx], overrides: StateOverrides | None = None) -> dict[str, Any]:
    """The first parameter of eth_simulateV1."""
    changed = dict(overrides or {})
    for tx in filter(delegates_and_calls, txs):
        assert tx.delegate_to is not None
        changed |= as_delegated(tx.to, tx.delegate_to)
    calls = [{"from": sender, "to": tx.to, "value": hex(tx.value), "input": "0x" + tx.data.hex()} for tx in txs]
    block: dict[str, Any] = {"calls": calls} | ({"stateOverrides": changed} if changed else {})
    return {"blockStateCalls": [block], "validation": False, "traceTransfers": False}


def read_simulation(answer: Any, txs: Sequence[UnsignedTx]) -> list[Simulated]:
    """The results of these transactions. Raises BadAnswer."""
    blocks = records(answer, "eth_simulateV1")
    results = records(blocks[0].get("calls"), "eth_simulateV1") if len(blocks) == 1 else []
    if len(results) != len(txs):
        raise BadAnswer(f"eth_simulateV1 answered for {len(results)} of {len(txs)} transactions.")
    return [_simulated(result, tx) for result, tx in zip(results, txs, strict=True)]


def _simulated(result: dict[str, Any], tx: UnsignedTx) -> Simulated:
    error = result.get("error")
    reason = revert_reason(clean(record(error, "error").get("message", ""))) if error is not None else ""
    return Simulated(
        quantity(result.get("status"), "status") == 1,
        Gas(gas_amount(result.get("gasUsed"), "gasUsed") + (AUTHORIZATION_GAS if delegates_and_calls(tx) else 0)),
        reason,
        data_bytes(result.get("returnData", "0x"), "returnData"),
    )
