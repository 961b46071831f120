"""What happened according to the chains, and whether the journal agrees."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.plan import StepKind
from l2send.wallet.journal.records import GroupRecord, PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import decode_signed
from tests.lab.payer import UNITS, UNITS_OF_SEVERAL
from tests.lab.wire import RECEIPT, Wire
from tests.lab.world import MONEY, PART, SOURCES, Account, World

BRIDGES = {"eco", "across", "across-gasless"}
"""Of a payment from several chains, a leg by each."""
_NOTHING_HAPPENED = {None, PaymentState.CANCELLED, PaymentState.REFUNDED}


@dataclass(frozen=True)
class Verdict:
    """How a payment ended."""

    state: PaymentState | None
    """None: it never got into the journal."""
    times_received: int
    times_spent: int
    wrong: tuple[str, ...]
    """What must not be; empty if all is well."""
    legs: int = 1

    @property
    def once(self) -> bool:
        return not self.wrong and self.times_received == self.times_spent == self.legs

    @property
    def partly(self) -> bool:
        """Some legs were paid once, and the money of the others is with the sender."""
        return not self.wrong and 0 < self.times_received == self.times_spent < self.legs

    @property
    def never(self) -> bool:
        return not self.wrong and self.times_received == self.times_spent == 0

    @property
    def well(self) -> bool:
        return self.once or self.partly or self.never


def judge(
    world: World,
    account: Account,
    recipient: Address,
    index: int,
    record: Record | None,
    sent: Sequence[tuple[int, bytes]],
    *,
    spent_besides: int = 0,
) -> Verdict:
    """Ask the chains. `sent` is all that the payer handed over; `spent_besides` went to other payments."""
    assert not isinstance(record, GroupRecord)
    received = world.received(recipient, index)
    spent = MONEY - world.holds(account.address, 0) - spent_besides
    price = record.terms.pays.units if record else UNITS
    wrong = _wrong_states(world, record)
    if record is None or record.state is not PaymentState.REPLACED:
        wrong += two_signatures(sent)
    journaled = {tx.raw for tx in record.transactions} if record else set[bytes]()
    if not spent_besides and any(raw not in journaled for _, raw in sent):
        wrong.append("bytes went out that are not in the journal")
    if spent % price:
        wrong.append(f"the sender spent {spent}, which is no multiple of {price}")
    times = received.count(UNITS)
    if (times, spent // price) not in {(0, 0), (1, 1)}:
        wrong.append(f"received {received}, spent {spent} at a price of {price}")
    state = record.state if record else None
    if (times == 1) != (state is PaymentState.DELIVERED):
        wrong.append(f"received {times} times, and the journal says {state}")
    ended = {*_NOTHING_HAPPENED, PaymentState.DELIVERED, PaymentState.REPLACED}
    if state not in ended and not (record and _lost_its_approval(record)):
        wrong.append(f"it is left {state}")
    return Verdict(state, times, spent // price, tuple(wrong))


def _lost_its_approval(record: PaymentRecord) -> bool:
    """Whether another wallet used the approval's nonce, so that the opening behind it reverted. See docs/bridges.md."""
    states = {tx.step.kind: tx.state for tx in record.transactions}
    return states == {StepKind.APPROVE: TxState.REPLACED, StepKind.OPEN: TxState.REVERTED}


def judge_legs(world: World, account: Account, recipient: Address, record: Record | None, wire: Wire) -> Verdict:
    """The same of a payment from several chains: each leg by itself, and the sum of all money on all chains."""
    legs = record.legs if record else ()
    wrong = [*two_signatures(wire.sent), *_other_letters(wire.posted, legs)]
    journaled = {tx.raw for leg in legs for tx in leg.transactions}
    if any(raw not in journaled for _, raw in wire.sent):
        wrong.append("bytes went out that are not in the journal")
    if record and ({leg.terms.bridge for leg in legs} != BRIDGES or record.payment.amount.units != UNITS_OF_SEVERAL):
        wrong.append(f"it is another payment: {[(leg.terms.bridge, leg.payment.amount) for leg in legs]}")
    received = world.received(recipient, len(world.nodes) - 1)
    delivered = [leg for leg in legs if leg.state is PaymentState.DELIVERED]
    if Counter(received) != Counter(leg.payment.amount.units for leg in delivered):
        wrong.append(
            f"received {received}, and the journal calls delivered {[leg.payment.amount for leg in delivered]}"
        )
    whole = sum(received) == UNITS_OF_SEVERAL
    if record and (whole != (record.state is PaymentState.DELIVERED) or record.delivered.units != sum(received)):
        wrong.append(f"received {received}, and the journal says {record.delivered} and {record.state}")
    held = [world.holds(account.address, index) for index in SOURCES]
    for leg in legs:
        wrong += _wrong_states(world, leg)
        spent, price = PART - held[_index(world, leg)], leg.terms.pays.units
        if spent != (price if leg in delivered else 0):
            wrong.append(f"{leg.terms.bridge} is {leg.state}, and {spent} is gone at a price of {price}")
        if leg.state not in {*_NOTHING_HAPPENED, PaymentState.EXPIRED, PaymentState.DELIVERED}:
            wrong.append(f"{leg.terms.bridge} is left {leg.state}")
    kept = sum(leg.terms.pays.units - leg.payment.amount.units for leg in delivered)
    if sum(received) + sum(held) + kept != len(SOURCES) * PART:
        wrong.append(f"of {len(SOURCES) * PART} there are {sum(received)} received, {held} held, {kept} for bridges")
    times_spent = sum(units != PART for units in held)
    return Verdict(record.state if record else None, len(received), times_spent, tuple(wrong), len(SOURCES))


def _other_letters(posted: Sequence[bytes], legs: Sequence[PaymentRecord]) -> list[str]:
    """The sponsor is given one letter, however often: the signatures of the journal."""
    letters = [json.loads(letter) for letter in set(posted)]
    signed = [list(leg.sponsored.signatures) for leg in legs if leg.sponsored]
    given = [[bytes(one["signature"][0]) for one in (letter["permit"], letter)] for letter in letters]
    if given not in ([], signed):
        return [f"the sponsor was given {len(letters)} letters that are not the journal's"]
    return []


def _index(world: World, leg: PaymentRecord) -> int:
    return next(index for index, chain in enumerate(world.chains) if chain.chain_id == leg.terms.source)


def two_signatures(sent: Sequence[tuple[int, bytes]]) -> list[str]:
    """Every nonce of the payer must have been given one signature alone."""
    bytes_of = defaultdict[tuple[int, int], set[bytes]](set)
    for index, raw in sent:
        bytes_of[index, decode_signed(raw).nonce].add(raw)
    return [f"{len(raws)} signatures for nonce {nonce}" for (_, nonce), raws in bytes_of.items() if len(raws) > 1]


def _wrong_states(world: World, record: PaymentRecord | None) -> list[str]:
    """What the journal calls final must be in the chain, succeeded, in that very block, and signed once."""
    if record is None:
        return []
    wrong = list[str]()
    for tx in record.transactions:
        if tx.state is TxState.FINAL:
            receipt = world.nodes[_index(world, record)].call(RECEIPT, tx.hash)
            if receipt is None or receipt["status"] != "0x1" or receipt["blockHash"] != tx.block_hash:
                wrong.append(f"{tx.step.kind} is {tx.state} in the journal, and the chain says {receipt}")
        elif tx.state is TxState.REVERTED and _lost_its_approval(record):
            receipt = world.nodes[_index(world, record)].call(RECEIPT, tx.hash)
            if receipt is None or receipt["status"] != "0x0" or receipt["blockHash"] != tx.block_hash:
                wrong.append(f"{tx.step.kind} is {tx.state} in the journal, and the chain says {receipt}")
        elif tx.state is TxState.VOID and record.at(tx.step_index).state is TxState.FINAL:
            continue  # Another transaction of its step, by another wallet with the key, is in the chain.
        elif tx.state is TxState.PLANNED and record.state is PaymentState.REPLACED:
            continue  # A step before it was replaced: it is never signed.
        elif tx.state not in (TxState.CANCELLED, TxState.REPLACED):
            wrong.append(f"{tx.step.kind} is left {tx.state}")
    return wrong
