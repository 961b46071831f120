"""The error for an account that has the tokens but not the coin for gas."""

from __future__ import annotations

from collections.abc import Iterable

from l2send.core.errors import CannotPay, NoGas
from l2send.core.plan import Payment
from l2send.core.units import Amount
from l2send.resolver.balances import Holdings, Snapshot
from l2send.resolver.quotes import NoQuote

_ENOUGH_FOR = 10
"""How many payments like this one the suggested amount of coin covers."""


def no_gas(problems: Iterable[NoQuote], snapshot: Snapshot, payment: Payment) -> CannotPay | None:
    """The refusal that names the chains without gas, the coin needed there, and the remedies; None if gas suffices."""
    needed = dict[str, int]()
    chains = dict[str, Holdings]()
    for problem in problems:
        if isinstance(problem.error, NoGas):
            name = problem.chain.short_name
            needed[name] = min(problem.error.needed, needed.get(name, problem.error.needed))
            chains[name] = snapshot.on(problem.chain)
    if not chains:
        return None
    lines = [_line(chains[name], units) for name, units in needed.items()]
    held = [_held(holdings, payment) for holdings in chains.values()]
    hints = [_way_out(chains[name], units, snapshot) for name, units in needed.items()]
    return CannotPay("\n".join([*lines, f"You hold {', '.join(held)}."]), hint=" ".join(hints))


def _line(holdings: Holdings, units: int) -> str:
    chain, usd = holdings.chain, holdings.native_usd
    coin, have = chain.native.symbol, holdings.held(chain.native)
    about = f"{Amount(units, chain.native)}" if usd is None else _dollars(usd * units / 10.0**chain.native.decimals)
    if have is None or have.units == 0:
        return f"no {coin} on {chain.name} for gas (about {about})."
    return f"too little {coin} on {chain.name} for gas (about {about}): you hold {have}."


def _dollars(value: float) -> str:
    """Rounded to the first significant digit: gas on a rollup costs a fraction of a cent."""
    return f"${value:.2f}" if value >= 0.01 else f"${float(f'{value:.1g}'):f}".rstrip("0").rstrip(".")


def _held(holdings: Holdings, payment: Payment) -> str:
    token = holdings.chain.asset_like(payment.amount.token)
    amount = holdings.held(token) if token else None
    return f"{amount or 'an unknown sum'} on {holdings.chain.short_name}"


def _way_out(holdings: Holdings, units: int, snapshot: Snapshot) -> str:
    chain = holdings.chain
    enough = Amount(_one_digit(_ENOUGH_FOR * units), chain.native)
    for other in snapshot.chains:
        coin = other.chain.asset_like(chain.native)
        have = other.held(coin) if coin else None
        if other.chain is not chain and other.chain.testnet == chain.testnet and have and have.units > 2 * enough.units:
            command = f"l2send {enough} {chain.short_name}:{snapshot.account}"
            return f"Bring some there, you hold {have} on {other.chain.name}: {command}"
    return f"Have {enough} sent to {snapshot.account} on {chain.name} first, or pay from another chain."


def _one_digit(units: int) -> int:
    step = int(10 ** max(len(str(units)) - 1, 0))
    return -(-units // step) * step
