"""Computes what refunds would cost, and adds a note to legs if a way does not leave enough for them.

No way is refused for that: most orders are filled, and coin for a refund's gas can be sent later. A way is refused if
its refund costs a fee, besides gas, that is out of proportion to the refund.
"""

from __future__ import annotations

from dataclasses import replace

from l2send.core.errors import Refused
from l2send.core.plan import Quote, RefundCost, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, ChainId
from l2send.resolver.balances import Snapshot, highest_native_usd

MOST_FEE_PERCENT = 25
"""The most that a refund may cost besides gas, in percent of the payment."""


def with_warnings(way: Way, snapshot: Snapshot) -> Way:
    """The way, with a note on each leg whose refund could not be paid with what all legs leave together."""
    return Way(tuple(_warned(leg, leg.refund, way, snapshot) if leg.refund else leg for leg in way.legs))


async def refuse_expensive_refund(refund: RefundCost, amount: Amount, rpcs: Rpcs) -> None:
    """Raises Refused if a refund's fee is worth more than `MOST_FEE_PERCENT` of `amount`, by known prices.

    The higher price of the coin counts. Raises NetworkError.
    """
    if not refund.fee:
        return
    fee, coin = Amount(refund.fee, refund.chain.native), refund.chain.native
    if coin.same_asset(amount.token):
        share, money = fee.in_units_of(amount.token) / amount.units, ""
    else:
        price = await highest_native_usd(rpcs.on(refund.chain.chain_id)) if amount.token.peg == "USD" else None
        if price is None:
            return
        usd = price * refund.fee / 10**coin.decimals
        share, money = usd / (amount.units / 10**amount.token.decimals), f" (${usd:.2f})"
    if share * 100 > MOST_FEE_PERCENT:
        raise Refused(
            f"if it is not filled, the refund would cost {fee}{money} on {refund.chain.name}, besides gas: "
            f"{share * 100:.0f} % of the payment."
        )


def _warned(leg: Quote, refund: RefundCost, way: Way, snapshot: Snapshot) -> Quote:
    chain = refund.chain
    held = snapshot.on(chain).held(chain.native)
    needed = sum(each.refund.most for each in way.legs if each.refund and each.refund.chain.chain_id == chain.chain_id)
    if held is None or held.units - _spent_on(chain.chain_id, way) >= needed:
        return leg
    about = Amount(_two_digits(refund.most), chain.native)
    note = f"leaves no gas for a refund on {chain.name}; it would need about {about} there then"
    return replace(leg, notes=(*leg.notes, note))


def _spent_on(chain_id: ChainId, way: Way) -> int:
    """The most native coin that can leave that chain."""
    return sum(_spent_by(leg) for leg in way.legs if leg.source.chain_id == chain_id)


def _spent_by(leg: Quote) -> int:
    if leg.needs is not None:
        return leg.needs
    return leg.pays.units if leg.pays.token.is_native else 0


def _two_digits(units: int) -> int:
    """Rounded up to two significant digits: prices may change before a refund."""
    step = int(10 ** max(len(str(units)) - 2, 0))
    return -(-units // step) * step
