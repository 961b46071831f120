"""A new quote for a payment whose old quote expired while its approval was mined."""

from __future__ import annotations

from dataclasses import replace

from l2send.core.bridge_protocol import Bridge
from l2send.core.calldata import BALANCE_OF
from l2send.core.errors import Refused
from l2send.core.plan import BRIDGE_FEE, Quote
from l2send.core.rpc import Call, Rpcs
from l2send.core.units import Amount
from l2send.guard import checked_effects
from l2send.wallet.before_signing import why_quote_is_late
from l2send.wallet.journal.records import PaymentRecord


async def renewed_quote(record: PaymentRecord, bridge: Bridge, rpcs: Rpcs) -> Quote:
    """The payment's new quote, by the same bridge from the same chain. Raises Refused if there is none as good.

    The approved cap on network fees stays; the bridge must not take more than before.
    """
    if any(tx.step.tx.delegate_to is not None for tx in record.approved):
        raise Refused("it was approved with a delegation in its transaction: plan it again.")
    old, source = record.terms, rpcs.registry.chain(record.terms.source)
    held, native = await _funds(record, rpcs)
    quote = await bridge.quote(record.payment, source, held, native, rpcs)
    if quote is None or quote.order is None or not quote.steps:
        raise Refused(f"{old.bridge} has no new quote.")
    if quote.pays.units > old.pays.units:
        raise Refused(f"the new quote takes {quote.pays}, {old.pays} were approved.")
    # A clock is wrong where the new quote is late too: asking again would not end.
    if late := await why_quote_is_late(quote.source.chain_id, quote.expires, quote.order, rpcs):
        raise Refused(f"the new quote is late as well: {late}.")
    checked_effects(record.payment, (step.tx for step in quote.steps), quote.pays, rpcs.registry)
    approved = [fee for fee in old.fees if fee.name != BRIDGE_FEE]
    bridge_fees = [fee for fee in quote.fees if fee.name == BRIDGE_FEE]
    return replace(quote, fees=(*bridge_fees, *approved), fee_cap=old.fee_cap)


async def _funds(record: PaymentRecord, rpcs: Rpcs) -> tuple[Amount, Amount]:
    """The sender's balances on the source chain: of the token, and of the coin for gas."""
    rpc, token = rpcs.on(record.terms.source), record.terms.pays.token
    native = Amount(await rpc.balance(record.payment.sender), rpc.chain.native)
    if token.address is None:
        return native, native
    (units,) = await rpc.eth_call(Call(token.address, BALANCE_OF, (record.payment.sender,)))
    return Amount(units, token), native
