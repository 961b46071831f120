"""Reports chains that make no blocks before you pay on or from them. Nothing arrives until they resume."""

from __future__ import annotations

import statistics
from dataclasses import replace

from l2send.core.chains import Chain
from l2send.core.plan import Quote, Way
from l2send.core.units import Seconds
from l2send.resolver.balances import Holdings, Snapshot

HALTED = 3600
"""Seconds without a block. Young rollups make one only when there is a transaction."""
_WITNESSES = 3
"""How many other chains' clocks together outweigh this machine's."""


def with_halts(way: Way, snapshot: Snapshot, now: float) -> Way:
    """The way, with a note on each leg whose source or destination has halted, and no time estimate there.

    `now` is this machine's clock, in Unix time.
    """
    return Way(tuple(_noted(leg, snapshot, now) for leg in way.legs))


def _noted(leg: Quote, snapshot: Snapshot, now: float) -> Quote:
    chains = {chain.chain_id: chain for chain in (leg.source, *_destination(leg, snapshot))}
    for chain in chains.values():
        age = seconds_behind(snapshot.on(chain), snapshot, now)
        if age >= HALTED:
            old = f"{chain.name} seems to be halted: its newest block is {_hours(age)} old"
            leg = replace(
                leg,
                notes=(*leg.notes, f"{old}. Nothing arrives until it goes on"),
                duration=Seconds(max(leg.duration, age)),
            )
    return leg


def _destination(leg: Quote, snapshot: Snapshot) -> list[Chain]:
    wanted = leg.delivers.token.chain_id
    return [holdings.chain for holdings in snapshot.chains if holdings.chain.chain_id == wanted]


def seconds_behind(holdings: Holdings, snapshot: Snapshot, now: float) -> int:
    """The age of a chain's newest block, by the blocks of other chains, or by `now` if these are too few.

    Zero if the chain did not answer.
    """
    if holdings.timestamp is None:
        return 0
    others = [
        each.timestamp
        for each in snapshot.chains
        if each.timestamp is not None and each is not holdings and each.chain.testnet == holdings.chain.testnet
    ]
    clock = statistics.median(others) if len(others) >= _WITNESSES else now
    return max(round(clock - holdings.timestamp), 0)


def _hours(seconds: int) -> str:
    hours = round(seconds / 3600)
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
