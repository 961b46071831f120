"""The names of chains: short names, aliases, former names, and names of unlisted chains."""

from __future__ import annotations

import re

from tools.registry.facts import Facts, Json, Refused


def identity(short: str, entry: Json, facts: Facts) -> Json:
    """The chain that ethereum-lists calls `short`. Raises Refused if that is not the chain we reviewed."""
    owners = [c for c in facts.chains.values() if c["shortName"] == short]
    if [c["chainId"] for c in owners] != [entry["chain_id"]]:
        now = [c["chainId"] for c in owners]
        raise Refused(f"the short name {short} now means chain {now}, not {entry['chain_id']}")
    return owners[0]


def retired(overlay: Json, facts: Facts) -> dict[str, str]:
    """Short names that our chains had and no chain has now, each with the one that took its place.

    A chain id that was listed under another name then was another chain's: ids are given again, too.
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


def slug(name: str) -> str:
    """A name as people type it: lower case, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def aliases(short: str, entry: Json, overlay: Json, facts: Facts) -> list[str]:
    """Other names that mean this chain and no other: those of [aliases], hyperlane's own, and the chain's name.

    What ethereum-lists has as the short name of another chain, or had and took back, means that one.
    Raises Refused if the overlay wants such a name.
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
