"""`l2send prepare`, `sign` and `broadcast`: a payment whose key never meets a network."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from l2send.cli.consent import consent, notes_of, refuse_look_alike
from l2send.cli.options import (
    AccountOptions,
    Again,
    FollowOptions,
    IdempotencyKey,
    KeyOptions,
    PaymentWords,
    PayOptions,
    RouteOptions,
    RunOptions,
    SenderOptions,
    Yes,
)
from l2send.cli.paying import approve, follow, report
from l2send.cli.recipient import find_destination, parse_words
from l2send.cli.request import paid_with, request_of
from l2send.cli.review import show_review
from l2send.cli.screen import err, out, print_json, print_pairs, print_words, styled
from l2send.cli.sender import choose_payer, choose_sender
from l2send.cli.spread import spread
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.client import open_client
from l2send.core.chains import Registry
from l2send.core.errors import ConfigError, ExitStatus, Refused, UsageError
from l2send.core.private_files import write_own
from l2send.core.units import Amount
from l2send.payments import paid_accounts_like
from l2send.resolver.contacts import Book, load_book
from l2send.resolver.destination import Destination
from l2send.resolver.spelling import Voucher
from l2send.review import OfflineLimits, review_of
from l2send.wallet.journal.records import Record
from l2send.wallet.offline import Bundle, Presigned, bundle_of, document, most_of, read
from l2send.wallet.offline import sign as sign_bundle

_MAX_FEE = "3%: most that bridges may take of the amount. 0.1ETH: most that network fees may be; 0.05 coin if not said."
_LIMIT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,18})?)([%A-Za-z0-9]{0,12})", re.ASCII)

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The new file, mode 0600.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="a file of `l2send prepare` or `l2send sign`")]


@spread
def prepare(
    words: PaymentWords,
    output: Output,
    yes: Yes = False,
    *,
    sender: SenderOptions,
    route: RouteOptions,
    key: IdempotencyKey = None,
    again: Again = False,
    run_options: RunOptions,
) -> int:
    """Plan a payment, and write it to a file for `l2send sign` on a machine without a network.

    Needs the address of the account that pays, and no key. Nonces and fees are fixed here, and the journal has the
    payment.

    Example: l2send prepare 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --from 0x… -o pay.json
    """
    meant = parse_words(words)
    registry = run_options.registry()
    limits = route.limits(registry)
    _refuse_existing(output)

    async def run() -> int:
        async with open_client(run_options.paths, registry) as client:
            must_be_able_to_ask(yes=yes)
            target = await find_destination(meant.destination, client.rpcs, client.book)
            who = choose_sender(client.paths, sender)
            request = request_of(client, who.address, meant, target)
            if known := paid_with(client, key, request):
                record = client.find(known)
            else:
                options = PayOptions(key=key, again=again)
                approved = await approve(client, request, limits, target, None, yes=yes, options=options)
                record = await client.prepare(
                    approved.review,
                    key=key,
                    again=approved.again,
                    typed_name=target.typed_name,
                    say=lambda text: err().print(text),
                )
            return _write_prepared(output, record, registry, as_json=run_options.as_json)

    return run_to_end(run())


def _write_prepared(output: Path, record: Record, registry: Registry, *, as_json: bool) -> int:
    bundle = bundle_of(record)
    _write(output, bundle, as_json=as_json)
    _show_parts(bundle, registry)
    print_words(err(), f"Prepared {record.id}. Where the key is: l2send sign {output} -o SIGNED")
    return ExitStatus.DELIVERED


@spread
def sign(
    file: File,
    output: Output,
    yes: Yes = False,
    fee_limit: Annotated[str, typer.Option("--max-fee", metavar="LIMIT", help=_MAX_FEE)] = "",
    *,
    account: AccountOptions,
    keys: KeyOptions,
    run_options: RunOptions,
) -> int:
    """Show what a prepared payment does, decoded from its bytes, and sign it. Asks no network.

    Example: l2send sign pay.json --account alice -o signed.json
    """
    limits = _offline_limits(fee_limit)
    paths, registry = run_options.paths, run_options.registry()
    bundle = read(file)
    book = load_book(paths.contacts)
    known = [*(contact.address for contact in book), *paid_accounts_like(paths, bundle.payment.to.address)]
    review = review_of(bundle, registry, known, limits)
    _refuse_existing(output)
    if yes:
        refuse_look_alike(review)
    must_be_able_to_ask(yes=yes)
    who = choose_payer(paths, bundle.payment.sender, account, keys)
    target = _recipient(bundle, registry, book)
    show_review(review, registry, target, notes=notes_of(target, review))
    _show_parts(bundle, registry)

    async def run() -> int:
        if not yes:
            await consent(target, review, registry, verb="Sign the payment of")
        _write(output, sign_bundle(bundle, who), as_json=run_options.as_json)
        print_words(err(), f"Signed. Where it was prepared: l2send broadcast {output}")
        return ExitStatus.DELIVERED

    return run_to_end(run())


@spread
def broadcast(file: File, following: FollowOptions, run_options: RunOptions) -> int:
    """Send a payment that was signed by `l2send sign`, where it was prepared, and follow it until it ends.

    Running it twice pays once.

    Example: l2send broadcast signed.json
    """
    bundle = read(file)
    signatures = Presigned(bundle)

    async def run() -> int:
        async with open_client(run_options.paths) as client:
            try:
                record = client.find(bundle.id)
            except UsageError as error:
                raise ConfigError(
                    error.message, hint="A payment is broadcast from where it was prepared: its journal has it."
                ) from error
            if (record.id, record.payment) != (bundle.id, bundle.payment):
                raise Refused(f"the file is not of the payment {record.id} of this journal.", sent=record.moved)
            record = await follow(client, record.id, signatures, following.timeout)
            return report(record, client.registry, as_json=run_options.as_json)

    return run_to_end(run())


def _refuse_existing(path: Path) -> None:
    """Before anything is approved. Raises UsageError."""
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists already; it is left as it is.", hint="Choose another path.")


def _offline_limits(text: str) -> OfflineLimits:
    """`3%` of what bridges keep, or `0.1ETH` of network fees. Raises UsageError for dollars: no price is known here."""
    if not text:
        return OfflineLimits()
    found = _LIMIT.fullmatch(text.strip())
    if not found or found[2].lower() == "usd":
        raise UsageError(
            f"not a limit for fees where no price is known: {text[:20]!r}.",
            hint="Write what bridges may keep in percent, --max-fee 3%, or network fees in coin, --max-fee 0.1ETH.",
        )
    number = float(found[1])
    return OfflineLimits(percent=number) if found[2] in {"", "%"} else OfflineLimits(coins=number)


def _recipient(bundle: Bundle, registry: Registry, book: Book) -> Destination:
    """The account of the file, which was written with its checksum, and its name among the contacts."""
    to = bundle.payment.to
    chain = registry.chain(to.chain_id)
    contact = book.at(to.address, chain)
    return Destination(chain, to.address, Voucher.ERC55, contact=contact.name if contact else "")


def _write(path: Path, bundle: Bundle, *, as_json: bool) -> None:
    written: dict[str, Any] = document(bundle)
    write_own(path, json.dumps(written, indent=2).encode() + b"\n")
    if as_json:
        print_json(written)
    else:
        out().print(styled(bundle.id))


def _show_parts(bundle: Bundle, registry: Registry) -> None:
    """What is fixed: of every signature the nonce and the most it costs, and until when it is good."""
    rows = list[tuple[str, Text]]()
    for part in bundle.parts:
        chain = registry.chain(part.chain_id)
        for step in part.steps:
            most = Amount(most_of(step), chain.native)
            rows.append((f"nonce {step.nonce}", styled(f"{step.kind} on {chain.name}, network fee at most {most}")))
        ends = "as long as its nonce is free and its fees suffice" if part.until is None else _moment(part.until)
        rows.append(("good until", styled(ends, "yellow" if part.until is not None else "")))
    print_pairs(err(), rows)


def _moment(until: int) -> str:
    return f"{datetime.fromtimestamp(until, UTC):%Y-%m-%d %H:%M:%S} UTC"
