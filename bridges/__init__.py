"""Moves: one file a way to move money, each behind the protocol in `l2send.core.bridge`."""

from __future__ import annotations

from l2send.bridges.across import Across
from l2send.bridges.direct import Direct
from l2send.bridges.eco import Eco
from l2send.bridges.hyperlane7683 import Hyperlane7683
from l2send.bridges.oif import Oif
from l2send.core.bridge import Bridge
from l2send.core.chains import Registry
from l2send.core.effects import Effects
from l2send.core.errors import Refused
from l2send.core.plan import UnsignedTx

BRIDGES: dict[str, Bridge] = {bridge.name: bridge for bridge in (Direct(), Eco(), Across(), Hyperlane7683(), Oif())}


def decode(tx: UnsignedTx, registry: Registry) -> Effects:
    """What `tx` does, from its own bytes, by whichever bridge knows it. Raises Refused for the unknown."""
    for bridge in BRIDGES.values():
        effect = bridge.effects(tx, registry)
        if effect is not None:
            return effect
    raise Refused(f"l2send cannot tell what the call of {tx.to} would do, and signs nothing it cannot tell.")
