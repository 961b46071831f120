"""Waits for an incoming payment: whether it arrived at an account, on one chain or several together, with enough
confirmations by enough endpoints. Only reads; uses no key.

Tokens are counted by their Transfer events to the account, native coin by its balance, since it leaves no event. Coin
that the account spends meanwhile lowers that sum: it may count too little, never too much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER_TOPIC, address_word
from l2send.core.endpoint_agreement import answers, confirmed_head, why_unproven
from l2send.core.errors import NetworkError
from l2send.core.rpc import Rpc, both
from l2send.core.units import Amount, BlockNumber, Wei


@dataclass(frozen=True, slots=True)
class Expected:
    """An expected payment on one chain."""

    amount: Amount
    to: Address
    since: BlockNumber
    """The newest block when the waiting began; earlier transfers do not count."""
    held: Wei
    """Native coin that the account held then; 0 if a token is expected."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What arrived after `since`."""

    settled: Amount
    """The amount with the chain's number of confirmations."""
    seen: Amount
    """The amount in any block."""
    transactions: tuple[str, ...] = ()
    """Hashes of token transfers; a transfer of native coin has none."""
    doubt: str = ""
    """Why a sufficient settled amount does not count yet."""

    def is_enough(self, expected: Expected) -> bool:
        """Whether all of it arrived, by as many endpoints as an end state needs."""
        return not self.doubt and self.settled.units >= expected.amount.units


async def expect(amount: Amount, to: Address, rpc: Rpc) -> Expected:
    """Start waiting at the newest block that any endpoint has: one that is behind would count what came before.

    Raises NetworkError. Source: eth_blockNumber, eth_getBalance.
    """

    async def stands(one: Rpc) -> tuple[BlockNumber, Wei]:
        return await both(one.block_number(), one.balance(to) if amount.token.is_native else _no_coin())

    heard = [stand for _, stand in await answers(rpc, stands)]
    if not heard:
        raise NetworkError(f"no endpoint of {rpc.chain.name} answers.", hint="Try again.")
    return Expected(amount, to, max(block for block, _ in heard), max(held for _, held in heard))


async def _no_coin() -> Wei:
    return Wei(0)


@dataclass(frozen=True, slots=True)
class Place:
    """A chain on which the payment may arrive."""

    expected: Expected
    """The whole amount, in the token of this chain."""
    rpc: Rpc


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What arrived on each chain, in the order of the places."""

    places: tuple[Place, ...]
    parts: tuple[Incoming, ...]

    @property
    def settled(self) -> Amount:
        """The settled sum of all chains, including what does not count yet."""
        return self._sum(part.settled for part in self.parts)

    @property
    def seen(self) -> Amount:
        """The sum in any block of any chain."""
        return self._sum(part.seen for part in self.parts)

    @property
    def wanted(self) -> Amount:
        """The expected amount."""
        return self._sum([self.places[0].expected.amount])

    @property
    def doubts(self) -> list[str]:
        """Why the settled amount does not count yet, a sentence for each chain."""
        return [part.doubt for part in self.parts if part.doubt]

    def is_enough(self) -> bool:
        """Whether all of it arrived, by as many endpoints as an end state needs."""
        counted = self._sum(part.settled for part in self.parts if not part.doubt)
        return counted.units >= self.wanted.units

    def _sum(self, amounts: Iterable[Amount]) -> Amount:
        """The sum in units of the token that has the most decimals: nothing is rounded."""
        token = max((place.expected.amount.token for place in self.places), key=lambda token: token.decimals)
        return Amount(sum(amount.in_units_of(token) for amount in amounts), token)


async def wait_for(
    places: Sequence[Place], tell: Callable[[Arrivals], None], *, patience: float, pause: float = 2.0
) -> Arrivals:
    """Poll until all of it has arrived, on any of the chains, or for `patience` seconds; returns the last result. A
    chain that does not answer is queried again. `tell` receives each change.
    """
    until = time.monotonic() + patience
    nothing = [replace(place.expected.amount, units=0) for place in places]
    last = Arrivals(tuple(places), tuple(Incoming(amount, amount) for amount in nothing))
    while True:
        found = await look_everywhere(last)
        if found != last:
            tell(found)
        last = found
        if found.is_enough() or time.monotonic() >= until:
            return found
        await asyncio.sleep(max(0.0, min(pause, until - time.monotonic())))


async def look_everywhere(last: Arrivals) -> Arrivals:
    """What has arrived on each chain, proved once it is enough. A chain that does not answer keeps its last result."""
    parts = await asyncio.gather(*(_looked(_count, *each) for each in zip(last.places, last.parts, strict=True)))
    found = replace(last, parts=tuple(parts))
    if not found.is_enough():
        return found
    parts = await asyncio.gather(*(_looked(_proven, *each) for each in zip(found.places, found.parts, strict=True)))
    return replace(found, parts=tuple(parts))


async def _looked(look_at: Callable[[Place, Incoming], Awaitable[Incoming]], place: Place, last: Incoming) -> Incoming:
    if last.doubt and look_at is _proven:
        return last  # It did not answer a moment ago: not counted.
    try:
        return await look_at(place, last)
    except NetworkError as error:
        return replace(last, doubt=error.message)


async def look(expected: Expected, rpc: Rpc) -> Incoming:
    """What has arrived on one chain, proved once it is enough. Raises NetworkError."""
    place, nothing = Place(expected, rpc), replace(expected.amount, units=0)
    found = await _count(place, Incoming(nothing, nothing))
    return await _proven(place, found) if found.is_enough(expected) else found


async def _count(place: Place, _: Incoming) -> Incoming:
    """What one endpoint shows at the newest confirmed block and at the newest block."""
    expected, rpc = place.expected, place.rpc
    head = await rpc.block_number()
    deep = confirmed_head(rpc.chain, head)
    if expected.amount.token.is_native:
        settled, seen = await both(_coin(expected, rpc, deep), _coin(expected, rpc, head))
        hashes: tuple[str, ...] = ()
    else:
        transfers = await _transfers(expected, rpc, head)
        settled = sum(units for block, _, units in transfers if block <= deep)
        seen = sum(units for _, _, units in transfers)
        hashes = tuple(dict.fromkeys(tx_hash for _, tx_hash, _ in transfers))
    token = expected.amount
    return Incoming(replace(token, units=settled), replace(token, units=seen), hashes)


async def _proven(place: Place, found: Incoming) -> Incoming:
    """`found`, with the reason if the endpoints do not all show the amount needed."""
    needed = min(found.settled.units, place.expected.amount.units)
    if not needed:
        return found

    async def shows(one: Rpc, its_head: Awaitable[BlockNumber]) -> bool:
        return await _shows(place.expected, needed, one, its_head)

    return replace(found, doubt=await why_unproven(place.rpc, shows))


async def _shows(expected: Expected, needed: int, one: Rpc, head: Awaitable[BlockNumber]) -> bool:
    """Whether a single endpoint shows `needed` base units with enough confirmations."""
    deep = confirmed_head(one.chain, await head)
    if expected.amount.token.is_native:
        return await _coin(expected, one, deep) >= needed
    return sum(units for _, _, units in await _transfers(expected, one, deep)) >= needed


async def _coin(expected: Expected, rpc: Rpc, block: BlockNumber) -> int:
    """By how much the account's native coin at `block` exceeds what it held. Source: eth_getBalance."""
    if block <= expected.since:
        return 0
    return max(0, await rpc.balance(expected.to, hex(block)) - expected.held)


async def _transfers(expected: Expected, rpc: Rpc, last: BlockNumber) -> list[tuple[int, str, int]]:
    """Block, hash and units of each transfer to the account up to `last`. Source: eth_getLogs, ERC-20's Transfer."""
    to = "0x" + address_word(expected.to).hex()
    query = {"address": expected.amount.token.address, "topics": [TRANSFER_TOPIC, None, to]}
    found = list[tuple[int, str, int]]()
    async for logs in rpc.logs_between(query, expected.since + 1, last):
        for log in logs:
            topics = [str(topic).lower() for topic in log.get("topics") or ()]
            is_own = len(topics) == 3 and topics[1] == to  # A transfer to itself: nothing arrived.
            if log.get("removed") or is_own or topics[:1] != [TRANSFER_TOPIC] or topics[2:] != [to]:
                continue
            if str(log.get("address", "")).lower() != str(expected.amount.token.address).lower():
                continue
            units = int.from_bytes(bytes.fromhex(str(log.get("data", "0x"))[2:66]))
            found.append((int(str(log["blockNumber"]), 16), str(log.get("transactionHash", "")), units))
    return found
