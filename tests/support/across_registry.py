"""Two chains with Across for tests that need a registry and no chain behind it."""

from __future__ import annotations

from dataclasses import replace

from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.settlers import AcrossSettlers
from l2send.core.units import Token
from tests.bridges.registry import ORIGIN as LEFT
from tests.bridges.registry import RECIPIENT, SENDER, address
from tests.bridges.registry import TARGET as RIGHT

__all__ = ["ORIGIN", "RECIPIENT", "REGISTRY", "SENDER", "TARGET", "address"]


def _with_across(chain: Chain, n: int, origin_settler: Address | None = None) -> Chain:
    weth = Token(chain.chain_id, address(n + 5), "WETH", 18)
    across = AcrossSettlers(spoke_pool=address(n + 6), origin_settler=origin_settler, quote_api="http://127.0.0.1:9")
    return replace(chain, tokens=(*chain.tokens, weth), settlers={**chain.settlers, "across": across})


ORIGIN = _with_across(LEFT, 100, origin_settler=address(107))
TARGET = _with_across(RIGHT, 200)
REGISTRY = Registry({c.short_name: c for c in (ORIGIN, TARGET)})
