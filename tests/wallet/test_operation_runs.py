"""What used the nonce of an operation, by the EntryPoint's own events and storage on a real node."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.calldata import TRANSFER
from l2send.core.operation import Operation, new_key
from l2send.core.paths import Paths
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc
from l2send.core.settlers import SponsorSettlers
from l2send.core.units import BlockNumber, Gas, Wei
from l2send.devnet.state import require
from l2send.wallet.operation_runs import OperationRun, find_run, is_used, shows_operation, words_of
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy, no_such_method
from tests.support.gasless import with_rpcs
from tests.support.operations import Delegated

T = TypeVar("T")
UNITS = 3 * 10**6


@pytest.fixture
def delegated(home: Home, tmp_path: Path) -> Delegated:
    made = Delegated(home, require(home.paths.state), Paths.under(tmp_path / "mine"))
    home.fund(made.address, "dev1", USDC="100")
    made.node.call("anvil_setBalance", made.address, hex(10**18))
    made.delegate()
    return made


def operation(delegated: Delegated, *calls: UnsignedTx) -> Operation:
    chain = delegated.home.chain("dev1")
    listed = chain.settlers_of("sponsor", SponsorSettlers)
    assert listed
    return Operation(chain.chain_id, listed.entry_point, delegated.address, new_key(), calls, Gas(300_000))


def usdc(delegated: Delegated, to: Address, units: int = UNITS) -> UnsignedTx:
    return UnsignedTx(delegated.home.chain("dev1").chain_id, delegated.usdc, Wei(0), TRANSFER.encode(to, units))


def coin(delegated: Delegated, to: Address) -> UnsignedTx:
    return UnsignedTx(delegated.home.chain("dev1").chain_id, to, Wei(7), b"")


def submit(delegated: Delegated, one: Operation) -> dict[str, Any]:
    return delegated.submit(one, delegated.signer.sign_typed(one.typed))


def asked(delegated: Delegated, use: Callable[[Rpc], Awaitable[T]]) -> T:
    async def ask(client: Client) -> T:
        return await use(client.rpcs.on(delegated.home.chain("dev1").chain_id))

    return delegated.do(ask)


def found(delegated: Delegated, one: Operation) -> OperationRun:
    run = asked(delegated, lambda rpc: find_run(rpc, one, BlockNumber(0)))
    assert isinstance(run, OperationRun), run
    return run


def shown(delegated: Delegated, one: Operation, run: OperationRun) -> bool:
    async def look(rpc: Rpc) -> bool:
        head = asyncio.ensure_future(rpc.block_number())
        return await shows_operation(rpc, head, one, run)

    return asked(delegated, look)


def test_its_own_event_says_that_it_ran_and_what_arrived(delegated: Delegated) -> None:
    one = operation(delegated, usdc(delegated, new_address()))
    assert not asked(delegated, lambda rpc: is_used(rpc, one))
    receipt = submit(delegated, one)
    run = found(delegated, one)
    assert (run.is_ours, run.succeeded, run.arrived, run.tx_hash) == (True, True, UNITS, receipt["transactionHash"])
    assert asked(delegated, lambda rpc: is_used(rpc, one))
    assert shown(delegated, one, run)
    for other in (
        OperationRun(is_ours=False, block=run.block, block_hash=run.block_hash),
        OperationRun(True, run.block, run.block_hash, run.tx_hash, True, UNITS + 1),
        OperationRun(True, run.block, "0x" + "11" * 32, run.tx_hash, True, UNITS),
        OperationRun(True, BlockNumber(run.block - 1), run.block_hash, run.tx_hash, True, UNITS),
    ):
        assert not shown(delegated, one, other)


def test_calls_that_failed_are_told_from_those_that_ran(delegated: Delegated) -> None:
    one = operation(delegated, usdc(delegated, new_address(), 101 * 10**6))
    submit(delegated, one)
    run = found(delegated, one)
    assert (run.is_ours, run.succeeded, run.arrived) == (True, False, 0)
    assert shown(delegated, one, run)
    assert "its calls failed" in words_of(run, delegated.address)


def test_something_else_with_its_nonce_is_found_by_the_storage(delegated: Delegated) -> None:
    one = operation(delegated, usdc(delegated, new_address()))
    other = Operation(
        one.chain_id, one.entry_point, one.sender, one.key, (usdc(delegated, new_address(), 1),), one.call_gas
    )
    submit(delegated, other)
    run = found(delegated, one)
    assert (run.is_ours, run.tx_hash) == (False, "")
    assert shown(delegated, one, run)
    assert "by something else" in words_of(run, delegated.address)


@pytest.mark.parametrize("traced", [True, False])
def test_coin_is_shown_by_the_trace_or_by_the_code_that_makes_the_call(delegated: Delegated, traced: bool) -> None:
    to = new_address()
    one = operation(delegated, coin(delegated, to))
    submit(delegated, one)
    run = found(delegated, one)
    assert (run.succeeded, run.arrived, delegated.home.holds(to, "dev1", "ETH")) == (True, 7, 7)
    with FaultProxy(delegated.node.url) as proxy:
        if not traced:
            proxy.twist("debug_traceTransaction", no_such_method)
        delegated.registry = with_rpcs(delegated, proxy.url)
        assert shown(delegated, one, run)
        assert proxy.sent("debug_traceTransaction")


def test_coin_that_no_trace_shows_is_not_proved(delegated: Delegated) -> None:
    one = operation(delegated, coin(delegated, new_address()))
    submit(delegated, one)
    run = found(delegated, one)
    with FaultProxy(delegated.node.url) as proxy:
        proxy.lie("debug_traceTransaction", {"type": "CALL", "from": "0x", "to": "0x", "value": "0x0"})
        delegated.registry = with_rpcs(delegated, proxy.url)
        assert not shown(delegated, one, run)
