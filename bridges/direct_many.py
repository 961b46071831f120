"""Prices many transfers on one chain with one request per fifty transfers.

Before each is signed, its values are requested again: see wallet/signing.py. Here only their costs are found, and which
of them would revert.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from l2send.bridges.direct import transfer_of, transfer_quote
from l2send.bridges.gas_costs import UNSIMULATED, Costed
from l2send.core.address import Address
from l2send.core.calldata import answers_false
from l2send.core.chains import Chain
from l2send.core.errors import NodeError, Refused
from l2send.core.fees import gas_limit, gas_price, l1_fee
from l2send.core.plan import Fee, GasPrice, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Simulated, if_offered
from l2send.core.units import Amount, Gas, Wei

_IN_ONE_SIMULATION = 50
_AT_ONCE = 4
_TRANSFER_GAS = UNSIMULATED[StepKind.TRANSFER]
_TWO_BALANCES = 25_000
"""Gas for two storage words, one of them new (EIP-2929), which a transfer of nothing does not write."""


@dataclass(frozen=True, slots=True)
class Market:
    """The price of gas on a chain while a plan is made."""

    chain: Chain
    price: GasPrice
    data_fee: Wei
    """The most that a transfer costs besides its gas."""


async def market_of(rpc: Rpc, sample: Payment) -> Market:
    """Current prices. The data fee is that of `sample`: transfers differ only by recipient. Raises NetworkError."""
    price, data_fee = await asyncio.gather(gas_price(rpc), l1_fee(rpc, transfer_of(sample), _TRANSFER_GAS))
    return Market(rpc.chain, price, data_fee)


async def quote_transfers(payments: Sequence[Payment], market: Market, rpc: Rpc) -> list[Quote | Refused]:
    """For each payment of one sender, a quote or why it would fail, in order. Raises NetworkError."""
    results = await _all_simulated(payments, rpc)
    return [_quote(payment, result, market) for payment, result in zip(payments, results, strict=True)]


async def quote_transfers_later(payments: Sequence[Payment], market: Market, rpc: Rpc) -> list[Quote]:
    """Quotes for transfers whose money will arrive before they are signed, in order. Raises NetworkError.

    Their gas is estimated from transfers of nothing, which write two balances less. The limit is a transfer's maximum;
    it is estimated again before signing.
    """
    nothing = [replace(payment, amount=replace(payment.amount, units=0)) for payment in payments]
    found = list[Quote]()
    for payment, result in zip(payments, await _all_simulated(nothing, rpc), strict=True):
        used = _TRANSFER_GAS
        if isinstance(result, Simulated) and result.succeeded:
            used = min(used, Gas(result.gas + (0 if payment.amount.token.is_native else _TWO_BALANCES)))
        found.append(transfer_quote(payment, market.chain, _costed(transfer_of(payment), _TRANSFER_GAS, used, market)))
    return found


async def _all_simulated(payments: Sequence[Payment], rpc: Rpc) -> list[Simulated | Refused | None]:
    """The simulated result of each transfer, in order."""
    parts = [payments[at : at + _IN_ONE_SIMULATION] for at in range(0, len(payments), _IN_ONE_SIMULATION)]
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(part: Sequence[Payment]) -> list[Simulated | Refused | None]:
        async with turn:
            return await _simulated(part[0].sender, [transfer_of(payment) for payment in part], rpc)

    return [result for part in await asyncio.gather(*map(one, parts)) for result in part]


async def _simulated(sender: Address, txs: Sequence[UnsignedTx], rpc: Rpc) -> list[Simulated | Refused | None]:
    """The results; None if the node cannot simulate. A node may refuse all because of one: then each is simulated
    alone. Raises NetworkError.
    """
    try:
        found = await if_offered(lambda: rpc.simulate(sender, txs))
    except NodeError as error:
        if len(txs) == 1:
            return [Refused(f"on {rpc.chain.name} it would revert: {error.reason}.")]
        half = len(txs) // 2
        first, second = await asyncio.gather(_simulated(sender, txs[:half], rpc), _simulated(sender, txs[half:], rpc))
        return [*first, *second]
    return [None] * len(txs) if found is None else list(found)


def _quote(payment: Payment, result: Simulated | Refused | None, market: Market) -> Quote | Refused:
    if isinstance(result, Refused):
        return result
    tx = transfer_of(payment)
    if result is None:
        found = _costed(tx, _TRANSFER_GAS, _TRANSFER_GAS, market)
    elif not result.succeeded:
        return Refused(f"on {market.chain.name} the transfer would revert: {result.reason or 'no reason given'}.")
    elif tx.data and answers_false(result.output):
        return Refused(f"on {market.chain.name} the transfer would do nothing: the token answers false.")
    else:
        found = _costed(tx, gas_limit(result.gas), result.gas, market)
    return transfer_quote(payment, market.chain, found)


def _costed(tx: UnsignedTx, limit: Gas, used: Gas, market: Market) -> Costed:
    price, native = market.price, market.chain.native
    fees = [Fee("network fee", Amount(price.expected(used), native))]
    if market.data_fee:
        fees.append(Fee("L1 data fee", Amount(market.data_fee, native)))
    needs = Wei(price.most(limit) + market.data_fee + tx.value)
    return Costed((Step(StepKind.TRANSFER, tx, limit),), tuple(fees), needs, simulated=True)
