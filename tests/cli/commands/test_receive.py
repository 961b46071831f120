"""`l2send receive`: every form, readable QR codes, files that are not overwritten, no guessed chain."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.cli import qr
from l2send.core.address import Address
from l2send.core.plan import ChainAddress
from l2send.core.units import parse_amount
from l2send.resolver import payment_uri
from tests.conftest import Home
from tests.support.qrcodes import read_picture, read_screen
from tests.support.terminal import Terminal

VITALIK = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
LINK = f"ethereum:{USDC}@8453/transfer?address={VITALIK}&uint256=25000000"
BASE = ("receive", "--from", VITALIK, "--chain", "base")
INVOICE = (*BASE, "--token", "USDC", "--amount", "25")

needs_tmux = pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")


def test_every_form_of_what_is_asked(empty_home: Home) -> None:
    done = empty_home.must(*INVOICE, "--json")
    assert done.json["schema"] == "l2send.receive/1"
    assert (done.json["account"], done.json["chain"], done.json["chain_id"]) == (VITALIK, "base", 8453)
    assert done.json["token"] == {"symbol": "USDC", "address": USDC}
    assert done.json["amount"]["base_units"] == "25000000"
    assert done.json["files"] == {}
    assert done.json["forms"] == {
        "erc3770": f"base:{VITALIK}",
        "erc7828": f"{VITALIK}@base#17DE0709",
        "erc7930": f"0x0001000002210514{VITALIK[2:].lower()}",
        "caip10": f"eip155:8453:{VITALIK}",
        "eip681": LINK,
    }


@pytest.mark.parametrize(
    ("words", "link"),
    [
        ([], f"ethereum:{VITALIK}@8453"),
        (["--token", "USDC"], f"ethereum:{USDC}@8453/transfer?address={VITALIK}"),
        (["--token", USDC], f"ethereum:{USDC}@8453/transfer?address={VITALIK}"),
        (["--token", "ETH"], f"ethereum:{VITALIK}@8453"),
        (["--token", "ETH", "--amount", "0.5"], f"ethereum:{VITALIK}@8453?value=500000000000000000"),
    ],
)
def test_links_that_l2send_reads_back(empty_home: Home, words: list[str], link: str) -> None:
    done = empty_home.must(*BASE, *words, "--json")
    assert done.json["forms"]["eip681"] == link
    read = empty_home.must("resolve", link, "--json").json
    assert (read["destination"], read["forms"]) == (f"base:{VITALIK}", done.json["forms"])


def test_what_people_read(empty_home: Home) -> None:
    done = empty_home.must(*INVOICE)
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert done.stdout.splitlines()[0].split(maxsplit=2) == ["pay", "to", f"base:{VITALIK}"]
    assert lines["amount"] == "25 USDC"
    assert lines["token"] == USDC
    assert lines["on"] == "Base (chain id 8453)"
    assert "Stage" in lines["security"]
    assert lines["ERC-7828"] == f"{VITALIK}@base#17DE0709"
    assert lines["EIP-681"] == LINK
    assert "█" not in done.stdout, "a pipe cannot be scanned"
    assert "make sure that it is yours on Base" in done.stderr


def test_an_account_whose_key_is_here_is_not_warned_of(empty_home: Home) -> None:
    name, address = empty_home.new_account()
    done = empty_home.must("receive", "--chain", "base")
    assert (f"base:{address}" in done.stdout, done.stderr) == (True, "")
    assert empty_home.must("receive", "--chain", "base", "--account", name).stdout == done.stdout


def test_two_accounts_are_one_too_many(empty_home: Home) -> None:
    name, _ = empty_home.new_account()
    done = empty_home.run(*BASE, "--account", name)
    assert done.status == 2
    assert "two accounts are named" in done.stderr


def test_a_script_must_name_the_chain(empty_home: Home) -> None:
    done = empty_home.run("receive", "--from", VITALIK, "--token", "USDbC", "--json")
    assert (done.status, done.stdout, done.error["sent"]) == (2, "", "no")
    assert done.error["message"].endswith("Chains with USDbC: base")
    everywhere = empty_home.run("receive", "--from", VITALIK)
    assert everywhere.status == 2
    assert "eth, oeth, base" in everywhere.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--chain", "bse"],
        ["--chain", "base", "--amount", "25"],
        ["--chain", "base", "--token", "USDX"],
        ["--token", "USDX"],
        ["--chain", "base", "--token", "USDC", "--amount", "1,5"],
        ["--chain", "base", "--token", "USDC", "--amount", "0"],
    ],
)
def test_what_cannot_be_meant(empty_home: Home, words: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert empty_home.run("receive", "--from", VITALIK, *words, "--html", str(page)).status == 2
    assert not page.exists()


def test_a_token_contract_is_no_account(empty_home: Home) -> None:
    assert empty_home.run("receive", "--chain", "base", "--from", USDC).status == 2


@pytest.fixture
def strict_umask() -> Iterator[None]:
    """Files are made as a careful person's shell makes them: for the owner alone."""
    old = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(old)


@pytest.mark.usefixtures("strict_umask")
def test_files_are_for_others_to_read(empty_home: Home, tmp_path: Path) -> None:
    files = {kind: tmp_path / f"code.{kind}" for kind in ("png", "svg", "html")}
    words = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    done = empty_home.must(*INVOICE, *words, "--json")
    assert done.json["files"] == {kind: str(path) for kind, path in files.items()}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o644}
    assert read_picture(files["png"].read_bytes()) == [LINK]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["code.html", "code.png", "code.svg"]


def test_nothing_is_written_over_unasked(empty_home: Home, tmp_path: Path) -> None:
    there, new = tmp_path / "there.html", tmp_path / "new.png"
    there.write_text("mine")
    done = empty_home.run(*BASE, "--html", str(there), "--png", str(new))
    assert done.status == 2
    assert "exists already" in done.stderr
    assert (there.read_text(), new.exists()) == ("mine", False)
    empty_home.must(*BASE, "--html", str(there), "--force")
    assert VITALIK in there.read_text()


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_neither_links_nor_folders_are_written_over(empty_home: Home, tmp_path: Path, force: list[str]) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    for name in ("link", "folder"):
        assert empty_home.run(*BASE, "--svg", str(tmp_path / name), *force).status == 2
    assert (tmp_path / "file").read_text() == "mine"


def test_files_that_cannot_be(empty_home: Home, tmp_path: Path) -> None:
    nowhere, twice = str(tmp_path / "none" / "x.png"), str(tmp_path / "x")
    assert empty_home.run(*BASE, "--png", nowhere).status == 3
    assert empty_home.run(*BASE, "--png", twice, "--svg", twice).status == 2


def test_a_code_for_a_pipe_if_asked_for(empty_home: Home) -> None:
    done = empty_home.must(*INVOICE, "--qr")
    assert read_screen(done.stdout, drawn_is_black=False) == [LINK]
    ascii_only = empty_home.must(*INVOICE, "--qr", PYTHONIOENCODING="ascii:backslashreplace")
    assert "cannot show the QR code: --png FILE" in ascii_only.stderr


@needs_tmux
@pytest.mark.parametrize("colour", [True, False])
def test_the_code_on_a_screen_can_be_read(empty_home: Home, colour: bool) -> None:
    environment = empty_home.environment | {"TERM": "xterm-256color"} | ({} if colour else {"NO_COLOR": "1"})
    with Terminal(environment, 80, 50) as terminal:
        terminal.start(sys.executable, "-m", "l2send", *INVOICE)
        status, screen = terminal.end()
    assert status == 0
    assert f"base:{VITALIK}" in screen
    assert "Give the payer the address and its chain" in screen
    assert read_screen(screen, drawn_is_black=colour) == [LINK]


@needs_tmux
@pytest.mark.parametrize("colour", [True, False])
def test_all_of_it_fits_24_lines_with_a_code_that_scans(empty_home: Home, colour: bool) -> None:
    environment = empty_home.environment | {"TERM": "xterm-256color"} | ({} if colour else {"NO_COLOR": "1"})
    with Terminal(environment, 80, 24) as terminal:
        terminal.start(sys.executable, "-m", "l2send", *INVOICE, "--payee", "Luna", "--reference", "17", "-q")
        status, screen = terminal.end()
        shown = terminal.screen().splitlines()[-24:]
    assert status == 0
    code = [line[:43].ljust(43) for line in shown if set(line[:43]) <= set(" ▀▄█")]
    assert read_screen("\n".join(code), drawn_is_black=colour) == [LINK]
    beside = "".join(line[43:].strip() for line in shown)
    for words in ("25 USDC", "Luna", "17", "Base (chain id 8453)"):
        assert words in beside
    assert f"pay to    base:{VITALIK}\n" in screen, "on one line, whole"


@needs_tmux
def test_a_longer_link_fits_24_lines_too(empty_home: Home) -> None:
    """25 DAI are 20 digits: each run of digits takes less space by itself."""
    name, address = empty_home.new_account()
    asked = ("--chain", "eth", "--token", "DAI", "--amount", "25")
    with Terminal(empty_home.environment | {"TERM": "xterm-256color"}, 80, 24) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "receive", "--account", name, *asked)
        status, _ = terminal.end()
        shown = terminal.screen().splitlines()[-24:]
    assert status == 0
    code = [line[:43].ljust(43) for line in shown if set(line[:43]) <= set(" ▀▄█")]
    (link,) = read_screen("\n".join(code), drawn_is_black=True)
    assert link.endswith(f"@1/transfer?address={address}&uint256=25000000000000000000")
    assert name in "".join(line[43:].strip() for line in shown), "whose address it is"


@needs_tmux
def test_an_amount_with_an_exponent_makes_a_code_that_fits_and_scans(empty_home: Home) -> None:
    """The code of the link with all digits would need 25 lines."""
    asked = ("--from", VITALIK, "--chain", "arb1", "--token", "DAI", "--amount", "25")
    with Terminal(empty_home.environment | {"TERM": "xterm-256color"}, 80, 24) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "receive", *asked, "-q")
        status, screen = terminal.end()
        shown = terminal.screen().splitlines()[-24:]
    assert status == 0
    assert f"pay to    arb1:{VITALIK}\n" in screen
    code = [line[:43].ljust(43) for line in shown if set(line[:43]) <= set(" ▀▄█")]
    (link,) = read_screen("\n".join(code), drawn_is_black=True)
    assert link.endswith(f"@42161/transfer?address={VITALIK}&uint256=25e18")
    read = empty_home.must("resolve", link, "--json").json
    assert (read["destination"], read["asked"]["base_units"]) == (f"arb1:{VITALIK}", str(25 * 10**18))


@pytest.mark.parametrize("amount", ["1", "25", "12.5", "1234.56"])
def test_the_code_of_every_token_on_every_chain_fits_80x24(empty_home: Home, amount: str) -> None:
    for chain in (chain for chain in empty_home.registry if not chain.testnet):
        for token in chain.assets:
            link = payment_uri.write(ChainAddress(chain.chain_id, Address(VITALIK)), parse_amount(amount, token))
            assert min(map(qr.width, payment_uri.spellings(link))) <= 43, link
            assert link == payment_uri.spellings(link)[0]


@needs_tmux
@pytest.mark.parametrize(("lines", "is_drawn"), [(24, False), (25, True)])
def test_a_code_whose_top_would_leave_the_screen_is_not_drawn(empty_home: Home, lines: int, is_drawn: bool) -> None:
    """An amount with all of 18 decimals makes a longer link, and the link a larger code: it could not be scanned."""
    asked = ("--from", VITALIK, "--chain", "arb1", "--token", "DAI", "--amount", "25.123456789012345678")
    with Terminal(empty_home.environment, 80, lines) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "receive", *asked)
        status, screen = terminal.end()
    assert status == 0
    assert ("The QR code needs 25 lines" in screen, "█" in screen) == (not is_drawn, is_drawn)


@needs_tmux
def test_a_narrow_screen_is_told_of_the_file(empty_home: Home) -> None:
    with Terminal(empty_home.environment, 40, 50) as terminal:
        terminal.start(sys.executable, "-m", "l2send", *INVOICE)
        status, screen = terminal.end()
    assert status == 0
    assert f"pay to\nbase:{VITALIK[:35]}\n{VITALIK[35:]}\n" in screen, "broken by the terminal alone: copied whole"
    assert "too narrow for the QR code (40 columns, it needs 43)" in " ".join(screen.split())
    assert "█" not in screen


@needs_tmux
@pytest.mark.parametrize("keys", [["base", "Enter"], ["C-c"]])
def test_a_person_is_asked_for_the_chain(empty_home: Home, keys: list[str]) -> None:
    with Terminal(empty_home.environment) as terminal:
        terminal.start(sys.executable, "-m", "l2send", "receive", "--from", VITALIK, "--token", "USDbC")
        asked = terminal.wait_for("base (Base)")
        assert f"{VITALIK} be paid on?" in " ".join(asked.split())
        terminal.press(*keys)
        status, screen = terminal.end()
    assert (status, f"pay to    base:{VITALIK}" in screen) == ((0, True) if "Enter" in keys else (130, False))
