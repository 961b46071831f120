"""Base of bridges that wrap another one: they change how its transactions are made, and delegate the rest to it."""

from __future__ import annotations

from l2send.core.bridge_protocol import Bridge, OrderStatus
from l2send.core.chains import Registry
from l2send.core.effects import Effects
from l2send.core.plan import Order, Step, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs


class Wrapped:
    """All of `bridge` except its quotes."""

    def __init__(self, bridge: Bridge) -> None:
        self.name, self.contract_senders = bridge.name, bridge.contract_senders
        self.refunds_by_itself = bridge.refunds_by_itself
        self._bridge = bridge

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """As the wrapped bridge decodes it."""
        return self._bridge.effects(tx, registry)

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """As the wrapped bridge reads it."""
        return await self._bridge.status(order, rpcs)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """As the wrapped bridge requests it."""
        return await self._bridge.refund(order, rpcs)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """As the wrapped bridge reads it."""
        return self._bridge.opened(order, receipt)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """As the wrapped bridge reads it."""
        return await self._bridge.was_opened(order, origin, block)
