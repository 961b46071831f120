"""What refunds would cost, and whether a way of paying leaves it: where it does not, its legs say so.

Nobody is refused for it. Most orders are filled, and coin for the gas of a refund can be brought later.
"""

from __future__ import annotations

from dataclasses import replace

from l2send.core.plan import Quote, RefundCost, Way
from l2send.core.units import Amount, ChainId
from l2send.resolver.balances import Snapshot


def with_warnings(way: Way, snapshot: Snapshot) -> Way:
    """The way, with a note at each leg whose refund could not be paid for with what all legs leave together."""
    return Way(tuple(_warned(leg, leg.refund, way, snapshot) if leg.refund else leg for leg in way.legs))


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
    """Native coin that can leave that chain at most."""
    return sum(_spent_by(leg) for leg in way.legs if leg.source.chain_id == chain_id)


def _spent_by(leg: Quote) -> int:
    if leg.needs is not None:
        return leg.needs
    return leg.pays.units if leg.pays.token.is_native else 0


def _two_digits(units: int) -> int:
    """Rounded up to two significant digits: prices move before it comes to that."""
    step = int(10 ** max(len(str(units)) - 2, 0))
    return -(-units // step) * step
