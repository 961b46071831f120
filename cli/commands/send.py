"""`l2send 25 USDC base:0x…`: plan, show, ask once, pay, follow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from l2send.cli.consent import consent, notes_of, refuse_look_alike
from l2send.cli.documents import payment_document, plan_document
from l2send.cli.options import (
    Account,
    AmountWord,
    DestinationWord,
    Devnet,
    From,
    HdIndex,
    HdPath,
    IdempotencyKey,
    Json,
    Keystore,
    Ledger,
    PasswordFd,
    PasswordFile,
    PrivateKey,
    TokenWord,
    Trezor,
    Yes,
)
from l2send.cli.outcome import show_outcome
from l2send.cli.progress import Live
from l2send.cli.recipient import find_destination, sort_out
from l2send.cli.request import Most, paid_with, plan_of, request_of
from l2send.cli.review import show_review
from l2send.cli.routing import DEFAULT_MAX_FEE, Cheap, Fast, FromChains, MaxFee, Via, limits_from
from l2send.cli.screen import err, print_json, print_words, styled, tell
from l2send.cli.sender import Sender, can_ask, choose_sender, open_registry, paths_for, run_to_end, unlocking_from
from l2send.cli.stdin import filled_in
from l2send.cli.ways_table import show_ways
from l2send.client import Client, open_client
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, Interrupted, NeedsConfirmation, NotFinal, Refused
from l2send.core.plan import Payment
from l2send.resolver.destination import Destination
from l2send.resolver.limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.keys.signer import Signer

HELP = """Pay: l2send AMOUNT TOKEN CHAIN:ADDRESS, or a payment link alone. The word `send` may be left out.

Sends directly if the money is on that chain, bridges it there if it is on another one.
`max` as the AMOUNT is the most that all your chains can deliver together.
`-` as the destination, or alone, is read from stdin.

Example: l2send 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --account alice"""

_TRIES = 5  # for prices that run out while a person reads

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", help="How long to follow the payment before leaving it to `resume`."),
]


def send(
    amount: AmountWord,
    token: TokenWord = None,
    destination: DestinationWord = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    account: Account = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    password_fd: PasswordFd = None,
    private_key: PrivateKey = None,
    ledger: Ledger = False,
    trezor: Trezor = False,
    hd_path: HdPath = None,
    hd_index: HdIndex = None,
    sender: From = None,
    from_chain: FromChains = None,
    via: Via = "",
    max_fee: MaxFee = DEFAULT_MAX_FEE,
    fast: Fast = False,
    cheap: Cheap = False,
    key: IdempotencyKey = None,
    again: Annotated[bool, typer.Option("--again", help="Pay although the same payment is still open.")] = False,
    timeout: Timeout = 600.0,
    as_json: Json = False,
    devnet: Devnet = False,
) -> int:
    """Pay."""
    words = sort_out(*filled_in(amount, token, destination))
    registry = open_registry(devnet=devnet)
    limits = limits_from(registry, from_chain, via, max_fee, fast=fast, cheap=cheap)
    unlocking = unlocking_from(password_file, password_fd, private_key, ledger, trezor, hd_path, hd_index)

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet), registry) as client:
            target = await find_destination(words.destination, client.rpcs, client.book)
            who = choose_sender(client.paths, sender, account, keystore, unlocking)
            request = request_of(client, who.address, words, target)
            if not dry_run:
                must_be_answerable(
                    yes=yes, otherwise="Add --yes to pay without a question, or --dry-run to see the plan."
                )
                if known := paid_with(client, key, request):
                    return report(await finish(client, known, who, timeout), registry, as_json=as_json)
            if dry_run:
                with Live("asking all chains"):
                    review = await plan_of(client, request, limits)
                _show_plan(review, registry, target, as_json=as_json)
                return ExitStatus.DELIVERED
            review = await approved(client, request, limits, target, who, yes=yes)
            return await pay(client, review, target, who, key=key, again=again, timeout=timeout, as_json=as_json)

    return run_to_end(run())


async def approved(
    client: Client, request: Payment | Most, limits: Limits, target: Destination, who: Sender | None, *, yes: bool
) -> Review:
    """A plan that was shown and agreed to, whose prices hold; `who` is unlocked then. Raises Refused, Interrupted.

    None for `who` where nothing is signed here.
    """
    for _ in range(_TRIES):
        with Live("asking all chains"):
            review = await plan_of(client, request, limits)
        show_review(review, client.registry, notes=notes_of(target, review))
        if yes:
            refuse_look_alike(review)
        else:
            await consent(target, review)
        if who:
            who.unlock()
        if not await client.has_expired(review):
            return review
        err().print("The prices ran out meanwhile. Asking for new ones.", style="yellow")
    raise Refused("the prices run out before they can be used.", hint="Try again, or another bridge with --via.")


def must_be_answerable(*, yes: bool, otherwise: str = "Add --yes to go on without a question.") -> None:
    """On anything but a terminal there is nobody to ask. Raises NeedsConfirmation."""
    if yes:
        return
    if not can_ask():
        raise NeedsConfirmation("nobody can be asked here: this is not a terminal.", hint=otherwise)
    tell(None)  # Whoever is asked is told everything, whatever --quiet says.


def _show_plan(review: Review, registry: Registry, target: Destination, *, as_json: bool) -> None:
    if as_json:
        print_json(plan_document(review, registry))
        return
    show_review(review, registry, notes=notes_of(target, review), reasoned=False)
    show_ways(review.plan)  # says it on stdout, where it stands alone with --quiet
    err().print("\nDry run: nothing was signed and nothing was sent.")


async def pay(
    client: Client,
    review: Review,
    target: Destination,
    who: Sender,
    *,
    key: str | None,
    again: bool,
    timeout: float,
    as_json: bool,
) -> int:
    """Make a payment that was agreed to, and say how it ended: its exit status. Raises as `finish` does."""
    signer = who.unlock()
    record = client.begin(review, key=key, again=again, typed_name=target.typed_name)
    err().print(styled(f"payment {record.id}", "bold"))
    record = await finish(client, record.id, signer, timeout, estimate=review.plan.way.duration)
    return report(record, client.registry, as_json=as_json)


async def finish(
    client: Client, payment_id: str, signer: Signer | None, timeout: float, *, estimate: int | None = None
) -> Record:
    """Carry a payment to its end, showing progress beside the `estimate` in seconds. Raises Interrupted on Ctrl-C."""
    try:
        with Live("starting", payment_id=payment_id, estimate=estimate) as live, interruptible(client, payment_id):
            record = await client.resume(payment_id, signer, patience=timeout, progress=live.update)
            live.ended(record)
            return record
    except NotFinal as unfinished:
        record = client.journal.find(payment_id)
        if not (isinstance(record, PaymentRecord) and record.order):  # Of an open order the outcome says all of it.
            for line in [*unfinished.message.splitlines(), unfinished.hint]:
                print_words(err(), styled(line, limit=600))
        return record


@contextmanager
def interruptible(client: Client, payment_id: str) -> Iterator[None]:
    """Makes of Ctrl-C, and of SIGTERM, an Interrupted that says how the payment stands."""
    try:
        yield
    except asyncio.CancelledError:
        record = client.journal.find(payment_id)
        raise Interrupted(
            f"interrupted; the payment {payment_id} is {record.state}. {record.meaning.money}",
            sent=record.moved,
            hint=f"Carry it on with: l2send resume {payment_id}",
        ) from None


def report(record: Record, registry: Registry, *, as_json: bool) -> int:
    """Say how a payment stands, and return its exit status."""
    if as_json:
        print_json(payment_document(record, registry))
    else:
        show_outcome(record, registry)
    return record.meaning.exit_status
