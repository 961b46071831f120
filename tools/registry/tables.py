"""Writes the tables of chains.toml from the facts and the overlay."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eth_hash.auto import keccak

from tools.registry.facts import Facts, Json, Refused, checksum, create2
from tools.registry.names import aliases, elsewhere, identity, refuse_ambiguous, retired

SOURCE = {"identity": "ethereum-lists", "rpcs": "public-rpcs", "explorer": "viem"}
STACKS = {"opstack": "op-stack", "arbitrumnitro": "arbitrum", "zksync": "zk-stack"}
WETH_PREDEPLOY = "0x4200000000000000000000000000000000000006"
LEAST_CONFIRMATIONS = 3
MOST_RPCS = 4


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
    """Multicall3, and the contracts of every version of Safe: they are the same on all chains that have them."""
    splits = overlay.get("multicall3")
    lines = table("accounts.multicall3", {**splits, "source": "multicall3-code"}) if splits else list[str]()
    for version, proxy in overlay.get("safe_proxies", {}).items():
        name = f'accounts.safe."{version}"'
        lines += table(f"{name}.proxy", {"code_hash": proxy, "source": "safe-proxies"})
        for part, entry in facts.safes[version].items():
            canonical = entry["deployments"]["canonical"]
            fields = {"address": checksum(canonical["address"]), "code_hash": canonical["codeHash"], "source": "safe"}
            lines += table(f"{name}.{part}", fields)
    return lines + delegate_tables(overlay, facts)


def delegate_tables(overlay: Json, facts: Facts) -> list[str]:
    """What accounts may delegate to, and the kinds of chains where none can. Raises Refused for another address."""
    lines = list[str]()
    for name, entry in overlay.get("delegate", {}).items():
        init_code, code = facts.init_codes[entry["artifact"]]
        address = create2(entry["factory"], entry["salt"], init_code)
        if address != entry["address"]:
            raise Refused(f"{name}: the package's code would be at {address}, not at {entry['address']}")
        fields = {
            "what": entry["what"],
            "address": address,
            "code_hash": "0x" + keccak(code).hex(),
            "factory": entry["factory"],
            "salt": entry["salt"],
            "init_code_hash": "0x" + keccak(init_code).hex(),
            "source": "create2",
        }
        lines += table(f"accounts.delegate.{name}", fields)
    none = overlay.get("no_delegation")
    return lines + (table("accounts.no_delegation", none) if none else [])


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
