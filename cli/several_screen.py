"""Shows every payment of one transaction that a Safe's owners sign, decoded from its own bytes."""

from __future__ import annotations

from collections.abc import Sequence

from l2send.cli.batch_screen import number_of
from l2send.cli.money import cost, shorter
from l2send.cli.offline_files import recipient_of
from l2send.cli.own_accounts import whose
from l2send.cli.prompts import must_agree
from l2send.cli.safe_tx_screen import show_safe_tx
from l2send.cli.screen import err, print_pairs, styled
from l2send.client import Client
from l2send.core.effects import Pays, each_of
from l2send.core.errors import Refused
from l2send.core.plan import Payment
from l2send.core.units import Amount, Token
from l2send.review import Review
from l2send.wallet.safe_files import SafeBundle


async def approve_several(client: Client, bundle: SafeBundle, review: Review, *, verb: str, yes: bool) -> None:
    """Show all payments, and ask once. Raises Refused for a recipient that imitates another, Interrupted."""
    if review.findings.type_out:
        raise Refused(
            review.findings.type_out,
            hint="Nothing was signed. Compare it, then pay it by itself, or keep the account as a contact.",
        )
    paid = [effect for effect in each_of(review.effects[0]) if isinstance(effect, Pays)]
    whole = f"{number_of(len(paid), 'payment')}: {sums_of_amounts([one.amount for one in paid])}"
    chain = review.plan.quote.source
    rows = [("pay", styled(f"{whole} on {chain.name}, all of them or none", "bold"))]
    for number, one in enumerate(paid, 1):
        payment = Payment(bundle.payment.sender, one.to, one.amount)
        to = recipient_of(payment, client.registry, client.book)
        called = to.contact or whose(to.address, client.paths)
        rows.append((str(number), styled(f"{one.amount} to {f'{called}, ' if called else ''}{to}", limit=300)))
    rows.append(("cost", styled(cost(review.plan.way), limit=300)))
    rows += [("note", styled(said, "yellow", limit=500)) for said in review.findings.said]
    err().print()
    print_pairs(err(), rows)
    show_safe_tx(bundle, client.registry)
    what = "Cancel" if bundle.cancels else verb
    await must_agree(f"{what} {whole}, cost {cost(review.plan.way)}?", yes=yes)


def sums_of_amounts(amounts: Sequence[Amount]) -> str:
    """The sum of each token: `36 USDC and 0.5 ETH`."""
    sums = dict[Token, int]()
    for amount in amounts:
        sums[amount.token] = sums.get(amount.token, 0) + amount.units
    return " and ".join(shorter(Amount(units, token)) for token, units in sums.items())
