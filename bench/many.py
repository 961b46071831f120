"""Many payments from one account on one chain: l2send's window compared with a loop of `cast send`."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.latency_client import delayed
from bench.payer import Payer, new_address
from bench.process import Failed, run
from l2send.client import Client, open_client
from l2send.core.chains import Registry, load_registry
from l2send.core.paths import Paths
from l2send.wallet.keys.signer import LocalSigner, SecretKey

_DELAYS = (0.0, 0.1)
"""Seconds added to every request."""


def many_at_once(payer: Payer, program: Path, count: int) -> list[dict[str, Any]]:
    """Seconds for `count` payments of 1 USDC, without and with a delay. Raises Failed."""
    rows = [{"way": "`cast send`, one after another"}, {"way": "`l2send`, a window"}]
    for delay in _DELAYS:
        with delayed(payer.urls, delay) as door:
            started = time.perf_counter()
            for _ in range(count):
                run(payer.cast(program, door.urls[0]), payer.environment(door.urls))
            rows[0][f"{delay:g}"] = f"{time.perf_counter() - started:.1f}"
            rows[1][f"{delay:g}"] = f"{asyncio.run(_in_a_window(payer, door.urls[0], count)):.1f}"
    return rows


async def _in_a_window(payer: Payer, url: str, count: int) -> float:
    """Planned before, since `cast` plans nothing; signing, journal, broadcast and confirmation are measured."""
    os.environ["L2SEND_HOME"] = str(payer.home)
    paths = Paths.for_devnet()
    registry = _through(load_registry(paths), payer.chains[0].short_name, url)
    signer = LocalSigner(SecretKey(bytes.fromhex(payer.key[2:])))
    async with open_client(paths, registry) as client:
        ids = [await _begin(client, signer, payer.chains[0].short_name) for _ in range(count)]
        started = time.perf_counter()
        failed = await client.resume_many(ids, signer)
        seconds = time.perf_counter() - started
        if failed or any(client.journal.find(payment).state != "delivered" for payment in ids):
            raise Failed(f"{len(failed)} payments failed: {[error.message for error in failed.values()][:3]}")
        return seconds


async def _begin(client: Client, signer: LocalSigner, chain: str) -> str:
    payment = client.payment(signer.address, "1", "USDC", client.destination(f"{chain}:{new_address()}"))
    return client.begin(await client.plan(payment)).id


def _through(registry: Registry, chain: str, url: str) -> Registry:
    """The registry with one chain behind the delay."""
    return replace(registry, by_name={**registry.by_name, chain: replace(registry.named(chain), rpcs=(url,))})
