"""The last checks before a transaction is signed. If one fails, nothing was signed or sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from l2send.core.address import ZERO_ADDRESS
from l2send.core.calldata import answers_false
from l2send.core.deadlines import why_late
from l2send.core.delegation import delegates_and_calls
from l2send.core.errors import CannotPay, NetworkError, NodeError, Refused
from l2send.core.fees import L1_FEE_MARGIN_PERCENT, MIN_TIP, L1Fee, gas_limit, gas_price, l1_fee_of, refuse_overpriced
from l2send.core.pinned_code import why_other_code
from l2send.core.plan import GasPrice, Order, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs, Simulated, both, if_offered
from l2send.core.units import Amount, ChainId, Gas, UnixTime, Wei
from l2send.wallet.journal.records import PaymentRecord, TxRecord

_NOTHING = Wei(0)
_L1_FEE_MARGIN_PERCENT = 5
"""Margin on the L1 fee of a step with a fixed price: below the planning margin, so the planned reserve suffices."""
_LAGGING_LOOKS = 4
_LAGGING_PAUSE = 1.5


Estimate = Gas | NetworkError | Refused
"""The gas that a transaction needs, or the reason it is unknown."""


@dataclass(frozen=True, slots=True)
class GasTerms:
    """The gas limit and prices that a transaction is signed with."""

    gas: Gas
    price: GasPrice


@dataclass(frozen=True, slots=True)
class FeeCap:
    """The most that one transaction may cost in network fees."""

    most: Wei
    why: str
    """Words after the amount: `were approved`."""
    hint: str = ""
    beside: Wei = _NOTHING
    """The part of the cap that the transaction itself transfers, such as the fee that a bridge takes for a refund."""
    lowers_price: bool = False
    """Whether the price per gas may be lowered to fit, down to what the next block accepts; else only the tip is."""

    @property
    def left(self) -> Wei:
        """The part of the cap that remains for the network fee."""
        return Wei(max(0, self.most - self.beside))


class FeeAboveCap(Refused):
    """Fees of a transaction could exceed its cap."""

    def __init__(self, message: str, *, hint: str, tx: TxRecord, fees: Amount) -> None:
        super().__init__(message, hint=hint)
        self.tx = tx
        self.fees = fees
        """All that the transaction could cost in fees."""

    @property
    def code(self) -> str:
        """That of every refusal."""
        return "refused"


class TxGuard(Protocol):
    """Called before every signature of a transaction; implemented by `l2send.guard`."""

    def check(self, record: PaymentRecord, tx: TxRecord, said: UnsignedTx) -> None:
        """Raises Refused where `said`, decoded from the bytes signed for `tx`, is not what was approved."""
        ...

    async def fee_cap(self, record: PaymentRecord, tx: TxRecord, rpc: Rpc) -> FeeCap:
        """The most that `tx` may cost in network fees. Raises Refused, NetworkError."""
        ...


async def pin_chain(rpc: Rpc) -> None:
    """Request the chain id again: an endpoint may have changed chains since it was verified. Raises WrongChain."""
    await rpc.pin()


async def why_not_now(record: PaymentRecord, rpcs: Rpcs) -> str:
    """Why a payment must no longer be signed: too late, or a contract's code changed. Empty if it may be."""
    late, other = await asyncio.gather(why_too_late(record, rpcs), why_unlike_pinned(record, rpcs))
    return other or late


async def why_unlike_pinned(record: PaymentRecord, rpcs: Rpcs) -> str:
    """Which contract of the payment's bridge runs code other than the registry pins, or an empty string."""
    if record.order is None:
        return ""
    order = record.order.order
    chains = (rpcs.on(order.origin).chain, rpcs.on(order.destination).chain)
    return await why_other_code(order.bridge, chains, rpcs)


async def why_too_late(record: PaymentRecord, rpcs: Rpcs) -> str:
    """Why a payment must no longer be signed, by the chains' own clocks, or an empty string."""
    order = record.order.order if record.order else None
    return await why_quote_is_late(record.terms.source, record.terms.expires, order, rpcs)


async def why_quote_is_late(source: ChainId, expires: UnixTime | None, order: Order | None, rpcs: Rpcs) -> str:
    """Why a quote from `source` must no longer be signed, by the clocks of its chains, or an empty string."""
    expired, late = await both(_why_expired(source, expires, rpcs), _why_late(order, rpcs))
    return expired or late


async def _why_expired(source: ChainId, expires: UnixTime | None, rpcs: Rpcs) -> str:
    if expires is None:
        return ""
    late = await rpcs.on(source).time() - expires
    return f"its quote expired {late} seconds ago" if late >= 0 else ""


async def why_order_is_late(record: PaymentRecord, rpcs: Rpcs) -> str:
    """Why the order must no longer be opened, by the destination's or this machine's clock, or an empty string."""
    return await _why_late(record.order.order if record.order else None, rpcs)


async def _why_late(order: Order | None, rpcs: Rpcs) -> str:
    if order is None:
        return ""
    target = rpcs.on(order.destination)
    return why_late(order, {target.chain.name: await target.time()})


@dataclass(frozen=True, slots=True)
class Cost:
    """The chain's answers about the cost of a transaction, requested together."""

    today: GasPrice
    l1_fee: L1Fee
    """What it costs in addition to gas."""
    balance: Wei
    estimate: Estimate
    """The gas it needs, or why the estimate failed. The balance is checked first, because its error is clearer."""


async def look_at_cost(tx: TxRecord, rpc: Rpc, estimating: Awaitable[Estimate] | None = None) -> Cost:
    """Price, balance and gas for `tx`, in one round trip; `estimating` replaces the gas estimate. Raises NetworkError.

    Source: eth_estimateGas, eth_feeHistory, eth_getBalance.
    """
    today, l1_fee, balance, estimate = await asyncio.gather(
        gas_price(rpc),
        l1_fee_at_most(tx, rpc),
        rpc.balance(tx.sender),
        estimating or _estimate(tx, rpc),
    )
    return Cost(today, l1_fee, balance, estimate)


async def l1_fee_at_most(tx: TxRecord, rpc: Rpc) -> L1Fee:
    """The most that `tx` can cost in addition to gas. Raises NetworkError."""
    margin = _L1_FEE_MARGIN_PERCENT if tx.step.price else L1_FEE_MARGIN_PERCENT
    return await l1_fee_of(rpc, tx.step.tx, margin)


async def estimates_together(txs: Sequence[TxRecord], rpc: Rpc) -> list[Estimate]:
    """The gas of each of these transactions of one account, by one simulation if the node supports it. Raises nothing.

    A transaction that fails there is estimated alone, and so are all if the node does not support simulation. Source:
    eth_simulateV1, else eth_estimateGas.
    """
    try:
        results = await if_offered(lambda: rpc.simulate(txs[0].sender, [tx.step.tx for tx in txs]))
    except NetworkError:
        results = None
    if results is None:
        return list(await asyncio.gather(*(_estimate(tx, rpc) for tx in txs)))

    async def one(tx: TxRecord, result: Simulated) -> Estimate:
        if not result.succeeded or (tx.step.kind is StepKind.TRANSFER and answers_false(result.output)):
            return await _estimate(tx, rpc)
        return result.gas

    return list(await asyncio.gather(*map(one, txs, results)))


async def affordable(tx: TxRecord, rpc: Rpc, cap: FeeCap | None) -> GasTerms:
    """The gas limit and price for `tx` now: see `price_of`."""
    return await price_of(tx, rpc, cap, await look_at_cost(tx, rpc))


async def price_of(tx: TxRecord, rpc: Rpc, cap: FeeCap | None, cost: Cost) -> GasTerms:
    """The gas limit and price for `tx`, once it is known to succeed and to be affordable.

    The limit is the planned one, or the new estimate plus a fifth if that is higher: blocks were mined since the plan
    was made, and too low a limit burns the fee. A step with a fixed price is signed with that price and its own limit,
    since its value was chosen to fit them. Raises Refused if the transaction would revert or its fee could exceed
    `cap`, CannotPay if the balance is too small, NetworkError if another endpoint says that a tenth of the fee is
    enough.
    """
    if tx.step.price is not None:
        return await _as_planned(tx, tx.step.price, rpc, cap, cost)
    data_fee = cost.l1_fee.most(tx.step.gas)
    price = _within(cost.today, tx.step.gas, data_fee, cap)
    _afford(tx, Wei(price.most(tx.step.gas) + data_fee), cost.balance, rpc, cap)
    estimate = _known(cost.estimate)
    gas = Gas(max(tx.step.gas, gas_limit(estimate)))
    data_fee = cost.l1_fee.most(gas)
    price = _within(cost.today, gas, data_fee, cap)
    _afford(tx, Wei(price.most(gas) + data_fee), cost.balance, rpc, cap)
    await refuse_overpriced(rpc, price, gas)
    return GasTerms(gas, price)


def _known(estimate: Estimate) -> Gas:
    if isinstance(estimate, Exception):
        raise estimate
    return estimate


async def _as_planned(tx: TxRecord, price: GasPrice, rpc: Rpc, cap: FeeCap | None, cost: Cost) -> GasTerms:
    """The step's planned limit and price, while they suffice."""
    gas, base_fee = tx.step.gas, cost.today.base_fee
    if base_fee > price.max_fee_per_gas:
        raise Refused(
            f"the base fee on {rpc.chain.name} rose to {base_fee} wei, above the fixed {price.max_fee_per_gas} wei.",
            hint="Nothing was signed. Run the command again: it takes today's fee.",
        )
    _afford(tx, Wei(price.most(gas) + cost.l1_fee.most(gas)), cost.balance, rpc, cap)
    if _known(cost.estimate) > gas:
        raise Refused(
            f"the {tx.step.kind} on {rpc.chain.name} needs more gas than the {gas} that were fixed.",
            hint="Nothing was signed. Run the command again.",
        )
    await refuse_overpriced(rpc, price, gas)
    return GasTerms(gas, price)


def _within(price: GasPrice, gas: Gas, data_fee: Wei, cap: FeeCap | None) -> GasPrice:
    """`price`, lowered to what can still be mined if the whole fee would exceed `cap`.

    On a quiet chain a few high bidders raise the usual tip a thousandfold within seconds, so the tip is lowered first.
    The base fee is mandatory and may rise by an eighth in the next block.
    """
    if cap is None or price.legacy:
        return price
    excess = -(-(price.most(gas) + data_fee - cap.left) // gas)
    if excess <= 0:
        return price
    most = price.max_fee_per_gas - excess
    if not cap.lowers_price:
        lower = price.tip - excess >= MIN_TIP
        return replace(price, tip=Wei(price.tip - excess), max_fee_per_gas=Wei(most)) if lower else price
    tip = Wei(max(MIN_TIP, price.tip - excess))
    lower = most >= price.base_fee + price.base_fee // 8 + tip
    return replace(price, tip=tip, max_fee_per_gas=Wei(most)) if lower else price


def _afford(tx: TxRecord, fee: Wei, balance: Wei, rpc: Rpc, cap: FeeCap | None) -> None:
    native, value = rpc.chain.native, tx.step.tx.value
    if cap is not None and fee > cap.left:
        fees = Amount(fee + cap.beside, native)
        what = f"the fees of the {tx.step.kind}" if cap.beside else "the network fee"
        raise FeeAboveCap(
            f"{what} on {rpc.chain.name} can reach {fees}, more than the {Amount(cap.most, native)} that {cap.why}.",
            hint=cap.hint,
            tx=tx,
            fees=fees,
        )
    if value + fee > balance:
        raise CannotPay(
            f"{rpc.chain.name} needs {Amount(value + fee, native)} for this transaction, "
            f"fees included, and the account holds {Amount(balance, native)}.",
            hint=f"Nothing was signed. Bring {Amount(value + fee - balance, native)} to the account.",
        )


async def estimate_competing(tx: TxRecord, rpc: Rpc) -> Estimate:
    """The gas that `tx` needs at the newest block, where the pending transaction with its nonce has not run."""
    return await _estimate(tx, rpc, "latest")


async def _estimate(tx: TxRecord, rpc: Rpc, *block: str) -> Estimate:
    """The gas `tx` needs. After an approval, a node that lags behind its block gets time to catch up."""
    if delegates_and_calls(tx.step.tx):
        return await _estimate_delegating(tx, rpc)
    looks = _LAGGING_LOOKS if tx.index and tx.step.kind is StepKind.OPEN else 1
    message = message_of(tx.step.tx, tx.sender)
    while True:
        looks -= 1
        try:
            gas, does_nothing = await both(rpc.estimate_gas(message, *block), _answers_false(tx, message, rpc))
        except NodeError as error:
            if error.is_revert and looks > 0:
                await asyncio.sleep(_LAGGING_PAUSE)
                continue
            return _would_fail(tx, error) if error.is_revert else error
        except NetworkError as error:
            return error
        if does_nothing:
            return Refused("the transfer would do nothing: the token answers false.", hint="It was not signed.")
        return gas


async def _estimate_delegating(tx: TxRecord, rpc: Rpc) -> Estimate:
    """The gas of a batch with its authorization: eth_estimateGas takes none that is not signed yet.

    Source: eth_simulateV1.
    """
    try:
        results = await if_offered(lambda: rpc.simulate(tx.sender, [tx.step.tx]))
    except NodeError as error:
        return _would_fail(tx, error)
    except NetworkError as error:
        return error
    if results is None:
        return NetworkError(f"{rpc.chain.name} does not show what the batch would do: no endpoint simulates it.")
    (result,) = results
    if not result.succeeded:
        why = result.reason or "no reason given"
        return Refused(f"the {tx.step.kind} would fail: {why}", hint="It was not signed. Start a new payment.")
    return result.gas_before_refunds


def _would_fail(tx: TxRecord, error: NodeError) -> Refused:
    afterwards = tx.step.kind in {StepKind.REFUND, StepKind.REVOKE}
    then = (
        f"Look again: l2send status {tx.payment_id}" if afterwards else "Check the balance, then start a new payment."
    )
    refused = Refused(f"the {tx.step.kind} would fail: {error.reason}.", hint=f"It was not signed. {then}")
    refused.__cause__ = error
    return refused


async def _answers_false(tx: TxRecord, message: dict[str, str], rpc: Rpc) -> bool:
    """Whether a token transfer would return false instead of reverting: its receipt would then report success.

    Source: eth_call.
    """
    if tx.step.kind is not StepKind.TRANSFER or not tx.step.tx.data:
        return False
    return answers_false(await rpc.returned(message))


def message_of(tx: UnsignedTx, sender: str) -> dict[str, str]:
    """The call object that a node simulates.

    A change of the account's code takes effect before the account is called. Nodes would run the present code, which
    may refuse the call. So the gas of a call without code is estimated; DELEGATION_GAS is higher.
    """
    to = tx.to if tx.delegate_to is None else ZERO_ADDRESS
    return {"from": sender, "to": to, "value": hex(tx.value), "data": "0x" + tx.data.hex()}
