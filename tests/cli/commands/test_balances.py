"""`l2send balances`: balances and their worth; unknown is not zero, test money is not real money."""

from __future__ import annotations

import socket

import pytest

from l2send.cli.balances_table import money, totals_of
from l2send.core.address import Address
from l2send.core.units import Amount
from l2send.resolver.balances import Holdings
from tests.bridges.registry import ORIGIN, TARGET
from tests.cli.test_sessions import L2SEND
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.terminal import Terminal

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def holder(home: Home) -> Address:
    """1.5 ETH and 50 USDC on dev1, 60 USDC on dev2, 7 DAI on neither."""
    account = new_address()
    home.fund(account, "dev1", USDC="50", ETH="1.5")
    home.fund(account, "dev2", USDC="60")
    return account


def silent(home: Home, chain: str) -> dict[str, str]:
    return {f"L2SEND_RPC_{home.chain(chain).chain_id}": "http://127.0.0.1:9"}


def test_rows_of_money_and_a_total_of_each_token_and_of_all(home: Home, holder: Address) -> None:
    done = home.must("balances", holder)
    rows = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert ["dev1", "USDC", "50", "$50.00"] in rows
    assert ["dev2", "USDC", "60", "$60.00"] in rows
    assert ["USDC", "110", "$110.00"] in rows
    assert rows[-1][:2] == ["All", "together"]
    assert not any(" 0 " in line for line in done.stdout.splitlines()), "what is nothing is folded"
    assert "other tokens on the 4 chains that answered: nothing held." in done.stderr


def test_filters_narrow_what_is_asked(home: Home, holder: Address) -> None:
    of_dev2 = home.must("balances", holder, "--chain", "DEV2", "--json").json
    assert [chain["chain"] for chain in of_dev2["chains"]] == ["dev2"]
    of_usdc = home.must("balances", holder, "--token", "usdc", "--json").json
    assert {b["token"] for chain in of_usdc["chains"] for b in chain["balances"]} == {"USDC"}
    assert of_usdc["totals"] == [{"token": "USDC", "human": "110", "usd": 110.0}]
    for words, said in ((("--chain", "dev9"), "no chain is called"), (("--token", "FOO"), "is not a token")):
        refused = home.run("balances", holder, *words, "--json")
        assert (refused.status, said in refused.error["message"]) == (2, True)


def test_of_a_contact_an_address_and_a_destination(home: Home, holder: Address) -> None:
    name = f"holder{holder[2:8].lower()}"
    home.must("contacts", "add", name, holder, "--yes")
    for whose in (name, holder, holder.lower(), f"dev1:{holder}"):
        assert home.must("balances", whose, "--token", "USDC", "--json").json["account"] == holder
    refused = home.run("balances", "0x12", "--json")
    assert refused.status == 2


def test_what_is_unknown_is_neither_zero_nor_nothing(home: Home, holder: Address) -> None:
    done = home.run("balances", holder, **silent(home, "dev1"))
    assert done.status == 4
    assert "unknown: Devnet 1" in done.stderr
    assert "dev1" not in done.stdout
    nothing = home.run("balances", new_address(), **silent(home, "dev1"))
    assert "holds nothing on the 3 chains that answered" in nothing.stderr


def test_what_has_answered_is_shown_while_another_chain_is_waited_for(home: Home, holder: Address) -> None:
    with socket.create_server(("127.0.0.1", 0)) as never_answers:
        url = f"http://127.0.0.1:{never_answers.getsockname()[1]}"
        environment = home.environment | {f"L2SEND_RPC_{home.chain('dev1').chain_id}": url, "TERM": "xterm-256color"}
        with Terminal(environment, 80, 24) as terminal:
            terminal.start(str(L2SEND), "balances", holder)
            assert "3 of 4 chains" in terminal.wait_for("so far $60.00: 60 USDC")
            status, screen = terminal.end()
    assert status == 4
    assert "so far" not in screen
    assert "unknown: Devnet 1" in screen


def test_offline_is_one_line_and_exit_4(home: Home) -> None:
    environment = {key: url for chain in home.registry for key, url in silent(home, chain.short_name).items()}
    done = home.run("balances", new_address(), **environment)
    assert done.status == 4
    assert done.stdout == ""
    first, *_ = done.stderr.splitlines()
    assert first == "l2send: none of the 4 chains answered. This machine seems to be offline."
    assert "holds nothing" not in done.stderr
    assert done.stderr.count("did not answer") <= 1


def test_totals_never_mix_test_money_and_real_money_or_what_has_no_price() -> None:
    usdc = ORIGIN.tokens[0]
    held = [
        (Holdings(ORIGIN), Amount(1_000_000, usdc), 1.0),
        (Holdings(TARGET), Amount(2_500_000, TARGET.tokens[0]), 2.5),
        (Holdings(ORIGIN), Amount(10**18, ORIGIN.native), None),
    ]
    assert [(t.symbol, t.human, t.usd) for t in totals_of(held)] == [("USDC", "3.5", 3.5), ("ETH", "1", None)]


@pytest.mark.parametrize(
    ("usd", "said"), [(None, "-"), (0.0, "$0.00"), (0.004, "< $0.01"), (0.5, "$0.50"), (1234.5, "$1,234.50")]
)
def test_money_in_words(usd: float | None, said: str) -> None:
    assert money(usd) == said


def test_testnets_are_asked_only_when_they_are_wanted(empty_home: Home) -> None:
    from l2send.cli.commands.balances import _chains

    registry = empty_home.registry
    assert not any(chain.testnet for chain in _chains(registry, [], testnets=False))
    assert any(chain.testnet for chain in _chains(registry, [], testnets=True))
    assert [chain.short_name for chain in _chains(registry, ["sepolia", "sep"], testnets=False)] == ["sep"]


def test_a_contract_and_an_account_on_a_silent_chain_are_said_to_be_that(home: Home, holder: Address) -> None:
    contract = home.chain("dev1").token("USDC").address
    assert contract
    shown = home.run("balances", contract, "--chain", "dev1", "--json").json["chains"]
    assert [chain["account_is"] for chain in shown] == ["contract"]
    assert "on dev1: it is a contract" in home.run("balances", contract, "--chain", "dev1").stderr
    unknown = home.run("balances", holder, "--json", **silent(home, "dev1")).json["chains"]
    assert [chain["account_is"] for chain in unknown if chain["chain"] == "dev1"] == ["unknown"]
