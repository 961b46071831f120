"""The contract for scripts: every command has --json, and its output matches the schemas in docs/."""

from __future__ import annotations

import contextlib
import io
import json
import re
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from jsonschema import Draft202012Validator, ValidationError

from l2send.cli.main import run
from l2send.core.address import Address, checksum
from l2send.core.private_files import write_private
from l2send.devnet.node import Node
from l2send.wallet.keys import keystore
from tests.bridges.erc7683_draft.test_order import full
from tests.cli.commands.test_inspect import resolver_that_says
from tests.conftest import Done, Home, make_home
from tests.docs.test_docs import LEAVES, ROOT
from tests.support.addresses import new_address
from tests.support.schemas import SCHEMAS, check, file_of

ROOMS = ("bridges", "cli", "core", "devnet", "resolver", "src/l2send", "wallet")
TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

# What another test runs and reads by `Done.json`, which holds it to its schema: the words that stand there.
ELSEWHERE = {
    "journal move": ("tests/cli/commands/test_journal.py", '"journal", "move"'),  # needs PostgreSQL
    "ask": ("tests/cli/test_terminal.py", "ask --json"),  # on a terminal alone
    "demo": ("tests/cli/commands/test_demo.py", 'must("demo", "--json").json'),  # takes half a minute
}
# Documents that are no answer of a command: they come on stderr, or a line each (tests/cli/test_receive_wait.py,
# tests/cli/commands/test_work.py).
BESIDE = {"error-1.json", "progress-1.json", "incoming-1.json", "work-1.json", "journal_moved-1.json"}


@dataclass
class Story:
    """Commands, run in this process one after the other, and what each printed."""

    home: Home
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])

    def run(self, command: str, *words: str, stdin: str = "", status: int = 0) -> dict[str, Any]:
        """The document that `l2send COMMAND WORDS --json` printed."""
        return self.hear(command, here(*command.split(), *words, "--json", stdin=stdin), status)

    def hear(self, command: str, done: Done, status: int = 0) -> dict[str, Any]:
        """The document of a command that was run."""
        assert done.status == status, done
        document: dict[str, Any] = json.loads(done.stdout)
        self.told.setdefault(command, []).append(document)
        return document


def here(*words: str, stdin: str = "") -> Done:
    """Run a command in this process; its environment is this one's."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin.encode()))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(list(words))
    finally:
        sys.stdin = before
    return Done(status, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def story(fresh_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """In a home of its own: it resumes all that is open, and lists all accounts."""
    home = fresh_home
    name, address = home.new_account()
    for chain in ("dev1", "dev2"):
        home.fund(address, chain, USDC="30", ETH="1")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in (home.environment | {"ETH_KEYSTORE_ACCOUNT": name}).items():
            patch.setenv(key, value)
        story = Story(home)
        payments(story)
        offline(story, tmp_path_factory.mktemp("offline"), address)
        questions(story)
        batches(story, tmp_path_factory.mktemp("batches"))
        accounts(story, name, tmp_path_factory.mktemp("keyring"))
        contacts_and_config(story, tmp_path_factory.mktemp("contacts") / "contacts.toml")
        devnet(story, tmp_path_factory.mktemp("empty"))
        pins(story, tmp_path_factory.mktemp("pins"))
        yield story


def payments(story: Story) -> None:
    """Direct, bridged, from several chains, and one that is not filled until it is resumed."""
    story.run("send", "1", "USDC", f"dev1:{TO}", "--yes")
    bridged = story.run("send", "2", "USDC", f"dev3:{TO}", "--yes", "--idempotency-key", "k")
    story.run("plan", "1", "USDC", f"dev1:{TO}")
    story.run("plan", "40", "USDC", f"dev3:{TO}")
    story.run("send", "40", "USDC", f"dev3:{TO}", "--yes")
    story.run("devnet solver", "--mode", "ignore")
    left = story.run("send", "1", "USDC", f"dev4:{TO}", "--yes", "--max-fee", "50%", "--timeout", "0.5", status=8)
    story.run("devnet solver", "--mode", "fill")
    story.run("resume", "--all")
    story.run("resume", left["id"])
    story.run("status", bridged["id"])
    story.run("watch", bridged["id"])
    story.run("history")


def batches(story: Story, folder: Path) -> None:
    """Planned, paid with a line that is wrong, and carried on without its file."""
    file = folder / "story.csv"
    head = "ref,amount,token,to,memo,Department\n"
    file.write_text(f"{head}1,0.001,ETH,dev1:{TO},rent,R&D\n2,x,USDC,dev1:{TO},,\n3,1e9,USDC,dev1:{TO},,\n")
    story.run("batch", str(file), "--skip-bad", "--dry-run", status=11)
    story.run("batch", str(file), "--skip-bad", "--yes", status=11)
    story.run("batch", "resume", "story")
    file.write_text(f"{head}4,0.001,ETH,dev1:{TO},rent,R&D\n")
    story.run("batch", str(file), "--name", "queued", "--queue", "--again", "--yes")
    story.run("batch", "status", "queued", status=8)
    story.run("work", "--once")
    story.run("batch", "withdraw", "queued")
    policy = folder / "policy.toml"
    write_private(policy, b'[limits]\nper_day = ["1000000 USD", "1000000 ETH"]\n')
    story.run("journal limits", str(policy))
    story.run("journal limits", "--none")
    story.run("journal recover", "--chain", "dev1", status=11)


def offline(story: Story, folder: Path, address: Address) -> None:
    unsigned, signed = str(folder / "unsigned.json"), str(folder / "signed.json")
    story.run("prepare", "1", "USDC", f"dev1:{TO}", "--again", "--yes", "-o", unsigned)
    story.run("sign", unsigned, "--yes", "-o", signed)
    story.run("broadcast", signed)
    safe = story.run("devnet safe", address, "--chain", "dev1")["safe"]
    story.home.fund(checksum(safe.removeprefix("dev1:")), "dev1", USDC="2")
    file, of_owner, merged, cancelled = (str(folder / f"safe{n}.json") for n in range(4))
    asked = story.run("prepare", "1", "USDC", f"dev1:{TO}", "--safe", safe, "--yes", "-o", file)
    story.run("cancel", asked["id"], "-o", cancelled)
    story.run("sign", file, "--yes", "-o", of_owner)
    story.run("merge", file, of_owner, "-o", merged)
    story.run("broadcast", merged, "--yes")


def questions(story: Story) -> None:
    story.run("balances")
    story.run("receive", "--chain", "dev1")
    story.run("receive", "--chain", "dev1", "--token", "USDC", "--amount", "2.5")
    story.run("resolve", f"dev1:{TO}")
    story.run("resolve", f"ethereum:{TO}@{story.home.chain('dev1').chain_id}?value=1e18")
    story.run("resolve", "-", stdin=f"dev1:{TO}\n\ndev2:{TO}\n")
    story.run("chains")
    story.run("chains show", "dev1")
    story.run("chains check")
    story.run("doctor")
    story.run("inspect", resolver_that_says(story.home, full()), "0x1234")


def accounts(story: Story, name: str, keyring: Path) -> None:
    story.run("wallet list")
    story.run("wallet show", name)
    story.run("wallet delegate", name, "--chain", "dev1", "--yes")
    story.run("wallet show", name, "--chain", "dev1")
    story.run("wallet undelegate", name, "--chain", "dev1", "--yes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keystore, "SCRYPT_N", 2)  # tests/wallet/keys/test_keystore.py makes keystores as they are
        story.run("wallet new", f"n{secrets.token_hex(4)}")
        story.run("wallet import", f"i{secrets.token_hex(4)}", stdin=secrets.token_hex(32))
    # Each in a process of its own: a keyring is chosen once in a process.
    backend = {"PYTHON_KEYRING_BACKEND": "keyrings.alt.file.PlaintextKeyring", "XDG_DATA_HOME": str(keyring)}
    for command in ("wallet remember", "wallet forget"):
        story.hear(command, story.home.run(*command.split(), name, "--json", **backend))


def contacts_and_config(story: Story, file: Path) -> None:
    story.run("contacts add", "alice", f"dev1:{TO}")
    file.write_text(here("contacts", "export").stdout)
    story.run("contacts export")
    story.run("contacts list")
    story.run("contacts")
    story.run("contacts show", "alice")
    story.run("contacts remove", "alice")
    story.run("contacts import", str(file))
    story.run("contacts remove", "alice")
    story.run("config set", "max_fee", "2%")
    story.run("config show")
    story.run("config")
    story.run("config get", "max_fee")
    story.run("config get", "via")
    story.run("config path")
    story.run("config unset", "max_fee")
    story.run("config unset", "max_fee")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VISUAL", "true")
        story.run("config edit")
    story.run("completion", "zsh")


def devnet(story: Story, empty: Path) -> None:
    story.run("devnet status")
    story.run("devnet fund", new_address(), "1", "USDC", "--chain", "dev1")
    story.run("devnet advance", "1", "--chain", "dev4")
    story.run("devnet safe", new_address(), "--chain", "dev4")
    with pytest.MonkeyPatch.context() as patch:
        made = make_home(empty)
        patch.setenv("L2SEND_HOME", str(made.path))
        story.run("devnet status")
        story.run("devnet up", "--chains", "1")
        try:
            waiting(story, made)
        finally:
            story.run("devnet down")


def waiting(story: Story, made: Home) -> None:
    """A payment on a chain that stands still: made faster, and cancelled."""
    name, address = made.new_account()
    made.fund(address, "dev1", ETH="1")
    node = Node(made.chain("dev1").rpcs[0])
    node.call("evm_setAutomine", False)
    node.call("evm_setIntervalMining", 0)
    how = ("--account", name, "--yes", "--timeout", "0.5")
    payment = story.run("send", "0.1", "ETH", f"dev1:{TO}", *how, status=8)["id"]
    for command in ("speedup", "cancel"):
        story.run(command, payment, *how, status=8)
    paid_by_another_wallet(story, made, node)


def paid_by_another_wallet(story: Story, made: Home, node: Node) -> None:
    """The recipient gets twice the amount by a transaction with the payment's nonce: its user alone can close it."""
    key = secrets.token_bytes(32)
    name, address = made.new_account(key=key)
    made.fund(address, "dev1", ETH="1")
    node.call("evm_mine")
    how = ("--account", name, "--yes", "--again", "--timeout", "0.5")
    payment = story.run("send", "0.1", "ETH", f"dev1:{TO}", *how, status=8)["id"]
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**11, "gas": 21_000}
    other = {"chainId": made.chain("dev1").chain_id, "nonce": 0, "to": TO, "value": 2 * 10**17, **fees}
    node.call("eth_sendRawTransaction", Account.from_key(key).sign_transaction(other).raw_transaction.to_0x_hex())
    node.call("evm_mine")
    node.call("evm_mine")
    story.run("resume", payment, "--account", name, "--timeout", "2", status=8)
    assert not story.run("close", payment, "--yes")["open"]


def pins(story: Story, own: Path) -> None:
    """With one RPC alone nothing is pinned, and that is said of every contract."""
    made = make_home(own)
    made.paths.user_chains.parent.mkdir(mode=0o700, parents=True)
    made.paths.user_chains.write_text((story.home.paths.devnet / "chains.toml").read_text())
    story.hear("chains pin", made.run("chains", "pin", "dev1", "--json"), status=4)


@pytest.mark.parametrize("command", sorted(LEAVES))
def test_every_command_prints_what_its_schema_says(story: Story, command: str) -> None:
    documents = story.told.get(command, [])
    assert documents or command in ELSEWHERE, f"`l2send {command} --json` is run nowhere here: add it to the story"
    for document in documents:
        assert file_of(document) in SCHEMAS, f"{document['schema']} has no schema in docs/schemas"
        check(document)


@pytest.mark.parametrize("command", ELSEWHERE)
def test_what_is_run_elsewhere_is_run_there(command: str) -> None:
    file, words = ELSEWHERE[command]
    assert command in LEAVES
    assert words in (ROOT / file).read_text()


def test_every_schema_is_of_a_document_that_was_printed(story: Story) -> None:
    """A schema that nothing is held to could say anything."""
    printed = {file_of(document) for documents in story.told.values() for document in documents}
    assert printed | BESIDE | {"demo-1.json"} == SCHEMAS.keys() - {"common.json"}


def test_every_document_that_the_code_names_is_published() -> None:
    """Also one that no test makes it print."""
    code = "".join(path.read_text() for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))
    named = {file_of({"schema": name}) for name in re.findall(r'"(l2send\.\w+/\d+)"', code)}
    assert named == SCHEMAS.keys() - {"common.json"}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    """Documents may gain fields within a version: nothing forbids what a schema does not know."""
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert '"additionalProperties": false' not in json.dumps(schema)
    if name != "common.json":
        assert file_of({"schema": schema["properties"]["schema"]["const"]}) == name


def test_a_document_that_is_not_as_it_should_be_is_noticed(story: Story) -> None:
    document = story.told["history"][0]
    check(document)
    document["payments"][0]["amount"]["base_units"] = 1_000_000
    with pytest.raises(ValidationError):
        check(document)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--json", "1,5", "USDC", f"dev1:{TO}"), "bad_amount"),
        (("1", "USDC", f"dev1:{TO}", "--yes", "--json", "--bogus"), "usage_error"),
        (("chains", "--json", "check", "nowhere"), "unknown_chain"),
        (("history", "--json", "--progress", "loud"), "usage_error"),
        (("1", "USDC", f"dev1:{TO}", "--json"), "needs_confirmation"),
    ],
)
def test_errors_are_envelopes_wherever_json_stands(story: Story, words: tuple[str, ...], code: str) -> None:
    done = here(*words)
    assert (done.status, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert (done.error["code"], done.error["sent"], done.error["exit"]) == (code, "no", 2)


def test_an_error_of_l2send_itself_shows_no_secret(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = secrets.token_hex(32)

    def broken(*_: object, **__: object) -> None:
        raise ValueError(f"not a private key: {secret}")

    monkeypatch.setattr("l2send.cli.options.load_registry", broken)
    monkeypatch.setenv("L2SEND_DEBUG", "1")
    done = here("chains", "--json")
    assert (done.status, done.error["code"], done.error["sent"]) == (1, "unexpected", "no")
    assert "ValueError" in done.error["message"]
    assert "in broken" in done.stderr
    assert secret not in done.stderr


def test_progress_for_programs_is_json_and_nothing_else(story: Story) -> None:
    done = here("1", "USDC", f"dev3:{TO}", "--yes", "--json", "--progress", "json")
    assert done.status == 0, done
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    for line in lines:
        assert line["schema"] == "l2send.progress/1"
        check(line)
    phases = list(dict.fromkeys(line["phase"] for line in lines))
    assert phases[:3] == ["asking", "starting", "planned"]
    assert phases[-1] == "delivered"
    assert {line["id"] for line in lines[1:]} == {done.json["id"]}
    assert lines[-1]["estimate_seconds"] > 0


@pytest.mark.parametrize("quiet", ["--quiet", "-q", "--progress=none"])
def test_quiet_is_the_result_alone(story: Story, quiet: str) -> None:
    done = here("1", "USDC", f"dev1:{TO}", "--yes", "--again", quiet)
    assert (done.status, done.stderr) == (0, "")
    assert "delivered" in done.stdout
