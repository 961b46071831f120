"""Refunds of Hyperlane7683: sent once, reported as pending, sent again only on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak

from l2send.bridges.hyperlane7683 import route
from l2send.bridges.hyperlane7683.refund import refund_at
from l2send.client import Client
from l2send.core.calldata import Function
from l2send.core.errors import CannotPay, NetworkError, Refused
from l2send.core.units import Wei
from l2send.fee_caps import FeeLimit
from l2send.progress_events import ProgressEvent
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from tests.bridges.standins import TARGET, Payer, StandIns, deliver_refund, messages, order_of
from tests.support.addresses import new_address

pytestmark = pytest.mark.lab

VIA = "hyperlane7683"
SET_MESSAGE_FEE = Function("setMessageFee(uint256)")
SET_DESTINATION_GAS = Function("setDestinationGas(uint32,uint256)")
QUOTE = Function("quoteGasPayment(uint32)", "uint256")
USUAL_FEE = 10**14


@pytest.fixture
def payer(stand_ins: StandIns, tmp_path: Path) -> Payer:
    return stand_ins.payer(tmp_path)


@pytest.fixture
def due(stand_ins: StandIns, payer: Payer) -> PaymentRecord:
    """A payment that no solver filled in time, with coin for its refund on the destination."""
    record = payer.open(VIA, new_address())
    stand_ins.advance(2 * 3600)
    stand_ins.home.fund(payer.address, TARGET, ETH="0.1")
    return record


def resumed(payer: Payer, record: PaymentRecord, said: list[str], limit: FeeLimit | None = None, **how: Any) -> Any:
    """The payment after it was resumed, and what was said meanwhile."""

    async def run(client: Client) -> PaymentRecord:
        client.guard = type(client.guard)(client.registry, limit)

        def hear(turn: ProgressEvent) -> None:
            said.append(turn.text)

        found = await client.resume(record.id, payer.signer, patience=20, progress=hear, **how)
        (leg,) = found.legs
        return leg

    return payer.with_client(run)


def detail(record: PaymentRecord) -> str:
    assert record.order
    return record.order.detail


def test_a_refund_is_said_to_be_on_its_way_with_its_message_and_is_not_sent_twice(
    stand_ins: StandIns, payer: Payer, due: PaymentRecord
) -> None:
    order = order_of(due)
    assert "sends the refund" in detail(payer.status(due))
    said = list[str]()
    first = resumed(payer, due, said)
    (sent,) = first.refunds
    (message,) = messages(stand_ins, order)
    message_id = "0x" + keccak(message).hex()
    assert sum("requesting the refund" in text for text in said) == 1
    now = payer.status(due)
    assert now.state is PaymentState.REFUND_DUE
    assert "is on its way" in detail(now)
    assert message_id in detail(now)
    assert sent.hash in detail(now)
    said.clear()
    again = resumed(payer, due, said)
    assert len(again.refunds) == 1
    assert len(messages(stand_ins, order)) == 1
    assert not any("requesting the refund" in text for text in said)
    assert any("on its way" in text and message_id in text for text in said)
    deliver_refund(stand_ins, order)
    assert payer.status(due).state is PaymentState.REFUNDED


def test_a_lost_message_is_sent_again_after_hours_and_only_where_that_is_asked_for(
    stand_ins: StandIns, payer: Payer, due: PaymentRecord
) -> None:
    order, said = order_of(due), list[str]()
    resumed(payer, due, said)
    with pytest.raises(Refused, match="may only be late"):
        resumed(payer, due, said, resend_refund=True)
    assert len(messages(stand_ins, order)) == 1
    stand_ins.advance(4 * 3600)
    said.clear()
    resumed(payer, due, said)
    assert len(messages(stand_ins, order)) == 1
    assert any("--resend-refund" in text for text in said)
    resent = resumed(payer, due, said, resend_refund=True)
    assert [tx.state for tx in resent.refunds] == [TxState.FINAL, TxState.FINAL]
    assert len(messages(stand_ins, order)) == 2
    with pytest.raises(Refused, match="may only be late"):
        resumed(payer, due, said, resend_refund=True)
    before = payer.holds()
    deliver_refund(stand_ins, order)
    assert payer.status(due).state is PaymentState.REFUNDED
    assert payer.holds() == before + order.pays.units


def test_a_refund_that_another_account_asked_for_is_not_paid_for_again(
    stand_ins: StandIns, payer: Payer, due: PaymentRecord
) -> None:
    order = order_of(due)
    theirs = refund_at(order, Wei(USUAL_FEE)).tx
    stand_ins.target.must(theirs.to, theirs.data, theirs.value)
    said = list[str]()
    assert resumed(payer, due, said).refunds == ()
    assert any("on its way" in text for text in said)


def test_a_first_refund_may_be_asked_for_with_the_flag_too(payer: Payer, due: PaymentRecord) -> None:
    (sent,) = resumed(payer, due, [], resend_refund=True).refunds
    assert sent.state is TxState.FINAL


def test_a_refund_of_another_bridge_has_no_message_to_send_again(stand_ins: StandIns, payer: Payer) -> None:
    record = payer.open("oif", new_address())
    stand_ins.advance(4 * 3600)
    with pytest.raises(Refused, match="nothing to send again"):
        resumed(payer, record, [], resend_refund=True)


@pytest.mark.parametrize("fee", [3 * 10**15, 10**16, 10**17])
def test_a_fee_that_grew_is_capped_by_value_and_paid_where_that_is_allowed(
    stand_ins: StandIns, payer: Payer, due: PaymentRecord, fee: int
) -> None:
    """10 USDC come back. A tenth of them, or 0.001 ETH, goes without asking."""
    router = order_of(due).destination_settler
    stand_ins.target.must(router, SET_MESSAGE_FEE.encode(fee))
    stand_ins.home.fund(payer.address, TARGET, ETH="0.2")
    try:
        with pytest.raises(Refused) as error:
            resumed(payer, due, [])
        assert "ETH" in error.value.message
        assert f"l2send resume {due.id} --max-fee" in error.value.hint
        assert not messages(stand_ins, order_of(due))
        refunds = resumed(payer, due, [], FeeLimit(usd=10_000.0)).refunds
        assert (refunds[-1].state, refunds[-1].step.tx.value) == (TxState.FINAL, fee)
    finally:
        stand_ins.target.must(router, SET_MESSAGE_FEE.encode(USUAL_FEE))


def test_an_order_whose_refund_would_eat_the_payment_is_not_offered(stand_ins: StandIns, payer: Payer) -> None:
    router = stand_ins.target.settler(VIA, "router")
    stand_ins.target.must(router, SET_MESSAGE_FEE.encode(10**17))
    try:
        with pytest.raises(CannotPay, match=r"the refund would cost 0\.1 ETH \(\$.*% of the payment"):
            payer.quote(VIA)
    finally:
        stand_ins.target.must(router, SET_MESSAGE_FEE.encode(USUAL_FEE))


def test_a_router_that_pays_for_no_gas_of_its_message_is_refused(stand_ins: StandIns, payer: Payer) -> None:
    router, origin = stand_ins.target.settler(VIA, "router"), stand_ins.origin.chain.chain_id
    stand_ins.target.must(router, SET_DESTINATION_GAS.encode(origin, 0))
    try:
        with pytest.raises(CannotPay, match="a refund might never arrive"):
            payer.quote(VIA)
    finally:
        stand_ins.target.must(router, SET_DESTINATION_GAS.encode(origin, 500_000))


def test_a_router_that_does_not_say_what_gas_its_message_has_is_refused(
    stand_ins: StandIns, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "_MESSAGE_GAS", Function("noSuchFunction(uint32)", "uint256"))
    with pytest.raises(CannotPay, match="does not say what gas"):
        payer.quote(VIA)


def test_the_stand_in_is_as_strict_as_the_router(stand_ins: StandIns) -> None:
    """No price for a domain without a router, and no message but from the mailbox."""
    router = stand_ins.target.settler(VIA, "router")
    asked = {"to": router, "data": "0x" + QUOTE.encode(4_000_000_000).hex()}
    with pytest.raises(Exception, match="No router enrolled"):
        stand_ins.target.node.call("eth_call", asked, "latest")
    handle = Function("handle(uint32,bytes32,bytes)").encode(stand_ins.origin.chain.chain_id, bytes(32), b"")
    assert stand_ins.target.send(router, handle)["status"] == "0x0"


def test_where_the_destination_cannot_be_searched_the_journal_says_that_it_was_sent(
    stand_ins: StandIns, payer: Payer, due: PaymentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    resumed(payer, due, [])

    async def no_logs(*_: Any) -> None:
        raise NetworkError("no logs here.")

    monkeypatch.setattr("l2send.bridges.hyperlane7683.bridge.sent_refund", no_logs)
    said = list[str]()
    assert len(resumed(payer, due, said).refunds) == 1
    assert any("on its way" in text for text in said)
    with pytest.raises(Refused, match="may only be late"):
        resumed(payer, due, said, resend_refund=True)
