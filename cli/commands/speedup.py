"""`l2send speedup`: signs a pending transaction again, with the same nonce and higher fees."""

from __future__ import annotations

from l2send.cli.option_groups import spread
from l2send.cli.options import AccountOptions, KeyOptions, PaymentId, ResumeOptions, RunOptions, Yes
from l2send.cli.paying import report
from l2send.cli.progress import Live
from l2send.cli.prompts import must_agree
from l2send.cli.replacing import ReplaceOptions, payment_in_words, show_bids, sign_and_follow
from l2send.cli.sender import choose_signer, refuse_contradiction
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.client import Client, open_client
from l2send.wallet.journal.records import PaymentRecord


@spread
def speedup(
    payment_id: PaymentId,
    yes: Yes = False,
    *,
    account: AccountOptions,
    keys: KeyOptions,
    how: ResumeOptions,
    run_options: RunOptions,
) -> int:
    """Speed up a pending payment: sign it again with the same nonce and higher fees.

    The chain takes one of the two, so the payment is made once.

    Example: l2send speedup p-7k3f9q2m
    """
    refuse_contradiction(keys)
    limit = how.limit
    options = ReplaceOptions(account, keys, how.timeout, yes, run_options.as_json)

    async def run() -> int:
        async with open_client(run_options.paths, fee_limit=limit) as client:
            return await _speed_up(client, client.get(payment_id), options)

    return run_to_end(run())


async def _speed_up(client: Client, record: PaymentRecord, options: ReplaceOptions) -> int:
    must_be_able_to_ask(yes=options.yes)
    with Live("looking at the chains"):
        bids = await client.speedup_bids(record.id)
    show_bids(record, bids, client.registry)
    asked = f"Sign the payment of {payment_in_words(record, client.registry)} again, at the higher fee?"
    await must_agree(asked, yes=options.yes)
    who = choose_signer(client.paths, client.find(record.id), options.account, options.keys)
    after = await sign_and_follow(client, record, bids, who, client.replace, options)
    return report(after, client.registry, as_json=options.as_json)
