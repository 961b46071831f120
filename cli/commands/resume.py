"""`l2send resume`: continues payments of the journal, from any later process."""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import typer

from l2send.cli.forgotten_devnet import reminder_of_the_devnet
from l2send.cli.json_documents import payment_document
from l2send.cli.late_text import comes_back_by_itself
from l2send.cli.option_groups import spread
from l2send.cli.options import AccountOptions, KeyOptions, ResumeOptions, RunOptions
from l2send.cli.paying import follow, interruptible, report
from l2send.cli.payment_choice import OptionalId
from l2send.cli.progress import Live
from l2send.cli.prompts import must_agree
from l2send.cli.replacing import say_which
from l2send.cli.screen import err, print_json, print_words, styled
from l2send.cli.sender import Sender, choose_signer, refuse_contradiction
from l2send.cli.terminal import can_ask, run_to_end
from l2send.client import Client, open_client
from l2send.core.errors import ExitStatus, Interrupted, L2sendError, NetworkError, UsageError
from l2send.core.plan import StepKind
from l2send.core.units import Wei
from l2send.wallet.before_signing import FeeAboveCap, why_too_late
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState, TxState

_FEES_MAY_MOVE = 4
"""The fraction by which confirmed fees may rise before signing: a quarter."""


@spread
def resume(
    payment_id: OptionalId = "",
    everything: Annotated[bool, typer.Option("--all", help="Resume every open payment.")] = False,
    resend_refund: Annotated[
        bool, typer.Option("--resend-refund", help="Send a refund again if its message has not arrived in three hours.")
    ] = False,
    *,
    account: AccountOptions,
    keys: KeyOptions,
    how: ResumeOptions,
    run_options: RunOptions,
) -> int:
    """Resume a payment where it stopped: the same bytes again, never a second payment.

    Requests the refund of an order that was not filled in time. Without an ID, or with --all, every open payment is
    resumed, and --json prints a list (l2send.payments/1). Exit status 9: a payment was refunded, or a refund is due.

    Example: l2send resume p-7k3f9q2m --account alice
    """
    if payment_id and everything:
        raise UsageError("an ID and --all cannot be combined.", hint="`l2send history --open` lists what is open.")
    everything = everything or not payment_id
    if everything and resend_refund:
        raise UsageError("--resend-refund is about one payment.", hint="Name it instead of --all.")
    refuse_contradiction(keys)
    limit, as_json = how.limit, run_options.as_json

    async def run() -> int:
        async with open_client(run_options.paths, fee_limit=limit) as client:
            ids = [r.id for r in client.open_payments()] if everything else [client.find(payment_id).id]
            if not ids:
                print_words(err(), f"No payment is open. {reminder_of_the_devnet(client.paths)}".strip())
            records, errors, goes_on = list[Record](), list[L2sendError](), len(ids) > 1 or (everything and as_json)
            for one in ids:
                work = _resume(client, one, account, keys, how.timeout, resend_refund=resend_refund)
                records.append(await (_or_tell(work, client, one, errors) if goes_on else work))
                if not (everything and as_json):
                    report(records[-1], client.registry, as_json=as_json)
            if everything and as_json:
                _print_all(records, client)
            if errors:
                raise errors[0] if as_json else _of_all(errors, len(ids))
            return next((s for r in records if (s := r.meaning.exit_status)), ExitStatus.DELIVERED)

    return run_to_end(run())


def _print_all(records: list[Record], client: Client) -> None:
    documents = [payment_document(r, client.registry) for r in records]
    print_json({"schema": "l2send.payments/1", "payments": documents})


def _of_all(errors: list[L2sendError], count: int) -> L2sendError:
    """The first error, with its exit status. Each was told where it happened: their words are not repeated."""
    first = errors[0]
    first.message = f"{len(errors)} of {count} payments {'was' if len(errors) == 1 else 'were'} not resumed, see above."
    return first


async def _or_tell(work: Awaitable[Record], client: Client, payment_id: str, errors: list[L2sendError]) -> Record:
    """Report and keep the error that stops one payment, such as a refund without gas: the others continue."""
    try:
        return await work
    except Interrupted:
        raise
    except L2sendError as error:
        print_words(err(), styled(f"{payment_id} was not resumed: {error.message}", limit=600))
        errors.append(error)
        return client.find(payment_id)


async def _resume(
    client: Client, payment_id: str, account: AccountOptions, keys: KeyOptions, timeout: float, *, resend_refund: bool
) -> Record:
    who = choose_signer(client.paths, client.find(payment_id), account, keys)
    with Live("looking at the chains"), interruptible(client, payment_id):
        record = await client.status(payment_id)
    if not record.meaning.open:
        return record
    with Live("looking at the chains"), interruptible(client, payment_id):
        is_signed = [await _is_to_be_signed(client, leg) for leg in record.legs]
    if resend_refund and any(leg.state is PaymentState.REFUND_DUE for leg in record.legs):
        await _must_agree_to_resend(record)
    if any(is_signed):
        say_which(record, client.registry)
        who.unlock()  # before the clocks are read again: a password takes a person's time
    return await _follow(client, payment_id, who, timeout, resend_refund=resend_refund)


async def _is_to_be_signed(client: Client, leg: PaymentRecord) -> bool:
    """Whether a leg needs the key now. Not what comes back by itself, nor what is too late: it is not signed."""
    if leg.state is PaymentState.REFUND_DUE and leg.order:
        return not comes_back_by_itself(leg.order.order, client.registry)
    if leg.state is not PaymentState.PLANNED and not any(tx.state is TxState.PLANNED for tx in leg.steps):
        return False
    with suppress(NetworkError):
        return not await why_too_late(leg, client.rpcs)
    return True


async def _follow(client: Client, payment_id: str, who: Sender, timeout: float, *, resend_refund: bool) -> Record:
    """Follow it. On a terminal, asks once for each leg about a refund whose fees exceed their cap."""
    asked = set[str]()
    while True:
        try:
            return await follow(client, payment_id, who, timeout, resend_refund=resend_refund)
        except FeeAboveCap as expensive:
            leg = expensive.tx.payment_id
            if expensive.tx.step.kind is not StepKind.REFUND or client.fee_limit or leg in asked or not can_ask():
                raise
            print_words(err(), styled(expensive.message, limit=600))
            most = replace(expensive.fees, units=expensive.fees.units + expensive.fees.units // _FEES_MAY_MOVE)
            await must_agree(f"Pay up to {most} in fees to have the money back?", yes=False)
            client.guard.agreed[leg] = Wei(most.units)
            asked.add(leg)


async def _must_agree_to_resend(record: Record) -> None:
    """On a terminal: show the requested refund, and ask whether to pay for another. Raises Interrupted."""
    if not can_ask():
        return
    for leg in record.legs:
        if leg.order and leg.order.detail:
            print_words(err(), styled(leg.order.detail, limit=600))
    await must_agree("Send the refund again, and pay its fee again?", yes=False)
