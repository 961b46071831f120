"""`l2send chains check`: compares the registry with the chains."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from l2send.cli.options import RunOptions
from l2send.cli.progress import Live
from l2send.cli.screen import out, print_json, styled, table
from l2send.cli.terminal import run_to_end
from l2send.core.chains import Chain, Registry
from l2send.core.errors import ExitStatus
from l2send.core.rpc import open_rpcs
from l2send.resolver.registry_check import ChainReport, EndpointReport, Fact, Verdict, check_chains, worst

HELP = """Check the registry against the chains: RPCs, Multicall3, tokens, bridges, price feeds, pinned code.

Every RPC endpoint is asked alone: does it answer, does it serve the right chain, how old is its newest block.
All chains are asked at once. Nothing is sent and nothing is changed.

Exit status: 0 all is well, 3 the registry says something else than a chain, 4 something did not answer.

Example: l2send chains check base oeth"""

_TIMEOUT = 6.0
_STYLE = {Verdict.OK: "green", Verdict.STALE: "yellow", Verdict.SILENT: "yellow", Verdict.WRONG: "bold red"}
_EXIT = {
    Verdict.OK: ExitStatus.DELIVERED,
    Verdict.STALE: ExitStatus.NETWORK,
    Verdict.SILENT: ExitStatus.NETWORK,
    Verdict.WRONG: ExitStatus.CONFIG,
}


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """The options of this run."""

    run: RunOptions
    testnets: bool = False


def check(names: Sequence[str], wanted: CheckOptions) -> int:
    """Check the chains with these short names, or all. Raises UnknownChain, ConfigError."""
    registry = wanted.run.registry()
    chains = chosen(registry, names, testnets=wanted.testnets)
    return run_to_end(_run(registry, chains, as_json=wanted.run.as_json))


def chosen(registry: Registry, names: Sequence[str], *, testnets: bool) -> list[Chain]:
    """The chains with these short names; without names all, with testnets on request. Raises UnknownChain."""
    if names:
        return [registry.named(name) for name in dict.fromkeys(names)]
    return [c for c in registry if testnets or registry.is_devnet or not c.testnet]


async def _run(registry: Registry, chains: Sequence[Chain], *, as_json: bool) -> int:
    now = time.time()
    async with open_rpcs(registry, timeout=_TIMEOUT) as rpcs:
        with Live.of_answers(f"asking {len(chains)} chain{'s' if len(chains) > 1 else ''}"):
            reports = await check_chains(chains, rpcs, now)
    if as_json:
        print_json(_document(reports, now))
    else:
        _print(reports, now)
    return _EXIT[worst(r.verdict for r in reports)]


def _print(reports: Sequence[ChainReport], now: float) -> None:
    """A row for each chain, then a sentence for each problem."""
    rows = table(
        "chain", "RPCs", "fastest", "head", "contracts", "tokens", "price", "result", right=("fastest", "head")
    )
    for report in reports:
        rows.add_row(styled(report.chain.short_name, "bold"), *_cells(report, now), _in_colour(report.verdict))
    out().print(rows)
    for report in reports:
        for verdict, sentence in _findings(report):
            where, what = styled(report.chain.short_name), styled(sentence, limit=500)
            out().print(Text.assemble(where, ": ", _in_colour(verdict), ": ", what))
    alone = ", ".join(report.chain.short_name for report in reports if len(report.endpoints) == 1)
    if alone:
        out().print(styled(f"A single RPC, which no other can contradict: {alone}", "dim", limit=500))
    unknown = sum(fact.pinned is False for report in reports for fact in report.facts)
    if unknown:
        out().print(styled(f"The code of {unknown} bridge contracts is not pinned: see `l2send chains pin`.", "dim"))


def _in_colour(verdict: Verdict) -> Text:
    return Text(verdict.value, _STYLE[verdict])


def _cells(report: ChainReport, now: float) -> Iterator[str]:
    yield _share(report.endpoints)
    timed = [e.latency for e in report.endpoints if e.latency is not None and e.verdict is Verdict.OK]
    yield f"{min(timed) * 1000:.0f} ms" if timed else "-"
    heads = [e.head for e in report.endpoints if e.head is not None]
    yield f"{_age(max(heads), now)} s" if heads else "-"
    yield _share([f for f in report.facts if f.kind not in {"token", "price_feed"}])
    yield _share([f for f in report.facts if f.kind == "token"])
    yield next((f.verdict.value for f in report.facts if f.kind == "price_feed"), "-")


def _share(found: Sequence[EndpointReport] | Sequence[Fact]) -> str:
    """How many of them are ok: `2/3`."""
    return f"{sum(f.verdict is Verdict.OK for f in found)}/{len(found)}" if found else "-"


def _age(head: int, now: float) -> int:
    """Seconds since the newest block. Clocks differ slightly: a head may be in the future."""
    return round(now - head)


def _findings(report: ChainReport) -> Iterator[tuple[Verdict, str]]:
    """The problems. One that all contracts share, such as a chain that does not answer, is listed once."""
    for endpoint in report.endpoints:
        if endpoint.verdict is not Verdict.OK:
            yield endpoint.verdict, endpoint.detail
    same: dict[tuple[Verdict, str], list[str]] = {}
    for fact in report.facts:
        if fact.verdict is not Verdict.OK:
            same.setdefault((fact.verdict, fact.detail), []).append(fact.name)
    for (verdict, detail), names in same.items():
        yield verdict, f"{', '.join(names)}: {detail}"


def _document(reports: Sequence[ChainReport], now: float) -> dict[str, object]:
    return {
        "schema": "l2send.chains_check/1",
        "verdict": worst(r.verdict for r in reports).value,
        "chains": [_chain_document(r, now) for r in reports],
    }


def _chain_document(report: ChainReport, now: float) -> dict[str, object]:
    return {
        "chain": report.chain.short_name,
        "chain_id": report.chain.chain_id,
        "verdict": report.verdict.value,
        "endpoints": [_endpoint_document(e, now) for e in report.endpoints],
        "contracts": [_fact_document(f) for f in report.facts],
    }


def _endpoint_document(endpoint: EndpointReport, now: float) -> dict[str, object]:
    return {
        "host": endpoint.host,
        "verdict": endpoint.verdict.value,
        "latency_ms": None if endpoint.latency is None else round(endpoint.latency * 1000, 1),
        "head_age_seconds": None if endpoint.head is None else _age(endpoint.head, now),
        "detail": endpoint.detail or None,
    }


def _fact_document(fact: Fact) -> dict[str, object]:
    return {
        "kind": fact.kind,
        "name": fact.name,
        "address": fact.address,
        "verdict": fact.verdict.value,
        "detail": fact.detail or None,
        "pinned": fact.pinned,
    }
