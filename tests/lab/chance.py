"""A seeded random scheduler: one payment per seed, under random faults, kills, clocks and solvers.

`python -m tests.lab.chance FIRST COUNT` plays seeds on a devnet of its own and prints a line of JSON for each.

Seeds are played forty at a time on the same two chains. What is the chains' or the solver's (its mode, the
clock, a reorganisation) belongs to the forty; everything else to the seed. Every tenth seed is made of real
processes killed by SIGKILL; the others run in this process, where a kill is simulated (see payer.Crash) and
the wire is a transport of httpx.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from l2send.core.errors import L2sendError
from l2send.devnet.modes import Mode
from tests.lab import payer
from tests.lab.faults import FAULTS
from tests.lab.payer import Crash, Errand, Killed, journaled, quickened
from tests.lab.proxy import Proxy
from tests.lab.scenario import steps_of
from tests.lab.stage import is_closed
from tests.lab.transport import URLS, WireTransport, current_wire
from tests.lab.verdict import judge
from tests.lab.wire import Rule, Upstream, Wire
from tests.lab.world import Account, World, running_world
from tests.support.addresses import new_address

TOGETHER = 40
REAL_KILL_EVERY = 10
_ON_DEMAND = 3600.0
_BLOCK_EVERY = 0.1
_PAST_EVERY_DEADLINE = 8000
_SMALL = "1"
_PASSES = 12


@dataclass(frozen=True)
class Weather:
    """What happens to all payments that are played together."""

    first: Mode
    then: Mode
    advance: int
    """Seconds that both clocks jump between the rounds."""
    reorganisation: int
    """Blocks that are taken out of the first chain between the rounds."""

    @classmethod
    def of(cls, seed: int) -> Weather:
        dice = random.Random(f"weather {seed // TOGETHER}")
        first = dice.choice([Mode.FILL, Mode.FILL, Mode.IGNORE, Mode.DELAY, Mode.UNDERFILL])
        # The solver believes every block: what it was paid in is never taken back.
        depth = dice.randrange(3) if first is Mode.IGNORE else 0
        return cls(first, dice.choice(list(Mode)), dice.choice([0, 0, 30, 90, 590, 700, 8000]), depth)


@dataclass
class Chance:
    """One seed's payment."""

    seed: int
    account: Account
    errand: Errand
    real: bool
    wire: Wire = field(default_factory=Wire)
    kills: int = 0
    runs: int = 0
    next: Errand | None = None
    """A small payment that ends one which its lateness holds back, by taking its nonce."""
    words: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    async def turn(self, nodes: Sequence[Upstream]) -> None:
        """One or two runs, each under new faults, and maybe killed."""
        for _ in range(self.dice.randrange(1, 3)):
            self.wire.disarm()
            for fault in self.dice.sample(FAULTS, self.dice.randrange(3)):
                rule = Rule(fault, skip=self.dice.randrange(3), times=min(fault.times, self.dice.randrange(1, 4)))
                self.wire.rules.append(rule)
                rule.armed = self.dice.random() < 0.3
            self.wire.arms_when_begun = True
            place = self.dice.choice(steps_of(bridged=self.errand.index == 1)) if self.dice.random() < 0.7 else ""
            await self._run(nodes, place, self.dice.choice([0.2, 0.5]))

    async def finish(self, nodes: Sequence[Upstream]) -> None:
        """Once more, with nodes that behave. A payment that its lateness holds back is ended by the next one."""
        self.wire.disarm()
        self.wire.arms_when_begun = False
        if not is_closed(self.errand):
            await self._run(nodes, "", 1.0)
        if self.next is None and any("too late to be opened" in words for words in self.words[-1:]):
            to = new_address()
            self.next = replace(self.errand, key="next", amount=_SMALL, index=0, recipient=to, patience=1.0)
        if self.next and not is_closed(self.next):
            if self.real:
                await asyncio.to_thread(payer.run, self.next)
                return
            with contextlib.suppress(L2sendError):
                await self._here(self.next, nodes)

    @property
    def closed(self) -> bool:
        return is_closed(self.errand) and (self.next is None or is_closed(self.next))

    async def _run(self, nodes: Sequence[Upstream], place: str, patience: float) -> None:
        self.runs += 1
        errand = replace(self.errand, patience=patience)
        if self.real:
            await asyncio.to_thread(self._in_a_process, errand, place)
            return
        crash = Crash(errand, place)
        payer.hooked(crash)
        try:
            await self._here(errand, nodes)
        except L2sendError as error:
            self.words.append(f"{error.code}: {error.message}")
        except Killed:
            assert crash.after
            self.errand, self.kills = crash.after, self.kills + 1
        payer.hooked(None)

    async def _here(self, errand: Errand, nodes: Sequence[Upstream]) -> None:
        current_wire.set(self.wire)
        await payer.pay(errand, partial(self.wire.begun, nodes))

    def _in_a_process(self, errand: Errand, place: str) -> None:
        proof = errand.home / f"proof{self.runs}"
        deadly = {"L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)} if place else {}
        died = payer.run(replace(errand, environment=deadly)) == -9
        assert died == proof.exists(), self.seed
        self.kills += died
        if not died:
            self.words.append(payer.last_word(errand))


@dataclass
class Field:
    """Where seeds are played."""

    world: World
    proxy: Proxy
    folder: Path
    nodes: Sequence[Upstream]

    async def play(self, seeds: Sequence[int]) -> list[dict[str, object]]:
        """Seeds that share their weather."""
        weather = Weather.of(seeds[0])
        chances = [self._chance(*pair) for pair in zip(seeds, self.world.accounts(len(seeds)), strict=True)]
        self.world.mine(4)
        self.world.solver(weather.first, 0.3)
        async with self._blocks():
            await asyncio.gather(*(chance.turn(self.nodes) for chance in chances))
        await self._turn_the_weather(weather)
        async with self._blocks():
            await asyncio.gather(*(chance.turn(self.nodes) for chance in chances))
            self.world.solver(Mode.FILL)
            await self._finish(chances)
        return [await asyncio.to_thread(self._report, chance, weather) for chance in chances]

    def _chance(self, seed: int, account: Account) -> Chance:
        dice = random.Random(f"payment {seed}")
        real = seed % REAL_KILL_EVERY == 0
        wire = Wire()
        urls = self.proxy.plug(wire) if real else URLS
        confirmations = 3 if Weather.of(seed).reorganisation else dice.randrange(1, 4)
        registry = self.world.seen_through(urls, confirmations)
        home = self.folder / f"seed{seed}"
        home.mkdir(mode=0o700)
        begun = f"{urls[0].rpartition('/')[0]}/begun" if real else ""
        errand = Errand(home, registry, account, dice.randrange(2), new_address(), poll=0.06, begun=begun)
        return Chance(seed, account, errand, real, wire)

    @asynccontextmanager
    async def _blocks(self) -> AsyncIterator[None]:
        """Both chains make blocks of themselves as long as the context lasts."""

        async def mine() -> None:
            while True:
                for node in self.nodes:
                    await node.call("anvil_mine", "0x1")
                await asyncio.sleep(_BLOCK_EVERY)

        task = asyncio.create_task(mine())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()

    async def _turn_the_weather(self, weather: Weather) -> None:
        if weather.reorganisation:
            await self.nodes[0].call("anvil_reorg", weather.reorganisation, [])
        if weather.advance:
            await asyncio.to_thread(self.world.advance, weather.advance)
        self.world.solver(weather.then, 0.3)

    async def _finish(self, chances: Sequence[Chance]) -> None:
        """Resume what is open; in the end past the deadline of every order, so that the money comes back."""
        for number in range(_PASSES):
            still_open = [chance for chance in chances if not chance.closed]
            if not still_open:
                return
            if number == 3:
                await asyncio.to_thread(self.world.advance, _PAST_EVERY_DEADLINE)
            await asyncio.gather(*(chance.finish(self.nodes) for chance in still_open))

    def _report(self, chance: Chance, weather: Weather) -> dict[str, object]:
        errand, wire = chance.errand, chance.wire
        record = journaled(errand)
        besides = sum(self.world.received(chance.next.recipient, 0)) if chance.next else 0
        verdict = judge(
            self.world, chance.account, errand.recipient, errand.index, record, wire.sent, spent_besides=besides
        )
        return {
            "seed": chance.seed,
            "kind": ("direct", "bridged")[errand.index],
            "real": chance.real,
            "state": verdict.state,
            "once": verdict.once,
            "never": verdict.never,
            "wrong": verdict.wrong,
            "kills": chance.kills,
            "runs": chance.runs,
            "fired": wire.fired,
            "faults": sorted({rule.fault.name for rule in wire.rules if rule.fired.total()}),
            "weather": [weather.first, weather.then, weather.advance, weather.reorganisation],
            "words": chance.words[-2:] if verdict.wrong else [],
        }


async def play(world: World, proxy: Proxy, folder: Path, seeds: Sequence[int]) -> None:
    """Play seeds in groups that share their weather, printing each."""
    nodes = [Upstream(node.url) for node in world.nodes]
    transport = WireTransport(nodes)
    where = Field(world, proxy, folder, nodes)
    groups = dict[int, list[int]]()
    for seed in seeds:
        groups.setdefault(seed // TOGETHER, []).append(seed)
    with quickened(0.06, transport):
        for group in groups.values():
            for report in await where.play(group):
                print(json.dumps(report), flush=True)
    await transport.hang_up()


def main() -> None:
    first, count = int(sys.argv[1]), int(sys.argv[2])
    with (
        tempfile.TemporaryDirectory() as folder,
        running_world(Path(folder) / "world", _ON_DEMAND) as world,
        Proxy([node.url for node in world.nodes]) as proxy,
    ):
        asyncio.run(play(world, proxy, Path(folder), range(first, first + count)))


if __name__ == "__main__":
    main()
