"""The URL of a journal's database: checked before any connection, and never repeated with its password."""

from __future__ import annotations

import traceback

import pytest

from l2send.core.errors import ConfigError, ExitStatus
from l2send.core.text import clean
from l2send.wallet.journal.postgres_url import read_target

pytest.importorskip("psycopg")
PASSWORD = "c0rrect-h0rse"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://pay@db.example/l2",
        "postgresql://pay@db.example/l2?sslmode=verify-full",
        "postgres://pay@[2001:db8::1]:6543/l2",
        "postgresql://127.0.0.1,db.example/l2",
    ],
)
def test_off_this_machine_the_server_has_to_prove_who_it_is(url: str) -> None:
    target = read_target(url)
    assert (target.loopback, target.parameters["sslmode"]) == (False, "verify-full")


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca"])
@pytest.mark.parametrize("host", ["db.example", "10.0.0.7", "127.0.0.1,db.example"])
def test_less_than_that_is_refused(mode: str, host: str) -> None:
    with pytest.raises(ConfigError, match=f"sslmode={mode} does not prove") as refused:
        read_target(f"postgresql://pay@{host}/l2?sslmode={mode}")
    assert refused.value.exit_status is ExitStatus.CONFIG
    assert "verify-full" in refused.value.hint


def test_the_environment_does_not_weaken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "require")
    with pytest.raises(ConfigError, match="sslmode=require"):
        read_target("postgresql://pay@db.example/l2")
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.delenv("PGSSLMODE")
    assert read_target("postgresql:///l2").parameters["sslmode"] == "verify-full"


def test_an_address_counts_before_a_name() -> None:
    with pytest.raises(ConfigError, match="sslmode=disable"):
        read_target("postgresql://localhost/l2?hostaddr=10.0.0.7&sslmode=disable")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost", "%2Frun%2Fpostgresql", ""])
def test_on_this_machine_nothing_is_asked_for(host: str) -> None:
    target = read_target(f"postgresql://pay@{host}/l2")
    assert target.loopback
    assert "sslmode" not in target.parameters


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://pay:{PASSWORD}@127.0.0.1/l2",
        f"postgresql://pay:{PASSWORD}/x@127.0.0.1/l2",
        f"postgresql://pay:{PASSWORD}%zz@127.0.0.1/l2",
        f"postgresql://pay@127.0.0.1:{PASSWORD}/l2",
        f"postgresql://pay:{PASSWORD}@127.0.0.1/l2?sslmod=disable",
        f"postgresql://pay:{PASSWORD}@db.example/l2?sslmode=disable",
        f"postgresql://pay:{PASSWORD}@127.0.0.1/l2?service=pay",
        f"postgresql://pay:{PASSWORD}@[127.0.0.1/l2",
    ],
)
def test_no_refusal_repeats_the_password(url: str) -> None:
    try:
        read_target(url)
    except ConfigError as error:
        words = "".join(traceback.format_exception(error)) + error.message + error.hint
        assert PASSWORD not in words.replace(url, "").replace("url", "")
    else:
        pytest.fail("it was taken")


def test_a_password_is_taken_out_of_every_text_from_then_on() -> None:
    target = read_target("postgresql://pay:s3cret%2Fpassword@127.0.0.1:5433/payroll")
    assert target.shown == "PostgreSQL 127.0.0.1:5433/payroll"
    assert "s3cret" not in repr(target)
    assert "s3cret" not in clean('FATAL: no "s3cret/password" here')
