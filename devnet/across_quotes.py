"""A stand-in for Across's legacy quote API: GET suggested-fees in the format of its published description
(docs.across.to/api-reference/suggested-fees/get). Only the arithmetic is the devnet's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2send.core.address import ZERO_ADDRESS
from l2send.devnet import pricing
from l2send.devnet.modes import Mode
from l2send.devnet.relays import asset_address
from l2send.devnet.solver import Solver
from l2send.devnet.state import NATIVE, DevChain

FILL_SECONDS = 3600
"""How long a quoted deposit can be filled, by the destination's clock."""
_ONE = 10**18
_MOST = 10**6


def suggested_fees(solver: Solver, query: Mapping[str, str]) -> dict[str, Any]:
    """The relayer's fee for a deposit of `amount`. Raises ValueError, pricing.NoQuote."""
    source, destination = _chain(solver, query, "originChainId"), _chain(solver, query, "destinationChainId")
    give, get = query.get("inputToken", ""), query.get("outputToken", "")
    asset, _ = pricing.pair(source, asset_address(source, give), destination, asset_address(destination, get))
    amount = _number(query, "amount")
    fee = across_fee(source, asset, amount)
    total = {"pct": str(fee * _ONE // amount), "total": str(fee)}
    nothing = {"pct": "0", "total": "0"}
    most = str(_MOST * 10**asset.decimals)
    origin, target = solver.nodes[source.chain_id], solver.nodes[destination.chain_id]
    delayed = solver.delay_seconds if solver.mode is Mode.DELAY else 0
    return {
        "estimatedFillTimeSec": round(delayed) + 2,
        "capitalFeePct": total["pct"],
        "capitalFeeTotal": total["total"],
        "relayGasFeePct": "0",
        "relayGasFeeTotal": "0",
        "relayFeePct": total["pct"],
        "relayFeeTotal": total["total"],
        "lpFeePct": "0",
        "timestamp": str(origin.now()),
        "isAmountTooLow": fee >= amount,
        "quoteBlock": str(origin.quantity("eth_blockNumber")),
        "exclusiveRelayer": ZERO_ADDRESS,
        "exclusivityDeadline": 0,
        "spokePoolAddress": source.spoke_pool,
        "destinationSpokePoolAddress": destination.spoke_pool,
        "totalRelayFee": total,
        "relayerCapitalFee": total,
        "relayerGasFee": nothing,
        "lpFee": nothing,
        "limits": {
            "minDeposit": "1",
            "maxDeposit": most,
            "maxDepositInstant": most,
            "maxDepositShortDelay": most,
            "recommendedDepositInstant": most,
        },
        "fillDeadline": str(target.now() + FILL_SECONDS),
        "outputAmount": str(max(amount - fee, 0)),
    }


def across_fee(source: DevChain, asset: pricing.Asset, amount: int) -> int:
    """Higher than Eco's solver's fee, by more than the difference in gas: Eco is always the cheaper bridge."""
    extra: int = 10 ** (asset.decimals - (4 if asset.symbol == NATIVE else 1))
    return 2 * pricing.fee(source.chain_id, asset, amount) + extra


def _chain(solver: Solver, query: Mapping[str, str], name: str) -> DevChain:
    chain = solver.chains.get(_number(query, name))
    if chain is None:
        raise ValueError(f"{name} {query[name][:40]} is not supported")
    return chain


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= 78 and int(text) > 0):
        raise ValueError(f"{name} must be a whole number above zero")
    return int(text)
