"""What `l2send speedup` and `l2send cancel` share: showing the bids, and signing them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from l2send.cli.options import AccountOptions, KeyOptions
from l2send.cli.paying import follow, interruptible
from l2send.cli.progress import Live
from l2send.cli.screen import err, print_pairs, print_words, styled
from l2send.cli.sender import Sender
from l2send.client import Client
from l2send.core.address import short
from l2send.core.chains import Registry
from l2send.core.fees import has_l1_fee
from l2send.core.plan import StepKind
from l2send.core.text import in_words
from l2send.core.units import Amount
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.replacement import Bid


@dataclass(frozen=True, slots=True)
class ReplaceOptions:
    """The options of both commands."""

    account: AccountOptions
    keys: KeyOptions
    timeout: float
    yes: bool
    as_json: bool


async def sign_and_follow(
    client: Client,
    record: PaymentRecord,
    bids: Sequence[Bid],
    who: Sender,
    replace: Callable[..., Awaitable[PaymentRecord]],
    options: ReplaceOptions,
) -> Record:
    """Sign `bids` by `replace`, and follow the payment until the chain has taken one of its transactions."""
    if bids:
        who.unlock()
    with Live("signing for its nonce again") as live, interruptible(client, record.id):
        record = await replace(record.id, bids, who, progress=live.update)
    return await follow(client, record.id, who, options.timeout) if bids else record


def payment_in_words(record: Record, registry: Registry) -> str:
    """`3 USDC to alice on Base`: with the name typed for the recipient, else its shortened address."""
    to = record.payment.to
    name = record.typed_name or short(to.address)
    return f"{record.payment.amount} to {name} on {registry.shown(to.chain_id).name}"


def say_which(record: Record, registry: Registry) -> None:
    """Print on stderr which payment it is, and its state: before a password is asked for it."""
    words = f"{record.id}: {payment_in_words(record, registry)}, {in_words(record.state)}."
    print_words(err(), styled(words, "bold", limit=400))


def show_bids(record: PaymentRecord, bids: Sequence[Bid], registry: Registry) -> None:
    """Print on stderr the payment, what would be signed, what that replaces, and its cost."""
    if not bids:
        return
    rows = [("payment", f"{record.id}, {payment_in_words(record, registry)}")]
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
