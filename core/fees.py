"""What a transaction costs: EIP-1559 prices from the fee history, and the L1 data fee of OP-stack chains.

Arbitrum and ZK stack chains put their data fee into `eth_estimateGas`; OP-stack chains charge it beside
the gas, so that a balance must hold both.
"""

from __future__ import annotations

from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.chains import Chain
from l2send.core.errors import BadAnswer
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Call, Rpc, quantity, record
from l2send.core.units import Gas, Wei

OP_GAS_PRICE_ORACLE = Address("0x420000000000000000000000000000000000000F")
_GET_L1_FEE = Function("getL1Fee(bytes)", "uint256")
_HISTORY_BLOCKS = 10
_REWARD_PERCENTILE = 50
_MIN_TIP = Wei(1_000_000)
# A signature, nonce and fees that the unsigned bytes lack; zeros would be priced too low.
_SIGNED_EXTRA = bytes([0xFF]) * 110
_L1_FEE_MARGIN_PERCENT = 25


@dataclass(frozen=True, slots=True)
class GasPrice:
    """Prices per gas. A chain without EIP-1559 is `legacy`: `max_fee` is its gas price, the rest zero."""

    base_fee: Wei
    tip: Wei
    max_fee: Wei
    legacy: bool = False

    def expected(self, gas: Gas) -> Wei:
        """What `gas` will cost if it is mined now."""
        return Wei(gas * (self.max_fee if self.legacy else min(self.max_fee, self.base_fee + self.tip)))

    def most(self, gas: Gas) -> Wei:
        """What `gas` can cost at most; the balance must hold it."""
        return Wei(gas * self.max_fee)


async def gas_price(rpc: Rpc) -> GasPrice:
    """A price that is mined in the next blocks, with room for six full blocks. Raises NetworkError.

    Source: EIP-1559 (`eth_feeHistory`), `eth_gasPrice` where blocks carry no base fee.
    """
    history = record(
        await rpc.call("eth_feeHistory", hex(_HISTORY_BLOCKS), "latest", [_REWARD_PERCENTILE]),
        "eth_feeHistory",
    )
    base_fees = history.get("baseFeePerGas")
    if not isinstance(base_fees, list) or not base_fees:
        raise BadAnswer(f"{rpc.chain.name} answered eth_feeHistory without baseFeePerGas.")
    base_fee = quantity(base_fees[-1], "baseFeePerGas")
    if base_fee == 0 and all(quantity(fee, "baseFeePerGas") == 0 for fee in base_fees):
        price = quantity(await rpc.call("eth_gasPrice"), "eth_gasPrice")
        return GasPrice(Wei(0), Wei(0), Wei(price), legacy=True)
    rewards = sorted(quantity(r[0], "reward") for r in history.get("reward") or [] if r)
    tip = Wei(max(rewards[len(rewards) // 2] if rewards else 0, _MIN_TIP))
    return GasPrice(Wei(base_fee), tip, Wei(2 * base_fee + tip))


def has_l1_fee(chain: Chain) -> bool:
    """Whether the chain charges an L1 data fee beside the gas."""
    return chain.kind == "op-stack"


async def l1_fee(rpc: Rpc, tx: UnsignedTx) -> Wei:
    """The most that the L1 data fee of `tx` can be, zero on chains that have none. Raises NetworkError.

    Source: GasPriceOracle.getL1Fee of the OP stack, over the transaction's bytes, with a margin since
    the fee moves with every L1 block.
    """
    if not has_l1_fee(rpc.chain):
        return Wei(0)
    (fee,) = await rpc.eth_call(Call(OP_GAS_PRICE_ORACLE, _GET_L1_FEE, (tx.data + _SIGNED_EXTRA,)))
    return Wei(fee + fee * _L1_FEE_MARGIN_PERCENT // 100)
