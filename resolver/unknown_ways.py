"""Refuses a payment if the network failed for a way that may be cheaper than the best known one.

A failing node or API says nothing about the price. So the best known way is not taken silently: the refusal names what
failed, and the option that takes the known way.
"""

from __future__ import annotations

from collections.abc import Sequence

from l2send.core.chains import Chain
from l2send.core.errors import NetworkError, NodeError
from l2send.core.plan import Payment, Way
from l2send.resolver.balances import Snapshot
from l2send.resolver.quotes import NoQuote
from l2send.resolver.way_limits import Limits

WORTH_A_LOOK_USD = 0.01
"""A way cheaper than this is taken: no other way could save more."""
REFUSED_HINT = "Trying again will not help. `l2send doctor` says which endpoints fail."
"""The hint where every request that failed was refused for good."""
_NAMES = 4


def of_destination(
    payment: Payment, unknown: Sequence[Chain], snapshot: Snapshot, bridges: Sequence[str]
) -> list[NoQuote]:
    """The direct way, if the balance on the destination is unknown: money there is sent directly."""
    target = next((chain for chain in unknown if chain.chain_id == payment.to.chain_id), None)
    if target is None or "direct" not in bridges:
        return []
    there = snapshot.on(target)
    why = there.error or "the balance there could not be read."
    return [NoQuote(target, "direct", why, unknown=True, refused=there.refused)]


def nothing_known(failed: Sequence[NoQuote], rejected: Sequence[str]) -> NetworkError:
    """The error where no way is known, and requests for some failed: not retryable if all of those were refused."""
    lines = ["l2send could not find out how to make this payment: some requests failed twice.", *rejected]
    if all(each.refused for each in failed):
        return NodeError("\n".join(lines), hint=REFUSED_HINT)
    return NetworkError("\n".join(lines), hint="Nothing is wrong with the command; try again later.")


def may_be_cheaper(best: Way) -> bool:
    """Whether another way could save a noticeable sum. Money on the destination is always sent directly."""
    is_direct = all(leg.order is None for leg in best.legs)
    return not is_direct and (best.cost_usd is None or best.cost_usd > WORTH_A_LOOK_USD)


def refusal(best: Way, failed: Sequence[NoQuote], limits: Limits) -> NetworkError:
    """The error with what failed, and how to take `best`."""
    cost = "at a cost without a price" if best.cost_usd is None else f"for about ${best.cost_usd:.4f}"
    lines = ["a way that may be cheaper could not be asked, twice:", *dict.fromkeys(str(each) for each in failed)]
    lines.append(f"Known is {best.name}, {cost}.")
    flag = _flag(best, failed, limits)
    take = f"pay by {best.name} {cost} with {flag}" if flag else ""
    if all(each.refused for each in failed):
        return NodeError("\n".join(lines), hint=f"{REFUSED_HINT}{f' Or {take}.' if take else ''}")
    return NetworkError("\n".join(lines), hint=f"Try again{f', or {take}' if take else ''}.")


def _flag(best: Way, failed: Sequence[NoQuote], limits: Limits) -> str:
    """Options that skip what failed; empty if there are none."""
    chains = list(dict.fromkeys(leg.source.short_name for leg in best.legs))
    via = {leg.bridge for leg in best.legs}
    if len(via) == 1 and not via & {each.bridge for each in failed} and not limits.via:
        return f"--via {best.legs[0].bridge}"
    if not set(chains) & {each.chain.short_name for each in failed}:
        return " ".join(f"--from-chain {chain}" for chain in chains)
    if len(via) == 1 and not any(each.chain.short_name in chains and each.bridge in via for each in failed):
        return f"--via {best.legs[0].bridge} " + " ".join(f"--from-chain {chain}" for chain in chains)
    return ""


def not_known(chains: Sequence[Chain]) -> str:
    """The end of a reason: the chains with unknown balances. Empty if all are known."""
    if not chains:
        return ""
    names = ", ".join(chain.short_name for chain in chains[:_NAMES])
    more = f" and {len(chains) - _NAMES} more" if len(chains) > _NAMES else ""
    return f"; not known is what you hold on {names}{more}: no answer"
