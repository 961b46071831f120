"""Several payments in one transaction that the owners of a Safe sign: all of them happen, or none, and once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.errors import NotFinal, Refused
from l2send.core.plan import UnsignedTx
from l2send.core.safe import Operation, SafeTx, decode_execution, safe_tx_of
from l2send.core.units import Nonce, Wei
from l2send.guard import check_execution
from l2send.review import review_of_safe
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.safe_files import SafeBundle, merge_safe
from tests.client.test_safes import before, by_a_stranger
from tests.conftest import Home
from tests.support import safes
from tests.support.addresses import new_address
from tests.support.owners import Row, Team, new_signer, through_a_file
from tests.support.standing_still import standing_still

lab = pytest.mark.lab
USDC, ETH = 10**6, 10**18


@pytest.fixture
def team(home: Home, tmp_path: Path) -> Team:
    return Team(home, tmp_path)


def payroll(*recipients: Address) -> list[Row]:
    """5 USDC, 6 USDC and 0.5 ETH on the Safe's chain."""
    kinds = (("5", "USDC"), ("6", "USDC"), ("0.5", "ETH"))
    return [Row(*kind, f"dev1:{to}") for kind, to in zip(kinds, recipients or recipients_of(3), strict=True)]


def recipients_of(count: int) -> list[Address]:
    return [new_address() for _ in range(count)]


def got(team: Team, recipients: Sequence[Address]) -> list[int]:
    tokens = ("USDC", "USDC", "ETH")
    return [team.home.holds(to, "dev1", token) for to, token in zip(recipients, tokens, strict=True)]


PAID = [5 * USDC, 6 * USDC, ETH // 2]


def states(team: Team, bundle: SafeBundle, where: str = "preparer") -> set[PaymentState]:
    return {one.state for one in team.carried(bundle, team.home_of(where))}


def test_one_file_pays_three_and_every_home_sees_each_payment(team: Team, tmp_path: Path) -> None:
    """Prepared in one home, signed, sent from a home that knew nothing of it."""
    to = recipients_of(3)
    bundle = team.prepare_file(payroll(*to))
    assert team.safe.contract_hash(bundle.safe_tx, bundle.proposal.nonce) == bundle.typed.digest
    assert [str(one.amount) for one in bundle.payments] == ["5 USDC", "6 USDC", "0.5 ETH"]
    bundle = through_a_file(team.sign(through_a_file(bundle, tmp_path / "a.json"), 2, 0), tmp_path / "b.json")
    elsewhere = team.home_of("executor")
    team.adopt(bundle, elsewhere)
    assert states(team, bundle, "executor") == {PaymentState.PROPOSED}
    record = team.execute(bundle, elsewhere)
    assert (record.state, record.proposal and record.proposal.state) == (PaymentState.DELIVERED, ProposalState.FINAL)
    assert (got(team, to), team.sent()) == (PAID, 1)
    rides = [one.ride for one in team.carried(bundle, elsewhere)]
    assert [(ride.shared_id, ride.call, ride.calls) for ride in rides if ride] == [(record.id, n, 3) for n in range(3)]
    assert (team.execute(bundle, elsewhere).state, team.sent()) == (PaymentState.DELIVERED, 1), "sent twice"
    first, *_ = team.carried(bundle)

    async def look(client: Client) -> PaymentState:
        return (await client.status(first.id)).state

    assert team.do(look) is PaymentState.DELIVERED, "one of them, looked at by its own id, in the home that prepared it"
    assert states(team, bundle) == {PaymentState.DELIVERED}
    assert all(one.delivered_at for one in team.carried(bundle))
    shares = [
        sum(fee.amount.units for fee in fees_paid(one, team.registry).fees) for one in team.carried(bundle, elsewhere)
    ]
    (fee,) = (tx.fee for tx in record.transactions)
    assert fee
    assert sum(shares) == fee.total


def test_a_stranger_executes_it_and_each_payment_is_found(team: Team) -> None:
    to = recipients_of(3)
    bundle = team.sign(team.prepare_file(payroll(*to)))
    tx_hash = by_a_stranger(team, bundle)
    first, *_ = team.carried(bundle)

    async def resume(client: Client) -> PaymentRecord:
        record = await client.resume(first.id, None)
        assert isinstance(record, PaymentRecord)
        return record

    record = team.do(resume)
    assert record.proposal
    assert (record.state, record.proposal.tx_hash) == (PaymentState.DELIVERED, tx_hash)
    assert (states(team, bundle), team.sent(), got(team, to)) == ({PaymentState.DELIVERED}, 0, PAID)


def test_too_few_signatures_or_owners_that_changed_send_nothing(team: Team) -> None:
    bundle = team.sign(team.prepare_file(payroll()), 0)
    with pytest.raises(Refused, match="1 of the 2 signatures"):
        team.execute(bundle)
    bundle = team.sign(bundle, 1)
    team.safe.change(safes.SWAP_OWNER.encode(*before(team, 0), new_signer().address))
    with pytest.raises(Refused, match=f"{team.owners[0].address} signed and is no owner any more"):
        team.execute(bundle)
    assert (team.sent(), states(team, bundle)) == (0, {PaymentState.PROPOSED})


def test_cancelled_by_its_owners_none_of_them_happens(team: Team, tmp_path: Path) -> None:
    to = recipients_of(3)
    bundle = team.sign(team.prepare_file(payroll(*to)))
    cancelling = through_a_file(team.sign(team.cancelling(bundle), 1, 2), tmp_path / "cancel.json")
    assert team.execute(cancelling).state is PaymentState.CANCELLED
    assert states(team, bundle) == {PaymentState.CANCELLED}
    assert team.execute(bundle).state is PaymentState.CANCELLED
    assert (team.sent(), got(team, to)) == (1, [0, 0, 0])


def test_one_of_them_is_not_cancelled_alone(team: Team) -> None:
    bundle = team.prepare_file(payroll())
    first, *_ = team.carried(bundle)

    async def ask(client: Client) -> PaymentRecord:
        return client.not_shared(first.id)

    with pytest.raises(Refused, match="with 2 other payments: what is done to one is done to all") as refused:
        team.do(ask)
    assert bundle.id in refused.value.hint


def with_calls(team: Team, bundle: SafeBundle, calls: Sequence[UnsignedTx]) -> SafeBundle:
    """Another transaction of the Safe with the same nonce."""
    (version,) = (one for one in team.home.chain("dev1").safes if one.version == "1.4.1")
    tx = safe_tx_of(team.safe.address, calls, version.multi_send_call_only.address).execution(b"")
    return replace(bundle, signatures=(), proposal=replace(bundle.proposal, execution=tx))


def calls_in(team: Team, bundle: SafeBundle) -> tuple[UnsignedTx, ...]:
    multi_sends = {safe.multi_send_call_only.address for safe in team.home.chain("dev1").safes}
    return decode_execution(bundle.proposal.execution, multi_sends).calls


def test_another_transaction_with_its_nonce_replaces_all_of_them(team: Team) -> None:
    to = recipients_of(3)
    bundle = team.prepare_file(payroll(*to))
    execution = bundle.proposal.execution
    other = SafeTx(execution.chain_id, execution.to, new_address(), Wei(1), b"", Operation.CALL).execution(b"")
    by_a_stranger(team, team.sign(replace(bundle, proposal=replace(bundle.proposal, execution=other))))
    team.status(bundle)
    assert team.status(bundle).state is PaymentState.REPLACED
    assert (states(team, bundle), got(team, to)) == ({PaymentState.REPLACED}, [0, 0, 0])


@pytest.mark.parametrize("place", [1, 2])
def test_another_transaction_that_makes_one_of_them_replaces_none(team: Team, place: int) -> None:
    """A token's transfer, and a transfer of coin: whether that was the payment is not known."""
    to = recipients_of(3)
    bundle = team.prepare_file(payroll(*to))
    extra = UnsignedTx(bundle.proposal.execution.chain_id, new_address(), Wei(1), b"")
    by_a_stranger(team, team.sign(with_calls(team, bundle, [extra, calls_in(team, bundle)[place]])))
    for _ in range(3):
        team.status(bundle)
    record = team.status(bundle)
    assert record.state is PaymentState.INDETERMINATE
    assert record.proposal
    assert f"{to[place]} got as much" in record.proposal.detail
    assert states(team, bundle) == {PaymentState.INDETERMINATE}


def test_prepared_twice_it_is_one_transaction(team: Team, tmp_path: Path) -> None:
    """On two machines: the files are one payment. On one machine the lines are known, and begun once."""
    rows = payroll()
    mine, other = team.prepare_file(rows), Team.like(team, tmp_path / "apart")
    theirs = through_a_file(other.sign(other.prepare_file(rows), 1), tmp_path / "theirs.json")
    assert (mine.id != theirs.id, mine.typed.digest) == (True, theirs.typed.digest)
    assert team.adopt(theirs, team.home_of("preparer")).id == mine.id
    record = team.execute(merge_safe([team.sign(mine, 0), theirs]))
    assert (record.state, team.sent()) == (PaymentState.DELIVERED, 1)
    review = team.plan_file(rows)
    assert (len(review.known), review.payable, review.shared) == (3, (), ())


def test_two_equal_payments_in_one_file_are_both_adopted_and_paid(team: Team, tmp_path: Path) -> None:
    """Elsewhere they have no refs. An equal payment outside of the file is refused there, as always."""
    to = new_address()
    bundle = team.sign(team.prepare_file([Row("5", "USDC", f"dev1:{to}")] * 2))
    elsewhere = team.home_of("elsewhere")
    team.adopt(through_a_file(bundle, tmp_path / "pay.json"), elsewhere)
    assert team.execute(bundle, elsewhere).state is PaymentState.DELIVERED
    assert team.home.holds(to, "dev1") == 10 * USDC
    again = Team.like(team, tmp_path / "apart").prepare_file([Row("5", "USDC", f"dev1:{to}")], "other")
    third = Team.like(team, tmp_path / "third")
    third.adopt(again, third.home_of("preparer"))
    later = replace(again, id="p-23456789", proposal=replace(again.proposal, nonce=Nonce(again.proposal.nonce + 1)))
    with pytest.raises(Refused, match="the same payment is open already"):
        third.adopt(later, third.home_of("preparer"))


def test_the_file_of_another_journal_for_the_same_nonce_is_refused(team: Team, tmp_path: Path) -> None:
    bundle = team.prepare_file(payroll())
    apart = Team.like(team, tmp_path / "apart").prepare_file(payroll())
    with pytest.raises(Refused, match="One transaction is approved for each nonce"):
        team.adopt(apart, team.home_of("preparer"))
    assert states(team, bundle) == {PaymentState.PROPOSED}


def test_a_line_that_the_money_does_not_reach_is_named(team: Team) -> None:
    """Money for three of four. `l2send prepare` refuses the file then."""
    rows = [*payroll(), Row("95", "USDC", f"dev1:{new_address()}")]
    review = team.plan_file(rows)
    assert [line.way.value for line in review.stopped] == ["unfunded"]
    assert [len(one.lines) for one in review.shared] == [3]


def test_more_payments_than_one_transaction_holds_are_refused(team: Team) -> None:
    with pytest.raises(Refused, match="101 payments are too many"):
        team.plan_file([Row("0.1", "USDC", f"dev1:{new_address()}") for _ in range(101)])


def test_before_it_is_sent_the_signed_bytes_are_compared_with_every_payment(team: Team) -> None:
    """The journal holds other payments than the bytes make: nothing is sent."""
    bundle = team.prepare_file(payroll())
    record = team.status(bundle)
    check_execution(record, bundle.proposal.execution, team.registry)
    one, two, three = record.terms.carries
    for carries in (
        (two, one, three),
        (one, two),
        (one, two, three, three),
        (one, two, replace(three, amount=two.amount)),
    ):
        changed = replace(record, terms=replace(record.terms, carries=carries))
        with pytest.raises(Refused):
            check_execution(changed, bundle.proposal.execution, team.registry)
    with pytest.raises(Refused, match="makes 3 calls, not the 2"):
        review_of_safe(replace(bundle, carries=(one, two)), team.registry)


@lab
def test_what_brings_it_to_the_chain_is_sped_up_and_pays_once(own_home: Home, tmp_path: Path) -> None:
    team, to = Team(own_home, tmp_path), recipients_of(3)
    bundle = team.sign(team.prepare_file(payroll(*to)))

    async def speed_up(client: Client) -> PaymentRecord:
        return await client.replace(bundle.id, await client.speedup_bids(bundle.id), team.executor)

    with standing_still(team.node):
        with pytest.raises(NotFinal):
            team.execute(bundle, patience=1)
        first, second = team.do(speed_up).transactions
        assert (first.nonce, first.step.tx) == (second.nonce, second.step.tx)
    assert team.execute(bundle).state is PaymentState.DELIVERED
    assert (team.sent(), got(team, to), states(team, bundle)) == (1, PAID, {PaymentState.DELIVERED})
