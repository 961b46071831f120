"""The effects of a transaction or a message, decoded from the bytes to be signed, and compared with the payment.

The review screen and the guard both read only these: what is shown is what is signed. Bytes that cannot be decoded to
one of these effects are refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from l2send.core.address import Address, checksum
from l2send.core.calldata import APPROVE, TRANSFER
from l2send.core.chains import Chain, Registry
from l2send.core.errors import Refused, UnknownToken
from l2send.core.never_paid import why_unpayable
from l2send.core.plan import ChainAddress, Order, Payment, UnsignedTx
from l2send.core.units import Amount, Gas, Token, UnixTime

PERMIT2 = Address("0x000000000022D473030F116dDEE9F6B43aC78BA3")
"""Transfers tokens by signature. Source: Uniswap/permit2, its CREATE2 deployment, on every chain that computes CREATE2
addresses as Ethereum does; a settler with another one is refused."""


@dataclass(frozen=True, slots=True)
class Pays:
    """`amount` goes to `to`, on the same chain, at once."""

    amount: Amount
    to: ChainAddress


@dataclass(frozen=True, slots=True)
class Allows:
    """`spender` may take up to `amount` from the sender."""

    amount: Amount
    spender: Address


@dataclass(frozen=True, slots=True)
class Opens:
    """The sender's money is locked in an order that pays the recipient on another chain."""

    order: Order


@dataclass(frozen=True, slots=True)
class RefundsOrder:
    """The refund of an expired order to its sender; requesting it costs `fee` in addition to gas."""

    order_id: str
    fee: Amount
    """In the coin of the chain where the refund is requested; usually zero."""
    settler: Address
    """The contract that refunds. It is compared with the order, since the registry may name another one now."""


@dataclass(frozen=True, slots=True)
class AllowsBySignature:
    """Anyone who submits this message to the token by `deadline` allows `spender` to take up to `amount`, once."""

    owner: Address
    amount: Amount
    spender: Address
    nonce: int
    """The owner's nonce at the token (EIP-2612)."""
    deadline: UnixTime
    """By the clock of the token's chain."""
    domain: tuple[str, str]
    """The token's name and version in its EIP-712 domain; it accepts messages with no others."""


@dataclass(frozen=True, slots=True)
class OpensBySignature:
    """Anyone who submits this message to the settler by `open_deadline` opens the order, and only that, once."""

    order: Order
    taker: Address
    """The contract that transfers `order.pays` from the sender: Permit2."""
    nonce: int
    """The sender's nonce at Permit2, which accepts each nonce once."""
    open_deadline: UnixTime
    """By the origin's clock."""


@dataclass(frozen=True, slots=True)
class Executes:
    """A Safe makes all of `effects` in order, or none."""

    safe: ChainAddress
    owner: Address | None
    """The owner whose sending approves it: see core/safe.py. None if the owners sign it."""
    effects: tuple[Pays | Allows | Opens, ...]


@dataclass(frozen=True, slots=True)
class CallsTogether:
    """A delegated account makes all of `effects` in order, or none (EIP-7702)."""

    account: ChainAddress
    effects: tuple[Pays | Allows | Opens, ...]
    delegates_to: Address | None = None
    """The code that the same transaction makes it delegate to, for good and even if its calls fail; else None."""


@dataclass(frozen=True, slots=True)
class SplitsCoin:
    """Multicall3 hands on the coin of the transaction, all of `effects` in order, or none. Its sender pays."""

    through: ChainAddress
    effects: tuple[Pays, ...]


@dataclass(frozen=True, slots=True)
class Delegates:
    """The account runs `code` from now on, or none if that is the zero address (EIP-7702)."""

    account: ChainAddress
    code: Address


@dataclass(frozen=True, slots=True)
class RunsBySignature:
    """Anyone who submits this message to the EntryPoint makes the account do all of `effects`, or nothing, once.

    It has no deadline: it can be submitted until its nonce is used (ERC-4337).
    """

    account: ChainAddress
    effects: tuple[Pays, ...]
    """The payment, then the sponsor's fee if it takes one."""
    entry_point: Address
    nonce: int
    """The account's nonce at the EntryPoint, which accepts each nonce once."""
    call_gas: Gas
    """The gas limit of the calls."""


Effects = (
    Pays
    | Allows
    | Opens
    | RefundsOrder
    | AllowsBySignature
    | OpensBySignature
    | Executes
    | CallsTogether
    | SplitsCoin
    | Delegates
    | RunsBySignature
)


def each_of(effect: Effects) -> tuple[Effects, ...]:
    """The effects of a transaction that makes several calls, in order; else the effect itself."""
    return effect.effects if isinstance(effect, Executes | CallsTogether | SplitsCoin | RunsBySignature) else (effect,)


def delegations_in(effects: Iterable[Effects]) -> tuple[Delegates, ...]:
    """The changes of accounts' code that batches make first, in order."""
    batches = (effect for effect in effects if isinstance(effect, CallsTogether))
    return tuple(Delegates(one.account, one.delegates_to) for one in batches if one.delegates_to is not None)


def token_effects(tx: UnsignedTx, registry: Registry) -> Pays | Allows | None:
    """The effect of `tx` if it is a plain transfer of native coin or a call of a known token. Raises Refused.

    None if it changes the account's code.
    """
    if tx.delegate_to is not None:
        return None
    chain = registry.chain(tx.chain_id)
    if not tx.data:
        return Pays(Amount(tx.value, chain.native), ChainAddress(tx.chain_id, tx.to))
    token = _token_called(chain, tx.to)
    if token is None:
        return None
    if tx.value:
        raise Refused(f"the call of {token.symbol} carries {chain.native.symbol}, which the token would keep.")
    if tx.data[:4] == TRANSFER.selector:
        to, units = TRANSFER.decode_call(tx.data)
        return Pays(Amount(units, token), ChainAddress(tx.chain_id, checksum(to)))
    if tx.data[:4] == APPROVE.selector:
        spender, units = APPROVE.decode_call(tx.data)
        return Allows(Amount(units, token), checksum(spender))
    raise Refused(f"the call of {token.symbol} is neither a transfer nor an approval.")


def _token_called(chain: Chain, to: Address) -> Token | None:
    try:
        return chain.token(to)
    except UnknownToken:
        return None


def compare_with_payment(effects: tuple[Effects, ...], payment: Payment, spent: Amount, registry: Registry) -> None:
    """Compare the effects of a whole plan with the payment, for which `spent` leaves the sender.

    Raises Refused with the first difference.
    """
    _check_recipient(payment, registry)
    only = effects[0] if len(effects) == 1 else None
    if isinstance(only, RunsBySignature):
        _check_operation(only, payment, spent)
    else:
        _check_plan(_of_sender(effects, payment), payment, spent, registry)


def _check_plan(effects: tuple[Effects, ...], payment: Payment, spent: Amount, registry: Registry) -> None:
    """Approvals or permits, then what pays. Raises Refused."""
    paying = [e for e in effects if isinstance(e, Pays | Opens | OpensBySignature)]
    if len(paying) != 1:
        raise Refused(f"the plan pays {len(paying)} times, not once.")
    if effects[-1] is not paying[0]:
        raise Refused("the plan does something after it has paid.")
    orders = [e.order for e in effects if isinstance(e, Opens)]
    for effect in effects:
        match effect:
            case Pays():
                _check_transfer(effect, payment)
            case Opens(order):
                _check_order(order, payment, spent, registry)
            case Allows():
                _check_allowance(effect, orders)
            case OpensBySignature():
                _check_order(effect.order, payment, spent, registry)
                _check_opening(effect)
            case AllowsBySignature():
                _check_permit(effect, effects[-1])
            case RefundsOrder() | Executes() | CallsTogether() | SplitsCoin() | Delegates() | RunsBySignature():
                raise Refused("the plan of a payment does something else than pay: a refund, a batch or a delegation.")


def _of_sender(effects: tuple[Effects, ...], payment: Payment) -> tuple[Effects, ...]:
    """The sender's own effects: those inside a Safe's one transaction. Raises Refused."""
    if not payment.is_of_safe:
        return _unbatched(effects, payment)
    if len(effects) != 1 or not isinstance(effects[0], Executes):
        raise Refused("the plan is not one transaction of the Safe.")
    _same("the Safe", effects[0].safe.address, payment.sender)
    _same("the owner who sends it", effects[0].owner, payment.executor)
    return effects[0].effects


def _unbatched(effects: tuple[Effects, ...], payment: Payment) -> tuple[Effects, ...]:
    """The effects of a sender's batched transaction, one by one. Raises Refused for another account's batch."""
    if len(effects) != 1 or not isinstance(effects[0], CallsTogether):
        return effects
    _same("the account that makes the calls", effects[0].account.address, payment.sender)
    return effects[0].effects


def _check_operation(runs: RunsBySignature, payment: Payment, spent: Amount) -> None:
    """An operation pays the recipient, and at most one fee: the rest of `spent`. Raises Refused.

    The bridge has already checked that the fee goes to the registry's sponsor.
    """
    if payment.is_of_safe:
        raise Refused("a Safe signs no operation.")
    _same("the account that pays", runs.account, ChainAddress(payment.to.chain_id, payment.sender))
    if not 1 <= len(runs.effects) <= 2:
        raise Refused(f"the operation pays {len(runs.effects)} times.")
    paid, *fees = runs.effects
    _check_transfer(paid, payment)
    _same("the token spent", spent.token, paid.amount.token)
    if any(fee.amount.token != spent.token for fee in fees):
        raise Refused("the fee in the operation is in another token.")
    _same("the fee", sum(fee.amount.units for fee in fees), spent.units - paid.amount.units)


def _check_recipient(payment: Payment, registry: Registry) -> None:
    target = registry.chain(payment.to.chain_id)
    if reason := why_unpayable(payment.to.address, target, registry):
        raise Refused(f"{target.short_name}:{payment.to.address} is {reason}.", hint="Ask the recipient for theirs.")


def _check_transfer(effect: Pays, payment: Payment) -> None:
    _same("the recipient", effect.to, payment.to)
    _same("the token", effect.amount.token, payment.amount.token)
    _same("the amount", effect.amount.units, payment.amount.units)


def check_refund(effect: RefundsOrder, order: Order) -> None:
    """Refuse a refund of another order, or of a contract that is not the order's. Raises Refused.

    Its cost is checked by the fee cap.
    """
    _same("the order to be refunded", effect.order_id, order.order_id)
    asked = (effect.fee.token.chain_id, effect.settler)
    if asked not in {(order.origin, order.origin_settler), (order.destination, order.destination_settler)}:
        raise Refused(f"{effect.settler} is not a settler of the order to be refunded.")


def _check_order(order: Order, payment: Payment, spent: Amount, registry: Registry) -> None:
    _same("the destination chain", order.destination, payment.to.chain_id)
    _same("the recipient", order.recipient, payment.to.address)
    _same("the refund address", order.sender, payment.sender)
    _same("the token delivered", order.delivers.token, payment.amount.token)
    _same("the amount delivered", order.delivers.units, payment.amount.units)
    _same("the token spent", order.pays.token, spent.token)
    _same("the amount spent", order.pays.units, spent.units)
    if not order.pays.token.same_asset(order.delivers.token):
        raise Refused("the order exchanges one asset for another.")
    here, there = (registry.chain(one).settlers.get(order.bridge) for one in (order.origin, order.destination))
    if here is None or order.origin_settler not in here.contracts.values():
        raise Refused(f"{order.origin_settler} is not the {order.bridge} settler of the registry.")
    if there is None or order.destination_settler not in there.contracts.values():
        raise Refused(f"{order.destination_settler} is not the destination settler of the registry.")


def _check_allowance(effect: Allows, orders: list[Order]) -> None:
    for order in orders:
        # Revoking an allowance is harmless, and Tether's token requires it before a new one.
        exact_or_none = effect.amount.units in {0, order.pays.units}
        if effect.spender == order.origin_settler and effect.amount.token == order.pays.token and exact_or_none:
            return
    raise Refused(f"{effect.spender} would be allowed to take {effect.amount}, which no order of this plan needs.")


def _check_opening(effect: OpensBySignature) -> None:
    _same("who takes the money", effect.taker, PERMIT2)
    if effect.open_deadline >= effect.order.fill_deadline:
        raise Refused("the order could be opened when it is too late to fill it.")


def _check_permit(effect: AllowsBySignature, paying: Effects) -> None:
    """A permit must allow exactly what its order takes, to the account that takes it, and no longer than needed."""
    if not isinstance(paying, OpensBySignature):
        raise Refused("the plan allows by signature what no signed order needs.")
    _same("whose money may be taken", effect.owner, paying.order.sender)
    _same("who may take it", effect.spender, paying.taker)
    _same("the token that may be taken", effect.amount.token, paying.order.pays.token)
    _same("the amount that may be taken", effect.amount.units, paying.order.pays.units)
    _same("the deadline of the permit", effect.deadline, paying.open_deadline)


def _same(what: str, found: object, meant: object) -> None:
    if found != meant:
        raise Refused(f"{what} in the bytes to be signed is {found}, not {meant}.")
