"""`l2send status`, `watch` and `resume`: payments of the journal, from any later process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

import typer

from l2send.cli.commands.send import Timeout, finish, interruptible, report
from l2send.cli.documents import payment_document
from l2send.cli.options import (
    Account,
    Devnet,
    HdIndex,
    HdPath,
    Json,
    Keystore,
    Ledger,
    PasswordFd,
    PasswordFile,
    PaymentId,
    PrivateKey,
    Trezor,
)
from l2send.cli.progress import Live
from l2send.cli.routing import FeeLimitText, fee_limit_from
from l2send.cli.screen import err, print_json, print_words, styled
from l2send.cli.sender import Sender, choose_payer, paths_for, run_to_end, unlocking_from
from l2send.client import Client, open_client
from l2send.core.address import Address
from l2send.core.errors import ExitStatus, Interrupted, L2sendError, UsageError
from l2send.core.paths import Paths
from l2send.wallet.journal.records import Record
from l2send.wallet.journal.states import PaymentState

STATUS_HELP = """Look once at a payment: where the money is, who acts next. Sends nothing.

The exit status is the payment's: 0 delivered, 8 not final, 9 refunded or refund due, …

Example: l2send status p-7k3f9q2m"""

WATCH_HELP = """Stay with a payment until it is delivered or its money is back. Signs and sends nothing.

Example: l2send watch p-7k3f9q2m --timeout 60"""

RESUME_HELP = """Carry a payment on from wherever it stopped: the same bytes again, never a second payment.

Asks the money back of an order that nobody filled in time. --all carries on every open payment.

Example: l2send resume p-7k3f9q2m --account alice"""

Choosing = Callable[[Paths, Address], Sender]
"""Opens the account that pays, as the command line says."""
_NEEDS_A_SIGNATURE = {PaymentState.PLANNED, PaymentState.REFUND_DUE}


def status(payment_id: PaymentId, as_json: Json = False, devnet: Devnet = False) -> int:
    """Look once."""

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet)) as client:
            with interruptible(client, payment_id):
                record = await client.status(payment_id)
            return report(record, client.registry, as_json=as_json)

    return run_to_end(run())


def watch(payment_id: PaymentId, timeout: Timeout = 600.0, as_json: Json = False, devnet: Devnet = False) -> int:
    """Look until something ends."""

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet)) as client:
            with Live("looking at the chains") as live, interruptible(client, payment_id):
                record = await client.watch(payment_id, patience=timeout, progress=live.update)
            return report(record, client.registry, as_json=as_json)

    return run_to_end(run())


def resume(
    payment_id: Annotated[str, typer.Argument(metavar="[ID]", help="the payment's id, or its first characters")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Carry on every open payment.")] = False,
    account: Account = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    password_fd: PasswordFd = None,
    private_key: PrivateKey = None,
    ledger: Ledger = False,
    trezor: Trezor = False,
    hd_path: HdPath = None,
    hd_index: HdIndex = None,
    fee_limit: FeeLimitText = "",
    timeout: Timeout = 600.0,
    as_json: Json = False,
    devnet: Devnet = False,
) -> int:
    """Carry on."""
    if bool(payment_id) == everything:
        raise UsageError("name one payment, or --all.", hint="`l2send history` lists them.")
    limit = fee_limit_from(fee_limit)
    unlocking = unlocking_from(password_file, password_fd, private_key, ledger, trezor, hd_path, hd_index)

    def choosing(paths: Paths, payer: Address) -> Sender:
        return choose_payer(paths, payer, account, keystore, unlocking)

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet), fee_limit=limit) as client:
            ids = [r.id for r in client.journal.open_payments()] if everything else [client.journal.find(payment_id).id]
            if not ids:
                err().print("No payment is open.")
            records, errors = list[Record](), list[L2sendError]()
            for one in ids:
                work = _carry_on(client, one, choosing, timeout)
                records.append(await (_or_tell(work, client, one, errors) if everything else work))
                if not (everything and as_json):
                    report(records[-1], client.registry, as_json=as_json)
            if everything and as_json:
                documents = [payment_document(r, client.registry) for r in records]
                print_json({"schema": "l2send.payments/1", "payments": documents})
            if errors:
                raise errors[0]
            return next((s for r in records if (s := r.meaning.exit_status)), ExitStatus.DELIVERED)

    return run_to_end(run())


async def _or_tell(work: Awaitable[Record], client: Client, payment_id: str, errors: list[L2sendError]) -> Record:
    """What keeps one payment back, a refund without gas, must not keep back the others: it is told, and kept."""
    try:
        return await work
    except Interrupted:
        raise
    except L2sendError as error:
        print_words(err(), styled(f"{payment_id} was not carried on: {error.message}", limit=600))
        errors.append(error)
        return client.journal.find(payment_id)


async def _carry_on(client: Client, payment_id: str, choosing: Choosing, timeout: float) -> Record:
    who = choosing(client.paths, client.journal.find(payment_id).payment.sender)
    with Live("looking at the chains"), interruptible(client, payment_id):
        record = await client.status(payment_id)
    if not record.meaning.open:
        return record
    if any(leg.state in _NEEDS_A_SIGNATURE for leg in record.legs):
        who.unlock()
    return await finish(client, payment_id, who, timeout)
