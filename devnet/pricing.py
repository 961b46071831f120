"""The prices of the devnet's solver, and what it refuses to quote.

Two assets: USDC, and the native coin (as the zero address), each to itself on another chain. The fee is a part of the
amount and a flat sum, and differs from one source chain to the next, so that one source is the cheapest. dev1, the L1,
costs most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from l2send.core.address import ZERO_ADDRESS
from l2send.devnet.state import FIRST_CHAIN_ID, NATIVE, DevChain

_ASSETS = ("USDC",)
_BASIS = 10_000
_L1_FACTOR = 25


class NoQuote(Exception):
    """Why there is no quote, in a sentence for the client."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A token of one chain that the solver trades. The native coin has the zero address."""

    symbol: str
    address: str
    decimals: int


def asset_at(chain: DevChain, address: str) -> Asset:
    """The asset with that address on the chain. Raises NoQuote."""
    if address.lower() == ZERO_ADDRESS:
        return Asset(NATIVE, ZERO_ADDRESS, 18)
    for token in chain.tokens:
        if token.address.lower() == address.lower() and token.symbol in _ASSETS:
            return Asset(token.symbol, token.address, token.decimals)
    raise NoQuote(f"token {address[:42]} is not supported on chain {chain.chain_id}")


def pair(source: DevChain, source_token: str, destination: DevChain, destination_token: str) -> tuple[Asset, Asset]:
    """Both sides of a trade. Raises NoQuote unless they are the same asset on two chains."""
    if source.chain_id == destination.chain_id:
        raise NoQuote("source and destination are the same chain")
    give, get = asset_at(source, source_token), asset_at(destination, destination_token)
    if give.symbol != get.symbol:
        raise NoQuote(f"no route from {give.symbol} to {get.symbol}")
    return give, get


def fee(source_chain_id: int, asset: Asset, amount: int) -> int:
    """The solver's fee for delivering `amount` base units, in base units of `asset`, rounded up."""
    index = source_chain_id - FIRST_CHAIN_ID
    basis_points = 5 + 3 * index % 5
    return -(-amount * basis_points // _BASIS) + _flat(index, asset)


def exact_out(source_chain_id: int, asset: Asset, destination_amount: int) -> int:
    """The amount to pay so that exactly `destination_amount` arrives."""
    if destination_amount <= 0:
        raise NoQuote("the amount must be above zero")
    return destination_amount + fee(source_chain_id, asset, destination_amount)


def exact_in(source_chain_id: int, asset: Asset, source_amount: int) -> int:
    """The most that arrives if `source_amount` is paid. Raises NoQuote if the fee exceeds it."""
    low, high = 0, source_amount
    while low < high:
        middle = (low + high + 1) // 2
        if middle + fee(source_chain_id, asset, middle) <= source_amount:
            low = middle
        else:
            high = middle - 1
    if low == 0:
        raise NoQuote("the amount is below the fee")
    return low


def is_worth_it(source: DevChain, reward: Mapping[str, int], destination: DevChain, cost: Mapping[str, int]) -> bool:
    """Whether the reward is at least the cost, asset by asset. Maps: token address -> base units.

    Raises NoQuote on a token the solver does not know.
    """
    gained = {asset_at(source, token).symbol: amount for token, amount in reward.items() if amount}
    spent = {asset_at(destination, token).symbol: amount for token, amount in cost.items() if amount}
    return bool(gained) and all(gained.get(symbol, 0) >= amount for symbol, amount in spent.items())


def _flat(index: int, asset: Asset) -> int:
    """0.01 USDC or 0.00001 ETH, a little more from chain to chain, much more on dev1."""
    unit: int = 10 ** (asset.decimals - (5 if asset.symbol == NATIVE else 2))
    return unit * _L1_FACTOR if index == 0 else unit * (10 + index % 7) // 10
