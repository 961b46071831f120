"""What one file of limits allows: each of its keys, and the words of each refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from l2send.core.address import Address
from l2send.core.errors import ExitStatus, Refused, Sent
from l2send.core.plan import ChainAddress, Payment
from l2send.core.spending_limits import SpendingLimits, parse_limits
from l2send.core.units import Amount, ChainId, Token, UnixTime, parse_amount
from l2send.wallet.journal.tally import Tally
from tests.support.addresses import new_address

BASE, ARBITRUM = ChainId(8453), ChainId(42161)
USDC = Token(BASE, new_address(), "USDC", 6, peg="USD")
USDT = Token(BASE, new_address(), "USDT", 6, peg="USD")
DAI = Token(ARBITRUM, new_address(), "DAI", 18, peg="USD")
ETH = Token(BASE, None, "ETH", 18)
SENDER, ALICE, BOB = new_address(), new_address(), new_address()
NOW = UnixTime(1795995200)


def limits(**table: object) -> SpendingLimits:
    return parse_limits({"time_zone": "UTC", **table}, "", "/etc/l2send/policy.toml")


def pays(amount: str, token: Token = USDC, to: Address = ALICE) -> Payment:
    return Payment(SENDER, ChainAddress(token.chain_id, to), parse_amount(amount, token))


def refusal(said: SpendingLimits, payment: Payment, begun: Sequence[Payment] = ()) -> Refused:
    with pytest.raises(Refused) as refused:
        Tally(said, NOW, begun).check(payment)
    assert (refused.value.exit_status, refused.value.sent) == (ExitStatus.REFUSED, Sent.NO)
    assert "/etc/l2send/policy.toml" in refused.value.message
    return refused.value


def allow(said: SpendingLimits, payment: Payment, begun: Sequence[Payment] = ()) -> None:
    Tally(said, NOW, begun).check(payment)


def test_one_payment_by_symbol_and_in_dollars() -> None:
    allow(limits(per_payment=["25 USDC"]), pays("25"))
    assert "25.000001 USDC is more than one payment may be: per_payment in" in (
        refusal(limits(per_payment=["25 USDC"]), pays("25.000001")).message
    )
    allow(limits(per_payment=["25 USD"]), pays("25", DAI))
    assert "allows 25 USD" in refusal(limits(per_payment=["25 USD"]), pays("25.000000000000000001", DAI)).message
    assert "allows 10 USDC" in refusal(limits(per_payment=["25 USD", "10 USDC"]), pays("11")).message


def test_the_day_in_all_adds_up_tokens_that_are_pegged_to_the_dollar_and_chains() -> None:
    begun = [pays("50"), pays("25", USDT, BOB), pays("20", DAI)]
    allow(limits(per_day=["100 USD"]), pays("5"), begun)
    refused = refusal(limits(per_day=["100 USD"]), pays("5.5", USDT), begun)
    assert refused.message == (
        "per_day in /etc/l2send/policy.toml: 95 of 100 USD are used today, 5 are left, and this payment is 5.5 USDT."
    )
    assert refused.hint == "All of it is free again from 2026-11-30 00:00 (UTC) on."
    assert "50 of 60 USDC are used" in refusal(limits(per_day=["60 USDC", "999 USD"]), pays("11"), begun).message


def test_the_day_of_one_recipient_is_counted_for_each() -> None:
    begun = [pays("50"), pays("40", DAI), pays("30", to=BOB)]
    said = limits(per_recipient_day=["100 USD"])
    allow(said, pays("10"), begun)
    allow(said, pays("70", to=BOB), begun)
    refused = refusal(said, pays("10.01"), begun)
    assert f"90 of 100 USD are used today for {ALICE}, 10 are left" in refused.message
    assert "2026-11-30 00:00 (UTC)" in refused.hint


def test_more_than_a_whole_day_allows_does_not_wait_for_the_next() -> None:
    assert "free again" not in refusal(limits(per_day=["10 USD"]), pays("11")).hint


@pytest.mark.parametrize("key", ["per_payment", "per_recipient_day", "per_day"])
def test_a_token_that_cannot_be_counted_is_refused(key: str) -> None:
    unknown = refusal(limits(**{key: ["100 USD"]}), pays("0.001", ETH))
    assert f"{key} in" in unknown.message
    assert "names no amount of ETH, and ETH has no known price in USD." in unknown.message
    assert "names no amount of USDT." in refusal(limits(**{key: ["100 USDC"]}), pays("1", USDT)).message
    allow(limits(**{key: ["100 USD", "0.5 ETH"]}), pays("0.5", ETH), [pays("90")])
    refusal(limits(**{key: ["100 USD", "0.5 ETH"]}), pays("0.6", ETH))


def test_recipients_chains_and_tokens() -> None:
    only = limits(recipients=[ALICE], tokens=["USDC", "DAI"], chains=["base"])
    only = replace(only, chain_ids=frozenset({BASE}))
    allow(only, pays("1"))
    assert f"{BOB} is none of the recipients" in refusal(only, pays("1", to=BOB)).message
    assert "these tokens alone: DAI, USDC" in refusal(only, pays("1", USDT)).message
    assert "these chains alone: base" in refusal(only, pays("1", DAI)).message


def test_hours_say_when_they_begin() -> None:
    allow(limits(hours="23:30-23:45"), pays("1"))
    refused = refusal(limits(hours="09:00-17:00"), pays("1"))
    assert "it is 2026-11-29 23:33 (UTC)" in refused.message
    assert refused.hint == "Pay from 2026-11-30 09:00 (UTC) on."


def test_money_that_an_account_pays_itself_is_not_counted_and_a_safes_is() -> None:
    said = replace(limits(per_day=["10 USD"], recipients=[ALICE], chains=["base"]), chain_ids=frozenset({BASE}))
    mine = pays("5000", to=SENDER)
    allow(said, mine, [mine])
    allow(said, pays("10"), [mine])
    refusal(said, replace(mine, executor=BOB))
    refusal(said, replace(mine, by_owners=True))
    assert "chains alone" in refusal(said, pays("5000", DAI, SENDER)).message


def test_what_moves_no_amount_is_no_payment() -> None:
    allow(limits(tokens=["USDC"], hours="09:00-17:00"), Payment(SENDER, ChainAddress(BASE, SENDER), Amount(0, ETH)))
