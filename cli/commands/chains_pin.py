"""`l2send chains pin`: reads the code of the bridges' contracts once, and stores its hashes for later comparison."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from l2send.cli.commands.chains_check import CheckOptions, chosen
from l2send.cli.edited_toml import change_toml
from l2send.cli.progress import Live
from l2send.cli.prompts import yes_or_no
from l2send.cli.screen import err, out, print_json, print_words, styled
from l2send.cli.terminal import can_ask, run_to_end
from l2send.core.chains import Registry, check_user_chains
from l2send.core.errors import ExitStatus, Interrupted, NeedsConfirmation, UsageError
from l2send.core.paths import Paths
from l2send.core.pinned_code import contracts_of
from l2send.core.rpc import open_rpcs
from l2send.resolver.code_votes import Sighting, look_at

HELP = """Pin the code of the bridges' contracts: read it from every RPC of the chain, and keep its hashes.

At least two RPCs must answer, and their answers must be equal. The hashes go into your own chains.toml, with today's
date and everything else there as it was. From then on nothing is signed that would call other code. What is pinned
is what runs there today: look at the contract before you trust it. Code that changed needs a yes.

Exit status: 0 all of it is pinned, 3 RPCs contradict each other or there is no code, 4 fewer than two RPCs answered.

Example: l2send chains pin base oeth"""

_SOURCE = "l2send chains pin"


def pin(names: Sequence[str], wanted: CheckOptions, *, yes: bool) -> int:
    """Pin the code on the chains with these short names, or on all. Raises UnknownChain, UsageError, ConfigError."""
    paths = wanted.run.paths
    registry = wanted.run.registry()
    if registry.is_devnet:
        raise UsageError("a devnet pins its own contracts.", hint="`l2send chains check` compares them.")
    return run_to_end(_run(paths, registry, names, wanted, yes=yes))


async def _run(paths: Paths, registry: Registry, names: Sequence[str], wanted: CheckOptions, *, yes: bool) -> int:
    chains = chosen(registry, names, testnets=wanted.testnets)
    contracts = [one for chain in chains for bridge in chain.settlers for one in contracts_of(chain, bridge)]
    async with open_rpcs(registry) as rpcs:
        with Live(f"reading the code of {len(contracts)} contracts"):
            sightings = await look_at(contracts, rpcs)
    agreed = [one for one in sightings if one.agreed]
    changed = [one for one in agreed if one.contract.pinned not in {None, one.agreed}]
    if changed and not yes:
        await _confirm(changed)
    if agreed:
        today = datetime.now(UTC).date()
        change_toml(
            paths.user_chains,
            lambda document: _write(document, agreed, today),
            lambda text: check_user_chains(text, paths.user_chains),
        )
    _report(sightings, as_json=wanted.run.as_json)
    if any(one.disputed for one in sightings):
        return ExitStatus.CONFIG
    return ExitStatus.DELIVERED if len(agreed) == len(sightings) else ExitStatus.NETWORK


async def _confirm(changed: Sequence[Sighting]) -> None:
    """Show what changed, and ask. Raises NeedsConfirmation, Interrupted."""
    for one in changed:
        words = f"{one.contract}: {one.agreed}, pinned is {one.contract.pinned}"
        print_words(err(), styled(words, "yellow", limit=500))
    if not can_ask():
        raise NeedsConfirmation(
            f"the code of {', '.join(str(one.contract) for one in changed)} is not what was pinned.",
            hint="Find out why it changed. If it is right: --yes. Nothing was written.",
        )
    if not await yes_or_no("Did you find out why, and is it right?"):
        raise Interrupted("not confirmed; nothing was written.")


def _write(document: Any, agreed: Sequence[Sighting], today: date) -> None:
    """Put the hashes into the document, each under its contract's name."""
    import tomlkit

    for one in agreed:
        table, contract = document, one.contract
        for key in ("chains", contract.chain.short_name, "settlers", contract.bridge, "code"):
            if key not in table:
                table[key] = tomlkit.table(is_super_table=key != "code")
            table = table[key]
        code = one.agreed
        assert code
        entry = tomlkit.inline_table()
        entry["hash"] = code.hash
        if code.implementation:
            entry["implementation"] = code.implementation
        entry["date"], entry["source"] = today, _SOURCE
        table[contract.name] = entry


def _report(sightings: Sequence[Sighting], *, as_json: bool) -> None:
    if as_json:
        print_json({"schema": "l2send.chains_pin/1", "contracts": [_document(one) for one in sightings]})
        return
    for one in sightings:
        words = f"pinned {one.agreed}" if one.agreed else f"not pinned: {one.problem}"
        print_words(out(), styled(f"{one.contract}: {words}", "" if one.agreed else "yellow", limit=500))
    if not sightings:
        out().print("No bridge has a contract there.")


def _document(one: Sighting) -> dict[str, object]:
    code, contract = one.agreed, one.contract
    return {
        "chain": contract.chain.short_name,
        "bridge": contract.bridge,
        "name": contract.name,
        "address": contract.address,
        "pinned": code is not None,
        "hash": code.hash if code else None,
        "implementation": (code.implementation or None) if code else None,
        "witnesses": len(one.seen),
        "problem": one.problem or None,
    }
