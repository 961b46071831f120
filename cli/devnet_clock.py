"""Times on a devnet are counted from its chains' clocks: `l2send devnet advance` moves them."""

from __future__ import annotations

import time

from l2send.cli.times import count_from
from l2send.client import Client
from l2send.core.units import ChainId


def count_from_the_chain(client: Client, chain: ChainId) -> None:
    """On a devnet, count distances of times from the head of `chain`, as its last answer showed it."""
    clock = client.rpcs.on(chain).last_clock if client.registry.is_devnet else None
    if clock is None:
        count_from(0)
        return
    at, seen = clock
    count_from(at + time.monotonic() - seen - time.time())
