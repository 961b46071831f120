"""`l2send speedup` and `l2send cancel`: what can be done while a transaction waits to be mined."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from l2send.cli.commands.revoke import take_back
from l2send.cli.commands.send import Timeout, finish, interruptible, must_be_answerable, report
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
    Yes,
)
from l2send.cli.outcome import what_stays_valid
from l2send.cli.progress import Live
from l2send.cli.prompts import must_agree
from l2send.cli.routing import FeeLimitText, fee_limit_from
from l2send.cli.screen import err, print_pairs, styled
from l2send.cli.sender import choose_payer, paths_for, run_to_end, unlocking_from
from l2send.client import Client, open_client
from l2send.core.chains import Registry
from l2send.core.errors import NeedsConfirmation, Sent
from l2send.core.fees import has_l1_fee
from l2send.core.plan import StepKind
from l2send.core.units import Amount
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.replacement import Bid

SPEEDUP, CANCEL = "speedup", "cancel"
"""Their names, which say what is signed."""

SPEEDUP_HELP = """Have a waiting payment mined sooner: sign it again with the same nonce and higher fees.

The chain takes one of the two, whichever it is: the payment is made once.

Example: l2send speedup p-7k3f9q2m"""

CANCEL_HELP = """Cancel a payment that waits to be mined: sign a transfer of nothing with its nonce and higher fees.

The chain takes one of the two. Exit status 7: it is cancelled. 0: it was mined all the same, and is delivered.
Of a payment that ended after its approval, what its bridge may still take is taken back.

Example: l2send cancel p-7k3f9q2m"""


def outbid(
    context: typer.Context,
    payment_id: PaymentId,
    yes: Yes = False,
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
    """Both commands: show what would be signed for the nonce that waits, ask, sign it, and follow what is taken."""
    cancelling = context.info_name == CANCEL
    limit = fee_limit_from(fee_limit)
    unlocking = unlocking_from(password_file, password_fd, private_key, ledger, trezor, hd_path, hd_index)

    async def run() -> int:
        async with open_client(paths_for(devnet=devnet), fee_limit=limit) as client:
            record: PaymentRecord = client.journal.get(payment_id)
            must_be_answerable(yes=yes)
            with Live("looking at the chains"):
                ended = cancelling and not record.meaning.open and record.left_allowed
                look = client.cancel_bids if cancelling else client.speedup_bids
                bids = [] if ended else await look(record.id)
            if cancelling and record.nonces_elsewhere:
                await _tell_of_its_file(client, record, yes=yes)
            elif not bids:
                err().print("Its payment is not signed yet, and will not be. Nothing needs to be sent for that.")
            _show(bids, client.registry)
            if cancelling and record.left_allowed:
                err().print("You sign: what its bridge may still take of your tokens is taken back.")
            amount = record.payment.amount
            await must_agree(
                f"Cancel the payment of {amount}?" if cancelling else "Sign it again at the higher fee?", yes=yes
            )
            who = choose_payer(client.paths, record.payment.sender, account, keystore, unlocking)
            if bids or (cancelling and record.left_allowed):
                who.unlock()
            with Live("signing for its nonce again") as live, interruptible(client, record.id):
                replace = client.cancel if cancelling else client.replace
                record = await replace(record.id, bids, who, progress=live.update)
            after: Record = await finish(client, record.id, who, timeout) if bids else record
            if cancelling:
                after = await take_back(client, record.id, who, timeout)
            return report(after, client.registry, as_json=as_json)

    return run_to_end(run())


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
