"""A pending batch with its authorization: how it ends, and what becomes of the authorization (EIP-7702)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from l2send.cli.json_documents import payment_document
from l2send.client import Client, open_client
from l2send.core.errors import NotFinal, Refused
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import Gas, Wei
from l2send.resolver.batch_file import read_batch
from l2send.resolver.batch_lines import judge_batch
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signed import decode_signed
from tests.client.test_batches import lines, text_of
from tests.client.test_delegating import authorization, code_of, delegated_to, send, submit_elsewhere
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy, no_such_method
from tests.support.kills import Kills, kills
from tests.support.paying import Payer
from tests.support.settlers import with_chains
from tests.support.solving import unfilled
from tests.support.standing_still import standing_still

pytestmark = pytest.mark.lab

__all__ = ["kills"]

KILLED = "approval, order and delegation in one transaction"


@pytest.fixture
def payer(own_home: Home) -> Payer:
    return Payer(own_home, "dev1")


def money(record: Record, payer: Payer) -> str:
    return str(payment_document(record, payer.home.registry)["money"])


def waiting(payer: Payer) -> PaymentRecord:
    """A batch with its authorization that a node has and no block. The chain must stand still."""
    record = payer.begin(payer.plan("20", via="eco", batch=True))
    with pytest.raises(NotFinal):
        payer.resume(record.id, patience=1)
    found = payer.find(record.id)
    assert isinstance(found, PaymentRecord)
    return found


def outbid(payer: Payer, record: PaymentRecord) -> None:
    """Another wallet with the same key uses the nonce for a transfer of nothing, at a higher price."""
    said = decode_signed(record.transactions[0].raw)
    price = GasPrice(Wei(0), Wei(said.tip * 3), Wei(said.max_fee_per_gas * 3))
    nothing = UnsignedTx(said.tx.chain_id, payer.address, Wei(0), b"")
    signed = payer.signer.sign(said.tx.chain_id, said.nonce, nothing, Gas(60_000), price)
    payer.node("dev1").call("eth_sendRawTransaction", "0x" + signed.raw.hex())


def test_sped_up_cancelled_and_what_is_left_of_its_authorization(payer: Payer) -> None:
    async def speed_up(client: Client) -> PaymentRecord:
        return await client.replace(record.id, await client.speedup_bids(record.id), payer.signer)

    async def cancel(client: Client) -> PaymentRecord:
        return await client.cancel(record.id, await client.cancel_bids(record.id), payer.signer)

    behind = payer.begin(payer.plan("1", f"dev1:{new_address()}"))
    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        with pytest.raises(Refused, match=f"{record.id} changes the code"):
            payer.resume(behind.id, patience=1)
        first, second = (decode_signed(tx.raw) for tx in payer.do(speed_up).transactions)
        assert (first.nonce, first.tx, first.gas) == (second.nonce, second.tx, second.gas)
        last = decode_signed(payer.do(cancel).transactions[-1].raw)
        assert (last.nonce, last.tx.delegate_to, last.tx.data) == (first.nonce, None, b"")
    ended = payer.resume(record.id)
    assert (ended.state, delegated_to(payer), payer.sent("dev1")) == (PaymentState.CANCELLED, None, 1)
    assert "any other account can submit it" in money(ended, payer)
    submit_elsewhere(payer, record.transactions[0])
    assert delegated_to(payer) == code_of(payer.home), "it can"
    assert payer.resume(behind.id).state is PaymentState.DELIVERED


def test_reverted_it_paid_nothing_and_the_account_delegates(payer: Payer) -> None:
    """The token is gone when it is mined: the calls fail, and the authorization holds."""
    node = payer.node("dev1")
    token = payer.home.chain("dev1").token("USDC").address
    runs = node.call("eth_getCode", token, "latest")
    with standing_still(node):
        record = waiting(payer)
        node.call("anvil_setCode", token, "0x5f5ffd")
    node.call("anvil_setCode", token, runs)
    ended = payer.resume(record.id)
    assert (ended.state, delegated_to(payer)) == (PaymentState.REVERTED, code_of(payer.home))
    assert "The account delegates to code anyway" in money(ended, payer)
    again = payer.plan("20", via="eco", batch=True)
    assert again.delegations == ()
    assert payer.resume(payer.begin(again).id).state is PaymentState.DELIVERED


@pytest.mark.parametrize("how", ["its nonce", "an authorization for its nonce"])
def test_replaced_it_never_happens_and_says_what_did(payer: Payer, how: str) -> None:
    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        if how == "its nonce":
            outbid(payer, record)
        else:
            payer.node("dev1").call("anvil_dropTransaction", record.transactions[0].hash)
            send(payer, Account.create(), [authorization(payer, code_of(payer.home), payer.sent("dev1"))])
    ended = payer.resume(record.id)
    assert ended.state is PaymentState.REPLACED
    assert "any other account can submit it" in money(ended, payer)
    by_another = code_of(payer.home) if how != "its nonce" else None
    assert (delegated_to(payer), payer.sent("dev1")) == (by_another, 1)


def test_a_block_that_is_taken_back_and_two_processes_pay_once(payer: Payer) -> None:
    slow = replace(payer.home.chain("dev1"), confirmations=4)
    payer.registry = with_chains(payer.home.registry, slow)
    to, node = new_address(), payer.node("dev1")
    record = payer.begin(payer.plan("20", f"dev4:{to}", via="eco", batch=True))
    with unfilled(payer.home):
        before = node.call("evm_snapshot")
        with pytest.raises(NotFinal):
            payer.resume(record.id, patience=1)
        assert (payer.sent("dev1"), delegated_to(payer)) == (2, code_of(payer.home))
        assert node.call("evm_revert", before)
        assert (payer.sent("dev1"), delegated_to(payer)) == (0, None), "the block is still there"
        with pytest.raises(NotFinal):
            payer.resume(record.id, patience=1)
    node.call("anvil_mine", "0x6")

    async def two(client: Client) -> list[Record]:
        async with open_client(payer.home.paths, payer.registry) as other:
            resumed = (one.resume(record.id, payer.signer, patience=30) for one in (client, other))
            return await asyncio.gather(*resumed)

    assert {one.state for one in payer.do(two)} == {PaymentState.DELIVERED}
    assert (payer.home.holds(to, "dev4"), payer.sent("dev1")) == (20 * 10**6, 2)
    assert len(payer.find(record.id).transactions) == 1


@pytest.mark.parametrize("place", ["locked", "signed", "journaled", "before_broadcast", "after_broadcast", "mined"])
def test_killed_anywhere_it_pays_and_delegates_once(home: Home, tmp_path: Any, kills: Kills, place: str) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    to, proof = new_address(), tmp_path / "proof"
    words = ("25", "USDC", f"dev4:{to}", "--via", "eco", "--batch", "--yes", "--account", name)
    with kills.of(proof):
        killed = home.run(*words, L2SEND_FAILPOINT=place, L2SEND_FAILPOINT_PROOF=str(proof))
        assert (killed.status, proof.read_text()) == (-9, f"{place}\n")
        payment = home.must("history", "--json").json["payments"][0]
        resumed = home.must("resume", payment["id"], "--json", "--account", name).json
        assert (resumed["state"], home.holds(to, "dev4")) == ("delivered", 25_000_000)
        assert home.holds(address, "dev1") == 100_000_000 - int(resumed["legs"][0]["pays"]["base_units"])
        assert len({tx["nonce"] for tx in resumed["transactions"]}) == 1


def test_success_where_the_delegate_has_no_code_delivers_nothing(payer: Payer) -> None:
    """It was there when the batch was planned. A call of an account that delegates to no code succeeds."""
    rows, node = lines("gone", 2, "dev1", "0.01", "ETH"), payer.node("dev1")

    async def sign(client: Client) -> str:
        judged = await judge_batch(read_batch(text_of(rows)), client.rpcs, client.book)
        first, *_ = client.batch.begin(await client.batch.plan(judged, payer.address, "gone", Limits(batch=True)))
        executor = client.executor(payer.signer, lambda _: None)
        tx = await executor.sign_only(first.id, (await executor.look_ahead([first.id]))[first.id])
        node.call("anvil_setCode", code_of(payer.home), "0x")
        await executor.offer(tx)
        return first.id

    with FaultProxy(node.url) as proxy:
        proxy.twist("debug_traceTransaction", no_such_method)
        untraced = replace(payer.home.chain("dev1"), rpcs=(proxy.url,))
        payer.registry = replace(payer.home.registry, by_name={**payer.home.registry.by_name, "dev1": untraced})
        payment_id = payer.do(sign)
        while payer.sent("dev1") < 2:
            node.call("evm_mine")
        node.call("evm_mine")
        ended = payer.do(lambda client: client.status(payment_id))
    assert [payer.home.holds(row.to, "dev1", "ETH") for row in rows] == [0, 0]
    assert ended.state is PaymentState.SENDING
    assert "not final yet" in ended.transactions[0].detail
