"""A node that is, or becomes, one of another chain receives no signed bytes."""

from __future__ import annotations

import pytest

from l2send.core.errors import NotFinal, Sent, WrongChain
from l2send.core.rpc import client as rpc_client
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.support.faultproxy import FaultProxy
from tests.wallet.resuming import SEND, nothing_signed, refused
from tests.wallet.rig import CHAIN_ID, GuardStandIn, Rig, running_anvil


def test_a_node_of_another_chain_gets_nothing(rig: Rig, proxy: FaultProxy) -> None:
    proxy.lie("eth_chainId", "0x5")
    payment_id = rig.begin(rig.payment()).id
    error = refused(rig.through(proxy.url), payment_id, WrongChain)
    assert error.sent is Sent.NO
    assert nothing_signed(rig, payment_id)
    assert proxy.sent("eth_chainId")
    assert not proxy.sent(SEND)


def test_a_node_that_changes_its_chain_later_gets_nothing(rig: Rig, proxy: FaultProxy) -> None:
    payment_id = rig.begin(rig.payment()).id
    through = rig.through(proxy.url)

    async def turncoat(executor: Executor) -> PaymentRecord:
        await executor.rpcs.on(CHAIN_ID).block_number()  # verified now
        proxy.lie("eth_chainId", "0x5")
        return await executor.resume(payment_id)

    with pytest.raises(WrongChain):
        through.do(turncoat)
    assert nothing_signed(rig, payment_id)


def test_a_node_that_changes_its_chain_before_the_broadcast_gets_nothing(
    rig: Rig, proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a slow signature: what was proven before it does not count any more."""
    monkeypatch.setattr(rpc_client, "_PINNED_SECONDS", 0.0)
    payment_id = rig.begin(rig.payment()).id
    through = rig.through(proxy.url)

    async def turncoat(executor: Executor) -> PaymentRecord:
        executor.guard = GuardStandIn(lambda _: proxy.lie("eth_chainId", "0x5"))  # after signing, before the journal
        return await executor.resume(payment_id, patience=0.5)

    with pytest.raises(NotFinal):
        through.do(turncoat)
    assert not proxy.sent(SEND)
    assert rig.record(payment_id).transactions[0].state is TxState.SIGNED
    proxy.stop_lying("eth_chainId")
    assert through.resume(payment_id).state is PaymentState.DELIVERED


def test_a_node_of_another_chain_does_not_take_what_was_signed_for_this_one(rig: Rig) -> None:
    """It changes its chain in the moment between the look before the signature and the broadcast."""
    payment_id = rig.begin(rig.payment()).id
    with running_anvil(chain_id=5) as other, FaultProxy(rig.node.url) as proxy:

        async def turncoat(executor: Executor) -> PaymentRecord:
            executor.guard = GuardStandIn(lambda _: proxy.lead_to(other.url))
            return await executor.resume(payment_id, patience=0.5)

        with pytest.raises(NotFinal):
            rig.through(proxy.url).do(turncoat)
        assert proxy.sent(SEND)
        assert other.sent_by(rig.signer.address) == 0
        assert rig.record(payment_id).transactions[0].state is TxState.SIGNED
        proxy.lead_to(rig.node.url)
        assert rig.through(proxy.url).resume(payment_id).state is PaymentState.DELIVERED
