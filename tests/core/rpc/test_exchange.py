"""Unusable answers: each becomes a named error or a bounded retry, never a crash and never a zero."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from l2send.core.chains import Chain
from l2send.core.errors import BadAnswer, NetworkError, NodeError, Transient, WrongChain
from l2send.core.http import open_http
from l2send.core.rpc import Reply, Rpc
from l2send.core.units import Amount
from l2send.devnet import faucet
from l2send.resolver.balances import confirm
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.faultproxy import HTML, LIMITED, REFUSED_BEFORE, TOO_MANY, WRONG_ID, Fault, FaultProxy

GARBAGE = Fault("not JSON", forward=True, status=200, body=b'{"jsonrpc":')
ARRAY = Fault("an array", forward=True, status=200, body=b"[]")
NO_RESULT = Fault("no result", forward=True, status=200, body=b'{"jsonrpc":"2.0","id":1}')
STRANGE_ERROR = Fault("error that is a string", forward=True, status=200, body=b'{"id":1,"error":"boom"}')
BOMB = Fault(
    "gzip bomb", forward=True, status=200, body=gzip.compress(bytes(10**8), 1), headers="Content-Encoding: gzip\r\n"
)
HUGE = Fault("huge", forward=True, status=200, body=b" " * (17 * 1024 * 1024))
DEEP = Fault("deep", forward=True, status=200, body=b"[" * 200_000)


@pytest.fixture
def proxy(home: Home) -> Iterator[FaultProxy]:
    with FaultProxy(home.chain("dev1").rpcs[0]) as made:
        yield made


def ask(chain: Chain, question: Callable[[Rpc], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with open_http() as http:
            return await question(Rpc(chain, http))

    return asyncio.run(run())


def through(home: Home, *urls: str) -> Chain:
    return replace(home.chain("dev1"), rpcs=urls)


@pytest.mark.parametrize("fault", [GARBAGE, ARRAY, NO_RESULT, STRANGE_ERROR, BOMB, HUGE, DEEP, HTML, WRONG_ID], ids=str)
def test_a_bad_answer_is_named(home: Home, proxy: FaultProxy, fault: Fault) -> None:
    proxy.break_next("eth_getBalance", fault, 5)
    with pytest.raises(BadAnswer, match="Devnet 1"):
        ask(through(home, proxy.url), lambda rpc: rpc.balance(new_address()))
    assert proxy.fired == [("eth_getBalance", fault)]


@pytest.mark.parametrize("lie", [None, "0x", "", "12", 12, {}, "0x" + "f" * 65, "0xzz"])
def test_a_balance_that_is_no_number_is_never_zero(home: Home, proxy: FaultProxy, lie: object) -> None:
    proxy.lie("eth_getBalance", lie)
    with pytest.raises(BadAnswer):
        ask(through(home, proxy.url), lambda rpc: rpc.balance(new_address()))


@pytest.mark.parametrize("fault", [TOO_MANY, LIMITED, REFUSED_BEFORE], ids=str)
def test_what_may_pass_is_asked_again(home: Home, proxy: FaultProxy, fault: Fault) -> None:
    proxy.break_next("eth_blockNumber", fault, 2)
    assert ask(through(home, proxy.url), lambda rpc: rpc.block_number()) > 0
    assert len(proxy.fired) == 2


def test_asking_again_is_bounded(home: Home, proxy: FaultProxy) -> None:
    proxy.break_next("eth_blockNumber", TOO_MANY, 50)
    with pytest.raises(Transient):
        ask(through(home, proxy.url), lambda rpc: rpc.block_number())
    assert len(proxy.fired) == 3


def test_a_broadcast_is_never_asked_again(home: Home, proxy: FaultProxy) -> None:
    proxy.break_next("eth_sendRawTransaction", TOO_MANY, 5)
    answer = ask(through(home, proxy.url, home.chain("dev1").rpcs[0]), lambda rpc: rpc.broadcast(b"\x02\x01"))
    assert answer.reply is Reply.UNKNOWN
    assert len(proxy.sent("eth_sendRawTransaction")) == 1


def test_a_silent_endpoint_is_passed_over(home: Home) -> None:
    chain = through(home, "http://127.0.0.1:9", home.chain("dev1").rpcs[0])
    assert ask(chain, lambda rpc: rpc.block_number()) > 0


def test_an_endpoint_of_another_chain_is_passed_over_and_never_believed(home: Home) -> None:
    other = home.chain("dev2").rpcs[0]
    assert ask(through(home, other, home.chain("dev1").rpcs[0]), lambda rpc: rpc.block_number()) > 0
    with pytest.raises(WrongChain):
        ask(through(home, other), lambda rpc: rpc.block_number())


def test_nothing_is_broadcast_to_an_endpoint_that_changed_its_chain(home: Home, proxy: FaultProxy) -> None:
    async def question(rpc: Rpc) -> None:
        await rpc.block_number()
        proxy.lie("eth_chainId", "0x1")
        with pytest.raises(WrongChain):
            await rpc.broadcast(b"\x02\x01")

    ask(through(home, proxy.url), question)
    assert not proxy.sent("eth_sendRawTransaction")


def test_a_revert_is_an_answer_and_not_asked_again(home: Home, proxy: FaultProxy) -> None:
    usdc = home.chain("dev1").token("USDC").address
    data = "0xa9059cbb" + "11".rjust(64, "0") + "1".rjust(64, "0")
    with pytest.raises(NodeError) as caught:
        ask(through(home, proxy.url), lambda rpc: rpc.call("eth_call", {"to": usdc, "data": data}, "latest"))
    assert caught.value.is_revert
    assert len(proxy.sent("eth_call")) == 1


def test_errors_name_a_host_and_never_a_url_with_its_key(home: Home) -> None:
    chain = through(home, "http://user:pass@127.0.0.1:9/v2/SECRETKEY?token=SECRETKEY")
    with pytest.raises(NetworkError) as caught:
        ask(chain, lambda rpc: rpc.block_number())
    assert "127.0.0.1" in caught.value.message
    assert "SECRET" not in str(caught.value) + repr(caught.value.__cause__) + repr(caught.value.__context__)


def test_the_lower_of_two_balances_counts(home: Home, proxy: FaultProxy) -> None:
    account, honest = new_address(), home.chain("dev1").rpcs[0]
    faucet.fund(home.paths.state, account, "1", "ETH", "dev1")
    chain = through(home, honest, proxy.url)
    needed = Amount(10**18, chain.native)
    ask(chain, lambda rpc: confirm(account, needed, rpc))
    with pytest.raises(NetworkError, match="disagree"):
        ask(
            through(home, honest, home.chain("dev1").rpcs[0]),
            lambda rpc: confirm(account, Amount(10**18 + 1, chain.native), rpc),
        )
