"""A quote that expires while its approval is mined: a new one that costs no more, or none, and no allowance left.

The price is the registry's here, so that a test can make the second quote dearer or cheaper than the first.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.calldata import ALLOWANCE
from l2send.core.errors import Refused, Sent
from l2send.core.fees import gas_price
from l2send.core.rpc import Call
from l2send.core.units import Nonce
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.protocol import ChangedMeanwhile
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState, TxState
from tests.bridges.standins import ORIGIN, TARGET, Payer, StandIns, order_state
from tests.support.addresses import new_address
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab

BRIDGE = "hyperlane7683"
LATE = 61
"""Seconds; a price of the registry holds for 60."""


@dataclass
class Late:
    """A payment of 10 USDC whose approval is mined and whose quote has run out."""

    world: StandIns
    payer: Payer
    id: str

    def resume(self, fee_bps: int) -> PaymentRecord:
        """Until the order is open, at this fee; the first quote was at 10."""
        origin = with_settlers(self.world.origin.chain, **{BRIDGE: {"solver_fee_bps": str(fee_bps)}})

        async def use(client: Client) -> PaymentRecord:
            await client.executor(self.payer.signer, lambda _: None).resume(self.id, patience=20)
            return client.journal.get((await client.status(self.id)).id)

        return self.payer.with_client(use, with_chains(self.world.registry, origin))

    def record(self) -> PaymentRecord:
        async def use(client: Client) -> PaymentRecord:
            return client.journal.get(self.id)

        return self.payer.with_client(use)

    def reorganise(self) -> None:
        """Take back every block since the first transaction, as on a chain that asks for more confirmations."""
        node, mined = self.world.origin.node, [tx.block for tx in self.record().transactions if tx.block]
        node.call("anvil_reorg", int(node.call("eth_blockNumber"), 16) - min(mined) + 1, [])
        with closing(sqlite3.connect(self.payer.paths.journal)) as journal, journal:
            (stays,) = journal.execute("SELECT sql FROM sqlite_master WHERE name = 'fees_stay'").fetchone()
            journal.execute("DROP TRIGGER fees_stay")
            journal.execute(
                "UPDATE transactions SET state = 'mined', gas_used = NULL, gas_price = NULL, l1_fee = NULL,"
                " operator_fee = NULL WHERE state = 'final'"
            )
            journal.execute(stays)
        self.payer.with_client(lambda client: client.status(self.id))
        assert all(tx.state is not TxState.MINED for tx in self.record().transactions)

    def cancel(self) -> Record:
        async def use(client: Client) -> Record:
            step = await client.revocation(self.id)
            assert step
            return await client.revoke(self.id, step, self.payer.signer, patience=20)

        return self.payer.with_client(use)

    def allowed(self) -> int:
        """Base units, read from the chain."""
        usdc = self.world.origin.chain.token("USDC").address
        assert usdc

        async def use(client: Client) -> int:
            call = Call(usdc, ALLOWANCE, (self.payer.address, self.world.origin.settler(BRIDGE, "router")))
            return int((await client.rpcs.on(self.world.origin.chain.chain_id).eth_call(call))[0])

        return self.payer.with_client(use)

    def events(self) -> list[tuple[str, str]]:
        async def use(client: Client) -> list[tuple[str, str]]:
            return [(e.after, e.detail) for e in client.journal.events(self.id)]

        return self.payer.with_client(use)


@pytest.fixture
def late(stand_ins: StandIns, tmp_path: Path) -> Late:
    payer = stand_ins.payer(tmp_path)

    async def approve(client: Client) -> str:
        payment = client.payment(payer.address, "10", "USDC", client.destination(f"{TARGET}:{new_address()}"))
        review = await client.plan(payment, Limits(from_chains=(ORIGIN,), via=BRIDGE))
        record = client.begin(review)
        await client.executor(payer.signer, lambda _: None).approve(record.id, patience=20)
        return record.id

    made = Late(stand_ins, payer, payer.with_client(approve))
    assert made.allowed() == 10_010_000
    assert made.record().steps[-1].state is TxState.PLANNED
    stand_ins.advance(LATE)
    return made


def test_the_same_price_is_taken_without_a_question(late: Late) -> None:
    before = late.record()
    after = late.resume(10)
    assert order_state(after).value == "open"
    assert after.order
    assert before.order
    assert after.order.order.order_id != before.order.order.order_id
    assert after.terms.pays == before.terms.pays
    assert [tx.step.kind.value for tx in after.steps] == ["approve", "open"]
    assert ("requoted", "pays 10.01 USDC instead of 10.01 USDC") in late.events()
    assert late.allowed() == 0
    assert late.payer.holds() == 100_000_000 - 10_010_000


def test_a_lower_price_is_approved_exactly_and_nothing_is_left(late: Late) -> None:
    after = late.resume(5)
    assert order_state(after).value == "open"
    assert [tx.step.kind.value for tx in after.steps] == ["approve", "approve", "open"]
    assert after.terms.pays.units == 10_005_000
    assert late.allowed() == 0
    assert late.payer.holds() == 100_000_000 - 10_005_000


def test_a_higher_price_is_not_paid_and_the_allowance_is_taken_back(late: Late) -> None:
    with pytest.raises(Refused, match=r"takes 10\.011 USDC, 10\.01 USDC were approved") as refused:
        late.resume(11)
    assert refused.value.sent is Sent.YES
    assert "An allowance is left: " in refused.value.message
    assert f"l2send cancel {late.id}" in refused.value.hint
    assert late.record().state is PaymentState.CANCELLED
    assert late.record().left_allowed
    assert late.allowed() == 10_010_000
    ended = late.cancel()
    assert ended.state is PaymentState.CANCELLED
    assert [(tx.step.kind.value, tx.state.value) for tx in late.record().revocations] == [("revoke", "final")]
    assert not late.record().left_allowed
    assert late.allowed() == 0
    assert late.payer.holds() == 100_000_000


@pytest.mark.timeout(120)
def test_no_second_quote_is_asked_for_where_a_clock_is_wrong(late: Late, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock runs a month ahead, of chains that tests have moved too: each new quote is late as well."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 30 * 86400)
    with pytest.raises(Refused, match=r"the new quote is late as well: .* by the clock of this machine") as refused:
        late.resume(10)
    assert refused.value.sent is Sent.YES
    assert late.record().state is PaymentState.CANCELLED
    assert [detail for after, detail in late.events() if after == "requoted"] == []
    assert late.payer.holds() == 100_000_000


def test_an_allowance_that_another_payment_needs_stays(late: Late) -> None:
    with pytest.raises(Refused):
        late.resume(11)

    async def again(client: Client) -> Record:
        payment = client.payment(late.payer.address, "10", "USDC", client.destination(f"{TARGET}:{new_address()}"))
        return client.begin(await client.plan(payment, Limits(from_chains=(ORIGIN,), via=BRIDGE)))

    other = late.payer.with_client(again)
    with pytest.raises(Refused, match=f"{other.id} is open and needs the allowance"):
        late.payer.with_client(lambda client: client.revocation(late.id))


def test_bytes_of_the_former_quote_are_not_taken_any_more(late: Late) -> None:
    """Another process signs what it read before the new quote was written down: the journal refuses its bytes."""
    stale = late.record().steps[-1]

    async def use(client: Client) -> None:
        record = client.journal.get(late.id)
        renewed = await client._renew(record)
        assert renewed.steps[-1].step != stale.step
        price = await gas_price(client.rpcs.on(stale.chain_id))
        signed = late.payer.signer.sign(stale.chain_id, Nonce(1), stale.step.tx, stale.step.gas, price)
        with pytest.raises(ChangedMeanwhile, match="new quote"):
            client.journal.record_signed(stale, Nonce(1), signed.hash, signed.raw)
        with pytest.raises(ChangedMeanwhile):
            await client._renew(record)

    late.payer.with_client(use)


def test_a_reorganisation_that_takes_a_larger_approval_back_does_not_stop_what_was_requoted(late: Late) -> None:
    """The first approval is signed already, and is for more than the later quote takes: it goes out again as it is."""
    opened = late.resume(5)
    assert order_state(opened).value == "open"
    late.reorganise()
    assert late.payer.holds() == 100_000_000, "the reorganisation took nothing back, so this test shows nothing"
    again = late.resume(5)
    assert order_state(again).value == "open"
    assert [tx.hash for tx in again.transactions] == [tx.hash for tx in opened.transactions]
    assert (late.allowed(), late.payer.holds()) == (0, 100_000_000 - 10_005_000)


def test_a_cheaper_quote_is_taken_though_the_approval_was_signed_twice(late: Late) -> None:
    """The chain took the second signature of the approval, and the first is void."""
    late.reorganise()

    async def hurry(client: Client) -> None:
        await client.replace(late.id, await client.speedup_bids(late.id), late.payer.signer)
        await client.status(late.id)

    late.payer.with_client(hurry)
    late.world.advance(LATE)
    assert [tx.state.value for tx in late.record().attempts(0)] == ["void", "final"]
    after = late.resume(5)
    assert order_state(after).value == "open"
    assert (late.allowed(), late.payer.holds()) == (0, 100_000_000 - 10_005_000)


def test_taking_an_allowance_back_can_be_made_faster(late: Late) -> None:
    with pytest.raises(Refused):
        late.resume(11)
    late.cancel()
    late.reorganise()
    bids = late.payer.with_client(lambda client: client.speedup_bids(late.id))
    assert [bid.step.kind.value for bid in bids] == ["approve", "revoke"]
    late.payer.with_client(lambda client: client.replace(late.id, bids, late.payer.signer))
    late.payer.with_client(lambda client: client.status(late.id))
    assert [tx.state.value for tx in late.record().revocations] == ["final"]
    assert late.allowed() == 0
