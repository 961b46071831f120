"""`l2send devnet ...`: the commands. Data goes to standard output, everything else to standard error.

Each command imports what it needs: this module is imported at every start of l2send.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l2send.core.paths import Paths
from l2send.devnet.modes import Mode

if TYPE_CHECKING:
    from l2send.devnet.control import ChainHealth, Status

app = typer.Typer(
    name="devnet",
    help="Real chains and real contracts on this machine, with play money.",
    no_args_is_help=True,
)

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, with a versioned schema.")]
OneChain = Annotated[str | None, typer.Option("--chain", "-c", help="One chain; all if not given.")]
ChainOption = Annotated[str, typer.Option("--chain", "-c", help="Short name of a chain, for example dev1.")]


@app.command()
def up(
    chains: Annotated[int, typer.Option(help="How many chains.")] = 4,
    block_time: Annotated[float, typer.Option(help="Seconds between blocks without transactions.")] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Start the chains, deploy the contracts, start the solver.

    Example: l2send devnet up --chains 4
    """
    from l2send.devnet import control

    paths = Paths.for_devnet()
    control.up(paths.state, paths.cache, chains=chains, block_time=block_time, say=_say)
    _print_status(as_json)
    if not as_json:
        _say("Next: l2send wallet new alice --devnet, then l2send devnet fund alice")


@app.command()
def status(as_json: JsonOption = False) -> None:
    """Show what runs, and whether it answers.

    Example: l2send devnet status --json
    """
    _print_status(as_json)


@app.command()
def fund(
    account: Annotated[
        str, typer.Argument(help="An account's name, or an address. The only account if left out.")
    ] = "",
    amount: Annotated[str, typer.Argument(help="How much, for example 25 or 0.5.")] = "",
    token: Annotated[str, typer.Argument(help="Symbol: ETH, USDC, DAI, WETH, EURC.")] = "",
    chain: OneChain = None,
    as_json: JsonOption = False,
) -> None:
    """Give an account play money, on top of what it has.

    Without an amount: 1 ETH on every chain, 100 USDC on the first and 60 on the second.

    Example: l2send devnet fund alice

    Example: l2send devnet fund 0x52908400098527886E0F7030069857D2E4169EE7 100 USDC --chain dev1
    """
    from l2send.core.errors import UsageError
    from l2send.devnet import faucet, play_money, state

    paths = Paths.for_devnet()
    if account and account[0].isdigit() and not account.startswith("0x"):
        account, amount, token = "", account, amount
    if amount and not token:
        raise UsageError("the token is missing.", hint="For example: l2send devnet fund alice 25 USDC --chain dev1")
    to = play_money.account_called(account, paths.keystores)
    if amount:
        where = chain or state.require(paths.state).chains[0].short_name
        given = f"{faucet.fund(paths.state, to, amount, token, where)} on {where}"
    else:
        given = play_money.give(paths.state, to, chain)
    _done("fund", f"Gave {given} to {to}", as_json=as_json)


@app.command()
def safe(
    owners: Annotated[list[str], typer.Argument(metavar="OWNER…", help="Addresses of the owners.")],
    chain: ChainOption,
    threshold: Annotated[int, typer.Option("--threshold", help="How many owners must sign.")] = 1,
    version: Annotated[str, typer.Option("--safe-version", help="1.4.1 or 1.5.0.")] = "1.4.1",
    salt: Annotated[int, typer.Option("--salt", min=0, help="Another number makes another Safe.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Make a Safe and print its chain:address. It holds nothing yet: fund it.

    The same owners, threshold, version and salt make the same address on every chain.

    Example: l2send devnet safe 0x52908400098527886E0F7030069857D2E4169EE7 --threshold 1 --chain dev1
    """
    from l2send.core.chains import load_registry
    from l2send.core.errors import UsageError
    from l2send.devnet import account_contracts, state

    paths = Paths.for_devnet()
    where = state.require(paths.state).chain(chain)
    wanted = next((s for s in load_registry(paths).named(chain).safes if s.version == version), None)
    if wanted is None:
        raise UsageError(f"there is no Safe {version[:20]} here.", hint="Use --safe-version 1.4.1 or 1.5.0.")
    made = f"{chain}:{account_contracts.make_safe(where, wanted, owners, threshold, salt)}"
    if as_json:
        _print_json({"schema": "l2send.devnet_safe/1", "safe": made, "owners": owners, "threshold": threshold})
    else:
        typer.echo(made)


@app.command()
def advance(
    span: Annotated[str, typer.Argument(metavar="TIME", help="How far: 10m, 2h, 3d, or a number of seconds.")],
    chain: OneChain = None,
    as_json: JsonOption = False,
) -> None:
    """Move the chains' clocks forward, for example past a deadline.

    Example: l2send devnet advance 2h --chain dev1
    """
    from l2send.devnet import faucet

    seconds = faucet.span_of(span)
    ahead = faucet.advance(Paths.for_devnet().state, seconds, chain)
    moved = f"The clock of {chain or 'every chain'} moved {seconds} s forward"
    beside = how_far_ahead(ahead)
    _done("advance", f"{moved}; it is {beside}" if beside else moved, as_json=as_json)


@app.command()
def solver(
    mode: Annotated[Mode | None, typer.Argument(metavar="MODE", help="fill, ignore, delay or underfill.")] = None,
    stated: Annotated[Mode | None, typer.Option("--mode", help="The same.")] = None,
    delay: Annotated[float | None, typer.Option(help="Seconds it waits in mode delay.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Set what the solver does with orders.

    It fills, ignores, delays, or underfills them, with a look-alike event that clients must not believe.

    Example: l2send devnet solver delay --delay 5
    """
    from l2send.core.errors import UsageError
    from l2send.devnet import solver_client, state

    wanted = mode or stated
    if wanted is None or (mode and stated and mode is not stated):
        said = "two modes are named." if wanted else "which mode?"
        raise UsageError(said, hint=f"Name one: {', '.join(Mode)}. For example: l2send devnet solver ignore")
    report = solver_client.set_mode(state.require(Paths.for_devnet().state), wanted, delay)
    if as_json:
        told = {key: report[key] for key in ("mode", "delay_seconds")}
        _print_json({"schema": "l2send.devnet_solver/1", **told})
    else:
        _say(f"The solver's mode is {report['mode']}, its delay {report['delay_seconds']:g} s")


@app.command()
def down(as_json: JsonOption = False) -> None:
    """Stop everything and delete it.

    Example: l2send devnet down
    """
    from l2send.devnet import control

    stopped = control.down(Paths.for_devnet().state)
    _done("down", "The devnet is stopped" if stopped else "No devnet was running", as_json=as_json)


def as_data(status: Status) -> dict[str, Any]:
    """A running devnet as `--json` prints it."""
    solver = status.solver or {}
    return {
        "schema": "l2send.devnet/1",
        "running": True,
        "home": status.devnet.home,
        "healthy": status.healthy,
        "chains": [_chain_data(health) for health in status.chains],
        "solver": {
            "url": status.devnet.solver_url,
            "address": status.devnet.solver_address,
            "mode": solver.get("mode"),
            "delay_seconds": solver.get("delay_seconds"),
        },
    }


def _chain_data(health: ChainHealth) -> dict[str, Any]:
    chain = health.chain
    return {
        "chain_id": chain.chain_id,
        "short_name": chain.short_name,
        "name": chain.name,
        "rpc_url": chain.rpc_url,
        "block": health.block,
        "time": health.time,
        "tokens": {t.symbol: {"address": t.address, "decimals": t.decimals} for t in chain.tokens},
    }


_NOT_RUNNING: dict[str, Any] = {"schema": "l2send.devnet/1", "running": False, "chains": [], "solver": None}


def _print_status(as_json: bool) -> None:
    from l2send.devnet import control

    now = control.status(Paths.for_devnet().state)
    if as_json:
        _print_json(as_data(now) if now else _NOT_RUNNING)
    elif now is None:
        _say("No devnet is running. Start one: l2send devnet up")
    else:
        _print_table(now)


def _print_table(status: Status) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("Chain", "Id", "Kind", "Block", "RPC", box=None, pad_edge=False)
    for health in status.chains:
        block = "does not answer" if health.block is None else str(health.block)
        chain = health.chain
        table.add_row(chain.short_name, str(chain.chain_id), chain.kind, block, chain.rpc_url)
    console = Console()
    console.print(table)
    clocks = [health.time for health in status.chains if health.time is not None]
    if beside := how_far_ahead(max(clocks, default=0) - int(time.time())):
        console.print(f"Clock {beside}", highlight=False)
    solver = f"mode {status.solver['mode']}" if status.solver else "does not answer"
    console.print(f"Solver {status.devnet.solver_url}, {solver}", highlight=False)


def how_far_ahead(seconds: int) -> str:
    """How far the chains' clock is ahead; empty below a minute. Times to come are shown by this machine's."""
    return f"{seconds // 60} min ahead of this machine's" if seconds >= 60 else ""


def _done(what: str, sentence: str, *, as_json: bool) -> None:
    """Report what was done, to people or to scripts."""
    if as_json:
        _print_json({"schema": "l2send.devnet_done/1", "done": what, "said": sentence})
    else:
        _say(sentence)


def _print_json(data: dict[str, Any]) -> None:
    typer.echo(json.dumps(data))


def _say(text: str) -> None:
    lines = between_words(text, shutil.get_terminal_size().columns) if sys.stderr.isatty() else [text]
    typer.echo("\n".join(lines), err=True)


def between_words(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns where words allow it: a terminal would break the name of a package anywhere."""
    return wrap(text, max(width, 10), break_long_words=False, break_on_hyphens=False)
