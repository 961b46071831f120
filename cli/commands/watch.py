"""`l2send watch`: follows a payment without a key."""

from __future__ import annotations

from l2send.cli.option_groups import spread
from l2send.cli.options import FollowOptions, RunOptions
from l2send.cli.paying import interruptible, report
from l2send.cli.payment_choice import OptionalId, newest_payment
from l2send.cli.progress import Live
from l2send.cli.terminal import run_to_end
from l2send.client import open_client


@spread
def watch(payment_id: OptionalId = "", *, following: FollowOptions, run_options: RunOptions) -> int:
    """Follow a payment until it is delivered or its money is back. Signs and sends nothing.

    Without an ID: the newest open one.

    Example: l2send watch p-7k3f9q2m --timeout 60
    """

    async def run() -> int:
        async with open_client(run_options.paths) as client:
            meant = payment_id or newest_payment(client, prefer_open=True).id
            with Live("looking at the chains") as live, interruptible(client, meant):
                record = await client.watch(meant, patience=following.timeout, progress=live.update)
            return report(record, client.registry, as_json=run_options.as_json)

    return run_to_end(run())
