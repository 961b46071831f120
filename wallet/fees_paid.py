"""Sums what a payment cost, from the fees that the journal kept of its final receipts.

More than one endpoint confirms a final receipt (ends.py), and with it the fee. If endpoints report different fees, or
more than the signed bytes allow, no fee is kept and it stays unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import TRANSFER_TOPIC, address_word
from l2send.core.chains import Chain, Registry
from l2send.core.errors import NetworkError, Refused
from l2send.core.plan import BRIDGE_FEE, SPONSOR_FEE, Fee, Order, Payment, StepKind
from l2send.core.rpc import Log, Rpcs
from l2send.core.tx_fee import TxFee, agreed_fee, fee_of, units_received
from l2send.core.units import Amount, Token
from l2send.wallet.journal.records import PaymentRecord, Record, TxRecord
from l2send.wallet.journal.states import ENDED_IN_BLOCK, PaymentState, TxState
from l2send.wallet.keys.signed import limits_of
from l2send.wallet.tx_location import Sight

NETWORK_FEE = "network fee"
"""The name of the fee that a chain took for transactions."""
KEPT = "kept by the token"
"""The name of the part of a transfer that a token kept."""


@dataclass(frozen=True, slots=True)
class FeesPaid:
    """What a payment cost so far."""

    fees: tuple[Fee, ...]
    """Network fees by coin, then what bridges and tokens kept. `usd` uses the prices shown when it was approved."""
    is_whole: bool
    """Whether the sum is complete: the payment is in an end state, and every receipt reported its fee."""

    @property
    def usd(self) -> float | None:
        """The sum in dollars; None if a price or a fee is missing."""
        prices = [fee.usd for fee in self.fees]
        if not self.is_whole or any(price is None for price in prices):
            return None
        return sum(price for price in prices if price is not None)


def fees_paid(record: Record, registry: Registry) -> FeesPaid:
    """What the payment cost by its receipts. Reads only the journal's record."""
    sums = dict[tuple[str, Token], Fee]()
    for fee in (fee for leg in record.legs for fee in (*_network_fees(leg, registry), *_kept(leg))):
        known = sums.get((fee.name, fee.amount.token))
        sums[fee.name, fee.amount.token] = _sum(known, fee) if known else fee
    return FeesPaid(tuple(sums.values()), all(_is_whole(leg) for leg in record.legs))


def fee_shown(tx: TxRecord, sights: Sequence[Sight], chain: Chain) -> TxFee | None:
    """The fee on which all receipts agree, if the signed bytes allow it."""
    fee = agreed_fee([fee_of(sight.receipt, chain) for sight in sights])
    if fee is None:
        return None
    try:
        gas, price = limits_of(tx.raw)
    except Refused:
        return None
    return fee if fee.gas_used <= gas and fee.gas_price <= price else None


def arrived_by(tx: TxRecord, payment: Payment, sights: Sequence[Sight]) -> int | None:
    """Units that a payment's transfer delivered to its recipient; None if the receipts do not show it."""
    token, units = payment.amount.token, payment.amount.units
    if tx.step.kind is not StepKind.TRANSFER or not all(sight.succeeded for sight in sights):
        return None
    if token.is_native:
        return units if (tx.step.tx.to, tx.step.tx.value) == (payment.to.address, units) else None
    found = {units_received(sight.receipt, token, payment.to.address, units) for sight in sights}
    return found.pop() if len(found) == 1 else None


async def transfers_lately(order: Order, rpcs: Rpcs) -> Sequence[Log]:
    """Recent transfers of the token to an order's recipient, by its Transfer events; none if no endpoint shows them.

    Requested beside the search for the fill, which saves requesting its receipt. Source: ERC-20, eth_getLogs.
    """
    token = order.delivers.token.address
    if token is None:
        return ()
    topics = [TRANSFER_TOPIC, None, "0x" + address_word(order.recipient).hex()]
    try:
        return await rpcs.on(order.destination).logs_lately({"address": token, "topics": topics})
    except NetworkError:
        return ()


async def arrived_by_fill(order: Order, fill_tx: str, lately: Sequence[Log], rpcs: Rpcs) -> int | None:
    """Units that a fill delivered to the recipient; None if not shown. A node that does not answer raises nothing.

    The settler's storage has already proved the fill. `lately` are the recipient's transfers: if those of the fill are
    missing, its receipt is requested. Source: eth_getTransactionReceipt.
    """
    delivers = order.delivers
    of_fill = [log for log in lately if log.get("transactionHash") == fill_tx and not log.get("removed")]
    receipt: Mapping[str, Any] | None = {"status": "0x1", "logs": of_fill}
    if not of_fill:
        try:
            receipt = await rpcs.on(order.destination).receipt(fill_tx)
        except NetworkError:
            return None
    return None if receipt is None else units_received(receipt, delivers.token, order.recipient, delivers.units)


def _network_fees(leg: PaymentRecord, registry: Registry) -> Iterable[Fee]:
    for tx in leg.transactions:
        if tx.fee is not None:
            coin = registry.shown(tx.chain_id).native
            yield _priced(NETWORK_FEE, Amount(part_of(tx.fee.total, leg), coin), leg)


def part_of(total: int, leg: PaymentRecord) -> int:
    """A payment's share of its transaction's fee: equal for all payments in it; the first one bears the remainder.

    The payment that only carries the others bears nothing.
    """
    if leg.terms.carries:
        return 0
    if leg.ride is None:
        return total
    each, rest = divmod(total, leg.ride.calls)
    return each + (rest if leg.ride.call == 0 else 0)


def _kept(leg: PaymentRecord) -> Iterable[Fee]:
    """What a bridge kept of the amount sent to it, a sponsor took beside it, or a token kept of a transfer."""
    order, arrived = leg.order, leg.arrived
    if leg.state is not PaymentState.DELIVERED:
        return
    asked = leg.payment.amount
    if order is not None:
        left = order.order.pays
        kept = Amount(left.units - asked.in_units_of(left.token), left.token)
        yield _priced(BRIDGE_FEE, kept, leg)
    elif leg.sponsored is not None:  # The operation paid both: all of it, or nothing.
        yield _priced(SPONSOR_FEE, replace(asked, units=leg.terms.pays.units - asked.units), leg)
    if arrived is not None and arrived.units < asked.units:
        yield _priced(KEPT, replace(asked, units=asked.units - arrived.units), leg)


def _is_whole(leg: PaymentRecord) -> bool:
    mined = [tx for tx in leg.transactions if tx.state in ENDED_IN_BLOCK | {TxState.MINED, TxState.REVERTING}]
    order = leg.order.state if leg.order else None
    open_order = order in {OrderState.OPEN, OrderState.REFUND_DUE}
    return not leg.meaning.open and not open_order and all(tx.fee is not None and tx.fee.is_whole for tx in mined)


def _priced(name: str, amount: Amount, leg: PaymentRecord) -> Fee:
    """The fee, in dollars too if the approved terms hold a feed's price for its token."""
    if amount.units == 0:
        return Fee(name, amount, 0.0)
    for known in leg.terms.fees:
        if known.usd and known.amount.units and known.amount.token.same_asset(amount.token):
            price = known.usd / (known.amount.units / 10.0**known.amount.token.decimals)
            return Fee(name, amount, price * amount.units / 10.0**amount.token.decimals)
    return Fee(name, amount, amount.units / 10.0**amount.token.decimals if amount.token.peg == "USD" else None)


def _sum(one: Fee, other: Fee) -> Fee:
    usd = None if one.usd is None or other.usd is None else one.usd + other.usd
    return Fee(one.name, replace(one.amount, units=one.amount.units + other.amount.units), usd)
