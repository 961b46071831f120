"""Makes an account delegate to code, or stop (EIP-7702), in a transaction of its own that the journal records.

It is recorded as a payment of nothing to the account itself, so that it is signed once, followed and resumed like any
other. It is never part of another payment, and replaces another delegation only on request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.chains import Chain, Registry
from l2send.core.delegate_code import refuse_impossible
from l2send.core.delegation import DELEGATION_GAS, delegate_of, delegation_tx, ends_delegation, known_delegate
from l2send.core.errors import CannotPay, Refused
from l2send.core.fees import gas_limit, gas_price, l1_fee
from l2send.core.plan import ChainAddress, Fee, Payment, Quote, Step, StepKind
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.text import in_words
from l2send.core.units import Amount, Gas, Seconds
from l2send.wallet.before_signing import message_of
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState, TxState

DELEGATION = "delegation"
"""The value in place of the bridge's name in such a payment."""


@dataclass(frozen=True, slots=True)
class Delegation:
    """The change of an account's code, ready to be shown and approved."""

    account: Address
    chain: Chain
    before: Address | None
    """The code it delegates to now."""
    code: Address
    """The code it will delegate to; the zero address for none."""
    payment: Payment
    quote: Quote

    @property
    def is_over_foreign(self) -> bool:
        """Whether it replaces code that the registry does not list."""
        return self.before is not None and known_delegate(self.before, self.chain) is None


def is_delegation(record: Record) -> bool:
    """Whether a journal's record is a change of the account's code instead of a payment."""
    return record.legs[0].terms.bridge == DELEGATION


def about_the_money(record: Record) -> str:
    """What to know about the money, and about the account if its code changes."""
    if not is_delegation(record):
        return f"{record.meaning.money}{_about_the_code(record)}"
    was_signed = any(tx.raw for tx in record.transactions)
    match record.state:
        case PaymentState.DELIVERED:
            return "The account runs what was asked for."
        case PaymentState.REVERTED:
            return (
                "Its call failed, but the account runs what was asked for: an authorization holds even then (EIP-7702)."
            )
        case PaymentState.REPLACED | PaymentState.CANCELLED if was_signed:
            return (
                "Its transaction never happens. The authorization in it was signed: until the account has used the "
                "next nonce, any other account can submit it; the account then runs what was asked for (EIP-7702)."
            )
        case _:
            return record.meaning.money


def _about_the_code(record: Record) -> str:
    """What remains of the authorization in a payment's transaction that failed, or never happens; else empty."""
    for leg in record.legs:
        for step in leg.steps:
            signed = [tx for tx in leg.attempts(step.step_index) if tx.raw and tx.step.tx.delegate_to is not None]
            if any(tx.state is TxState.REVERTED for tx in signed):
                return (
                    " The account delegates to code anyway: an authorization holds even then (EIP-7702). "
                    "`l2send wallet undelegate` ends that."
                )
            if signed and step.outcome in {TxState.CANCELLED, TxState.REPLACED}:
                return (
                    " The authorization in it was signed: until the account has used the next nonce, any other account "
                    "can submit it, and the account then delegates (EIP-7702)."
                )
    return ""


async def plan_delegation(account: Address, code: Address, rpc: Rpc) -> Delegation:
    """The delegation of `account` to `code`, or to none for the zero address, on the chain of `rpc`.

    Raises Refused for code that is not in the registry, if nothing changes, or if the account is another contract;
    CannotPay, NetworkError. Source: eth_getCode, eth_estimateGas, eth_feeHistory, eth_getBalance.
    """
    chain = rpc.chain
    known = known_delegate(code, chain)
    if known is None and not ends_delegation(code):
        raise Refused(f"the registry does not list {code} on {chain.name} as code that an account may delegate to.")
    tx = delegation_tx(chain.chain_id, account, code)
    estimating = rpc.estimate_gas(message_of(tx, account))
    possible = refuse_impossible(known, account, rpc) if known else asyncio.sleep(0)
    own, price, estimate, holds, _ = await asyncio.gather(
        rpc.code(account), gas_price(rpc), estimating, rpc.balance(account), possible
    )
    before = delegate_of(own)
    if own and before is None:
        raise Refused(f"{account} is a contract on {chain.name}, which delegates to nothing.")
    if (before or ZERO_ADDRESS) == code:
        raise Refused(f"{account} delegates to {code if before else 'nothing'} on {chain.name} already.")
    if price.legacy:
        raise Refused(f"{chain.name} does not say that it takes transactions of EIP-7702: it has no base fee.")
    gas = Gas(gas_limit(estimate) + DELEGATION_GAS)
    data_fee = await l1_fee(rpc, tx, gas)
    most = Amount(price.most(gas) + data_fee, chain.native)
    if most.units > holds:
        raise CannotPay(f"{chain.name} needs up to {most} for fees, you hold {Amount(holds, chain.native)}.")
    fees = [Fee("network fee", Amount(price.expected(gas), chain.native))]
    if data_fee:
        fees.append(Fee("L1 data fee", Amount(data_fee, chain.native)))
    nothing = Amount(0, chain.native)
    step = Step(StepKind.DELEGATE, tx, gas, over=before or ZERO_ADDRESS)
    quote = Quote(DELEGATION, chain, nothing, nothing, tuple(fees), Seconds(2 * chain.confirmations), (step,))
    payment = Payment(account, ChainAddress(chain.chain_id, account), nothing)
    return Delegation(account, chain, before, code, payment, quote)


class Delegations:
    """A client's methods for the code of accounts."""

    journal: Journal
    registry: Registry
    rpcs: Rpcs

    async def plan_delegation(self, account: Address, chain: str, code: Address) -> Delegation:
        """The change that makes `account` run `code` on `chain`, a short name. Raises as the function of that name."""
        return await plan_delegation(account, code, self.rpcs.on(self.registry.named(chain).chain_id))

    def begin_delegation(self, delegation: Delegation) -> Record:
        """Record an approved delegation in the journal; `resume` makes it. Raises Refused while one is open."""
        for record in self.journal.open_payments():
            same = (record.payment.sender, record.payment.to) == (delegation.account, delegation.payment.to)
            if same and is_delegation(record):
                raise Refused(
                    f"a change of the account's code is open already: {record.id} ({in_words(record.state)}).",
                    hint=f"Nothing was signed. Continue it: l2send resume {record.id}. Or end it: l2send cancel "
                    f"{record.id}",
                )
        return self.journal.begin(delegation.payment, (delegation.quote,), again=False, typed_name=DELEGATION)
