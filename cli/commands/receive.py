"""`l2send receive`: shows where to pay an account, in every form, as a QR code and as a page to share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from l2send.cli import deposit_page, qr
from l2send.cli.json_documents import amount_document
from l2send.cli.option_groups import spread
from l2send.cli.options import KeyOptions, PasswordFile, RunOptions, SenderOptions
from l2send.cli.payment_request import PaymentRequest, payment_request
from l2send.cli.public_files import check_targets, write_public
from l2send.cli.receive_wait import Reporter, wait
from l2send.cli.screen import err, out, print_json, print_pairs, print_words, stage_in_words, styled
from l2send.cli.sender import Sender, choose_sender
from l2send.cli.styles import is_plain
from l2send.cli.terminal import can_ask, run_to_end
from l2send.cli.times import clock
from l2send.cli.typed_recipient import choose_chain, real_first
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import ExitStatus, Interrupted, UnknownToken, UsageError
from l2send.core.units import parse_amount
from l2send.resolver.destination import Asked, Destination, parse_destination
from l2send.resolver.destination_forms import forms, forms_document
from l2send.resolver.payment_uri import spellings

_BESIDE = frozenset({"amount", "payee", "for", "until", "on", "account", "address"})
_PAY_TO = "pay to    "
"""The first label, as wide as the others with the space behind them."""
_LEAST_BESIDE = 76
"""Columns that a terminal needs to show words beside a QR code."""


@dataclass(frozen=True, slots=True)
class ReceiverOptions:
    """The account to be paid."""

    receiver: Annotated[
        str | None,
        typer.Option("--from", "-f", envvar="ETH_FROM", metavar="ADDRESS", help="The receiving account, by address."),
    ] = None
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            envvar="ETH_KEYSTORE_ACCOUNT",
            metavar="NAME",
            help="The receiving account, by the name of its keystore (`l2send wallet list`).",
        ),
    ] = None
    keystore: Annotated[
        Path | None,
        typer.Option(
            "--keystore", envvar="ETH_KEYSTORE", metavar="FILE", help="The receiving account's keystore file."
        ),
    ] = None
    password_file: PasswordFile = None

    @property
    def as_sender(self) -> SenderOptions:
        """The same for an account that pays."""
        return SenderOptions(self.account, self.keystore, self.receiver)


@dataclass(frozen=True, slots=True)
class AskedOptions:
    """The request to the payer."""

    chain: Annotated[
        list[str] | None,
        typer.Option("--chain", metavar="CHAIN", help="The chain to be paid on; repeatable with --wait."),
    ] = None
    token: Annotated[
        str | None, typer.Option("--token", metavar="TOKEN", help="The token to be paid in: symbol or address.")
    ] = None
    amount: Annotated[str | None, typer.Option("--amount", metavar="AMOUNT", help="How much of it.")] = None
    payee: Annotated[
        str, typer.Option("--payee", metavar="NAME", help="Who asks for it, for the deposit page's title.")
    ] = ""
    reference: Annotated[
        str, typer.Option("--reference", metavar="TEXT", help="What it is for, such as an invoice number.")
    ] = ""
    expires: Annotated[
        str, typer.Option("--expires", metavar="WHEN", help="Until when: 30m, 2h, 3d, or a time in UTC.")
    ] = ""

    @property
    def request(self) -> PaymentRequest:
        """The typed request, without place and amount. Raises UsageError."""
        return payment_request(self.payee, self.reference, self.expires)


@dataclass(frozen=True, slots=True)
class WaitOptions:
    """Whether to wait for the money, and how long."""

    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Wait until the amount has arrived; exit status 8 if it does not. What came before does not count. "
            "With --json: an object a line, its event is waiting, seen, arrived or timeout.",
        ),
    ] = False
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", min=0, metavar="SECONDS", help="How long to wait.  [default: until --expires, else 3600]"
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class FileOptions:
    """Files to write, and whether existing files may be overwritten."""

    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Write the QR code as a picture.")] = None
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write the QR code as a drawing.")] = None
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a deposit page.")] = None
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False

    @property
    def wanted(self) -> dict[str, Path]:
        """The files to write, by kind."""
        every = {"png": self.png, "svg": self.svg, "html": self.html}
        return {kind: path for kind, path in every.items() if path}


@spread
def receive(
    asked: AskedOptions,
    receiver: ReceiverOptions,
    files: FileOptions,
    waiting: WaitOptions,
    draw_qr: Annotated[
        bool | None, typer.Option("--qr/--no-qr", help="Draw the QR code, or not.  [default: on a terminal]")
    ] = None,
    *,
    run_options: RunOptions,
) -> int:
    """Show where to pay an account: its address on a chain in every form, with a QR code of the payment link.

    An address exists on every chain, so the chain must be named; on a terminal it is asked for.
    --html writes a deposit page to hand out: one file, which asks nothing of any network.
    --wait follows the account until the amount has arrived under as many blocks as the chain needs: exit status 0.
    With several --chain the parts that arrive on them add up.

    Example: l2send receive --chain base --token USDC --amount 25 --html deposit.html

    Example: l2send receive --chain base --token USDC --amount 25 --reference "invoice 17" --expires 30m --wait --json
    """
    request = asked.request
    _check_asked(asked, waiting, files)
    check_targets(list(files.wanted.values()), force=files.force)
    registry = run_options.registry()
    _judge(asked, registry)
    who = choose_sender(run_options.paths, receiver.as_sender, KeyOptions(receiver.password_file))
    address = _address(who)
    targets = _chosen(registry, asked.chain or [], asked.token, address, ask=can_ask() and not run_options.as_json)
    places = tuple(_asking_for(target, address, asked, registry) for target in targets)
    _warn(who, targets)
    _write(files, places[0], request)
    documents = [_document(found, request, files) for found in places]
    if not run_options.as_json:
        wants_qr = out().is_terminal and not is_plain() if draw_qr is None else draw_qr
        for found in places:
            _print(found, request, who.name, draw_qr=wants_qr and len(places) == 1, below=2 if waiting.wait else 1)
    elif not waiting.wait:
        print_json(documents[0])
    amounts = [found.asked.amount for found in places if found.asked and found.asked.amount]
    if not waiting.wait or not amounts:
        return ExitStatus.DELIVERED
    reporter = Reporter(places, request, run_options.as_json)
    return run_to_end(wait(registry, amounts, reporter, documents, waiting.timeout))


def _check_asked(asked: AskedOptions, waiting: WaitOptions, files: FileOptions) -> None:
    """Raises UsageError if the words leave open how much of what, or where."""
    if len(asked.chain or []) > 1 and (files.wanted or not waiting.wait):
        hint = "Name one chain. With --wait several are followed together, and nothing is written."
        raise UsageError("a request is for one chain: a payment link, a QR code and a page name one.", hint=hint)
    if asked.amount and not asked.token:
        hint = f"Add --token, for example: --amount {asked.amount[:40]} --token USDC"
        raise UsageError("how much of what?", hint=hint)
    if waiting.wait and not asked.amount:
        token = "" if asked.token else " --token USDC"
        raise UsageError("how much is waited for?", hint=f"Add for example: --amount 25{token}")
    if waiting.timeout is not None and not waiting.wait:
        raise UsageError("--timeout says how long --wait waits.", hint="Add --wait.")


def _judge(asked: AskedOptions, registry: Registry) -> None:
    """Raises UsageError for a typed chain, token or amount that is none: before any account is looked for."""
    for chain in map(registry.named, asked.chain or []):
        token = chain.token(asked.token) if asked.token else None
        if token and asked.amount:
            parse_amount(asked.amount, token)


def _address(who: Sender) -> Address:
    """The account's address. Raises UsageError if --from and a keystore name different accounts."""
    kept = who.keystore.address if who.keystore else None
    if who.stated and kept and who.stated != kept:
        raise UsageError(f"two accounts are named: {who.stated}, and the keystore of {kept}.", hint="Name one.")
    return who.address


def _chosen(registry: Registry, names: list[str], token: str | None, address: Address, *, ask: bool) -> list[Chain]:
    """The chains for the payment, named or chosen by the user; none is guessed. Raises UsageError."""
    if names:
        return list({chain.chain_id: chain for chain in map(registry.named, names)}.values())
    offered = [c for c in real_first(registry) if not token or _has(c, token)]
    if not offered:
        raise UnknownToken(f"{str(token)[:60]!r} is a token of no chain l2send knows.", hint="See `l2send chains`.")
    if not ask:
        raise UsageError(
            f"the chain is missing: {address} exists on every one.\n"
            f"Chains{f' with {token}' if token else ''}: {', '.join(c.short_name for c in offered)}",
            hint=f"Add --chain, for example: --chain {offered[0].short_name}",
        )
    try:
        return [asyncio.run(choose_chain(f"Which chain should {address} be paid on?", offered))]
    except KeyboardInterrupt:
        raise Interrupted("interrupted.") from None


def _has(chain: Chain, token: str) -> bool:
    try:
        chain.token(token)
    except UnknownToken:
        return False
    return True


def _asking_for(chain: Chain, address: Address, asked: AskedOptions, registry: Registry) -> Destination:
    """The account there, with the request to the payer. Raises UnknownToken, BadAmount."""
    found = parse_destination(f"{chain.short_name}:{address}", registry)
    if not asked.token:
        return found
    wanted = chain.token(asked.token)
    return replace(found, asked=Asked(wanted, parse_amount(asked.amount, wanted) if asked.amount else None))


def _warn(who: Sender, chains: list[Chain]) -> None:
    """Warn that the address may be a contract, which exists only on the chain where it was deployed."""
    if who.keystore is None:
        names = " and ".join(chain.name for chain in chains)
        words = f"l2send has no key of {who.address}: make sure that it is yours on {names} too."
        print_words(err(), words, "yellow")


def _write(files: FileOptions, found: Destination, request: PaymentRequest) -> None:
    """Write the requested files; all contents are made before any is written."""
    link = forms(found)["EIP-681"]
    makers = {
        "png": lambda: qr.png(link),
        "svg": lambda: qr.svg(link),
        "html": lambda: deposit_page.page(found, request),
    }
    made = [(path, makers[kind]()) for kind, path in files.wanted.items()]
    for path, data in made:
        write_public(path, data, force=files.force)
        err().print(styled(f"wrote {path}", "dim", 400), soft_wrap=True)


def _print(found: Destination, request: PaymentRequest, name: str, *, draw_qr: bool, below: int) -> None:
    """Print the request to pay the account `name`.

    `below`: lines that follow; a code that they would push off the terminal is not drawn.
    """
    link, rows = forms(found)["EIP-681"], _rows(found, request, name)
    drawn = _drawn(link, below) if draw_qr else None
    needed = len(drawn) + below if drawn else 0
    is_cut = out().is_terminal and needed > out().height
    drawn = None if is_cut else drawn
    if _is_too_long(f"{_PAY_TO}{found}"):
        # On a line of its own, which only the terminal breaks: it is copied whole.
        out().print(Text(_PAY_TO.strip(), "bold"))
        out().print(str(found))
    elif drawn and _is_low(len(rows) + len(drawn)):
        out().print(Text.assemble((_PAY_TO, "bold"), str(found)))
        rows += [("address", styled(found.address))] if needed == out().height else []  # the line above scrolls off
    else:
        rows = [(_PAY_TO.strip(), styled(found)), *rows]
    if drawn and _is_low(len(rows) + len(drawn)):
        _print_beside(drawn, rows)
        return
    print_pairs(out(), rows)
    # On its own line, so that it can be copied whole.
    out().print(Text.assemble(("EIP-681", "bold"), "   ", link))
    if out().is_terminal:
        print_words(out(), "Give the payer the address and its chain, or the EIP-681 link for a wallet.", "dim")
    if drawn:
        out().print(Text("\n").join(drawn))
    elif is_cut:
        print_words(err(), f"The QR code needs {needed} lines: make the terminal higher, or write it by --png FILE.")
    elif draw_qr:
        print_words(err(), f"{_why_not_drawn(link)}: --png FILE writes it.")


def _drawn(link: str, below: int) -> list[Text] | None:
    """The code of the link; on a low terminal that of its first spelling that fits. None if it cannot be shown."""
    codes = [code for spelling in spellings(link) if (code := qr.draw(spelling, out()))]
    fitting = (code for code in codes if not out().is_terminal or len(code) + below <= out().height)
    return next(fitting, codes[0] if codes else None)


def _is_too_long(line: str) -> bool:
    return out().is_terminal and len(line) > out().width


def _why_not_drawn(link: str) -> str:
    if (needed := qr.width(link)) > out().width:
        return f"The terminal is too narrow for the QR code ({out().width} columns, it needs {needed})"
    return "This terminal cannot show the QR code"


def _is_low(lines: int) -> bool:
    """Whether this many lines, the payment link and the prompt would scroll the top off the terminal."""
    return out().is_terminal and lines + 5 > out().height and out().width >= _LEAST_BESIDE


def _print_beside(drawn: list[Text], rows: list[tuple[str, Text]]) -> None:
    """The code, with its content to the right, on 24 lines."""
    words = Table.grid()
    words.add_column(overflow="fold")
    for label, value in (row for row in rows if row[0] in _BESIDE):
        words.add_row(Text(label, "bold"))
        words.add_row(value)
    words.add_row(Text("The payer scans the code, or gets the address and the chain. --no-qr shows a link.", "dim"))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, width=len(drawn[0]))
    grid.add_column(overflow="fold")
    grid.add_row(Text("\n").join(drawn), words)
    out().print(grid)


def _rows(found: Destination, request: PaymentRequest, name: str) -> list[tuple[str, Text]]:
    asked, chain = found.asked, found.chain
    rows = [
        ("amount", f"{asked.amount or asked.token.symbol}" if asked else ""),
        ("payee", request.payee),
        ("for", request.reference),
        ("until", clock(request.expires) if request.expires else ""),
        ("on", f"{chain.name} (chain id {chain.chain_id})"),
        ("security", stage_in_words(chain)),
        ("account", name),
        ("token", asked.token.address if asked else ""),
        ("ERC-7828", forms(found)["ERC-7828"]),
    ]
    return [(label, styled(value, limit=400)) for label, value in rows if value]


def _document(found: Destination, request: PaymentRequest, files: FileOptions) -> dict[str, object]:
    chain, asked = found.chain, found.asked
    return {
        "schema": "l2send.receive/1",
        "account": found.address,
        "chain": chain.short_name,
        "chain_id": chain.chain_id,
        "chain_name": chain.name,
        "testnet": chain.testnet,
        "stage": {"value": chain.stage.value, "date": chain.stage.date},
        "token": {"symbol": asked.token.symbol, "address": asked.token.address} if asked else None,
        "amount": amount_document(asked.amount) if asked and asked.amount else None,
        "payee": request.payee or None,
        "reference": request.reference or None,
        "expires": request.expires,
        "forms": forms_document(found),
        "files": {kind: str(path) for kind, path in files.wanted.items()},
    }
