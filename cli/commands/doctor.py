"""`l2send doctor`: checks the setup, and says how to fix each problem."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich.text import Text

from l2send.cli.commands.doctor_checks import Finding, Health, look
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.progress import Live
from l2send.cli.screen import out, print_json, styled, table
from l2send.cli.settings import load_settings
from l2send.cli.terminal import run_to_end
from l2send.core.chains import Chain, load_registry
from l2send.core.errors import ExitStatus, L2sendError
from l2send.core.paths import Paths
from l2send.core.rpc import open_rpcs
from l2send.core.text import clean
from l2send.resolver.delegations import Delegated, find_delegations
from l2send.resolver.registry_check import ChainReport, Verdict, check_endpoints, worst
from l2send.wallet.keys.keystore import find

_TIMEOUT = 6.0
_FEW = 5
"""How many chains are queried; `l2send chains check` queries all of them, and every contract."""
_BEHIND, _AHEAD = 30, 600
"""Seconds by which this clock may differ from the newest block of any chain: blocks are never in the future."""
_STYLE = {Health.OK: "green", Health.NOTE: "yellow", Health.SILENT: "yellow", Health.WRONG: "bold red"}
_EXIT = {
    Health.OK: ExitStatus.DELIVERED,
    Health.NOTE: ExitStatus.DELIVERED,
    Health.SILENT: ExitStatus.NETWORK,
    Health.WRONG: ExitStatus.CONFIG,
}


@spread
def doctor(
    offline: Annotated[bool, typer.Option("--offline", help="Ask no chain.")] = False, *, run_options: RunOptions
) -> int:
    """Check your setup: files, journal, accounts, settings, RPC endpoints, clock, terminal.

    Changes nothing and opens no key. Asks a few chains whether they answer, unless --offline.
    Each line that is not ok says what to do. Exit status: 0 nothing is wrong, 3 something is, 4 a chain did not answer.

    Example: l2send doctor --offline
    """
    paths = run_options.paths

    async def run() -> int:
        findings = list(look(paths))
        if not offline:
            findings += await _network(paths)
        if run_options.as_json:
            print_json(_document(findings))
        else:
            _print(findings)
        return _EXIT[_worst(findings)]

    return run_to_end(run())


async def _network(paths: Paths) -> list[Finding]:
    """A few chains' endpoints, and this machine's clock compared with theirs; empty if the files are wrong."""
    try:
        chains, registry = _chosen(paths), load_registry(paths)
    except L2sendError:
        return []
    now = time.time()
    async with open_rpcs(registry, timeout=_TIMEOUT) as rpcs:
        with Live.of_answers(f"asking {len(chains)} chains"):
            accounts = {k.address: k.name for k in find(paths.keystores) if k.address}
            reports, delegated = await asyncio.gather(
                check_endpoints(chains, rpcs, now), find_delegations(accounts, chains, rpcs)
            )
    return [
        *(_chain(report) for report in reports),
        *_clock(reports, now, devnet=registry.is_devnet),
        *(_delegation(one, accounts[one.account]) for one in delegated),
    ]


def _chosen(paths: Paths) -> Sequence[Chain]:
    """The chains from which payments are made, else the first of the registry."""
    registry = load_registry(paths)
    wanted = load_settings(paths.settings).text("from_chains").split()
    real = [chain for chain in registry if registry.is_devnet or not chain.testnet]
    return [registry.named(name) for name in wanted] or real[:_FEW]


def _chain(report: ChainReport) -> Finding:
    well = [e for e in report.endpoints if e.verdict is Verdict.OK]
    name = f"{report.chain.short_name} RPCs"
    trouble = ", ".join(f"{e.host} {e.verdict.value}" for e in report.endpoints if e.verdict is not Verdict.OK)
    says = f"{len(well)} of {len(report.endpoints)} answer{f': {trouble}' if trouble else ''}"
    do = f"l2send chains check {report.chain.short_name} says more; your own stand in chains.toml."
    if worst(e.verdict for e in report.endpoints) is Verdict.WRONG:
        return Finding(name, Health.WRONG, says, do)
    if not well:
        return Finding(name, Health.SILENT, says, do)
    return Finding(name, Health.NOTE, says, do) if trouble else Finding(name, Health.OK, says)


def _delegation(found: Delegated, name: str) -> Finding:
    says = f"{name} delegates to {found.words} on {found.chain.short_name}"
    end = f"End it: l2send wallet undelegate {name} --chain {found.chain.short_name}"
    return Finding("delegation", Health.OK, says) if found.name else Finding("delegation", Health.WRONG, says, end)


def _clock(reports: Sequence[ChainReport], now: float, *, devnet: bool) -> Iterator[Finding]:
    heads = [e.head for report in reports for e in report.endpoints if e.head is not None]
    if not heads:
        return
    late = round(now - max(heads))
    says = f"the newest block of these chains is {abs(late)} s {'old' if late >= 0 else 'ahead of this clock'}"
    if devnet:
        yield Finding("clock", Health.OK, f"{says}; a devnet's time can be advanced")
    elif late < -_BEHIND:
        yield Finding("clock", Health.WRONG, f"{says}: this clock is slow", "Set it by the network (NTP).")
    elif late > _AHEAD:
        yield Finding("clock", Health.WRONG, f"{says}: this clock is fast", "Set it by the network (NTP).")
    else:
        yield Finding("clock", Health.OK, says)


def _worst(findings: Sequence[Finding]) -> Health:
    weight = list(Health)
    return max((finding.health for finding in findings), key=weight.index)


def _print(findings: Sequence[Finding]) -> None:
    rows = table("", "what", "found")
    for finding in findings:
        words = styled(finding.says, limit=600)
        if finding.do:
            words = Text.assemble(words, "\n", styled(finding.do, "dim", 400))
        rows.add_row(Text(finding.health.value, _STYLE[finding.health]), styled(finding.name, "bold"), words)
    out().print(rows)


def _document(findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "schema": "l2send.doctor/1",
        "health": _worst(findings).value,
        "findings": [
            {"name": f.name, "health": f.health.value, "says": clean(f.says, 600), "do": as_typed_here(f.do) or None}
            for f in findings
        ],
    }
