"""`l2send chains`: every chain of the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from l2send.cli.options import Devnet, Json
from l2send.cli.screen import out, print_json, stage, styled, table
from l2send.cli.session import open_registry
from l2send.core.chains import Chain

HELP = """List the chains l2send knows: short name, security stage, tokens, bridges.

Example: l2send chains --testnets"""


def chains(
    testnets: Annotated[bool, typer.Option("--testnets", help="Testnets too.")] = False,
    as_json: Json = False,
    devnet: Devnet = False,
) -> None:
    """List the registry."""
    registry = open_registry(devnet=devnet)
    shown = [c for c in registry if testnets or registry.is_devnet or not c.testnet]
    if as_json:
        print_json({"schema": "l2send.chains/1", "chains": [_document(c) for c in shown]})
        return
    rows = table("chain", "name", "chain id", "kind", "stage", "tokens", "bridges", right=("chain id",))
    for chain in shown:
        rows.add_row(
            styled(chain.short_name, "bold"),
            styled(chain.name),
            str(chain.chain_id),
            chain.kind,
            stage(chain),
            styled(" ".join(t.symbol for t in chain.assets)),
            styled(" ".join(chain.settlers) or "-"),
        )
    out().print(rows)


def _document(chain: Chain) -> dict[str, object]:
    return {
        "short_name": chain.short_name,
        "chain_id": chain.chain_id,
        "name": chain.name,
        "kind": chain.kind,
        "testnet": chain.testnet,
        "stage": {"value": chain.stage.value, "date": chain.stage.date},
        "confirmations": chain.confirmations,
        "explorer": chain.explorer,
        "tokens": [
            {"symbol": t.symbol, "address": t.address, "decimals": t.decimals, "bridged": t.bridged}
            for t in chain.assets
        ],
        "bridges": sorted(chain.settlers),
    }
