"""The solver against the real Portal: it fills profitable orders, refuses others, and misbehaves when told to."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from l2send.core.calldata import Function, event_topic
from l2send.devnet import eco, faucet, solver_client
from l2send.devnet.modes import Mode
from l2send.devnet.state import DevChain, Devnet
from tests.devnet.user import User, fresh_address, wait_until

CLAIMANTS = Function("claimants(bytes32)", "bytes32")
REWARD_STATUS = Function("getRewardStatus(bytes32)", "uint8")
REFUND = Function(f"refund(uint64,bytes32,{eco.REWARD})")
FULFILLED = event_topic("IntentFulfilled(bytes32,bytes32)")
WITHDRAWN = 2
USDC = 10**6


def order(devnet: Devnet, intent_hash: str) -> dict[str, Any]:
    return next((o for o in solver_client.orders(devnet) if o["intent_hash"] == intent_hash), {})


def settled(devnet: Devnet, intent_hash: str, seconds: float = 5) -> dict[str, Any]:
    """The order once it is filled or refused."""
    give_up = time.monotonic() + seconds
    while (now := order(devnet, intent_hash)).get("state") not in ("filled", "refused"):
        assert time.monotonic() < give_up, now
        time.sleep(0.02)
    return now


def stays_open(devnet: Devnet, intent_hash: str, seconds: float = 0.6) -> bool:
    """Whether the solver has seen the order and left it alone for a while."""
    time.sleep(seconds)
    return order(devnet, intent_hash).get("state") == "open"


def chains(devnet: Devnet) -> tuple[DevChain, DevChain]:
    return devnet.chain("dev1"), devnet.chain("dev2")


def claimed(user: User, chain: DevChain, intent_hash: str) -> bool:
    answer = user.node(chain).eth_call(chain.portal, CLAIMANTS.encode(bytes.fromhex(intent_hash[2:])))
    return any(answer)


def test_fills_and_withdraws_its_reward(solver: Devnet, user: User) -> None:
    source, destination = chains(solver)
    recipient = fresh_address()
    before = user.balance(source, "USDC", solver.solver_address)
    intent = user.intent(source, destination, recipient, give=26 * USDC, get=25 * USDC)
    intent_hash = user.open(intent)
    done = settled(solver, intent_hash)
    assert done["state"] == "filled", done
    assert user.balance(destination, "USDC", recipient) == 25 * USDC
    assert claimed(user, destination, intent_hash)
    assert wait_until(lambda: user.balance(source, "USDC", solver.solver_address) == before + 26 * USDC)
    status = REWARD_STATUS.decode_result(user.node(source).eth_call(source.portal, REWARD_STATUS.encode(intent.hash)))
    assert status == (WITHDRAWN,)
    assert wait_until(lambda: len(order(solver, intent_hash)["transactions"]) == 3)
    assert set(order(solver, intent_hash)["transactions"]) == {"fulfill", "prove", "withdraw"}


def test_fills_the_native_coin(solver: Devnet, user: User) -> None:
    source, destination = solver.chain("dev4"), solver.chain("dev3")
    recipient = fresh_address()
    pay = eco.Call(recipient, b"", 10**18)
    deadline = user.node(destination).now() + 600
    route = eco.Route(os.urandom(32), deadline, destination.portal, 10**18, (), (pay,))
    reward = eco.Reward(deadline + 600, user.address, source.prover, 11 * 10**17, ())
    intent_hash = user.open(eco.Intent(source.chain_id, destination.chain_id, route, reward))
    assert settled(solver, intent_hash)["state"] == "filled"
    assert user.balance(destination, "ETH", recipient) == 10**18


def test_ignored_order_is_refundable_after_its_deadline(solver: Devnet, home: Path, user: User) -> None:
    source, destination = solver.chain("dev4"), solver.chain("dev2")
    solver_client.set_mode(solver, Mode.IGNORE)
    intent = user.intent(source, destination, fresh_address(), give=26 * USDC, get=25 * USDC)
    intent_hash = user.open(intent)
    assert stays_open(solver, intent_hash)
    assert not claimed(user, destination, intent_hash)
    faucet.advance(home, 1300, "dev4")
    user.send(
        source,
        source.portal,
        REFUND.encode(intent.destination, intent.route_hash, intent.reward.values()),
    )
    assert user.balance(source, "USDC") == 1000 * USDC
    solver_client.set_mode(solver, Mode.FILL)
    assert settled(solver, intent_hash)["reason"] == "the reward is not in escrow"


def test_an_order_that_a_reorganisation_took_is_filled_once_it_is_there_again(solver: Devnet, user: User) -> None:
    source, destination = chains(solver)
    node = user.node(source)
    solver_client.set_mode(solver, Mode.IGNORE)
    intent = user.intent(source, destination, fresh_address(), give=3 * USDC, get=2 * USDC)
    before = node.quantity("eth_blockNumber")
    intent_hash = user.open(intent)
    assert stays_open(solver, intent_hash)
    node.call("anvil_reorg", node.quantity("eth_blockNumber") - before, [])
    assert user.balance(source, "USDC") == 1000 * USDC
    solver_client.set_mode(solver, Mode.FILL)
    assert settled(solver, intent_hash)["reason"] == "the reward is not in escrow"
    user.open(intent)
    assert wait_until(lambda: order(solver, intent_hash)["state"] == "filled")


def test_ignored_order_is_filled_when_the_mode_changes_back(solver: Devnet, user: User) -> None:
    source, destination = chains(solver)
    solver_client.set_mode(solver, Mode.IGNORE)
    intent_hash = user.open(user.intent(source, destination, fresh_address(), give=3 * USDC, get=2 * USDC))
    assert stays_open(solver, intent_hash)
    solver_client.set_mode(solver, Mode.FILL)
    assert settled(solver, intent_hash)["state"] == "filled"


def test_delay(solver: Devnet, user: User) -> None:
    source, destination = chains(solver)
    solver_client.set_mode(solver, Mode.DELAY, 1.5)
    intent_hash = user.open(user.intent(source, destination, fresh_address(), give=3 * USDC, get=2 * USDC))
    assert stays_open(solver, intent_hash, 0.8)
    assert settled(solver, intent_hash)["state"] == "filled"


def test_underfill_emits_a_real_event_of_another_intent(solver: Devnet, user: User) -> None:
    source, destination = chains(solver)
    solver_client.set_mode(solver, Mode.UNDERFILL)
    recipient = fresh_address()
    first = user.node(destination).quantity("eth_blockNumber")
    intent_hash = user.open(user.intent(source, destination, recipient, give=26 * USDC, get=25 * USDC))
    assert wait_until(lambda: user.balance(destination, "USDC", recipient) > 0)
    assert user.balance(destination, "USDC", recipient) == 25 * USDC // 2
    query = {"address": destination.portal, "topics": [FULFILLED], "fromBlock": hex(first)}
    events = user.node(destination).call("eth_getLogs", query)
    assert len(events) == 1
    assert events[0]["topics"][1] != intent_hash
    assert not claimed(user, destination, intent_hash)
    assert stays_open(solver, intent_hash)
    assert user.balance(destination, "USDC", recipient) == 25 * USDC // 2
    solver_client.set_mode(solver, Mode.FILL)
    assert settled(solver, intent_hash)["state"] == "filled"


def expired_route(intent: eco.Intent) -> eco.Intent:
    return dataclasses.replace(intent, route=dataclasses.replace(intent.route, deadline=1))


def expired_reward(intent: eco.Intent) -> eco.Intent:
    return dataclasses.replace(intent, reward=dataclasses.replace(intent.reward, deadline=1))


def other_portal(intent: eco.Intent) -> eco.Intent:
    return dataclasses.replace(intent, route=dataclasses.replace(intent.route, portal=fresh_address()))


def other_prover(intent: eco.Intent) -> eco.Intent:
    return dataclasses.replace(intent, reward=dataclasses.replace(intent.reward, prover=fresh_address()))


def nowhere(intent: eco.Intent) -> eco.Intent:
    return dataclasses.replace(intent, destination=1)


def unknown_token(intent: eco.Intent) -> eco.Intent:
    token = (eco.TokenAmount(fresh_address(), 1),)
    return dataclasses.replace(intent, route=dataclasses.replace(intent.route, tokens=token))


def losing(intent: eco.Intent) -> eco.Intent:
    (token,) = intent.route.tokens
    more = (dataclasses.replace(token, amount=27 * USDC),)
    return dataclasses.replace(intent, route=dataclasses.replace(intent.route, tokens=more))


def paying_in_another_asset(intent: eco.Intent) -> eco.Intent:
    route = dataclasses.replace(intent.route, native_amount=1, tokens=(), calls=())
    return dataclasses.replace(intent, route=route)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (expired_route, "the route has expired"),
        (expired_reward, "the reward has expired"),
        (other_portal, "the route names another Portal"),
        (other_prover, "the reward names another prover"),
        (nowhere, "unknown destination 1"),
        (unknown_token, "is not supported on chain"),
        (losing, "the reward is below the cost"),
        (paying_in_another_asset, "the reward is below the cost"),
    ],
)
def test_refuses(solver: Devnet, user: User, change: Callable[[eco.Intent], eco.Intent], reason: str) -> None:
    source, destination = chains(solver)
    intent = change(user.intent(source, destination, fresh_address(), give=26 * USDC, get=25 * USDC))
    done = settled(solver, user.open(intent))
    assert done["state"] == "refused"
    assert reason in done["reason"]
    assert done["transactions"] == {}


def test_order_that_reverts_is_refused_and_costs_nothing(solver: Devnet, user: User) -> None:
    """A call that cannot succeed: the estimate fails, so nothing is sent."""
    source, destination = chains(solver)
    intent = user.intent(source, destination, fresh_address(), give=26 * USDC, get=25 * USDC)
    impossible = eco.transfer_call(destination.token("USDC").address, fresh_address(), 26 * USDC)
    route = dataclasses.replace(intent.route, calls=(impossible,))
    before = user.balance(destination, "USDC", solver.solver_address)
    done = settled(solver, user.open(dataclasses.replace(intent, route=route)))
    assert done["state"] == "refused"
    assert user.balance(destination, "USDC", solver.solver_address) == before
