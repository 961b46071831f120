"""A page with everything that the registry has on a chain."""

from __future__ import annotations

from rich.text import Text

from l2send.cli.screen import out, print_pairs, stage_in_words, styled
from l2send.core.chains import Chain
from l2send.core.http import host


def show_chain(chain: Chain) -> None:
    """Print the page on stdout. RPCs are shown only by host: URLs may hold API keys."""
    rows = [
        ("chain", styled(f"{chain.short_name}, {chain.name}", "bold")),
        ("id", styled(f"{chain.chain_id}, CAIP-2 eip155:{chain.chain_id}")),
        *([("also", styled(", ".join(chain.aliases), limit=400))] if chain.aliases else []),
        ("kind", styled(f"{chain.kind}{', a test chain' if chain.testnet else ''}")),
        ("stage", styled(_stage(chain), limit=400)),
        ("final", styled(f"after {chain.confirmations} blocks")),
        ("coin", styled(chain.native.symbol)),
        *_labelled("tokens", [f"{t.symbol} {t.address}{', bridged' if t.bridged else ''}" for t in chain.tokens]),
        *_labelled("bridges", _bridges(chain)),
        *_labelled("RPCs", [host(url) for url in chain.rpcs]),
        *([("explorer", styled(chain.explorer))] if chain.explorer else []),
    ]
    print_pairs(out(), rows)


def _stage(chain: Chain) -> str:
    source = f"; source: {chain.stage.source} in chains.toml" if chain.stage.source else ""
    date = "" if chain.stage.date in stage_in_words(chain) else f" ({chain.stage.date})"
    return f"{stage_in_words(chain)}{date}{source}"


def _bridges(chain: Chain) -> list[str]:
    """Each bridge with its contracts."""
    return [
        f"{bridge}: {name} {address}"
        for bridge, settlers in chain.settlers.items()
        for name, address in settlers.contracts.items()
    ] or ["none: it is paid from money that is on it"]


def _labelled(label: str, values: list[str]) -> list[tuple[str, Text]]:
    """Only the first line gets the label."""
    return [("" if number else label, styled(value)) for number, value in enumerate(values)]
