"""`l2send close`: stops following a payment whose outcome no chain can prove."""

from __future__ import annotations

from l2send.cli.json_documents import payment_document
from l2send.cli.option_groups import spread
from l2send.cli.options import PaymentId, RunOptions, Yes
from l2send.cli.outcome import show_outcome
from l2send.cli.progress import Live
from l2send.cli.prompts import must_agree
from l2send.cli.replacing import payment_in_words, say_which
from l2send.cli.screen import err, print_json, print_words, styled
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.cli.times import local_times
from l2send.client import open_client
from l2send.core.errors import ExitStatus
from l2send.wallet.closing import details_of
from l2send.wallet.journal.records import Record


@spread
def close(payment_id: PaymentId, yes: Yes = False, *, run_options: RunOptions) -> int:
    """Close an open payment if no chain can prove whether the recipient was paid.

    Another transaction used its nonce, and the recipient got as much in that block: look at their account first.
    Closing sends nothing and proves nothing: the payment stays indeterminate, and l2send stops following it. It is
    refused while anything that was signed could still be mined.

    Example: l2send close p-7k3f9q2m
    """

    async def run() -> int:
        async with open_client(run_options.paths) as client:
            must_be_able_to_ask(yes=yes)
            with Live("looking at the chains"):
                record = await client.status(payment_id)
                await client.refuse_to_close(record)
            say_which(record, client.registry)
            _explain(record)
            await must_agree(f"Close the payment of {payment_in_words(record, client.registry)}?", yes=yes)
            closed = client.close(record)
            if run_options.as_json:
                print_json(payment_document(closed, client.registry))
            else:
                show_outcome(closed, client.registry)
            return ExitStatus.DELIVERED

    return run_to_end(run())


def _explain(record: Record) -> None:
    """Print why it is open, and what closing it means."""
    open_legs = [leg for leg in record.legs if leg.meaning.open]
    for detail in dict.fromkeys(detail for leg in open_legs for detail in details_of(leg)):
        print_words(err(), styled(f"It is open because {local_times(detail)}.", limit=400))
    print_words(
        err(),
        "Closing sends nothing and proves nothing. It only stops following the payment. "
        "Look at the recipient's account before you pay again.",
    )
