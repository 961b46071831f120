"""`l2send history`: which payments are listed, and how."""

from __future__ import annotations

import csv
import io
import secrets
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from l2send.cli.spreadsheet import csv_text
from l2send.core.paths import Paths
from l2send.devnet.node import Node
from l2send.wallet.journal.sqlite import SqliteJournal
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside

__all__ = ["inside"]


class Story:
    """Payments of one account: 2 USDC on dev1 to a contact, ETH on dev2, and one from dev1 to dev4 that is open."""

    def __init__(self, home: Home) -> None:
        self.name, self.sender = home.new_account()
        self.journal = home.paths.journal
        home.fund(self.sender, "dev1", USDC="100", ETH="1")
        home.fund(self.sender, "dev2", ETH="1")
        self.friend, self.contact = new_address(), f"c{secrets.token_hex(4)}"
        home.must("contacts", "add", self.contact, f"dev1:{self.friend}")
        self.direct = self.pay(
            home, "2", "USDC", self.contact, "--idempotency-key", '=cmd|" /c calc"!A1', "--memo", "Rent, May"
        )
        self.native = self.pay(home, "0.123456789012345678", "ETH", f"dev2:{self.friend}")
        home.must("devnet", "solver", "--mode", "ignore")
        self.open = self.pay(home, "10", "USDC", f"dev4:{new_address()}", "--timeout", "0", status=8)
        home.must("devnet", "solver", "--mode", "fill")

    def pay(self, home: Home, *words: str, status: int = 0) -> str:
        done = home.run(*words, "--yes", "--json", "--account", self.name)
        assert done.status == status, done
        return str(done.json["id"])


@pytest.fixture(scope="module")
def home(fresh_home: Home) -> Home:
    return fresh_home


@pytest.fixture(scope="module")
def story(home: Home) -> Story:
    return Story(home)


@pytest.fixture
def listed(home: Home, story: Story, inside: Inside) -> Inside:
    inside.environment.setenv("L2SEND_HOME", str(home.path))
    return inside


def ids(listed: Inside, *options: str) -> list[str]:
    return [payment["id"] for payment in listed.must("history", "--json", *options).json["payments"]]


def day(later: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=later)).date().isoformat()


def test_filters_take_what_they_say_and_nothing_else(listed: Inside, story: Story) -> None:
    everything = [story.open, story.native, story.direct]
    for options, wanted in {
        (): everything,
        ("--open",): [story.open],
        ("--state", "delivered"): [story.native, story.direct],
        ("--state", "delivered", "--state", "bridging"): everything,
        ("--chain", "dev2"): [story.native],
        ("--chain", "dev1"): [story.open, story.direct],
        ("--token", "usdc"): [story.open, story.direct],
        ("--to", story.contact): [story.direct],
        ("--memo", "rent"): [story.direct],
        ("--memo", "June"): [],
        ("--idempotency-key", "=cmd"): [story.direct],
        ("--idempotency-key", "cmd"): [],
        ("--to", story.friend): [story.native, story.direct],
        ("--to", f"dev2:{story.friend}"): [story.native],
        ("--to", new_address()): [],
        ("--limit", "2"): everything[:2],
        ("--token", "USDC", "-n", "1"): [story.open],
        ("--since", day()): everything,
        ("--since", day(1)): [],
        ("--until", day()): everything,
        ("--until", day(-1)): [],
        ("--until", "2026-01-01T00:00+02:00"): [],
        ("--since", day(-1), "--until", day(1), "--token", "ETH"): [story.native],
    }.items():
        assert ids(listed, *options) == wanted, options


def test_a_moment_divides_those_before_from_those_after(listed: Inside, story: Story) -> None:
    paid = {p["id"]: p["created_at"] for p in listed.must("history", "--json").json["payments"]}
    moment = datetime.fromtimestamp(paid[story.open], UTC).isoformat()
    assert all(paid[found] >= paid[story.open] for found in ids(listed, "--since", moment))
    assert all(paid[found] < paid[story.open] for found in ids(listed, "--until", moment))
    assert {*ids(listed, "--since", moment), *ids(listed, "--until", moment)} == set(paid)


def test_csv_has_every_figure_and_runs_no_formula(listed: Inside, story: Story) -> None:
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(listed.must("history", "--csv").stdout))}
    assert set(rows) == {story.direct, story.native, story.open}
    native, direct = rows[story.native], rows[story.direct]
    assert (native["amount"], native["delivered"], native["token"]) == ("0.123456789012345678",) * 2 + ("ETH",)
    assert (direct["contact"], direct["destination"]) == (story.contact, f"dev1:{story.friend}")
    assert (direct["typed_name"], native["typed_name"]) == (story.contact, "")
    assert direct["idempotency_key"] == "'" + '=cmd|" /c calc"!A1'
    assert (rows[story.open]["delivered"], rows[story.open]["bridges"]) == ("0", "eco")
    assert (direct["memo"], direct["arrived"], native["memo"], native["arrived"]) == (
        "Rent, May", "2", "", "0.123456789012345678",
    )  # fmt: skip
    assert abs(datetime.fromisoformat(direct["delivered_at"]).timestamp() - time.time()) < 600
    assert rows[story.open]["delivered_at"] == rows[story.open]["fees_paid"] == rows[story.open]["fees_paid_usd"] == ""
    assert abs(datetime.fromisoformat(direct["created_at"]).timestamp() - time.time()) < 600


def test_what_a_payment_cost_is_what_left_the_account(home: Home, listed: Inside, story: Story) -> None:
    """The fee of the direct payment of coin, by the balance of who paid: it got 1 ETH, and paid once on that chain."""
    documents = {p["id"]: p for p in listed.must("history", "--json").json["payments"]}
    native = documents[story.native]
    (transaction,), paid = native["transactions"], native["fees_paid"]
    balance = int(Node(home.chain("dev2").rpcs[0]).call("eth_getBalance", story.sender, "latest"), 16)
    spent = 10**18 - balance - int(native["amount"]["base_units"])
    assert transaction["fee"]["total"]["base_units"] == str(spent)
    assert (paid["complete"], [fee["amount"]["base_units"] for fee in paid["fees"]]) == (True, [str(spent)])
    assert paid["usd"] is not None
    (row,) = [r for r in csv.DictReader(io.StringIO(listed.must("history", "--csv").stdout)) if r["id"] == story.native]
    assert row["fees_paid"] == f"{paid['fees'][0]['amount']['human']} ETH"
    assert float(row["fees_paid_usd"]) == pytest.approx(paid["usd"], abs=1e-6)
    assert documents[story.open]["fees_paid"]["complete"] is False, "its order is open"
    assert (documents[story.direct]["memo"], native["memo"]) == ("Rent, May", None)
    assert "cost  " in listed.must("status", story.native).stdout
    assert "as quoted" not in listed.must("status", story.native).stdout


def test_a_payment_tells_what_its_recipient_was_called_even_when_the_name_is_gone(
    home: Home, listed: Inside, story: Story
) -> None:
    book = home.must("contacts", "export").stdout
    listed.must("contacts", "remove", story.contact)
    try:
        documents = {p["id"]: p for p in listed.must("history", "--json").json["payments"]}
        shown = listed.must("history").stdout
        status = listed.must("status", story.direct).stdout
    finally:
        home.paths.contacts.write_text(book)
    direct = documents[story.direct]
    assert (direct["typed_name"], direct["destination"]) == (story.contact, f"dev1:{story.friend}")
    assert documents[story.native]["typed_name"] is None  # To the same account, whose address was typed.
    assert shown.count(f"dev1:{story.friend} (typed: {story.contact})") == shown.count("typed: ") == 1
    assert f"typed as {story.contact}" in status


def test_payments_on_chains_that_are_not_listed_any_more_are_still_told(story: Story, inside: Inside) -> None:
    """As of a chain that was taken out of one's chains.toml: its payments must not hide all others."""
    with sqlite3.connect(story.journal) as there, sqlite3.connect(_empty_journal(inside.paths)) as here:
        there.backup(here)
    everything = [story.open, story.native, story.direct]
    assert ids(inside) == everything
    shown, rows = inside.must("history").stdout, csv.DictReader(io.StringIO(inside.must("history", "--csv").stdout))
    assert all(one in shown for one in everything)
    assert [row["id"] for row in rows] == everything
    told = inside.must("status", story.direct, "--json").json
    assert (told["state"], told["destination"].startswith("unlisted-")) == ("delivered", True)
    assert f"unlisted-{told['transactions'][0]['chain_id']}" in inside.must("status", story.direct).stdout


def _empty_journal(paths: Paths) -> Path:
    paths.state.mkdir(mode=0o700, parents=True)
    SqliteJournal(paths.journal).close()
    return paths.journal


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_begins_a_formula(cell: str) -> None:
    (_, row) = csv.reader(io.StringIO(csv_text(["a"], [[cell]]), newline=""))
    assert row == [f"'{cell.strip()}"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "not a date"),
        (
            ("--state", "lost"),
            "'--state': 'lost' is not one of 'planned', 'proposed', 'sending', 'bridging',",
        ),
        (("--chain", "bsae"), "no chain is called"),
        (("--to", "alice.eth"), "may lead elsewhere"),
        (("--to", "eth:alice.eth"), "may lead elsewhere"),
        (("--limit", "0"), "greater than or equal to 1"),
        (("--csv", "--json"), "cannot be combined"),
    ],
)
def test_what_cannot_be_meant_is_refused(inside: Inside, options: tuple[str, ...], said: str) -> None:
    done = inside.run("history", *options)
    assert done.status == 2
    assert said in done.stderr


def test_an_empty_journal_says_so(inside: Inside) -> None:
    assert "No payments yet" in inside.must("history").stderr
    assert inside.must("history", "--csv").stdout.count("\n") == 1
