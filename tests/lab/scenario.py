"""One cell of the matrix: a step of a payment, a fault, and whether the process is killed there."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from l2send.wallet.failpoints import Failpoint
from tests.lab.faults import FAULTS, REORGANISATIONS, SPONSOR_FAULTS, on_chain
from tests.lab.swaps import AFTER_A_KILL, COPY_OF_NOW, SWAPS, Swap
from tests.lab.wire import POST, RECEIPT, SEND, Fault
from tests.lab.world import SOURCES

_LATE_OF_SEVERAL = ("mined:3", "mined:4", "mined:5", "final", "order_")
"""A leg may be at its end then. Before, only approvals are mined."""
_ONCE_A_PAYMENT = {Failpoint.PLANNED, Failpoint.LOCKED, Failpoint.FINAL}
_OF_ORDERS = {Failpoint.ORDER_OPENED, Failpoint.ORDER_FILLED}


# By whether the payment is bridged.
_NOTHING_READ_AFTER = {False: {"final:1"}, True: {"order_filled:1"}}
_NOTHING_SENT_AFTER = {
    False: {"after_broadcast:1", "broadcast:1", "mined:1", "final:1"},
    True: {"after_broadcast:2", "broadcast:2", "mined:1", "mined:2", "final:1", "order_opened:1", "order_filled:1"},
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
    swap: Swap | None = None
    """What happens to the journal's file at the step."""

    def __str__(self) -> str:
        how = "killed at" if self.kill else "fault from"
        steps = f"{self.step} and {self.later}" if self.later else self.step
        what = f"this machine's clock {self.clock:+d} s" if self.clock else self.fault or self.swap or "no fault"
        return f"{self.via if self.bridged else 'direct'}, {how} {steps}, {what}"

    @property
    def several(self) -> bool:
        """From three chains, by a bridge each."""
        return self.via == SEVERAL

    @property
    def alone(self) -> bool:
        """Whether no other payment may be on the chains meanwhile."""
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
        """Sending is broken from the start. Reads are broken for the process after the kill, or, where
        nothing is read after it any more, from the moment the payment is in the journal."""
        if not self.kill:
            return "step"
        early = self.fault is None or self.fault.breaks_sending or self.fault.alone
        over = _LATE_OF_SEVERAL if self.several else ("final", "order_filled")
        return "begun" if early or self.step.startswith(over) else "killed"


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


def swapped(*, kill: bool, each: int) -> list[Scenario]:
    """Every step with `each` ways to take the journal's file away, the next step with the next ones."""
    line, cells = deque(AFTER_A_KILL if kill else SWAPS), list[Scenario]()
    for bridged in (False, True):
        for step in steps_of(bridged=bridged):
            nothing_lost = {COPY_OF_NOW} if step in _NOTHING_READ_AFTER[bridged] else set[Swap]()
            chosen = [swap for swap in line if swap not in nothing_lost][:each]
            cells += [Scenario(bridged, step, None, kill, swap=swap) for swap in chosen]
            line.rotate(-each if each < len(line) else -1)
    return cells


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
