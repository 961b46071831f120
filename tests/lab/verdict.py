"""What happened, by the chains' own word, and whether the journal says the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.wallet.records import PaymentRecord
from l2send.wallet.signed import decode_signed
from l2send.wallet.states import PaymentState, TxState
from tests.lab.payer import UNITS
from tests.lab.wire import RECEIPT
from tests.lab.world import MONEY, Account, World

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

    @property
    def once(self) -> bool:
        return not self.wrong and self.times_received == self.times_spent == 1

    @property
    def never(self) -> bool:
        return not self.wrong and self.times_received == self.times_spent == 0


def judge(
    world: World,
    account: Account,
    recipient: Address,
    index: int,
    record: PaymentRecord | None,
    sent: Sequence[tuple[int, bytes]],
    *,
    spent_besides: int = 0,
) -> Verdict:
    """Ask the chains. `sent` is all that the payer handed over; `spent_besides` went to other payments."""
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
    if state not in {*_NOTHING_HAPPENED, PaymentState.DELIVERED, PaymentState.REPLACED}:
        wrong.append(f"it is left {state}")
    return Verdict(state, times, spent // price, tuple(wrong))


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
            receipt = world.nodes[0].call(RECEIPT, tx.hash)
            if receipt is None or receipt["status"] != "0x1" or receipt["blockHash"] != tx.block_hash:
                wrong.append(f"{tx.step.kind} is {tx.state} in the journal, and the chain says {receipt}")
        elif tx.state not in (TxState.CANCELLED, TxState.REPLACED):
            wrong.append(f"{tx.step.kind} is left {tx.state}")
    return wrong
