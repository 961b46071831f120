"""The record of a running devnet, and its files: `devnet.json`, `lock`.

The supervisor locks `lock` as long as it lives, and writes its process id into it. The kernel releases the lock however
the supervisor ends, so a stale devnet.json (kill -9, a reboot, a recycled process id) is reliably distinguished from a
running devnet.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from l2send.core.errors import ConfigError, UnknownChain, UnknownToken
from l2send.devnet import locks

_SCHEMA = 1
NATIVE = "ETH"
FIRST_CHAIN_ID = 768_300_001


@dataclass(frozen=True, slots=True)
class DevToken:
    """A token deployed on one chain."""

    symbol: str
    name: str
    address: str
    decimals: int
    bridged: bool
    peg: str


@dataclass(frozen=True, slots=True)
class DevChain:
    """One running chain and its deployments. Addresses are ERC-55."""

    chain_id: int
    short_name: str
    name: str
    kind: str
    rpc_url: str
    pid: int
    tokens: tuple[DevToken, ...]
    issuer: str
    """Account that mints the tokens; unlocked on its chain, it has no key."""
    portal: str
    prover: str
    spoke_pool: str
    origin_settler: str
    price_feed: str
    multicall3: str
    permit2: str

    def token(self, symbol: str) -> DevToken:
        """The token with that symbol, in any case. Raises UnknownToken."""
        for token in self.tokens:
            if token.symbol.lower() == symbol.lower():
                return token
        known = ", ".join([NATIVE, *(t.symbol for t in self.tokens)])
        raise UnknownToken(f"{symbol[:40]!r} is not a token of {self.name}.", hint=f"Known there: {known}")


@dataclass(frozen=True, slots=True)
class Devnet:
    """A devnet that is running, or was."""

    home: str
    pid: int
    """The supervisor's process."""
    solver_url: str
    solver_address: str
    solver_pid: int
    chains: tuple[DevChain, ...]

    def chain(self, short_name: str) -> DevChain:
        """The chain with that short name. Raises UnknownChain."""
        for chain in self.chains:
            if chain.short_name == short_name:
                return chain
        known = f"{self.chains[0].short_name} to {self.chains[-1].short_name}"
        raise UnknownChain(f"the devnet has no chain {short_name[:40]!r}.", hint=f"It has {known}.")

    @property
    def pids(self) -> list[int]:
        """Every process of the devnet but the supervisor."""
        return [*(chain.pid for chain in self.chains), self.solver_pid]


def folder(home: Path) -> Path:
    """The folder of a devnet of `home`."""
    return home / "devnet"


def lock_path(home: Path) -> Path:
    """The file that the supervisor locks."""
    return folder(home) / "lock"


def state_path(home: Path) -> Path:
    """The state file, for l2send itself."""
    return folder(home) / "devnet.json"


def registry_path(home: Path) -> Path:
    """The devnet's chains in the format of the project's registry."""
    return folder(home) / "chains.toml"


def supervisor_pid(home: Path) -> int | None:
    """The process id of the living supervisor of `home`, or None."""
    path = lock_path(home)
    if not locks.is_held(path):
        return None
    text = path.read_text(encoding="ascii").strip()
    return int(text) if text else None


def read(home: Path) -> Devnet | None:
    """The content of devnet.json, whether the devnet runs or not; None without one. Raises ConfigError."""
    path = state_path(home)
    try:
        return decode(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} cannot be read.", hint="Run: l2send devnet down") from error


def running(home: Path) -> Devnet | None:
    """The devnet of `home` if its supervisor lives and it is ready, else None."""
    pid = supervisor_pid(home)
    devnet = read(home) if pid else None
    return devnet if devnet and devnet.pid == pid else None


def require(home: Path) -> Devnet:
    """The running devnet of `home`. Raises ConfigError if none runs."""
    devnet = running(home)
    if devnet is None:
        raise ConfigError("no devnet is running here.", hint="Start one: l2send devnet up")
    return devnet


def encode(devnet: Devnet) -> str:
    """The line of JSON for devnet.json."""
    return json.dumps({"schema": _SCHEMA, **asdict(devnet)})


def decode(text: str) -> Devnet:
    """What `encode` wrote. Raises ValueError, KeyError or TypeError on anything else."""
    data = json.loads(text)
    if data.pop("schema") != _SCHEMA:
        raise ValueError("another schema")
    chains = tuple(_chain(entry) for entry in data.pop("chains"))
    return Devnet(**data, chains=chains)


def open_log(path: Path) -> BinaryIO:
    """A file to append to that only its owner can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")


def write_private(path: Path, text: str) -> None:
    """Replace `path` atomically by a file that only its owner can read."""
    fd, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    os.replace(temporary, path)


def _chain(entry: dict[str, Any]) -> DevChain:
    tokens = tuple(DevToken(**token) for token in entry.pop("tokens"))
    return DevChain(**entry, tokens=tokens)
