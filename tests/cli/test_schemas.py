"""What scripts rely on: every command has --json, and what it prints is as the schemas in docs/ say."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from l2send.cli.main import run
from tests.bridges.test_erc7683_draft import full
from tests.cli.test_inspect import resolver_that_says
from tests.conftest import Done, Home, make_home, somebody
from tests.docs.test_docs import LEAVES
from tests.schemas import SCHEMAS, check, file_of

TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

# Documents that other tests read by `Done.json`, which holds them to their schemas.
ELSEWHERE = {
    "ask": "the document of a payment, by the function that prints it for send",
    "demo": "tests/cli/test_demo.py",
    "devnet up": "the fixture `home`",
    "wallet new": "tests/cli/test_keys.py",
    "wallet remember": "tests/cli/test_remembered.py",
    "wallet forget": "tests/cli/test_remembered.py",
    "speedup": "tests/cli/test_waiting.py",
    "cancel": "tests/cli/test_waiting.py",
    "chains pin": "tests/cli/test_chains_pin.py",
}
# What they print is one value, a file, or nothing.
WITHOUT = {"config get", "config path", "config edit", "contacts export", "completion"}


@dataclass
class Story:
    """Commands, run in this process one after the other, and what each printed."""

    home: Home
    told: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])

    def run(self, command: str, *words: str, stdin: str = "", status: int = 0) -> dict[str, Any]:
        """The document that `l2send COMMAND WORDS --json` printed."""
        done = here(*command.split(), *words, "--json", stdin=stdin)
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
def story(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    name, address = home.new_account()
    for chain in ("dev1", "dev2"):
        home.fund(address, chain, USDC="30", ETH="1")
    with pytest.MonkeyPatch.context() as patch:
        for key, value in (home.environment | {"ETH_KEYSTORE_ACCOUNT": name}).items():
            patch.setenv(key, value)
        story = Story(home)
        payments(story)
        offline(story, tmp_path_factory.mktemp("offline"))
        questions(story)
        accounts(story, name)
        contacts_and_config(story, tmp_path_factory.mktemp("contacts") / "contacts.toml")
        devnet(story, tmp_path_factory.mktemp("empty"))
        yield story


def payments(story: Story) -> None:
    """Direct, bridged, from several chains, and one that nobody fills until it is carried on."""
    story.run("send", "1", "USDC", f"dev1:{TO}", "--yes")
    bridged = story.run("send", "2", "USDC", f"dev3:{TO}", "--yes", "--idempotency-key", "k")
    story.run("plan", "1", "USDC", f"dev1:{TO}")
    story.run("plan", "40", "USDC", f"dev3:{TO}")
    story.run("send", "40", "USDC", f"dev3:{TO}", "--yes")
    story.run("devnet solver", "--mode", "ignore")
    left = story.run("send", "1", "USDC", f"dev4:{TO}", "--yes", "--timeout", "0.5", status=8)
    story.run("devnet solver", "--mode", "fill")
    story.run("resume", "--all")
    story.run("resume", left["id"])
    story.run("status", bridged["id"])
    story.run("watch", bridged["id"])
    story.run("history")


def offline(story: Story, folder: Path) -> None:
    unsigned, signed = str(folder / "unsigned.json"), str(folder / "signed.json")
    story.run("prepare", "1", "USDC", f"dev1:{TO}", "--again", "--yes", "-o", unsigned)
    story.run("sign", unsigned, "--yes", "-o", signed)
    story.run("broadcast", signed)


def questions(story: Story) -> None:
    story.run("balances")
    story.run("receive", "--chain", "dev1")
    story.run("receive", "--chain", "dev1", "--token", "USDC", "--amount", "2.5")
    story.run("resolve", f"dev1:{TO}")
    story.run("resolve", f"ethereum:{TO}@{story.home.chain('dev1').chain_id}?value=1e18")
    story.run("resolve", "-", stdin=f"dev1:{TO}\n\ndev2:{TO}\n")
    story.run("chains")
    story.run("chains check")
    story.run("doctor")
    story.run("inspect", resolver_that_says(story.home, full()), "0x1234")


def accounts(story: Story, name: str) -> None:
    story.run("wallet list")
    story.run("wallet show", name)
    story.run("wallet import", f"i{secrets.token_hex(4)}", stdin=secrets.token_hex(32))


def contacts_and_config(story: Story, file: Path) -> None:
    story.run("contacts add", "alice", f"dev1:{TO}")
    file.write_text(here("contacts", "export").stdout)
    story.run("contacts list")
    story.run("contacts")
    story.run("contacts show", "alice")
    story.run("contacts remove", "alice")
    story.run("contacts import", str(file))
    story.run("contacts remove", "alice")
    story.run("config set", "max_fee", "2%")
    story.run("config show")
    story.run("config")
    story.run("config unset", "max_fee")


def devnet(story: Story, empty: Path) -> None:
    story.run("devnet status")
    story.run("devnet fund", somebody(), "1", "USDC", "--chain", "dev1")
    story.run("devnet advance", "1", "--chain", "dev4")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("L2SEND_HOME", str(make_home(empty).path))
        story.run("devnet status")
        story.run("devnet down")


@pytest.mark.parametrize("command", sorted(LEAVES.keys() - WITHOUT))
def test_every_command_prints_what_its_schema_says(story: Story, command: str) -> None:
    assert any("--json" in option.opts for option in LEAVES[command].params), f"`l2send {command}` has no --json"
    documents = story.told.get(command, [])
    assert documents or command in ELSEWHERE, f"`l2send {command} --json` is run nowhere here: add it to the story"
    for document in documents:
        assert file_of(document) in SCHEMAS, f"{document['schema']} has no schema in docs/schemas"
        check(document)


def test_no_command_is_listed_that_does_not_exist() -> None:
    assert ELSEWHERE.keys() | WITHOUT <= LEAVES.keys()


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

    monkeypatch.setattr("l2send.cli.chains.open_registry", broken)
    monkeypatch.setenv("L2SEND_DEBUG", "1")
    done = here("chains", "--json")
    assert (done.status, done.error["code"], done.error["sent"]) == (1, "unexpected", "maybe")
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
