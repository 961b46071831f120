"""Typing mistakes: the line, the first line of the answer, and the exit status. No network request comes before it."""

# ruff: noqa: RUF001, E501 - a mistake a line, as it is typed

from __future__ import annotations

import re

import pytest

from l2send.core import redaction
from tests.conftest import Home
from tests.support.inside import Inside, inside

__all__ = ["inside"]

A = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
MISTAKES = [
    ("balance", "l2send: no command 'balance'.", 2),
    ("blance", "l2send: no command 'blance'.", 2),
    ("histroy", "l2send: no command 'histroy'.", 2),
    ("statsu", "l2send: no command 'statsu'.", 2),
    ("statsu p-abc", "l2send: no command 'statsu'.", 2),
    ("resum", "l2send: no command 'resum'.", 2),
    ("wallets", "l2send: no command 'wallets'.", 2),
    ("contact", "l2send: no command 'contact'.", 2),
    ("chain", "l2send: no command 'chain'.", 2),
    ("confg", "l2send: no command 'confg'.", 2),
    ("docter", "l2send: no command 'docter'.", 2),
    ("list", "l2send: no command 'list'.", 2),
    ("pay", "l2send: no command 'pay'.", 2),
    ("transfer", "l2send: no command 'transfer'.", 2),
    ("bridge", "l2send: no command 'bridge'.", 2),
    ("accounts", "l2send: no command 'accounts'.", 2),
    ("recieve", "l2send: no command 'recieve'.", 2),
    ("speedup-", "l2send: no command 'speedup-'.", 2),
    ("cancle", "l2send: no command 'cancle'.", 2),
    ("hello", "l2send: no command 'hello'.", 2),
    ("foo", "l2send: no command 'foo'.", 2),
    ("Alice", "l2send: no command 'Alice'.", 2),
    (
        "balance --json",
        '{"schema": "l2send.error/1", "error": {"code": "usage_error", "message": "no command \'balance\'.", "hint": "Did you mean: l2send balances", "sent": "no", "retryable": false, "exit": 2}}',
        2,
    ),
    ("pay 25 USDC base:{A}", "l2send: no command 'pay'.", 2),
    ("25", "l2send: token and destination are missing.", 2),
    ("$25", "l2send: token and destination are missing.", 2),
    ("25 USDC", "l2send: the destination is missing.", 2),
    ("25USDC", "l2send: the destination is missing.", 2),
    ("0.5 eth", "l2send: the destination is missing.", 2),
    ("0.5 USDC", "l2send: the destination is missing.", 2),
    ("25 LINK", "l2send: the destination is missing.", 2),
    ("max USDC", "l2send: the destination is missing.", 2),
    ("ALL USDC", "l2send: the destination is missing.", 2),
    ("25 base:{A}", "l2send: the token is missing.", 2),
    ("0.5 base:{A}", "l2send: the token is missing.", 2),
    ("max base:{A}", "l2send: the token is missing.", 2),
    ("25 {A}", "l2send: the token is missing.", 2),
    ("25 base", "l2send: token and account are missing.", 2),
    ("25 usdc base", "l2send: the account is missing: base is the chain Base.", 2),
    ("25 usdc on base", "l2send: the account is missing.", 2),
    ("25 usdc to base", "l2send: the account is missing.", 2),
    ("25 base {A}", "l2send: the token is missing.", 2),
    ("25 alice.eth on base", "l2send: the token is missing.", 2),
    ("25 eth bnb {A}", "l2send: these words have more than one meaning:", 2),
    ("25 bnb eth {A}", "l2send: these words have more than one meaning:", 2),
    ("25 USDC base bnb {A}", "l2send: one word too many: 'bnb'.", 2),
    ("25 USDC on base to {A} on oeth", "l2send: two chains are named: base and oeth.", 2),
    ("25 USDC to alice.eth on bsae", "l2send: no chain is called 'bsae'.", 2),
    ("25 USDC from alice to base:{A}", "l2send: 'alice' is no chain, so it is not known what is paid from.", 2),
    ("25 30 USDC base:{A}", "l2send: 25 and 30 are two amounts, and a payment has one.", 2),
    ("25 USDC 8453 {A}", "l2send: 8453 is the id of Base, which is written by its short name.", 2),
    ("$25 base:{A}", "l2send: the token is missing.", 2),
    ("€25 base:{A}", "l2send: the token is missing.", 2),
    ("£1.5 base:{A}", "l2send: the token is missing.", 2),
    ("$25 ETH base:{A}", "l2send: $25 is not an amount of ETH.", 2),
    ("€25 USDC base:{A}", "l2send: €25 is not an amount of USDC.", 2),
    ("1e3 USDC base:{A}", "l2send: not an amount: '1e3'.", 2),
    ("NaN USDC base:{A}", "l2send: not an amount: 'NaN'.", 2),
    ("nan USDC base:{A}", "l2send: not an amount: 'nan'.", 2),
    ("inf USDC base:{A}", "l2send: not an amount: 'inf'.", 2),
    ("0 USDC base:{A}", "l2send: the amount is zero.", 2),
    ("0.0 USDC base:{A}", "l2send: the amount is zero.", 2),
    ("1,5 USDC base:{A}", "l2send: not an amount: '1,5'.", 2),
    ("1,5 usdc to {A} on base", "l2send: not an amount: '1,5'.", 2),
    ("1_000 USDC base:{A}", "l2send: not an amount: '1_000'.", 2),
    ("+1 USDC base:{A}", "l2send: not an amount: '+1'.", 2),
    (".5 USDC base:{A}", "l2send: not an amount: '.5'.", 2),
    ("0x10 USDC base:{A}", "l2send: not an amount: '0x10'.", 2),
    ("1.1234567 USDC base:{A}", "l2send: 1.1234567 has 7 decimals, USDC has 6.", 2),
    ("ten USDC base:{A}", "l2send: not an amount: 'ten'.", 2),
    ("１ USDC base:{A}", "l2send: not an amount: '１'.", 2),
    ("1..5 USDC base:{A}", "l2send: not an amount: '1..5'.", 2),
    ("25. USDC base:{A}", "l2send: not an amount: '25.'.", 2),
    ("twenty USDC base:{A}", "l2send: not an amount: 'twenty'.", 2),
    ("1/2 USDC base:{A}", "l2send: not an amount: '1/2'.", 2),
    ("1k USDC base:{A}", "l2send: not an amount: '1k'.", 2),
    ("5% USDC base:{A}", "l2send: not an amount: '5%'.", 2),
    ("-1 USDC base:{A}", "l2send: not an amount: '-1'.", 2),
    ("-0.5 USDC base:{A}", "l2send: not an amount: '-0.5'.", 2),
    ("-25 USDC base:{A}", "l2send: not an amount: '-25'.", 2),
    (
        "25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "l2send: the address 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD fails its ERC-55 checksum: at least one character is wrong.",
        2,
    ),
    (
        "25 USDC base 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "l2send: the address 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD fails its ERC-55 checksum: at least one character is wrong.",
        2,
    ),
    (
        "25 USDC base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
        "l2send: the address has 39 hexadecimal digits, not 40.",
        2,
    ),
    ("25 USDC base:{A}0", "l2send: the address has 41 hexadecimal digits, not 40.", 2),
    (
        "25 USDC base:8ba1f109551bD432803012645Ac136ddd64DBA72",
        "l2send: the address 8ba1f109551bD432803012645Ac136ddd64DBA72 lacks its 0x in front.",
        2,
    ),
    ("25 USDC base:", "l2send: not an EVM address: ''.", 2),
    ("25 USDC nowhere", "l2send: not a destination: 'nowhere'.", 2),
    ("25 USDC {A}", "l2send: the chain is missing: this address exists on every chain.", 2),
    (
        "25 USDC ethereum:{A}",
        "l2send: the chain is missing: a payment link without @ and a chain id may mean any chain.",
        2,
    ),
    ("25 USDC bsae:{A}", "l2send: no chain is called 'bsae'.", 2),
    ("25 USDC optimsm:{A}", "l2send: no chain is called 'optimsm'.", 2),
    ("25 USDC OP:{A}", "l2send: OP is the short name of Openpiece Mainnet, which l2send does not know.", 2),
    ("25 USDC 99999999:{A}", "l2send: no chain is called '99999999'.", 2),
    ("25 USDC 8453:{A}", "l2send: no chain is called '8453'.", 2),
    (
        "25 USDC base:0x0000000000000000000000000000000000000000",
        "l2send: base:0x0000000000000000000000000000000000000000 is the zero address: money sent there is lost.",
        2,
    ),
    (
        "25 USDC base:0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913",
        "l2send: base:0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913 is the contract of USDC itself, not an account: money sent there is lost.",
        2,
    ),
    ("25 USDX base:{A}", "l2send: 'USDX' is not a token l2send knows on Base.", 2),
    ("25 USDX base {A}", "l2send: 'USDX' is not a token l2send knows on Base.", 2),
    ("25 USDT zora:{A}", "l2send: 'USDT' is not a token l2send knows on Zora.", 2),
    ("25 USDC base:{A} now", "l2send: one word too many: 'now'.", 2),
    ("25 USDC USDC base:{A}", "l2send: one word too many: 'USDC'.", 2),
    ("25 USDC a b c d e f g h i j k l m n", "l2send: one word too many: 'a'.", 2),
    ("help nonsense", "l2send: no command 'nonsense'.", 2),
    ("help balanse", "l2send: no command 'balanse'.", 2),
    ("25 USDC base:{A} --fast --cheap", "l2send: --fast and --cheap cannot be combined.", 2),
    ("25 USDC base:{A} --ledger --trezor", "l2send: more than one key is named: --ledger, --trezor, --private-key.", 2),
    ("25 USDC base:{A} --hd-path m/0", "l2send: --hd-path and --mnemonic-index choose a key of a device.", 2),
    ("25 USDC base:{A} --max-fee lots", "l2send: not a limit for fees: 'lots'.", 2),
    ("25 USDC base:{A} --from-chain nowhere", "l2send: no chain is called 'nowhere'.", 2),
    ("25 USDC base:{A} --nonsense", "l2send: No such option: --nonsense", 2),
    ("25 USDC base:{A} --via nonsense", "l2send: no bridge is called 'nonsense'.", 2),
    ("max USDC base:{A} --via nonsense", "l2send: no bridge is called 'nonsense'.", 2),
    ("pay USDC base:{A}", "l2send: not an amount: 'pay'.", 2),
    ("25 LINK base", "l2send: the account is missing.", 2),
    ("base {A} USDC", "l2send: the amount is missing.", 2),
    ("25 USDC --yes", "l2send: the destination is missing.", 2),
    (
        "history --csv --json",
        '{"schema": "l2send.error/1", "error": {"code": "usage_error", "message": "--csv and --json cannot be combined.", "hint": "Use one of them.", "sent": "no", "retryable": false, "exit": 2}}',
        2,
    ),
    ("history --since yesterday", "l2send: not a date: 'yesterday'.", 2),
    ("resume p-x --all", "l2send: an ID and --all cannot be combined.", 2),
    ("status", "l2send: no payment was made yet.", 2),
    ("watch", "l2send: no payment was made yet.", 2),
    ("status p-nothing", "l2send: 'p-nothing' is not a payment's id.", 2),
    ("chains --devnet", "l2send: no devnet is running.", 3),
    ("chains nowhere", "l2send: no chain is called 'nowhere'.", 2),
    ("config set nothing 1", "l2send: there is no setting 'nothing'.", 2),
    ("config set max_fee lots", "l2send: max_fee: not a limit for fees: 'lots'.", 2),
    ("config get nothing", "l2send: there is no setting 'nothing'.", 2),
    ("contacts show nobody", "l2send: no contact is called 'nobody'.", 2),
    ("contacts add Al!ce base:{A}", "l2send: 'al!ce' is no name for a contact.", 2),
    ("wallet show nobody", "l2send: no keystore is called 'nobody'.", 3),
    ("25 USDC base:{A}", "l2send: there is no account yet.", 3),
    ("25USDC base:{A}", "l2send: there is no account yet.", 3),
    ("USDC 25 base:{A}", "l2send: there is no account yet.", 3),
    ("25 base:{A} USDC", "l2send: there is no account yet.", 3),
    ("25 USDC to base:{A}", "l2send: there is no account yet.", 3),
    ("send 25USDC to base:{A}", "l2send: there is no account yet.", 3),
    ("plan USDC 25 base:{A}", "l2send: there is no account yet.", 3),
    ("25 USDC base {A}", "l2send: there is no account yet.", 3),
    ("base {A} 25 USDC", "l2send: there is no account yet.", 3),
    ("25 usdc to {A} on Base", "l2send: there is no account yet.", 3),
    ("send 25 usdc on base to {A}", "l2send: there is no account yet.", 3),
    ("0.5 eth to {A} on mainnet", "l2send: there is no account yet.", 3),
    ("25 USDC ethereum {A}", "l2send: there is no account yet.", 3),
    ("25 USDC to base:{A} from arbitrum", "l2send: there is no account yet.", 3),
    ("$25 USDC base:{A}", "l2send: there is no account yet.", 3),
    ("25 USDC optimism:{A}", "l2send: there is no account yet.", 3),
    ("25 USDC POLYGON:{A}", "l2send: there is no account yet.", 3),
    ("25 USDC bsc:{A}", "l2send: there is no account yet.", 3),
    ("USDC base:{A}", "l2send: the amount is missing.", 2),
    ("25 eth", "l2send: the destination is missing.", 2),
    ("25 foo bar", "l2send: not a destination: 'bar'.", 2),
    ("25 USDC to", "l2send: the destination is missing.", 2),
    ("--devnet", "l2send: this is not a terminal, so no question can be asked.", 2),
    ("--account alice", "l2send: this is not a terminal, so no question can be asked.", 2),
    ("--plain --account=alice", "l2send: this is not a terminal, so no question can be asked.", 2),
    ("--yes", "l2send: Missing argument 'AMOUNT'.", 2),
    ("25 USDC base: {A}", "l2send: there is no account yet.", 3),
    ("25 USDC on", "l2send: the destination is missing.", 2),
    ("all USDC", "l2send: the destination is missing.", 2),
    ("all base:{A}", "l2send: the token is missing.", 2),
    ("balances --chain nowhere", "l2send: no chain is called 'nowhere'.", 2),
    ("balances --chain base", "l2send: there is no account yet.", 3),
    ("balances --chain base --token NOPE", "l2send: 'NOPE' is not a token l2send knows on these chains.", 2),
    ("balances stranger", "l2send: not a destination: 'stranger'.", 2),
    ("balances base", "l2send: base is a chain, not an account.", 2),
    ("balances Optimism", "l2send: oeth is a chain, not an account.", 2),
    ("balances usdc", "l2send: USDC is a token, not an account.", 2),
    ("contacts add alice", "l2send: Missing argument 'DESTINATION'.", 2),
    ("contacts add base base:{A}", "l2send: base is the name of a chain.", 2),
    ("refund p-abc", "l2send: no command 'refund'.", 2),
    ("cost", "l2send: no command 'cost'.", 2),
    ("fund", "l2send: no command 'fund'.", 2),
    ("--devnet fund", "l2send: no command 'fund'.", 2),
    ("resume p-abc p-abd", "l2send: resume takes one payment, and 2 words were typed.", 2),
    ("status p-abc p-abd", "l2send: status takes one payment, and 2 words were typed.", 2),
    ("receive --chain nowhere", "l2send: no chain is called 'nowhere'.", 2),
    ("receive --chain base --token NOPE", "l2send: 'NOPE' is not a token l2send knows on Base.", 2),
    ("receive --chain base --token USDC --amount lots", "l2send: not an amount: 'lots'.", 2),
    ("receive joe", "l2send: receive takes options only, and 'joe' is none.", 2),
    ("receive optimism", "l2send: receive takes options only, and 'optimism' is none.", 2),
    ("receive --from bob --chain base", "l2send: --from takes an address, and 'bob' is none.", 2),
    ("25 USDC base:{A} --from bob", "l2send: --from takes an address, and 'bob' is none.", 2),
    ("--yes 25 base:{A} USDC", "l2send: there is no account yet.", 3),
    ("--yes 25 usdc to base:{A}", "l2send: there is no account yet.", 3),
    ("--yes 25usdc base:{A}", "l2send: there is no account yet.", 3),
    ("--max-fee 2% 25 USDC base {A}", "l2send: there is no account yet.", 3),
    ("25 --yes base {A} --fast USDC", "l2send: there is no account yet.", 3),
    ("--yes 25 USDC base {A} now", "l2send: one word too many: 'now'.", 2),
    ("--yes 25 USDC bsae:{A}", "l2send: no chain is called 'bsae'.", 2),
]


@pytest.fixture(autouse=True)
def _nothing_typed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """People type each line in a process of its own. Here all share one, so what was typed before is forgotten."""
    monkeypatch.setattr(redaction, "_typed", redaction.Secrets(redaction.TYPED_MARK))


def test_the_table_is_long() -> None:
    assert len({typed for typed, _, _ in MISTAKES}) >= 140


@pytest.mark.parametrize(("typed", "first_line", "status"), MISTAKES, ids=[typed for typed, _, _ in MISTAKES])
def test_a_mistake_is_answered_in_words(inside: Inside, typed: str, first_line: str, status: int) -> None:
    inside.environment.setenv("COLUMNS", "300")
    done = inside.run(*typed.replace("{A}", A).split(" "))
    assert (done.stderr.splitlines()[0], done.status) == (first_line.replace("{A}", A), status)


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("balance", "Did you mean: l2send balances"),
        ("statsu p-abc", "Did you mean: l2send status p-abc"),
        ("list", "Did you mean: l2send history"),
        ("delegate alice", "Did you mean: l2send wallet delegate alice"),
        ("pay 25 USDC base:{A}", "Leave it out: l2send 25 USDC base:{A}"),
        ("25 base {A}", "Write: l2send 25 TOKEN base:{A}"),
        ("25 base:{A}", "Write: l2send 25 TOKEN base:{A}"),
        ("$25 base:{A}", "Write: l2send 25 USDC base:{A}"),
        ("€25 base:{A}", "Write: l2send 25 EURC base:{A}"),
        ("balances optimism", "Write: l2send balances --chain oeth"),
        ("balances usdc", "Write: l2send balances --token USDC"),
        ("25 USDC", "Write: l2send 25 USDC CHAIN:ADDRESS"),
        ("25USDC", "Write: l2send 25 USDC CHAIN:ADDRESS"),
        ("status p-7k", "its first 3 or more after p- are enough"),
        ("25 usdc on optimism", "Write: l2send 25 USDC oeth:ADDRESS"),
        ("25 eth bnb {A}", "l2send 25 eth bnb:{A} l2send 25 bnb eth:{A}"),
        ("25 USDC 8453 {A}", "Write base:ADDRESS"),
        ("25 USDC from alice to base:{A}", "Write --from-chain CHAIN, or --account NAME"),
        ("25 USDC bsae:{A}", "Did you mean: base (Base)"),
        ("25 USDT zora:{A}", "Tokens there: ETH, WETH"),
        ("ten USDC base:{A}", "Use ASCII digits with at most one point"),
        ("1,000.50 USDC base:{A}", "no separators: 1000.50"),
        ("25 USDC alice", "or a contact: `l2send contacts` keeps names"),
        ("refund p-abc", "Did you mean: l2send resume p-abc (it refunds what no solver filled)"),
        ("cost p-abc", "Did you mean: l2send status p-abc (it says what a payment cost)"),
        ("--devnet fund", "Did you mean: l2send devnet fund"),
        ("refnd", "To pay: l2send AMOUNT TOKEN CHAIN:ADDRESS."),
        ("resume p-abc p-abd", "One at a time: l2send resume p-abc. Or resume all that are open: l2send resume --all"),
        ("receive joe", "For an account: --account joe"),
        ("receive Optimism", "For a chain: --chain oeth"),
        ("25 USDC base:{A} --from joe", "For a name: --account joe"),
    ],
)
def test_the_line_to_type_is_said(inside: Inside, typed: str, hint: str) -> None:
    said = " ".join(inside.run(*typed.replace("{A}", A).split(" ")).stderr.split())
    assert hint.replace("{A}", A) in said


def test_a_setting_is_told_with_its_unit(inside: Inside) -> None:
    assert inside.must("config", "set", "max_fee", "2").stderr.startswith("max_fee is 2%, in ")
    assert inside.must("config", "get", "max_fee").stdout == "2%\n"
    assert inside.must("config", "set", "max-fee", "3").stderr.startswith("max_fee is 3%, in ")
    assert inside.must("config", "get", "--", "--max-fee").stdout == "3%\n"


def test_a_contact_is_added_on_a_second_chain(inside: Inside) -> None:
    inside.must("contacts", "add", "alice", f"base:{A}")
    assert inside.must("contacts", "add", "alice", f"optimism:{A}").stderr.startswith(f"alice is base:{A}, oeth:{A}")
    other = inside.run("contacts", "add", "alice", "arb1:0x8ba1f109551bD432803012645Ac136ddd64DBA72")
    assert (other.status, "alice" in other.stderr) == (2, True)


@pytest.mark.parametrize("typed", ["help", "version", "help send", "help wallet new", "help exit-codes"])
def test_what_is_no_mistake(inside: Inside, typed: str) -> None:
    assert inside.must(*typed.split(" ")).stdout


def test_mistakes_that_show_when_money_is_looked_for(home: Home) -> None:
    """Mistakes of people who have an account: what is said first, and what to do."""
    name, own = home.new_account()
    home.fund(own, "dev1", USDC="50")
    poor = [
        (f"25 USDC dev1:{A}", "no ETH on Devnet 1 for gas (about $", f"ETH sent to {own} on Devnet 1 first", 6),
        (
            f"25 USDC dev2:{A} --via hyperlane7683",
            "hyperlane7683 does not bring USDC from Devnet 1 to",
            "Leave --via",
            6,
        ),
        (f"1 USDT dev2:{A}", "'USDT' is not a token l2send knows on Devnet 2.", "Tokens there: ETH, USDC", 2),
        (f"200 USDC dev4:{A}", "no chain can fund 200 USDC", "The most that can be paid now is 49.", 6),
        (f"5 USDC dev1:{own}", f"dev1:{own} is the account that pays", "Name another recipient", 2),
    ]
    for typed, first_line, advice, status in poor:
        done = home.run(*typed.split(" "), "--yes", "--account", name)
        assert done.stderr.startswith(f"l2send: {first_line}"), done
        assert advice in done.stderr
        assert done.status == status, done


def test_too_little_and_too_much_name_both_bounds(home: Home) -> None:
    """Whether it is planned, tried or paid, and where all of it is wanted."""
    name, own = home.new_account()
    home.fund(own, "dev1", USDC="50", ETH="1")
    bounds = list[float]()
    for words in (["200"], ["200", "--dry-run"], ["0.01"], ["0.01", "--dry-run"]):
        done = home.run(words[0], "USDC", f"dev4:{A}", "--account", name, *(words[1:] or ["--yes"]))
        assert done.status == (7 if words[0] == "0.01" else 6)
        assert "The most that can be paid now is 49." in done.stderr
        least = re.search(r"The smallest amount that makes sense here is about ([\d.]+) USDC", done.stderr)
        assert least, done
        bounds.append(float(least[1]))
    assert max(bounds) < 1.2 * min(bounds)  # the same bound for every amount
    poor, its = home.new_account()
    home.fund(its, "dev1", USDC=f"{min(bounds) / 2:.6f}", ETH="1")
    everything = home.run("max", "USDC", f"dev4:{A}", "--account", poor, "--dry-run")
    assert (everything.status, "The smallest amount that makes sense" in everything.stderr) == (7, True), everything
    some = home.run(f"{min(bounds) / 4:.6f}", "USDC", f"dev4:{A}", "--account", poor, "--dry-run")
    assert (some.status, "Nothing that you hold can be paid there" in some.stderr) == (7, True), some


def test_what_people_type_of_balances_and_of_all_is_understood(home: Home) -> None:
    name, own = home.new_account()
    for chain in ("dev1", "dev2", "dev3"):
        home.fund(own, chain, USDC="50", ETH="1")
    home.must("contacts", "add", f"of-{name}", f"dev1:{own}")
    for typed in ("balances --chain dev1", "balances --chain DEV1 --token usdc", f"balances of-{name} --chain dev1"):
        shown = home.must(*typed.split(" "), ETH_KEYSTORE_ACCOUNT=name).stdout
        assert ("dev1" in shown, "50" in shown, "dev2" in shown) == (True, True, False), typed
    everything = home.must("plan", "all", "USDC", f"dev4:{A}", "--account", name, "--json").json
    assert sorted(leg["source"] for leg in everything["legs"]) == ["dev1", "dev2", "dev3"]
    one = home.must("plan", "all", "USDC", f"dev4:{A}", "--account", name, "--json", "--from-chain", "dev2").json
    assert [leg["source"] for leg in one["legs"]] == ["dev2"]


def test_less_than_makes_sense_is_refused_with_the_least_that_does(home: Home) -> None:
    name, own = home.new_account()
    home.fund(own, "dev1", USDC="50", ETH="1")
    done = home.run("0.01", "USDC", f"dev4:{A}", "--yes", "--account", name)
    assert done.status == 7
    first, least = done.stderr.splitlines()[:2]
    assert first == "l2send: every way costs more than 5 % of the amount."
    assert least.startswith("  The smallest amount that makes sense here is about ")
    amount = least.split()[-2]
    assert "  The most that can be paid now is 49." in done.stderr
    assert home.must("plan", amount, "USDC", f"dev4:{A}", "--account", name)
    assert home.run("plan", str(float(amount) / 2), "USDC", f"dev4:{A}", "--account", name).status == 7
