"""The table `[limits]`: its keys, the line of each error, and when a day begins and ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import pytest

from l2send.core.chains import load_registry
from l2send.core.errors import ConfigError
from l2send.core.paths import Paths
from l2send.core.spending_limits import Hours, SpendingLimits, parse_limits
from l2send.core.toml_text import parse_toml
from l2send.core.units import ChainId, UnixTime

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def limits_of(*lines: str) -> SpendingLimits:
    text = "\n".join(["# a comment", "[limits]", *lines])
    return parse_limits(parse_toml(text)["limits"], text, "policy.toml")


def at(text: str) -> UnixTime:
    """A time in UTC."""
    return UnixTime(int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()))


@pytest.fixture
def machine_in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_every_key_is_read(tmp_path: Path) -> None:
    limits = limits_of(
        'per_payment = ["500 USD", "0.25 ETH"]',
        'per_recipient_day = ["1000 USD"]',
        'per_day = ["2000.5 USDC"]',
        f'recipients = ["{ADDRESS}"]',
        'chains = ["base", "oeth"]',
        'tokens = ["USDC", "ETH"]',
        'hours = "09:00-17:30"',
        'time_zone = "Europe/Berlin"',
    ).in_registry(load_registry(Paths.under(tmp_path)))
    assert limits.per_payment == {"USD": 500, "ETH": Fraction(1, 4)}
    assert limits.per_recipient_day == {"USD": 1000}
    assert limits.per_day == {"USDC": Fraction(4001, 2)}
    assert limits.recipients == {ADDRESS}
    assert limits.chain_ids == {ChainId(8453), ChainId(10)}
    assert limits.tokens == {"USDC", "ETH"}
    assert limits.hours == Hours(9 * 60, 17 * 60 + 30)
    assert limits.shown["per_payment"] == "500 USD, 0.25 ETH"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('per_week = ["1 USD"]', "per_week: there is no such limit; there are per_payment"),
        ('per_day = "500 USD"', "per_day: not a list"),
        ("per_day = [500]", "per_day: not a list of words"),
        ("per_day = []", "per_day: not a list"),
        ('per_day = ["500"]', "'500' is not an amount"),
        ('per_day = ["1,5 USD"]', "'1,5 USD' is not an amount"),
        ('per_day = ["-1 USD"]', "'-1 USD' is not an amount"),
        ('per_day = ["1e3 USD"]', "'1e3 USD' is not an amount"),
        ('per_day = ["٣ USD"]', "is not an amount"),
        ('per_day = ["1 USD", "2 USD"]', "USD stands in it twice"),
        ('recipients = ["alice"]', "not an EVM address: 'alice'"),
        (f'recipients = ["{ADDRESS.lower()}"]', f"has no checksum. Compare it, and write {ADDRESS}"),
        (f'recipients = ["{ADDRESS[:-1]}D"]', "fails its ERC-55 checksum"),
        ('hours = "9-17"', "hours: not the hours of a day"),
        ('hours = "09:00-24:00"', "hours: not the hours of a day"),
        ('hours = "09:00-09:00"', "hours: not the hours of a day"),
        ('time_zone = "Mars/Olympus"', "'Mars/Olympus' is not a time zone"),
        ('time_zone = "../../etc/passwd"', "is not a time zone"),
        ("time_zone = 1", "'1' is not a time zone"),
    ],
)
def test_a_mistake_is_named_with_its_line(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        limits_of('tokens = ["USDC"]', line)
    assert wrong.value.message.startswith("policy.toml, line 4: ")
    assert said in wrong.value.message
    assert "Nothing is paid before" in wrong.value.hint


@pytest.mark.parametrize("table", [{}, [], "500 USD", 500])
def test_a_table_without_limits_is_a_mistake(table: object) -> None:
    with pytest.raises(ConfigError, match="not a table"):
        parse_limits(table, "", "policy.toml")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('chains = ["bsae"]', "bsae"),
        ('tokens = ["usdc"]', "no token of the registry has the symbol 'usdc'"),
        ('per_day = ["1 EUR"]', "no token of the registry has the symbol 'EUR'"),
    ],
)
def test_what_the_registry_does_not_know_is_a_mistake(line: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        limits_of(line).in_registry(load_registry(Paths.under(tmp_path)))


@pytest.mark.parametrize(
    ("zone", "when", "begins", "ends"),
    [
        ("UTC", "2026-11-29T00:00", "2026-11-29T00:00", "2026-11-30T00:00"),
        ("UTC", "2026-11-28T23:59:59", "2026-11-28T00:00", "2026-11-29T00:00"),
        ("Europe/Berlin", "2026-11-29T23:30", "2026-11-29T23:00", "2026-11-30T23:00"),
        ("Asia/Kathmandu", "2026-11-29T18:14", "2026-11-28T18:15", "2026-11-29T18:15"),
        ("Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours
        ("Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours
    ],
)
def test_a_day_is_one_of_the_calendar_in_its_time_zone(zone: str, when: str, begins: str, ends: str) -> None:
    limits = limits_of('per_day = ["1 USD"]', f'time_zone = "{zone}"')
    assert limits.day_of(at(when)) == (at(begins), at(ends))


@pytest.mark.usefixtures("machine_in_berlin")
def test_without_a_time_zone_it_is_this_machines_and_that_is_said() -> None:
    limits = limits_of('per_day = ["1 USD"]')
    begins, ends = limits.day_of(at("2026-10-25T12:00"))
    assert (begins, ends) == (at("2026-10-24T22:00"), at("2026-10-25T23:00"))
    assert limits.words_of(ends) == "2026-10-26 00:00 (CET, this machine's time)"
    assert limits_of('time_zone = "UTC"').words_of(ends) == "2026-10-25 23:00 (UTC)"


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [("09:00-17:00", (540, 1019), (539, 1020, 0)), ("22:00-06:00", (1320, 1439, 0, 359), (360, 1319, 720))],
)
def test_hours_may_go_past_midnight(hours: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    found = limits_of(f'hours = "{hours}"').hours
    assert found
    assert all(minute in found for minute in inside)
    assert not any(minute in found for minute in outside)
    assert str(found) == hours


@pytest.mark.parametrize(
    ("when", "opens"),
    [("2026-11-29T07:59", "2026-11-29T08:00"), ("2026-11-29T16:00", "2026-11-30T08:00")],
)
def test_when_the_hours_begin_next(when: str, opens: str) -> None:
    limits = limits_of('hours = "09:00-17:00"', 'time_zone = "Europe/Berlin"')
    assert limits.opens_after(at(when)) == at(opens)
