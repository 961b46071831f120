"""An account with money on the first chain of a devnet, and the programs that pay from it."""

from __future__ import annotations

import secrets
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account

from l2send.devnet import control, faucet
from l2send.devnet.state import DevChain

L2SEND = str(Path(sysconfig.get_path("scripts")) / "l2send")
SEND_WEB3 = str(Path(__file__).with_name("send_web3.py"))


@dataclass(frozen=True, slots=True)
class Payer:
    """The account, and the chains: the first has its money, the second has none of it."""

    home: Path
    """The `L2SEND_HOME` in which the chains run."""
    key: str
    """0x-prefixed. It has play money only, so that it may stand on a command line."""
    chains: tuple[DevChain, ...]

    @property
    def address(self) -> str:
        """Of the key."""
        return str(Account.from_key(self.key).address)

    @property
    def urls(self) -> tuple[str, ...]:
        """Of all chains, without any delay."""
        return tuple(chain.rpc_url for chain in self.chains)

    def environment(self, urls: Sequence[str]) -> dict[str, str]:
        """With each chain at its URL of `urls`."""
        endpoints = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(self.chains, urls, strict=True)}
        return {"HOME": str(self.home), "L2SEND_HOME": str(self.home), **endpoints}

    def direct(self, *words: str) -> list[str]:
        """Pay 1 USDC to a new account on the chain that has the money."""
        return [L2SEND, "1", "USDC", f"{self.chains[0].short_name}:{new_address()}", *words]

    def bridged(self, *words: str) -> list[str]:
        """Pay 100 USDC to a new account on the chain that has none."""
        return [L2SEND, "100", "USDC", f"{self.chains[1].short_name}:{new_address()}", *words]

    def cast(self, program: Path, url: str) -> list[str]:
        """The direct payment by `cast send`."""
        usdc = self.chains[0].token("USDC").address
        call = ["transfer(address,uint256)", new_address(), "1000000"]
        return [str(program), "send", usdc, *call, "--private-key", self.key, "--rpc-url", url]

    def web3(self, url: str) -> list[str]:
        """The direct payment by a script with web3.py."""
        return [sys.executable, SEND_WEB3, url, self.key, self.chains[0].token("USDC").address, new_address()]


def new_address() -> str:
    """An account that holds nothing."""
    return str(Account.create().address)


@contextmanager
def funded_payer(cache: Path, say: Callable[[str], None]) -> Iterator[Payer]:
    """Chains with a solver, in a home that is removed afterwards, and an account with plenty on the first."""
    with tempfile.TemporaryDirectory(prefix="l2send-bench-") as folder:
        home = Path(folder)
        state = home / "state"
        try:
            devnet = control.up(state, cache, say=say)
            payer = Payer(home, "0x" + secrets.token_hex(32), devnet.chains)
            for token, amount in (("USDC", "1000000"), ("ETH", "100")):
                faucet.fund(state, payer.address, amount, token, devnet.chains[0].short_name)
            yield payer
        finally:
            control.down(state)
