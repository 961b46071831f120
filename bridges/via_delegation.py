"""Makes an account that delegates by EIP-7702 approve and open in one transaction: both succeed, or neither.

It is the account's own transaction, with its own nonce, like any other. Accounts without a delegation are unaffected,
unless the sender asked for `--batch`: then the same transaction carries the authorization that it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from l2send.bridges.direct import Direct
from l2send.bridges.gas_costs import cost, fees_with
from l2send.bridges.wrapped import Wrapped
from l2send.core.address import ZERO_ADDRESS
from l2send.core.bridge_protocol import Bridge, SponsoredBridge
from l2send.core.chains import Chain
from l2send.core.delegate_code import refuse_impossible
from l2send.core.delegation import BATCHING_DELEGATE, batch_tx, delegate_for_batches, delegating_batch
from l2send.core.errors import CannotPay, Refused
from l2send.core.plan import Payment, Quote
from l2send.core.rpc import Rpcs
from l2send.core.shared_tx import can_batch
from l2send.core.units import Amount, Wei

_HINT = "Nothing was signed. Leave --batch out, or first: l2send wallet delegate NAME --chain …"
_NOTE = "your account delegates to code (EIP-7702): approval and order are one transaction, and both happen or neither"


def via_batches(bridges: Mapping[str, Bridge], *, delegating: bool = False) -> dict[str, Bridge]:
    """The bridges; those that open orders by transactions use batches if the account can make them.

    `delegating`: whether the sender asked for the authorization in the same transaction.
    """
    return {name: ViaBatch(one, delegating) if _opens_by_transactions(one) else one for name, one in bridges.items()}


def _opens_by_transactions(bridge: Bridge) -> bool:
    return not isinstance(bridge, Direct | SponsoredBridge)


class ViaBatch(Wrapped):
    """A bridge whose approval and opening are one transaction of a delegated account."""

    def __init__(self, bridge: Bridge, delegating: bool = False) -> None:
        super().__init__(bridge)
        self._delegating = delegating

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """The bridge's own quote, with its transactions merged into one. Raises as Bridge.quote does."""
        quoting = self._bridge.quote(payment, source, held, native, rpcs)
        batches = any(delegate.name == BATCHING_DELEGATE for delegate in source.delegates)
        to_itself = source.chain_id == payment.to.chain_id  # No bridge leads there.
        if to_itself or not (batches or self._delegating):
            return await quoting
        quote, code = await asyncio.gather(quoting, rpcs.on(source.chain_id).code(payment.sender))
        if quote is None or len(quote.steps) < 2 or not (self._delegating or can_batch(code, source)):
            return quote
        calls, rpc = [step.tx for step in quote.steps], rpcs.on(source.chain_id)
        delegate = delegate_for_batches(code, payment.sender, source)
        if delegate:
            await refuse_impossible(delegate, payment.sender, rpc)
        tx = delegating_batch(payment.sender, calls, delegate) if delegate else batch_tx(payment.sender, calls)
        costed = await cost(rpc, payment.sender, [(quote.steps[-1].kind, tx)])
        if delegate and not costed.simulated:
            raise Refused(f"{source.name} does not show what a batch with its delegation would do.", hint=_HINT)
        needs = Wei(costed.needs + sum(step.tx.value for step in quote.steps))
        if needs > native.units:
            raise CannotPay(f"{source.name} needs up to {Amount(needs, source.native)} for fees, you hold {native}.")
        fees = fees_with(quote, costed)
        steps = tuple(replace(step, over=ZERO_ADDRESS) for step in costed.steps) if delegate else costed.steps
        notes = quote.notes if delegate else (*quote.notes, _NOTE)  # The review says what the delegation means.
        return replace(quote, steps=steps, fees=fees, needs=needs, notes=notes)
