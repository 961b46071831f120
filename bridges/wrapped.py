"""A bridge around another one: it has the bridge's transactions made another way, and leaves the rest to it."""

from __future__ import annotations

from l2send.core.bridge import Bridge, OrderStatus
from l2send.core.chains import Registry
from l2send.core.effects import Effects
from l2send.core.plan import Order, Step, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs


class Wrapped:
    """Everything of `bridge` but its quotes."""

    def __init__(self, bridge: Bridge) -> None:
        self.name, self.contract_senders = bridge.name, bridge.contract_senders
        self._bridge = bridge

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """As the bridge itself decodes it."""
        return self._bridge.effects(tx, registry)

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """As the bridge itself reads it."""
        return await self._bridge.status(order, rpcs)

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """As the bridge itself asks for it."""
        return await self._bridge.refund(order, rpcs)

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """As the bridge itself reads it."""
        return self._bridge.opened(order, receipt)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """As the bridge itself reads it."""
        return await self._bridge.was_opened(order, origin, block)
