"""`l2send status`: shows where a payment is, by a single query."""

from __future__ import annotations

from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.paying import interruptible, report
from l2send.cli.payment_choice import OptionalId, newest_payment
from l2send.cli.terminal import run_to_end
from l2send.client import open_client


@spread
def status(payment_id: OptionalId = "", *, run_options: RunOptions) -> int:
    """Look once at a payment: where the money is, who acts next. Sends nothing. Without an ID: the newest one.

    The exit status is the payment's: 0 delivered, 8 not final, 9 refunded or refund due, …
    The cost is what its receipts say was paid; until there are any it is the quoted one, marked "as quoted".

    Example: l2send status p-7k3f9q2m
    """

    async def run() -> int:
        async with open_client(run_options.paths) as client:
            meant = payment_id or newest_payment(client).id
            with interruptible(client, meant):
                record = await client.status(meant)
            return report(record, client.registry, as_json=run_options.as_json)

    return run_to_end(run())
