"""A sponsor of Across orders: accepts signed messages over HTTP, and opens their orders with its own gas.

A stand-in: no sponsor of Across has a published API. `GET /v1/fee` is our own; `POST /v1/orders` uses OIF's schemas
PostOrderRequest and PostOrderResponse, with an order type and a field `permit` that OIF lacks. Its transactions call
the real settler, token and Permit2.

Its mode is the solver's: in `ignore` it accepts messages and does nothing with them, in `delay` it waits first.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2send.core.calldata import abi_encode
from l2send.core.errors import L2sendError
from l2send.core.typed_data import TypedData
from l2send.devnet.modes import Mode
from l2send.devnet.operations import COIN_FEE
from l2send.devnet.operations import FEE as OPERATION_FEE
from l2send.devnet.pricing import asset_at
from l2send.devnet.sending import Deployed, Refusal, transact
from l2send.devnet.state import NATIVE, DevChain

OPENING_FEE = 50_000
"""0.05 USDC."""
PERMIT_FEE = 20_000
_PERMIT = "permit(address,address,uint256,uint256,bytes)"
"""One of two functions of that name."""
_ORDER_DATA = "(address,uint256,address,uint256,uint256,bytes32,address,uint256,uint32,bytes)"


@dataclass
class PostedOrder:
    """The signed messages of an order and their result."""

    chain: DevChain
    message: Mapping[str, Any]
    """The order's message."""
    signature: bytes
    permit: Mapping[str, Any] | None
    permit_signature: bytes
    seen: float
    state: str = "accepted"
    """accepted | opened | refused"""
    reason: str = ""


class Sponsor:
    """All posted messages, by digest. The HTTP server calls `post`, the solver's loop `step`."""

    def __init__(self, address: str, chains: Mapping[int, DevChain], deployed: Mapping[int, Deployed]) -> None:
        self.address = address
        self.chains = chains
        self.deployed = deployed
        self.posted: dict[bytes, PostedOrder] = {}

    def fee(self, query: Mapping[str, str]) -> dict[str, str]:
        """Its fee, in base units of the token. Raises ValueError, pricing.NoQuote."""
        asset = asset_at(self._chain(query.get("chainId", "")), query.get("token", ""))
        operation = COIN_FEE if asset.symbol == NATIVE else OPERATION_FEE
        return {"opening": str(OPENING_FEE), "permit": str(PERMIT_FEE), "operation": str(operation)}

    def post(self, request: Any) -> dict[str, Any]:
        """Accept signed messages; posting the same ones again changes nothing. Raises ValueError."""
        try:
            data = TypedData.from_json(request["order"]["payload"])
            permit = request.get("permit")
            order = PostedOrder(
                chain=self._chain(str(data.domain["chainId"])),
                message=data.message,
                signature=bytes(request["signature"][0]),
                permit=permit["payload"]["message"] if permit else None,
                permit_signature=bytes(permit["signature"][0]) if permit else b"",
                seen=time.monotonic(),
            )
            digest = data.digest
        except (KeyError, TypeError, IndexError, L2sendError) as error:
            raise ValueError(f"not a signed order: {error!r}") from error
        known = self.posted.setdefault(digest, order)
        status = "rejected" if known.state == "refused" else "received"
        return {"orderId": "0x" + digest.hex(), "status": status, "message": known.reason}

    def step(self, mode: Mode, delay_seconds: float) -> None:
        """Open what is due."""
        for order in list(self.posted.values()):
            waits = mode is Mode.IGNORE or (mode is Mode.DELAY and time.monotonic() < order.seen + delay_seconds)
            if order.state == "accepted" and not waits:
                self._act(order)

    def _act(self, order: PostedOrder) -> None:
        try:
            if order.permit is not None:
                self._submit_permit(order, order.permit)
            self._open(order)
            order.state = "opened"
        except (Refusal, L2sendError, KeyError, TypeError, ValueError) as error:
            order.state, order.reason = "refused", str(error)
            print(f"an order is refused: {error}", file=sys.stderr, flush=True)

    def _submit_permit(self, order: PostedOrder, permit: Mapping[str, Any]) -> None:
        """Submit the permit, unless the allowance is set already."""
        token = self.deployed[order.chain.chain_id].usdc(order.message["permitted"]["token"])
        owner, spender, units = permit["owner"], permit["spender"], int(permit["value"])
        if token.functions.allowance(owner, spender).call() < units:
            values = (owner, spender, units, int(permit["deadline"]), order.permit_signature)
            transact(token.get_function_by_signature(_PERMIT)(*values), self.address)

    def _open(self, order: PostedOrder) -> None:
        witness = order.message["witness"]
        values = witness["orderData"]
        order_data = (
            values["inputToken"],
            int(values["inputAmount"]),
            values["outputToken"],
            int(values["outputAmount"]),
            int(values["destinationChainId"]),
            bytes.fromhex(values["recipient"][2:]),
            values["exclusiveRelayer"],
            int(values["depositNonce"]),
            int(values["exclusivityPeriod"]),
            bytes.fromhex(values["message"][2:]),
        )
        numbers = [int(witness[name]) for name in ("nonce", "originChainId", "openDeadline", "fillDeadline")]
        kind, encoded = bytes.fromhex(witness["orderDataType"][2:]), abi_encode([_ORDER_DATA], [order_data])
        filler_data = abi_encode(["address"], [values["exclusiveRelayer"]])
        settler = self.deployed[order.chain.chain_id].contract("origin_settler")
        signed = (witness["originSettler"], witness["user"], *numbers, kind, encoded)
        transact(settler.functions.openFor(signed, order.signature, filler_data), self.address)

    def _chain(self, chain_id: str) -> DevChain:
        chain = self.chains.get(int(chain_id)) if chain_id.isascii() and chain_id.isdecimal() else None
        if chain is None:
            raise ValueError(f"the chain {chain_id[:40]} is not supported")
        return chain
