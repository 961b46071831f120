"""A plain transfer: the money is already on the destination chain."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from l2send.bridges.gas_costs import Costed, cost, refuse_without_gas
from l2send.core.bridge_protocol import ContractSenders, OrderStatus, RefundAddress
from l2send.core.calldata import TRANSFER
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, token_effects
from l2send.core.errors import CannotPay, NodeError, Refused
from l2send.core.fees import gas_limit, gas_price, l1_fee_of
from l2send.core.plan import Fee, GasPrice, Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.units import Amount, Gas, Seconds, UnixTime, Wei

_BLOCK_SECONDS = {"l1": 12}
_PLAIN_TRANSFER = Gas(21_000)
_FIXED_PRICE_HOLDS = Seconds(600)
"""Seconds for which a fixed price, and the amount that fits it, are valid."""
_NO_TIPS = frozenset({"arbitrum"})
"""Kinds of chains that charge only the base fee: part of the reserve always remains."""


class Direct:
    """A plain transfer on the destination chain."""

    name = "direct"
    refunds_by_itself = False
    contract_senders = ContractSenders(True, RefundAddress.NONE, "a transfer locks nothing, and is final.")

    def __init__(self, ahead: AskedAhead | None = None) -> None:
        """`ahead`: a cost requested while the balances were still being read."""
        self._ahead = ahead

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """A transfer, if `source` is the destination. Raises CannotPay if the gas is missing."""
        if source.chain_id != payment.to.chain_id:
            return None
        ahead = self._ahead.taken_for(payment) if self._ahead else None
        found = await (ahead or _cost(payment, rpcs))
        refuse_without_gas(found, payment.amount, source, native)
        return transfer_quote(payment, source, found)

    async def everything(self, payment: Payment, source: Chain, native: Amount, rpcs: Rpcs) -> Quote:
        """A transfer of the whole balance of native coin, minus exactly its gas: see `_Emptying`.

        `payment` names the recipient. Raises CannotPay if the balance does not cover the fees, Refused.
        """
        emptying = await _emptying(payment, source, native, rpcs)
        units = native.units - emptying.most
        if units <= 0:
            raise CannotPay(f"{source.name} needs {Amount(emptying.most, source.native)} for fees, you hold {native}.")
        pays = Amount(units, source.native)
        fees = [Fee("network fee", Amount(emptying.price.expected(emptying.gas), source.native))]
        if emptying.l1_fee:
            fees.append(Fee("L1 data fee", Amount(emptying.l1_fee, source.native)))
        tx = transfer_of(replace(payment, amount=pays))
        return Quote(
            bridge=self.name,
            source=source,
            pays=pays,
            delivers=pays,
            fees=tuple(fees),
            duration=time_to_confirm(source),
            steps=(Step(StepKind.TRANSFER, tx, emptying.gas, emptying.price),),
            expires=UnixTime(await rpcs.on(source.chain_id).time() + _FIXED_PRICE_HOLDS),
            notes=(emptying.note,),
            needs=Wei(native.units),
        )

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """A transfer or an approval of a known token, or a transfer of native coin."""
        return token_effects(tx, registry)

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """A transfer opens no order."""
        raise NotImplementedError

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """A transfer is final."""
        raise Refused("a direct transfer cannot be refunded.")

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """A transfer opens no order."""
        return False

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """A transfer opens no order."""
        return False


def time_to_confirm(chain: Chain) -> Seconds:
    """Until a transaction has as many confirmations as the registry asks for."""
    return Seconds(_BLOCK_SECONDS.get(chain.kind, 2) * chain.confirmations)


def transfer_quote(payment: Payment, source: Chain, found: Costed) -> Quote:
    """The quote of a transfer on `source`, which costs what was found."""
    return Quote(
        bridge=Direct.name,
        source=source,
        pays=payment.amount,
        delivers=payment.amount,
        fees=found.fees,
        duration=time_to_confirm(source),
        steps=found.steps,
        notes=found.notes,
        needs=found.needs,
    )


class AskedAhead:
    """The cost of a transfer, requested before the balances are known: its bytes do not depend on them."""

    def __init__(self, payment: Payment, rpcs: Rpcs) -> None:
        self._payment = payment
        self._task: asyncio.Task[Costed] | None = asyncio.create_task(_cost(payment, rpcs))

    def taken_for(self, payment: Payment) -> asyncio.Task[Costed] | None:
        """The pending answer if it is for `payment`; returned once, so a second call requests it again."""
        if payment != self._payment:
            return None
        task, self._task = self._task, None
        return task

    async def drop(self) -> None:
        """Cancel the request if its answer was not used."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


async def _cost(payment: Payment, rpcs: Rpcs) -> Costed:
    """Raises Refused if the transfer would revert, NetworkError."""
    return await cost(rpcs.on(payment.to.chain_id), payment.sender, [(StepKind.TRANSFER, transfer_of(payment))])


@dataclass(frozen=True, slots=True)
class _Emptying:
    """Price and gas of a transfer that empties an account, with a sentence on what it leaves.

    A plain transfer uses 21000 gas, no more and no less. If the tip is as high as the whole price, that price is
    paid at any base fee: so the fee is known to the wei before it is signed.
    """

    gas: Gas
    price: GasPrice
    l1_fee: Wei
    note: str

    @property
    def most(self) -> Wei:
        """The amount that must stay in the account until the transfer is mined."""
        return Wei(self.price.most(self.gas) + self.l1_fee)


async def _emptying(payment: Payment, source: Chain, native: Amount, rpcs: Rpcs) -> _Emptying:
    """Raises Refused if the recipient does not accept native coin. Source: eth_estimateGas, eth_feeHistory."""
    rpc = rpcs.on(source.chain_id)
    tx = transfer_of(replace(payment, amount=Amount(native.units // 2, source.native)))
    message = {"from": payment.sender, "to": tx.to, "value": hex(tx.value), "data": "0x"}
    try:
        estimate, price, data_fees = await asyncio.gather(rpc.estimate_gas(message), gas_price(rpc), l1_fee_of(rpc, tx))
    except NodeError as error:
        if not error.is_revert:
            raise
        raise Refused(f"on {source.name} the transfer would revert: {error.reason}.") from error
    if estimate != _PLAIN_TRANSFER or source.kind in _NO_TIPS:
        gas = gas_limit(estimate)
        data_fee = data_fees.most(gas)
        left = Amount(price.most(gas) + data_fee, source.native)
        return _Emptying(gas, price, data_fee, f"less than {left} stays on {source.name}: fees that may not be used up")
    fixed, data_fee = price if price.legacy else _whole(price), data_fees.most(_PLAIN_TRANSFER)
    if data_fee:
        note = f"less than {Amount(data_fee, source.native)} stays on {source.name}: the L1 data fee moves"
    else:
        note = f"{source.name} is left with exactly 0 {source.native.symbol}"
    return _Emptying(_PLAIN_TRANSFER, fixed, data_fee, note)


def _whole(price: GasPrice) -> GasPrice:
    """A price that is paid in full, with room for three full blocks."""
    fee = Wei(price.base_fee * 3 // 2 + price.tip)
    return GasPrice(price.base_fee, fee, fee)


def transfer_of(payment: Payment) -> UnsignedTx:
    """The paying transaction if the money is already on the destination."""
    token, to = payment.amount.token, payment.to
    if token.address is None:
        return UnsignedTx(to.chain_id, to.address, Wei(payment.amount.units), b"")
    data = TRANSFER.encode(to.address, payment.amount.units)
    return UnsignedTx(to.chain_id, token.address, Wei(0), data)
