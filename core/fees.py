"""Prices transactions: EIP-1559 prices from the fee history, and the L1 data fee of chains that charge one.

Arbitrum and ZK stack chains include their data fee in `eth_estimateGas`; OP-stack chains, Scroll and Morph charge
it in addition to gas, so a balance must cover both.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from l2send.core.calldata import Function
from l2send.core.chains import Chain
from l2send.core.endpoint_agreement import answers
from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.rpc import Call, Rpc, if_offered, record, wei_per_gas
from l2send.core.units import Amount, Gas, Wei

_GET_L1_FEE = Function("getL1Fee(bytes)", "uint256")
_GET_OPERATOR_FEE = Function("getOperatorFee(uint256)", "uint256")
_TOKEN_RATIO = Function("tokenRatio()", "uint256")
"""Mantle: the price of ETH in the chain's own coin, at which the data fee is converted."""
_HISTORY_BLOCKS = 10
_REWARD_PERCENTILE = 50
MIN_TIP = Wei(1_000_000)
"""The lowest tip offered: what rollups and geth accept."""
# The most bytes that a signed transaction has beside its calldata. Zeros and repeated bytes would be priced too low:
# the OP stack charges for the size after compression (FastLZ).
_SIGNED_EXTRA = bytes(range(1, 133))
_AUTHORIZATION = bytes(range(133, 243))
"""The same for an authorization (EIP-7702): chain id, address, nonce and signature, with their lengths."""
L1_FEE_MARGIN_PERCENT = 25
GAS_MARGIN_PERCENT = 20
"""Margin of a gas limit above the estimate: blocks are mined in between, and too low a limit burns the fee."""
_FULL = Gas(30 * 10**6)
"""Gas for which the operator fee is requested: millions, so that a scalar of millionths leaves no remainder."""
_FEE_THAT_MATTERS = Wei(10**15)
_FEES_MAY_DIFFER = 10
"""Factor above another endpoint's price: their heads differ, and tips jump."""


@dataclass(frozen=True, slots=True)
class _Market:
    """The price of the next block, by the last ones."""

    base_fee: Wei | None
    """None if blocks have none."""
    tip: Wei
    """The median tip, 0 if the node does not report tips."""


async def gas_price(rpc: Rpc) -> GasPrice:
    """A price that gets into the next blocks, with room for six full blocks. Raises NetworkError.

    The tip is the higher of what others paid and what the node suggests: nodes have a minimum tip that a quiet chain's
    blocks do not show. If a node has no fee history, the head's base fee and the suggestion are used. Source: EIP-1559
    (`eth_feeHistory`, `eth_maxPriorityFeePerGas`), `eth_gasPrice` if blocks have no base fee.
    """
    market, suggested = await asyncio.gather(
        if_offered(
            lambda: rpc.ask(_read_history, "eth_feeHistory", hex(_HISTORY_BLOCKS), "latest", [_REWARD_PERCENTILE])
        ),
        if_offered(lambda: rpc.ask(_read_suggestion, "eth_maxPriorityFeePerGas")),
    )
    if market is None:
        market = _of_head(await rpc.block())
    if market.base_fee is None:
        return GasPrice(Wei(0), Wei(0), await _whole_price(rpc), legacy=True)
    if suggested is None:
        whole = await if_offered(lambda: _whole_price(rpc))
        suggested = Wei(max(0, (whole or 0) - market.base_fee))
    tip = Wei(max(market.tip, suggested, MIN_TIP))
    return GasPrice(market.base_fee, tip, Wei(2 * market.base_fee + tip))


def _read_history(answer: Any) -> _Market:
    """The next block's base fee and the usual tip. Raises BadAnswer."""
    history = record(answer, "eth_feeHistory")
    base_fees, rewards = history.get("baseFeePerGas"), history.get("reward")
    rewards = [] if rewards is None else rewards
    if not isinstance(base_fees, list) or not base_fees or not isinstance(rewards, list):
        raise BadAnswer("eth_feeHistory has no baseFeePerGas.")
    fees = [wei_per_gas(fee, "baseFeePerGas") for fee in base_fees]
    tips = sorted(_read_reward(reward) for reward in rewards if reward != [])
    return _Market(fees[-1] if any(fees) else None, tips[len(tips) // 2] if tips else Wei(0))


def _read_reward(reward: Any) -> Wei:
    if not isinstance(reward, list):
        raise BadAnswer("eth_feeHistory has rewards that are no lists.")
    return wei_per_gas(reward[0], "reward")


def _read_suggestion(answer: Any) -> Wei:
    return wei_per_gas(answer, "eth_maxPriorityFeePerGas")


def _of_head(head: dict[str, Any]) -> _Market:
    """Prices by the newest block alone: the next base fee is at most an eighth higher."""
    base_fee = head.get("baseFeePerGas")
    if base_fee is None or not (fee := wei_per_gas(base_fee, "baseFeePerGas")):
        return _Market(None, Wei(0))
    return _Market(Wei(fee + fee // 8), Wei(0))


async def _whole_price(rpc: Rpc) -> Wei:
    """Base fee plus tip. Source: eth_gasPrice."""
    return await rpc.ask(lambda answer: wei_per_gas(answer, "eth_gasPrice"), "eth_gasPrice")


def gas_limit(estimate: Gas) -> Gas:
    """The gas limit to sign for a transaction of this estimate."""
    return Gas(estimate + estimate * GAS_MARGIN_PERCENT // 100)


async def refuse_overpriced(rpc: Rpc, price: GasPrice, gas: Gas) -> None:
    """Raises NetworkError if another endpoint says that a tenth of the price of `gas` is enough.

    A single endpoint suggests the tip, which is paid in full: a false tip could empty an account. Small fees are not
    compared; an endpoint that does not answer is skipped. Source: as of `gas_price`.
    """
    if len(rpc.endpoints) < 2 or price.expected(gas) < _FEE_THAT_MATTERS:
        return
    for _, other in await answers(rpc, gas_price):
        paid = replace(price, base_fee=other.base_fee).expected(gas)
        if paid > max(_FEES_MAY_DIFFER * other.expected(gas), _FEE_THAT_MATTERS):
            raise NetworkError(
                f"the RPCs of {rpc.chain.name} do not agree on what gas costs: {Amount(paid, rpc.chain.native)} "
                f"would be paid where another one says {Amount(other.expected(gas), rpc.chain.native)}.",
                hint="Nothing was signed. Try again later; if it stays so, correct the chain's rpcs.",
            )


def signed_extra(tx: UnsignedTx) -> bytes:
    """As many bytes as a signed transaction can have beside its calldata, which do not compress."""
    return _SIGNED_EXTRA if tx.delegate_to is None else _SIGNED_EXTRA + _AUTHORIZATION


def has_l1_fee(chain: Chain) -> bool:
    """Whether the chain charges an L1 data fee in addition to gas."""
    return chain.l1_fee_oracle is not None


@dataclass(frozen=True, slots=True)
class L1Fee:
    """The most that a transaction can cost in addition to gas, in wei, as a function of its gas limit."""

    data: Wei
    """The L1 data fee, with a margin: it changes with every L1 block."""
    constant: Wei
    """The operator fee for zero gas."""
    full: Wei
    """The operator fee for `_FULL` gas."""

    def most(self, gas: Gas) -> Wei:
        """The most for that gas limit. Operator fees are a constant plus a share of the gas, rounded up here."""
        share = -(-(self.full - self.constant) * gas // _FULL)
        return Wei(self.data + self.constant + share)


NO_L1_FEE = L1Fee(Wei(0), Wei(0), Wei(0))


async def l1_fee_of(rpc: Rpc, tx: UnsignedTx, margin_percent: int = L1_FEE_MARGIN_PERCENT) -> L1Fee:
    """What `tx` costs in addition to gas, for any gas limit: so it can be requested beside the gas estimate.

    This is the L1 data fee, with a margin, and the OP stack's operator fee, which the operator can change. A chain
    whose oracle lacks the latter has none. Mantle's oracle returns the data fee in ETH, with the rate at which the
    chain charges it in MNT; its operator fee is in MNT. Raises NetworkError. Source: getL1Fee of the chain's oracle;
    getOperatorFee of the OP stack (Isthmus: gas x scalar / 10^6 + constant, Jovian: gas x scalar x 100 + constant);
    mantlenetworkio/mantle-v2 src/L2/GasPriceOracle.sol, mantlenetworkio/op-geth core/types/rollup_cost.go (Arsia).
    """
    oracle = rpc.chain.l1_fee_oracle
    if oracle is None:
        return NO_L1_FEE
    wanted = [
        Call(oracle, _GET_L1_FEE, (tx.data + signed_extra(tx),)),
        Call(oracle, _GET_OPERATOR_FEE, (0,)),
        Call(oracle, _GET_OPERATOR_FEE, (_FULL,)),
        Call(oracle, _TOKEN_RATIO),
    ]
    data_fee, constant, full, token_ratio = (await rpc.aggregate(wanted)).values
    if data_fee is None:
        raise BadAnswer(f"{rpc.chain.name} has no L1 fee oracle at {oracle}.")
    if (constant is None) != (full is None) or (constant and full and full[0] < constant[0]):
        raise BadAnswer(f"the L1 fee oracle of {rpc.chain.name} names an operator fee that gas does not add to.")
    fee = data_fee[0] * (token_ratio[0] if token_ratio else 1)
    with_margin = Wei(fee + fee * margin_percent // 100)
    return (
        L1Fee(with_margin, Wei(constant[0]), Wei(full[0])) if constant and full else L1Fee(with_margin, Wei(0), Wei(0))
    )


async def l1_fee(rpc: Rpc, tx: UnsignedTx, gas: Gas, margin_percent: int = L1_FEE_MARGIN_PERCENT) -> Wei:
    """The most that `tx` with gas limit `gas` can cost in addition to gas; zero on chains without such a fee.

    Raises NetworkError. Source: as of `l1_fee_of`.
    """
    return (await l1_fee_of(rpc, tx, margin_percent)).most(gas)
