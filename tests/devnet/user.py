"""A user of the devnet: balances, transactions, and ERC-7683 orders opened as any client opens them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from l2send.core.address import Address, checksum
from l2send.core.calldata import APPROVE, BALANCE_OF, Function, abi_encode
from l2send.devnet import eco, state
from l2send.devnet.node import Node
from l2send.devnet.state import DevChain, Devnet

ORDER_TYPE = keccak(
    b"OrderData(uint64 destination,bytes route,Reward reward,bytes32 routePortal,uint64 routeDeadline,"
    b"Output[] maxSpent)Reward(uint64 deadline,address creator,address prover,uint256 nativeAmount,"
    b"TokenAmount[] tokens)TokenAmount(address token,uint256 amount)"
    b"Output(bytes32 token,uint256 amount,bytes32 recipient,uint256 chainId)"
)
OUTPUT = "(bytes32,uint256,bytes32,uint256)"
ORDER_DATA = f"(uint64,bytes,{eco.REWARD},bytes32,uint64,{OUTPUT}[])"
OPEN = Function("open((uint32,bytes32,bytes))")


@dataclass(frozen=True)
class User:
    """A user with an unlocked account on every chain of a devnet."""

    home: Path
    devnet: Devnet
    address: Address

    def node(self, chain: DevChain) -> Node:
        return Node(chain.rpc_url)

    def balance(self, chain: DevChain, symbol: str, of: str = "") -> int:
        node, owner = self.node(chain), of or self.address
        if symbol == state.NATIVE:
            return node.quantity("eth_getBalance", owner, "latest")
        return int.from_bytes(node.eth_call(chain.token(symbol).address, BALANCE_OF.encode(owner)))

    def send(self, chain: DevChain, to: str, data: bytes, value: int = 0) -> dict[str, Any]:
        message = {"from": self.address, "to": to, "data": "0x" + data.hex(), "value": hex(value)}
        receipt = self.node(chain).call("eth_sendTransactionSync", {**message, "gas": hex(2_000_000)})
        assert receipt["status"] == "0x1"
        return dict(receipt)

    def open(self, intent: eco.Intent) -> str:
        """Open an order on its origin as the ERC-7683 v1 `open` does; its intent hash."""
        chain = next(c for c in self.devnet.chains if c.chain_id == intent.origin)
        for token in intent.reward.tokens:
            self.send(chain, token.token, APPROVE.encode(chain.portal, token.amount))
        spent = [(eco.claimant_word(t.token), t.amount, bytes(32), intent.destination) for t in intent.route.tokens]
        data = abi_encode(
            [ORDER_DATA],
            [
                (
                    intent.destination,
                    intent.route.encode(),
                    intent.reward.values(),
                    eco.claimant_word(intent.route.portal),
                    intent.route.deadline,
                    spent,
                )
            ],
        )
        order = (intent.route.deadline, ORDER_TYPE, data)
        self.send(chain, chain.portal, OPEN.encode(order), intent.reward.native_amount)
        return "0x" + intent.hash.hex()

    def intent(
        self, source: DevChain, destination: DevChain, recipient: str, give: int, get: int, seconds: int = 600
    ) -> eco.Intent:
        """An order that pays `get` USDC units to `recipient` for `give` USDC units."""
        deadline = max(self.node(source).now(), self.node(destination).now()) + seconds
        usdc = destination.token("USDC").address
        route = eco.Route(
            os.urandom(32),
            deadline,
            destination.portal,
            0,
            (eco.TokenAmount(usdc, get),),
            (eco.transfer_call(usdc, recipient, get),),
        )
        tokens = (eco.TokenAmount(source.token("USDC").address, give),)
        reward = eco.Reward(deadline + 600, self.address, source.prover, 0, tokens)
        return eco.Intent(source.chain_id, destination.chain_id, route, reward)


def fresh_address() -> Address:
    return checksum(os.urandom(20))


def wait_until(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether it became true in time."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True
