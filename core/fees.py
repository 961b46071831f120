"""What a transaction costs: EIP-1559 prices from the fee history, and the L1 data fee of the chains that have one.

Arbitrum and ZK stack chains put their data fee into `eth_estimateGas`; OP-stack chains, Scroll and Morph charge
it beside the gas, so that a balance must hold both.
"""

from __future__ import annotations

from dataclasses import replace

from l2send.core.agreement import answers
from l2send.core.calldata import Function
from l2send.core.chains import Chain
from l2send.core.errors import BadAnswer, NetworkError, NodeError
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.rpc import Call, Rpc, quantity, record
from l2send.core.units import Amount, Gas, Wei

__all__ = ["MIN_TIP", "GasPrice", "gas_price", "has_l1_fee", "l1_fee", "refuse_dearer_than_others"]

_GET_L1_FEE = Function("getL1Fee(bytes)", "uint256")
_GET_OPERATOR_FEE = Function("getOperatorFee(uint256)", "uint256")
_TOKEN_RATIO = Function("tokenRatio()", "uint256")
"""Mantle: what an ETH is worth in the chain's own coin, by which the data fee is charged."""
_HISTORY_BLOCKS = 10
_REWARD_PERCENTILE = 50
MIN_TIP = Wei(1_000_000)
"""The least tip that is offered: what rollups and geth take."""
# All that a signed transaction holds beside its calldata, as long as it can be. Zeros, and bytes that repeat, would
# be priced too low: the OP stack charges for what is left after compression (FastLZ).
_SIGNED_EXTRA = bytes(range(1, 133))
_L1_FEE_MARGIN_PERCENT = 25
_FEE_THAT_MATTERS = Wei(10**15)
_FEES_MAY_DIFFER = 10
"""Times what another endpoint says: their heads are not the same, and tips jump."""
_NO_SUCH_METHOD = -32601


async def gas_price(rpc: Rpc) -> GasPrice:
    """A price that is mined in the next blocks, with room for six full blocks. Raises NetworkError.

    Source: EIP-1559 (`eth_feeHistory`), `eth_gasPrice` where blocks carry no base fee.
    """
    try:
        history = record(
            await rpc.call("eth_feeHistory", hex(_HISTORY_BLOCKS), "latest", [_REWARD_PERCENTILE]),
            "eth_feeHistory",
        )
    except NodeError as error:
        if error.rpc_code != _NO_SUCH_METHOD:
            raise
        return await _legacy_price(rpc)
    base_fees = history.get("baseFeePerGas")
    if not isinstance(base_fees, list) or not base_fees:
        raise BadAnswer(f"{rpc.chain.name} answered eth_feeHistory without baseFeePerGas.")
    base_fee = quantity(base_fees[-1], "baseFeePerGas")
    if base_fee == 0 and all(quantity(fee, "baseFeePerGas") == 0 for fee in base_fees):
        return await _legacy_price(rpc)
    rewards = sorted(quantity(r[0], "reward") for r in history.get("reward") or [] if r)
    tip = Wei(max(rewards[len(rewards) // 2] if rewards else 0, MIN_TIP))
    return GasPrice(Wei(base_fee), tip, Wei(2 * base_fee + tip))


async def refuse_dearer_than_others(rpc: Rpc, price: GasPrice, gas: Gas) -> None:
    """Raises NetworkError if by another endpoint of the chain a tenth of what `gas` would cost is enough.

    One endpoint alone names the tip, which is paid whole, whatever it is: an account could be emptied by it. Fees that
    nobody misses are not looked into; an endpoint that is silent has no say. Source: as of `gas_price`.
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


async def _legacy_price(rpc: Rpc) -> GasPrice:
    return GasPrice(Wei(0), Wei(0), Wei(quantity(await rpc.call("eth_gasPrice"), "eth_gasPrice")), legacy=True)


def has_l1_fee(chain: Chain) -> bool:
    """Whether the chain charges an L1 data fee beside the gas."""
    return chain.l1_fee_oracle is not None


async def l1_fee(rpc: Rpc, tx: UnsignedTx, gas: Gas, margin_percent: int = _L1_FEE_MARGIN_PERCENT) -> Wei:
    """The most that `tx` of gas limit `gas` can cost beside the gas, zero on chains that charge nothing there.

    That is the L1 data fee, with a margin since it moves with every L1 block, and the OP stack's operator fee, which
    moves when the operator says so. An oracle that does not know the second is of a chain without it. Mantle's names
    the first in ETH, and the ratio at which the chain takes it in MNT; the second is in MNT.
    Raises NetworkError. Source: getL1Fee of the chain's oracle; getOperatorFee of the OP stack (Isthmus, Jovian);
    mantlenetworkio/mantle-v2 src/L2/GasPriceOracle.sol, mantlenetworkio/op-geth core/types/rollup_cost.go (Arsia).
    """
    oracle = rpc.chain.l1_fee_oracle
    if oracle is None:
        return Wei(0)
    wanted = [
        Call(oracle, _GET_L1_FEE, (tx.data + _SIGNED_EXTRA,)),
        Call(oracle, _GET_OPERATOR_FEE, (gas,)),
        Call(oracle, _TOKEN_RATIO),
    ]
    data_fee, operator_fee, token_ratio = (await rpc.aggregate(wanted)).values
    if data_fee is None:
        raise BadAnswer(f"{rpc.chain.name} has no L1 fee oracle at {oracle}.")
    fee = data_fee[0] * (token_ratio[0] if token_ratio else 1)
    return Wei(fee + fee * margin_percent // 100 + (operator_fee[0] if operator_fee else 0))
