"""The `l2send` command: what was typed is shaped into a command, and every end into an exit status."""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import Any

import typer
from typer.main import get_command

from l2send.cli.commands import (
    ask,
    balances,
    chains,
    completion,
    config,
    contacts,
    demo,
    devnet,
    doctor,
    history,
    inspect,
    offline,
    payments,
    pending,
    plan,
    receive,
    resolve,
    send,
    wallet,
)
from l2send.cli.failures import failure_of, report
from l2send.cli.global_options import Root
from l2send.cli.screen import tell
from l2send.cli.settings import load_settings
from l2send.cli.streams import open_streams
from l2send.core.errors import BadAmount, ExitStatus
from l2send.core.paths import Paths
from l2send.core.redaction import remember_typed

_EPILOG = (
    "Exit status: 0 delivered · 1 unexpected · 2 usage or bad address · 3 configuration · "
    "4 network, try again · 5 reverted · 6 insufficient funds or no route · 7 refused by a cap or a check · "
    "8 submitted, not final · 9 refunded or refund due · 10 the journal was changed or replaced · 130 interrupted"
)

app = typer.Typer(
    name="l2send",
    cls=Root,
    help="Send tokens to any Ethereum chain, wherever yours are.\n\n"
    "l2send 25 USDC base:0x…   pays directly if the money is on Base, and bridges it there if not.\n\n"
    "l2send                    asks for everything.",
    epilog=_EPILOG,
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
app.command("send", help=send.HELP, short_help="Pay. The word `send` may be left out.")(send.send)
app.command("plan", help=plan.HELP, short_help="Show every way to pay, what each costs, and why one wins.")(plan.plan)
app.command("ask", help=ask.HELP, short_help="Ask for everything, then pay. Also `l2send` alone.")(ask.ask)
app.command("balances", help=balances.HELP, short_help="Show what an account holds on every chain.")(balances.balances)
app.command("receive", help=receive.HELP, short_help="Show where to pay an account, with a QR code.")(receive.receive)
app.command("resolve", help=resolve.HELP, short_help="Explain a destination, and write it in every form.")(
    resolve.resolve
)
app.command("prepare", help=offline.PREPARE_HELP, short_help="Plan a payment for `l2send sign` without a network.")(
    offline.prepare
)
app.command("sign", help=offline.SIGN_HELP, short_help="Show and sign a prepared payment. Asks no network.")(
    offline.sign
)
app.command("broadcast", help=offline.BROADCAST_HELP, short_help="Send a payment that `l2send sign` has signed.")(
    offline.broadcast
)
app.command("status", help=payments.STATUS_HELP, short_help="Look once at a payment: where the money is.")(
    payments.status
)
app.command("watch", help=payments.WATCH_HELP, short_help="Stay with a payment to its end. Signs nothing.")(
    payments.watch
)
app.command("resume", help=payments.RESUME_HELP, short_help="Carry a payment on from wherever it stopped.")(
    payments.resume
)
app.command(
    pending.SPEEDUP, help=pending.SPEEDUP_HELP, short_help="Have a waiting payment mined sooner, with higher fees."
)(pending.outbid)
app.command(pending.CANCEL, help=pending.CANCEL_HELP, short_help="Cancel a payment that waits to be mined.")(
    pending.outbid
)
app.command("inspect", help=inspect.HELP, short_help="Show what an order of the ERC-7683 draft would do.")(
    inspect.inspect
)
app.command("history", help=history.HELP, short_help="List the payments made from this machine.")(history.history)
app.command("doctor", help=doctor.HELP, short_help="Look whether everything is in order here.")(doctor.doctor)
app.command("completion", help=completion.HELP, short_help="Print or install what makes Tab complete words.")(
    completion.completion
)
app.command("demo", help=demo.HELP, short_help="Tell the whole story on local chains with play money.")(demo.demo)
app.add_typer(contacts.app, name="contacts")
app.add_typer(config.app, name="config")
app.add_typer(chains.app, name="chains", short_help="List the chains l2send knows; check them, pin their code.")
app.add_typer(wallet.app, name="wallet")
app.add_typer(devnet.app, name="devnet", short_help="Real chains on this machine, with play money.")


@app.callback(invoke_without_command=True)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"l2send {installed('l2send')}")
        raise typer.Exit


def _commands(of: typer.Typer | None = app) -> set[str]:
    """What may be called right below `l2send`, or below one of its groups; nothing is below a command."""
    if of is None:
        return set()
    commands = {command.name or getattr(command.callback, "__name__", "") for command in of.registered_commands}
    return commands | {str(group.name) for group in of.registered_groups}


def shape(argv: list[str]) -> list[str]:
    """The command line as Typer expects it: `l2send 25 USDC base:0x…` is `l2send send 25 USDC base:0x…`.

    Raises BadAmount for a negative number, which would otherwise be read as an option.
    """
    negative = next((a for a in argv if re.fullmatch(r"-[0-9.,_]+", a)), None)
    if negative:
        raise BadAmount(f"not an amount: {negative!r}.", hint="Use no sign.")
    if not argv:
        return ["ask"]
    if argv[0] in {"-h", "--help", "--version"}:
        return argv
    if argv in (["wallet"], ["devnet"]):
        return [*argv, "--help"]
    command, *rest = _command_first(argv, _commands())
    if command not in _commands():
        return ["send", command, *rest]
    group = next((group.typer_instance for group in app.registered_groups if group.name == command), None)
    return [command, *_command_first(rest, _commands(group))]


def _command_first(words: list[str], commands: set[str]) -> list[str]:
    """`words` with the command in front of the options that were written before it."""
    known = (at for at, word in enumerate(words) if word in commands)
    at = next(known, 0) if words and words[0].startswith("-") else 0
    return [*words[at : at + 1], *words[:at], *words[at + 1 :]]


def run(argv: list[str]) -> int:
    """Run one command line and return its exit status."""
    tell(None)
    remember_typed(argv)
    try:
        words = shape(argv)
        result = app(args=words, prog_name="l2send", standalone_mode=False, **_from_settings(words))
        sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - every end is told, in words and as a status
        failure = failure_of(error)
        report(failure, as_envelope="--json" in argv)
        return failure.exit_status
    return result if isinstance(result, int) else ExitStatus.DELIVERED


def _from_settings(words: list[str]) -> dict[str, Any]:
    """What config.toml says, as Typer takes it; nothing for what must work while the file is wrong.

    Raises ConfigError.
    """
    if words[0] in {"config", "doctor"} or words[0].startswith("-"):
        return {}
    paths = Paths.for_devnet() if "--devnet" in words else Paths.from_environment()
    settings = load_settings(paths.settings)
    if settings.text("color") == "never":
        os.environ.setdefault("NO_COLOR", "1")
    return {"obj": settings, "default_map": settings.defaults(_commands(), words)}


def main() -> None:
    """Entry point of the installed command."""
    from l2send.wallet.keys.harden import harden

    harden()
    open_streams()
    if os.environ.get(completion.ASKED):
        sys.stdout.writelines(f"{word}\n" for word in completion.answer(sys.argv[-1], get_command(app), shape))
        return
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # what Ctrl-C does, ends it well
    sys.exit(run(sys.argv[1:]))
