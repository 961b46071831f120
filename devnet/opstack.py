"""Makes a chain charge the OP stack's L1 data fee, with the real GasPriceOracle and L1Block.

anvil started with `--network optimism` runs transactions with op-revm, which takes the fee named by L1Block's storage
from the sender, as an OP-stack chain does; GasPriceOracle.getL1Fee returns the same number. Two things differ from a
live chain: no sequencer updates L1Block, so the L1 prices stay as set here, and anvil's receipts lack the `l1Fee`
field: the fee shows only in balances.
"""

from __future__ import annotations

import time

from l2send.core.address import Address
from l2send.core.errors import ConfigError
from l2send.devnet.artifacts import Artifacts, runtime_code
from l2send.devnet.node import Node

L1_BLOCK = Address("0x4200000000000000000000000000000000000015")
GAS_PRICE_ORACLE = Address("0x420000000000000000000000000000000000000F")
_DEPOSITOR = Address("0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001")
"""The account whose calls L1Block and GasPriceOracle accept (`DEPOSITOR_ACCOUNT()`)."""

_BASE_FEE_SCALAR, _BLOB_BASE_FEE_SCALAR = 5_227, 1_014_213
_L1_BASE_FEE, _L1_BLOB_BASE_FEE = 30 * 10**9, 30 * 10**9


def l1_fee_setup(node: Node, artifacts: Artifacts) -> None:
    """Install the two contracts and enable the fee, at L1 prices that make it noticeable beside gas."""
    node.batch(
        [
            ("anvil_setCode", [L1_BLOCK, runtime_code(artifacts.l1_block)]),
            ("anvil_setCode", [GAS_PRICE_ORACLE, runtime_code(artifacts.gas_price_oracle)]),
            ("anvil_impersonateAccount", [_DEPOSITOR]),
            ("anvil_setBalance", [_DEPOSITOR, hex(10**18)]),
        ]
    )
    oracle = artifacts.gas_price_oracle
    values = artifacts.l1_block.encode_abi("setL1BlockValuesEcotone") + _l1_block_values().hex()
    calls = [
        (GAS_PRICE_ORACLE, oracle.encode_abi("setEcotone")),
        (GAS_PRICE_ORACLE, oracle.encode_abi("setFjord")),
        (L1_BLOCK, values),
    ]
    for to, data in calls:
        message = {"from": _DEPOSITOR, "to": to, "data": data, "gas": hex(500_000)}
        node.call("eth_sendTransactionSync", message)
    node.call("anvil_stopImpersonatingAccount", _DEPOSITOR)
    if int(node.call("eth_getStorageAt", L1_BLOCK, "0x1", "latest"), 16) != _L1_BASE_FEE:
        raise ConfigError(f"{node.url} did not take the L1 fee parameters.")


def _l1_block_values() -> bytes:
    """The packed arguments of setL1BlockValuesEcotone, as the OP stack's specification orders them."""
    return b"".join(
        (
            _BASE_FEE_SCALAR.to_bytes(4),
            _BLOB_BASE_FEE_SCALAR.to_bytes(4),
            (0).to_bytes(8),  # sequence number
            int(time.time()).to_bytes(8),
            (1).to_bytes(8),  # L1 block number
            _L1_BASE_FEE.to_bytes(32),
            _L1_BLOB_BASE_FEE.to_bytes(32),
            bytes(32),  # L1 block hash
            bytes(32),  # batcher
        )
    )
