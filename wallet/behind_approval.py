"""Signing a step before the previous one is mined: an opening right behind its approval transaction.

An opening that is mined before its approval reverts and costs only gas, since the token refuses. So both are signed and
broadcast in a row, and may share a block. This is done only for approvals, with a key of this account, if a node
simulates both in a row (eth_simulateV1) and both succeed. In all other cases the next step waits until the previous one
is mined: if its nonce or price is fixed, if the payment comes from several chains (nothing is opened before all is
approved), if the balance does not cover both fees, or if the node refused the approval or cannot simulate.
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
    """The steps of `later` that may be signed before `first` is mined, in order."""
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
    """The gas that `tx` needs once `before` are mined, or why it is unknown; None if no node can simulate them in a
    row.

    Source: eth_simulateV1.
    """
    try:
        results = await if_offered(lambda: rpc.simulate(tx.sender, [one.step.tx for one in (*before, tx)]))
    except NodeError as error:
        return Refused(f"the {tx.step.kind} would fail: {error.reason}.", hint="It was not signed.")
    except NetworkError as error:
        return error
    if results is None:
        return None
    failed = next((result for result in results if not result.succeeded), None)
    if failed:
        reason = failed.reason or "no reason given"
        return Refused(f"the {tx.step.kind} would fail: {reason}", hint="It was not signed.")
    return results[-1].gas_before_refunds


def cost_behind(cost: Cost, before: TxRecord, estimate: Gas) -> Cost:
    """The cost of a step behind `before`, from the answers about `before`: the balance must cover the fees of both."""
    gas, max_fee_per_gas = limits_of(before.raw)
    taken = gas * max_fee_per_gas + before.step.tx.value + cost.l1_fee.most(gas)
    return replace(cost, balance=Wei(max(0, cost.balance - taken)), estimate=estimate)


def waiting_before(record: PaymentRecord, tx: TxRecord) -> list[TxRecord]:
    """The steps before `tx` that were signed and are not mined yet: it depends on them."""
    if tx.step.kind not in _MAY_FOLLOW:
        return []
    return [step for step in record.steps if step.step_index < tx.step_index and step.state in REPLACEABLE]


def _is_free(tx: TxRecord) -> bool:
    """Whether `prepare` fixed neither nonce nor fees."""
    return tx.step.nonce is None and tx.step.price is None


def _account(tx: TxRecord) -> tuple[int, str]:
    return tx.chain_id, tx.sender
