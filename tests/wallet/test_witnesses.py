"""How many endpoints must agree on an end state, and the effect of one silent, late or lying endpoint."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from l2send.core.errors import NotFinal
from l2send.core.plan import UnsignedTx
from l2send.core.units import Wei
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.addresses import new_address
from tests.support.faultproxy import LOST_REPLY, REFUSED_BEFORE, TOO_MANY, Fault, FaultProxy
from tests.wallet.resuming import RECEIPT, SEND, elsewhere, is_in, reach, refused, send_elsewhere, until
from tests.wallet.rig import CHAIN_ID, REVERTS_IF_SLOT_0, Rig


def test_replaced_needs_every_endpoint_that_answers(rig: Rig, proxy: FaultProxy) -> None:
    """One that is behind may know the transaction in a block to come: it is named, and waited for."""
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    payment_id = rig.begin(rig.payment()).id
    refused(rig.through(proxy.url), payment_id, NotFinal, patience=0.2)
    send_elsewhere(rig, nonce=0)
    rig.node.mine(1)
    proxy.lie("eth_blockNumber", hex(rig.node.height() - 2))
    both = rig.through(rig.node.url, proxy.url)
    for _ in range(2):
        reach(both, payment_id, is_in(TxState.INDETERMINATE))
        rig.node.mine(3)
    refused(both, payment_id, NotFinal, patience=0.3)
    assert "blocks behind" in rig.record(payment_id).transactions[0].detail
    proxy.stop_lying("eth_blockNumber")
    assert both.resume(payment_id).state is PaymentState.REPLACED


def test_a_receipt_that_one_endpoint_lacks_is_looked_for_at_the_others(rig: Rig, proxy: FaultProxy) -> None:
    """Null from one node is not «dropped», although the nonce is used up; and it is not an end without that node."""
    proxy.lie("eth_getTransactionReceipt", None)
    both, payment_id = rig.through(proxy.url, rig.node.url), rig.begin(rig.payment()).id
    refused(both, payment_id, NotFinal, patience=0.5)
    assert proxy.sent("eth_getTransactionReceipt")
    tx = rig.record(payment_id).transactions[0]
    assert (tx.state, tx.detail) == (TxState.MINED, "not final yet: 127.0.0.1 does not show it")
    proxy.stop_lying("eth_getTransactionReceipt")
    assert both.resume(payment_id).state is PaymentState.DELIVERED


def test_a_receipt_that_no_node_shows_yet_is_not_replaced(rig: Rig, proxy: FaultProxy) -> None:
    """The transaction is in a block by its hash: the receipts lag behind."""
    proxy.lie("eth_getTransactionReceipt", None)
    payment = rig.payment()
    payment_id = rig.begin(payment).id
    through = rig.through(proxy.url)
    reach(through, payment_id, is_in(TxState.INDETERMINATE))
    for _ in range(3):
        rig.node.mine(5)
        refused(through, payment_id, NotFinal, patience=0.3)
    assert rig.record(payment_id).state is PaymentState.INDETERMINATE
    assert len(proxy.sent(SEND)) == 1, "its nonce is used up: no node needs its bytes"
    proxy.stop_lying("eth_getTransactionReceipt")
    assert through.resume(payment_id).state is PaymentState.DELIVERED


@pytest.mark.parametrize("lie", ["of another transaction", "in a block that does not exist", "without status"])
def test_a_forged_receipt_is_not_final(rig: Rig, proxy: FaultProxy, lie: str) -> None:
    payment_id = rig.begin(rig.payment()).id
    through = rig.through(proxy.url)
    proxy.break_next(SEND, REFUSED_BEFORE, 1000)
    refused(through, payment_id, NotFinal, patience=0.1)
    tx = rig.record(payment_id).transactions[0]
    head = rig.node.call("eth_getBlockByNumber", "latest", False)
    real = {"blockNumber": head["number"], "blockHash": head["hash"], "status": "0x1"}
    receipt = {"transactionHash": tx.hash, **real}
    if lie == "in a block that does not exist":
        receipt["blockHash"] = "0x" + "ff" * 32
    if lie == "of another transaction":
        receipt["transactionHash"] = "0x" + "aa" * 32
    if lie == "without status":
        del receipt["status"]
    proxy.lie("eth_getTransactionReceipt", receipt)
    refused(through, payment_id, NotFinal, patience=0.2)
    assert proxy.sent("eth_getTransactionReceipt")
    assert rig.record(payment_id).state is PaymentState.SENDING
    assert rig.resume(payment_id).state is PaymentState.DELIVERED


@pytest.mark.parametrize(("status", "lie"), [("0x1", "delivered"), ("0x0", "reverted")])
def test_one_endpoint_alone_makes_no_end(rig: Rig, proxy: FaultProxy, status: str, lie: str) -> None:
    """It takes the bytes, drops them, and shows a receipt: who believed `reverted` would pay again."""
    proxy.lie("eth_sendRawTransaction", "0x" + "00" * 32)
    payment_id = rig.begin(rig.payment()).id
    both = rig.through(proxy.url, rig.node.url)
    with pytest.raises(NotFinal):
        both.resume(payment_id, 0.3)
    head = rig.node.call("eth_getBlockByNumber", "latest", False)
    place = {"blockNumber": head["number"], "blockHash": head["hash"], "status": status}
    proxy.lie("eth_getTransactionReceipt", place | {"transactionHash": rig.record(payment_id).transactions[0].hash})
    alone, end = rig.through(proxy.url), TxState.FINAL if status == "0x1" else TxState.REVERTED
    rig.node.mine()
    with pytest.raises(NotFinal):
        both.resume(payment_id, 0.3)
    record = rig.record(payment_id)
    assert (record.state, record.transactions[0].detail) == (
        PaymentState.SENDING,
        f"not {end} yet: 127.0.0.1 does not show it",
    )
    assert alone.resume(payment_id, 0.3).state == lie, "the lie was none, so this test showed nothing"


SILENT = Fault("no answer", forward=False)
ENDS_OF_A_TRANSFER = ["delivered", "reverted", "replaced"]


@contextmanager
def two_endpoints(rig: Rig) -> Iterator[tuple[FaultProxy, Rig]]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(FaultProxy(rig.node.url)) for _ in range(2))
        yield second, rig.through(first.url, second.url)


def _about_to_end(rig: Rig, end: str) -> PaymentRecord:
    """A payment whose chain has all that its end needs."""
    payment = rig.payment()
    rig.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    record = until(rig, rig.begin(payment).id, TxState.BROADCAST)
    if end == "reverted":
        rig.node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    if end == "replaced":
        elsewhere(rig, record, UnsignedTx(CHAIN_ID, new_address(), Wei(1), b""))
    rig.node.mine(3)
    return record


def _no_block(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Of a node that follows another chain."""
    if isinstance(answer.get("result"), dict):
        answer["result"] |= {"hash": "0x" + "ee" * 32}
    return answer


@pytest.mark.lab
@pytest.mark.parametrize("second", ["silent", "429", "behind", "lying"])
@pytest.mark.parametrize("end", ENDS_OF_A_TRANSFER)
def test_a_second_endpoint_postpones_an_end_and_is_named(slow: Rig, end: str, second: str) -> None:
    record = _about_to_end(slow, end)
    with two_endpoints(slow) as (proxy, both):
        if second in ("silent", "429"):
            for method in ("eth_chainId", "eth_blockNumber"):
                proxy.break_next(method, LOST_REPLY if second == "silent" else TOO_MANY, 100_000)
            words = "does not answer"
        elif second == "behind":
            proxy.lie("eth_blockNumber", "0x0")
            words = "blocks behind"
        else:
            proxy.twist("eth_getBlockByNumber", _no_block)
            words = "does not show it"
        for _ in range(8):
            with pytest.raises(NotFinal):
                both.resume(record.id, 1.0)
            record = slow.record(record.id)
            assert record.meaning.open
            if words in record.transactions[0].detail:
                break
        assert words in record.transactions[0].detail
        assert any(words in sentence for sentence in slow.said)
        assert proxy.requests
    assert slow.resume(record.id).state == end


@pytest.mark.lab
@pytest.mark.parametrize("off", [-3 * 3600, -121, 121, 3 * 3600])
def test_the_clock_of_this_machine_silences_no_endpoint(slow: Rig, monkeypatch: pytest.MonkeyPatch, off: int) -> None:
    """One endpoint says that the transfer failed; the other is honest, no matter what time it is here."""
    record = _about_to_end(slow, "delivered")
    real = time.time

    def failed(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("result"):
            answer["result"] |= {"status": "0x0"}
        return answer

    monkeypatch.setattr(time, "time", lambda: real() + off)
    with FaultProxy(slow.node.url) as proxy:
        proxy.twist(RECEIPT, failed)
        with pytest.raises(NotFinal):
            slow.through(proxy.url, slow.node.url).resume(record.id, 0.5)
        assert proxy.sent(RECEIPT)
        assert slow.record(record.id).transactions[0].state is TxState.REVERTING
        assert slow.through(proxy.url).record(record.id).meaning.open
    assert slow.resume(record.id).state is PaymentState.DELIVERED


def test_one_url_listed_twice_is_one_witness(slow: Rig) -> None:
    record = _about_to_end(slow, "delivered")
    assert slow.through(slow.node.url, slow.node.url).resume(record.id).state is PaymentState.DELIVERED


def test_two_of_three_are_enough_where_one_is_silent(slow: Rig) -> None:
    record = _about_to_end(slow, "delivered")
    with two_endpoints(slow) as (_, both):
        three = slow.through(*both.urls, "http://127.0.0.1:1")
        assert three.resume(record.id).state is PaymentState.DELIVERED
