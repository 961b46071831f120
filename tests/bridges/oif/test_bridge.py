"""OIF: orders from `open` to fill or refund, on two chains of the devnet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2send.bridges.oif.bridge import FILLED_TOPIC, OPEN_TOPIC, REFUND, Oif
from l2send.bridges.oif.order import OUTPUT, PROOF_TIME, fields_of
from l2send.client import Client
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import abi_encode
from l2send.core.errors import CannotPay, Refused
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.bridges.oif.test_order import VIA
from tests.bridges.standins import ORIGIN, TARGET, Payer, StandIns, fill_oif, order_of, order_state
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab


@pytest.fixture
def payer(stand_ins: StandIns, tmp_path: Path) -> Payer:
    return stand_ins.payer(tmp_path)


def test_opened_filled_delivered(stand_ins: StandIns, payer: Payer) -> None:
    to = new_address()
    record = payer.open(VIA, to)
    fill_oif(stand_ins, order_of(record))
    done = payer.resume(record)
    assert (done.state, order_state(done)) == (PaymentState.DELIVERED, OrderState.FILLED)
    assert done.order is not None
    assert len(done.order.fill_tx) == 66
    assert stand_ins.home.holds(to, TARGET) == 10_000_000
    assert payer.holds() == 89_990_000


def test_ignored_then_too_late_then_refunded(stand_ins: StandIns, payer: Payer) -> None:
    record = payer.open(VIA, new_address())
    stand_ins.advance(3700)
    late = payer.status(record)
    assert order_state(late) is OrderState.OPEN, "expired is not refundable yet"
    assert late.order is not None
    assert "too late for a solver" in late.order.detail
    stand_ins.advance(PROOF_TIME)
    assert payer.status(record).state is PaymentState.REFUND_DUE
    assert payer.resume(record).state is PaymentState.REFUNDED
    assert payer.holds() == 100_000_000


def test_a_solver_that_pays_late_has_paid(stand_ins: StandIns, payer: Payer) -> None:
    """The output settler takes the solver's word for the deadline: no refund is asked for after that."""
    record = payer.open(VIA, new_address())
    stand_ins.advance(PROOF_TIME + 3700)
    fill_oif(stand_ins, order_of(record))
    assert payer.resume(record).state is PaymentState.DELIVERED
    assert payer.holds() == 89_990_000


def test_a_fill_that_one_endpoint_alone_shows_is_not_delivered(stand_ins: StandIns, payer: Payer) -> None:
    """One endpoint shows a fill, the other does not. Which of them is wrong is unknown."""
    record, target = payer.open(VIA, new_address()), stand_ins.target
    with FaultProxy(target.chain.rpcs[0]) as other:

        def look(*urls: str) -> PaymentRecord:
            two = with_chains(stand_ins.registry, replace(target.chain, rpcs=urls))
            (leg,) = payer.with_client(lambda client: client.status(record.id), two).legs
            return leg

        look(other.url)
        asked = other.sent("eth_call")[-1]
        other.lie("eth_call", target.node.call("eth_call", *asked))
        fill_oif(stand_ins, order_of(record))
        seen = look(target.chain.rpcs[0], other.url)
        assert seen.state is PaymentState.BRIDGING
        assert seen.order
        assert seen.order.detail == "the recipient was paid. Not filled yet: 127.0.0.1 does not show it."
        other.stop_lying("eth_call")
        assert look(target.chain.rpcs[0], other.url).state is PaymentState.DELIVERED


def test_a_refund_counts_once_it_is_confirmed(stand_ins: StandIns, payer: Payer) -> None:
    """Another account requested it. A reorganisation could still undo that, and no second request would follow."""
    record = payer.open(VIA, new_address())
    order = order_of(record)
    stand_ins.advance(PROOF_TIME + 3700)
    slow = with_chains(stand_ins.registry, replace(stand_ins.origin.chain, confirmations=1000))

    def look() -> PaymentRecord:
        (leg,) = payer.with_client(lambda client: client.status(record.id), slow).legs
        return leg

    stand_ins.origin.must(order.origin_settler, REFUND.encode(fields_of(order)))
    seen = look()
    assert (seen.state, order_state(seen)) == (PaymentState.BRIDGING, OrderState.OPEN)
    assert seen.order
    assert "Not refunded yet: " in seen.order.detail
    stand_ins.origin.node.call("anvil_mine", hex(1000))
    assert look().state is PaymentState.REFUNDED


def test_a_refund_that_another_account_was_quicker_with_is_not_a_reason_to_pay_again(
    stand_ins: StandIns, payer: Payer
) -> None:
    record = payer.open(VIA, new_address())
    order = order_of(record)
    stand_ins.advance(PROOF_TIME + 3700)
    assert payer.status(record).state is PaymentState.REFUND_DUE

    async def be_late(client: Client) -> None:
        step = await client.bridges[VIA].refund(order, client.rpcs)
        assert step
        stand_ins.origin.must(step.tx.to, step.tx.data)
        await client.executor(payer.signer, lambda _: None).send_refund(record.id, step)

    with pytest.raises(Refused, match="the refund would fail") as late:
        payer.with_client(be_late)
    assert "new payment" not in late.value.hint
    assert payer.resume(record).state is PaymentState.REFUNDED


def test_spoofed_events_are_never_shown_as_filled(stand_ins: StandIns, payer: Payer) -> None:
    """Another contract emits OutputFilled with our id and output. A real fill of another output has our id."""
    to = new_address()
    record = payer.open(VIA, to)
    order = order_of(record)
    output = fields_of(order)[7][0]
    event = abi_encode(["bytes32", "uint32", OUTPUT, "uint256"], [bytes(31) + b"\x01", 1, output, output[4]])
    for side in (stand_ins.target, stand_ins.origin):
        stand_ins.lie(side, [FILLED_TOPIC, order.order_id], event)
    fill_oif(stand_ins, order, (*output[:4], 1, *output[5:]))
    assert stand_ins.home.holds(to, TARGET) == 1, "the look-alike was not filled, so this test showed nothing"
    assert order_state(payer.status(record)) is OrderState.OPEN
    fill_oif(stand_ins, order)
    done = payer.resume(record)
    assert done.order is not None
    receipt = stand_ins.target.node.call("eth_getTransactionReceipt", done.order.fill_tx)
    assert abi_encode([OUTPUT], [output])[32:].hex() in receipt["logs"][-1]["data"], "the look-alike's transaction"


def test_only_the_escrows_own_open_event_opens(stand_ins: StandIns, payer: Payer) -> None:
    order = order_of(payer.open(VIA, new_address()))
    log: dict[str, Any] = {"address": order.origin_settler, "topics": [OPEN_TOPIC, order.order_id]}
    assert Oif().opened(order, {"status": "0x1", "logs": [log]})
    assert not Oif().opened(order, {"status": "0x0", "logs": [log]})
    assert not Oif().opened(order, {"status": "0x1", "logs": [log | {"address": stand_ins.liars[ORIGIN]}]})


def test_a_silent_chain_is_unknown_not_unfilled(stand_ins: StandIns, payer: Payer) -> None:
    order = order_of(payer.open(VIA, new_address()))
    for side in (stand_ins.origin, stand_ins.target):
        deaf = replace(side.chain, rpcs=("http://127.0.0.1:9",))

        async def ask(client: Client) -> OrderState:
            return (await Oif().status(order, client.rpcs)).state

        assert payer.with_client(ask, with_chains(stand_ins.registry, deaf)) is OrderState.UNKNOWN


def test_settlers_that_are_not_what_the_registry_says_are_refused(stand_ins: StandIns, payer: Payer) -> None:
    for side, field in ((stand_ins.origin, "input_settler"), (stand_ins.target, "output_settler")):
        wrong = with_settlers(side.chain, oif={field: stand_ins.liars[side.chain.short_name]})
        with pytest.raises(CannotPay, match="oif:"):
            payer.quote(VIA, registry=with_chains(stand_ins.registry, wrong))
