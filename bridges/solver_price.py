"""A solver's price for an order of settlers without their own price API: from a quote endpoint, or your own figure.

The endpoint in `quote_api` is queried, in LI.FI's format or OIF's. Without it `solver_fee_bps` counts, the fee in 1/100
% at which you know that a solver fills. Without either there is no offer. An endpoint's calldata is never used: orders
are built here, and only the price is taken.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from l2send.bridges.lifi_quotes import LIFI
from l2send.bridges.oif_quotes import OIF
from l2send.bridges.quote_offers import cheapest_offer
from l2send.bridges.quoting import USUAL_FILL_TIME, Funding, SolverPrice, refuse_unaffordable
from l2send.core.address import Address
from l2send.core.errors import Refused
from l2send.core.rpc import Rpcs
from l2send.core.settlers import BPS, AcrossSettlers, HyperlaneSettlers, OifSettlers
from l2send.core.units import Amount, Seconds, UnixTime

_FILL_TIME = Seconds(3600)
_OF_LIFI = "/integrator/quote/request"
"""The end of the path of LI.FI's endpoint."""

Listed = HyperlaneSettlers | OifSettlers


def is_priced(listed: Listed | AcrossSettlers) -> bool:
    """Whether the registry names a source of prices."""
    return bool(listed.quote_api) or listed.solver_fee_bps is not None


async def solver_price(listed: Listed, settler: Address, funding: Funding, rpcs: Rpcs) -> SolverPrice:
    """The price of delivering the payment exactly through `settler`, by the origin's entry.

    Call `is_priced` first. Raises CannotPay if the price exceeds the balance, NetworkError, Refused.
    """
    url, token = listed.quote_api, funding.held.token
    if url:
        schema = LIFI if urlsplit(url).path.rstrip("/").endswith(_OF_LIFI) else OIF
        price = await cheapest_offer(rpcs.http, url, schema, settler, funding.payment, token)
    else:
        units = own_price(listed.solver_fee_bps or 0, funding.payment.amount.in_units_of(token))
        price = SolverPrice(Amount(units, token), USUAL_FILL_TIME)
    refuse_unaffordable(price.pays, funding)
    return price


def own_price(bps: int, arrives: int) -> int:
    """What leaves the sender if a solver takes `bps` of the delivered amount, in base units, rounded up."""
    return arrives - (-arrives * bps // BPS)


def fill_deadline(price: SolverPrice, origin_now: UnixTime, target_now: UnixTime) -> UnixTime:
    """The fill deadline, by the chains' clocks. Raises Refused for an expired price."""
    now = max(origin_now, target_now)
    if price.valid_until is not None and price.valid_until < now:
        raise Refused("the quote ran out before it could be used.")
    return UnixTime(now + _FILL_TIME)
