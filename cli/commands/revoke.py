"""What a payment that was cancelled still allows its bridge: taken back, as the last thing of `l2send cancel`."""

from __future__ import annotations

from l2send.cli.commands.send import interruptible
from l2send.cli.progress import Live
from l2send.client import Client
from l2send.wallet.journal.records import Record
from l2send.wallet.keys.signer import Signer


async def take_back(client: Client, payment_id: str, who: Signer, timeout: float) -> Record:
    """Sign the approval of nothing, if the chain says that something is allowed. Raises as `Client.revoke` does."""
    step = await client.revocation(payment_id)
    if step:
        with Live("taking the allowance back") as live, interruptible(client, payment_id):
            await client.revoke(payment_id, step, who, patience=timeout, progress=live.update)
    return client.journal.get(payment_id)
