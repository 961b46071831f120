"""The ways to request the same balances: each with its command line, and how to parse its output."""

from __future__ import annotations

import json
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.stage import TOKENS, Balances, Key, Stage, token_address

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Run:
    """One process to start."""

    command: tuple[str, ...]
    stdin: str = ""
    environment: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Way:
    """One way to ask."""

    name: str
    prepare: Callable[[Stage, Sequence[str]], Run]
    """The process that asks the chains of the stage at these URLs."""
    read: Callable[[str, Stage], Balances]
    """The balances in its output."""
    seldom: bool = False
    """So slow that fewer runs must do."""


def all_ways(cast: Path, chains: int) -> list[Way]:
    """All of them, l2send first."""
    return [
        Way("`l2send balances`", _l2send, _read_l2send),
        Way("`cast`, one call after another", _cast(cast, 1), _read_in_order, seldom=True),
        Way(f"`cast`, `xargs -P {chains}`", _cast(cast, chains), _read_in_any_order),
        Way("web3.py, `AsyncWeb3`", _script("ask_web3.py"), _read_script),
        Way("bare asyncio", _script("ask_floor.py"), _read_script),
    ]


def _l2send(stage: Stage, urls: Sequence[str]) -> Run:
    program = str(Path(sysconfig.get_path("scripts")) / "l2send")
    endpoints = {f"L2SEND_RPC_{chain.chain_id}": url for chain, url in zip(stage.chains, urls, strict=True)}
    return Run(
        (program, "balances", "--testnets", "--from", stage.account, "--json"),
        environment={"L2SEND_HOME": str(stage.home), **endpoints},
    )


def _read_l2send(output: str, _stage: Stage) -> Balances:
    return {
        (chain["chain_id"], balance["token"]): int(balance["base_units"])
        for chain in json.loads(output)["chains"]
        for balance in chain["balances"]
        if balance["token"] in TOKENS
    }


def _cast(cast: Path, processes: int) -> Callable[[Stage, Sequence[str]], Run]:
    """`xargs` starts one cast a line, and that many at the same time."""

    def prepare(stage: Stage, urls: Sequence[str]) -> Run:
        lines = [
            _cast_words(stage.account, token_address(chain, symbol), url)
            for chain, url in zip(stage.chains, urls, strict=True)
            for symbol in TOKENS
        ]
        return Run(("xargs", "-P", str(processes), "-L", "1", str(cast)), stdin="\n".join(lines) + "\n")

    return prepare


def _cast_words(account: str, token: str | None, url: str) -> str:
    if token is None:
        return f"balance {account} --rpc-url {url}"
    return f"call {token} balanceOf(address)(uint256) {account} --rpc-url {url}"


def _cast_numbers(output: str) -> list[int]:
    """cast writes `1010000 [1.01e6]`."""
    return [int(line.split()[0]) for line in output.splitlines()]


def _read_in_order(output: str, stage: Stage) -> Balances:
    return dict(zip(stage.funded, _cast_numbers(output), strict=True))


def _read_in_any_order(output: str, stage: Stage) -> Balances:
    """Lines of processes that ran at the same time: each amount tells which balance it is."""
    keys: dict[int, Key] = {units: key for key, units in stage.funded.items()}
    return {keys.get(units, (0, f"a wrong amount, {units}")): units for units in _cast_numbers(output)}


def _script(name: str) -> Callable[[Stage, Sequence[str]], Run]:
    def prepare(stage: Stage, urls: Sequence[str]) -> Run:
        task = stage.home / "task.json"
        task.write_text(json.dumps(stage.task(urls)), encoding="utf-8")
        return Run((sys.executable, str(_HERE / name), str(task)))

    return prepare


def _read_script(output: str, _stage: Stage) -> Balances:
    return {(int(chain), token): units for chain, held in json.loads(output).items() for token, units in held.items()}
