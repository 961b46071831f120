"""`l2send receive --wait`: follows an account on one chain or several until the requested amount has arrived."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass, field

from l2send.cli.json_documents import amount_document
from l2send.cli.lines_to_type import as_typed_here
from l2send.cli.outcome import explorer_link
from l2send.cli.payment_request import PaymentRequest
from l2send.cli.screen import as_json, err, out, print_words, styled
from l2send.cli.times import clock
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, Interrupted
from l2send.core.rpc import Rpcs, open_rpcs
from l2send.core.units import Amount
from l2send.resolver.destination import Destination
from l2send.wallet.incoming import Arrivals, Incoming, Place, expect, wait_for

DEFAULT_PATIENCE = 3600.0


@dataclass(frozen=True, slots=True)
class Reporter:
    """Reports to people in sentences, and to programs in JSON, one document per line."""

    found: tuple[Destination, ...]
    """The possible destinations, one per chain."""
    request: PaymentRequest
    as_json: bool
    started: float = field(default_factory=time.time)
    """Unix time: what arrived before does not count."""

    @property
    def _where(self) -> str:
        return " and ".join(one.chain.name for one in self.found) + (" together" if len(self.found) > 1 else "")

    def began(self, arrivals: Arrivals, documents: list[dict[str, object]]) -> None:
        """The waiting started: earlier payments do not count."""
        if self.as_json:
            is_one = len(documents) == 1
            self._emit("waiting", arrivals, {"request": documents[0]} if is_one else {"requests": documents})
        else:
            words = f"Waiting for {arrivals.wanted} on {self._where}, from now on. Ctrl-C ends it."
            print_words(err(), styled(words, "bold", 400))

    def saw(self, arrivals: Arrivals) -> None:
        """Report a change before everything has arrived."""
        if arrivals.is_enough():
            return
        if self.as_json:
            self._emit("seen", arrivals)
        elif arrivals.doubts:
            print_words(err(), styled(f"not counted yet: {' '.join(arrivals.doubts)}", "yellow", 400))
        else:
            blocks = _confirmations(self.found)
            confirmed = f"{arrivals.settled} confirmed ({blocks} block{'' if blocks == 1 else 's'})"
            print_words(
                err(), styled(f"{arrivals.seen} of {arrivals.wanted} seen{_split(arrivals)}, {confirmed}", limit=400)
            )

    def ended(self, arrivals: Arrivals) -> int:
        """Report that it arrived, or that the time is over. Returns the exit status."""
        arrived = arrivals.is_enough()
        if self.as_json:
            self._emit("arrived" if arrived else "timeout", arrivals)
        elif arrived:
            named = f" ({self.request.reference})" if self.request.reference else ""
            words = f"{arrivals.settled} arrived on {self._where}{_split(arrivals)}{named}."
            print_words(out(), styled(words, "green", 400))
            for one, part in zip(self.found, arrivals.parts, strict=True):
                for tx_hash in part.transactions:
                    link = explorer_link(one.chain, tx_hash) or tx_hash
                    print_words(out(), styled(f"{one.chain.short_name} {link}"))
        else:
            since = clock(round(self.started))
            words = f"The time is over: {arrivals.settled} of {arrivals.wanted} arrived since {since}."
            print_words(err(), styled(f"{words}{_before(arrivals)}", "yellow", 400))
            print_words(err(), what_to_do(arrivals))
        return ExitStatus.DELIVERED if arrived else ExitStatus.NOT_FINAL

    def _emit(self, event: str, arrivals: Arrivals, more: dict[str, object] | None = None) -> None:
        is_one = len(self.found) == 1
        document = {
            "schema": "l2send.incoming/1",
            "event": event,
            "at": round(time.time(), 3),
            "account": self.found[0].address,
            "chain": self.found[0].chain.short_name if is_one else None,
            "reference": self.request.reference or None,
            "expected": amount_document(arrivals.wanted),
            "seen": amount_document(arrivals.seen),
            "arrived": amount_document(arrivals.settled),
            "confirmations": _confirmations(self.found),
            "transactions": [tx_hash for part in arrivals.parts for tx_hash in part.transactions],
            "detail": as_typed_here(" ".join(arrivals.doubts)),
            "chains": [_of_chain(*each) for each in zip(self.found, arrivals.parts, strict=True)],
            **(more or {}),
        }
        print(as_json(document, sys.stdout), flush=True)


def _confirmations(found: tuple[Destination, ...]) -> int:
    """The most blocks that one of the chains needs."""
    return max(1, *(one.chain.confirmations for one in found))


def _split(arrivals: Arrivals) -> str:
    """What was seen on which chain; empty with one chain."""
    if len(arrivals.places) == 1:
        return ""
    pairs = zip(arrivals.places, arrivals.parts, strict=True)
    return " (" + ", ".join(f"{part.seen.text} on {place.rpc.chain.short_name}" for place, part in pairs) + ")"


def _before(arrivals: Arrivals) -> str:
    """What the account held before in coin, which is known; of a token nothing is."""
    expected = [place.expected for place in arrivals.places]
    if not all(one.amount.token.is_native for one in expected) or not any(one.held for one in expected):
        return ""
    held = Amount(sum(one.held for one in expected), expected[0].amount.token)
    return f" The account held {held} before."


def _of_chain(found: Destination, part: Incoming) -> dict[str, object]:
    return {
        "chain": found.chain.short_name,
        "seen": amount_document(part.seen),
        "arrived": amount_document(part.settled),
        "confirmations": max(1, found.chain.confirmations),
        "transactions": list(part.transactions),
        "detail": part.doubt,
    }


def what_to_do(arrivals: Arrivals) -> str:
    """What to do when the time is over. A new wait counts from zero, so the same command would request too much."""
    rest = arrivals.wanted.units - arrivals.seen.units
    if rest <= 0:
        account = arrivals.places[0].expected.to
        return f"All of it is in a block, but not final: look with `l2send balances {account}`. Do not wait again."
    if not arrivals.seen.units:
        return "What is sent later still arrives at the address. Wait again with the same command."
    missing = Amount(rest, arrivals.wanted.token).text
    return f"A new wait does not count what came before. For the rest, wait with --amount {missing}"


async def wait(
    registry: Registry,
    amounts: list[Amount],
    reporter: Reporter,
    documents: list[dict[str, object]],
    patience: float | None,
) -> int:
    """Follow the account until all has arrived: 0, or 8 when the time is over. Raises NetworkError, Interrupted.

    `amounts`: the whole amount, in the token of each chain.
    """
    request = reporter.request
    if request.expires is not None:
        left = max(0.0, request.expires - time.time())
        patience = left if patience is None else min(left, patience)
    try:
        async with open_rpcs(registry) as rpcs:
            places = await asyncio.gather(*(_place(*each, rpcs) for each in zip(reporter.found, amounts, strict=True)))
            nothing = [Amount(0, amount.token) for amount in amounts]
            reporter.began(Arrivals(tuple(places), tuple(Incoming(none, none) for none in nothing)), documents)
            patience = DEFAULT_PATIENCE if patience is None else patience
            return reporter.ended(await wait_for(places, reporter.saw, patience=patience))
    except asyncio.CancelledError:
        raise Interrupted("interrupted. What is sent to the address still arrives.") from None


async def _place(found: Destination, amount: Amount, rpcs: Rpcs) -> Place:
    rpc = rpcs.on(found.chain.chain_id)
    return Place(await expect(amount, found.address, rpc), rpc)
