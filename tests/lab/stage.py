"""Runs one cell of the matrix on running chains, and judges the result."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from l2send.core.errors import ExitStatus, L2sendError
from l2send.devnet.modes import Mode
from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.states import ENDED, PaymentState, TxState
from tests.lab import payer
from tests.lab.payer import Errand, journaled
from tests.lab.proxy import Proxy
from tests.lab.rivals import Rival
from tests.lab.scenario import Scenario
from tests.lab.swaps import SwappedFile
from tests.lab.transport import SECOND, SPONSOR_URL, current_wire, urls_of
from tests.lab.verdict import Verdict, judge, judge_legs
from tests.lab.wire import Rule, Upstream, Wire
from tests.lab.witnesses import set_clock
from tests.lab.world import Account, World
from tests.support.addresses import new_address

MOST_RUNS = 12
_PUT_RIGHT_AFTER = 3
"""Runs after which a person puts a clock right, and cancels what another machine's payment made impossible."""
_STATUS_LOST = 255  # what multiprocessing says when its fork server does not
CONFIRMATIONS = 2


@dataclass
class Result:
    """What came of it."""

    scenario: Scenario
    killed: int = 0
    status_lost: bool = False
    """The process is dead, and what came back does not say that it was SIGKILL: judged, and not counted as proven."""
    turning: asyncio.Task[None] | None = None
    """A chain's clock on its way."""
    turned: bool = False
    """Whether this machine's clock was turned."""
    recipient: str = ""
    rival: Errand | None = None
    """What another machine paid with the same key."""
    runs: int = 0
    verdict: Verdict | None = None
    last_word: str = ""
    lies: list[str] = field(default_factory=list[str])
    """What its processes said and the journal does not."""
    journal: SwappedFile = field(default_factory=lambda: SwappedFile(Path()))
    """What happened to the journal's file."""
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire([Rule(self.scenario.fault)] if self.scenario.fault else [])

    @property
    def reached(self) -> bool:
        """Whether all that the scenario is about did happen."""
        killed = self.killed == (2 if self.scenario.later else 1) and not self.status_lost
        turned = self.turned or not self.scenario.clock
        swapped = self.scenario.swap is None or (self.journal.happened and self.journal.refused > 0)
        met = self.scenario.fault is None or self.wire.fired > 0
        return (not self.scenario.kill or killed) and turned and swapped and met

    @property
    def why_not_reached(self) -> str:
        if self.scenario.kill and self.killed < (2 if self.scenario.later else 1):
            return "the process did not pass the step"
        if self.scenario.swap:
            return "no run came to a journal that was replaced"
        if self.status_lost:
            return "the exit status of the killed process was lost"
        return "nothing that the fault breaks was asked after the step"


Turn = Callable[[], Coroutine[None, None, None]]
"""Turns a chain's clock. Of two, the second lets the other chain's catch up."""


@dataclass
class Stage:
    """Where scenarios are played."""

    world: World
    proxy: Proxy
    folder: Path
    _count: Iterator[int] = field(default_factory=lambda: count(1))

    def _errand(self, scenario: Scenario, account: Account, urls: Sequence[str], sponsor: str) -> Errand:
        home = self.folder / f"s{next(self._count)}"
        home.mkdir(mode=0o700)
        confirmations = 3 if scenario.fault and scenario.fault.alone else CONFIRMATIONS
        second = SECOND if scenario.fault and scenario.fault.second is not None else ""
        registry = self.world.seen_through(urls, confirmations, second)
        patience = 1.2 if scenario.alone else 3.0
        if scenario.several:
            registry = self.world.with_a_bridge_each(registry, sponsor)
            return Errand(home, registry, account, len(urls) - 1, new_address(), payer.OF_SEVERAL, patience=patience)
        via = scenario.via if scenario.bridged else ""
        return Errand(home, registry, account, int(scenario.bridged), new_address(), via=via, patience=patience)

    def play_processes(self, scenario: Scenario, account: Account) -> Result:
        """With a real kill, and a fresh process for every run."""
        result, errand = self.begin(scenario, account)
        self.carry_on(result, errand, scenario.step)
        return self.judged(result, errand)

    def begin(self, scenario: Scenario, account: Account) -> tuple[Result, Errand]:
        """A wire of its own, and what is to be done."""
        result = Result(scenario)
        urls = self.proxy.plug(result.wire)
        root = urls[0].rpartition("/")[0]
        errand = self._errand(scenario, account, urls, f"{root}/sponsor")
        result.wire.arms_when_begun = scenario.armed_at == "begun"
        result.journal = SwappedFile(errand.paths.journal, scenario.swap)
        return result, replace(errand, begun=f"{root}/begun")

    def carry_on(self, result: Result, errand: Errand, step: str, most: int = MOST_RUNS) -> None:
        """Processes one after the other, the first that comes to `step` killed there, until the payment is closed."""
        scenario, wire, before = result.scenario, result.wire, result.killed
        proof = errand.home / f"proof{before}"
        deadly = {"L2SEND_FAILPOINT": step, "L2SEND_FAILPOINT_PROOF": str(proof)}
        for _ in range(most):
            result.runs += 1
            run = errand if result.killed > before else replace(errand, environment=deadly)
            status = payer.run(run, partial(self._meanwhile, wire, errand) if scenario.alone else None)
            died = proof.exists() and result.killed == before
            lost = died and status == _STATUS_LOST
            result.status_lost |= lost
            word = f"{scenario}: exit status {status}, {payer.last_word(errand)}"
            assert (status == -9) == (died and not lost), word
            if died:
                result.killed += 1
                wire.arm()
                result.journal.strike()
                continue
            if status == ExitStatus.CHANGED and scenario.swap:
                result.journal.refuse()
                continue
            if status == 0 and not is_delivered(errand):
                result.lies.append("a process ended as delivered, and the journal does not say so")
            if is_closed(errand):
                break

    async def play_here(
        self, scenario: Scenario, account: Account, nodes: Sequence[Upstream], turns: tuple[Turn, Turn] | None = None
    ) -> Result:
        """In this process: the fault begins, or a clock is turned, when the step is passed for the first time."""
        result = Result(scenario)
        wire = result.wire
        errand = self._errand(scenario, account, urls_of(len(nodes)), SPONSOR_URL)
        result.recipient = errand.recipient
        result.journal = SwappedFile(errand.paths.journal, scenario.swap)
        wire.rival = Rival(account.key, partial(self._pay_elsewhere, result, errand, nodes))
        current_wire.set(wire)
        payer.hooked(partial(_strike, result, turns[0] if turns else None))
        helper = asyncio.create_task(self._help(wire, errand)) if scenario.alone else None
        for _ in range(MOST_RUNS):
            result.runs += 1
            try:
                await payer.pay(errand, partial(_begun, result, nodes))
            except JournalReplaced as error:
                result.last_word = f"{error.code}: {error.message}"
                result.journal.refuse()
                continue
            except L2sendError as error:
                result.last_word = f"{error.code}: {error.message}"
            if _is_closed(result, errand):
                break
            if result.runs == _PUT_RIGHT_AFTER:
                set_clock(0)
                if result.turning and turns:
                    await turns[1]()
                    result.turning = None
                if result.rival:
                    await payer.give_up(errand)
        if helper:
            helper.cancel()
        if result.turning and turns:
            await result.turning
            await turns[1]()
        return await asyncio.to_thread(self.judged, result, errand)

    async def _pay_elsewhere(self, result: Result, errand: Errand, nodes: Sequence[Upstream], same: bool) -> None:
        """Another machine with the same key and a journal of its own pays, from its beginning to its end."""
        home = errand.home.with_name(errand.home.name + "-other")
        home.mkdir(mode=0o700)
        result.rival = replace(errand, home=home, recipient=errand.recipient if same else new_address())

        async def pay() -> None:
            current_wire.set(Wire())
            payer.hooked(None)
            set_clock(0)
            assert result.rival
            for _ in range(MOST_RUNS):
                with contextlib.suppress(L2sendError):
                    await payer.pay(result.rival)
                if is_closed(result.rival):
                    return

        await asyncio.create_task(pay())

    async def _help(self, wire: Wire, errand: Errand) -> None:
        while True:
            await asyncio.to_thread(self._meanwhile, wire, errand)

    def _meanwhile(self, wire: Wire, errand: Errand) -> None:
        """After the reorganisation blocks come quickly. The solver, which believes every block, waits for the end."""
        time.sleep(0.04)
        if not wire.fired or wire.acting:
            return
        self.world.mine()
        record = journaled(errand)
        if record and record.legs[0].steps[-1].state is TxState.FINAL:
            self.world.solver(Mode.FILL)

    def judged(self, result: Result, errand: Errand) -> Result:
        """With the verdict of the chains."""
        result.last_word = result.last_word or payer.last_word(errand)
        record, account, wire = journaled(errand), errand.account, result.wire
        if result.scenario.several:
            verdict = judge_legs(self.world, account, errand.recipient, record, wire)
        else:
            besides = self._rival_spent(result) if result.rival else 0
            args = self.world, account, errand.recipient, errand.index, record, wire.sent
            verdict = judge(*args, spent_besides=besides)
        result.verdict = replace(verdict, wrong=(*verdict.wrong, *result.lies))
        return result

    def _rival_spent(self, result: Result) -> int:
        """What another payment of another machine took, judged by itself; nothing where it is the same payment."""
        assert result.rival
        record, received = journaled(result.rival), self.world.received(result.rival.recipient, result.rival.index)
        assert record
        if (record.state is PaymentState.DELIVERED) is not (len(received) == 1):
            result.lies.append(f"another machine has {record.state} in its journal, and its recipient {received}")
        same = result.rival.recipient == result.recipient
        return 0 if same or not received else record.legs[0].terms.pays.units


async def _begun(result: Result, nodes: Sequence[Upstream]) -> None:
    """The payment is in the journal."""
    result.journal.begun()
    await result.wire.begun(nodes)


def _strike(result: Result, turn: Turn | None, place: str) -> None:
    """The fault begins, or a clock is turned, when the payment passes the step for the first time."""
    if place != result.scenario.step:
        return
    result.wire.arm()
    result.journal.strike()
    if turn and not result.turned:
        result.turned = True
        result.turning = asyncio.get_running_loop().create_task(turn())
    elif result.scenario.clock:
        set_clock(result.scenario.clock)
        result.turned = True


def _is_closed(result: Result, errand: Errand) -> bool:
    """The same, where the journal may have been replaced when all was over: the next command is refused."""
    try:
        return is_closed(errand)
    except JournalReplaced:
        result.journal.refuse()
        return False


def is_delivered(errand: Errand) -> bool:
    """Whether the journal says that the recipient has all of it."""
    record = journaled(errand)
    return record is not None and record.state is PaymentState.DELIVERED


def is_closed(errand: Errand) -> bool:
    """Whether the payment is in the journal, and nothing more can happen to it nor to any transaction of it."""
    record = journaled(errand)
    if record is None or record.meaning.open:
        return False
    never_signed = {TxState.PLANNED} if record.state is PaymentState.REPLACED else set[TxState]()
    return all(tx.state in ENDED | never_signed for tx in record.transactions)
