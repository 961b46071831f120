"""What a recovery records of a transaction that makes several payments."""

from __future__ import annotations

from collections.abc import Sequence

from l2send.bridges.direct import Direct
from l2send.bridges.shared_tx import shared_payment
from l2send.core.chains import Chain
from l2send.core.plan import Payment, Proposal, Quote, Step
from l2send.core.shared_tx import TOGETHER
from l2send.core.units import Amount, Seconds
from l2send.wallet.journal.approved_payment import ApprovedPayment


def found_together(
    chain: Chain,
    payments: tuple[Payment, ...],
    hash_of_it: str,
    known: Sequence[tuple[str, str, str]],
    *,
    steps: tuple[Step, ...] = (),
    proposal: Proposal | None = None,
) -> ApprovedPayment:
    """The transaction and, in the order of its calls, the payments that it makes. It has `steps` or a `proposal`.

    `known`: for each payment the key, typed name and memo of its line, empty without one.
    """
    nothing, key = Amount(0, chain.native), f"found:{chain.chain_id}:{hash_of_it}"
    quote = Quote(TOGETHER, chain, nothing, nothing, (), Seconds(0), steps, proposal=proposal, carries=payments)
    carried = tuple(
        ApprovedPayment(
            payment,
            (Quote(Direct.name, chain, payment.amount, payment.amount, (), Seconds(0), ()),),
            line_key or f"{key}:{call}",
            True,
            typed_name,
            memo,
        )
        for call, (payment, (line_key, typed_name, memo)) in enumerate(zip(payments, known, strict=True))
    )
    return ApprovedPayment(shared_payment(quote), (quote,), key, True, carried=carried)
