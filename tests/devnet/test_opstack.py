"""dev3 charges the sender the OP stack's L1 data fee; no other chain does. `l1_fee` predicts the amount."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.chains import Chain, load_registry
from l2send.core.errors import BadAnswer
from l2send.core.fees import l1_fee
from l2send.core.http import open_http
from l2send.core.paths import Paths
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc
from l2send.core.units import Gas, Wei
from l2send.devnet.node import Node
from l2send.devnet.opstack import GAS_PRICE_ORACLE
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import fresh_address

GET_L1_FEE = Function("getL1Fee(bytes)", "uint256")
NOISE = b"".join(i.to_bytes(4) for i in range(0, 2**32, 2**24 + 7919))


def oracle_code(**answers: str) -> str:
    """Code of a stand-in for an oracle that no package has: each function with the code that leaves its answer."""
    signatures = {"l1_fee": "getL1Fee(bytes)", "operator_fee": "getOperatorFee(uint256)", "ratio": "tokenRatio()"}
    heads, bodies = "5f3560e01c", ""  # the selector, on the stack
    end = 5 + 11 * len(answers) + 3
    for name, code in answers.items():
        selector = Function(signatures[name], "uint256").selector.hex()
        heads += f"8063{selector}1461{end + len(bodies) // 2:04x}57"
        bodies += f"5b{code}5f5260205ff3"
    return f"0x{heads}5f5ffd{bodies}"


ONE_MILLION = "620f4240"
SEVEN_A_GAS_AND_5000 = "60043560070261138801"
RATIO_OF_3000 = "610bb8"


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
    _, unsigned, extra = transfer(chain, NOISE)
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


def asked(chain: Chain, data: bytes = b"", gas: int = 21_000) -> int:
    """What `l1_fee` says, without its margin."""

    async def ask() -> int:
        async with open_http(10) as http:
            tx = UnsignedTx(chain.chain_id, fresh_address(), Wei(0), data)
            return await l1_fee(Rpc(chain, http), tx, Gas(gas), margin_percent=0)

    return asyncio.run(ask())


def registered(home: Path, short_name: str) -> Chain:
    return load_registry(Paths(home / "config", home, home / "cache")).named(short_name)


def oracle_elsewhere(chain: DevChain) -> Address:
    """A copy of dev3's GasPriceOracle, its storage too, where only the registry can know of it."""
    node, elsewhere = Node(chain.rpc_url), fresh_address()
    node.call("anvil_setCode", elsewhere, node.call("eth_getCode", GAS_PRICE_ORACLE, "latest"))
    forks = node.call("eth_getStorageAt", GAS_PRICE_ORACLE, "0x0", "latest")
    node.call("anvil_setStorageAt", elsewhere, "0x0", forks)
    return elsewhere


@pytest.mark.parametrize("data", [b"", NOISE, bytes(1000)], ids=["transfer", "noise", "zeros"])
def test_what_is_asked_covers_what_is_charged(home: Path, devnet: Devnet, data: bytes) -> None:
    """Nothing is signed yet when the oracle is asked: what a signature adds is in it, and not much more."""
    _, _, charged = transfer(devnet.chain("dev3"), data)
    assert charged <= asked(registered(home, "dev3"), data) <= charged * 3 // 2


def test_the_oracle_stands_where_the_registry_says(home: Path, devnet: Devnet) -> None:
    """A chain that is no OP stack, such as Scroll, has it at an address of its own."""
    dev3 = registered(home, "dev3")
    assert asked(replace(dev3, kind="other", l1_fee_oracle=oracle_elsewhere(devnet.chain("dev3")))) == asked(dev3) > 0
    assert asked(replace(dev3, l1_fee_oracle=None)) == 0
    nowhere = fresh_address()
    with pytest.raises(BadAnswer, match=f"no L1 fee oracle at {nowhere}"):
        asked(replace(dev3, l1_fee_oracle=nowhere))


def with_oracle(home: Path, devnet: Devnet, code: str) -> Chain:
    """dev3 with an oracle of this code."""
    oracle = fresh_address()
    Node(devnet.chain("dev3").rpc_url).call("anvil_setCode", oracle, code)
    return replace(registered(home, "dev3"), l1_fee_oracle=oracle)


def test_an_operator_fee_is_part_of_it(home: Path, devnet: Devnet) -> None:
    """As the Isthmus fork has it: of a scalar and a sum."""
    chain = with_oracle(home, devnet, oracle_code(l1_fee=ONE_MILLION, operator_fee=SEVEN_A_GAS_AND_5000))
    assert asked(chain, gas=21_000) == 1_000_000 + 7 * 21_000 + 5000
    assert asked(chain, gas=100_000) == 1_000_000 + 7 * 100_000 + 5000


def test_a_data_fee_named_in_eth_is_asked_in_the_coin_of_the_chain(home: Path, devnet: Devnet) -> None:
    """Mantle: the oracle's figure times its ratio; the operator fee is in the chain's coin already."""
    code = oracle_code(l1_fee=ONE_MILLION, operator_fee=SEVEN_A_GAS_AND_5000, ratio=RATIO_OF_3000)
    assert asked(with_oracle(home, devnet, code)) == 3000 * 1_000_000 + 7 * 21_000 + 5000
    assert asked(with_oracle(home, devnet, oracle_code(l1_fee=ONE_MILLION, ratio=RATIO_OF_3000))) == 3 * 10**9
    assert asked(with_oracle(home, devnet, oracle_code(l1_fee=ONE_MILLION))) == 10**6
