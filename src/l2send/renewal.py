"""A new quote for a payment whose old quote expired while its approval was mined."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from l2send.core.bridge import Bridge
from l2send.core.calldata import BALANCE_OF
from l2send.core.deadlines import why_late
from l2send.core.errors import Refused
from l2send.core.plan import BRIDGE_FEE, Order, Quote
from l2send.core.rpc import Call, Rpcs
from l2send.core.units import Amount
from l2send.guard import checked_effects
from l2send.wallet.journal.records import PaymentRecord


async def renewed_quote(record: PaymentRecord, bridge: Bridge, rpcs: Rpcs) -> Quote:
    """The payment's new quote, by the same bridge from the same chain. Raises Refused if there is none as good.

    The approved cap on network fees stays; the bridge must not take more than before.
    """
    old, source = record.terms, rpcs.registry.chain(record.terms.source)
    held, native = await _funds(record, rpcs)
    quote = await bridge.quote(record.payment, source, held, native, rpcs)
    if quote is None or quote.order is None or not quote.steps:
        raise Refused(f"{old.bridge} has no new quote.")
    if quote.pays.units > old.pays.units:
        raise Refused(f"the new quote takes {quote.pays}, {old.pays} were approved.")
    await _refuse_if_late(quote, quote.order, rpcs)
    checked_effects(record.payment, (step.tx for step in quote.steps), quote.pays, rpcs.registry)
    approved = [fee for fee in old.fees if fee.name != BRIDGE_FEE]
    bridge_fees = [fee for fee in quote.fees if fee.name == BRIDGE_FEE]
    return replace(quote, fees=(*bridge_fees, *approved), fee_cap=old.fee_cap)


async def _refuse_if_late(quote: Quote, order: Order, rpcs: Rpcs) -> None:
    """Raises Refused if the new quote is late too: a clock is wrong, and further quotes would not help."""
    source, target = rpcs.on(order.origin), rpcs.on(order.destination)
    here, there = await asyncio.gather(source.time(), target.time())
    if late := why_late(order, {target.chain.name: there}):
        raise Refused(f"the new quote is late as well: {late}.")
    if quote.expires is not None and quote.expires <= here:
        raise Refused(f"the new quote expired {here - quote.expires} seconds ago, by the clock of {source.chain.name}.")


async def _funds(record: PaymentRecord, rpcs: Rpcs) -> tuple[Amount, Amount]:
    """The sender's balances on the source chain: of the token, and of the coin for gas."""
    rpc, token = rpcs.on(record.terms.source), record.terms.pays.token
    native = Amount(await rpc.balance(record.payment.sender), rpc.chain.native)
    if token.address is None:
        return native, native
    (units,) = await rpc.eth_call(Call(token.address, BALANCE_OF, (record.payment.sender,)))
    return Amount(units, token), native
