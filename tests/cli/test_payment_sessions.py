"""Payments in a real terminal of 80x24 and of 40 columns: from three chains, refused, late and refunded, with a
delegation, submitted by a sponsor and taken back. Compared as text with what was recorded and looked at, as
test_sessions.py says.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.core.address import Address, checksum
from l2send.core.delegation import named_delegate
from l2send.devnet.node import Node
from tests.cli.test_sessions import L2SEND, NARROW, PAYEE, SESSIONS, WIDE, masked
from tests.cli.test_styles import MARKS
from tests.conftest import Home, home_with_devnet
from tests.support.contracts import send_unlocked
from tests.support.safes import new_safe
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"), pytest.mark.lab]


@pytest.fixture(scope="module")
def payer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Four chains of its own, and an account with money on three of them."""
    with home_with_devnet(tmp_path_factory.mktemp("payments"), chains=4) as home:
        name, address = home.new_account()
        for chain in ("dev1", "dev2", "dev4"):
            home.fund(address, chain, USDC="100", ETH="1")
        yield Home(home.path, home.environment | {"ETH_KEYSTORE_ACCOUNT": name, "TERM": "xterm-256color"})


def compare(name: str, screen: str) -> None:
    """As test_sessions.py does, but for how many digits a sum has: quotes differ from run to run."""
    recorded, text = SESSIONS / f"{name}.txt", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "~", screen)
    text = re.sub(r"(?<=about )[\d.]+(?= USDC)", "~", masked(text))
    text = re.sub("~+", "~", text) + "\n"
    text = re.sub(r"\$~(\s+and\s+\$~)+", "$~ each", text)  # what refunds may cost differs by a cent, or not
    if os.environ.get("L2SEND_RECORD"):
        recorded.write_text(text)
    if name.endswith("_40"):  # where a line breaks depends on the digits
        assert max(map(len, screen.splitlines())) <= NARROW[0]
        assert _flowing(text) == _flowing(recorded.read_text())
    else:
        assert text == recorded.read_text()


def _flowing(text: str) -> str:
    """The words alone, however they are broken into lines."""
    return re.sub(r"~[~ ]*~", "~", " ".join(text.split()))


def paid(payer: Home, size: tuple[int, int], *words: str) -> tuple[int, str]:
    """The exit status and the screen of a payment that is agreed to."""
    with Terminal(payer.environment, *size) as terminal:
        terminal.start(str(L2SEND), *words)
        terminal.wait_for("details)")
        terminal.type("yes")
        terminal.press("Enter")
        return terminal.end()


@pytest.mark.parametrize(("name", "size"), [("three_sources_80", WIDE), ("three_sources_40", NARROW)])
def test_the_review_of_three_sources_fits_with_its_question(payer: Home, name: str, size: tuple[int, int]) -> None:
    with Terminal(payer.environment, *size) as terminal:
        terminal.start(str(L2SEND), "250", "USDC", f"dev3:{PAYEE}")
        shown = terminal.wait_for("details)")
        assert len(shown.splitlines()) <= size[1]
        terminal.type("no")
        terminal.press("Enter")
        status, screen = terminal.end()
    compare(name, screen)
    assert status == 130


@pytest.mark.parametrize(("name", "size"), [("refused_80", WIDE), ("refused_40", NARROW)])
def test_refused(payer: Home, name: str, size: tuple[int, int]) -> None:
    with Terminal(payer.environment, *size) as terminal:
        terminal.start(str(L2SEND), "5000", "USDC", f"dev3:{PAYEE}")
        status, screen = terminal.end()
    compare(name, screen)
    assert status == 6


def test_three_sources_paid_and_looked_at_again(payer: Home) -> None:
    status, screen = paid(payer, WIDE, "230", "USDC", f"dev3:{PAYEE}")
    compare("three_sources_paid_80", outcome_of(screen))
    assert status == 0
    with Terminal(payer.environment, *NARROW) as terminal:
        terminal.start(str(L2SEND), "status")
        status, screen = terminal.end()
    compare("three_sources_paid_40", screen)
    assert status == 0


def test_a_payment_in_plain_mode_is_lines_in_reading_order(payer: Home) -> None:
    """As a screen reader reads it: who gets what, the cost, what is signed, the question, each step, the outcome."""
    account, _ = other(payer, ETH="1")
    status, screen = paid(account, (200, 50), "20", "USDC", f"dev3:{PAYEE}", "--plain", "--memo", "rent")
    compare("payment_plain", screen)
    assert status == 0
    assert not MARKS.search(re.sub(r"(?<=\w)…(?=\w)", "", screen))
    labels = [line.partition(":")[0] for line in screen.splitlines()]
    review = ["pay", "to", "they get", "you pay", "cost", "left", "how", "if late", "you sign"]
    outcome = ["amount", "to", "from", "paid", "made", "cost", "memo", "left", "see"]
    assert [label for label in labels if label in {*review, *outcome}] == [*review, "to", "from", *outcome], (
        "details between"
    )


def outcome_of(screen: str) -> str:
    """What stands on the screen from the outcome on."""
    return re.sub(r"(?s)^.*\n(?=p-[0-9a-z]{8}  )", "", screen)


def other(payer: Home, **coins: str) -> tuple[Home, Address]:
    """Another account with USDC on dev1, and its address."""
    name, address = payer.new_account()
    payer.fund(address, "dev1", USDC="100", **coins)
    return Home(payer.path, payer.environment | {"ETH_KEYSTORE_ACCOUNT": name}), address


@pytest.mark.parametrize(("name", "size"), [("batch_80", WIDE), ("batch_40", NARROW)])
def test_the_review_of_a_payment_that_delegates(payer: Home, name: str, size: tuple[int, int]) -> None:
    plain, _ = other(payer, ETH="1")
    with Terminal(plain.environment, *size) as terminal:
        terminal.start(str(L2SEND), "20", "USDC", f"dev3:{PAYEE}", "--via", "eco", "--batch")
        terminal.wait_for("details)")
        terminal.type("no")
        terminal.press("Enter")
        status, screen = terminal.end()
    compare(name, screen)
    assert status == 130


def test_what_a_sponsor_submits_is_reviewed_and_taken_back(payer: Home) -> None:
    gasless, address = other(payer)
    node = Node(payer.chain("dev1").rpcs[0])
    code = named_delegate("simple7702account", payer.chain("dev1")).code.address
    node.call("anvil_setCode", address, "0xef0100" + code[2:])
    payer.must("devnet", "solver", "--mode", "ignore")
    status, screen = paid(gasless, WIDE, "20", "USDC", f"dev1:{PAYEE}", "--timeout", "1")
    compare("sponsored_80", re.sub(r"0x\w{4}…\w{4}(?! on)(?!,)", "~", screen))
    assert status == 8
    payment = gasless.must("history", "-n", "1", "--json").json["payments"][0]["id"]
    node.call("anvil_setBalance", address, hex(10**18))
    for name, size in (("sponsored_cancelled_80", WIDE), ("sponsored_cancelled_40", NARROW)):
        with Terminal(gasless.environment, *size) as terminal:
            terminal.start(str(L2SEND), *(("cancel", payment) if size is WIDE else ("status", payment)))
            if size is WIDE:
                terminal.wait_for("Cancel the payment")
                terminal.type("yes")
                terminal.press("Enter")
            status, screen = terminal.end()
        assert status == 7
        compare(name, re.sub(r"(block\s+)\d+", r"\1~", screen))
    payer.must("devnet", "solver", "--mode", "fill")


def screens(payer: Home, name: str, *words: str, size: tuple[int, int], agree: str = "", status: int = 0) -> None:
    """Compares the session of a command. `agree`: the words of its question, which gets a yes."""
    with Terminal(payer.environment, *size) as terminal:
        terminal.start(str(L2SEND), *words)
        if agree:
            terminal.wait_for(agree)
            terminal.type("yes")
            terminal.press("Enter")
        ended, screen = terminal.end()
    known = r"first payment to this\s+account|paid (once|\d+ times),\s+last\s+today"  # which tests ran before
    screen = re.sub(r"(?m)^check  .*first time.*\n", "", re.sub(known, "paid before, or not", screen))
    screen = re.sub(r"0x(?!5aAe)\w{4}…\w{4}", "~", re.sub(r"(block\s+)\d+", r"\1~", screen))
    compare(f"{name}_{size[0]}", re.sub(r"(?m)^( +)[0-9a-f]{1,5}$", r"\1~", screen))  # the end of a broken hash
    assert ended == status, screen


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: its files have short names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_file_of_payments_its_review_and_its_result(payer: Home, here: Path) -> None:
    account, _ = other(payer, ETH="1")
    for size in (WIDE, NARROW):
        file = here / f"payroll{size[0]}.csv"
        rows = (
            f"{ref}{size[0]},{amount},USDC,dev1:{PAYEE},November\n" for ref, amount in (("ann", "15"), ("bob", "7"))
        )
        file.write_text("ref,amount,token,to,memo\n" + "".join(rows) + f"carl{size[0]},25,USDC,dev3:{PAYEE},\n")
        screens(account, "payroll", "batch", file.name, agree="details)", size=size)


def test_a_safe_with_one_owner_pays(payer: Home) -> None:
    account, owner = other(payer, ETH="1")
    safe = new_safe(payer, [owner])
    payer.fund(safe.address, "dev1", USDC="100")
    for size, amount in ((WIDE, "20"), (NARROW, "21")):
        words = (amount, "USDC", f"dev1:{PAYEE}", "--safe", safe.place)
        screens(account, "safe", *words, agree="details)", size=size)


@pytest.mark.usefixtures("here")
def test_a_safe_with_two_owners_is_prepared_signed_and_sent(payer: Home) -> None:
    (one, first), (two, second) = other(payer, ETH="1"), other(payer)
    safe = new_safe(payer, [first, second], 2)
    for size in (WIDE, NARROW):
        payer.fund(safe.address, "dev1", USDC="100")
        pay, signed, whole = (f"{name}{size[0]}.json" for name in ("pay", "signed", "whole"))
        words = ("prepare", str(size[0]), "USDC", f"dev1:{PAYEE}", "--safe", safe.place, "-o", pay)
        screens(one, "safe_prepare", *words, agree="details)", size=size)
        screens(one, "safe_sign", "sign", pay, "-o", signed, agree="details)", size=size)
        two.must("sign", str(Path(signed).absolute()), "-o", str(Path(whole).absolute()), "--yes")
        screens(one, "safe_broadcast", "broadcast", whole, size=size)


def test_an_account_is_delegated(payer: Home) -> None:
    for size in (WIDE, NARROW):
        account, _ = other(payer, ETH="1")
        words = ("wallet", "delegate", account.environment["ETH_KEYSTORE_ACCOUNT"], "--chain", "dev1")
        screens(account, "delegate", *words, agree="no)", size=size)


def test_a_payment_that_another_wallet_may_have_made_is_closed(payer: Home) -> None:
    """Another transaction has its nonce, and the recipient got more in that block: no chain can tell."""
    node = Node(payer.chain("dev1").rpcs[0])
    for size in (WIDE, NARROW):
        account, address = other(payer, ETH="5")
        words = ("1", "ETH", f"dev1:{PAYEE}", "--yes", "--again")
        assert account.run(*words, L2SEND_FAILPOINT="journaled").status == -9
        node.call("anvil_impersonateAccount", address)
        send_unlocked(node, address, PAYEE, b"", 2 * 10**18)
        payment = account.must("history", "-n", "1", "--json").json["payments"][0]["id"]
        account.run("status", payment)
        screens(account, "unknown", "status", payment, status=8, size=size)
        screens(account, "close", "close", payment, agree="Close the payment", size=size)


def test_late_and_then_refunded(payer: Home) -> None:
    """The last in this file: it moves the chains' clocks."""
    payer.must("devnet", "solver", "--mode", "ignore")
    account = payer.must("wallet", "show", payer.environment["ETH_KEYSTORE_ACCOUNT"]).stdout.strip()
    payer.fund(checksum(account), "dev2", USDC="100")  # the payment before left little
    late = ("20", "USDC", f"dev3:{PAYEE}", "--via", "eco", "--from-chain", "dev2", "--timeout", "1")
    status, screen = paid(payer, WIDE, *late)
    assert status == 8
    compare("late_80", outcome_of(screen))
    with Terminal(payer.environment, *NARROW) as terminal:
        terminal.start(str(L2SEND), "status")
        status, screen = terminal.end()
    assert status == 8
    compare("late_40", screen)
    for chain in ("dev1", "dev2", "dev3", "dev4"):
        payer.must("devnet", "advance", "7200", "--chain", chain)
    for name, size in (("refunded_80", WIDE), ("refunded_40", NARROW)):
        with Terminal(payer.environment, *size) as terminal:
            terminal.start(str(L2SEND), "resume" if size is WIDE else "status")
            status, screen = terminal.end()
        assert status == 9
        compare(name, screen)
    assert "refunded" in masked(screen)
