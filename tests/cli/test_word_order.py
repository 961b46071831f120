"""The words of a payment in any order that people type: one meaning each, the same in every order."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2send.cli.main import root, shape
from l2send.cli.word_order import apart, in_order
from l2send.cli.word_readings import Known
from l2send.core.chains import load_registry
from l2send.core.errors import UsageError
from l2send.core.paths import Paths
from l2send.resolver.contacts import parse_book

A = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
USDC = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
KNOWN = Known(
    load_registry(Paths.under(Path("/nowhere"))),
    parse_book(f'schema = 1\n[contacts.alice]\naddress = "{A}"\n[contacts.to]\naddress = "{A}"\n', "here"),
)


def ordered(typed: str) -> str:
    return " ".join(in_order(typed.split(), lambda: KNOWN))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("25USDC base:{A}", "25 USDC base:{A}"),
        ("USDC 25 base:{A}", "25 USDC base:{A}"),
        ("25 base:{A} USDC", "25 USDC base:{A}"),
        ("base:{A} 25 USDC", "25 USDC base:{A}"),
        ("25 USDC base {A}", "25 USDC base:{A}"),
        ("base {A} 25 USDC", "25 USDC base:{A}"),
        ("25usdc base {A}", "25 usdc base:{A}"),
        ("25 usdc to alice.eth on base", "25 usdc base:alice.eth"),
        ("25 usdc on Base to alice.eth", "25 usdc base:alice.eth"),
        ("to alice.eth on BASE 25 usdc", "25 usdc base:alice.eth"),
        ("0.5 eth to alice on optimism", "0.5 eth oeth:alice"),
        ("0.5 eth eth {A}", "0.5 eth eth:{A}"),
        ("0.5 eth ethereum {A}", "0.5 eth eth:{A}"),
        ("max eth to alice@base", "max eth alice@base"),
        ("all usdc alice mainnet", "all usdc eth:alice"),
        ("25 usdc to alice", "25 usdc alice"),
        ("25 usdc to", "25 usdc to"),
        ("alice 25 usdc", "25 usdc alice"),
        ("25 usdc to to", "25 usdc to"),
        ("25 usdc to {A}", "25 usdc {A}"),
        ("$25 usdc to alice on base", "25 usdc base:alice"),
        ("$25 USDC base:{A}", "25 USDC base:{A}"),
        ("€25 EURC base:{A}", "25 EURC base:{A}"),
        ("25 {USDC} base {A}", "25 {USDC} base:{A}"),
        ("25 USDC to base:{A} from arbitrum", "25 USDC base:{A} --from-chain arbitrum"),
        ("25 USDC from arb1 on base to alice", "25 USDC base:alice --from-chain arb1"),
        ("25 USDC base {A} --yes", "25 USDC base:{A} --yes"),
        ("25 USDX base {A}", "25 USDX base:{A}"),  # the resolver says that there is no such token
        ("25 USDC alicce", "25 USDC alicce"),
        ("ethereum:{A}?value=1", "ethereum:{A}?value=1"),
        ("25 USDC base: {A}", "25 USDC base:{A}"),
        ("base: {A} 25 USDC", "25 USDC base:{A}"),
        ("25 USDC -", "25 USDC -"),
        ("-", "-"),
    ],
)
def test_an_order_people_type(typed: str, meant: str) -> None:
    assert ordered(typed.format(A=A, USDC=USDC)) == meant.format(A=A, USDC=USDC)


def test_a_payment_quoted_as_one_word_is_the_same() -> None:
    assert in_order([f"25 USDC base:{A}"], lambda: KNOWN) == ["25", "USDC", f"base:{A}"]
    assert in_order([f"ethereum:{A}?label=25 USDC"], lambda: KNOWN) == [f"ethereum:{A}?label=25 USDC"]


@pytest.mark.parametrize(
    "typed",
    ["25 eth bnb {A}", "bnb {A} 25 eth", "25 bnb eth alice.eth", "25 avax eth {A}", "eth 25 celo {A}"],
)
def test_two_coins_that_are_chains_too_are_refused_with_both_lines(typed: str) -> None:
    with pytest.raises(UsageError, match="more than one meaning") as refused:
        ordered(typed.format(A=A))
    assert refused.value.message.count("l2send 25 ") == 2


def test_a_preposition_tells_which_of_two_coins_is_the_chain() -> None:
    assert ordered(f"25 eth on bnb to {A}") == f"25 eth bnb:{A}"
    assert ordered(f"25 bnb on eth to {A}") == f"25 bnb eth:{A}"


@pytest.mark.parametrize("typed", ["$25 ETH base:{A}", "€25 USDC base:{A}", "£25 USDC base:{A}", "$25 EURC base {A}"])
def test_money_is_no_amount_of_a_token_that_is_not_worth_it(typed: str) -> None:
    with pytest.raises(UsageError, match="is not an amount of"):
        ordered(typed.format(A=A))


_AMOUNTS = st.sampled_from(["1", "25", "0.5", "1234.567891", "8453", "1,5", "max", "all", "ALL"])
_CHAINS = [
    name for chain in KNOWN.registry for name in chain.names if KNOWN.is_chain(name) and not KNOWN.is_token(name)
]
_ACCOUNTS = st.sampled_from([A, A.lower(), "alice", "Alice", "vitalik.eth", "a.b.c.eth"])


@given(_AMOUNTS, st.sampled_from(["USDC", "usdc", "USDT", "weth", "DAI"]), st.sampled_from(_CHAINS), _ACCOUNTS)
def test_every_order_means_the_same(amount: str, token: str, chain: str, account: str) -> None:
    meant = f"{amount} {token} {KNOWN.registry.named(chain).short_name}:{account}"
    for words in permutations([amount, token, chain, account]):
        assert ordered(" ".join(words)) == meant
    for words in permutations([amount, token, f"on {chain}", f"to {account}"]):
        assert ordered(" ".join(words)) == meant


def test_chains_are_loaded_for_an_unusual_order_alone() -> None:
    def never() -> Known:
        raise AssertionError("the chains were loaded")

    for typed in (
        f"25 USDC base:{A}",
        "0.5 ETH alice",
        "25 usdc vitalik.eth",
        "max ETH alice@base --yes",
        "25 USDC -",
    ):
        assert in_order(typed.split(), never) == typed.split()


def test_no_word_is_lost_or_made_up() -> None:
    for typed in (
        f"25 USDC base:{A} now",
        f"now 25 USDC base:{A}",
        f"25 USDC base {A} please",
        f"25 USDC base bnb {A}",
    ):
        with pytest.raises(UsageError, match="one word too many"):
            ordered(typed.format(A=A))


@pytest.mark.parametrize(
    ("typed", "words", "options"),
    [
        ("25 USDC base:0x", "25 USDC base:0x", ""),
        ("--yes 25 USDC", "25 USDC", "--yes"),
        ("-y 25 -f 0x1 USDC", "25 USDC", "-y -f 0x1"),
        ("--account=al 25 --account bo USDC", "25 USDC", "--account=al --account bo"),
        ("25 USDC - --progress json", "25 USDC -", "--progress json"),
        ("25 --account", "25", "--account"),
    ],
)
def test_words_and_options_are_told_apart(typed: str, words: str, options: str) -> None:
    assert apart(typed.split(), root().commands["send"].params) == (words.split(), options.split())


@pytest.mark.parametrize("typed", ["25 --nonsense USDC", "25 -- USDC", "-yq 25"])
def test_a_line_with_an_unknown_option_is_left_as_it_is(typed: str) -> None:
    assert apart(typed.split(), root().commands["send"].params) is None


@pytest.mark.parametrize("front", ["--yes", "--account alice", "--account=alice --json", "-q --max-fee 2%"])
@pytest.mark.parametrize("line", [f"25 base:{A} usdc", f"25 usdc to base:{A}", f"25usdc base:{A}"])
def test_options_in_front_do_not_hide_the_words(front: str, line: str) -> None:
    ordered = shape([*front.split(), *line.split()])
    assert ordered[:4] == ["send", "25", "usdc", f"base:{A}"]
    assert ordered[4:] == front.split()
