"""`l2send chains`: every chain of the registry. `chains check` and `chains pin` have files of their own."""

from __future__ import annotations

from typing import Annotated

import typer

from l2send.cli.commands import chains_check, chains_pin
from l2send.cli.options import RunOptions
from l2send.cli.screen import out, print_json, stage, styled, table
from l2send.cli.spread import spread
from l2send.core.chains import Chain
from l2send.core.http import host

Testnets = Annotated[bool, typer.Option("--testnets", help="Testnets too.")]

app = typer.Typer()


@app.callback(invoke_without_command=True)
@spread
def chains(context: typer.Context, testnets: Testnets = False, *, run_options: RunOptions) -> None:
    """List the chains l2send knows: short name, security stage, tokens, bridges.

    Example: l2send chains --testnets
    """
    if context.invoked_subcommand:
        return
    registry = run_options.registry()
    shown = [c for c in registry if testnets or registry.is_devnet or not c.testnet]
    if run_options.as_json:
        print_json({"schema": "l2send.chains/1", "chains": [_document(c) for c in shown]})
    else:
        _print(shown)


@app.command("check", help=chains_check.HELP, short_help="Check the registry against the chains.")
@spread
def check(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHAIN", help="short names, for example base; without any: all"),
    ] = None,
    *,
    run_options: RunOptions,
    testnets: Testnets = False,
) -> int:
    """Check the registry against the chains."""
    return chains_check.check(names or [], chains_check.Wanted(run_options, testnets))


@app.command("pin", help=chains_pin.HELP, short_help="Pin the code of the bridges' contracts.")
@spread
def pin(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="CHAIN", help="short names, for example base; without any: all"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Pin code that changed, too, without a question.")] = False,
    *,
    run_options: RunOptions,
    testnets: Testnets = False,
) -> int:
    """Pin the code of the bridges' contracts."""
    return chains_pin.pin(names or [], chains_check.Wanted(run_options, testnets), yes=yes)


def _print(shown: list[Chain]) -> None:
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
        "rpcs": [host(url) for url in chain.rpcs],
        "explorer": chain.explorer,
        "tokens": [
            {"symbol": t.symbol, "address": t.address, "decimals": t.decimals, "bridged": t.bridged}
            for t in chain.assets
        ],
        "bridges": sorted(chain.settlers),
    }
