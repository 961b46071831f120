"""`l2send receive --wait`: follows an account on its chain until what was asked for has arrived."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from l2send.cli.documents import amount_document
from l2send.cli.outcome import explorer_link
from l2send.cli.payment_request import PaymentRequest
from l2send.cli.screen import as_json, err, out, print_words, styled
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, Interrupted
from l2send.core.rpc import open_rpcs
from l2send.core.units import Amount
from l2send.resolver.destination import Destination
from l2send.wallet.incoming import Expected, Incoming, expect, wait_for

DEFAULT_PATIENCE = 3600.0


@dataclass(frozen=True, slots=True)
class Reporter:
    """Tells people in sentences, and programs in JSON, a document a line."""

    found: Destination
    request: PaymentRequest
    as_json: bool

    def began(self, expected: Expected, document: dict[str, object]) -> None:
        """The waiting began: nothing that came before counts."""
        if self.as_json:
            self._emit("waiting", Incoming(_none(expected), _none(expected)), expected, {"request": document})
        else:
            chain = self.found.chain
            print_words(err(), styled(f"Waiting for {expected.amount} on {chain.name}. Ctrl-C ends it.", "bold"))

    def saw(self, incoming: Incoming, expected: Expected) -> None:
        """Something changed, and it is not all there yet."""
        if incoming.is_enough(expected):
            return
        if self.as_json:
            self._emit("seen", incoming, expected)
        elif incoming.doubt:
            print_words(err(), styled(f"not counted yet: {incoming.doubt}", "yellow", 400))
        else:
            blocks = max(1, self.found.chain.confirmations)
            confirmed = f"{incoming.settled} confirmed ({blocks} block{'' if blocks == 1 else 's'})"
            words = f"{incoming.seen} of {expected.amount} seen, {confirmed}"
            print_words(err(), styled(words))

    def ended(self, incoming: Incoming, expected: Expected) -> int:
        """It arrived, or the time is over: the exit status."""
        arrived = incoming.is_enough(expected)
        if self.as_json:
            self._emit("arrived" if arrived else "timeout", incoming, expected)
        elif arrived:
            chain = self.found.chain
            named = f" ({self.request.reference})" if self.request.reference else ""
            print_words(out(), styled(f"{incoming.settled} arrived on {chain.name}{named}.", "green"))
            for tx_hash in incoming.transactions:
                print_words(out(), styled(f"{chain.short_name} {explorer_link(chain, tx_hash) or tx_hash}"))
        else:
            words = f"The time is over: {incoming.settled} of {expected.amount} arrived."
            print_words(err(), styled(words, "yellow"))
            print_words(err(), what_to_do(incoming, expected))
        return ExitStatus.DELIVERED if arrived else ExitStatus.NOT_FINAL

    def _emit(self, event: str, incoming: Incoming, expected: Expected, more: dict[str, object] | None = None) -> None:
        document = {
            "schema": "l2send.incoming/1",
            "event": event,
            "at": round(time.time(), 3),
            "account": expected.to,
            "chain": self.found.chain.short_name,
            "reference": self.request.reference or None,
            "expected": amount_document(expected.amount),
            "seen": amount_document(incoming.seen),
            "arrived": amount_document(incoming.settled),
            "confirmations": max(1, self.found.chain.confirmations),
            "transactions": list(incoming.transactions),
            "detail": incoming.doubt,
            **(more or {}),
        }
        out().out(as_json(document, out()), highlight=False)
        out().file.flush()


def what_to_do(incoming: Incoming, expected: Expected) -> str:
    """What to do when the time is over. A new wait counts from zero, so the same command would ask for too much."""
    rest = expected.amount.units - incoming.seen.units
    if rest <= 0:
        return f"All of it is in a block, but not final: look with `l2send balances {expected.to}`. Do not wait again."
    if not incoming.seen.units:
        return "What is sent later still arrives at the address. Wait again with the same command."
    missing = Amount(rest, expected.amount.token).text
    return f"A new wait does not count what came before. For the rest, wait with --amount {missing}"


def _none(expected: Expected) -> Amount:
    return Amount(0, expected.amount.token)


async def wait(
    registry: Registry, amount: Amount, reporter: Reporter, document: dict[str, object], patience: float | None
) -> int:
    """Follow the account until all has arrived: 0, or 8 when the time is over. Raises NetworkError, Interrupted."""
    found, request = reporter.found, reporter.request
    if request.expires is not None:
        left = max(0.0, request.expires - time.time())
        patience = left if patience is None else min(left, patience)
    try:
        async with open_rpcs(registry) as rpcs:
            rpc = rpcs.on(found.chain.chain_id)
            expected = await expect(amount, found.address, rpc)
            reporter.began(expected, document)
            last = await wait_for(
                expected,
                rpc,
                lambda incoming: reporter.saw(incoming, expected),
                patience=DEFAULT_PATIENCE if patience is None else patience,
            )
            return reporter.ended(last, expected)
    except asyncio.CancelledError:
        raise Interrupted("interrupted. What is sent to the address still arrives.") from None
