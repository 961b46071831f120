"""Files of a Safe's payment: its owners sign and join them, and any account with gas sends them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from l2send.cli.consent import consent, notes_of, refuse_look_alike
from l2send.cli.offline_files import recipient_of, refuse_existing, write_document
from l2send.cli.options import AccountOptions, FollowOptions, KeyOptions, RunOptions, SenderOptions
from l2send.cli.paying import interruptible, report
from l2send.cli.progress import Live
from l2send.cli.replacing import say_which
from l2send.cli.review_text import show_review
from l2send.cli.safe_tx_screen import show_safe_tx
from l2send.cli.screen import err, print_words, styled
from l2send.cli.sender import Sender, choose_sender, refuse_contradiction
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.client import Client, open_client
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, NotFinal
from l2send.core.paths import Paths
from l2send.offline_lookups import paid_accounts_like
from l2send.resolver.contacts import load_book
from l2send.review import OfflineLimits, Review, review_of_safe
from l2send.wallet.journal.records import Record
from l2send.wallet.safe_files import SafeBundle, read_safe_file, refuse_unless_missing, safe_document, sign_safe


@dataclass(frozen=True, slots=True)
class SigningOptions:
    """The options of `l2send sign` besides the key."""

    file: Path
    output: Path
    yes: bool
    again: bool
    run_options: RunOptions


def sign_as_owner(asked: SigningOptions, limits: OfflineLimits, account: AccountOptions, keys: KeyOptions) -> int:
    """Show what the Safe would do, and add the signature of one owner. Uses no network."""
    paths, registry = asked.run_options.paths, asked.run_options.registry()
    read = read_safe_file(asked.file)
    review = _review(read, paths, registry, limits)
    refuse_existing(asked.output)
    refuse_contradiction(keys)
    must_be_able_to_ask(yes=asked.yes)
    who = choose_sender(paths, SenderOptions(account.account, account.keystore), keys)
    refuse_unless_missing(read, who.address)

    async def run() -> int:
        async with open_client(paths, registry) as client:
            # Refuses the file, also a cancellation, if its nonce belongs to another payment.
            bundle = client.adopted(read) or read
            await _approve(client, bundle, review, verb="Sign the payment of", yes=asked.yes)
            if not bundle.cancels:  # A cancellation is not a payment of this journal, unless it is there already.
                client.adopt(bundle, review, again=asked.again)
            signed = sign_safe(bundle, who)
            write_safe_file(asked.output, signed, as_json=asked.run_options.as_json)
            return ExitStatus.DELIVERED

    return run_to_end(run())


def send_for_owners(
    file: Path,
    account: AccountOptions,
    keys: KeyOptions,
    following: FollowOptions,
    run_options: RunOptions,
    *,
    yes: bool,
) -> int:
    """Have the Safe run what enough of its owners signed, and follow the payment until it ends. Asks first if this
    journal does not have the payment yet.
    """
    paths, registry = run_options.paths, run_options.registry()
    read = read_safe_file(file)
    review = _review(read, paths, registry, None)
    refuse_contradiction(keys)
    who = choose_sender(paths, SenderOptions(account.account, account.keystore), keys)

    async def run() -> int:
        async with open_client(paths, registry) as client:
            bundle = client.adopted(read) or read
            if bundle is read:
                must_be_able_to_ask(yes=yes)
                await _approve(client, bundle, review, verb="Send the payment of", yes=yes)
                client.adopt(bundle, review)
            else:
                say_which(client.find(bundle.id), registry)
            record = await _execute(client, bundle, who, following.timeout)
            return report(record, client.registry, as_json=run_options.as_json)

    return run_to_end(run())


def write_safe_file(path: Path, bundle: SafeBundle, *, as_json: bool) -> None:
    """Write the new file, and print who has signed and who is missing."""
    write_document(path, safe_document(bundle), bundle.id, as_json=as_json)
    print_words(err(), f"{_signed(bundle)} {_who_is_next(bundle)}")
    err().print(f"Next: {_next_line(bundle, path)}", soft_wrap=True)  # only the terminal breaks it: it is copied whole


def _review(bundle: SafeBundle, paths: Paths, registry: Registry, limits: OfflineLimits | None) -> Review:
    known = [*(contact.address for contact in load_book(paths.contacts))]
    for payment in bundle.payments:
        known += paid_accounts_like(paths, payment.to.address)
    return review_of_safe(bundle, registry, known, limits)


async def _approve(client: Client, bundle: SafeBundle, review: Review, *, verb: str, yes: bool) -> None:
    """Show it, and ask. Raises Interrupted, Refused."""
    if bundle.carries:
        from l2send.cli.several_screen import approve_several  # one payment does not wait for it

        await approve_several(client, bundle, review, verb=verb.partition(" ")[0], yes=yes)
        return
    if yes:
        refuse_look_alike(review)
    target = recipient_of(bundle.payment, client.registry, client.book)
    show_review(review, client.registry, target, notes=notes_of(target, review, client.paths))
    show_safe_tx(bundle, client.registry)
    if not yes:
        await consent(target, review, client.registry, verb="Cancel the payment of" if bundle.cancels else verb)


async def _execute(client: Client, bundle: SafeBundle, who: Sender, timeout: float) -> Record:
    try:
        with Live("looking at the Safe", payment_id=bundle.id) as live, interruptible(client, bundle.id):
            return await client.execute(bundle, who, patience=timeout, progress=live.update)
    except NotFinal as unfinished:
        for line in [*unfinished.message.splitlines(), unfinished.hint]:
            print_words(err(), styled(line, limit=600))
        return client.find(bundle.id)


def _signed(bundle: SafeBundle) -> str:
    said = f"The file has {len(bundle.signatures)} of the {bundle.proposal.threshold} signatures that the Safe needs."
    unverified = [one.owner for one in bundle.signatures if not one.is_verified]
    return f"{said} Only the chain can tell whether it is true of {', '.join(unverified)}." if unverified else said


def _who_is_next(bundle: SafeBundle) -> str:
    more = bundle.proposal.threshold - len(bundle.signatures)
    return f"{more} more, from: {', '.join(bundle.missing)}." if more > 0 else "Any account with gas can send it."


def _next_line(bundle: SafeBundle, path: Path) -> str:
    is_whole = len(bundle.signatures) >= bundle.proposal.threshold
    return f"l2send broadcast {path}" if is_whole else f"l2send sign {path} -o SIGNED"
