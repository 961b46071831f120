"""dev3 takes the OP stack's L1 data fee from the sender; no other chain does."""

from __future__ import annotations

from typing import Any

from eth_account import Account

from l2send.core.calldata import Function
from l2send.devnet.node import Node
from l2send.devnet.opstack import GAS_PRICE_ORACLE
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import fresh_address

GET_L1_FEE = Function("getL1Fee(bytes)", "uint256")


def transfer(chain: DevChain, data: bytes = b"") -> tuple[dict[str, Any], bytes, int]:
    """Send one signed transfer: its receipt, its unsigned bytes, and what it cost besides value and gas."""
    node, account = Node(chain.rpc_url), Account.create()
    node.call("anvil_setBalance", account.address, hex(10**18))
    transaction = {
        "type": 2,
        "chainId": chain.chain_id,
        "nonce": 0,
        "to": fresh_address(),
        "value": 12345,
        "data": data,
        "gas": 100_000,
        "maxFeePerGas": 5 * 10**9,
        "maxPriorityFeePerGas": 10**9,
    }
    signed = account.sign_transaction(transaction)
    unsigned = bytes(signed.raw_transaction)[: -67 - 1]
    receipt = node.call("eth_sendRawTransactionSync", "0x" + signed.raw_transaction.hex())
    paid = 10**18 - node.quantity("eth_getBalance", account.address, "latest") - 12345
    gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
    return receipt, unsigned, paid - gas


def quoted(chain: DevChain, unsigned: bytes) -> int:
    node = Node(chain.rpc_url)
    answer: int = GET_L1_FEE.decode_result(node.eth_call(GAS_PRICE_ORACLE, GET_L1_FEE.encode(unsigned)))[0]
    return answer


def test_l1_fee_is_deducted_as_the_oracle_says(devnet: Devnet) -> None:
    chain = devnet.chain("dev3")
    _, unsigned, extra = transfer(chain)
    assert extra > 0
    assert extra == quoted(chain, unsigned)


def test_longer_calldata_costs_more(devnet: Devnet) -> None:
    chain = devnet.chain("dev3")
    noise = b"".join(i.to_bytes(4) for i in range(0, 2**32, 2**24 + 7919))
    _, unsigned, extra = transfer(chain, noise)
    _, _, small = transfer(chain)
    assert extra > 3 * small
    assert abs(extra - quoted(chain, unsigned)) < extra // 20


def test_receipts_lack_the_fee(devnet: Devnet) -> None:
    """A limit of anvil, held here so that the day it changes is noticed."""
    receipt, _, _ = transfer(devnet.chain("dev3"))
    assert "l1Fee" not in receipt


def test_other_chains_charge_nothing_more(devnet: Devnet) -> None:
    for name in ("dev1", "dev2", "dev4"):
        assert transfer(devnet.chain(name))[2] == 0
