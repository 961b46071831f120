"""`l2send sign`: shows what a prepared payment does, and signs it without a network."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from l2send.cli.consent import consent, notes_of, refuse_look_alike
from l2send.cli.offline_files import File, Output, recipient_of, refuse_existing, show_parts, write_bundle
from l2send.cli.option_groups import spread
from l2send.cli.options import AccountOptions, Again, KeyOptions, RunOptions, Yes
from l2send.cli.review_text import show_review
from l2send.cli.safe_signing import SigningOptions, sign_as_owner
from l2send.cli.screen import err, print_words
from l2send.cli.sender import choose_payer
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.core.errors import ExitStatus, UsageError
from l2send.offline_lookups import paid_accounts_like
from l2send.resolver.contacts import load_book
from l2send.review import OfflineLimits, review_of
from l2send.wallet.offline import read
from l2send.wallet.offline import sign as sign_bundle
from l2send.wallet.safe_files import is_safe_file

_MAX_FEE = "3%: the most that bridges may keep. 0.1ETH: the most that network fees may cost; the default is 0.05 coin."
_LIMIT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,18})?)([%A-Za-z0-9]{0,12})", re.ASCII)


@spread
def sign(
    file: File,
    output: Output,
    yes: Yes = False,
    fee_limit: Annotated[str, typer.Option("--max-fee", metavar="LIMIT", help=_MAX_FEE)] = "",
    again: Again = False,
    *,
    account: AccountOptions,
    keys: KeyOptions,
    run_options: RunOptions,
) -> int:
    """Show what a prepared payment does, decoded from its bytes, and sign it. Asks no network.

    Of a payment of a Safe each owner signs the file, one after another, or copies of it that `l2send merge` joins.

    Example: l2send sign pay.json --account alice -o signed.json
    """
    limits = _offline_limits(fee_limit)
    if is_safe_file(file):
        asked = SigningOptions(file, output, yes, again, run_options)
        return sign_as_owner(asked, limits, account, keys)
    paths, registry = run_options.paths, run_options.registry()
    bundle = read(file)
    book = load_book(paths.contacts)
    known = [*(contact.address for contact in book), *paid_accounts_like(paths, bundle.payment.to.address)]
    review = review_of(bundle, registry, known, limits)
    refuse_existing(output)
    if yes:
        refuse_look_alike(review)
    must_be_able_to_ask(yes=yes)
    who = choose_payer(paths, bundle.payment.sender, account, keys)
    target = recipient_of(bundle.payment, registry, book)
    show_review(review, registry, target, notes=notes_of(target, review, paths))
    show_parts(bundle, registry)

    async def run() -> int:
        if not yes:
            await consent(target, review, registry, verb="Sign the payment of")
        write_bundle(output, sign_bundle(bundle, who), as_json=run_options.as_json)
        print_words(err(), f"Signed. Where it was prepared: l2send broadcast {output}")
        return ExitStatus.DELIVERED

    return run_to_end(run())


def _offline_limits(text: str) -> OfflineLimits:
    """`3%` of what bridges keep, or `0.1ETH` of network fees. Raises UsageError for dollars: no price is known here."""
    if not text:
        return OfflineLimits()
    found = _LIMIT.fullmatch(text.strip())
    if not found or found[2].lower() == "usd":
        raise UsageError(
            f"not a limit for fees where no price is known: {text[:20]!r}.",
            hint="Write what bridges may keep in percent, --max-fee 3%, or network fees in coin, --max-fee 0.1ETH.",
        )
    number = float(found[1])
    return OfflineLimits(percent=number) if found[2] in {"", "%"} else OfflineLimits(coins=number)
