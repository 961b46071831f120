"""`l2send chains`: lists the registry's chains. `chains check` and `chains pin` have their own files."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from l2send.cli.chain_page import show_chain
from l2send.cli.commands import chains_check, chains_pin
from l2send.cli.global_options import Group
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.screen import err, out, print_json, stage, styled, table
from l2send.core.chains import Chain
from l2send.core.http import host

Testnets = Annotated[bool, typer.Option("--testnets", help="Testnets too.")]


class _ByName(Group):
    """`l2send chains base` shows that chain: a word that is not a command names a chain."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As a Typer group, with `show` inserted before the names of chains."""
        words = [word for word in args if not word.startswith("-")]
        if words and words[0] not in self.commands:
            args = [_SHOW, *args]
        return super().parse_args(ctx, args)


_SHOW = "show"
app = typer.Typer(cls=_ByName)


@app.callback(invoke_without_command=True)
@spread
def chains(context: typer.Context, testnets: Testnets = False, *, run_options: RunOptions) -> None:
    """List the chains l2send knows: short name, security stage, tokens, bridges. With a name: all about that chain.

    Example: l2send chains base
    """
    if context.invoked_subcommand:
        return
    registry = run_options.registry()
    shown = [c for c in registry if testnets or registry.is_devnet or not c.testnet]
    if run_options.as_json:
        print_json({"schema": "l2send.chains/1", "chains": [_document(c) for c in shown]})
    else:
        _print(shown)


@app.command(_SHOW, short_help="Show all about a chain. The word `show` may be left out.")
@spread
def show(
    names: Annotated[list[str], typer.Argument(metavar="CHAIN", help="short names, or names people use")],
    *,
    run_options: RunOptions,
) -> None:
    """Show all about a chain: ids, stage with its date and source, tokens, bridges, RPCs.

    Example: l2send chains base
    """
    registry = run_options.registry()
    shown = list({chain.chain_id: chain for chain in (registry.named(name) for name in names)}.values())
    if run_options.as_json:
        print_json({"schema": "l2send.chains/1", "chains": [_document(c) for c in shown]})
        return
    for chain in shown:
        show_chain(chain)


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
    return chains_check.check(names or [], chains_check.CheckOptions(run_options, testnets))


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
    return chains_pin.pin(names or [], chains_check.CheckOptions(run_options, testnets), yes=yes)


def _print(shown: list[Chain]) -> None:
    """Print a line for each chain; a narrow terminal gets the columns that fit."""
    if out().is_terminal and out().width < _WIDE:
        rows = table("chain", "name", "stage", "tokens", "bridges", right=("tokens",), whole=("chain", "stage"))
        for chain in shown:
            bridges = styled(" ".join(chain.settlers) or "-")
            name = styled(chain.name)
            rows.add_row(styled(chain.short_name, "bold"), name, stage(chain), str(len(chain.assets)), bridges)
        out().print(rows)
        err().print("`l2send chains NAME` says all about one of them.", style="dim")
        return
    headings = ("chain", "name", "chain id", "kind", "stage", "tokens", "bridges")
    rows = table(*headings, right=("chain id",), whole=("chain",))
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


_WIDE = 120
"""Width of the whole table."""


def _document(chain: Chain) -> dict[str, object]:
    return {
        "short_name": chain.short_name,
        "chain_id": chain.chain_id,
        "name": chain.name,
        "kind": chain.kind,
        "testnet": chain.testnet,
        "aliases": list(chain.aliases),
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
