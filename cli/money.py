"""Sums of money for people. Exact figures are in `details` and in --json."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from l2send.core.plan import BRIDGE_FEE, SPONSOR_FEE, Fee, Way
from l2send.core.units import Amount, Token
from l2send.wallet.fees_paid import KEPT, NETWORK_FEE, FeesPaid

_LEAST_SHOWN = 0.0001
KINDS = {BRIDGE_FEE: "bridge", SPONSOR_FEE: "sponsor", KEPT: KEPT}
"""All fees but network fees, each with its short name on the screen."""
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
        kind = KINDS.get(fee.name, _GAS)
        sums[kind] = sums.get(kind, 0.0) + fee.usd
    return ", ".join(f"{kind} {usd(value)}{share if kind == 'bridge' else ''}" for kind, value in sums.items())


def cost_paid(paid: FeesPaid, quoted: str = "") -> str:
    """What a payment cost by its receipts, each part in its coin and in dollars; in coins if no price is known.

    `$0.61 as paid (quoted $0.62): bridge 0.6 USDC ($0.60), gas 0.0002 ETH ($0.01)`, `$0.01 so far: gas 0.0002 ETH`.
    Empty if no fee is known.
    """
    total = total_cost(paid)
    known = _summed(sorted((fee for fee in paid.fees if fee.amount.units), key=lambda fee: fee.name == NETWORK_FEE))
    if not total or not known:
        return total
    priced = len(known) > 1 and all(fee.usd is not None for fee in known)
    parts = [
        f"{KINDS.get(fee.name, _GAS)} {_rounded(fee.amount)}{f' ({usd(fee.usd or 0.0)})' if priced else ''}"
        for fee in known
    ]
    expected = f" (quoted {quoted})" if quoted else ""
    head = f"{total}{' as paid' if paid.is_whole else ''}{expected}"
    if len(known) == 1 and known[0].usd is None:  # The total is that sum.
        return f"{head}, for {KINDS.get(known[0].name, _GAS)}"
    return f"{head}: {', '.join(parts)}"


def _summed(fees: Iterable[Fee]) -> list[Fee]:
    """The fees with one sum for each kind and coin: the ETH of two chains is one coin."""
    sums = list[Fee]()
    for fee in fees:
        same = (
            at for at, one in enumerate(sums) if one.name == fee.name and one.amount.token.same_asset(fee.amount.token)
        )
        if (at := next(same, None)) is None:
            sums.append(fee)
        else:
            token = sums[at].amount.token
            sums[at] = _added(sums[at], replace(fee, amount=Amount(fee.amount.in_units_of(token), token)))
    return sums


def total_cost(paid: FeesPaid) -> str:
    """The sum of `cost_paid`: `$0.61`, `$0.01 so far`; of coins without a price, the first. Empty if none is known."""
    known = [fee for fee in paid.fees if fee.amount.units]
    if not known:
        return usd(0) if paid.is_whole and paid.fees else ""
    prices = [fee.usd for fee in known if fee.usd is not None]
    total = usd(sum(prices)) if len(prices) == len(known) else _rounded(known[0].amount)
    return f"{total}{'' if paid.is_whole else ' so far'}"


def total_paid(paid: Iterable[FeesPaid]) -> FeesPaid:
    """What several payments cost together: one sum for each kind of fee and token. Whole only if each of them is."""
    sums, is_whole = dict[tuple[str, Token], Fee](), True
    for one in paid:
        is_whole = is_whole and one.is_whole
        for fee in one.fees:
            key = (fee.name, fee.amount.token)
            sums[key] = _added(sums[key], fee) if key in sums else fee
    return FeesPaid(tuple(sums.values()), is_whole)


def _added(one: Fee, other: Fee) -> Fee:
    usd = None if one.usd is None or other.usd is None else one.usd + other.usd
    return Fee(one.name, Amount(one.amount.units + other.amount.units, one.amount.token), usd)


def cost_of(fees: Iterable[Fee]) -> str:
    """The sum of these fees in dollars; in coins if no price is known, empty if there are none."""
    fees = list(fees)
    if all(fee.usd is not None for fee in fees):
        return usd(sum(fee.usd or 0.0 for fee in fees)) if fees else ""
    return ", ".join(_rounded(fee.amount) for fee in fees)


def at_the_price_of(fees: Iterable[Fee], amount: Amount) -> str:
    """An amount of a coin in dollars, at the price of a fee in the same coin; in the coin if none has a price."""
    for fee in fees:
        if fee.usd and fee.amount.units and fee.amount.token.same_asset(amount.token):
            return usd(fee.usd * amount.in_units_of(fee.amount.token) / fee.amount.units)
    return shorter(amount)


def _rounded(amount: Amount) -> str:
    """A cost to the nearest of six decimals; exact figures are in --json."""
    shown = f"{Decimal(amount.text):.{_DECIMALS}f}".rstrip("0").rstrip(".")
    return f"{f'under {10**-_DECIMALS:f}' if shown == '0' else shown} {amount.token.symbol}"


def shorter(amount: Amount) -> str:
    """An amount with at most six decimals, rounded down, and `…` if digits are omitted."""
    whole, _, fraction = amount.text.partition(".")
    if len(fraction) <= _DECIMALS:
        return str(amount)
    return f"{whole}.{fraction[:_DECIMALS]}… {amount.token.symbol}"
