"""`l2send status`, `resume` and `history`: payments of the journal, from any later process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from l2send.cli.documents import payment_document
from l2send.cli.options import Account, Devnet, Json, Keystore, PasswordFile
from l2send.cli.progress import Live
from l2send.cli.screen import err, out, print_json, styled, table
from l2send.cli.send import Timeout, finish, report
from l2send.cli.session import choose_sender, paths_for, run_to_end
from l2send.client import open_client
from l2send.core.errors import ExitStatus

STATUS_HELP = """Look once at a payment: where the money is, who acts next. Sends nothing.

The exit status is the payment's: 0 delivered, 8 not final, 9 refunded or refund due, …

Example: l2send status p-7k3f9q2m"""

RESUME_HELP = """Carry a payment on from wherever it stopped: the same bytes again, never a second payment.

Asks the money back of an order that nobody filled in time.

Example: l2send resume p-7k3f9q2m --account alice"""

HISTORY_HELP = """List the payments made from this machine, newest first.

Example: l2send history --json"""

PaymentId = Annotated[str, typer.Argument(metavar="ID", help="the payment's id, or its first characters")]


def status(payment_id: PaymentId, as_json: Json = False, devnet: Devnet = False) -> int:
    """Look once."""

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet)) as client:
            record = await client.status(client.journal.get(payment_id).id)
            return report(record, client.registry, as_json=as_json)

    return run_to_end(run())


def resume(
    payment_id: PaymentId,
    account: Account = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    timeout: Timeout = 600.0,
    as_json: Json = False,
    devnet: Devnet = False,
) -> int:
    """Carry on."""

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet)) as client:
            record = client.journal.get(payment_id)
            with Live("looking at the chains"):
                record = await client.status(record.id)
            if not record.meaning.open:
                return report(record, client.registry, as_json=as_json)
            named = account or (None if keystore else record.payment.sender)
            who = choose_sender(client.paths, record.payment.sender, named, keystore, password_file)
            record = await finish(client, record.id, who.unlock(), timeout)
            return report(record, client.registry, as_json=as_json)

    return run_to_end(run())


def history(as_json: Json = False, devnet: Devnet = False) -> int:
    """List payments."""

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet)) as client:
            records = client.history()
            if as_json:
                payments = [payment_document(r, client.registry) for r in records]
                print_json({"schema": "l2send.history/1", "payments": payments})
                return ExitStatus.DELIVERED
            if not records:
                err().print("No payments yet.")
                return ExitStatus.DELIVERED
            rows = table("id", "when (UTC)", "amount", "to", "from", "by", "state", right=("amount",))
            for r in records:
                rows.add_row(
                    r.id,
                    f"{datetime.fromtimestamp(r.created_at, UTC):%Y-%m-%d %H:%M}",
                    styled(r.payment.amount),
                    f"{client.registry.chain(r.payment.to.chain_id).short_name}:{r.payment.to.address}",
                    client.registry.chain(r.terms.source).short_name,
                    r.terms.bridge,
                    styled(r.state.value, "bold" if r.meaning.open else ""),
                )
            out().print(rows)
            return ExitStatus.DELIVERED

    return run_to_end(run())
