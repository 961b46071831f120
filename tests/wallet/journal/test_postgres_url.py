"""The URL of a journal's database: checked before any connection, and never repeated with its password."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from l2send.core.errors import ConfigError, ExitStatus
from l2send.core.text import clean
from l2send.wallet.journal.postgres_url import read_target

pytest.importorskip("psycopg")
pq, conninfo = pytest.importorskip("psycopg.pq"), pytest.importorskip("psycopg.conninfo")
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


@pytest.mark.parametrize(
    ("host", "hostaddr"),
    [
        ("localhost", "10.0.0.7"),
        ("localhost,db.example", "127.0.0.1,"),
        ("db.example,localhost", ",127.0.0.1"),
        ("localhost,localhost", ",10.0.0.7"),
    ],
)
def test_an_address_counts_before_the_name_at_its_place(host: str, hostaddr: str) -> None:
    with pytest.raises(ConfigError, match="sslmode=disable"):
        read_target(f"postgresql://{host}/l2?hostaddr={hostaddr}&sslmode=disable")


def test_the_name_of_an_address_here_may_be_anything() -> None:
    assert read_target("postgresql://db.example/l2?hostaddr=127.0.0.1").loopback


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
        f"postgresql://pay:{PASSWORD}@127.0.0.1/l2?servicefile=/etc/pg_service.conf",
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


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], object]:
    """Writes the service `pay` into a file, and selects it by libpq's variables."""
    file = tmp_path / "pg_service.conf"
    monkeypatch.setenv("PGSERVICE", "pay")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    return lambda lines: file.write_text(f"[pay]\n{lines}\n")


@pytest.mark.parametrize("place", ["hostaddr=10.0.0.7", "hostaddr=127.0.0.1,10.0.0.7"])
def test_a_service_file_does_not_lead_past_the_check(service: Callable[[str], object], place: str) -> None:
    """libpq takes the address from it, although the URL names this machine, and the way to protect it too."""
    service(f"{place}\nsslmode=disable")
    with pytest.raises(ConfigError, match="sslmode=disable does not prove"):
        read_target("postgresql://pay@localhost/l2")
    service(place)
    target = read_target("postgresql://pay@localhost/l2")
    assert (target.loopback, target.parameters["sslmode"]) == (False, "verify-full")


def test_a_host_that_stands_in_the_service_file_is_judged_like_one_in_the_url(service: Callable[[str], object]) -> None:
    service(f"host=db.example\nuser=pay\npassword={PASSWORD}")
    target = read_target("postgresql:///l2")
    assert (target.loopback, target.parameters["sslmode"], target.parameters["user"]) == (False, "verify-full", "pay")
    assert PASSWORD not in clean(f"FATAL: no {PASSWORD} here")
    service("host=db.example\nsslmode=require")
    with pytest.raises(ConfigError, match="sslmode=require"):
        read_target("postgresql:///l2")


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR"])
def test_a_variable_of_libpq_does_not_lead_past_the_check(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "10.0.0.7")
    monkeypatch.setenv("PGSSLMODE", "disable")
    with pytest.raises(ConfigError, match="sslmode=disable"):
        read_target("postgresql:///l2")
    monkeypatch.delenv("PGSSLMODE")
    monkeypatch.setenv("PGREQUIRESSL", "1")
    with pytest.raises(ConfigError, match="sslmode=require"):
        read_target("postgresql:///l2")


def test_libpq_completes_no_place_after_the_check(service: Callable[[str], object]) -> None:
    """What decides where to connect is passed even if it is empty: neither file nor variable is read for it again."""
    service("user=pay")
    target = read_target("postgresql://localhost/l2")
    assert (target.parameters["hostaddr"], target.parameters["port"]) == ("", "")
    service("hostaddr=10.0.0.7\nport=1")
    given = conninfo.make_conninfo(**target.parameters).encode()
    attempted = {option.keyword: option.val for option in pq.PGconn.connect_start(given).info}
    assert (attempted[b"host"], attempted[b"hostaddr"]) == (b"localhost", b"")


@pytest.mark.parametrize("set_by", ["url", "variable"])
def test_kerberos_does_not_replace_the_certificate(monkeypatch: pytest.MonkeyPatch, set_by: str) -> None:
    """With credentials libpq encrypts by GSSAPI first, and ignores sslmode then."""
    assert read_target("postgresql://db.example/l2").parameters["gssencmode"] == "disable"
    if set_by == "variable":
        monkeypatch.setenv("PGGSSENCMODE", "require")
    with pytest.raises(ConfigError, match="gssencmode=require"):
        read_target("postgresql://db.example/l2" + ("?gssencmode=require" if set_by == "url" else ""))
