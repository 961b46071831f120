"""`l2send plan`: shows what a payment would cost by every way, and what would be signed. Sends nothing."""

from __future__ import annotations

from l2send.cli.commands.send import show_plan
from l2send.cli.option_groups import spread
from l2send.cli.options import KeyOptions, PayingRunOptions, PaymentWords, RouteOptions, SenderOptions
from l2send.cli.paying_safe import Safe


@spread
def plan(
    words: PaymentWords, safe: Safe = None, *, sender: SenderOptions, route: RouteOptions, run_options: PayingRunOptions
) -> int:
    """Show every way to make a payment, what each costs, and why one wins. Signs and sends nothing.

    Needs an address and no key. The same as `l2send … --dry-run`.

    Example: l2send plan 100 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --account alice
    """
    return show_plan(words, sender, KeyOptions(), route, run_options, safe)
