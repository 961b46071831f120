"""What is signed behind transactions that no block has yet: an opening right behind its approval.

An opening whose approval is not mined before it reverts, and takes nothing but its gas: the token refuses. So both are
signed in a row and handed out one after the other, and may share a block. That holds for approvals alone, with a key on
this account, where a node runs both in a row (eth_simulateV1) and both succeed there. Everything else waits until what
comes before it is mined: steps with a nonce or a price of their own, a payment from several chains, which is opened
once all of it is approved, an account whose balance does not hold the fees of both, and a node that did not take the
approval or does not simulate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from l2send.core.errors import NetworkError, NodeError, Refused
from l2send.core.plan import StepKind
from l2send.core.rpc import Rpc, if_offered
from l2send.core.units import Gas, Wei
from l2send.wallet.before_signing import Cost, Estimate
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import REPLACEABLE, TxState
from l2send.wallet.keys.signed import limits_of

_MAY_FOLLOW = frozenset({StepKind.APPROVE, StepKind.OPEN})


def may_follow(first: TxRecord, later: Sequence[TxRecord]) -> list[TxRecord]:
    """Of the steps that come after `first` those that may be signed before it is mined, in order."""
    if first.step.kind is not StepKind.APPROVE or not _is_free(first):
        return []
    found = list[TxRecord]()
    for tx in later:
        if tx.state is not TxState.PLANNED or not _is_free(tx) or (tx.chain_id, tx.sender) != _account(first):
            break
        if tx.step.kind not in _MAY_FOLLOW:
            break
        found.append(tx)
    return found


async def gas_behind(rpc: Rpc, tx: TxRecord, before: Sequence[TxRecord]) -> Estimate | None:
    """The gas that `tx` needs once `before` are mined, or why that is not known; None where no node runs them in a row.

    A simulation counts gas after refunds, which are a fifth of all at most (EIP-3529): a quarter more is needed.
    Source: eth_simulateV1.
    """
    try:
        results = await if_offered(lambda: rpc.simulate(tx.sender, [one.step.tx for one in (*before, tx)]))
    except NodeError as error:
        return Refused(f"the {tx.step.kind} would fail: {error.message}", hint="It was not signed.")
    except NetworkError as error:
        return error
    if results is None:
        return None
    failed = next((result for result in results if not result.succeeded), None)
    if failed:
        reason = failed.reason or "no reason given"
        return Refused(f"the {tx.step.kind} would fail: {reason}", hint="It was not signed.")
    return Gas(results[-1].gas * 5 // 4)


def cost_behind(cost: Cost, before: TxRecord, estimate: Gas) -> Cost:
    """The cost of a step behind `before`, by what was asked for that one: the balance holds the fees of both."""
    gas, max_fee_per_gas = limits_of(before.raw)
    taken = gas * max_fee_per_gas + before.step.tx.value + cost.l1_fee.most(gas)
    return replace(cost, balance=Wei(max(0, cost.balance - taken)), estimate=estimate)


def waiting_before(record: PaymentRecord, tx: TxRecord) -> list[TxRecord]:
    """The steps of the payment before `tx` that were signed and are in no block: it depends on them."""
    if tx.step.kind not in _MAY_FOLLOW:
        return []
    return [step for step in record.steps if step.step_index < tx.step_index and step.state in REPLACEABLE]


def _is_free(tx: TxRecord) -> bool:
    """Whether nonce and fees were not fixed by `prepare`."""
    return tx.step.nonce is None and tx.step.price is None


def _account(tx: TxRecord) -> tuple[int, str]:
    return tx.chain_id, tx.sender
