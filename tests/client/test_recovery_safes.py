"""A backup older than what a Safe paid: found by the Safe's own nonce, no matter who sent it, and paid only once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.client import Client, open_client
from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.errors import CannotPay
from l2send.core.plan import ChainAddress, Payment
from l2send.core.rpc import open_rpcs
from l2send.core.safe_signatures import pack_signatures
from l2send.core.units import Amount
from l2send.devnet.state import require
from l2send.journal_recovery import Recovery, Waiting, not_looked_at
from l2send.recovery_safes import recover_safe
from l2send.recovery_transfers import newest_of
from l2send.wallet.journal.location import open_for_recovery
from l2send.wallet.journal.states import PaymentState
from tests.client.test_batch_shared_tx import Delegating, safe_plan
from tests.client.test_batches import Line, lines, must_have_got
from tests.client.test_journal_recovery import put_back
from tests.conftest import Home
from tests.lab.test_shared_journal import another_machine
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.owners import Row, Team
from tests.support.safes import TestSafe, new_safe
from tests.support.settlers import with_chains

CHAIN = "dev1"
AGGREGATE3 = Function("aggregate3((address,bool,bytes)[])")


@pytest.fixture(autouse=True)
def in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("L2SEND_JOURNAL", raising=False)


@pytest.fixture
def machine(home: Home, tmp_path: Path) -> Home:
    home.paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    return another_machine(home, tmp_path / "machine")


@pytest.fixture
def owner(home: Home, machine: Home) -> Delegating:
    """The owner of a Safe, with gas alone."""
    made = Delegating(machine)
    home.fund(made.address, CHAIN, ETH="1")
    return made


@pytest.fixture
def safe(home: Home, owner: Delegating) -> TestSafe:
    made = new_safe(home, [owner.address])
    home.fund(made.address, CHAIN, USDC="100")
    return made


def recovered(machine: Home, safe: Address, wanted: Sequence[Waiting] = (), rpc: str = "") -> Recovery:
    """As `l2send journal recover --safe` does it; through another endpoint if one is named."""
    chain = machine.chain(CHAIN)
    registry = with_chains(machine.registry, replace(chain, rpcs=(rpc,))) if rpc else machine.registry

    async def work() -> Recovery:
        async with open_rpcs(registry) as rpcs:
            journal = open_for_recovery(machine.paths)
            client = Client(machine.paths, registry, rpcs, journal)
            place = ChainAddress(chain.chain_id, safe)
            recovery = await recover_safe(place, journal, rpcs, wanted)
            for one in recovery.found:
                if one.record:
                    await client.status(one.record.id)
            journal.accept()
            journal.close()
            return recovery

    return asyncio.run(work())


def wanted_of(machine: Home, payer: Address, rows: Sequence[Line], name: str) -> list[Waiting]:
    """The lines of a file of USDC that `payer` would pay next."""
    token = machine.chain(CHAIN).token("USDC")
    return [
        Waiting(
            f"{name}/{row.ref}",
            Payment(payer, ChainAddress(token.chain_id, row.to), Amount(int(row.amount) * 10**token.decimals, token)),
        )
        for row in rows
    ]


def test_a_batch_of_a_safe_that_the_copy_does_not_know_is_paid_once(
    machine: Home, owner: Delegating, safe: TestSafe
) -> None:
    """Its owner is not among the accounts that are searched."""
    rows, more = lines("lost", 3, CHAIN, "2"), lines("fresh", 1, CHAIN)
    owner.begun(owner.do(lambda client: safe_plan(client, owner, safe.address, lines("a", 1, CHAIN), "before")))
    assert owner.run("before").all_delivered
    with put_back(machine.paths.journal):
        owner.begun(owner.do(lambda client: safe_plan(client, owner, safe.address, rows, "november")))
        assert owner.run("november").all_delivered
    sent = owner.sent(CHAIN)
    recovery = recovered(machine, safe.address, wanted_of(machine, safe.address, [*rows, *more], "november"))
    (found,) = recovery.found
    assert (recovery.is_complete, found.was_wanted, len(found.pays)) == (True, True, 3)
    review = owner.do(lambda client: safe_plan(client, owner, safe.address, [*rows, *more], "november"))
    assert [line.wanted.line.row.ref for line in review.payable] == ["fresh-0"]
    owner.begun(review)
    assert owner.run("november").all_delivered
    assert owner.sent(CHAIN) == sent + 1, "the fresh line alone was paid"
    must_have_got(machine, [*rows, *more])
    assert recovered(machine, safe.address).found == [], "all is known now"


def test_what_was_begun_is_recorded_as_itself(machine: Home, owner: Delegating, safe: TestSafe) -> None:
    rows = lines("begun", 2, CHAIN)
    owner.begun(owner.do(lambda client: safe_plan(client, owner, safe.address, rows, "begun")))
    with put_back(machine.paths.journal):
        assert owner.run("begun").all_delivered
    sent = owner.sent(CHAIN)
    assert left_out(machine, owner.address) == [safe.address], "other owners may have sent what it paid"
    assert left_out(machine, owner.address, safe.address) == []
    recovery = recovered(machine, safe.address)
    assert (recovery.is_complete, [one.was_wanted for one in recovery.found]) == (True, [True])
    assert owner.run("begun").all_delivered
    assert owner.sent(CHAIN) == sent
    must_have_got(machine, rows)


def test_what_several_owners_signed_and_another_sent_is_found(machine: Home, home: Home, tmp_path: Path) -> None:
    team = Team(home, tmp_path)
    row = Line("rent", "5", CHAIN, new_address())
    bundle = team.sign(team.prepare("5", f"{CHAIN}:{row.to}"))
    assert team.execute(bundle).state is PaymentState.DELIVERED
    recovery = recovered(machine, team.safe.address, wanted_of(machine, team.safe.address, [row], "rents"))
    (found,) = recovery.found
    assert (recovery.is_complete, found.was_wanted) == (True, True)

    async def look(client: Client) -> tuple[str | None, PaymentState, bool]:
        assert found.record
        record = client.get(found.record.id)
        return record.key, record.state, record.payment.by_owners

    async def ask() -> tuple[str | None, PaymentState, bool]:
        async with open_client(machine.paths) as client:
            return await look(client)

    assert asyncio.run(ask()) == ("rents/rent", PaymentState.DELIVERED, True)
    assert newest(machine) == 0, "the next Safe is searched from the same time, and so is this one by a second run"
    assert recovered(machine, team.safe.address).found == []


def test_several_payments_that_owners_signed_are_found_as_the_lines_that_they_are(
    machine: Home, home: Home, tmp_path: Path
) -> None:
    """Another machine prepared the payroll and sent it: this one does not pay its lines once more."""
    team = Team(home, tmp_path)
    rows = lines("pay", 3, CHAIN, "2")
    bundle = team.sign(team.prepare_file([Row(row.amount, "USDC", f"{CHAIN}:{row.to}") for row in rows]))
    assert team.execute(bundle).state is PaymentState.DELIVERED
    recovery = recovered(machine, team.safe.address, wanted_of(machine, team.safe.address, rows, "payroll"))
    (found,) = recovery.found
    assert (recovery.is_complete, found.was_wanted, len(found.pays)) == (True, True, 3)

    async def look() -> list[tuple[str | None, PaymentState]]:
        async with open_client(machine.paths) as client:
            assert found.record
            return [(one.key, one.state) for one in client.journal.carried_by(found.record.id)]

    assert asyncio.run(look()) == [(f"payroll/{row.ref}", PaymentState.DELIVERED) for row in rows]
    assert recovered(machine, team.safe.address).found == []


def newest(machine: Home) -> int:
    with closing(open_for_recovery(machine.paths)) as journal:
        return newest_of(journal)


def left_out(machine: Home, *looked_at: Address) -> list[str]:
    with closing(open_for_recovery(machine.paths)) as journal:
        return not_looked_at(journal, machine.registry, looked_at, machine.registry)


def test_what_the_safe_ran_in_place_of_what_the_copy_has_is_left_to_a_person(
    machine: Home, home: Home, tmp_path: Path
) -> None:
    """The owners replaced it in another program, with the same nonce. Coin leaves no event that a search would find."""
    team, rent = Team(home, tmp_path / "one"), new_address()
    planned = team.adopt(team.prepare("0.1", token="ETH"), machine.paths)
    other = Team.like(team, tmp_path / "other")
    bundle = other.sign(other.prepare("0.2", f"{CHAIN}:{rent}", token="ETH"))
    assert bundle.proposal.nonce == 0
    assert other.execute(bundle).state is PaymentState.DELIVERED
    coin = machine.chain(CHAIN).native
    line = Payment(team.safe.address, ChainAddress(coin.chain_id, rent), Amount(2 * 10**17, coin))
    recovery = recovered(machine, team.safe.address, [Waiting("rents/rent", line)])
    assert (recovery.is_complete, recovery.held_back) == (False, ["rents/rent"])
    assert [one.unread for one in recovery.found] == [
        f"the journal has {planned.id} for nonce 0 of the Safe, which ran this instead"
    ]


def test_a_run_by_another_contract_is_left_to_a_person(machine: Home, home: Home, tmp_path: Path) -> None:
    """Its recipient is in the token's event: the line waits."""
    team = Team(home, tmp_path)
    row = Line("odd", "5", CHAIN, new_address())
    bundle = team.sign(team.prepare("5", f"{CHAIN}:{row.to}"))
    execution = bundle.safe_tx.execution(pack_signatures(bundle.signatures))
    multicall3, issuer = home.chain(CHAIN).multicall3, require(home.paths.state).chain(CHAIN).issuer
    assert multicall3
    send_unlocked(team.node, issuer, multicall3, AGGREGATE3.encode([(execution.to, False, execution.data)]))
    recovery = recovered(machine, team.safe.address, wanted_of(machine, team.safe.address, [row], "odd"))
    assert (recovery.is_complete, recovery.held_back) == (False, ["odd/odd"])
    assert [one.unread[:21] for one in recovery.found] == ["the Safe ran it by a "]


def test_a_nonce_that_no_event_explains_is_named(machine: Home, safe: TestSafe) -> None:
    safe.node.call("anvil_setStorageAt", safe.address, hex(5), f"0x{1:064x}")
    recovery = recovered(machine, safe.address)
    assert (recovery.is_complete, recovery.found) == (False, [])
    assert recovery.left == [f"{CHAIN}: the Safe {safe.address} used its nonce 0, and no event shows what for"]


def test_an_account_that_is_no_safe_is_refused(machine: Home) -> None:
    with pytest.raises(CannotPay, match="is no Safe"):
        recovered(machine, new_address())
