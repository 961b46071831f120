"""One cell of the matrix: a step of a payment, a fault, and whether the process is killed there."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path

from l2send.core.errors import L2sendError
from l2send.devnet.modes import Mode
from l2send.wallet.failpoints import Failpoint
from l2send.wallet.journal.states import ENDED, PaymentState, TxState
from tests.lab import payer
from tests.lab.faults import FAULTS, REORGANISATIONS, SPONSOR_FAULTS, on_chain
from tests.lab.payer import Errand, journaled
from tests.lab.proxy import Proxy
from tests.lab.rivals import Rival
from tests.lab.transport import SECOND, SPONSOR_URL, current_wire, urls_of
from tests.lab.verdict import Verdict, judge, judge_legs
from tests.lab.wire import POST, RECEIPT, SEND, Fault, Rule, Upstream, Wire
from tests.lab.witnesses import set_clock
from tests.lab.world import SOURCES, Account, World, somebody

_LATE_OF_SEVERAL = ("mined:3", "mined:4", "mined:5", "final", "order_")
"""A leg may be at its end then. Before, only approvals are mined."""
_ONCE_A_PAYMENT = {Failpoint.PLANNED, Failpoint.LOCKED, Failpoint.FINAL}
_OF_ORDERS = {Failpoint.ORDER_OPENED, Failpoint.ORDER_FILLED}
# By whether the payment is bridged.
_NOTHING_READ_AFTER = {False: {"final:1"}, True: {"order_filled:1"}}
_NOTHING_SENT_AFTER = {
    False: {"after_broadcast:1", "broadcast:1", "mined:1", "final:1"},
    True: {"after_broadcast:2", "broadcast:2", "mined:2", "final:1", "order_opened:1", "order_filled:1"},
}
_PASSES_OF_SEVERAL = {
    Failpoint.NONCE_CHOSEN: 4,
    Failpoint.FINAL: 2,
    Failpoint.ORDER_OPENED: 2,
    Failpoint.ORDER_FILLED: 3,
}
_ALL_FAULTS = (*FAULTS, *SPONSOR_FAULTS)
_OF_OWN_TRANSACTIONS = {SEND, RECEIPT, "eth_getTransactionCount"}
"""What is not asked where a sponsor sends them, nor on the recipient's chain but for a fill's receipt."""
_MOST_PASSES = 5
"""Two approvals, two orders and the messages of a payment from several chains: more than the above pass by."""
MOST_RUNS = 12
_PUT_RIGHT_AFTER = 3
"""Runs after which a person puts a clock right, and cancels what another machine's payment made impossible."""
_STATUS_LOST = 255  # what multiprocessing says when its fork server does not
CONFIRMATIONS = 2
SEVERAL = "several"


def steps_of(*, bridged: bool) -> list[str]:
    """Every labelled step of a payment, as a failpoint is named: those of each transaction once for each."""
    steps = [f"{place.value}:1" for place in Failpoint if place not in _OF_ORDERS]
    if bridged:
        steps += [f"{place.value}:2" for place in Failpoint if place not in _ONCE_A_PAYMENT | _OF_ORDERS]
        steps += [f"{place.value}:1" for place in Failpoint if place in _OF_ORDERS]
    return steps


def steps_of_several() -> list[str]:
    """Each step of a payment from several chains as often as it is passed, by whichever leg comes to it then."""
    passes = [(place, _PASSES_OF_SEVERAL.get(place, _MOST_PASSES)) for place in Failpoint]
    return [f"{place.value}:{number}" for place, most in passes for number in range(1, most + 1)]


@dataclass(frozen=True)
class Scenario:
    """What is tried once."""

    bridged: bool
    step: str
    fault: Fault | None
    kill: bool
    """kill -9 at the step, then a fresh process; else the fault begins at the step, in one process."""
    via: str = "eco"
    """The bridge, where one is needed."""
    later: str = ""
    """A step at which a later process is killed too, if one is."""
    clock: int = 0
    """Seconds by which this machine's clock is off from the step on."""

    def __str__(self) -> str:
        how = "killed at" if self.kill else "fault from"
        steps = f"{self.step} and {self.later}" if self.later else self.step
        what = f"this machine's clock {self.clock:+d} s" if self.clock else self.fault or "no fault"
        return f"{self.via if self.bridged else 'direct'}, {how} {steps}, {what}"

    @property
    def several(self) -> bool:
        """From three chains, by a bridge each."""
        return self.via == SEVERAL

    @property
    def alone(self) -> bool:
        """Whether nobody else may be on the chains meanwhile."""
        return self.fault is not None and self.fault.alone

    @property
    def possible(self) -> bool:
        """Not where the fault would begin when nothing that it breaks is left to be asked."""
        if self.kill or self.fault is None:
            return True
        if self.several:
            return not self.step.startswith(_LATE_OF_SEVERAL)
        over = _NOTHING_SENT_AFTER if self.fault.breaks_sending else _NOTHING_READ_AFTER
        return self.step not in over[self.bridged]

    @property
    def armed_at(self) -> str:
        """Sending is broken from the start. Reads are broken for whoever comes after the kill, or, where
        nothing is read after it any more, from the moment the payment is in the journal."""
        if not self.kill:
            return "step"
        early = self.fault is None or self.fault.breaks_sending or self.fault.alone
        over = _LATE_OF_SEVERAL if self.several else ("final", "order_filled")
        return "begun" if early or self.step.startswith(over) else "killed"


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
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire([Rule(self.scenario.fault)] if self.scenario.fault else [])

    @property
    def reached(self) -> bool:
        """Whether all that the scenario is about did happen."""
        killed = self.killed == (2 if self.scenario.later else 1) and not self.status_lost
        turned = self.turned or not self.scenario.clock
        return (not self.scenario.kill or killed) and turned and (self.scenario.fault is None or self.wire.fired > 0)

    @property
    def why_not_reached(self) -> str:
        if self.scenario.kill and self.killed < (2 if self.scenario.later else 1):
            return "the process did not pass the step"
        if self.status_lost:
            return "the exit status of the killed process was lost"
        return "nothing that the fault breaks was asked after the step"


def all_scenarios(*, kill: bool, faults: Sequence[Fault | None] = (None, *FAULTS)) -> Iterator[Scenario]:
    """Every step of both kinds of payment with every fault, where there is anything left to be broken."""
    for bridged in (False, True):
        for step in steps_of(bridged=bridged):
            for fault in faults:
                cell = Scenario(bridged, step, fault, kill)
                if cell.possible and (kill or fault):
                    yield cell


def covering(*, kill: bool, each: int, offset: int) -> list[Scenario]:
    """A part of them that holds every step with `each` faults, and every fault with several steps."""
    line, chosen = deque(FAULTS), list[Scenario]()
    line.rotate(-offset)
    for bridged in (False, True):
        for step in steps_of(bridged=bridged):
            for _ in range(each):
                possible = (cell for fault in line if (cell := Scenario(bridged, step, fault, kill)).possible)
                cell = next(possible, None)
                if cell and cell.fault:
                    chosen.append(cell)
                    line.remove(cell.fault)
                    line.append(cell.fault)
            if kill:
                chosen.append(Scenario(bridged, step, None, kill))
    return chosen


def reorganised(steps: Sequence[str]) -> list[Scenario]:
    """Reorganisations, without a kill and with one at each of `steps`."""
    kinds = [(True, fault) for fault in REORGANISATIONS]
    kinds += [(False, fault) for fault in REORGANISATIONS if "second" not in fault.name]
    calm = [Scenario(bridged, "planned:1", fault, kill=False) for bridged, fault in kinds]
    return calm + [Scenario(bridged, step, fault, kill=True) for bridged, fault in kinds for step in steps]


def through_across() -> list[Scenario]:
    """Every step of a payment through Across, killed there: each with another fault of its nodes."""
    faults = [fault for fault in FAULTS if not fault.breaks_sending]
    cells = zip(steps_of(bridged=True), faults, strict=False)
    return [Scenario(True, step, fault, kill=True, via="across") for step, fault in cells]


def of_several(*, kill: bool, each: int) -> list[Scenario]:
    """Every step of a payment from several chains with `each` faults: of one chain's endpoint, or of the sponsor."""
    cells, line = list[Scenario](), count(0 if kill else len(FAULTS) // 2)
    for step in steps_of_several():
        here = [Scenario(True, step, _somewhere(next(line)), kill, SEVERAL) for _ in range(each)]
        cells += [cell for cell in here if cell.possible]
    return cells


def _somewhere(number: int) -> Fault:
    """One after the other, and at its next turn on another chain: on one that it can be met on."""
    turn, place = divmod(number, len(_ALL_FAULTS))
    fault = _ALL_FAULTS[place]
    if POST in fault.methods:
        return fault
    chains = SOURCES[1:] if fault.methods <= _OF_OWN_TRANSACTIONS else (*SOURCES, len(SOURCES))
    return on_chain(fault, chains[(turn + place // 2) % len(chains)])


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
            return Errand(home, registry, account, len(urls) - 1, somebody(), payer.OF_SEVERAL, patience=patience)
        via = scenario.via if scenario.bridged else ""
        return Errand(home, registry, account, int(scenario.bridged), somebody(), via=via, patience=patience)

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
        wire.rival = Rival(account.key, partial(self._pay_elsewhere, result, errand, nodes))
        current_wire.set(wire)
        payer.hooked(partial(_strike, result, turns[0] if turns else None))
        helper = asyncio.create_task(self._help(wire, errand)) if scenario.alone else None
        for _ in range(MOST_RUNS):
            result.runs += 1
            try:
                await payer.pay(errand, partial(wire.begun, nodes))
            except L2sendError as error:
                result.last_word = f"{error.code}: {error.message}"
            if is_closed(errand):
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
        result.rival = replace(errand, home=home, recipient=errand.recipient if same else somebody())

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
        if not wire.fired:
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


def _strike(result: Result, turn: Turn | None, place: str) -> None:
    """The fault begins, or a clock is turned, when the payment passes the step for the first time."""
    if place != result.scenario.step:
        return
    result.wire.arm()
    if turn and not result.turned:
        result.turned = True
        result.turning = asyncio.get_running_loop().create_task(turn())
    elif result.scenario.clock:
        set_clock(result.scenario.clock)
        result.turned = True


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
