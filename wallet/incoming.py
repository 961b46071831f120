"""Money that is expected: whether it has arrived at an account on one chain, or on several together, deep enough, by as
many endpoints as an end needs. Reads only; no key is involved.

Tokens are counted by their Transfer events to the account, coin by its balance: coin leaves no event. Coin that the
account spends meanwhile is missing from that sum, so that too little is counted, and never too much.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from l2send.core.address import Address
from l2send.core.agreement import answers, why_unproven
from l2send.core.calldata import TRANSFER_TOPIC, address_word
from l2send.core.errors import NetworkError
from l2send.core.rpc import Rpc, both
from l2send.core.units import Amount, BlockNumber, Wei


@dataclass(frozen=True, slots=True)
class Expected:
    """What is waited for."""

    amount: Amount
    to: Address
    since: BlockNumber
    """The newest block when the waiting began: what came before does not count."""
    held: Wei
    """Coin that the account had then; 0 where a token is expected."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """What came after `since`."""

    settled: Amount
    """Under as many blocks as the chain needs."""
    seen: Amount
    """In any block."""
    transactions: tuple[str, ...] = ()
    """Hashes of the transfers of a token; a transfer of coin names none."""
    doubt: str = ""
    """Why enough that is settled does not count yet, in words."""

    def is_enough(self, expected: Expected) -> bool:
        """Whether all of it is there, by as many endpoints as an end needs."""
        return not self.doubt and self.settled.units >= expected.amount.units


async def expect(amount: Amount, to: Address, rpc: Rpc) -> Expected:
    """Begin to wait at the newest block. Raises NetworkError. Source: eth_blockNumber, eth_getBalance."""
    since = await rpc.block_number()
    if not amount.token.is_native:
        return Expected(amount, to, since, Wei(0))
    balances = [held for _, held in await answers(rpc, lambda one: one.balance(to))]
    if not balances:
        raise NetworkError(f"no endpoint of {rpc.chain.name} answers.", hint="Try again.")
    return Expected(amount, to, since, max(balances))


@dataclass(frozen=True, slots=True)
class Place:
    """A chain on which it may arrive."""

    expected: Expected
    """All of it, in the token of this chain."""
    rpc: Rpc


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What came on each chain, in the order of the places."""

    places: tuple[Place, ...]
    parts: tuple[Incoming, ...]

    @property
    def settled(self) -> Amount:
        """On all chains together, what counts and what does not yet."""
        return self._sum(part.settled for part in self.parts)

    @property
    def seen(self) -> Amount:
        """In any block of any chain."""
        return self._sum(part.seen for part in self.parts)

    @property
    def wanted(self) -> Amount:
        """What is waited for."""
        return self._sum([self.places[0].expected.amount])

    @property
    def doubts(self) -> list[str]:
        """Why what is settled does not count yet, a sentence for each chain."""
        return [part.doubt for part in self.parts if part.doubt]

    def is_enough(self) -> bool:
        """Whether all of it is there, by as many endpoints as an end needs."""
        counted = self._sum(part.settled for part in self.parts if not part.doubt)
        return counted.units >= self.wanted.units

    def _sum(self, amounts: Iterable[Amount]) -> Amount:
        """In units of the token that has the most decimals: nothing is rounded."""
        token = max((place.expected.amount.token for place in self.places), key=lambda token: token.decimals)
        return Amount(sum(amount.in_units_of(token) for amount in amounts), token)


async def wait_for(
    places: Sequence[Place], tell: Callable[[Arrivals], None], *, patience: float, pause: float = 2.0
) -> Arrivals:
    """Look until all of it has arrived, on any of the chains, or for `patience` seconds; the last look is
    returned. A silent chain is asked again. `tell` hears of each change.
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
    """What has arrived on each chain by now, proven once it is enough. A silent chain keeps what it showed before."""
    parts = await asyncio.gather(*(_looked(_count, *each) for each in zip(last.places, last.parts, strict=True)))
    found = replace(last, parts=tuple(parts))
    if not found.is_enough():
        return found
    parts = await asyncio.gather(*(_looked(_proven, *each) for each in zip(found.places, found.parts, strict=True)))
    return replace(found, parts=tuple(parts))


async def _looked(look_at: Callable[[Place, Incoming], Awaitable[Incoming]], place: Place, last: Incoming) -> Incoming:
    if last.doubt and look_at is _proven:
        return last  # It did not answer a moment ago, and was not counted.
    try:
        return await look_at(place, last)
    except NetworkError as error:
        return replace(last, doubt=error.message)


async def look(expected: Expected, rpc: Rpc) -> Incoming:
    """What has arrived on one chain by now, proven once it is enough. Raises NetworkError."""
    place, nothing = Place(expected, rpc), replace(expected.amount, units=0)
    found = await _count(place, Incoming(nothing, nothing))
    return await _proven(place, found) if found.is_enough(expected) else found


async def _count(place: Place, _: Incoming) -> Incoming:
    """What one endpoint shows, by the deepest block that counts and by the newest."""
    expected, rpc = place.expected, place.rpc
    head = await rpc.block_number()
    deep = _deep(rpc, head)
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
    """The same with the doubt of the endpoints, if they do not show as much of it as is needed."""
    needed = min(found.settled.units, place.expected.amount.units)
    if not needed:
        return found

    async def shows(one: Rpc, its_head: Awaitable[BlockNumber]) -> bool:
        return await _shows(place.expected, needed, one, its_head)

    return replace(found, doubt=await why_unproven(place.rpc, shows))


async def _shows(expected: Expected, needed: int, one: Rpc, head: Awaitable[BlockNumber]) -> bool:
    """Whether a single endpoint shows so many base units of it, deep enough."""
    deep = _deep(one, await head)
    if expected.amount.token.is_native:
        return await _coin(expected, one, deep) >= needed
    return sum(units for _, _, units in await _transfers(expected, one, deep)) >= needed


def _deep(rpc: Rpc, head: BlockNumber) -> BlockNumber:
    """The newest block that lies under as many as the chain needs."""
    return BlockNumber(head - max(0, rpc.chain.confirmations - 1))


async def _coin(expected: Expected, rpc: Rpc, block: BlockNumber) -> int:
    """How much more coin the account has at `block` than it had. Source: eth_getBalance."""
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
            is_own = len(topics) == 3 and topics[1] == to  # To itself: nothing arrived.
            if log.get("removed") or is_own or topics[:1] != [TRANSFER_TOPIC] or topics[2:] != [to]:
                continue
            if str(log.get("address", "")).lower() != str(expected.amount.token.address).lower():
                continue
            units = int.from_bytes(bytes.fromhex(str(log.get("data", "0x"))[2:66]))
            found.append((int(str(log["blockNumber"]), 16), str(log.get("transactionHash", "")), units))
    return found
