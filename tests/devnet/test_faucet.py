"""Play money and play time."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.core.errors import BadAddress, BadAmount, ConfigError, UnknownChain, UnknownToken, UsageError
from l2send.devnet import faucet
from l2send.devnet.node import Node
from l2send.devnet.state import Devnet
from tests.devnet.user import User, fresh_address


@pytest.mark.parametrize("symbol", ["ETH", "USDC", "DAI", "WETH", "EURC", "USDC.e", "usdc"])
def test_fund_adds(home: Path, devnet: Devnet, symbol: str) -> None:
    chain, someone = devnet.chain("dev2"), User(home, devnet, fresh_address())
    one = faucet.fund(home, someone.address, "1.5", symbol, "dev2")
    assert someone.balance(chain, symbol.upper() if symbol == "usdc" else symbol) == one.units
    faucet.fund(home, someone.address, "2", symbol, "dev2")
    assert someone.balance(chain, one.token.symbol) == one.units * 7 // 3


def test_fund_on_the_op_stack_chain(home: Path, devnet: Devnet) -> None:
    someone = User(home, devnet, fresh_address())
    faucet.fund(home, someone.address, "7", "WETH", "dev3")
    assert someone.balance(devnet.chain("dev3"), "WETH") == 7 * 10**18


@pytest.mark.parametrize(
    ("address", "amount", "token", "chain", "error"),
    [
        ("0x12", "1", "USDC", "dev1", BadAddress),
        ("0x" + "11" * 20, "1e3", "USDC", "dev1", BadAmount),
        ("0x" + "11" * 20, "0.0000001", "USDC", "dev1", BadAmount),
        ("0x" + "11" * 20, "1", "SHIB", "dev1", UnknownToken),
        ("0x" + "11" * 20, "1", "USDC.e", "dev1", UnknownToken),
        ("0x" + "11" * 20, "1", "USDC", "dev9", UnknownChain),
    ],
)
def test_fund_refuses(
    home: Path, devnet: Devnet, address: str, amount: str, token: str, chain: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        faucet.fund(home, address, amount, token, chain)


def test_advance_moves_chain_time(home: Path, devnet: Devnet) -> None:
    dev1, dev2 = (Node(devnet.chain(name).rpc_url) for name in ("dev1", "dev2"))
    first, second = dev1.now(), dev2.now()
    faucet.advance(home, 1000, "dev1")
    assert 1000 <= dev1.now() - first < 1010
    assert dev2.now() - second < 10
    faucet.advance(home, 1000)
    assert 2000 <= dev1.now() - first < 2010
    assert 1000 <= dev2.now() - second < 1010
    with pytest.raises(UsageError):
        faucet.advance(home, 0)


def test_without_a_devnet(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no devnet is running"):
        faucet.fund(tmp_path, fresh_address(), "1", "ETH", "dev1")
    with pytest.raises(ConfigError, match="no devnet is running"):
        faucet.advance(tmp_path, 1)
