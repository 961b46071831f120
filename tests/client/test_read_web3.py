"""client.web3: reads over l2send's own endpoints, with failover; nothing is signed, and nothing new is broadcast."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from l2send.core.errors import Refused
from l2send.core.plan import GasPrice
from l2send.core.units import Nonce, Wei
from l2send.read_web3 import web3_of
from l2send.wallet.executor import Executor
from tests.wallet.rig import CHAIN_ID, Rig

DEAD = "http://127.0.0.1:1"
REFUSED = (
    "eth_sendTransaction",
    "eth_sendRawTransactionSync",
    "eth_sign",
    "eth_signTransaction",
    "eth_signTypedData_v4",
    "personal_sign",
    "personal_unlockAccount",
    "anvil_setBalance",
    "debug_setHead",
    "eth_accounts",
    "eth_newFilter",
)


def use(rig: Rig, work: Callable[[Any], Awaitable[Any]]) -> Any:
    async def run(executor: Executor) -> Any:
        return await work(web3_of(executor.rpcs.on(CHAIN_ID), executor.journal))

    return rig.do(run)


def test_reads_go_to_another_endpoint_where_one_is_dead(rig: Rig) -> None:
    async def read(web3: Any) -> tuple[int, int, bool]:
        account = rig.signer.address
        return await web3.eth.chain_id, await web3.eth.get_balance(account), await web3.is_connected()

    assert use(rig.through(DEAD, rig.node.url), read) == (CHAIN_ID, 10**19, True)


@pytest.mark.parametrize("method", REFUSED)
def test_what_signs_or_changes_something_is_refused(rig: Rig, method: str) -> None:
    async def ask(web3: Any) -> Any:
        return await web3.provider.make_request(method, ["0x00"])

    with pytest.raises(Refused, match="is refused: it could sign"):
        use(rig, ask)


def test_bytes_of_the_journal_alone_are_broadcast(rig: Rig) -> None:
    record = rig.resume(rig.begin(rig.payment()).id)
    raw = record.transactions[0].raw
    step, price = record.steps[0].step, GasPrice(Wei(10**9), Wei(10**6), Wei(4 * 10**9))
    other = rig.signer.sign(CHAIN_ID, Nonce(1), step.tx, step.gas, price).raw

    async def known(web3: Any) -> Any:
        return await web3.provider.make_request("eth_sendRawTransaction", ["0x" + raw.hex()])

    async def unknown(web3: Any) -> Any:
        return await web3.eth.send_raw_transaction(other)

    assert "error" in use(rig, known), "the node was asked, and knows it already"
    with pytest.raises(Refused, match="is refused: it could sign"):
        use(rig, unknown)
    assert rig.node.sent_by(rig.signer.address) == 1
