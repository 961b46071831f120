"""`l2send speedup` and `l2send cancel`: what can be done while a transaction waits to be mined."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from l2send.cli.options import AccountOptions, KeyOptions, PaymentId, ResumeOptions, RunOptions, Yes
from l2send.cli.outcome import what_stays_valid
from l2send.cli.paying import follow, interruptible, report
from l2send.cli.progress import Live
from l2send.cli.prompts import must_agree
from l2send.cli.screen import err, print_pairs, styled
from l2send.cli.sender import Sender, choose_payer, refuse_contradiction
from l2send.cli.spread import spread
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.client import Client, open_client
from l2send.core.chains import Registry
from l2send.core.errors import NeedsConfirmation, Sent
from l2send.core.fees import has_l1_fee
from l2send.core.plan import StepKind
from l2send.core.units import Amount
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.keys.signer import Signer
from l2send.wallet.replacement import Bid


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options of either command."""

    account: AccountOptions
    keys: KeyOptions
    timeout: float
    yes: bool
    as_json: bool


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
    asked = _Asked(account, keys, how.timeout, yes, run_options.as_json)

    async def run() -> int:
        async with open_client(run_options.paths, fee_limit=limit) as client:
            return await _speed_up(client, client.get(payment_id), asked)

    return run_to_end(run())


@spread
def cancel(
    payment_id: PaymentId,
    yes: Yes = False,
    *,
    account: AccountOptions,
    keys: KeyOptions,
    how: ResumeOptions,
    run_options: RunOptions,
) -> int:
    """Cancel a pending payment: sign a transfer of nothing with its nonce and higher fees.

    The chain takes one of the two. Exit status 7: it is cancelled. 0: it was mined before, and is delivered.
    Of a payment that ended after its approval, the allowance of its bridge is revoked.

    Example: l2send cancel p-7k3f9q2m
    """
    refuse_contradiction(keys)
    limit = how.limit
    asked = _Asked(account, keys, how.timeout, yes, run_options.as_json)

    async def run() -> int:
        async with open_client(run_options.paths, fee_limit=limit) as client:
            return await _cancel(client, client.get(payment_id), asked)

    return run_to_end(run())


async def _speed_up(client: Client, record: PaymentRecord, asked: _Asked) -> int:
    must_be_able_to_ask(yes=asked.yes)
    with Live("looking at the chains"):
        bids = await client.speedup_bids(record.id)
    _show(bids, client.registry)
    await must_agree("Sign it again at the higher fee?", yes=asked.yes)
    who = choose_payer(client.paths, record.payment.signer, asked.account, asked.keys)
    return await _sign(client, record, bids, who, client.replace, asked)


async def _cancel(client: Client, record: PaymentRecord, asked: _Asked) -> int:
    must_be_able_to_ask(yes=asked.yes)
    with Live("looking at the chains"):
        bids = [] if not record.meaning.open and record.left_allowed else await client.cancel_bids(record.id)
    if record.nonces_elsewhere:
        await _tell_of_its_file(client, record, yes=asked.yes)
    elif not bids:
        err().print("Its payment is not signed yet, and will not be. Nothing needs to be sent for that.")
    _show(bids, client.registry)
    if record.left_allowed:
        err().print("You sign: the allowance of its bridge is revoked.")
    await must_agree(f"Cancel the payment of {record.payment.amount}?", yes=asked.yes)
    who = choose_payer(client.paths, record.payment.signer, asked.account, asked.keys)
    if record.left_allowed:
        who.unlock()
    return await _sign(client, record, bids, who, client.cancel, asked, revoking=True)


async def _sign(
    client: Client,
    record: PaymentRecord,
    bids: Sequence[Bid],
    who: Sender,
    replace: Callable[..., Awaitable[PaymentRecord]],
    asked: _Asked,
    *,
    revoking: bool = False,
) -> int:
    """Sign `bids` by `replace`, follow what the chain takes, and report it."""
    if bids:
        who.unlock()
    with Live("signing for its nonce again") as live, interruptible(client, record.id):
        record = await replace(record.id, bids, who, progress=live.update)
    after: Record = await follow(client, record.id, who, asked.timeout) if bids else record
    if revoking:
        after = await _revoke(client, record.id, who, asked.timeout)
    return report(after, client.registry, as_json=asked.as_json)


async def _revoke(client: Client, payment_id: str, who: Signer, timeout: float) -> Record:
    """Sign the approval of nothing, if the chain says that something is allowed. Raises as `Client.revoke` does."""
    step = await client.revocation(payment_id)
    if step:
        with Live("revoking the allowance") as live, interruptible(client, payment_id):
            await client.revoke(payment_id, step, who, patience=timeout, progress=live.update)
    return client.get(payment_id)


async def _tell_of_its_file(client: Client, record: PaymentRecord, *, yes: bool) -> None:
    """Of what was prepared to be signed elsewhere. Raises NeedsConfirmation where it may have been sent already."""
    err().print("What is not signed here will not be.")
    err().print(styled(what_stays_valid(record, client.registry), limit=300))
    if not (taken := await client.nonces_taken(record.id)):
        return
    words = f"Nonce {taken[0]} is used already: a signed file of it may have been sent, and the payment made."
    if yes:
        hint = "`l2send broadcast FILE` tells. Without it, look at the recipient's account, and cancel without --yes."
        raise NeedsConfirmation(words, hint=hint, sent=Sent.MAYBE)
    err().print(styled(words, "bold", limit=300))


def _show(bids: Sequence[Bid], registry: Registry) -> None:
    """Print on stderr what would be signed, instead of what, and what it costs."""
    if not bids:
        return
    rows = list[tuple[str, str]]()
    for bid in bids:
        chain, former = registry.chain(bid.former.chain_id), bid.former
        cancelling = bid.step.kind is StepKind.CANCEL
        most, before = Amount(bid.most, chain.native), Amount(bid.former_most, chain.native)
        beside = ", and the L1 data fee" if has_l1_fee(chain) else ""
        rows += [
            ("instead of", f"{former.step.kind} {former.hash} on {chain.name}, nonce {former.nonce}"),
            ("you sign", "a transfer of nothing to yourself" if cancelling else f"the same {former.step.kind} again"),
            ("fee", f"at most {most} (before: {before}){beside}; the chain takes one of the two"),
        ]
    err().print()
    print_pairs(err(), [(label, styled(words, limit=300)) for label, words in rows])
    err().print()
