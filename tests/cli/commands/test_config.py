"""`l2send config`: which value counts, which ones are refused, and that payments follow it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from eth_account import Account

from l2send.cli.settings import KEYS, load_settings
from l2send.core.chains import load_registry
from l2send.core.errors import ConfigError
from l2send.core.private_files import write_private
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.inside import Inside, inside

__all__ = ["inside"]

PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
DOCS = Path(__file__).parents[3] / "docs"


def settings(inside: Inside) -> dict[str, tuple[object, str]]:
    document = inside.must("config", "show", "--json").json
    return {entry["key"]: (entry["value"], entry["origin"]) for entry in document["settings"]}


def keystore(inside: Inside, name: str, key: bytes) -> str:
    content = Account.encrypt(key, "a long password", kdf="scrypt", iterations=2)
    write_private(inside.paths.keystores / f"{name}.json", json.dumps({**content, "name": name}).encode())
    return str(Account.from_key(key).address)


def test_every_key_is_shown_with_its_origin_and_documented(inside: Inside) -> None:
    assert {key: origin for key, (_, origin) in settings(inside).items()} == dict.fromkeys(KEYS, "default")
    page = (DOCS / "contacts-and-config.md").read_text()
    for key in KEYS.values():
        assert f"| `{key.name}` |" in page
        assert all(f"`{variable}`" in page for variable in key.variables)


def test_a_variable_counts_before_the_file_and_the_file_before_the_default(inside: Inside) -> None:
    inside.must("config", "set", "max_fee", "2%")
    assert settings(inside)["max_fee"] == ("2%", str(inside.paths.settings))
    inside.environment.setenv("L2SEND_MAX_FEE", "1usd")
    assert settings(inside)["max_fee"] == ("1usd", "L2SEND_MAX_FEE")
    assert "overrides it" in inside.must("config", "set", "max_fee", "3%").stderr
    inside.environment.delenv("L2SEND_MAX_FEE")
    assert inside.must("config", "get", "max_fee").stdout == "3%\n"
    assert inside.must("config", "get", "max_fee", "--json").json["value"] == "3%"
    gone = inside.must("config", "unset", "max_fee").stderr
    assert gone == f"max_fee was 3%, and is taken out of {inside.paths.settings}. What counts now: 5% (default)\n"
    assert settings(inside)["max_fee"] == ("5%", "default")


def test_limits_are_shown_with_the_file_that_says_them_and_stay_where_they_are(inside: Inside) -> None:
    inside.must("config", "set", "max_fee", "2%")
    path = inside.paths.settings
    limits = '[limits] # for the agent\nper_day = ["500 USD", "0.1 ETH"]\nhours = "09:00-17:00"\n'
    path.write_text(path.read_text() + limits)
    policy = inside.path / "policy.toml"
    write_private(policy, b'[limits]\ntokens = ["USDC"]\n')
    inside.environment.setenv("L2SEND_POLICY", str(policy))
    assert inside.must("config", "show", "--json").json["limits"] == [
        {"key": "per_day", "value": "500 USD, 0.1 ETH", "origin": str(path)},
        {"key": "hours", "value": "09:00-17:00", "origin": str(path)},
        {"key": "tokens", "value": "USDC", "origin": str(policy)},
    ]
    assert "limits.per_day" in inside.must("config").stdout
    inside.must("config", "set", "speed", "cheap")
    assert limits in path.read_text()
    assert settings(inside)["speed"] == ("cheap", str(path))
    path.write_text(path.read_text().replace("500 USD", "500"))
    wrong = inside.run("config", "--json")
    assert (wrong.status, wrong.error["code"]) == (3, "config_error")
    assert f"{path}, line 6: per_day: '500' is not an amount" in wrong.error["message"]


def test_what_was_unset_is_said_to_scripts_too(inside: Inside) -> None:
    inside.must("config", "set", "from_chains", "base", "oeth")
    gone = inside.must("config", "unset", "from_chains", "--json").json
    assert gone["unset"] == {"key": "from_chains", "value": "base oeth"}
    assert {"key": "from_chains", "value": None, "origin": "default"} in gone["settings"]
    again = inside.must("config", "unset", "from_chains", "--json")
    assert again.json["unset"] is None
    assert again.stderr.startswith("from_chains is not set. What counts now: nothing (default)")


def test_the_file_is_private_and_keeps_what_a_person_wrote(inside: Inside) -> None:
    inside.must("config", "set", "speed", "cheap")
    path = inside.paths.settings
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text(path.read_text() + "# slow is fine\n")
    inside.must("config", "set", "from_chains", "base", "oeth")
    assert "# slow is fine" in path.read_text()
    assert load_settings(path).values == {"speed": "cheap", "from_chains": ("base", "oeth")}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('max_fees = "2%"', "there is no setting 'max_fees'. Did you mean max_fee?"),
        ("max_fee = 2", "max_fee: not a word."),
        ('from_chains = "base"', "from_chains: not a list of words."),
        ("from_chains = [1]", "from_chains: not a word."),
        ('speed = "quick"', "speed: not one of cheap, balanced, fast."),
        ("[table]\nkey = 1", "there is no setting 'table'."),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"schema = 1\n# a comment\n{line}\n")
    with pytest.raises(ConfigError) as refused:
        load_settings(file)
    assert refused.value.message == f"{file}, line 3: {said}"
    assert refused.value.hint.endswith("l2send config edit")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("max_fees", "2%"), "there is no setting"),
        (("max_fee", "lots"), "not a limit for fees"),
        (("max_fee", "1%", "2%"), "takes one value"),
        (("via", "ecoo"), "no bridge is called"),
        (("from_chains", "bsae"), "no chain is called"),
        (("speed", "faster"), "not one of cheap, balanced, fast"),
        (("account", "nobody"), "no keystore is called"),
    ],
)
def test_what_would_fail_later_is_refused_now(inside: Inside, words: tuple[str, ...], said: str) -> None:
    done = inside.run("config", "set", *words)
    assert done.status in {2, 3}
    assert said in done.stderr
    assert not inside.paths.settings.exists()


def test_a_private_key_is_neither_stored_nor_repeated(inside: Inside) -> None:
    secret = "ab" * 32
    for name in ("account", "max_fee", "via"):
        done = inside.run("config", "set", name, secret)
        assert done.status == 2
        assert secret not in done.stdout + done.stderr
    assert not inside.paths.settings.exists()
    inside.paths.settings.parent.mkdir(exist_ok=True)
    inside.paths.settings.write_text(f'schema = 1\nmax_fee = "{secret}"\n')
    done = inside.run("chains")
    assert (done.status, secret in done.stderr) == (3, False)


@pytest.mark.parametrize("text", ["schema = 2", "schema = 1\nmaxfee = 1", 'schema = 1\nspeed = "no"', "speed ="])
def test_nothing_runs_with_a_file_that_is_wrong_but_what_puts_it_right(inside: Inside, text: str) -> None:
    inside.paths.settings.parent.mkdir()
    inside.paths.settings.write_text(text)
    for words in (("chains",), ("1", "USDC", f"base:{new_address()}", "--dry-run")):
        done = inside.run(*words)
        assert done.status == 3
        assert "l2send config edit" in done.stderr
    inside.must("config", "path")
    inside.must("--help")


def test_an_edit_that_cannot_be_read_back_is_not_kept(inside: Inside, tmp_path: Path) -> None:
    def edit(text: str) -> int:
        script = tmp_path / "editor.py"
        script.write_text(f"import sys, pathlib; pathlib.Path(sys.argv[1]).write_text({text!r})")
        inside.environment.setenv("VISUAL", f"{sys.executable} {script}")
        return inside.run("config", "edit").status

    assert edit('schema = 1\nspeed = "fast"\n') == 0
    assert load_settings(inside.paths.settings).text("speed") == "fast"
    assert edit('schema = 1\nspeed = "faster"\n') == 3
    assert load_settings(inside.paths.settings).text("speed") == "fast"


def test_the_account_of_the_file_pays_where_none_is_named(inside: Inside) -> None:
    keystore(inside, "one", b"\1" * 32)
    two = keystore(inside, "two", b"\2" * 32)
    words = ("receive", "--chain", "base", "--json")
    assert "which account?" in inside.run(*words).stderr
    inside.must("config", "set", "account", "two")
    assert inside.must(*words).json["account"] == two
    other = new_address()
    assert inside.must(*words, "--from", other).json["account"] == other


def test_payments_follow_the_file_unless_a_flag_says_otherwise(home: Home, inside: Inside) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="10", ETH="1")
    home.fund(sender, "dev2", USDC="10", ETH="1")
    inside.environment.setenv("L2SEND_HOME", str(home.path))
    pay = ("plan", "1", "USDC", f"dev1:{new_address()}", "--account", name, "--json")

    def source(*options: str) -> str:
        leg: dict[str, str] = inside.must(*pay, *options).json["legs"][0]
        return leg["source"]

    try:
        inside.must("config", "set", "from_chains", "dev2")
        assert source() == "dev2"
        assert source("--from-chain", "dev1") == "dev1"
        inside.environment.setenv("L2SEND_FROM_CHAIN", "dev1")
        assert source() == "dev1"
        inside.must("config", "set", "speed", "fast")
        assert source("--cheap") == "dev1"
        inside.must("config", "set", "confirm", "always")
        done = inside.run(*pay[1:], "--yes")
        assert (done.status, done.error["code"], done.error["sent"]) == (7, "refused", "no")
    finally:
        home.paths.settings.unlink()


def test_what_the_file_holds_reaches_no_terminal_as_it_is(inside: Inside) -> None:
    evil = 'schema = 1\naccount = "al\\u001b]0;x\\u0007ice\\u202e\\u009b31m"\n'
    write_private(inside.paths.settings, evil.encode())
    for words in (("get", "account"), ("show",), ("path",)):
        said = inside.must("config", *words).stdout
        assert not [c for c in said if c in "\x1b\x07\u202e\x9b"], words
    assert inside.must("config", "get", "account").stdout == "alice\n"


def test_a_database_with_its_password_is_shown_without_it_and_not_taken_on_a_command_line(inside: Inside) -> None:
    secret = "postgresql://pay:hunter2hunter2@127.0.0.1:1/l2"
    refused = inside.run("config", "set", "journal", secret)
    assert (refused.status, "hunter2" in refused.stdout + refused.stderr) == (2, False)
    assert "PGPASSFILE" in refused.stderr
    assert not inside.paths.settings.exists()
    inside.must("config", "set", "journal", "postgresql://pay@127.0.0.1:1/l2")
    inside.environment.setenv("L2SEND_JOURNAL", secret)
    for words in (["show", "--json"], ["get", "journal"], ["show"], ["unset", "journal"]):
        done = inside.must("config", *words)
        assert "hunter2" not in done.stdout + done.stderr
    assert settings(inside)["journal"] == ("postgresql://127.0.0.1:1/l2", "L2SEND_JOURNAL")


def test_a_journal_that_does_not_answer_stops_a_command_and_repeats_no_password(inside: Inside) -> None:
    inside.environment.setenv("L2SEND_JOURNAL", "postgresql://pay:hunter2hunter2@127.0.0.1:1/l2")
    done = inside.run("history", "--json")
    assert (done.status, done.error["retryable"], done.error["sent"]) == (4, True, "no")
    assert "hunter2" not in done.stderr
    assert not inside.paths.journal.exists()
    inside.environment.setenv("L2SEND_JOURNAL", "mysql://pay:hunter2hunter2@127.0.0.1:1/l2")
    done = inside.run("history", "--json")
    assert done.status == 3
    assert "hunter2" not in done.stderr


def test_a_password_in_a_file_that_others_can_read_is_refused(inside: Inside) -> None:
    write_private(inside.paths.settings, b'schema = 1\njournal = "postgresql://pay:hunter2hunter2@127.0.0.1:1/l2"\n')
    assert inside.run("history").status == 4
    inside.paths.settings.chmod(0o644)
    done = inside.run("history")
    assert (done.status, "chmod 600" in done.stderr) == (3, True)


@pytest.mark.lab
def test_progress_can_be_set_once_for_all_commands(inside: Inside) -> None:
    """It is what --progress says where that is left out; --progress and --quiet say otherwise for one command."""
    inside.must("config", "set", "progress", "json")
    asked = ("plan", "25", "USDC", f"base:{PAYEE}", "--from", PAYEE)
    offline = {f"L2SEND_RPC_{chain.chain_id}": "http://127.0.0.1:9" for chain in load_registry(inside.paths)}
    for name, url in offline.items():
        inside.environment.setenv(name, url)
    first = inside.run(*asked).stderr.splitlines()[0]
    assert json.loads(first)["schema"] == "l2send.progress/1"
    for words in (("--progress", "plain"), ("--quiet",)):
        assert not inside.run(*asked, *words).stderr.startswith("{")
    wrong = inside.run("config", "set", "progress", "loud")
    assert (wrong.status, "not one of auto, live, plain, json, none" in wrong.stderr) == (2, True)
