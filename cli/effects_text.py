"""Describes what each transaction or message does, decoded from its own bytes, with whole addresses."""

from __future__ import annotations

from l2send.core.address import Address
from l2send.core.deadlines import moment
from l2send.core.delegation import ends_delegation
from l2send.core.effects import (
    PERMIT2,
    Allows,
    AllowsBySignature,
    CallsTogether,
    Delegates,
    Effects,
    Executes,
    Opens,
    OpensBySignature,
    Pays,
    RefundsOrder,
    RunsBySignature,
    SplitsCoin,
)


def describe(effect: Effects) -> str:
    """A sentence on one effect."""
    match effect:
        case Pays(amount, to):
            return f"pay {amount} to {to.address}"
        case Allows():
            return _describe_allowance(effect)
        case Opens(order):
            return (
                f"lock {order.pays} in the bridge {order.origin_settler} until a solver has paid "
                f"{order.delivers} to {order.recipient}"
            )
        case RefundsOrder(order_id, fee):
            return f"take back the money of the order {order_id}" + (f", for a fee of {fee}" if fee.units else "")
        case AllowsBySignature() | OpensBySignature() | RunsBySignature():
            return f"a message, no transaction: {_describe_message(effect)}"
        case _:
            return _describe_compound(effect)


def _describe_allowance(effect: Allows) -> str:
    amount, spender = effect.amount, effect.spender
    if not amount.units:
        return f"take back what the bridge {spender} may still take of your {amount.token.symbol}"
    return f"allow the bridge {spender} to take exactly {amount}"


def _describe_compound(effect: Executes | CallsTogether | SplitsCoin | Delegates) -> str:
    if isinstance(effect, Delegates):
        if ends_delegation(effect.code):
            return f"have your account {effect.account.address} run no code any more"
        return f"have your account {effect.account.address} run the code of {effect.code}"
    does = ", then ".join(describe(one) for one in effect.effects)
    whole = ": all of it or nothing" if len(effect.effects) > 1 else ""
    if isinstance(effect, CallsTogether):
        code = effect.delegates_to
        first = f"have your account {effect.account.address} run the code of {code} from now on, then " if code else ""
        whole = ": all of these calls or none" if code and whole else whole
        return f"in one transaction {first}{does}{whole}"
    if isinstance(effect, SplitsCoin):
        return f"in one transaction through Multicall3 ({effect.through.address}) {does}{whole}"
    return f"have the Safe {effect.safe.address} {does}{whole}"


def _describe_message(effect: AllowsBySignature | OpensBySignature | RunsBySignature) -> str:
    """A sentence on the effect of a signed message once submitted."""
    match effect:
        case AllowsBySignature(_, amount, spender, _, deadline, _):
            return f"allow {_taker(spender)} to take exactly {amount}, if a sponsor submits it by {moment(deadline)}"
        case OpensBySignature(order, taker, _, deadline):
            return (
                f"if it is submitted to the chain by {moment(deadline)}, {_taker(taker)} takes {order.pays} "
                f"and locks it in the bridge {order.origin_settler} until a solver has paid {order.delivers} to "
                f"{order.recipient}; after that it is void"
            )
        case RunsBySignature(account, effects, entry_point):
            does = ", then ".join(describe(one) for one in effects)
            whole = ": all of it or nothing" if len(effects) > 1 else ""
            return (
                f"once it is submitted to the EntryPoint {entry_point}, your account {account.address} does this once: "
                f"{does}{whole}. It has no deadline, and your account pays no gas for it"
            )


def _taker(address: Address) -> str:
    return f"Permit2 {address}" if address == PERMIT2 else address
