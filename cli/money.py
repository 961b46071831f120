"""Sums of money and remaining balances for people. Exact figures are in `details` and in --json."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from l2send.core.plan import BRIDGE_FEE, SPONSOR_FEE, Fee, Plan, Quote, Way
from l2send.core.units import Amount
from l2send.resolver.balances import Snapshot
from l2send.wallet.fees_paid import KEPT, NETWORK_FEE, FeesPaid

_LEAST_SHOWN = 0.0001
_KINDS = {BRIDGE_FEE: "bridge", SPONSOR_FEE: "sponsor", KEPT: KEPT}
_GAS = "gas"
_DECIMALS = 6


def usd(value: float) -> str:
    """Dollars: cents if there are any, more digits only below a cent."""
    if 0 < value < _LEAST_SHOWN:
        return f"under ${_LEAST_SHOWN}"
    return f"${value:.2f}" if value >= 0.01 or value == 0 else f"${value:.4f}"


def cost(way: Way) -> str:
    """The total cost of a way in dollars; in coins if no price is known."""
    if way.cost_usd is not None:
        return usd(way.cost_usd)
    return ", ".join(shorter(fee.amount) for leg in way.legs for fee in leg.fees) + " (no price known)"


def cost_by_kind(way: Way) -> str:
    """The same by kind: `bridge $0.60 (0.09 %), gas $0.0006`; empty if a price is missing."""
    share = f" ({way.fee_percent:.2f} %)" if way.fee_percent >= 0.005 else ""
    return _by_kind((fee for leg in way.legs for fee in leg.fees), share)


def _by_kind(fees: Iterable[Fee], share: str = "") -> str:
    """Dollars by kind of fee; `share` follows the bridge's. Empty if a price is missing."""
    sums = dict[str, float]()
    for fee in fees:
        if fee.usd is None:
            return ""
        kind = _KINDS.get(fee.name, _GAS)
        sums[kind] = sums.get(kind, 0.0) + fee.usd
    return ", ".join(f"{kind} {usd(value)}{share if kind == 'bridge' else ''}" for kind, value in sums.items())


def cost_paid(paid: FeesPaid) -> str:
    """What a payment cost by its receipts: `$0.61: bridge $0.60, gas $0.0006`, `$0.01 so far for gas`; in coins if no
    price is known.

    Empty if no fee is known.
    """
    known = sorted((fee for fee in paid.fees if fee.amount.units), key=lambda fee: fee.name == NETWORK_FEE)
    if not known:
        return usd(0) if paid.is_whole and paid.fees else ""
    parts, so_far = _by_kind(known), "" if paid.is_whole else " so far"
    if not parts:
        return ", ".join(f"{fee.name} {shorter(fee.amount)}" for fee in known) + so_far
    total = usd(sum(fee.usd or 0.0 for fee in known))
    of_what = f": {parts}" if ", " in parts else f" for {parts.split(' ')[0]}"
    return f"{total}{so_far}{of_what}"


def cost_of(fees: Iterable[Fee]) -> str:
    """The sum of these fees in dollars; in coins if no price is known, empty if there are none."""
    fees = list(fees)
    if all(fee.usd is not None for fee in fees):
        return usd(sum(fee.usd or 0.0 for fee in fees)) if fees else ""
    return ", ".join(shorter(fee.amount) for fee in fees)


def shorter(amount: Amount) -> str:
    """An amount with at most six decimals, rounded down, and `…` if digits are omitted."""
    whole, _, fraction = amount.text.partition(".")
    if len(fraction) <= _DECIMALS:
        return str(amount)
    return f"{whole}.{fraction[:_DECIMALS]}… {amount.token.symbol}"


def left_after(plan: Plan, held: Snapshot, paid: FeesPaid | None = None) -> str:
    """What remains of the token: on the paying chain, and on all chains that answered. Empty if unknown.

    `paid`: the actual costs of the transactions, in place of the expected ones.
    """
    token = plan.payment.amount.token
    everywhere = [
        amount.in_units_of(token)
        for holdings in held.chains
        for own in [holdings.chain.asset_like(token)]
        for amount in [holdings.held(own) if own else None]
        if amount
    ]
    spent = sum(_spent(leg, paid).in_units_of(token) for leg in plan.legs)
    rest = Amount(max(0, sum(everywhere) - spent), token)
    places = "all chains" if not held.unknown else "the chains that answered"
    if len(plan.legs) > 1:
        return f"{shorter(rest)} on {places}"
    here = _left_here(plan.quote, held, paid)
    if here is None or here.units == rest.units:
        return f"{shorter(rest)} on {places}" if here is None else f"{shorter(here)} on {plan.quote.source.name}"
    return f"{shorter(here)} on {plan.quote.source.name}, {shorter(rest)} on {places}"


def _left_here(leg: Quote, held: Snapshot, paid: FeesPaid | None) -> Amount | None:
    before = held.on(leg.source).held(leg.pays.token)
    return replace(before, units=max(0, before.units - _spent(leg, paid).units)) if before else None


def _spent(leg: Quote, paid: FeesPaid | None) -> Amount:
    """How much of the paid token leaves, gas included if it is the same coin."""
    fees = _network_fees(leg)
    if paid is not None and paid.is_whole:
        fees = (fee for fee in paid.fees if fee.name == NETWORK_FEE)
    gas = sum(fee.amount.units for fee in fees if fee.amount.token == leg.pays.token)
    return replace(leg.pays, units=leg.pays.units + gas)


def _network_fees(leg: Quote) -> Iterable[Fee]:
    return (fee for fee in leg.fees if fee.name not in _KINDS)
