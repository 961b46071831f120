"""The required size of an Across deposit, by your own figure or by Across's API.

`solver_fee_bps` in the registry is the fee in 1/100 % at which you know relayers to fill. It takes precedence over the
API in the shipped registry and works without it: the pools themselves give the valid times. A deposit below the
relayers' price is not filled, but refunded.
"""

from __future__ import annotations

from l2send.bridges.across.api import AcrossPrice, Delivery, ask_price
from l2send.bridges.across.contracts import Crossing
from l2send.bridges.quoting import USUAL_FILL_TIME, Funding
from l2send.bridges.solver_price import own_price
from l2send.core.http import Http
from l2send.core.settlers import AcrossSettlers


def delivery_of(funding: Funding, way: Crossing) -> Delivery:
    """The delivery whose price is requested."""
    return Delivery(
        origin=way.source.chain_id,
        destination=way.target.chain_id,
        input_token=way.input_token,
        output_token=way.output_token,
        recipient=funding.payment.to.address,
        wanted=funding.payment.amount.in_units_of(funding.held.token),
        spoke_pool=way.pool,
    )


async def price_of(listed: AcrossSettlers, delivery: Delivery, http: Http) -> AcrossPrice:
    """The deposit with which `delivery.wanted` arrives. Call `is_priced` first. Raises NetworkError, Refused."""
    if listed.solver_fee_bps is None:
        return await ask_price(http, listed.quote_api, delivery)
    return AcrossPrice(own_price(listed.solver_fee_bps, delivery.wanted), None, None, USUAL_FILL_TIME)
