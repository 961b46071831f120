"""`l2send 25 USDC base:0x…`: plans, shows, asks once, pays and follows."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from l2send.cli.command_table import Heading
from l2send.cli.consent import equal_payment, note_on, notes_of
from l2send.cli.json_documents import plan_document
from l2send.cli.option_groups import spread
from l2send.cli.options import (
    KeyOptions,
    PayingRunOptions,
    PaymentWords,
    PayOptions,
    RouteOptions,
    SenderOptions,
    Yes,
)
from l2send.cli.own_accounts import refuse_own_name
from l2send.cli.paying import approve, follow, pay, report
from l2send.cli.paying_safe import PayingSafe, Safe, choose_safe
from l2send.cli.plan_request import MaxPayment, is_max, paid_with, plan_of, request_of
from l2send.cli.progress import Live
from l2send.cli.replacing import say_which
from l2send.cli.review_text import show_review
from l2send.cli.screen import err, print_json
from l2send.cli.sender import Sender, choose_sender, refuse_contradiction
from l2send.cli.stdin import words_from_stdin
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.cli.typed_recipient import Words, find_destination, parse_words
from l2send.cli.ways_table import show_ways
from l2send.client import Client, open_client
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus
from l2send.core.plan import Payment
from l2send.core.units import parse_amount
from l2send.resolver.destination import Destination
from l2send.resolver.quotes import refuse_unknown_bridge
from l2send.resolver.way_limits import Limits
from l2send.review import Review

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.", rich_help_panel=Heading.PAYMENT)]


@spread
def send(
    words: PaymentWords,
    yes: Yes = False,
    dry_run: DryRun = False,
    safe: Safe = None,
    *,
    sender: SenderOptions,
    keys: KeyOptions,
    route: RouteOptions,
    payment: PayOptions,
    run_options: PayingRunOptions,
) -> int:
    """Pay: l2send AMOUNT TOKEN CHAIN:ADDRESS, or a payment link alone. The word `send` may be left out.

    Sends directly if the money is on that chain, bridges it there if it is on another one.
    `max` as the AMOUNT is the most that all your chains can deliver together.
    `-` as the destination, or alone, is read from stdin.

    Example: l2send 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --account alice

    Example: l2send max ETH alice@base --max-fee 2usd

    Example: l2send 25 USDC base:alice.eth --yes --json --idempotency-key invoice-17
    """
    if dry_run:
        return show_plan(words, sender, keys, route, run_options, safe, payment)
    meant = parse_words(words_from_stdin(words))
    registry = run_options.registry()
    limits = route.limits(registry)
    payer, owner = choose_safe(safe, sender, run_options.paths, registry)
    limits = _narrowed(limits, route, keys, payer)
    refuse_contradiction(keys)

    async def run() -> int:
        async with open_client(run_options.paths, registry) as client:
            target, who, request = await _understood(client, meant, owner, keys, payer, limits)
            must_be_able_to_ask(yes=yes, hint="Add --yes to pay without a question, or --dry-run to see the plan.")
            if known := paid_with(client, payment.key, request):
                return await _go_on(client, known, who, payment, as_json=run_options.as_json)
            approved = await approve(client, request, limits, target, who, yes=yes, options=payment)
            options = replace(payment, again=approved.again)
            return await pay(client, approved.review, target, who, options, as_json=run_options.as_json)

    return run_to_end(run())


async def _go_on(client: Client, known: str, who: Sender, payment: PayOptions, *, as_json: bool) -> int:
    """Follow the payment that the key already stands for. Returns its exit status."""
    say_which(client.find(known), client.registry)
    record = await follow(client, known, who, payment.timeout)
    return report(record, client.registry, as_json=as_json)


def show_plan(
    words: PaymentWords,
    sender: SenderOptions,
    keys: KeyOptions,
    route: RouteOptions,
    run_options: PayingRunOptions,
    safe: str | None = None,
    paying: PayOptions | None = None,
) -> int:
    """Show what a payment would do by every way, without signing: `l2send plan`, and `--dry-run`."""
    meant = parse_words(words_from_stdin(words))
    registry = run_options.registry()
    limits = route.limits(registry)
    payer, owner = choose_safe(safe, sender, run_options.paths, registry)
    limits = _narrowed(limits, route, keys, payer)
    refuse_contradiction(keys)

    async def run() -> int:
        async with open_client(run_options.paths, registry) as client:
            target, _, request = await _understood(client, meant, owner, keys, payer, limits)
            with Live.of_answers("asking all chains"):
                review = await plan_of(client, request, limits)
            recent = equal_payment(client, review.plan.payment, paying or PayOptions())
            if run_options.as_json:
                print_json(plan_document(review, registry) | {"repeats": recent.id if recent else None})
            else:
                _print_plan(review, registry, target, [*notes_of(target, review, client.paths), *note_on(recent)])
            return ExitStatus.DELIVERED

    return run_to_end(run())


def _narrowed(limits: Limits, route: RouteOptions, keys: KeyOptions, payer: PayingSafe | None) -> Limits:
    """`limits`, with only the Safe's chain. Raises UsageError for --batch with a payer that cannot delegate."""
    route.refuse_batch_of(keys, safe=payer is not None)
    return payer.narrow(limits) if payer else limits


async def _understood(
    client: Client,
    words: Words,
    sender: SenderOptions,
    keys: KeyOptions,
    safe: PayingSafe | None,
    limits: Limits,
) -> tuple[Destination, Sender, Payment | MaxPayment]:
    """The recipient, the sender and the payment. Raises UsageError, ConfigError, NetworkError."""
    if limits.via:
        refuse_unknown_bridge(limits, client.bridges)
    refuse_own_name(words, client.registry, client.book, client.paths)
    target = await find_destination(words.destination, client.rpcs, client.book)
    if words.amount and words.token and not is_max(words.amount):
        parse_amount(words.amount, target.chain.token(words.token))  # what was typed is judged before the account
    who = choose_sender(client.paths, sender, keys)
    request = request_of(client, who.address, words, target)
    return target, who, safe.pays(request) if safe else request


def _print_plan(review: Review, registry: Registry, target: Destination, notes: list[str]) -> None:
    show_review(review, registry, target, notes=notes)
    show_ways(review.plan)  # printed on stdout, which is its only output with --quiet
    err().print("\nDry run: nothing was signed and nothing was sent.")
