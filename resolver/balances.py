"""Reads what an account holds: every known token on every chain, one request per chain, all at once.

A chain without Multicall3 needs several requests; the RPC client makes them. A chain that has not answered after a few
seconds is unknown. Only a payment that needs that chain waits longer.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from l2send.core.address import Address
from l2send.core.calldata import BALANCE_OF, DECIMALS, Function
from l2send.core.chains import Chain
from l2send.core.errors import BadAnswer, L2sendError, NetworkError, NodeError, WrongChain
from l2send.core.progress_count import counted
from l2send.core.rpc import ETH_BALANCE, Aggregate, Call, Rpc, Rpcs
from l2send.core.units import Amount, Token, UnixTime

LATEST_ROUND = Function("latestRoundData()", "uint80,int256,uint256,uint256,uint80")
HEADS_APART = 120  # seconds
PRICE_AGE = 26 * 3600  # Chainlink's slowest feeds update once a day.


@dataclass(frozen=True, slots=True)
class Patience:
    """How many seconds to wait for chains."""

    soon: float = 4.0
    """Every chain."""
    silent: float = 10.0
    """For every chain while none has answered: a busy machine must not be mistaken for an offline one."""
    late: float = 20.0
    """For a chain that the payment needs."""


_CHAINS = "chains"
"""The progress counter's name."""
_PATIENCE = Patience()


@dataclass(frozen=True, slots=True)
class Holdings:
    """One chain's part of a snapshot. A token missing from `units` could not be read."""

    chain: Chain
    units: Mapping[Token, int] = field(default_factory=dict[Token, int])
    native_usd: float | None = None
    """Price of one native coin by the chain's own feed; None without a fresh price."""
    timestamp: UnixTime | None = None
    error: str = ""
    """Why the chain is unknown; empty if it answered."""
    refused: bool = False
    """Whether an endpoint gave an unusable answer: a retry would not help."""

    def held(self, token: Token) -> Amount | None:
        """The balance, or None if unknown: a missing answer is never zero."""
        units = self.units.get(token)
        return None if units is None else Amount(units, token)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What `account` holds on every queried chain, in registry order."""

    account: Address
    chains: tuple[Holdings, ...]

    def on(self, chain: Chain) -> Holdings:
        """One chain's part of the snapshot."""
        return next(h for h in self.chains if h.chain.chain_id == chain.chain_id)

    @property
    def unknown(self) -> tuple[Holdings, ...]:
        """The chains that did not answer."""
        return tuple(h for h in self.chains if h.error)

    def refuse_if_offline(self) -> None:
        """Raises NetworkError, in one line, if no chain answered."""
        if self.chains and len(self.unknown) == len(self.chains):
            if refusing := [chain for chain in self.unknown if chain.refused]:
                raise (NodeError if len(refusing) == len(self.chains) else NetworkError)(
                    f"no chain could be asked. {refusing[0].error}",
                    hint="Correct the chains' rpcs. `l2send doctor` says which endpoints fail.",
                )
            several = f"none of the {len(self.chains)} chains answered. This machine seems to be offline."
            raise NetworkError(
                several if len(self.chains) > 1 else self.unknown[0].error,
                hint="Check the connection, then try again. `l2send doctor` says what fails.",
            )


async def take_snapshot(
    account: Address,
    rpcs: Rpcs,
    *,
    chains: Iterable[Chain] | None = None,
    enough: Callable[[Snapshot], bool] = lambda _: True,
    patience: Patience = _PATIENCE,
    on_answer: Callable[[Holdings], None] = lambda _: None,
) -> Snapshot:
    """Query `chains` (by default all of the registry) at once. A chain that fails is in the result, as unknown.

    `on_answer` gets each chain's part as soon as that chain answers or fails, in any order.

    Late chains are unknown after `patience.soon` if `enough` accepts the others, else after `patience.late`.
    """
    asked = list(rpcs.registry if chains is None else chains)
    tasks = [asyncio.create_task(_holdings(account, rpcs.on(chain.chain_id))) for chain in asked]
    count = counted()
    count.ask(_CHAINS, len(tasks))
    for task in tasks:
        task.add_done_callback(lambda _: count.answer(_CHAINS))
        task.add_done_callback(lambda done: None if done.cancelled() or done.exception() else on_answer(done.result()))
    clock = asyncio.get_running_loop().time
    started = clock()
    try:
        if tasks:
            await asyncio.wait(tasks, timeout=patience.soon)
        while waiting := [task for task in tasks if not task.done()]:
            waited = clock() - started
            left = patience.late - waited
            so_far = _so_far(account, asked, tasks, waited)
            heard = len(so_far.unknown) < len(asked) or waited >= patience.silent
            if left <= 0 or (heard and enough(so_far)):
                break
            if not heard:
                left = min(left, patience.silent - waited)
            await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        return _so_far(account, asked, tasks, clock() - started)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _so_far(account: Address, asked: list[Chain], tasks: list[asyncio.Task[Holdings]], seconds: float) -> Snapshot:
    """The answers so far."""
    holdings = [
        task.result() if task.done() else Holdings(chain, error=f"{chain.name} did not answer within {seconds:.0f} s.")
        for chain, task in zip(asked, tasks, strict=True)
    ]
    return Snapshot(account, _with_prices_of_others(holdings))


def _with_prices_of_others(holdings: list[Holdings]) -> tuple[Holdings, ...]:
    """Fill in prices from other chains: the same coin costs the same on every chain, and a way over a chain whose feed
    is missing, stale or wrong could not be compared. The higher of a chain's own price and the median counts, so costs
    are not understated.
    """
    prices = dict[tuple[str, bool], list[float]]()
    for each in holdings:
        if each.native_usd is not None:
            prices.setdefault(_coin(each.chain), []).append(each.native_usd)
    return tuple(
        replace(each, native_usd=max(each.native_usd or 0.0, statistics.median(known)))
        if not each.error and (known := prices.get(_coin(each.chain)))
        else each
        for each in holdings
    )


def _coin(chain: Chain) -> tuple[str, bool]:
    return chain.native.symbol, chain.testnet


async def confirm(account: Address, needed: Amount, rpc: Rpc) -> None:
    """Check that every endpoint of the chain that answers sees at least `needed`.

    An endpoint may lag, or lie; the lowest balance counts. Raises NetworkError if one sees less, or if their clocks are
    too far apart to be the same chain's head.
    """
    if len(rpc.endpoints) < 2:
        return
    token, call = needed.token, _balance(account, needed.token)
    answers = await asyncio.gather(*(one.aggregate([call]) for one in rpc.each()), return_exceptions=True)
    seen = {
        one.endpoints[0].host: answer
        for one, answer in zip(rpc.each(), answers, strict=True)
        if isinstance(answer, Aggregate)
    }
    for host, answer in seen.items():
        value = answer.values[0]
        if value is None or value[0] < needed.units:
            shown = "nothing it can read" if value is None else str(Amount(value[0], token))
            raise NetworkError(
                f"the RPCs of {rpc.chain.name} disagree: {host} sees {shown}, less than {needed}.",
                hint="Wait a moment and try again. If it stays so, correct rpcs of that chain.",
            )
    times = [answer.timestamp for answer in seen.values()]
    if times and max(times) - min(times) > HEADS_APART:
        raise NetworkError(
            f"the RPCs of {rpc.chain.name} are {max(times) - min(times)} s apart: one of them is stuck.",
            hint="Try again later, or correct rpcs of that chain.",
        )


def _balance(account: Address, token: Token) -> Call:
    return Call(token.address, BALANCE_OF if token.address else ETH_BALANCE, (account,))


async def _holdings(account: Address, rpc: Rpc) -> Holdings:
    chain = rpc.chain
    calls = [_balance(account, token) for token in chain.assets]
    if chain.price_feed:
        calls += [Call(chain.price_feed, DECIMALS), Call(chain.price_feed, LATEST_ROUND)]
    try:
        answer = await rpc.aggregate(calls)
    except L2sendError as error:
        refused = isinstance(error, NodeError | BadAnswer | WrongChain)
        return Holdings(chain, error=error.message, refused=refused)
    values = zip(chain.assets, answer.values, strict=False)
    units = {token: value[0] for token, value in values if value is not None}
    return Holdings(chain, units, _price(chain, answer), answer.timestamp)


async def highest_native_usd(rpc: Rpc) -> float | None:
    """The price of the chain's coin: the highest that any endpoint reads from its feed, since costs must not be
    understated.

    None if no feed is known, or no endpoint returns a fresh price. Source: Chainlink AggregatorV3.
    """
    feed = rpc.chain.price_feed
    if not feed:
        return None
    calls = [Call(feed, DECIMALS), Call(feed, LATEST_ROUND)]
    answers = await asyncio.gather(*(one.aggregate(calls) for one in rpc.each()), return_exceptions=True)
    prices = [_price(rpc.chain, answer) for answer in answers if isinstance(answer, Aggregate)]
    return max((price for price in prices if price is not None), default=None)


def _price(chain: Chain, answer: Aggregate) -> float | None:
    """USD per native coin in a Chainlink AggregatorV3 answer, if it is positive and fresh."""
    if not chain.price_feed:
        return None
    decimals, round_data = answer.values[-2:]
    if decimals is None or round_data is None:
        return None
    price, updated = round_data[1], round_data[3]
    fresh = answer.timestamp - updated <= PRICE_AGE
    return float(price) / float(10 ** decimals[0]) if price > 0 and fresh else None
