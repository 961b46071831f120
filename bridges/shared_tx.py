"""Several transfers of one account on one chain in one transaction: priced as a whole, by one simulation.

An account that delegates (EIP-7702) calls itself; an owner calls a Safe with a threshold of one; an account without
code pays native coin through Multicall3. All of the transfers succeed, or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from l2send.bridges.direct import Direct, transfer_of
from l2send.bridges.direct_many import Market
from l2send.bridges.gas_costs import UNSIMULATED
from l2send.core.account_contracts import Delegate
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.delegation import as_delegated, batch_tx, delegating_batch
from l2send.core.errors import NodeError, Refused
from l2send.core.fees import gas_limit, l1_fee
from l2send.core.multicall3 import multicall3_tx
from l2send.core.plan import ChainAddress, Fee, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, if_offered
from l2send.core.safe import EXECUTE, approved_by_sender, read_execution, safe_tx_of
from l2send.core.shared_tx import TOGETHER
from l2send.core.state_overrides import StateOverrides
from l2send.core.units import Amount, Gas, Seconds, Wei

MOST_CALLS = 100
"""Transfers per transaction: about 5 million gas and 30 kB, which every chain and node accepts."""
MOST_GAS = Gas(2**24)
"""Per transaction. Source: EIP-7825."""


@dataclass(frozen=True, slots=True)
class Account:
    """The paying account, and how it batches calls."""

    address: Address
    owner: Address | None = None
    """The owner who sends a Safe's transaction; None if `address` is not a Safe."""
    multi_send: Address | None = None
    """The Safe's MultiSendCallOnly."""
    delegate: Delegate | None = None
    """The pinned code that an account delegates to in its first transaction, if it does not yet."""
    delegated_before: Delegate | None = None
    """The same for the transactions after the first: they carry no authorization, but are simulated with that code."""
    multicall3: Address | None = None
    """Multicall3, if an account without code pays native coin through it."""

    @property
    def overrides(self) -> StateOverrides | None:
        """The assumed state for a simulation of a later transaction."""
        delegate = self.delegated_before
        return as_delegated(self.address, delegate.code.address) if delegate else None

    @property
    def later(self) -> Account:
        """The account once its first transaction is mined."""
        return replace(self, delegate=None, delegated_before=self.delegate or self.delegated_before)

    def transaction(self, payments: Sequence[Payment]) -> UnsignedTx:
        """The transaction that makes these payments, in order."""
        calls = [transfer_of(payment) for payment in payments]
        if self.multicall3:
            return multicall3_tx(self.multicall3, calls)
        if self.delegate:
            return delegating_batch(self.address, calls, self.delegate)
        if self.owner is None or self.multi_send is None:
            return batch_tx(self.address, calls)
        return safe_tx_of(self.address, calls, self.multi_send).execution(approved_by_sender(self.owner))


async def quote_together(payments: Sequence[Payment], account: Account, market: Market, rpc: Rpc) -> list[Quote] | None:
    """One quote for all, or several if one transaction would be too large; None if the node cannot simulate it.

    Raises Refused if it would revert, NetworkError. Source: eth_simulateV1.
    """
    tx = account.transaction(payments)
    try:
        results = await if_offered(lambda: rpc.simulate(account.owner or account.address, [tx], account.overrides))
    except NodeError as error:
        raise Refused(f"on {rpc.chain.name} it would revert: {error.reason}.") from error
    if results is None:
        return None
    (result,) = results
    if not result.succeeded:
        raise Refused(f"on {rpc.chain.name} it would revert: {result.reason or 'no reason given'}.")
    limit = gas_limit(result.gas)
    if limit > MOST_GAS and len(payments) > 3:
        half = len(payments) // 2
        first = await quote_together(payments[:half], account, market, rpc)
        second = await quote_together(payments[half:], account.later, market, rpc)
        return None if first is None or second is None else [*first, *second]
    over = ZERO_ADDRESS if account.delegate else None
    step, data_fee = Step(StepKind.TOGETHER, tx, limit, over=over), await l1_fee(rpc, tx, limit)
    return [_quote(payments, account, step, result.gas, data_fee, market)]


def _quote(
    payments: Sequence[Payment], account: Account, step: Step, used: Gas, data_fee: Wei, market: Market
) -> Quote:
    chain, price = market.chain, market.price
    fees = [Fee("network fee", Amount(price.expected(used), chain.native))]
    if data_fee:
        fees.append(Fee("L1 data fee", Amount(data_fee, chain.native)))
    nothing = Amount(0, chain.native)
    return Quote(
        TOGETHER,
        chain,
        nothing,
        nothing,
        tuple(fees),
        Seconds(2 * chain.confirmations),
        (step,),
        needs=Wei(price.most(step.gas) + data_fee),
        carries=tuple(replace(payment, executor=account.owner) for payment in payments),
    )


def shared_payment(quote: Quote) -> Payment:
    """What represents a transaction of several payments in the journal: a payment of nothing to the account itself."""
    first, chain_id = quote.carries[0], quote.source.chain_id
    return Payment(first.sender, ChainAddress(chain_id, first.sender), quote.pays, first.executor, first.by_owners)


def quotes_of_parts(quote: Quote) -> list[Quote]:
    """The quote of each payment in it, for the journal: its share of the fees, and no step of its own."""
    return [
        replace(
            quote,
            bridge=Direct.name,
            pays=payment.amount,
            delivers=payment.amount,
            fees=fees,
            steps=(),
            proposal=None,
            needs=None,
            carries=(),
        )
        for payment, fees in zip(quote.carries, parts_of(quote), strict=True)
    ]


def parts_of(quote: Quote) -> list[tuple[Fee, ...]]:
    """The fees of each payment in it: equal shares, with the remainder added to the first."""
    count = len(quote.carries)
    return [tuple(_part(fee, place, count) for fee in quote.fees) for place in range(count)]


def _part(fee: Fee, place: int, count: int) -> Fee:
    each, rest = divmod(fee.amount.units, count)
    amount = replace(fee.amount, units=each + (rest if place == 0 else 0))
    return Fee(fee.name, amount, None if fee.usd is None else fee.usd / count)


def single_step(payment: Payment, shared: UnsignedTx) -> Step:
    """The step that makes one payment of `shared` alone. Its gas is estimated before it is signed."""
    transfer = transfer_of(payment)
    if shared.data[:4] != EXECUTE.selector or payment.executor is None:
        return Step(StepKind.TRANSFER, transfer, UNSIMULATED[StepKind.TRANSFER])
    safe = read_execution(shared)[0].safe
    tx = safe_tx_of(safe, [transfer], safe).execution(approved_by_sender(payment.executor))
    return Step(StepKind.TRANSFER, tx, Gas(2 * UNSIMULATED[StepKind.TRANSFER]))
