"""Times on a devnet are counted from its chains' clocks: `l2send devnet advance` moves them."""

from __future__ import annotations

from l2send.cli.times import count_from
from l2send.client import Client
from l2send.core.units import ChainId


def count_from_the_chain(client: Client, chain: ChainId) -> None:
    """On a devnet, count distances of times from the head of `chain`, as its last answer showed it."""
    count_from((client.rpcs.on(chain).seconds_ahead if client.registry.is_devnet else None) or 0.0)
