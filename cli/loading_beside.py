"""Loads modules while a payment waits for the network: what it needs only after the next answers.

One at a time, so that answers are read between two of them. Not in a thread: if two threads import the same packages
at once, one may find them incomplete.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import chain

from l2send.cli.interruptible import load_package

TO_OPEN_A_KEYSTORE = ("eth_keys", "eth_keyfile")
BESIDE_THE_PLAN = (
    "l2send.bridges.eco.bridge",
    "l2send.bridges.across.bridge",
    "l2send.bridges.across.gasless",
    "l2send.bridges.hyperlane7683.bridge",
    "l2send.bridges.oif.bridge",
    "l2send.bridges.sponsor.bridge",
    *TO_OPEN_A_KEYSTORE,
    "eth_rlp",
    "pydantic_core",
    "annotated_types",
    "pydantic.errors",
)
"""The bridges, then what eth_account needs."""
BESIDE_THE_LOOKS = ("pydantic.types", "pydantic.main", "eth_account.typed_transactions", "eth_account")
"""eth_account, of which the smaller parts come with the plan: both waits are about as long."""
_REQUESTS_LEAVE = 8
"""Turns of the loop, `_TURN` apart, in which the requests of a round are built and sent: however long a turn takes."""
_TURN = 0.002
"""Seconds, also between two modules: time to read answers."""


def load_beside(modules: Sequence[str], then: Callable[[], None] = lambda: None) -> None:
    """Import the modules once the next requests are sent, then call `then`. Needs a running loop.

    Ctrl-C while one is imported raises KeyboardInterrupt out of the loop, as `load_package` does.
    """
    waits = (None for _ in range(_REQUESTS_LEAVE))
    asyncio.get_running_loop().call_soon(_load, chain(waits, modules), then)


def _load(left: Iterator[str | None], then: Callable[[], None]) -> None:
    for module in left:
        if module:
            with suppress(ImportError):  # raised where it is used; another release may have other parts
                load_package(module)
        asyncio.get_running_loop().call_later(_TURN, _load, left, then)
        return
    then()
