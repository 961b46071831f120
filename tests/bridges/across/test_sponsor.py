"""A sponsor whose reply is lost, or that refuses, does nothing, or does half: real settler, Permit2 and USDC."""

from __future__ import annotations

import pytest

from l2send.core.errors import NotFinal, Refused, Sent
from l2send.devnet import faucet
from l2send.devnet.modes import Mode
from l2send.devnet.sending import Refusal
from l2send.wallet.journal.states import PaymentState, SponsoredState
from tests.support.addresses import new_address
from tests.support.gasless import LATER, USDC, Broke, forwarding, kinds, mode, signatures, submit

pytestmark = pytest.mark.lab


def test_the_reply_of_the_sponsor_is_lost(broke: Broke) -> None:
    """The sponsor took the messages and its reply was lost. The chain is asked, and the same are posted again."""
    to = new_address()
    with forwarding(broke, lambda _: False) as posted, mode(broke.home, Mode.DELAY):
        record = broke.begin(broke.plan(to))
        record = broke.resume(record)
    assert posted, "nothing was posted, so this test showed nothing"
    assert len(set(posted)) == 1
    assert (record.state, broke.deposits(), broke.home.holds(to, "dev2")) == (PaymentState.DELIVERED, 1, 20 * USDC)


def test_a_sponsor_that_never_opens_it_costs_nothing(broke: Broke) -> None:
    to = new_address()
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan(to)))
        first = signatures(record)
        with pytest.raises(Refused, match="not taken back without gas"):
            broke.do(lambda client: client.cancel_bids(record.id))
        with pytest.raises(Refused, match="are the sponsor's"):
            broke.do(lambda client: client.speedup_bids(record.id))
        faucet.advance(broke.home.paths.state, LATER)
        record = broke.resume(record)
    assert (record.state, record.moved, record.meaning.exit_status) == (PaymentState.EXPIRED, Sent.NO, 7)
    assert signatures(record) == first
    assert (broke.holds(), broke.allowed(), broke.deposits()) == (100 * USDC, 0, 0)
    for permit, order in ((True, False), (False, True)):
        with pytest.raises(Refusal):  # What was signed is void, for the token and for Permit2.
            submit(broke, record, permit=permit, order=order)
    assert (broke.holds(), broke.home.holds(to, "dev2")) == (100 * USDC, 0)
    assert broke.resume(record) == record


def test_a_sponsor_that_brings_the_permit_alone_leaves_an_allowance_that_is_said_and_used(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        submit(broke, record, order=False)
        left = broke.allowed()
        faucet.advance(broke.home.paths.state, LATER)
        record = broke.resume(record)
    assert record.sponsored
    assert (record.state, left) == (PaymentState.EXPIRED, record.terms.pays.units)
    assert f"Permit2 may take {record.terms.pays}, but only by another signature" in record.sponsored.detail
    review = broke.plan()
    assert kinds(review) == ["open_for"], "the allowance is enough, so one signature is"
    paid = broke.resume(broke.begin(review))
    assert (paid.state, broke.deposits(), broke.has_no_gas()) == (PaymentState.DELIVERED, 1, True)
    assert broke.allowed() == left - paid.terms.pays.units


def test_messages_that_another_account_brings_open_the_same_order(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        submit(broke, record)
        with pytest.raises(Refusal):  # A second time Permit2 takes nothing.
            submit(broke, record, permit=False)
        with pytest.raises(NotFinal, match="bridging"):
            broke.resume(record, patience=1.5)
        record = broke.record(record)
        assert record.sponsored
        assert (record.sponsored.state, record.moved) == (SponsoredState.OPENED, Sent.YES)
    assert broke.resume(record).state is PaymentState.DELIVERED
    assert (broke.deposits(), broke.allowed()) == (1, 0)


def test_a_sponsor_that_refuses_is_told_and_the_payment_ends_by_its_deadline(broke: Broke) -> None:
    """The signatures left this machine. Only the deadline ensures that they do nothing."""
    with forwarding(broke, lambda _: {"status": "rejected", "message": "no gas today \x1b[31m"}):
        record = broke.stuck(broke.begin(broke.plan()))
        assert record.sponsored
        assert record.sponsored.detail == "the sponsor refuses it: no gas today"
        faucet.advance(broke.home.paths.state, LATER)
        assert broke.resume(record).state is PaymentState.EXPIRED
    assert (broke.holds(), broke.deposits()) == (100 * USDC, 0)
