"""Across's relayer on the devnet against the real SpokePools: it fills profitable deposits, and is repaid."""

from __future__ import annotations

import dataclasses
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from eth_hash.auto import keccak

from l2send.core.address import ZERO_ADDRESS
from l2send.core.calldata import APPROVE, Function, address_word
from l2send.devnet import across, faucet, solver_client
from l2send.devnet.modes import Mode
from l2send.devnet.relays import SETTLEMENT_SECONDS
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import User, fresh_address, wait_until

USDC = 10**6
FILL_STATUS = Function("fillStatuses(bytes32)", "uint256")
FILLED = 2
UNSAFE_DEPOSIT = Function(
    "unsafeDeposit(bytes32,bytes32,bytes32,bytes32,uint256,uint256,uint256,bytes32,uint256,uint32,uint32,uint32,bytes)"
)


def deposit_of(
    user: User, source: DevChain, destination: DevChain, recipient: str, give: int, get: int
) -> across.Deposit:
    """A deposit of USDC that can be filled for ten minutes."""
    packed = bytes.fromhex(user.address[2:]) + address_word(user.address) + (1).to_bytes(32, "big")
    return across.Deposit(
        source.chain_id, destination.chain_id, int.from_bytes(keccak(packed), "big"), user.address, recipient,
        ZERO_ADDRESS, source.token("USDC").address, destination.token("USDC").address, give, get,
        max(user.node(source).now(), user.node(destination).now()) + 600, 0, b"",
    )  # fmt: skip


def make(user: User, deposit: across.Deposit, value: int = 0) -> str:
    """Deposit with nonce 1; the relay hash."""
    source = next(c for c in user.devnet.chains if c.chain_id == deposit.origin)
    if not value:
        user.send(source, deposit.input_token, APPROVE.encode(source.spoke_pool, deposit.input_amount))
    parties = (deposit.depositor, deposit.recipient, deposit.input_token, deposit.output_token)
    amounts = (deposit.input_amount, deposit.output_amount, deposit.destination)
    relayer = address_word(deposit.exclusive_relayer)
    times = (user.node(source).now(), deposit.fill_deadline, deposit.exclusivity_deadline)
    data = UNSAFE_DEPOSIT.encode(*(address_word(p) for p in parties), *amounts, relayer, 1, *times, deposit.message)
    user.send(source, source.spoke_pool, data, value)
    return "0x" + deposit.hash.hex()


def relay(devnet: Devnet, relay_hash: str) -> dict[str, Any]:
    return next((d for d in solver_client.deposits(devnet) if d["relay_hash"] == relay_hash), {})


def becomes(devnet: Devnet, relay_hash: str, states: set[str], seconds: float = 5) -> dict[str, Any]:
    give_up = time.monotonic() + seconds
    while (now := relay(devnet, relay_hash)).get("state") not in states:
        assert time.monotonic() < give_up, now
        time.sleep(0.02)
    return now


def is_filled(user: User, chain: DevChain, relay_hash: str) -> bool:
    answer = user.node(chain).eth_call(chain.spoke_pool, FILL_STATUS.encode(bytes.fromhex(relay_hash[2:])))
    return int.from_bytes(answer, "big") == FILLED


def test_fills_and_is_repaid_by_a_bundle(solver: Devnet, user: User) -> None:
    source, destination = solver.chain("dev1"), solver.chain("dev2")
    recipient = fresh_address()
    before = user.balance(source, "USDC", solver.solver_address)
    relay_hash = make(user, deposit_of(user, source, destination, recipient, 26 * USDC, 25 * USDC))
    done = becomes(solver, relay_hash, {"filled", "refused"})
    assert done["state"] == "filled", done
    assert is_filled(user, destination, relay_hash)
    assert user.balance(destination, "USDC", recipient) == 25 * USDC
    assert wait_until(lambda: user.balance(source, "USDC", solver.solver_address) == before + 26 * USDC)
    assert wait_until(lambda: set(relay(solver, relay_hash)["transactions"]) == {"fill", "repay"})


def test_fills_the_native_coin(solver: Devnet, user: User) -> None:
    source, destination = solver.chain("dev4"), solver.chain("dev3")
    recipient = fresh_address()
    deposit = dataclasses.replace(
        deposit_of(user, source, destination, recipient, 11 * 10**17, 10**18),
        input_token=source.token("WETH").address,
        output_token=destination.token("WETH").address,
    )
    done = becomes(solver, make(user, deposit, value=11 * 10**17), {"filled", "refused"})
    assert done["state"] == "filled", done
    assert user.balance(destination, "ETH", recipient) == 10**18


def test_an_ignored_deposit_is_paid_back_some_time_after_its_deadline(solver: Devnet, home: Path, user: User) -> None:
    source, destination = solver.chain("dev4"), solver.chain("dev2")
    solver_client.set_mode(solver, Mode.IGNORE)
    relay_hash = make(user, deposit_of(user, source, destination, fresh_address(), 26 * USDC, 25 * USDC))
    faucet.advance(home, 700)
    time.sleep(0.6)
    assert relay(solver, relay_hash)["state"] == "open", "an expired deposit waits for a bundle"
    assert user.balance(source, "USDC") == 974 * USDC
    faucet.advance(home, SETTLEMENT_SECONDS)
    assert set(becomes(solver, relay_hash, {"refunded"})["transactions"]) == {"refund"}
    assert user.balance(source, "USDC") == 1000 * USDC
    assert not is_filled(user, destination, relay_hash)


def test_delay(solver: Devnet, user: User) -> None:
    solver_client.set_mode(solver, Mode.DELAY, 1.5)
    relay_hash = make(
        user, deposit_of(user, solver.chain("dev1"), solver.chain("dev2"), fresh_address(), 3 * USDC, USDC)
    )
    time.sleep(0.8)
    assert relay(solver, relay_hash)["state"] == "open"
    assert becomes(solver, relay_hash, {"filled", "refused"})["state"] == "filled"


def test_underfill_is_a_true_fill_of_another_deposit_with_the_same_id(solver: Devnet, user: User) -> None:
    source, destination = solver.chain("dev1"), solver.chain("dev2")
    solver_client.set_mode(solver, Mode.UNDERFILL)
    recipient = fresh_address()
    deposit = deposit_of(user, source, destination, recipient, 26 * USDC, 25 * USDC)
    relay_hash = make(user, deposit)
    assert wait_until(lambda: user.balance(destination, "USDC", recipient) == 25 * USDC // 2)
    assert not is_filled(user, destination, relay_hash)
    assert is_filled(user, destination, "0x" + deposit.halved().hash.hex())
    time.sleep(0.4)
    assert user.balance(destination, "USDC", recipient) == 25 * USDC // 2, "once is enough"
    solver_client.set_mode(solver, Mode.FILL)
    assert becomes(solver, relay_hash, {"filled", "refused"})["state"] == "filled"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"destination": 1}, "unknown destination 1"),
        ({"output_amount": 27 * USDC}, "below the cost"),
        ({"output_token": fresh_address()}, "is not supported on chain"),
        ({"message": b"\x01"}, "a message"),
        ({"fill_deadline": 1}, "expired"),
    ],
)
def test_refuses(solver: Devnet, user: User, change: dict[str, Any], reason: str) -> None:
    good = deposit_of(user, solver.chain("dev1"), solver.chain("dev2"), fresh_address(), 26 * USDC, 25 * USDC)
    bad = dataclasses.replace(good, **change)
    # What expired long ago is not refused but paid back.
    done = becomes(solver, make(user, bad), {"filled", "refused", "refunded"})
    if "fill_deadline" in change:
        assert done["state"] == "refunded"
        return
    assert done["state"] == "refused"
    assert reason in done["reason"]
    assert done["transactions"] == {}


def ask(devnet: Devnet, **query: Any) -> tuple[int, dict[str, Any]]:
    url = f"{devnet.solver_url}/across/api/suggested-fees?{urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def question(devnet: Devnet, symbol: str = "USDC", **changed: Any) -> dict[str, Any]:
    source, destination = devnet.chain("dev2"), devnet.chain("dev1")
    return {
        "inputToken": source.token(symbol).address,
        "outputToken": destination.token(symbol).address,
        "originChainId": source.chain_id,
        "destinationChainId": destination.chain_id,
        "amount": 25 * USDC,
    } | changed


def test_a_quote_has_the_fields_of_the_published_schema(devnet: Devnet) -> None:
    status, quote = ask(devnet, **question(devnet))
    assert status == 200
    assert {
        "estimatedFillTimeSec", "capitalFeePct", "capitalFeeTotal", "relayGasFeePct", "relayGasFeeTotal", "relayFeePct",
        "relayFeeTotal", "lpFeePct", "timestamp", "isAmountTooLow", "quoteBlock", "exclusiveRelayer",
        "exclusivityDeadline", "spokePoolAddress", "destinationSpokePoolAddress", "totalRelayFee", "relayerCapitalFee",
        "relayerGasFee", "lpFee", "limits", "fillDeadline", "outputAmount",
    } == set(quote)  # fmt: skip
    assert int(quote["outputAmount"]) + int(quote["totalRelayFee"]["total"]) == 25 * USDC
    assert quote["isAmountTooLow"] is False


def test_the_native_coin_is_quoted_by_its_wrapped_token(devnet: Devnet) -> None:
    status, quote = ask(devnet, **question(devnet, "WETH", amount=10**18))
    assert status == 200
    assert 0 < int(quote["totalRelayFee"]["total"]) < 10**16


def test_too_little_is_said_to_be_too_little(devnet: Devnet) -> None:
    assert ask(devnet, **question(devnet, amount=1))[1]["isAmountTooLow"] is True


@pytest.mark.parametrize(
    "changed",
    [
        {"originChainId": 1},
        {"destinationChainId": ""},
        {"destinationChainId": "x"},
        {"amount": 0},
        {"amount": "1_0"},
        {"amount": -1},
        {"inputToken": ZERO_ADDRESS},
        {"outputToken": fresh_address()},
    ],
)
def test_a_bad_question_is_refused_in_words(devnet: Devnet, changed: dict[str, Any]) -> None:
    status, answer = ask(devnet, **question(devnet, **changed))
    assert status == 400
    assert answer["message"]
