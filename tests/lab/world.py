"""The lab's chains with a solver, its funded accounts, and their balances on the chains."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from l2send.core.address import Address
from l2send.core.calldata import BALANCE_OF, address_word, event_topic
from l2send.core.chains import Chain, Registry, load_registry
from l2send.core.paths import Paths
from l2send.devnet import control, faucet, solver_client
from l2send.devnet.faucet import MINT
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.state import Devnet
from l2send.wallet.keys.signer import SecretKey, address_of
from tests.support.settlers import with_settlers

BLOCK_TIME = 0.25
TOKEN = "USDC"
MONEY = 1_000_000_000
"""Base units of USDC that an account starts with, on the first chain."""
PART = 40_000_000
"""Base units of USDC that a scattered account starts with, on each chain it can pay from."""
SOURCES = (0, 1, 2)
"""Those chains. On the first it has no coin for gas; each knows one bridge alone, so that three are used."""
_FORGOTTEN = {1: "across", 2: "eco"}
_GAS_MONEY = 10**18
_TRANSFER_TOPIC = event_topic("Transfer(address,address,uint256)")


@dataclass(frozen=True)
class Account:
    """A key with money on the first chain."""

    key: bytes
    address: Address

    def __repr__(self) -> str:
        return f"Account({self.address})"


def _fresh(count: int) -> list[Account]:
    keys = [secrets.token_bytes(32) for _ in range(count)]
    return [Account(key, address_of(SecretKey(key))) for key in keys]


class World:
    """A running devnet. Money starts on chain 0, or is scattered; the last chain is reached by the bridge."""

    def __init__(self, home: Path, devnet: Devnet) -> None:
        self.paths = Paths.under(home)
        self.devnet = devnet
        self.nodes = tuple(Node(chain.rpc_url) for chain in devnet.chains)
        self.registry = load_registry(self.paths)
        self.chains: tuple[Chain, ...] = tuple(self.registry)

    def seen_through(self, urls: Sequence[str], confirmations: int, second: str = "") -> Registry:
        """The registry as a payer has it who reaches the chains through `urls`, and at a second path of each."""
        return Registry(
            {
                chain.short_name: replace(
                    chain, rpcs=(url, *([f"{url}/{second}"] if second else [])), confirmations=confirmations
                )
                for chain, url in zip(self.chains, urls, strict=True)
            },
            is_devnet=True,
        )

    def with_a_bridge_each(self, registry: Registry, sponsor: str) -> Registry:
        """The same, where each source is left with a bridge of its own, and the sponsor is reached at that URL."""
        chains = list(registry)
        for index, bridge in _FORGOTTEN.items():
            left = {name: fields for name, fields in chains[index].settlers.items() if name != bridge}
            chains[index] = replace(chains[index], settlers=left)
        chains[0] = with_settlers(chains[0], across={"sponsor_api": sponsor})
        return Registry({chain.short_name: chain for chain in chains}, is_devnet=True)

    def accounts(self, count: int) -> list[Account]:
        """Fresh accounts, each with 1000 USDC and gas money on the first chain."""
        made = _fresh(count)
        self._give_gas(made, 0)
        self._mint(made, 0, MONEY)
        return made

    def scattered(self, count: int) -> list[Account]:
        """Fresh accounts, each with 40 USDC on every chain but the last, and gas on all of these but the first."""
        made = _fresh(count)
        for index in SOURCES:
            self._mint(made, index, PART)
        for index in SOURCES[1:]:
            self._give_gas(made, index)
        return made

    def _give_gas(self, accounts: Sequence[Account], index: int) -> None:
        self.nodes[index].batch([("anvil_setBalance", [account.address, hex(_GAS_MONEY)]) for account in accounts])

    def _mint(self, accounts: Sequence[Account], index: int, units: int) -> None:
        chain = self.devnet.chains[index]
        for account in accounts:
            data = "0x" + MINT.encode(account.address, units).hex()
            mint = {"from": chain.issuer, "to": chain.token(TOKEN).address, "data": data, "gas": hex(200_000)}
            self.nodes[index].call("eth_sendTransaction", mint)
        while accounts and not self.holds(accounts[-1].address, index):
            self.nodes[index].call("anvil_mine", "0x1")

    def holds(self, account: Address, index: int) -> int:
        """Base units of USDC on one chain, read from the chain itself."""
        token = self.devnet.chains[index].token(TOKEN).address
        return int.from_bytes(self.nodes[index].eth_call(token, BALANCE_OF.encode(account)), "big")

    def received(self, account: Address, index: int) -> list[int]:
        """The amount of every Transfer of USDC to `account`."""
        query = {
            "address": self.devnet.chains[index].token(TOKEN).address,
            "topics": [_TRANSFER_TOPIC, None, "0x" + address_word(account).hex()],
            "fromBlock": "0x0",
            "toBlock": "latest",
        }
        return [int(log["data"], 16) for log in self.nodes[index].call("eth_getLogs", query)]

    def sent_by(self, account: Address) -> int:
        """Transactions of `account` in the first chain's blocks."""
        return self.nodes[0].quantity("eth_getTransactionCount", account, "latest")

    def advance(self, seconds: int) -> None:
        """Move the clocks of all chains forward."""
        faucet.advance(self.paths.state, seconds)

    def mine(self, blocks: int = 1) -> None:
        """Mine on all chains, for confirmations."""
        for node in self.nodes:
            node.call("anvil_mine", hex(blocks))

    def solver(self, mode: Mode, delay: float | None = None) -> None:
        """Tell the solver what to do with orders."""
        solver_client.set_mode(self.devnet, mode, delay)


@contextmanager
def running_world(home: Path, block_time: float = BLOCK_TIME, chains: int = 2) -> Iterator[World]:
    """A devnet of its own, for as long as the block lasts."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = Paths.under(home).state
    devnet = control.up(state, Paths.from_environment().cache, chains=chains, block_time=block_time)
    try:
        yield World(home, devnet)
    finally:
        control.down(state)
