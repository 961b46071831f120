"""The setting of a benchmark: local chains, and an account with a different amount of every token on every chain."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from l2send.core.address import Address
from l2send.devnet import control, faucet
from l2send.devnet.deploy import MULTICALL3, account
from l2send.devnet.state import NATIVE, DevChain, Devnet

TOKENS = (NATIVE, "USDC", "DAI", "WETH", "EURC")

Key = tuple[int, str]
"""A chain id and the symbol of a token there."""
Balances = Mapping[Key, int]
"""In base units."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Running chains and a funded account."""

    home: Path
    """The `L2SEND_HOME` in which they run."""
    account: Address
    chains: tuple[DevChain, ...]
    funded: Balances
    """The true balances. No two are equal, so an amount alone tells which balance it is."""

    @property
    def urls(self) -> tuple[str, ...]:
        """Of all chains, without any delay."""
        return tuple(chain.rpc_url for chain in self.chains)

    def task(self, urls: Sequence[str]) -> dict[str, object]:
        """The same for a script that knows nothing of l2send, with each chain at its URL of `urls`."""
        chains = [
            {"chain_id": chain.chain_id, "url": url, "tokens": {s: token_address(chain, s) for s in TOKENS}}
            for chain, url in zip(self.chains, urls, strict=True)
        ]
        return {"account": self.account, "multicall3": MULTICALL3, "chains": chains}


def token_address(chain: DevChain, symbol: str) -> str | None:
    """Where the token is on the chain; None for the native coin."""
    return None if symbol == NATIVE else chain.token(symbol).address


@contextmanager
def set_up(chains: int, cache: Path, say: Callable[[str], None]) -> Iterator[Stage]:
    """A stage of that many chains, in a home that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="l2send-bench-") as folder:
        home = Path(folder)
        # Where l2send looks for its state under an L2SEND_HOME.
        state = home / "state"
        try:
            devnet = control.up(state, cache, chains=chains, say=say)
            say(f"Funding {chains * len(TOKENS)} balances")
            who = account("bench")
            yield Stage(home, who, devnet.chains, _fund(state, devnet, who))
        finally:
            control.down(state)


def _fund(state: Path, devnet: Devnet, who: Address) -> Balances:
    """Give a different amount each time; 1.01 of a token of 6 decimals is not 1.01 of one of 18."""
    return {
        (chain.chain_id, symbol): faucet.fund(state, who, f"{i}.{j:02}", symbol, chain.short_name).units
        for i, chain in enumerate(devnet.chains, 1)
        for j, symbol in enumerate(TOKENS, 1)
    }
