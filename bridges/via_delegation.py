"""Makes an account that delegates by EIP-7702 approve and open in one transaction: both succeed, or neither.

It is the account's own transaction, with its own nonce, like any other. Accounts without a delegation are unaffected.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from l2send.bridges.direct import Direct
from l2send.bridges.gas_costs import NETWORK_FEES, cost
from l2send.bridges.wrapped import Wrapped
from l2send.core.bridge_protocol import Bridge, SponsoredBridge
from l2send.core.chains import Chain
from l2send.core.delegation import BATCHING_DELEGATE, batch_tx, delegate_of, known_delegate
from l2send.core.errors import CannotPay
from l2send.core.plan import Payment, Quote
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Wei

_NOTE = "your account delegates to code (EIP-7702): approval and order are one transaction, and both happen or neither"


def via_batches(bridges: Mapping[str, Bridge]) -> dict[str, Bridge]:
    """The bridges; those that open orders by transactions use batches if the account can make them."""
    return {name: ViaBatch(one) if _opens_by_transactions(one) else one for name, one in bridges.items()}


def _opens_by_transactions(bridge: Bridge) -> bool:
    return not isinstance(bridge, Direct | SponsoredBridge)


class ViaBatch(Wrapped):
    """A bridge whose approval and opening are one transaction of a delegated account."""

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """The bridge's own quote, with its transactions merged into one. Raises as Bridge.quote does."""
        quoting = self._bridge.quote(payment, source, held, native, rpcs)
        batches = any(delegate.name == BATCHING_DELEGATE for delegate in source.delegates)
        if not batches or source.chain_id == payment.to.chain_id:  # No bridge leads from a chain to itself.
            return await quoting
        quote, code = await asyncio.gather(quoting, rpcs.on(source.chain_id).code(payment.sender))
        delegate = delegate_of(code)
        known = known_delegate(delegate, source) if delegate else None
        if quote is None or len(quote.steps) < 2 or known is None or known.name != BATCHING_DELEGATE:
            return quote
        tx = batch_tx(payment.sender, [step.tx for step in quote.steps])
        costed = await cost(rpcs.on(source.chain_id), payment.sender, [(quote.steps[-1].kind, tx)])
        needs = Wei(costed.needs + sum(step.tx.value for step in quote.steps))
        if needs > native.units:
            raise CannotPay(f"{source.name} needs up to {Amount(needs, source.native)} for fees, you hold {native}.")
        fees = (*(fee for fee in quote.fees if fee.name not in NETWORK_FEES), *costed.fees)
        return replace(quote, steps=costed.steps, fees=fees, needs=needs, notes=(*quote.notes, _NOTE))
