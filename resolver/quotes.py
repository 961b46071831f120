"""Requests a bridge's quote from a source, and makes the costs of quotes comparable.

The cost of a quote or a way is one integer, so that sums and ties are exact. Its highest digits count fees without any
price: they rank behind every price and never count as zero. The next ones are fees in the asset itself if it has no
price, which are comparable with each other. The rest is USD: a stablecoin by its peg, gas by the chain's own price
feed.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain
from l2send.core.errors import BadRecipient, L2sendError, NetworkError, NodeError, UsageError
from l2send.core.plan import Fee, Payment, Quote, Way
from l2send.core.progress_count import counted
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Token
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.refunds import refuse_expensive_refund
from l2send.resolver.way_limits import Limits

USD = 10**30
"""One dollar in the integer cost."""
_KIND = 10**45
"""One base unit of an asset without a price: more than any sum in dollars."""
_UNPRICED = 10**95
"""A fee without any price: more than any amount of any asset."""

_PATIENCE = 12.0
"""Seconds that one quote may take."""
_PAUSE = 0.5
"""Seconds before a request that failed by the network is repeated."""

_OFFERS = "offers of bridges"
"""The progress counter's name."""

_AMOUNT = re.compile(r"\b\d[\d.,]*…?(?= [A-Z])|\$\d[\d.,]*")
"""A number before a token's symbol, or after a dollar sign."""

STAGES: Mapping[str, int] = {"2": 0, "1": 1, "0": 2}
NO_STAGE = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A chain that holds some of the asset, and the coin for its gas."""

    holdings: Holdings
    held: Amount
    native: Amount


@dataclass(frozen=True, slots=True)
class NoQuote:
    """Why a bridge makes no offer from a chain."""

    chain: Chain
    bridge: str
    why: str
    unknown: bool = False
    """The network failed: there may be an offer, at an unknown price."""
    error: L2sendError | None = None
    """The bridge's error."""
    refused: bool = False
    """It would fail again: an endpoint refuses, or serves another chain."""

    def __str__(self) -> str:
        return f"{self.chain.short_name} by {self.bridge}: {self.why}"


def without_repeats(lines: Sequence[str]) -> tuple[str, ...]:
    """Only the first of lines that differ in nothing but their amounts: a quote for a part fails like that for all."""
    first = dict[str, str]()
    for line in lines:
        first.setdefault(_AMOUNT.sub("", line), line)
    return tuple(first.values())


def sources_of(payment: Payment, snapshot: Snapshot, rpcs: Rpcs, limits: Limits) -> list[Source]:
    """Every allowed chain that is known to hold some of the asset."""
    found = list[Source]()
    for holdings, token in _candidates(payment, snapshot, rpcs, limits):
        held, native = holdings.held(token), holdings.held(holdings.chain.native)
        if held and held.units and native:
            found.append(Source(holdings, held, native))
    return found


def refuse_own_account(payment: Payment, snapshot: Snapshot, rpcs: Rpcs, limits: Limits) -> None:
    """Raises BadRecipient for a payment to the paying account itself, of an asset that no other chain holds."""
    if payment.sender != payment.to.address:
        return
    if sources_of(payment, snapshot, rpcs, limits) or unknown_sources(payment, snapshot, rpcs, limits):
        return
    chain, symbol = rpcs.registry.chain(payment.to.chain_id), payment.amount.token.symbol
    raise BadRecipient(
        f"{chain.short_name}:{payment.sender} is the account that pays, and no other chain that may be used holds its "
        f"{symbol}: nothing would move.",
        hint="Name another recipient, or another account that pays with --account.",
    )


def unknown_sources(payment: Payment, snapshot: Snapshot, rpcs: Rpcs, limits: Limits) -> list[Chain]:
    """Every allowed chain that may hold some of the asset, by the answers so far."""
    return [
        holdings.chain
        for holdings, token in _candidates(payment, snapshot, rpcs, limits)
        if holdings.held(token) is None or holdings.held(holdings.chain.native) is None
    ]


def can_do_without(payment: Payment, snapshot: Snapshot, rpcs: Rpcs, limits: Limits) -> bool:
    """Whether the payment does not need the chains that did not answer: the destination and the chains that the sender
    named are known, and the known balances suffice.
    """
    target = rpcs.registry.chain(payment.to.chain_id)
    needed = {target.short_name, *limits.from_chains}
    if any(holdings.chain.short_name in needed for holdings in snapshot.unknown):
        return False
    sources = sources_of(payment, snapshot, rpcs, limits)
    return sum(source.held.in_units_of(payment.amount.token) for source in sources) >= payment.amount.units


def _candidates(payment: Payment, snapshot: Snapshot, rpcs: Rpcs, limits: Limits) -> list[tuple[Holdings, Token]]:
    """The allowed chains with the asset, each with its own token for it.

    A payment to the sender's own account takes nothing from its destination: that would only burn gas.
    """
    target = rpcs.registry.chain(payment.to.chain_id)
    is_own = payment.sender == payment.to.address
    return [
        (holdings, token)
        for holdings in snapshot.chains
        if holdings.chain.testnet == target.testnet
        and not (is_own and holdings.chain is target)
        and (not limits.from_chains or holdings.chain.short_name in limits.from_chains)
        for token in [holdings.chain.asset_like(payment.amount.token)]
        if token
    ]


def allowed(bridges: Mapping[str, Bridge], limits: Limits) -> list[Bridge]:
    """The allowed bridges."""
    return [bridge for bridge in bridges.values() if limits.via in {"", bridge.name}]


def refuse_unknown_bridge(limits: Limits, bridges: Mapping[str, Bridge]) -> None:
    """Raises UsageError if the only allowed bridge is not in `bridges`."""
    if limits.via not in {"", *bridges}:
        raise UsageError(f"no bridge is called {limits.via[:40]!r}.", hint=f"Known: {', '.join(bridges)}")


async def ask(bridge: Bridge, payment: Payment, source: Source, rpcs: Rpcs) -> Quote | NoQuote | None:
    """A bridge's quote from one source, or why there is none; None if it does not serve that pair.

    A request that fails by the network is repeated once.
    """
    chain = source.holdings.chain

    async def question() -> Quote | None:
        found = await bridge.quote(payment, chain, source.held, source.native, rpcs)
        if found and found.refund:
            await refuse_expensive_refund(found.refund, payment.amount, rpcs)
        return found

    counted().ask(_OFFERS)
    quote = await without_network_errors(chain, bridge.name, question)
    counted().answer(_OFFERS)
    return priced(quote, source.holdings) if isinstance(quote, Quote) else quote


async def without_network_errors(
    chain: Chain, bridge: str, question: Callable[[], Awaitable[Quote | None]]
) -> Quote | NoQuote | None:
    """The answer to `question`, requested at most twice, or why there is none."""
    for is_last in (False, True):
        try:
            async with asyncio.timeout(_PATIENCE):
                return await question()
        except TimeoutError:
            return NoQuote(chain, bridge, f"no answer within {_PATIENCE:.0f} s.", unknown=True)
        except L2sendError as error:
            by_network = isinstance(error, NetworkError) and not (isinstance(error, NodeError) and error.is_revert)
            if not by_network or is_last:
                refused = by_network and not error.retryable
                why = f"no usable answer: {error.message}" if by_network else error.message
                return NoQuote(chain, bridge, why, by_network, error, refused)
        await asyncio.sleep(_PAUSE)
    raise AssertionError("the last question returns")


def priced(quote: Quote, holdings: Holdings) -> Quote:
    """The quote with a USD value for every fee that has a price."""

    def price(fee: Fee) -> Fee:
        token = fee.amount.token
        rate = 1.0 if token.peg == "USD" else holdings.native_usd if token.is_native else None
        return fee if rate is None else replace(fee, usd=rate * fee.amount.units / 10**token.decimals)

    return replace(quote, fees=tuple(price(fee) for fee in quote.fees))


def cost(quote: Quote) -> int:
    """The sum of a quote's fees, as a comparable integer."""
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
    """The fees of all legs, plus the time until the last one arrives."""
    return sum(cost(leg) for leg in way.legs) + per_second(limits) * way.duration


def rank(way: Way, limits: Limits) -> tuple[int, int, int, str]:
    """A sort key, smaller is better: cheap and quick, then fewer signatures, then safer rollups."""
    worst = max(stage_of(leg) for leg in way.legs)
    return (total(way, limits), way.signatures, worst, way.name)


def stage_of(quote: Quote) -> int:
    """How far the source's rollup is below the highest stage."""
    return STAGES.get(quote.source.stage.value, NO_STAGE)
