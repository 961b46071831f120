"""A second transaction for a pending nonce: the same with higher fees, or a transfer of nothing.

Nodes accept it in place of the first if both its prices are a tenth higher (geth's `pricebump`). A node that never saw
the second may still mine the first: the chain takes one of the two, and you cannot choose which. So either makes the
payment once, and a cancelled payment may turn out to be paid.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from l2send.core.delegation import delegates_and_calls
from l2send.core.errors import Refused
from l2send.core.fees import gas_limit, gas_price
from l2send.core.plan import GasPrice, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.text import in_words
from l2send.core.units import Gas, Wei
from l2send.wallet.before_signing import GasTerms, message_of
from l2send.wallet.behind_approval import waiting_before
from l2send.wallet.ends import Ends
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import IN_BLOCK, IN_FLIGHT, REPLACEABLE, TxState
from l2send.wallet.keys.signed import SignedFields, decode_signed
from l2send.wallet.receipts import observe


@dataclass(frozen=True, slots=True)
class Bid:
    """A transaction that competes for the nonce of `former`; `step` has its gas limit and price."""

    former: TxRecord
    step: Step

    @property
    def most(self) -> Wei:
        """The most that it costs in gas."""
        assert self.step.price is not None
        return self.step.price.most(self.step.gas)

    @property
    def former_most(self) -> Wei:
        """The most that `former` costs in gas."""
        said = decode_signed(self.former.raw)
        return Wei(said.gas * said.max_fee_per_gas)


async def speedup_bids(record: PaymentRecord, journal: Journal, rpcs: Rpcs) -> list[Bid]:
    """A higher bid for every pending transaction of the payment. Raises Refused if none is pending."""
    waiting = await _waiting(record, record.deciding, journal, rpcs)
    if not waiting:
        raise _nothing_waits(journal.get(record.id))
    record = journal.get(record.id)
    return [await _bid(tx, tx.step, rpcs.on(tx.chain_id), alone=not waiting_before(record, tx)) for tx in waiting]


async def cancel_bids(record: PaymentRecord, journal: Journal, rpcs: Rpcs) -> list[Bid]:
    """For every pending step of the payment, a transfer of nothing to the sender.

    No bids if the paying step is not signed yet: not signing it is enough. Raises Refused if it is too late.
    """
    waiting = await _waiting(record, record.steps, journal, rpcs)
    record = journal.get(record.id)
    if not waiting and not (record.meaning.open and record.steps[-1].state is TxState.PLANNED):
        raise _nothing_waits(record)
    return [await _bid(tx, Step(StepKind.CANCEL, cancel_tx(tx), Gas(0)), rpcs.on(tx.chain_id)) for tx in waiting]


def cancel_tx(tx: TxRecord) -> UnsignedTx:
    """The transaction that uses a nonce and does nothing else."""
    return UnsignedTx(tx.chain_id, tx.sender, Wei(0), b"")


def refuse_unless_it_outbids(former: TxRecord, cost: GasTerms) -> None:
    """Raises Refused for prices that nodes would not accept in place of the former's."""
    said, price = decode_signed(former.raw), cost.price
    enough = _least(said.max_fee_per_gas) <= price.max_fee_per_gas and (said.legacy or _least(said.tip) <= price.tip)
    if price.legacy is not said.legacy or not enough:
        raise Refused(f"the new price is not a tenth above that of {former.hash}; it was thrown away.")


async def _waiting(
    record: PaymentRecord, deciding: tuple[TxRecord, ...], journal: Journal, rpcs: Rpcs
) -> list[TxRecord]:
    """The newest transaction of every signed step whose nonce is still free."""
    found = list[TxRecord]()
    for tx in deciding:
        if tx.state not in IN_FLIGHT:
            continue
        for attempt in record.attempts(tx.step_index):
            await observe(attempt, Ends(journal, rpcs))
        attempts = journal.get(record.id).attempts(tx.step_index)
        if all(attempt.state in REPLACEABLE for attempt in attempts):
            found.append(attempts[-1])
    return found


def _nothing_waits(record: PaymentRecord) -> Refused:
    mined = any(tx.state in IN_BLOCK for tx in record.steps[-1:])
    why = "mined already" if mined else "nothing of it waits to be mined"
    return Refused(f"{record.id} is {in_words(record.state)}: {why}. {record.meaning.money}", sent=record.moved)


async def _bid(former: TxRecord, step: Step, rpc: Rpc, *, alone: bool = True) -> Bid:
    """`step` at a price above the former's and not below today's. Source: eth_estimateGas, eth_feeHistory.

    Gas is estimated at the newest block, without the pending transaction that it competes with. Not `alone`: steps that
    it depends on are not mined, so that it would revert by itself; it keeps its gas limit. So does a batch with its
    authorization, which is simulated before it is signed.
    """
    said = decode_signed(former.raw)
    if not alone or delegates_and_calls(step.tx):
        return Bid(former, Step(step.kind, step.tx, said.gas, _above(said, await gas_price(rpc))))
    tx = step.tx
    today, estimate = await asyncio.gather(gas_price(rpc), rpc.estimate_gas(message_of(tx, former.sender), "latest"))
    same = step.kind is not StepKind.CANCEL and estimate <= said.gas
    gas = said.gas if same else gas_limit(estimate)
    return Bid(former, Step(step.kind, tx, gas, _above(said, today)))


def _above(said: SignedFields, today: GasPrice) -> GasPrice:
    max_fee_per_gas = max(_raised(said.max_fee_per_gas), today.max_fee_per_gas)
    if said.legacy:
        return GasPrice(Wei(0), Wei(0), Wei(max_fee_per_gas), legacy=True)
    return GasPrice(today.base_fee, Wei(max(_raised(said.tip), today.tip)), Wei(max_fee_per_gas))


def _raised(price: Wei) -> int:
    """An eighth more: the most that the base fee rises per block, and above the tenth that nodes require."""
    return price + price // 8 + 1


def _least(price: Wei) -> int:
    return price + -(-price // 10)
