"""A broadcast answered with the receipt (EIP-7966), on a chain with quick blocks: anvil supports it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from l2send.core.chains import Chain
from l2send.core.errors import NotFinal
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.faultproxy import LOST_REPLY, FaultProxy
from tests.wallet.resuming import RECEIPT, SEND
from tests.wallet.rig import Rig

SEND_AND_WAIT = "eth_sendRawTransactionSync"
PROBE: list[object] = []


@dataclass
class QuickRig(Rig):
    """On a chain of a kind whose blocks come every two seconds."""

    @property
    def chain(self) -> Chain:
        return replace(super().chain, kind="op-stack")


def quick(rig: Rig, url: str) -> QuickRig:
    return QuickRig(rig.home, rig.node, (url,), key=rig.key)


def test_the_receipt_comes_with_the_answer_and_is_proven(rig: Rig, proxy: FaultProxy) -> None:
    payment = rig.payment()
    record = quick(rig, proxy.url).pay(payment)
    assert record.state is PaymentState.DELIVERED
    raw = "0x" + record.transactions[0].raw.hex()
    assert proxy.sent(SEND_AND_WAIT) == [PROBE, [raw]]
    assert proxy.sent(SEND) == []
    assert len(proxy.sent(RECEIPT)) == 1, "the proof, and no look before it"
    assert rig.node.sent_by(payment.sender) == 1


def test_a_node_that_does_not_say_that_it_offers_this_gets_a_plain_broadcast(rig: Rig, proxy: FaultProxy) -> None:
    payment = rig.payment()
    proxy.break_next(SEND_AND_WAIT, LOST_REPLY)
    record = quick(rig, proxy.url).pay(payment)
    assert proxy.fired == [(SEND_AND_WAIT, LOST_REPLY)]
    assert len(proxy.sent(SEND)) == 1
    assert record.state is PaymentState.DELIVERED
    assert rig.node.sent_by(payment.sender) == 1


@pytest.mark.lab
def test_what_no_block_takes_is_followed_as_any_other(slow: Rig, slow_proxy: FaultProxy) -> None:
    """The node holds its answer until the client gives up: the bytes may be on their way, and are."""
    rig = quick(slow, slow_proxy.url)
    payment_id = rig.begin(rig.payment()).id
    with pytest.raises(NotFinal):
        rig.resume(payment_id, patience=0.5)
    (tx,) = rig.record(payment_id).transactions
    assert tx.state is TxState.BROADCAST
    assert slow_proxy.sent(SEND_AND_WAIT) == [PROBE, ["0x" + tx.raw.hex()]]
    slow.node.mine()
    assert rig.resume(payment_id).state is PaymentState.DELIVERED
    assert slow.node.sent_by(tx.sender) == 1
