"""Two chains for tests that need a registry and no chain behind it."""

from __future__ import annotations

from l2send.core.address import Address, checksum
from l2send.core.chains import Chain, Registry, Stage
from l2send.core.settlers import EcoSettlers
from l2send.core.units import ChainId, Token


def address(n: int) -> Address:
    """A made-up account or contract."""
    return checksum(b"a made-up accoun" + n.to_bytes(4, "big"))


def _chain(short_name: str, chain_id: ChainId, n: int) -> Chain:
    return Chain(
        short_name=short_name,
        chain_id=chain_id,
        name=short_name.capitalize(),
        kind="other",
        testnet=False,
        native=Token(chain_id, None, "ETH", 18),
        rpcs=("http://127.0.0.1:9",),
        explorer="",
        confirmations=1,
        stage=Stage("none", "2026-11-22"),
        multicall3=address(n + 9),
        price_feed=None,
        tokens=(
            Token(chain_id, address(n + 1), "USDC", 6, peg="USD"),
            Token(chain_id, address(n + 2), "USDC.e", 6, bridged=True, peg="USD"),
        ),
        settlers={"eco": EcoSettlers(portal=address(n + 3), prover=address(n + 4), quote_api="http://127.0.0.1:9")},
    )


ORIGIN = _chain("left", ChainId(768_300_091), 100)
TARGET = _chain("right", ChainId(768_300_092), 200)
REGISTRY = Registry({c.short_name: c for c in (ORIGIN, TARGET)})
SENDER, RECIPIENT = address(1), address(2)
