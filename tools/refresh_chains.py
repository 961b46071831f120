"""Write chains.toml anew from the pinned npm packages and the reviewed overlay.

`python tools/refresh_chains.py` needs npm and node, and the network once: tarballs are kept in the cache
folder. The same pins and overlay give the same bytes. `--check` writes nothing and fails on a difference.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak
from platformdirs import user_cache_path

TOOLS = Path(__file__).resolve().parent
TARGET = TOOLS.parent / "chains.toml"
CACHE = user_cache_path("l2send-registry")
SOURCE = {"identity": "ethereum-lists", "rpcs": "public-rpcs", "explorer": "viem"}
STACKS = {"opstack": "op-stack", "arbitrumnitro": "arbitrum", "zksync": "zk-stack"}
WETH_PREDEPLOY = "0x4200000000000000000000000000000000000006"
FORMER = ("chains-2", "chains-54", "chains-69")
SAFE_FILES = {
    "singleton": "safe.json",
    "singleton_l2": "safe_l2.json",
    "proxy_factory": "safe_proxy_factory.json",
    "multi_send_call_only": "multi_send_call_only.json",
    "fallback_handler": "compatibility_fallback_handler.json",
}
SAFE_VERSIONS = ("1.4.1", "1.5.0")
LEAST_CONFIRMATIONS = 3
MOST_RPCS = 4

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


def checksum(address: str) -> str:
    """The ERC-55 form."""
    low = address.lower().removeprefix("0x")
    digest = keccak(low.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(low, digest, strict=False))


def identity(short: str, entry: Json, facts: Facts) -> Json:
    """The chain that ethereum-lists calls `short`. Raises Refused if that is not the chain we reviewed."""
    owners = [c for c in facts.chains.values() if c["shortName"] == short]
    if [c["chainId"] for c in owners] != [entry["chain_id"]]:
        now = [c["chainId"] for c in owners]
        raise Refused(f"the short name {short} now means chain {now}, not {entry['chain_id']}")
    return owners[0]


def kind(short: str, entry: Json, facts: Facts) -> str:
    """The overlay's kind, which hyperlane's technicalStack must not contradict."""
    stack = STACKS.get(facts.hyperlane.get(entry["chain_id"], {}).get("technicalStack", ""))
    if stack and stack != entry["kind"]:
        raise Refused(f"{short} is {entry['kind']} in the overlay and {stack} in hyperlane's registry")
    return str(entry["kind"])


def public_rpcs(chain_id: int, entry: Json, rules: Json, facts: Facts) -> list[str]:
    """Key-free https endpoints, one per operator: the chain's own first, then the preferred operators."""
    own = facts.viem[chain_id]["rpcs"]
    others = [*facts.chains[chain_id]["rpc"], *entry.get("extra_rpcs", ())]
    others += [r["http"] for r in facts.hyperlane.get(chain_id, {}).get("rpcUrls", ())]
    ranks: list[str] = rules["prefer"]

    def rank(url: str) -> int:
        return next((i for i, host in enumerate(ranks) if host in url), len(ranks))

    usable = [
        url.rstrip("/")
        for url in [*own, *sorted(others, key=rank)]
        if url.startswith("https://") and "$" not in url and not any(word in url for word in rules["refuse"])
    ]
    by_operator: dict[str, str] = {}
    for url in usable:
        by_operator.setdefault(".".join(url.split("/")[2].split(".")[-2:]), url)
    return list(by_operator.values())[:MOST_RPCS]


def confirmations(entry: Json, facts: Facts) -> tuple[int, str]:
    """How many blocks make a payment final for l2send, and who says so."""
    if "confirmations" in entry:
        return int(entry["confirmations"]), "policy"
    reorg = facts.hyperlane.get(entry["chain_id"], {}).get("blocks", {}).get("reorgPeriod")
    if isinstance(reorg, int) and reorg >= LEAST_CONFIRMATIONS:
        return reorg, "hyperlane"
    return LEAST_CONFIRMATIONS, "policy"


def decimals(short: str, chain_id: int, token: list[str], facts: Facts) -> int:
    """The decimals of one token: its source must list it, and no other package may disagree."""
    symbol, _, source, address = token
    if source == "op-predeploys":
        if address != WETH_PREDEPLOY:
            raise Refused(f"{short} {symbol}: {address} is not the WETH9 predeploy")
        return 18
    key = (chain_id, address.lower())
    if key not in facts.tokens[source]:
        raise Refused(f"{short} {symbol}: {source} does not list {address}")
    says = {name: tokens[key] for name, tokens in facts.tokens.items() if key in tokens}
    if len(set(says.values())) > 1:
        raise Refused(f"{short} {symbol}: the packages disagree on its decimals: {says}")
    return says[source]


def quoted(value: Any) -> str:
    """One TOML value, on one line."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {quoted(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | list) else str(value)


def table(name: str, fields: Mapping[str, Any], brackets: str = "[]") -> list[str]:
    """One TOML table; fields that are None are left out."""
    half = len(brackets) // 2
    head = f"{brackets[:half]}{name}{brackets[half:]}"
    return ["", head, *(f"{k} = {quoted(v)}" for k, v in fields.items() if v is not None)]


def chain_tables(short: str, entry: Json, overlay: Json, facts: Facts) -> list[str]:
    """One chain: its own table, its tokens, its settlers."""
    chain_id = int(entry["chain_id"])
    known, viem = identity(short, entry, facts), facts.viem[chain_id]
    blocks, who = confirmations(entry, facts)
    value, source = entry["stage"]
    native = known["nativeCurrency"]
    rpcs = public_rpcs(chain_id, entry, overlay["rpcs"], facts)
    also = aliases(short, entry, overlay, facts) or None
    multicall3 = checksum(viem["multicall3"]) if viem["multicall3"] else None
    if (len(rpcs) != 1) if entry.get("one_operator") else (len(rpcs) < 2):
        wanted = "just one" if entry.get("one_operator") else "two or more"
        raise Refused(f"{short} has not {wanted} public RPCs: {rpcs}")
    fields = {
        "chain_id": chain_id,
        "name": entry.get("name", known["name"]),
        "kind": kind(short, entry, facts),
        "aliases": also,
        "testnet": entry.get("testnet", False),
        "native": {"symbol": native["symbol"], "name": native["name"], "decimals": native["decimals"]},
        "rpcs": rpcs,
        "explorer": viem["explorer"].rstrip("/"),
        "confirmations": blocks,
        "stage": {"value": value, "date": overlay["sources"][source]["date"], "source": source},
        "multicall3": multicall3,
        "price_feed": price_feed(entry, native["symbol"], facts),
        "ens": name_service(chain_id, facts),
        "l1_fee_oracle": l1_fee_oracle(entry),
        "safes": safe_versions(chain_id, overlay, facts) or None,
        "source": {
            **SOURCE,
            **({"multicall3": "viem"} if multicall3 else {}),
            "confirmations": who,
            **({"aliases": "aliases"} if also else {}),
        },
    }
    tokens = [line for token in entry["tokens"] for line in token_table(short, chain_id, token, overlay, facts)]
    return table(f"chains.{short}", fields) + tokens + settler_tables(short, entry, overlay, facts)


def price_feed(entry: Json, symbol: str, facts: Facts) -> Json | None:
    """The native coin's Chainlink feed, where the address book has it."""
    if "feed" not in entry:
        return None
    network, coin = entry["feed"]
    if coin != symbol:
        raise Refused(f"the feed {coin}/USD is not that of {symbol}")
    return {"address": checksum(facts.feeds[network][coin]), "pair": f"{coin}/USD", "source": "aave"}


def l1_fee_oracle(entry: Json) -> Json | None:
    """Who says what a chain charges beside the gas, where its kind alone does not."""
    if "l1_fee_oracle" not in entry:
        return None
    source, address = entry["l1_fee_oracle"]
    return {"address": checksum(address), "source": source}


def name_service(chain_id: int, facts: Facts) -> Json | None:
    """ENS, where ethereum-lists names its registry and viem its universal resolver: of a fork's copy only one does."""
    registry = facts.chains[chain_id].get("ens", {}).get("registry")
    universal = facts.viem[chain_id].get("ens")
    if not registry or not universal:
        return None
    return {"registry": checksum(registry), "universal_resolver": checksum(universal), "source": "ens"}


def retired(overlay: Json, facts: Facts) -> dict[str, str]:
    """Short names that our chains had and nobody has now, each with the one that took its place.

    A chain id that was listed under another name then was another chain's: ids are given anew, too.
    """
    taken = {c["shortName"] for c in facts.chains.values()}
    ours = {entry["chain_id"]: short for short, entry in overlay["chains"].items()}
    former = {
        then["shortName"]: ours[chain_id]
        for listed in facts.former
        for chain_id, then in listed.items()
        if chain_id in ours
        and then["shortName"] not in taken
        and then["name"].strip() == facts.chains[chain_id]["name"].strip()
    }
    return dict(sorted(former.items()))


def token_table(short: str, chain_id: int, token: list[str], overlay: Json, facts: Facts) -> list[str]:
    """One token."""
    symbol, origin, source, address = token
    fields = {
        "symbol": symbol,
        "name": overlay["names"][symbol],
        "address": checksum(address),
        "decimals": decimals(short, chain_id, token, facts),
        "origin": origin,
        # Where an issuer mints a token itself on many chains, a bridged one of that symbol is another asset.
        "asset": f"bridged {symbol}" if origin == "bridged" and symbol in overlay["issued"] else None,
        "peg": next((peg for peg, symbols in overlay["pegs"].items() if symbol in symbols), None),
        "source": source,
    }
    return table(f"chains.{short}.tokens", fields, "[[]]")


def slug(name: str) -> str:
    """A name as people type it: lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def aliases(short: str, entry: Json, overlay: Json, facts: Facts) -> list[str]:
    """Other names that mean this chain and no other: those of [aliases], hyperlane's own, and the chain's name.

    What ethereum-lists has as the short name of another chain, or had and took back, means that one.
    Raises Refused where the overlay wants such a name.
    """
    taken = other_names(entry, facts).keys() | retired(overlay, facts).keys()
    wanted = overlay.get("aliases", {}).get(short, [])
    refused = [name for name in wanted if name in taken]
    if refused:
        raise Refused(f"{', '.join(refused)} of [aliases] is the short name of another chain, not of {short}")
    return sorted({*wanted, *(name for name in own_names(short, entry, facts) if name not in taken)} - {short.lower()})


def own_names(short: str, entry: Json, facts: Facts) -> list[str]:
    """What hyperlane and ethereum-lists call the chain."""
    hyperlane = facts.hyperlane.get(int(entry["chain_id"]), {})
    names = [slug(hyperlane.get("name", "")), slug(entry.get("name", identity(short, entry, facts)["name"]))]
    return [name for name in names if name]


def other_names(entry: Json, facts: Facts) -> dict[str, str]:
    """The short names of all other chains, each with that chain's name."""
    return {c["shortName"]: c["name"] for c in facts.chains.values() if c["chainId"] != entry["chain_id"]}


def elsewhere(overlay: Json, facts: Facts) -> dict[str, str]:
    """Short names of other chains that look like a name of one of ours: they are not understood as ours."""
    found = dict[str, str]()
    for short, entry in overlay["chains"].items():
        names = {short.lower(), *own_names(short, entry, facts), *aliases(short, entry, overlay, facts)}
        alike = {name: chain for name, chain in other_names(entry, facts).items() if name.lower() in names}
        found |= {name: chain for name, chain in alike.items() if name not in overlay["chains"]}
    return dict(sorted(found.items()))


def refuse_ambiguous(overlay: Json, facts: Facts) -> None:
    """An alias means one chain. Raises Refused."""
    found = dict[str, str]()
    for short, entry in overlay["chains"].items():
        for name in aliases(short, entry, overlay, facts):
            if found.setdefault(name, short) != short:
                raise Refused(f"the alias {name} would mean {found[name]} and {short}")


def settler_tables(short: str, entry: Json, overlay: Json, facts: Facts) -> list[str]:
    """The intent contracts on this chain."""
    lines: list[str] = []
    eco, across = overlay["eco"], facts.across.get(entry["chain_id"])
    if short in eco["chains"]:
        named = facts.eco.get(entry["chain_id"])
        if named != eco["retired"]:
            raise Refused(f"{short}: the package's Eco Portal is {named}, no more the retired one: review [eco]")
        portal, prover, api = checksum(eco["portal"]), checksum(eco["prover"]), "https://quotes.eco.com"
        fields = {"portal": portal, "prover": prover, "quote_api": api, "source": "eco-portal"}
        lines += table(f"chains.{short}.settlers.eco", fields)
    if across:
        api = None if entry.get("testnet") else "https://app.across.to/api"
        fields = {"spoke_pool": checksum(across), "quote_api": api, "source": "across"}
        lines += table(f"chains.{short}.settlers.across", fields)
    if "hyperlane7683" in entry:
        fields = {"router": checksum(entry["hyperlane7683"]), "source": "hyperlane7683"}
        lines += table(f"chains.{short}.settlers.hyperlane7683", fields)
    if "oif" in entry:
        origin, destination, oracle = map(checksum, entry["oif"])
        fields = {"input_settler": origin, "output_settler": destination, "oracle": oracle, "source": "oif"}
        lines += table(f"chains.{short}.settlers.oif", fields)
    return lines


def safe_versions(chain_id: int, overlay: Json, facts: Facts) -> list[str]:
    """The versions of Safe whose contracts all stand at their canonical addresses on a chain."""

    def is_canonical(version: str) -> bool:
        where = (entry["networkAddresses"].get(str(chain_id), ()) for entry in facts.safes[version].values())
        return all("canonical" in ([kind] if isinstance(kind, str) else kind) for kind in where)

    return [version for version in overlay.get("safe_proxies", {}) if is_canonical(version)]


def account_tables(overlay: Json, facts: Facts) -> list[str]:
    """The contracts of every version of Safe, which are the same on all chains that have them."""
    lines = list[str]()
    for version, proxy in overlay.get("safe_proxies", {}).items():
        name = f'accounts.safe."{version}"'
        lines += table(f"{name}.proxy", {"code_hash": proxy, "source": "safe-proxies"})
        for part, entry in facts.safes[version].items():
            canonical = entry["deployments"]["canonical"]
            fields = {"address": checksum(canonical["address"]), "code_hash": canonical["codeHash"], "source": "safe"}
            lines += table(f"{name}.{part}", fields)
    return lines


def source_lines(pins: Json, overlay: Json) -> list[str]:
    """The [sources] table: the packages, then everything else."""
    packages = {
        name: {"what": f"npm {p['package']} {p['version']} ({p['licence']}): {p['what']}", "date": p["read"]}
        for name, p in pins.items()
    }
    return table("sources", packages | overlay["sources"])


def render(pins: Json, overlay: Json, facts: Facts) -> str:
    """The whole chains.toml."""
    head = ["# Written by tools/refresh_chains.py: change tools/registry-overlay.toml instead.", "schema = 1"]
    body = [line for short, entry in overlay["chains"].items() for line in chain_tables(short, entry, overlay, facts)]
    refuse_ambiguous(overlay, facts)
    gone = table("retired", retired(overlay, facts)) + table("elsewhere", elsewhere(overlay, facts))
    accounts = account_tables(overlay, facts)
    return "\n".join(head + source_lines(pins, overlay) + gone + accounts + body) + "\n"


def refuse_repointed(standing: str, new: str) -> None:
    """A short name that people have typed must never come to mean another chain."""
    before = tomllib.loads(standing).get("chains", {})
    for short, entry in tomllib.loads(new)["chains"].items():
        if short in before and before[short]["chain_id"] != entry["chain_id"]:
            raise Refused(f"{short} was chain {before[short]['chain_id']} and would become {entry['chain_id']}")


def main() -> int:
    """Refresh or check chains.toml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if chains.toml would change")
    only_check = parser.parse_args().check
    pins = tomllib.loads((TOOLS / "registry-pins.toml").read_text(encoding="utf-8"))
    overlay = tomllib.loads((TOOLS / "registry-overlay.toml").read_text(encoding="utf-8"))
    standing = TARGET.read_text(encoding="utf-8") if TARGET.exists() else ""
    try:
        text = render(pins, overlay, read_facts({name: fetch(name, pin) for name, pin in pins.items()}))
        refuse_repointed(standing, text)
    except Refused as error:
        print(f"refused, and nothing was written: {error}", file=sys.stderr)
        return 1
    if only_check:
        return int(text != standing)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
