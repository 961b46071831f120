"""The gas of a direct and of each bridged payment, compared with the minimum of its contract: only the paying call.

And of three payments: by three transactions, by one in which the account delegates (EIP-7702), by one of an account
that did before, by one of a Safe's MultiSend.
And of ten payments of coin: by ten transactions, by one through Multicall3.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.payer import L2SEND, Payer, new_address
from bench.process import PASSED_ON, Failed
from l2send.core.address import Address
from l2send.core.chains import load_registry
from l2send.core.delegation import named_delegate
from l2send.core.paths import Paths
from l2send.devnet import faucet
from l2send.devnet.node import Node

BRIDGES = ("eco", "across")
"""Those that the devnet has solvers for."""


def measure_gas(payer: Payer) -> list[dict[str, Any]]:
    """What each way used, of which the paying call alone, and what was signed at most. Raises Failed."""
    paying = ("--yes", "--json", "--private-key", payer.key)
    ways = {"`l2send`, direct": payer.direct(*paying)}
    ways |= {f"`l2send`, by {bridge}": payer.bridged(*paying, "--via", bridge) for bridge in BRIDGES}
    return [_row(name, _hashes(command, payer), Node(payer.urls[0])) for name, command in ways.items()]


def measure_three(payer: Payer) -> list[dict[str, Any]]:
    """What three payments of a file used in each way, in all and for each of them. Raises Failed."""
    chain, node = payer.chains[0], Node(payer.urls[0])
    delegate = named_delegate("simple7702account", load_registry(Paths.under(payer.home)).named(chain.short_name))
    rows = [_three("three transactions", payer, node)]
    rows.append(_three("one transaction in which the account delegates", payer, node, "--batch"))
    code = node.call("eth_getCode", payer.address, "latest")
    if code.lower() != "0xef0100" + delegate.code.address[2:].lower():
        raise Failed(f"the account delegates to {code} after --batch")
    rows.append(_three("one transaction of a delegated account", payer, node))
    node.call("anvil_setCode", payer.address, "0x")
    made = _run([L2SEND, "devnet", "safe", payer.address, "--chain", chain.short_name, "--json"], payer)["safe"]
    faucet.fund(payer.home / "state", Address(made.partition(":")[2]), "1000", "USDC", chain.short_name)
    return [*rows, _three("one transaction of a Safe, by MultiSend", payer, node, "--safe", made)]


def measure_coin(payer: Payer) -> list[dict[str, Any]]:
    """What ten payments of coin to accounts that hold some used, apart and through Multicall3. Raises Failed."""
    node = Node(payer.urls[0])
    return [
        payments_of(name, payer, node, 10, "ETH", *words)
        for name, words in (
            ("ten payments of coin, ten transactions", ["--no-batching"]),
            ("ten payments of coin, one transaction through Multicall3", []),
        )
    ]


def _three(name: str, payer: Payer, node: Node, *words: str) -> dict[str, Any]:
    return payments_of(name, payer, node, 3, "USDC", *words)


def payments_of(name: str, payer: Payer, node: Node, count: int, token: str, *words: str) -> dict[str, Any]:
    """What payments to accounts that hold coin already used, in all and for each of them."""
    people = [new_address() for _ in range(count)]
    for to in people:
        node.call("anvil_setBalance", to, "0x1")
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as file:
        lines = (f"{number},0.1,{token},{payer.chains[0].short_name}:{to}\n" for number, to in enumerate(people))
        file.write("ref,amount,token,to\n" + "".join(lines))
    found = _run([L2SEND, "batch", file.name, "--yes", "--json", "--private-key", payer.key, *words], payer)
    Path(file.name).unlink()
    hashes = sorted({tx_hash for line in found["lines"] for tx_hash in line["hashes"]})
    used = sum(int(node.call("eth_getTransactionReceipt", tx_hash)["gasUsed"], 16) for tx_hash in hashes)
    return {"way": name, "transactions": len(hashes), "gas": used, "each": used // count}


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
    return [tx["hash"] for tx in _run(command, payer)["transactions"]]


def _run(command: Sequence[str], payer: Payer) -> dict[str, Any]:
    """The document that a command prints. Raises Failed."""
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
    document: dict[str, Any] = json.loads(done.stdout)
    return document
