"""`l2send prepare FILE --safe …`: a payroll in one file that the owners of a Safe sign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from l2send.core.address import Address
from l2send.core.safe import decode_execution
from l2send.wallet.safe_builder import builder_document
from l2send.wallet.safe_files import read_safe_file
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.safes import TestSafe, new_safe

USDC, ETH = 10**6, 10**18


@dataclass
class Desk:
    """Two owners of a Safe on dev1 with 100 USDC and 2 ETH, and an account with gas, all in one home."""

    home: Home
    folder: Path
    safe: TestSafe
    owners: tuple[str, str]
    sender: str

    def file(self, rows: Sequence[tuple[str, str, str]], name: str = "") -> str:
        path = self.folder / (name or f"november-{self.safe.place[-6:]}.csv")  # the home has batches of other files
        lines = [f"r{at},{amount},{token},{to}" for at, (amount, token, to) in enumerate(rows)]
        path.write_text("\n".join(["ref,amount,token,to", *lines]) + "\n")
        return str(path)

    def out(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Desk:
    (one, first), (two, second), (sender, gas) = home.new_account(), home.new_account(), home.new_account()
    safe = new_safe(home, [first, second], 2)
    home.fund(safe.address, "dev1", USDC="100", ETH="2")
    home.fund(gas, "dev1", ETH="1")
    return Desk(home, tmp_path, safe, (one, two), sender)


def payroll(to: Sequence[Address]) -> list[tuple[str, str, str]]:
    kinds = (("5", "USDC"), ("6", "USDC"), ("0.5", "ETH"))
    return [(*kind, f"dev1:{who}") for kind, who in zip(kinds, to, strict=True)]


def test_a_payroll_is_one_file_one_transaction_and_every_owner_sees_every_payment(desk: Desk) -> None:
    home, to = desk.home, [new_address() for _ in range(3)]
    prepared, by_one, signed = desk.out("pay.json"), desk.out("one.json"), desk.out("signed.json")
    file = desk.file(payroll(to), f"november-{to[0][-6:]}.csv")
    done = home.must("prepare", file, "--safe", desk.safe.place, "--yes", "-o", prepared, "--json")
    assert "3 lines on " in done.stderr, done.stderr
    assert "in one transaction of your Safe: all of them are paid, or none" in done.stderr
    said = home.must("sign", prepared, "--account", desk.owners[0], "--yes", "-o", by_one).stderr
    for who, amount in zip(to, ("5 USDC", "6 USDC", "0.5 ETH"), strict=True):
        assert f"{amount} to dev1:{who}" in said, said
    assert "3 payments: 11 USDC and 0.5 ETH on " in said
    assert done.json["safe_tx_hash"] in said
    home.must("sign", by_one, "--account", desk.owners[1], "--yes", "-o", signed)
    sent = home.must("broadcast", signed, "--account", desk.sender, "--json").json
    assert sent["state"] == "delivered"
    assert [one["destination"] for one in sent["legs"][0]["carries"]] == [f"dev1:{who}" for who in to]
    assert [home.holds(who, "dev1", token) for who, token in zip(to, ("USDC", "USDC", "ETH"), strict=True)] == [
        5 * USDC,
        6 * USDC,
        ETH // 2,
    ]
    again = home.must("broadcast", signed, "--account", desk.sender)
    assert "3 payments in one transaction: all of them, or none" in again.stdout
    assert f"6 USDC to dev1:{to[1]}" in again.stdout


def test_owners_cancel_all_of_them_and_not_one(desk: Desk) -> None:
    home, to = desk.home, [new_address() for _ in range(3)]
    file, words = desk.file(payroll(to), f"never-{to[0][-6:]}.csv"), ("--safe", desk.safe.place, "--yes", "-o")
    whole = home.must("prepare", file, *words, desk.out("pay.json"), "--json").json["id"]
    listed = home.must("history", "--json").json["payments"]
    one = next(payment["id"] for payment in listed if payment["destination"] == f"dev1:{to[1]}")
    alone = home.run("cancel", one, "-o", desk.out("one.json"), "--json")
    assert (alone.status, alone.error["sent"]) == (7, "no")
    assert whole in alone.error["hint"]
    said = home.must("cancel", whole, "-o", desk.out("cancel.json")).stderr
    assert f"instead of all 3 payments of {whole}" in said
    for owner, read, made in zip(desk.owners, ("cancel", "a"), ("a", "b"), strict=True):
        home.must("sign", desk.out(f"{read}.json"), "--account", owner, "--yes", "-o", desk.out(f"{made}.json"))
    done = home.run("broadcast", desk.out("b.json"), "--account", desk.sender, "--json").json
    assert done["state"] == "cancelled"
    assert home.run("status", one, "--json").json["state"] == "cancelled"


def test_prepared_again_it_is_the_same_file(desk: Desk) -> None:
    """A line is known by the file's name and its ref: the Safe's next nonce is not taken for it."""
    rows = payroll([new_address() for _ in range(3)])
    file, words = desk.file(rows, f"again-{rows[0][2][-6:]}.csv"), ("--safe", desk.safe.place, "--yes", "-o")
    first = desk.home.must("prepare", file, *words, desk.out("a.json"), "--json").json
    second = desk.home.must("prepare", file, *words, desk.out("b.json"), "--json").json
    assert (second["id"], second["safe_tx_hash"]) == (first["id"], first["safe_tx_hash"])
    desk.file(rows[:2], Path(file).name)
    fewer = desk.home.run("prepare", file, *words, desk.out("c.json"), "--json")
    assert (fewer.status, fewer.error["sent"]) == (7, "no")
    assert "begun before, and not together" in fewer.error["message"]
    resumed = desk.home.run("batch", "resume", Path(file).stem, "--json")
    assert "l2send broadcast FILE" in resumed.error["hint"]


def test_what_cannot_be_paid_whole_is_not_prepared(desk: Desk) -> None:
    to, words = new_address(), ("--safe", desk.safe.place, "--yes", "--json", "-o", desk.out("pay.json"))
    for rows, why in (
        ([("5", "USDC", f"dev1:{to}"), ("5", "USDC", f"dev4:{to}")], "line 3 pays on "),
        ([("5", "USDC", f"dev1:{to}"), ("x", "USDC", f"dev1:{to}")], "1 of 2 lines are wrong"),
        ([("60", "USDC", f"dev1:{to}"), ("60", "USDC", f"dev1:{to}")], "does not reach"),
    ):
        done = desk.home.run("prepare", desk.file(rows), *words)
        assert done.error["sent"] == "no"
        assert why in done.error["message"], done.error
        assert "repared" in done.error["hint"]
        assert not Path(desk.out("pay.json")).exists()
    file = desk.file([("5", "USDC", f"dev1:{to}")] * 2)
    alone = desk.home.run("prepare", file, "--from", to, "--yes", "--json", "-o", desk.out("pay.json"))
    assert "--safe" in alone.error["hint"]
    with_memo = desk.home.run("prepare", file, *words, "--memo", "x")
    assert "of one payment" in with_memo.error["message"]


def test_the_calls_of_safes_own_interface_make_the_same_transaction(desk: Desk) -> None:
    """Exported with several transfers, it is prepared with the same SafeTx hash; twice, it is one transaction."""
    home, to = desk.home, [new_address() for _ in range(3)]
    words = ("--safe", desk.safe.place, "--yes", "-o")
    file = desk.file(payroll(to), f"export-{to[0][-6:]}.csv")
    first = home.must("prepare", file, *words, desk.out("pay.json"), "--json").json
    home.must("merge", desk.out("pay.json"), "--for-builder", "-o", desk.out("builder.json"))
    exported = json.loads(Path(desk.out("builder.json")).read_text())
    assert len(exported["transactions"]) == 3
    made = [
        home.must("prepare", desk.out("builder.json"), *words, desk.out(f"{n}.json"), "--again").stderr for n in "ab"
    ]
    assert all("in one transaction of your Safe" in said or "begun before" in said for said in made)
    one, two = (read_safe_file(Path(desk.out(f"{n}.json"))) for n in "ab")
    assert (one.id, one.typed.digest) == (two.id, two.typed.digest)
    assert one.safe_tx == read_safe_file(Path(desk.out("pay.json"))).safe_tx
    assert (one.id != first["id"], one.proposal.nonce) == (True, first["proposal"]["nonce"] + 1)


def test_an_order_beside_other_payments_is_refused(desk: Desk) -> None:
    words = ("--safe", desk.safe.place, "--yes", "--json", "-o")
    desk.home.must("prepare", "20", "USDC", f"dev4:{new_address()}", *words, desk.out("order.json"))
    bundle, chain = read_safe_file(Path(desk.out("order.json"))), desk.home.chain("dev1")
    calls = decode_execution(bundle.safe_tx.execution(b""), {s.multi_send_call_only.address for s in chain.safes}).calls
    desk.home.must("prepare", "1", "USDC", f"dev1:{new_address()}", *words, desk.out("direct.json"))
    other = read_safe_file(Path(desk.out("direct.json"))).safe_tx.execution(b"")
    calls = (*decode_execution(other, set()).calls, *calls)
    path = Path(desk.out("both.json"))
    path.touch(mode=0o600)
    path.write_text(json.dumps(builder_document(bundle, calls)))
    done = desk.home.run("prepare", str(path), *words, desk.out("pay.json"))
    assert "makes 2 payments" in done.error["message"]
    assert "only if each call is a transfer" in done.error["hint"]
