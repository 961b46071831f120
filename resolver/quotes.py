"""One question to one bridge about one source, and what its answer costs, comparable with any other.

The cost of a quote or a way is one integer, so that sums are exact and ties are ties. Its highest digits count
the fees that nothing can price: they rank behind every price, and are never taken for zero. The next ones are
fees in the asset itself where that has no price, which compare among themselves. The rest is USD: a stablecoin
by its peg, gas by the chain's own price feed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from l2send.core.bridge import Bridge
from l2send.core.errors import L2sendError
from l2send.core.plan import Fee, Payment, Quote, Way
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Token
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.limits import Limits

USD = 10**30
"""One dollar in the integer cost."""
_KIND = 10**45
"""One base unit of an asset without a price: more than any sum in dollars."""
_UNPRICED = 10**95
"""A fee without any price: more than any amount of any asset."""

STAGES: Mapping[str, int] = {"2": 0, "1": 1, "0": 2}
NO_STAGE = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A chain that holds some of the asset, and the coin for its gas."""

    holdings: Holdings
    held: Amount
    native: Amount


def sources_of(payment: Payment, snapshot: Snapshot, rpcs: Rpcs, limits: Limits) -> list[Source]:
    """Every chain that is allowed and known to hold some of the asset."""
    target = rpcs.registry.chain(payment.to.chain_id)
    found = list[Source]()
    for holdings in snapshot.chains:
        chain = holdings.chain
        if chain.testnet != target.testnet or (limits.from_chains and chain.short_name not in limits.from_chains):
            continue
        token = chain.asset_like(payment.amount.token)
        held = holdings.held(token) if token else None
        native = holdings.held(chain.native)
        if held and held.units and native:
            found.append(Source(holdings, held, native))
    return found


def allowed(bridges: Mapping[str, Bridge], limits: Limits) -> list[Bridge]:
    """The bridges that may be used."""
    return [bridge for bridge in bridges.values() if limits.via in {"", bridge.name}]


async def ask(bridge: Bridge, payment: Payment, source: Source, rpcs: Rpcs) -> Quote | str | None:
    """A bridge's quote from one source; a reason if it fails; None where it does not serve that pair."""
    chain = source.holdings.chain
    try:
        quote = await bridge.quote(payment, chain, source.held, source.native, rpcs)
    except L2sendError as error:
        return f"{chain.short_name} by {bridge.name}: {error.message}"
    return priced(quote, source.holdings) if quote else None


def priced(quote: Quote, holdings: Holdings) -> Quote:
    """The quote with a USD value on every fee that has one."""

    def price(fee: Fee) -> Fee:
        token = fee.amount.token
        rate = 1.0 if token.peg == "USD" else holdings.native_usd if token.is_native else None
        return fee if rate is None else replace(fee, usd=rate * fee.amount.units / 10**token.decimals)

    return replace(quote, fees=tuple(price(fee) for fee in quote.fees))


def cost(quote: Quote) -> int:
    """What the fees of a quote come to, as one comparable number."""
    return sum(_worth(fee, quote.delivers.token) for fee in quote.fees)


def _worth(fee: Fee, asset: Token) -> int:
    if fee.usd is not None:
        return round(fee.usd * 1e12) * (USD // 10**12)
    if fee.amount.token.same_asset(asset):
        return fee.amount.in_units_of(asset) * _KIND
    return _UNPRICED


def per_second(limits: Limits) -> int:
    """What a second of waiting adds to the cost."""
    return round(limits.usd_per_minute * 1e6) * (USD // 10**6) // 60


def total(way: Way, limits: Limits) -> int:
    """The fees of all legs, and the time until the last one has arrived."""
    return sum(cost(leg) for leg in way.legs) + per_second(limits) * way.duration


def rank(way: Way, limits: Limits) -> tuple[int, int, int, str]:
    """Smaller is better: cheap and quick, then fewer signatures, then safer rollups."""
    worst = max(stage_of(leg) for leg in way.legs)
    return (total(way, limits), way.signatures, worst, way.name)


def stage_of(quote: Quote) -> int:
    """How far the source's rollup is from the highest stage."""
    return STAGES.get(quote.source.stage.value, NO_STAGE)
