"""Costs of a quote's transactions: gas limits by simulation, fees by the chain's own prices."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.bridge_protocol import Bridge
from l2send.core.calldata import ALLOWANCE, APPROVE, answers_false
from l2send.core.chains import Chain
from l2send.core.errors import CannotPay, NodeError, NoGas, Refused
from l2send.core.fees import gas_limit, gas_price, l1_fee, l1_fee_of
from l2send.core.plan import Fee, Order, Quote, RefundCost, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Rpc, Rpcs, if_offered
from l2send.core.state_overrides import StateOverrides
from l2send.core.units import Amount, Gas, Token, Wei

_NETWORK_FEES = frozenset({"network fee", "L1 data fee"})
"""The names of the fees that are computed here."""
# For nodes that cannot simulate a sequence: above the observed gas of every pinned settler and token. The highest was a
# sender's first order at Hyperlane7683 with USDC, behind two proxies: 525,125.
UNSIMULATED = {
    StepKind.TRANSFER: Gas(120_000),
    StepKind.APPROVE: Gas(80_000),
    StepKind.OPEN: Gas(700_000),
    StepKind.REFUND: Gas(300_000),
}


@dataclass(frozen=True, slots=True)
class Costed:
    """Steps with gas limits, their expected costs, and what the sender must hold for them."""

    steps: tuple[Step, ...]
    fees: tuple[Fee, ...]
    needs: Wei
    """The most native coin that leaves, including value: the sum over the steps."""
    simulated: bool

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes about these numbers."""
        return () if self.simulated else ("not simulated: the node does not offer it",)


async def cost(
    rpc: Rpc, sender: Address, wanted: list[tuple[StepKind, UnsignedTx]], overrides: StateOverrides | None = None
) -> Costed:
    """Price these transactions, run one after another. Raises Refused if one would revert, NetworkError."""
    (gas, simulated), price, data = await asyncio.gather(
        _gas_limits(rpc, sender, wanted, overrides),
        gas_price(rpc),
        asyncio.gather(*(l1_fee_of(rpc, tx) for _, tx in wanted)),
    )
    data_fees = [fee.most(limit) for fee, (limit, _) in zip(data, gas, strict=True)]
    steps = tuple(Step(kind, tx, limit) for (kind, tx), (limit, _) in zip(wanted, gas, strict=True))
    expected = sum(price.expected(used) for _, used in gas)
    native = rpc.chain.native
    fees = [Fee("network fee", Amount(expected, native))]
    if any(data_fees):
        fees.append(Fee("L1 data fee", Amount(sum(data_fees), native)))
    most = sum(price.most(limit) for limit, _ in gas) + sum(data_fees) + sum(tx.value for _, tx in wanted)
    return Costed(steps, tuple(fees), Wei(most), simulated)


def refuse_without_gas(costed: Costed, pays: Amount, chain: Chain, native: Amount) -> None:
    """Raises CannotPay if `native` is less than the most that can leave `chain`, NoGas if only gas is missing."""
    if costed.needs <= native.units:
        return
    most = Amount(costed.needs, chain.native)
    if pays.token.is_native:
        raise CannotPay(f"{chain.name} needs up to {most} for the amount and its fees, you hold {native}.")
    expected = sum(fee.amount.units for fee in costed.fees)
    raise NoGas(f"{chain.name} needs up to {most} for fees, you hold {native}.", needed=expected)


async def _gas_limits(
    rpc: Rpc, sender: Address, wanted: list[tuple[StepKind, UnsignedTx]], overrides: StateOverrides | None
) -> tuple[list[tuple[Gas, Gas]], bool]:
    """For each transaction, the gas limit to sign and the expected gas; and whether these were simulated."""
    try:
        results = await if_offered(lambda: rpc.simulate(sender, [tx for _, tx in wanted], overrides))
    except NodeError as error:
        what = "would revert" if error.is_revert else "cannot be simulated"
        raise Refused(f"on {rpc.chain.name} it {what}: {error.reason}.") from error
    if results is None:
        if any(kind not in UNSIMULATED for kind, _ in wanted):
            raise Refused(f"{rpc.chain.name} does not show what one transaction would do.")
        return [(UNSIMULATED[kind], UNSIMULATED[kind]) for kind, _ in wanted], False
    for (kind, tx), result in zip(wanted, results, strict=True):
        if not result.succeeded:
            raise Refused(f"on {rpc.chain.name} the {kind} would revert: {result.reason or 'no reason given'}.")
        if kind is not StepKind.OPEN and tx.data and answers_false(result.output):
            raise Refused(f"on {rpc.chain.name} the {kind} would do nothing: the token answers false.")
    return [(gas_limit(r.gas), r.gas) for r in results], True


async def most_for_opening(rpc: Rpc) -> Wei:
    """An amount that certainly covers the gas for opening an order, including approval. Raises NetworkError.

    Twice the gas: half is a reserve for an L1 data fee.
    """
    price = await gas_price(rpc)
    return Wei(2 * price.most(Gas(UNSIMULATED[StepKind.APPROVE] + UNSIMULATED[StepKind.OPEN])))


async def refund_cost(bridge: Bridge, order: Order, rpcs: Rpcs) -> RefundCost | None:
    """What a refund of `order` would cost today; None if a refund needs no transaction.

    It would revert now, so its gas is not simulated: the limit is the one it will be signed with. Raises NetworkError.
    """
    step = await bridge.refund(order, rpcs)
    if step is None:
        return None
    rpc = rpcs.on(step.tx.chain_id)
    price, data_fee = await asyncio.gather(gas_price(rpc), l1_fee(rpc, step.tx, step.gas))
    return RefundCost(rpc.chain, Wei(price.most(step.gas) + data_fee + step.tx.value), step.tx.value)


async def allowance(rpc: Rpc, sender: Address, spender: Address, token: Token) -> int:
    """The allowance of `spender`, in base units; 0 for native coin. Raises NetworkError."""
    if token.address is None:
        return 0
    (allowed,) = await rpc.eth_call(Call(token.address, ALLOWANCE, (sender, spender)))
    return int(allowed)


async def approval(
    rpc: Rpc, sender: Address, spender: Address, amount: Amount, allowed: int | None = None
) -> list[tuple[StepKind, UnsignedTx]]:
    """The approvals that make the allowance of `spender` exactly `amount`; none for native coin.

    `allowed` is the present allowance, if it was requested a moment ago.

    A larger allowance, left by a payment that was not made, is reduced: once the order is open, nothing remains. Some
    tokens (Tether's) refuse to change a non-zero allowance: it is set to zero first.
    """
    token: Token = amount.token
    if token.address is None:
        return []
    if allowed is None:
        allowed = await allowance(rpc, sender, spender, token)
    if allowed == amount.units:
        return []
    approve = UnsignedTx(token.chain_id, token.address, Wei(0), APPROVE.encode(spender, amount.units))
    if allowed == 0 or await _succeeds(rpc, sender, approve):
        return [(StepKind.APPROVE, approve)]
    reset = UnsignedTx(token.chain_id, token.address, Wei(0), APPROVE.encode(spender, 0))
    return [(StepKind.APPROVE, reset), (StepKind.APPROVE, approve)]


async def _succeeds(rpc: Rpc, sender: Address, tx: UnsignedTx) -> bool:
    """Whether the call would succeed now. Source: eth_call."""
    try:
        await rpc.returned({"from": sender, "to": tx.to, "data": "0x" + tx.data.hex()})
    except NodeError as error:
        if error.is_revert:
            return False
        raise
    return True


def fees_with(quote: Quote, costed: Costed) -> tuple[Fee, ...]:
    """The fees of `quote`, with the network fees of `costed` in place of its own."""
    return (*(fee for fee in quote.fees if fee.name not in _NETWORK_FEES), *costed.fees)
