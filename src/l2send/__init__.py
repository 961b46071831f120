"""Send tokens to any Ethereum chain with one command, whether or not the money must be bridged.

`import l2send` is the public API, listed in api.py: plan a payment, make it, follow it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from l2send.api import *  # noqa: F403


def __getattr__(name: str) -> object:
    """A name of the API, imported on first use: `import l2send` alone imports nothing. See PEP 562."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    api = import_module("l2send.api")
    if name not in api.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(api, name)


def __dir__() -> list[str]:
    return [*import_module("l2send.api").__all__]
