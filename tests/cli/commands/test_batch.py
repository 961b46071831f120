"""`l2send batch`: a file paid by one command, run again, interrupted, invalid; and its result file."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from l2send.client import open_client
from l2send.core.address import Address
from l2send.resolver.batch_file import read_batch
from l2send.resolver.batch_lines import judge_batch
from tests.conftest import Done, Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

L2SEND = (sys.executable, "-m", "l2send")


@dataclass(frozen=True)
class Payer:
    """An account with money, and where its files are."""

    home: Home
    name: str
    address: Address
    folder: Path

    def file(self, name: str, rows: Iterable[tuple[str, str, Address]], memo: str = "") -> Path:
        """`ref, amount, to`, in USDC on dev1."""
        path = self.folder / name
        lines = [f'{ref};{amount};usdc;dev1:{to};"{memo}"' for ref, amount, to in rows]
        path.write_bytes(("\ufeffRef;Amount;Token;To;Memo\r\n" + "\r\n".join(lines)).encode())
        return path

    def run(self, *words: str) -> Done:
        return self.home.run("batch", *words, ETH_KEYSTORE_ACCOUNT=self.name)


@pytest.fixture(scope="module")
def payer(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Payer:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    return Payer(home, name, address, tmp_path_factory.mktemp("files"))


def rows_of(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def people(count: int, start: str = "inv") -> list[tuple[str, str, Address]]:
    return [(f"{start}-{number}", "1", new_address()) for number in range(count)]


def test_a_file_is_paid_once_however_often_the_command_runs(home: Home, payer: Payer) -> None:
    wanted = people(3)
    file, result = payer.file("payroll.csv", wanted, "=HYPERLINK(1)"), payer.folder / "payroll-result.csv"
    done = payer.run(str(file), "--yes", "--result", str(result))
    assert done.status == 0, done
    assert "3 of 3 delivered" in done.stdout
    assert "3 accounts paid for the first time: inv-0, inv-1, inv-2" in done.stderr
    rows = rows_of(result)
    assert [(row["line"], row["ref"], row["state"], row["to"]) for row in rows] == [
        (str(line), ref, "delivered", f"dev1:{to}") for line, (ref, _, to) in enumerate(wanted, 2)
    ]
    assert all(row["memo"] == "'=HYPERLINK(1)" and row["fees_paid"].endswith(" ETH") for row in rows)
    assert all(float(row["fees_paid_usd"]) > 0 and row["delivered_at"] and row["hashes"] for row in rows)
    assert result.stat().st_mode & 0o777 == 0o600
    again = payer.run(str(file), "--yes", "--json", "--result", str(result))
    assert (again.status, again.json["counts"]) == (0, {"delivered": 3})
    assert rows_of(result) == rows
    assert [home.holds(to, "dev1") for _, _, to in wanted] == [10**6] * 3
    carried_on = payer.run("resume", "payroll", "--json")
    assert (carried_on.status, [line["ref"] for line in carried_on.json["lines"]]) == (0, ["inv-0", "inv-1", "inv-2"])


def test_every_wrong_line_is_told_and_nothing_is_sent(home: Home, payer: Payer) -> None:
    good, *_ = wanted = people(3, "mixed")
    bad = [("mixed-1", "1,304.53", wanted[1][2]), ("mixed-0", "1", wanted[2][2])]
    file = payer.file("mixed.csv", [good, *bad])
    done = payer.run(str(file), "--yes", "--json")
    assert (done.status, done.error["sent"], done.stdout) == (2, "no", "")
    assert "2 of 3 lines of mixed are wrong" in done.error["message"]
    assert "line 3 (mixed-1)" in done.error["message"]
    assert "line 4 (mixed-0)" in done.error["message"]
    assert home.holds(good[2], "dev1") == 0
    done = payer.run(str(file), "--yes", "--json", "--skip-bad")
    assert (done.status, done.json["exit"], done.json["counts"]) == (11, 11, {"delivered": 1, "wrong": 2})
    assert home.holds(good[2], "dev1") == 10**6


def test_short_of_money_nothing_is_sent_unless_the_others_are_to_be_paid(home: Home, payer: Payer) -> None:
    rich, poor = new_address(), new_address()
    file = payer.file("short.csv", [("a", "1", rich), ("b", "1000000", poor)])
    done = payer.run(str(file), "--yes", "--via", "direct")
    assert done.status == 6, done
    assert "1000000 USDC missing on Devnet 1 for 1 line" in done.stderr
    assert "--skip-bad pays the other 1" in done.stderr
    assert home.holds(rich, "dev1") == 0
    planned = payer.run(str(file), "--dry-run", "--via", "direct", "--json")
    assert (planned.status, planned.json["exit"]) == (11, 11), "as its document says"
    assert planned.json["counts"] == {"new": 1, "unfunded": 1}
    whole = payer.run(str(payer.file("whole.csv", [("a", "1", rich)])), "--dry-run", "--json")
    assert (whole.status, whole.json["exit"]) == (0, 0)
    free = payer.run(str(file), "--dry-run", "--max-fee", "0usd", "--json")
    assert (free.status, free.json["counts"]["refused"]) == (11, 1), free


def test_names_and_refs_in_another_unicode_form_are_the_same(home: Home, payer: Payer) -> None:
    """A file system or a spreadsheet may write an umlaut as two characters; the journal has one."""
    to, two = new_address(), "mu\u0308ller"
    assert unicodedata.normalize("NFC", two) != two
    file = payer.file(f"{two}.csv", [(f"{two}-1", "1", to)])
    done = payer.run(str(file), "--yes", "--json")
    assert (done.status, done.json["counts"]) == (0, {"delivered": 1}), done
    assert done.json["lines"][0]["payment"]
    resumed = payer.run("resume", two, "--json")
    assert (resumed.status, resumed.json["name"]) == (0, unicodedata.normalize("NFC", two))
    assert home.holds(to, "dev1") == 10**6


def test_what_the_file_no_longer_says_is_not_paid(home: Home, payer: Payer) -> None:
    """A run stopped before its first signature. Then one line was changed and another was removed."""
    kept, changed, _ = wanted = people(3, "edit")

    async def begin() -> list[str]:
        async with open_client(home.paths) as client:
            rows = read_batch(payer.file("edit.csv", wanted).read_bytes())
            judged = await judge_batch(rows, client.rpcs, client.book)
            review = await client.batch.plan(judged, payer.address, "edit")
            return [record.id for record in client.batch.begin(review)]

    ids = asyncio.run(begin())
    file = payer.file("edit.csv", [kept, (changed[0], "2", changed[2])])
    done = payer.run(str(file), "--yes", "--json", "--skip-bad")
    assert (done.status, done.json["counts"]) == (11, {"delivered": 1, "wrong": 1, "planned": 1}), done
    removed = done.json["lines"][-1]
    assert (removed["line"], removed["ref"], removed["payment"]) == (None, wanted[2][0], ids[2])
    assert f"not in the file as it was then: {ids[1]}, {ids[2]}" in done.stderr
    assert [home.holds(to, "dev1") for _, _, to in wanted] == [10**6, 0, 0]
    assert payer.run("resume", "edit").status == 0
    assert [home.holds(to, "dev1") for _, _, to in wanted] == [10**6] * 3
    result = payer.folder / "edit-result.csv"
    assert payer.run(str(file), "--dry-run", "--skip-bad", "--result", str(result)).status == 11
    assert [(row["line"], row["ref"], row["state"]) for row in rows_of(result)] == [
        ("2", "edit-0", "delivered"),
        ("3", "edit-1", "wrong"),
        ("", "edit-2", "delivered"),
    ]


def test_a_result_that_cannot_be_written_is_told_beside_what_was_sent(home: Home, payer: Payer) -> None:
    """The name is so long that the name of the draft beside it is too long."""
    ((_, _, to),) = wanted = people(1, "full")
    file, result = payer.file("full.csv", wanted), payer.folder / f"{'x' * 240}.csv"
    for sent, held in ("no", 0), ("yes", 10**6):
        done = payer.run(str(file), "--yes", "--json", "--result", str(result))
        assert (done.status, done.error["sent"]) == (3, sent), done
        assert "l2send batch resume full --result" in done.error["hint"]
        assert home.holds(to, "dev1") == held
        assert payer.run("resume", "full", "--result", str(payer.folder / "full-result.csv")).status == 0
    assert [row["state"] for row in rows_of(payer.folder / "full-result.csv")] == ["delivered"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.csv", "--yes"], "cannot read nowhere.csv"),
        (["-", "--yes"], "--name"),
        (["/dev/stdin", "--yes"], "--name"),
        (["/dev/fd/0", "--yes"], "--name"),
        (["/dev/zero", "--yes", "--name", "endless"], "larger than 64 MiB"),
        (["resume"], "which batch"),
        (["resume", "never begun"], "no batch is called"),
        (["FILE", "FILE"], "one file at a time"),
        (["FILE", "--max-fee-total", "3%"], "in dollars"),
        (["FILE", "--yes", "--result", "FILE"], "is no result of a batch"),
        (["FILE", "--yes", "--name", "a/b"], "no `/`"),
        (["FILE"], "not a terminal"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_else(payer: Payer, words: list[str], said: str) -> None:
    file = payer.file("plain.csv", people(1, "plain"))
    done = payer.run(*(str(file) if word == "FILE" else word for word in words), "--json")
    assert (done.status, done.error["sent"]) == (2, "no"), done
    assert said in done.error["message"] + done.error["hint"]
    assert file.read_bytes().startswith(b"\xef\xbb\xbfRef;")


@pytest.fixture
def terminal(payer: Payer) -> Iterator[Terminal]:
    environment = payer.home.environment | {"ETH_KEYSTORE_ACCOUNT": payer.name, "TERM": "xterm-256color"}
    with Terminal(environment, height=24) as made:
        yield made


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_one_review_on_one_screen_and_one_yes(home: Home, payer: Payer, terminal: Terminal) -> None:
    wanted = people(4, "screen")
    result = payer.folder / "screen.json"
    file = payer.file("screen.csv", [*wanted, ("twice", "1", wanted[0][2])])
    terminal.start(*L2SEND, "batch", str(file), "--result", str(result))
    shown = terminal.wait_for("Pay 5 lines of screen: 5 USDC on Devnet 1")
    for words in ("screen, 5 lines: 5 to pay", "5 USDC to 4 accounts on Devnet 1", "5 signatures", "screen-0, twice"):
        assert words in shown
    terminal.type("details")
    terminal.press("Enter")
    terminal.wait_for(wanted[3][2][-30:])
    terminal.wait_for_times("Pay 5 lines", 2)
    terminal.type("yes")
    terminal.press("Enter")
    status, shown = terminal.end()
    assert (status, "5 of 5 delivered" in shown) == (0, True)
    assert ": 5 delivered" not in shown, "said once"
    assert re.search(r"^cost +\$\d", shown, re.MULTILINE), shown
    assert json.loads(result.read_text())["counts"] == {"delivered": 5}
    assert [home.holds(to, "dev1") for _, _, to in wanted] == [2 * 10**6, 10**6, 10**6, 10**6]


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_a_no_begins_nothing(home: Home, payer: Payer, terminal: Terminal) -> None:
    wanted = people(2, "no")
    file = payer.file("no.csv", wanted)
    terminal.start(*L2SEND, "batch", str(file))
    terminal.wait_for("Pay 2 lines of no")
    terminal.type("no")
    terminal.press("Enter")
    assert terminal.end()[0] == 130
    assert home.holds(wanted[0][2], "dev1") == 0
    assert "no batch is called" in payer.run("resume", "no").stderr
