"""`l2send prepare`, `sign` and `broadcast`: a payment whose key never meets a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from l2send.cli.options import (
    AccountOptions,
    Again,
    FollowOptions,
    IdempotencyKey,
    KeyOptions,
    PaymentWords,
    RouteOptions,
    RunOptions,
    SenderOptions,
    Yes,
)
from l2send.cli.paying import approve, follow, report
from l2send.cli.prompts import must_agree
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
from l2send.review import review_of
from l2send.wallet.offline import Bundle, Presigned, bundle_of, document, most_of, read
from l2send.wallet.offline import sign as sign_bundle

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
                review = await approve(client, request, limits, target, None, yes=yes)
                record = await client.prepare(
                    review,
                    key=key,
                    again=again,
                    typed_name=target.typed_name,
                    say=lambda text: err().print(text),
                )
            bundle = bundle_of(record)
            _write(output, bundle, as_json=run_options.as_json)
            _show_parts(bundle, registry)
            print_words(err(), f"Prepared {record.id}. Where the key is: l2send sign {output} -o SIGNED")
            return ExitStatus.DELIVERED

    return run_to_end(run())


@spread
def sign(
    file: File,
    output: Output,
    yes: Yes = False,
    *,
    account: AccountOptions,
    keys: KeyOptions,
    run_options: RunOptions,
) -> int:
    """Show what a prepared payment does, decoded from its bytes, and sign it. Asks no network.

    Example: l2send sign pay.json --account alice -o signed.json
    """
    registry = run_options.registry()
    bundle = read(file)
    review = review_of(bundle, registry)
    _refuse_existing(output)
    _refuse_late(bundle)
    must_be_able_to_ask(yes=yes)
    who = choose_payer(run_options.paths, bundle.payment.sender, account, keys)
    show_review(review, registry, notes=[])
    _show_parts(bundle, registry)

    async def run() -> int:
        await must_agree(f"Sign the payment of {bundle.payment.amount}?", yes=yes)
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


def _refuse_late(bundle: Bundle) -> None:
    """By this machine's clock, which is all there is here. Raises Refused."""
    until = min((part.until for part in bundle.parts if part.until is not None), default=None)
    if until is not None and datetime.now(UTC).timestamp() >= until:
        raise Refused(
            f"too late: the deadline was {_moment(until)}.",
            hint="Prepare it again; or correct the clock of this machine, if it is wrong.",
        )


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
