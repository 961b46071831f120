"""Limits on payments: the table `[limits]` of config.toml, and policy files of the same format.

    [limits]
    per_payment = ["500 USD"]                   the most that one payment brings its recipient
    per_recipient_day = ["1000 USD"]            the most that one address gets in a day, on all chains
    per_day = ["2000 USD", "0.5 ETH"]           the most that all payments of the journal bring in a day
    recipients = ["0x…"]                        no other address is paid
    chains = ["base"]                           no other chain is paid to
    tokens = ["USDC"]                           no other token is paid, by its symbol
    hours = "09:00-17:00"                       no payment begins at another time
    time_zone = "Europe/Berlin"                 whose days and hours these are; else this machine's

An amount names a symbol, which counts on all chains together, or USD, which counts every token that the registry pegs
to USD at its face value. A key of amounts that names neither the token nor, if it is pegged, USD refuses the token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from l2send.core.address import Address, parse_address
from l2send.core.chains import Registry
from l2send.core.errors import ConfigError, L2sendError, UsageError
from l2send.core.text import clean
from l2send.core.toml_lines import line_of
from l2send.core.units import Amount, ChainId, UnixTime

USD = "USD"
"""Counts every token that is pegged to it."""
_AMOUNT = re.compile(r"([0-9]{1,30}(?:\.[0-9]{1,18})?) (\S{1,40})", re.ASCII)
_HOURS = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DAY_MINUTES = 24 * 60

Most = Mapping[str, Fraction]
"""Whole tokens by symbol, or USD."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The part of a day in which payments may begin, in minutes after midnight; `until` may be before `start`."""

    start: int
    until: int

    def __contains__(self, minute: int) -> bool:
        if self.start <= self.until:
            return self.start <= minute < self.until
        return minute >= self.start or minute < self.until

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start, self.until))


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """The limits of one file; None for each that is not set."""

    origin: str
    """The file that sets them."""
    shown: Mapping[str, str]
    """Every key that is set, with its value for display."""
    per_payment: Most | None = None
    per_recipient_day: Most | None = None
    per_day: Most | None = None
    recipients: frozenset[Address] | None = None
    chains: tuple[str, ...] | None = None
    chain_ids: frozenset[ChainId] = frozenset()
    """The ids of `chains`, once `in_registry` has resolved them."""
    tokens: frozenset[str] | None = None
    hours: Hours | None = None
    time_zone: ZoneInfo | None = None
    """None: this machine's."""

    @property
    def counts_a_day(self) -> bool:
        """Whether the day's payments must be summed up."""
        return self.per_day is not None or self.per_recipient_day is not None

    def in_registry(self, registry: Registry) -> SpendingLimits:
        """The same with its chains resolved. Raises ConfigError for a chain or a symbol that the registry lacks."""
        known = {token.symbol for chain in registry for token in (chain.native, *chain.tokens)}
        amounts = (self.per_payment, self.per_recipient_day, self.per_day)
        named = {symbol for most in amounts for symbol in most or () if symbol != USD} | (self.tokens or set())
        if strange := sorted(named - known):
            raise _wrong(self.origin, f"no token of the registry has the symbol {clean(strange[0], 40)!r}.")
        try:
            return replace(self, chain_ids=frozenset(registry.named(name).chain_id for name in self.chains or ()))
        except UsageError as error:
            raise _wrong(self.origin, error.message) from error

    def day_of(self, at: UnixTime) -> tuple[UnixTime, UnixTime]:
        """Start and end of the day that contains `at`, in the time zone of these limits."""
        today = self._local(at).date()
        return self._midnight(today), self._midnight(today + timedelta(days=1))

    def opens_after(self, at: UnixTime) -> UnixTime:
        """When the hours begin next, for a time outside them."""
        assert self.hours
        now = self._local(at)
        opening = now.replace(hour=self.hours.start // 60, minute=self.hours.start % 60, second=0, microsecond=0)
        return UnixTime(int((opening if opening > now else opening + timedelta(days=1)).timestamp()))

    def minute_of(self, at: UnixTime) -> int:
        """Minutes since midnight."""
        now = self._local(at)
        return now.hour * 60 + now.minute

    def words_of(self, at: UnixTime) -> str:
        """A time for display, with its zone."""
        now = self._local(at)
        zone = self.time_zone.key if self.time_zone else f"{now.astimezone().tzname()}, this machine's time"
        return f"{now:%Y-%m-%d %H:%M} ({zone})"

    def _local(self, at: UnixTime) -> datetime:
        return datetime.fromtimestamp(at, self.time_zone)

    def _midnight(self, day: date) -> UnixTime:
        return UnixTime(int(datetime(day.year, day.month, day.day, tzinfo=self.time_zone).timestamp()))


def parse_limits(table: object, text: str, origin: str) -> SpendingLimits:
    """The limits of a table `[limits]` in `text`. Raises ConfigError with the line number."""
    if not isinstance(table, dict) or not table:
        raise _wrong(origin, "[limits] is not a table with keys.")
    values = dict[str, Any]()
    for name, value in table.items():
        try:
            if name not in _READERS:
                raise UsageError(f"there is no such limit; there are {', '.join(_READERS)}.")
            values[name] = _READERS[name](value)
        except L2sendError as error:
            where = f"{origin}, line {line_of(text, ('limits', name))}"
            raise _wrong(where, f"{clean(name, 40)}: {error.message} {error.hint}".strip()) from error
    shown = {name: " ".join(value) if isinstance(value, list) else value for name, value in table.items()}
    for name in ("per_payment", "per_recipient_day", "per_day"):
        if name in values:
            shown[name] = ", ".join(table[name])
    return SpendingLimits(origin, shown, **values)


def exactly(amount: Amount) -> Fraction:
    """An amount in whole tokens."""
    return Fraction(amount.units, 10**amount.token.decimals)


def _wrong(where: str, why: str) -> ConfigError:
    return ConfigError(f"{where}: {why}", hint="Nothing is paid before the limits are right. Correct the file.")


def _words(value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) and word for word in value):
        raise UsageError("not a list of words.", hint='Write a list: ["…", "…"].')
    return value


def _amounts(value: object) -> Most:
    most = dict[str, Fraction]()
    for word in _words(value):
        found = _AMOUNT.fullmatch(word)
        if not found:
            raise UsageError(f"{clean(word, 60)!r} is not an amount.", hint='Write "500 USDC", or "500 USD".')
        if found[2] in most:
            raise UsageError(f"{clean(found[2], 40)} stands in it twice.")
        most[found[2]] = Fraction(found[1])
    return most


def _recipients(value: object) -> frozenset[Address]:
    return frozenset(_address(word) for word in _words(value))


def _address(word: str) -> Address:
    address, has_checksum = parse_address(word)
    if not has_checksum:
        raise UsageError(f"{clean(word, 60)} has no checksum.", hint=f"Compare it, and write {address}.")
    return address


def _hours(value: object) -> Hours:
    found = _HOURS.fullmatch(value) if isinstance(value, str) else None
    if not found or found[0][:5] == found[0][6:]:
        raise UsageError("not the hours of a day.", hint='Write "09:00-17:00".')
    return Hours(int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4]))


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (ValueError, OSError, LookupError):
        raise UsageError(
            f"{clean(value, 60)!r} is not a time zone that this machine knows.", hint='Write "Europe/Berlin", or "UTC".'
        ) from None


def _chains(value: object) -> tuple[str, ...]:
    return tuple(_words(value))


def _tokens(value: object) -> frozenset[str]:
    return frozenset(_words(value))


_READERS: Mapping[str, Any] = {
    "per_payment": _amounts,
    "per_recipient_day": _amounts,
    "per_day": _amounts,
    "recipients": _recipients,
    "chains": _chains,
    "tokens": _tokens,
    "hours": _hours,
    "time_zone": _zone,
}
