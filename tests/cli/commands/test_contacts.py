"""`l2send contacts`: what is stored, what is refused, and that a payment by name shows the whole address."""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Callable

import pytest

from l2send.core.address import Address, checksum
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside
from tests.support.terminal import Terminal

__all__ = ["inside"]

ALICE = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"
CARL = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


def imitation(of: str) -> Address:
    return checksum(f"{of[:6]}{secrets.token_hex(16)}{of[-4:]}".lower())


def test_a_contact_is_added_shown_and_removed(inside: Inside) -> None:
    inside.must("contacts", "add", "Alice", f"base:{ALICE}")
    assert inside.must("contacts", "show", "alice").stdout == f"base:{ALICE}\n"
    assert inside.paths.contacts.stat().st_mode & 0o777 == 0o600
    (heading, row) = inside.must("contacts", "list").stdout.splitlines()
    assert (heading.split(), row.split()) == (["name", "address", "chains", "from"], ["alice", ALICE, "base"])
    assert f"alice was base:{ALICE}" in inside.must("contacts", "remove", "alice").stderr
    assert inside.must("contacts", "list", "--json").json == {"schema": "l2send.contacts/1", "contacts": []}


def test_the_same_address_on_another_chain_is_the_same_contact(inside: Inside) -> None:
    inside.must("contacts", "add", "alice", f"base:{ALICE}")
    inside.must("contacts", "add", "alice", f"oeth:{ALICE}", "--chain", "arb1")
    document = inside.must("contacts", "show", "alice", "--json").json
    assert document["destinations"] == [f"{chain}:{ALICE}" for chain in ("base", "oeth", "arb1")]
    assert inside.run("contacts", "add", "alice", f"oeth:{ALICE}").status == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("alice", f"base:{new_address()}"), "a contact called alice is there already"),
        (("carl", f"oeth:{ALICE}"), "already, as alice"),
        (("carl", f"oeth:{imitation(ALICE)}"), "looks like the address of alice"),
        (("carl", f"base:{new_address().lower()}"), "written without a checksum"),
        (("base", f"base:{new_address()}"), "name of a chain"),
        (("carl", "alice.eth", "--chain", "base"), "Leave --chain out"),
        (("carl", "base:0x0000000000000000000000000000000000000000"), "the zero address"),
    ],
)
def test_what_could_lead_money_astray_is_not_added(inside: Inside, words: tuple[str, ...], said: str) -> None:
    inside.must("contacts", "add", "alice", f"base:{ALICE}")
    before = inside.paths.contacts.read_bytes()
    done = inside.run("contacts", "add", *words)
    assert (done.status, inside.paths.contacts.read_bytes()) == (2, before)
    assert said in done.stderr


def test_an_address_without_a_checksum_must_be_compared(inside: Inside) -> None:
    inside.must("contacts", "add", "alice", f"base:{ALICE.lower()}", "--yes")
    assert inside.must("contacts", "show", "alice").stdout == f"base:{ALICE}\n"


def test_comments_and_order_of_the_file_stay(inside: Inside) -> None:
    inside.must("contacts", "add", "zoe", f"base:{new_address()}")
    path = inside.paths.contacts
    path.write_text(path.read_text().replace("[contacts.zoe]", "# my sister\n[contacts.zoe]"))
    inside.must("contacts", "add", "alice", f"base:{ALICE}")
    inside.must("contacts", "add", "carl", f"base:{new_address()}")
    inside.must("contacts", "remove", "alice")
    text = path.read_text()
    assert "# my sister\n[contacts.zoe]" in text
    assert text.index("zoe") < text.index("carl")
    assert "alice" not in text


@pytest.mark.parametrize("form", ["csv", "toml"])
def test_what_is_exported_can_be_imported(inside: Inside, form: str) -> None:
    inside.must("contacts", "add", "alice", f"base:{ALICE}", "--chain", "oeth")
    inside.must("contacts", "add", "carl", new_address())
    before = inside.must("contacts", "list", "--json").json
    file = inside.path / f"book.{form}"
    file.write_text(inside.must("contacts", "export", *(["--csv"] if form == "csv" else [])).stdout)
    assert "Added 0 contacts" in inside.must("contacts", "import", str(file)).stderr
    inside.must("contacts", "remove", "alice")
    inside.paths.contacts.unlink()
    assert "Added 2 contacts" in inside.must("contacts", "import", str(file)).stderr
    assert inside.must("contacts", "list", "--json").json == before


def test_an_import_is_all_or_nothing(inside: Inside) -> None:
    file = inside.path / "book.csv"
    file.write_text(f"name,address\nalice,{ALICE}\ncarl,{imitation(ALICE)}\n")
    assert inside.run("contacts", "import", str(file)).status == 2
    assert not inside.paths.contacts.exists()
    file.write_text(f"name,address\nalice,{ALICE.lower()}\n")
    assert "no checksum" in inside.run("contacts", "import", str(file)).stderr


ODD = {
    "a column named twice": (f"name,address,Address\nalice,{ALICE},{CARL}\n", 3, "names 'address' twice"),
    "a quote that is not closed": (f'name,address,chains,ens\nalice,{ALICE},base,"a\ncarl,{CARL},base,\n', 3, "line"),
    "a quote that closes lines later": (
        f'name,address,chains,ens\nalice,{ALICE},base,"a\ncarl,{CARL},base\nb"\n', 3, "several lines",
    ),
    "a cell more than the header": (f"name,address\nalice,{ALICE},{CARL}\n", 3, "has 3 cells"),
    "no header": (f"alice,{ALICE}\n", 3, "the header lacks name, address"),
    "a NUL": (f"name,address\nalice,{ALICE}\0\n", 2, ""),
    "a name twice": (f"name,address\nalice,{ALICE}\nalice,{CARL}\n", 2, "is there already"),
    "a number in another script": (f"name,address\nalice,{ALICE[:-1]}\uff11\n", 2, ""),
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
def test_odd_csv_adds_nothing_and_says_why(inside: Inside, odd: str) -> None:
    text, status, words = ODD[odd]
    file = inside.path / "book.csv"
    file.write_text(text)
    done = inside.run("contacts", "import", str(file))
    assert (done.status, inside.paths.contacts.exists()) == (status, False), done
    assert words in done.stderr


@pytest.mark.parametrize(
    "form",
    [
        lambda text: "\ufeff" + text.replace("\n", "\r\n"),
        lambda text: "\n\n" + text.replace(",", ";"),
        lambda text: text.replace(",", "\t").rstrip(),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("name,address", ' "Name" , ADDRESS '),
        lambda text: text.replace("\n", ",,\n"),
    ],
    ids=["BOM and CRLF", "semicolons", "tabs, no end", "CR", "quotes, case and spaces", "empty cells"],
)
def test_csv_of_every_program_is_read(inside: Inside, form: Callable[[str], str]) -> None:
    file = inside.path / "book.csv"
    file.write_bytes(form(f"name,address\nalice,{ALICE}\ncarl,{CARL}\n").encode())
    inside.must("contacts", "import", str(file))
    assert [c["name"] for c in inside.must("contacts", "list", "--json").json["contacts"]] == ["alice", "carl"]


def test_a_damaged_file_is_an_error_and_stays_as_it_is(inside: Inside) -> None:
    inside.must("contacts", "add", "alice", f"base:{ALICE}")
    damaged = inside.paths.contacts.read_text().replace(ALICE, ALICE[:-1] + "6")
    inside.paths.contacts.write_text(damaged)
    for words in (("contacts", "add", "carl", f"base:{new_address()}"), ("1", "USDC", "base:alice", "--dry-run")):
        done = inside.run(*words)
        assert (done.status, inside.paths.contacts.read_text()) == (3, damaged)
        assert "ERC-55 checksum" in done.stderr


def test_a_contact_is_paid_by_name_and_shown_with_its_whole_address(home: Home) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="10", ETH="1")
    friend, contact = new_address(), f"c{secrets.token_hex(4)}"
    home.must("contacts", "add", contact, f"dev1:{friend}")
    done = home.must("2", "USDC", contact, "--yes", "--account", name)
    assert f"dev1:{friend}" in done.stderr
    assert f"{contact}, as your contacts have it" in done.stderr
    assert home.holds(friend, "dev1") == 2_000_000
    refused = home.run("2", "USDC", f"dev1:{imitation(friend)}", "--yes", "--account", name)
    assert refused.status == 2
    assert f"keep as a contact, {friend}" in refused.stderr


def test_an_imitation_of_a_paid_account_is_no_contact(home: Home) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="10", ETH="1")
    friend = new_address()
    home.must("1", "USDC", f"dev1:{friend}", "--yes", "--account", name)
    done = home.run("contacts", "add", f"c{secrets.token_hex(4)}", f"dev1:{imitation(friend)}")
    assert done.status == 2
    assert f"looks like {friend}, which you paid before" in done.stderr


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_the_conversation_offers_contacts_first(home: Home) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="10", ETH="1")
    friend, contact = new_address(), f"c{secrets.token_hex(4)}"
    home.must("contacts", "add", contact, f"dev1:{friend}")
    environment = home.environment | {"ETH_KEYSTORE_ACCOUNT": name, "TERM": "xterm-256color"}
    with Terminal(environment) as terminal:
        terminal.start(sys.executable, "-m", "l2send")
        terminal.wait_for("Pay to")
        assert f"{contact}, dev1:{friend}" in terminal.screen()
        terminal.type(contact)
        terminal.press("Enter")
        terminal.wait_for("Token")
