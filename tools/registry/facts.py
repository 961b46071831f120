"""Reads facts about chains, tokens, feeds and contracts from the pinned npm packages."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak
from platformdirs import user_cache_path

TOOLS = Path(__file__).resolve().parents[1]
CACHE = user_cache_path("l2send-registry")
FORMER = ("chains-2", "chains-54", "chains-69")
SAFE_FILES = {
    "singleton": "safe.json",
    "singleton_l2": "safe_l2.json",
    "proxy_factory": "safe_proxy_factory.json",
    "multi_send_call_only": "multi_send_call_only.json",
    "fallback_handler": "compatibility_fallback_handler.json",
}
SAFE_VERSIONS = ("1.4.1", "1.5.0")
Json = dict[str, Any]
Tokens = dict[tuple[int, str], int]
"""(chain id, address in lower case) -> decimals."""


class Refused(Exception):
    """What was read contradicts itself, the overlay or the chains.toml that stands."""


@dataclass(frozen=True)
class Facts:
    """Everything the packages say, by chain id."""

    chains: dict[int, Json]
    viem: dict[int, Json]
    hyperlane: dict[int, Json]
    tokens: dict[str, Tokens]
    feeds: dict[str, dict[str, str]]
    across: dict[int, str]
    eco: dict[int, str]
    safes: dict[str, dict[str, Json]]
    """What the package says of each contract, by version and by our name of the contract."""
    init_codes: dict[str, tuple[bytes, bytes]]
    """By the artifact's name: the code that creates a contract, and the code it then has."""
    former: list[dict[int, Json]]
    """shortName and name by chain id, as older versions of ethereum-lists had them, the newest last."""


def fetch(name: str, pin: Json) -> Path:
    """The unpacked folder of one pinned package, its sha512 checked every time."""
    folder = CACHE / f"{name}-{pin['version']}"
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.tgz")):
        spec = f"{pin['package']}@{pin['version']}"
        subprocess.run(["npm", "pack", "--silent", spec], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    tarball = next(folder.glob("*.tgz"))
    digest = base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != pin["integrity"]:
        raise Refused(f"{tarball.name} is not the package that was pinned: sha512-{digest}")
    subprocess.run(["tar", "-xzf", tarball.name], cwd=folder, check=True)
    return folder / "package"


def read_facts(at: Mapping[str, Path]) -> Facts:
    """What every package says. JavaScript is read by node, everything else here."""
    script = [
        "node",
        str(TOOLS / "read_packages.mjs"),
        *(str(at[n]) for n in ("chains", "viem", "superchain", "across-tokens", "lifi", "lifi-types", *FORMER)),
    ]
    js = json.loads(subprocess.run(script, check=True, capture_output=True, text=True).stdout)
    uniswap = json.loads((at["uniswap"] / "build/uniswap-default.tokenlist.json").read_text())["tokens"]
    aave = json.loads((at["aave"] / "tokenlist.json").read_text())["tokens"]
    return Facts(
        chains={int(k): v for k, v in js["chains"].items()},
        viem={int(k): v for k, v in js["viem"].items()},
        hyperlane=read_hyperlane(at["hyperlane"] / "dist/chains"),
        tokens={
            "superchain": token_list(js["superchain"]),
            "uniswap": token_list(uniswap),
            "aave": token_list(aave),
            "across-tokens": token_list(js["acrossTokens"]),
            "lifi": token_list(js["lifi"]),
            "circle": read_circle((at["circle"] / "chains.mjs").read_text()),
        },
        feeds=read_feeds(at["aave"] / "src"),
        across=read_across(at["across"] / "dist/broadcast/deployed-addresses.json"),
        safes=read_safes(at["safe"] / "dist/assets"),
        init_codes=read_artifacts(at["account-abstraction"] / "artifacts"),
        eco=read_eco((at["eco"] / "deployAddresses.csv").read_text()),
        former=[dict(listed) for listed in js["former"]],
    )


def token_list(entries: Iterable[Json]) -> Tokens:
    """A token list's decimals. Raises Refused if it contradicts itself."""
    found: Tokens = {}
    for entry in entries:
        key = (int(entry["chainId"]), str(entry["address"]).lower())
        if found.setdefault(key, int(entry["decimals"])) != entry["decimals"]:
            raise Refused(f"one list gives {key} two different decimals")
    return found


def read_hyperlane(folder: Path) -> dict[int, Json]:
    """Chain metadata of every EVM chain."""
    metadata = (json.loads(path.read_text()) for path in sorted(folder.glob("*/metadata.json")))
    return {int(m["chainId"]): m for m in metadata if m["protocol"] == "ethereum"}


def read_circle(source: str) -> Tokens:
    """The issuer's own chain definitions: USDC and EURC, which have 6 decimals wherever Circle mints them."""
    found: Tokens = {}
    for block in source.split("defineChain({")[1:]:
        body = block.split("\n});")[0]
        chain_id = re.search(r"\n    chainId: ([\d_]+)", body)
        for address in re.findall(r"\n    (?:usdc|eurc)Address: '(0x\w{40})'", body):
            if chain_id:
                found[int(chain_id[1].replace("_", "")), address.lower()] = 6
    return found


def read_feeds(folder: Path) -> dict[str, dict[str, str]]:
    """Chainlink's X/USD feeds per network of the Aave address book."""
    constant = re.compile(r"address internal constant (\w+?)__USD =\s*(0x\w{40});")
    files = folder.glob("Chainlink*.sol")
    return {p.stem.removeprefix("Chainlink"): dict(constant.findall(p.read_text())) for p in files}


def read_across(path: Path) -> dict[int, str]:
    """SpokePools by chain id."""
    chains = json.loads(path.read_text())["chains"]
    pools = {int(k): v["contracts"].get("SpokePool", {}).get("address", "") for k, v in chains.items()}
    return {k: v for k, v in pools.items() if v.startswith("0x")}


def read_eco(csv: str) -> dict[int, str]:
    """Portals by chain id; rows of staging deployments have no plain number: left out."""
    lines = [line.split(",") for line in csv.splitlines()]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    return {int(r["ChainID"]): r["Portal"] for r in rows if r["ChainID"].isdigit()}


def read_safes(assets: Path) -> dict[str, dict[str, Json]]:
    """Safe's contracts as the package describes them."""
    folders = (assets / f"v{version}" for version in SAFE_VERSIONS)
    return {f.name[1:]: {n: json.loads((f / p).read_text()) for n, p in SAFE_FILES.items()} for f in folders}


def read_artifacts(folder: Path) -> dict[str, tuple[bytes, bytes]]:
    """The code that creates each contract, and the code it then has; both are empty for an interface."""
    artifacts = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    return {
        name: (bytes.fromhex(one["bytecode"][2:]), bytes.fromhex(one["deployedBytecode"][2:]))
        for name, one in artifacts.items()
        if not one["linkReferences"]
    }


def create2(factory: str, salt: str, init_code: bytes) -> str:
    """The address of a contract that a factory creates (EIP-1014)."""
    packed = b"\xff" + bytes.fromhex(factory[2:]) + bytes.fromhex(salt[2:]) + keccak(init_code)
    return checksum(keccak(packed)[12:].hex())


def checksum(address: str) -> str:
    """The ERC-55 form."""
    low = address.lower().removeprefix("0x")
    digest = keccak(low.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(low, digest, strict=False))
