"""`l2send batch --queue` and `l2send work`, as a person and a service manager call them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Home
from tests.support import schemas
from tests.support.addresses import new_address

TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def write(folder: Path, name: str, rows: int, amount: str = "1") -> Path:
    file = folder / f"{name}.csv"
    lines = "".join(f"r-{row},{amount},USDC,dev1:{new_address()},\n" for row in range(rows))
    file.write_text("ref,amount,token,to,memo\n" + lines)
    return file


def test_a_file_is_approved_looked_at_paid_by_a_worker_and_taken_back(home: Home, tmp_path: Path) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    batch = f"b{name}"
    file = write(tmp_path, batch, 3)
    payer = {"ETH_KEYSTORE_ACCOUNT": name}
    queued = home.run("batch", str(file), "--queue", "--yes", "--json", **payer)
    assert (queued.status, queued.json["counts"]) == (0, {"waiting": 3})
    assert home.run("batch", "status", batch, "--json").status == 8
    again = home.must("batch", str(file), "--queue", "--yes", "--json", **payer)
    assert again.json["counts"] == {"waiting": 3}
    worked = home.run("work", "--accounts", name, "--once", "--log", "json", "--json")
    assert (worked.status, worked.json) == (0, {"schema": "l2send.worked/1", "waiting": 0, "open": 0, "begun": 3})
    lines = [json.loads(line) for line in worked.stderr.splitlines() if line.startswith("{")]
    for line in lines:
        schemas.check(line)
    assert {(line["batch"], line["ref"]) for line in lines if line["event"] == "begun"} == {
        (batch, f"r-{row}") for row in range(3)
    }
    result = tmp_path / "result.json"
    done = home.run("batch", "status", batch, "--json", "--result", str(result))
    assert (done.status, done.json["counts"], json.loads(result.read_text())["counts"]) == (
        0,
        {"delivered": 3},
        {"delivered": 3},
    )
    more = write(tmp_path, f"{batch}2", 2)
    home.must("batch", str(more), "--queue", "--yes", **payer)
    taken = home.must("batch", "withdraw", f"{batch}2", "--json")
    assert taken.json["counts"] == {"withdrawn": 2}
    assert home.run("batch", "status", f"{batch}2").status == 11
    assert home.run("work", "--accounts", name, "--once", "--json").json["begun"] == 0


def test_sigterm_ends_a_worker_well(home: Home) -> None:
    name, _ = home.new_account()
    process = subprocess.Popen(
        [sys.executable, "-m", "l2send", "work", "--accounts", name, "--log", "json"],
        env=home.environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    assert "working for" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "stopping: nothing more is signed here" in said


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("work", "--metrics", "0.0.0.0:9464"), "can be reached from other machines"),
        (("work", "--metrics", "9464"), "is no address and port"),
        (("work", "--once", "--idle-exit", "3"), "cannot be combined"),
        (("work", "--accounts", "a,a"), "a list of different names"),
        (("work", "--accounts", "a,,b"), "a list of different names"),
        (("batch", "status"), "which batch?"),
        (("batch", "withdraw", "nothing"), "no batch is called 'nothing'"),
        (("batch", "status", "x", "--again"), "takes no option but"),
        (("batch", "status", "a/b"), "no `/` and no `:`"),
    ],
)
def test_bad_input_is_told_before_anything_is_opened(home: Home, words: tuple[str, ...], error: str) -> None:
    done = home.run(*words)
    assert done.status == 2, done
    assert error in done.stderr
