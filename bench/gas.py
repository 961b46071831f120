"""The gas of a direct and of each bridged payment, compared with the minimum of its contract: only the paying call."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

from bench.payer import Payer
from bench.process import PASSED_ON, Failed
from l2send.devnet.node import Node

BRIDGES = ("eco", "across")
"""Those that the devnet has solvers for."""


def measure_gas(payer: Payer) -> list[dict[str, Any]]:
    """What each way used, of which the paying call alone, and what was signed at most. Raises Failed."""
    paying = ("--yes", "--json", "--private-key", payer.key)
    ways = {"`l2send`, direct": payer.direct(*paying)}
    ways |= {f"`l2send`, by {bridge}": payer.bridged(*paying, "--via", bridge) for bridge in BRIDGES}
    return [_row(name, _hashes(command, payer), Node(payer.urls[0])) for name, command in ways.items()]


def _row(name: str, hashes: Sequence[str], node: Node) -> dict[str, Any]:
    """Of the transactions of one payment; the last one pays."""
    used = [int(node.call("eth_getTransactionReceipt", tx_hash)["gasUsed"], 16) for tx_hash in hashes]
    limits = [int(node.call("eth_getTransactionByHash", tx_hash)["gas"], 16) for tx_hash in hashes]
    return {
        "way": name,
        "transactions": len(hashes),
        "gas": sum(used),
        "least": used[-1],
        "ratio": round(sum(used) / used[-1], 2),
        "gas_limits": sum(limits),
    }


def _hashes(command: Sequence[str], payer: Payer) -> list[str]:
    """Of all that one payment sent, in order. Raises Failed."""
    kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    done = subprocess.run(
        command,
        env=kept | payer.environment(payer.urls),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise Failed(f"{command[0]} ended with status {done.returncode}: {done.stderr[-800:]}")
    return [tx["hash"] for tx in json.loads(done.stdout)["transactions"]]
