"""The sponsor's part for transfers: accepts signed user operations over HTTP, and submits them to the EntryPoint.

A stand-in: `POST /v1/operations` is a request of our own around the operation of ERC-7769's `eth_sendUserOperation`.
What it sends goes to the real EntryPoint. It pays the gas, and takes its fee by the last transfer of the operation.

Its mode is the solver's: in `ignore` it accepts operations and does nothing with them, in `delay` it waits first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2send.core.address import checksum
from l2send.core.calldata import TRANSFER
from l2send.core.errors import L2sendError
from l2send.core.operation import Operation, operation_from
from l2send.core.units import ChainId
from l2send.devnet.modes import Mode
from l2send.devnet.pricing import asset_at
from l2send.devnet.sending import Deployed, Refusal, refusing, transact
from l2send.devnet.state import DevChain

FEE = 50_000
"""0.05 USDC."""
COIN_FEE = 10**12
"""0.000001 ETH: less than the gas, so that an account can pay out nearly all of its coin."""


@dataclass
class PostedOperation:
    """A signed operation and its result."""

    operation: Operation
    signature: bytes
    seen: float
    state: str = "accepted"
    """accepted | submitted | refused"""
    reason: str = ""


class Operations:
    """Everything that was posted, by hash and signature. The HTTP server calls `post`, the solver's loop `step`."""

    def __init__(self, address: str, chains: Mapping[int, DevChain], deployed: Mapping[int, Deployed]) -> None:
        self.address = address
        self.chains = chains
        self.deployed = deployed
        self.posted: dict[str, PostedOperation] = {}

    def post(self, request: Any) -> dict[str, Any]:
        """Accept a signed operation; posting the same one again changes nothing. Raises ValueError."""
        try:
            chain_id, entry_point = ChainId(int(request["chainId"])), checksum(request["entryPoint"])
            operation = operation_from(chain_id, entry_point, request["operation"])
            signature = bytes.fromhex(request["operation"]["signature"][2:])
        except (KeyError, TypeError, IndexError, L2sendError) as error:
            raise ValueError(f"not a signed operation: {error!r}") from error
        if operation.chain_id not in self.chains:
            raise ValueError(f"the chain {operation.chain_id} is not supported")
        found = self.posted.setdefault(
            operation.hash + signature.hex(), PostedOperation(operation, signature, time.monotonic())
        )
        status = "rejected" if found.state == "refused" else "received"
        return {"userOpHash": operation.hash, "status": status, "message": found.reason}

    def step(self, mode: Mode, delay_seconds: float) -> None:
        """Submit what is due."""
        for one in list(self.posted.values()):
            waits = mode is Mode.IGNORE or (mode is Mode.DELAY and time.monotonic() < one.seen + delay_seconds)
            if one.state == "accepted" and not waits:
                self._act(one)

    def _act(self, one: PostedOperation) -> None:
        try:
            self._judge(one.operation)
            self.submit(one)
            one.state = "submitted"
        except (Refusal, L2sendError, KeyError, TypeError, ValueError) as error:
            one.state, one.reason = "refused", str(error)
            print(f"an operation is refused: {error}", file=sys.stderr, flush=True)

    def _judge(self, operation: Operation) -> None:
        """Raise Refusal unless its calls would succeed, and the last one pays the fee."""
        last = operation.calls[-1]
        if last.data:
            to, units = TRANSFER.decode_call(last.data)
            asset_at(self.chains[operation.chain_id], last.to)
        else:
            to, units = last.to, int(last.value)
        if checksum(to) != checksum(self.address) or units < (FEE if last.data else COIN_FEE):
            raise Refusal("the operation does not pay the fee")
        w3 = self._entry_point(operation).w3
        with refusing():
            w3.eth.call(
                {"from": operation.entry_point, "to": operation.sender, "data": "0x" + operation.call_data.hex()}
            )

    def submit(self, one: PostedOperation) -> str:
        """Submit it with the gas that its sender signed for. Returns the hash of the transaction."""
        packed, entry_point = one.operation.packed(one.signature), self._entry_point(one.operation)
        call = entry_point.functions.handleOps([packed], checksum(self.address))
        return transact(call, self.address)["transactionHash"].to_0x_hex()

    def _entry_point(self, operation: Operation) -> Any:
        return self.deployed[operation.chain_id].entry_point(operation.entry_point)
