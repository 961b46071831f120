"""Counts payments against one file of limits and refuses what exceeds them: which limit, its use, and when it frees.

A payment counts with the amount for its recipient, on the day it is recorded; its fees do not count, since `--max-fee`
limits them. Money that an account pays to itself, on any chain, stays its own and does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from l2send.core.address import Address
from l2send.core.errors import Refused
from l2send.core.plan import Payment
from l2send.core.spending_limits import USD, Most, SpendingLimits, exactly
from l2send.core.units import Token, UnixTime, format_units

_SHOWN_DECIMALS = 18
_EDIT = "Have the limit changed, or pay what it allows."


class Tally:
    """What may still be paid under one file of limits; each counted payment reduces it."""

    def __init__(self, limits: SpendingLimits, now: UnixTime, begun: Iterable[Payment]) -> None:
        """`begun`: the payments recorded on the day of `now`, without those that moved nothing and never will."""
        self._limits, self._now = limits, now
        self._of_day = dict[str, Fraction]()
        self._by_recipient = dict[Address, dict[str, Fraction]]()
        for payment in begun:
            self.count(payment)

    def check(self, payment: Payment) -> None:
        """Raises Refused if a limit forbids a payment that is about to be recorded.

        What moves no amount, such as a delegation, is always allowed.
        """
        if not payment.amount.units:
            return
        self._check_place_and_time(payment)
        if _stays_own(payment):
            return
        limits, to = self._limits, payment.to.address
        if limits.recipients is not None and to not in limits.recipients:
            raise Refused(f"{to} is none of the recipients that {limits.origin} allows.", hint=_EDIT)
        for symbol, most in self._limits_on("per_payment", limits.per_payment, payment.amount.token):
            if exactly(payment.amount) > most:
                raise Refused(
                    f"{payment.amount} is more than one payment may be: per_payment in {limits.origin} allows "
                    f"{_text(most)} {symbol}.",
                    hint=_EDIT,
                )
        self._check_day("per_recipient_day", limits.per_recipient_day, self._by_recipient.get(to, {}), payment)
        self._check_day("per_day", limits.per_day, self._of_day, payment)

    def _check_place_and_time(self, payment: Payment) -> None:
        limits, token = self._limits, payment.amount.token
        if limits.hours is not None and limits.minute_of(self._now) not in limits.hours:
            raise Refused(
                f"it is {limits.words_of(self._now)}, and {limits.origin} allows payments at {limits.hours} alone.",
                hint=f"Pay from {limits.words_of(limits.opens_after(self._now))} on.",
            )
        if limits.chains is not None and payment.to.chain_id not in limits.chain_ids:
            allowed = ", ".join(limits.chains)
            raise Refused(f"{limits.origin} allows payments to these chains alone: {allowed}.", hint=_EDIT)
        if limits.tokens is not None and token.symbol not in limits.tokens:
            allowed = ", ".join(sorted(limits.tokens))
            raise Refused(f"{limits.origin} allows payments of these tokens alone: {allowed}.", hint=_EDIT)

    def _limits_on(self, key: str, most: Most | None, token: Token) -> Iterator[tuple[str, Fraction]]:
        """The limits of one key for a token. Raises Refused if there is none: it cannot be limited."""
        if most is None:
            return
        symbols = [symbol for symbol in _counted_as(token) if symbol in most]
        if not symbols:
            no_price = f", and {token.symbol} has no known price in USD" if USD in most else ""
            raise Refused(
                f"{key} in {self._limits.origin} names no amount of {token.symbol}{no_price}.",
                hint=f"Have an amount of {token.symbol} added to {key}, or pay another token.",
            )
        yield from ((symbol, most[symbol]) for symbol in symbols)

    def _check_day(self, key: str, most: Most | None, used: Mapping[str, Fraction], payment: Payment) -> None:
        amount, limits = exactly(payment.amount), self._limits
        for symbol, allowed in self._limits_on(key, most, payment.amount.token):
            before = used.get(symbol, Fraction(0))
            if before + amount <= allowed:
                continue
            whose = f" for {payment.to.address}" if key == "per_recipient_day" else ""
            ends = limits.words_of(limits.day_of(self._now)[1])
            raise Refused(
                f"{key} in {limits.origin}: {_text(before)} of {_text(allowed)} {symbol} are used today{whose}, "
                f"{_text(max(allowed - before, Fraction(0)))} are left, and this payment is {payment.amount}.",
                hint=_EDIT if amount > allowed else f"All of it is free again from {ends} on.",
            )

    def count(self, payment: Payment) -> None:
        """Count a recorded payment, unless its money stays the sender's own."""
        if _stays_own(payment):
            return
        amount = exactly(payment.amount)
        for sums in (self._of_day, self._by_recipient.setdefault(payment.to.address, {})):
            for symbol in _counted_as(payment.amount.token):
                sums[symbol] = sums.get(symbol, Fraction(0)) + amount


def _counted_as(token: Token) -> list[str]:
    """Its symbol, and USD at face value if it is pegged to it."""
    return list(dict.fromkeys([token.symbol, *([USD] if token.peg == USD else [])]))


def _stays_own(payment: Payment) -> bool:
    """Whether an account pays itself. A Safe does not count: on another chain its address may belong to others."""
    is_safe = payment.executor is not None or payment.by_owners
    return payment.to.address == payment.sender and not is_safe


def _text(value: Fraction) -> str:
    return format_units(int(value * 10**_SHOWN_DECIMALS), _SHOWN_DECIMALS)
