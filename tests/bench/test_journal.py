"""The journal benchmark runs on valid journals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from bench.journal_rows import account_of, deliver, grow, id_of, payment_to, template_in
from bench.svg_curves import svg
from l2send.wallet.journal.derived import derive
from l2send.wallet.journal.sqlite import SqliteJournal
from tests.support.addresses import new_address
from tests.wallet.rig import chain_at

ROOT = Path(__file__).resolve().parents[2]
CHAIN = chain_at("http://127.0.0.1:1")


def test_copies_are_what_the_journal_writes(tmp_path: Path) -> None:
    path, sender = tmp_path / "state" / "journal.db", new_address()
    grow(path, template_in(path, sender, CHAIN), 1, 60)
    journal = SqliteJournal(path)
    assert journal.count() == len({id_of(number) for number in range(60)}) == 60
    record = journal.find(id_of(41))
    payment = payment_to(account_of(41), sender, CHAIN)
    assert (record.payment, record.key) == (payment, "invoice-41")
    assert record.state == deliver(journal, payment, CHAIN, 10**6).state
    for row in journal._db.execute("SELECT * FROM payments").fetchall():
        derive(journal._db, row["id"], journal._payment)
        again = journal._db.execute("SELECT * FROM payments WHERE id = ?", (row["id"],)).fetchone()
        assert dict(again) == dict(row)
    journal.check()
    journal.close()


def test_a_curve_is_a_picture_with_a_line_for_each_name() -> None:
    picture = ET.fromstring(svg("Title & more", "payments", {"one": [(10, 1), (1000, 3)], "two": [(10, 2), (1000, 2)]}))
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Title & more", "payments", "one", "two", "10", "1,000"} <= set(words)


@pytest.mark.lab
def test_lookups_do_not_grow(tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ETH_")}
    command = [sys.executable, "-m", "bench.journal", "--sizes", "10", "3000", "--rounds", "1", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, timeout=240, check=False)
    sizes = json.loads(done.stdout)["sizes"]
    assert [size["payments"] for size in sizes] == [10, 3000], done.stderr
    assert max(size["memory_mb"] for size in sizes) < 120
    assert sizes[1]["lookups_ms"]["by key"] < 5
