"""`l2send plan`: shows every way to make a payment side by side, and why one was chosen."""

from __future__ import annotations

from l2send.cli.screen import Rows, out, styled, table
from l2send.cli.styles import is_plain
from l2send.cli.times import duration
from l2send.core.plan import BRIDGE_FEE, Plan, Quote, Way
from l2send.core.units import Amount

_SHOWN = 6
"""How many ways and reasons are shown: later ones had no influence."""
_DECIMALS = 6


def show_ways(plan: Plan) -> None:
    """Print the ways on stdout, the chosen one first: a line for each leg, the sums on the first."""
    rows = table("", "from", "by", "arrives", "bridge", "gas", "total", "time", "sign", right=_NUMBERS)
    for way in (plan.way, *plan.alternatives[: _SHOWN - 1]):
        _add(rows, way, chosen=way is plan.way)
    out().print(rows)
    left_out = len(plan.alternatives) - _SHOWN + 1
    if left_out > 0:
        out().print(styled(f"and {left_out} more that cost more", "dim"))
    out().print(styled(f"{'why:' if is_plain() else _marks()[0]} {plan.why}.", "bold", limit=400))
    for reason in plan.rejected[:_SHOWN]:
        out().print(styled(f"not used: {reason}", "dim", limit=400))


def _marks() -> tuple[str, str]:
    """The marks before the chosen way, and before its further legs."""
    return ("chosen", "and") if is_plain() else ("→", "+")


def in_a_line(way: Way) -> str:
    """A way on one line, its cost first: a narrow terminal truncates the end."""
    cost = "no price known" if way.cost_usd is None else _usd(way.cost_usd)
    signatures = "1 signature" if way.signatures == 1 else f"{way.signatures} signatures"
    return f"{cost}  {way.name}, about {duration(way.duration)}, {signatures}"


def why_not_cheapest(plan: Plan) -> str:
    """Why the best way is not the cheapest; empty if it is."""
    own, others = plan.way.cost_usd, [way.cost_usd for way in plan.alternatives]
    if own is not None and all(cost is None or cost >= own for cost in others):
        return ""
    return f"Best, though not the cheapest: {plan.why}."


_NUMBERS = ("arrives", "bridge", "gas", "total", "time", "sign")


def _add(rows: Rows, way: Way, *, chosen: bool) -> None:
    style = "bold" if chosen else ""
    total = "no price" if way.cost_usd is None else _usd(way.cost_usd)
    for number, leg in enumerate(way.legs):
        mark = _marks()[1] if number else _marks()[0] if chosen else ""
        sums = ("", "", "") if number else (total, duration(way.duration), str(way.signatures))
        cells = (mark, leg.source.short_name, leg.bridge, _rounded(leg.delivers), _bridge(leg), _gas(leg), *sums)
        rows.add_row(*(styled(cell, style) for cell in cells))


def _rounded(amount: Amount) -> str:
    """Enough digits to compare; the review has all of them."""
    whole, _, fraction = amount.text.partition(".")
    return amount.text if len(fraction) <= _DECIMALS else f"{whole}.{fraction[:_DECIMALS]}…"


def _bridge(leg: Quote) -> str:
    """What the bridge keeps."""
    kept = [fee for fee in leg.fees if fee.name == BRIDGE_FEE]
    if not kept:
        return "-"
    return ", ".join(str(fee.amount) if fee.usd is None else _usd(fee.usd) for fee in kept)


def _gas(leg: Quote) -> str:
    """What the networks take, L1 data fees included."""
    fees = [fee for fee in leg.fees if fee.name != BRIDGE_FEE]
    priced = [fee.usd for fee in fees if fee.usd is not None]
    return _usd(sum(priced)) if len(priced) == len(fees) else "no price"


def _usd(value: float) -> str:
    return f"${value:.4f}" if value < 10 else f"${value:.2f}"
