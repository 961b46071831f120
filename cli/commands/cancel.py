"""`l2send cancel`: signs a transfer of nothing with the nonce of a pending transaction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2send.cli.money import at_the_price_of, shorter
from l2send.cli.offline_files import refuse_existing
from l2send.cli.option_groups import spread
from l2send.cli.options import AccountOptions, KeyOptions, PaymentId, ResumeOptions, RunOptions, Yes
from l2send.cli.outcome import what_stays_valid
from l2send.cli.paying import interruptible, report
from l2send.cli.progress import Live
from l2send.cli.prompts import must_agree
from l2send.cli.replacing import ReplaceOptions, payment_in_words, show_bids, sign_and_follow
from l2send.cli.safe_signing import write_safe_file
from l2send.cli.safe_tx_screen import show_safe_tx
from l2send.cli.screen import err, print_words, styled
from l2send.cli.sender import choose_payer, refuse_contradiction
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.client import Client, open_client
from l2send.core.errors import ExitStatus, NeedsConfirmation, Sent, UsageError
from l2send.core.fees import gas_price
from l2send.core.units import Amount
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.keys.signer import Signer
from l2send.wallet.safe_files import safe_bundle_of

CancelFile = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="FILE", help="The new file, for the owners of a Safe.")
]


@spread
def cancel(
    payment_id: PaymentId,
    yes: Yes = False,
    output: CancelFile = None,
    *,
    account: AccountOptions,
    keys: KeyOptions,
    how: ResumeOptions,
    run_options: RunOptions,
) -> int:
    """Cancel a pending payment: sign a transfer of nothing with its nonce and higher fees.

    The chain takes one of the two. Exit status 7: it is cancelled. 0: it was mined before, and is delivered.
    What you signed for a sponsor is taken back by a transaction of yours, which needs gas.
    Of a payment that ended after its approval, the allowance of its bridge is revoked.
    Of one that the owners of a Safe sign, a file is written that they sign as well: it takes the nonce.

    Example: l2send cancel p-7k3f9q2m

    Example: l2send cancel p-7k3f9q2m -o cancel.json
    """
    refuse_contradiction(keys)
    limit = how.limit
    options = ReplaceOptions(account, keys, how.timeout, yes, run_options.as_json)

    async def run() -> int:
        async with open_client(run_options.paths, fee_limit=limit) as client:
            record = client.get(payment_id)
            if record.proposal:
                record = client.not_shared(payment_id)
                return await _write_for_owners(client, record, output, as_json=options.as_json)
            if output:
                raise UsageError(f"{record.id} is cancelled here, not by the owners of a Safe.", hint="Leave -o out.")
            return await _cancel(client, record, options)

    return run_to_end(run())


async def _cancel(client: Client, record: PaymentRecord, options: ReplaceOptions) -> int:
    must_be_able_to_ask(yes=options.yes)
    if not record.meaning.open and record.left_allowed:
        return await _cancel_allowance(client, record, options)
    with Live("looking at the chains"):
        bids = await client.cancel_bids(record.id)
    if record.nonces_elsewhere:
        await _tell_of_its_file(client, record, yes=options.yes)
    elif not bids and not record.can_be_taken_back:
        err().print("Its payment is not signed yet, and will not be. Nothing needs to be sent for that.")
    show_bids(record, bids, client.registry)
    if record.left_allowed:
        words = f"You sign: an approval of zero, which revokes the allowance of {shorter(record.terms.pays)}."
        print_words(err(), styled(words, limit=300))
    if record.can_be_taken_back:
        err().print("You sign: a transaction that uses up its nonce at the EntryPoint. It needs gas.")
        err().print("A sponsor may still be faster: the chain takes one of the two.")
    await must_agree(f"Cancel the payment of {payment_in_words(record, client.registry)}?", yes=options.yes)
    who = choose_payer(client.paths, record.payment.signer, options.account, options.keys)
    if record.left_allowed or record.can_be_taken_back:
        who.unlock()
    await sign_and_follow(client, record, bids, who, client.cancel, options)
    after = await _revoke(client, record.id, who, options.timeout)
    return report(after, client.registry, as_json=options.as_json)


async def _cancel_allowance(client: Client, record: PaymentRecord, options: ReplaceOptions) -> int:
    """Of a payment that has ended, what its bridge may still take: asked about with its gas, then revoked."""
    chain = client.registry.chain(record.terms.source)
    with Live("looking at the chains"):
        step = await client.revocation(record.id)
        price = await gas_price(client.rpcs.on(chain.chain_id))
    if step is None:
        print_words(err(), styled(f"{record.id} has left no allowance on {chain.name}: nothing needs to be signed."))
        return report(record, client.registry, as_json=options.as_json)
    gas = at_the_price_of(record.terms.fees, Amount(price.most(step.gas), chain.native))
    allowed = f"the allowance of {shorter(record.terms.pays)} to {record.terms.bridge} on {chain.name}"
    await must_agree(f"Revoke {allowed}, gas at most {gas}?", yes=options.yes)
    who = choose_payer(client.paths, record.payment.signer, options.account, options.keys)
    who.unlock()
    after = await _revoke(client, record.id, who, options.timeout)
    return report(after, client.registry, as_json=options.as_json)


async def _write_for_owners(client: Client, record: PaymentRecord, output: Path | None, *, as_json: bool) -> int:
    """Write the file with which a Safe's owners cancel the payment. Raises UsageError, Refused if it has ended."""
    if output is None:
        raise UsageError(
            f"the owners of the Safe sign what cancels {record.id}.", hint="Write it to a file: add -o cancel.json"
        )
    refuse_existing(output)
    with Live("looking at the Safe"), interruptible(client, record.id):
        await client.status(record.id)
    bundle = safe_bundle_of(client.get(record.id), cancels=True)
    of_one = f"the payment of {record.payment.amount} to {record.payment.to.address}"
    instead = f"all {len(bundle.carries)} payments of {record.id}" if bundle.carries else of_one
    err().print(styled(f"instead of {instead}:", limit=300))
    show_safe_tx(bundle, client.registry)
    write_safe_file(output, bundle, as_json=as_json)
    return ExitStatus.DELIVERED


async def _revoke(client: Client, payment_id: str, who: Signer, timeout: float) -> Record:
    """Sign the approval of zero if the chain shows an allowance. Raises as `Client.revoke` does."""
    step = await client.revocation(payment_id)
    if step:
        with Live("taking back what was signed") as live, interruptible(client, payment_id):
            await client.revoke(payment_id, step, who, patience=timeout, progress=live.update)
            return await client.status(payment_id)
    return client.get(payment_id)


async def _tell_of_its_file(client: Client, record: PaymentRecord, *, yes: bool) -> None:
    """Say what a prepared payment's file can still do. Raises NeedsConfirmation if it may have been sent already."""
    err().print("What is not signed here will not be.")
    err().print(styled(what_stays_valid(record, client.registry), limit=300))
    if not (taken := await client.nonces_taken(record.id)):
        return
    words = f"Nonce {taken[0]} is used already: a signed file of it may have been sent, and the payment made."
    if yes:
        hint = (
            "`l2send broadcast FILE` finds out. Without it, look at the recipient's account, then cancel without --yes."
        )
        raise NeedsConfirmation(words, hint=hint, sent=Sent.MAYBE)
    err().print(styled(words, "bold", limit=300))
