"""A backup older than the last payments: they are found on the chains, and none is made again.

On a devnet and real stores. The journal is put back as it was before 50 payments: some were only approved then, some
begun, some unknown altogether.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from l2send.client import Client, open_client
from l2send.core.calldata import APPROVE, Function
from l2send.core.errors import NotFinal
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.rpc import open_rpcs
from l2send.core.units import Gas, Nonce, Wei
from l2send.devnet.node import Node
from l2send.journal_recovery import Recovery, Waiting, recover
from l2send.resolver.way_limits import Limits
from l2send.wallet import broadcasting
from l2send.wallet.failpoints import Failpoint
from l2send.wallet.journal.errors import JournalReplaced
from l2send.wallet.journal.location import open_for_recovery
from l2send.wallet.journal.states import PaymentState
from tests.bridges.test_via_safe import Owner
from tests.client.test_batches import Line, lines, must_have_got, plan
from tests.conftest import Home
from tests.lab.test_shared_journal import another_machine
from tests.support.addresses import new_address
from tests.support.paying import Payer
from tests.support.postgres import Server
from tests.support.standing_still import standing_still

PAYMENTS = 50
TRANSFER_FROM = Function("transferFrom(address,address,uint256)")


@pytest.fixture
def machine(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with the devnet's chains and a journal of its own."""
    monkeypatch.delenv("L2SEND_JOURNAL", raising=False)
    home.paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    return another_machine(home, tmp_path / "machine")


@pytest.fixture
def payer(home: Home, machine: Home) -> Payer:
    """Its client is the machine's; the money comes from where the devnet runs."""
    payer = Payer(machine)
    for chain in ("dev1", "dev2"):
        home.fund(payer.address, chain, USDC="100", ETH="1")
    return payer


@contextmanager
def recovering(home: Home, payer: Payer) -> Iterator[Callable[..., Recovery]]:
    def run(wanted: list[Waiting] | None = None, *chains: str) -> Recovery:
        async def work() -> Recovery:
            registry = home.registry
            async with open_rpcs(registry) as rpcs:
                journal = open_for_recovery(home.paths)
                client = Client(home.paths, registry, rpcs, journal)
                named = [registry.named(name) for name in chains or ("dev1", "dev2", "dev3")]
                found = await recover(payer.address, journal, rpcs, wanted or [], named)
                for one in found.found:
                    if one.record:
                        await client.status(one.record.id)
                if found.is_complete:
                    journal.accept()
                journal.close()
                return found

        return asyncio.run(work())

    yield run


@contextmanager
def put_back(journal: Path) -> Iterator[None]:
    """At the end the file is what it was at the beginning."""
    copy = journal.with_name("copy.db")
    shutil.copy(journal, copy)
    yield
    for suffix in ("-wal", "-shm"):
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)
    copy.replace(journal)


async def approve(client: Client, payer: Payer, rows: list[Line], name: str) -> None:
    client.queue.approve(await plan(client, payer, rows, name), Limits())


async def work(client: Client, payer: Payer) -> None:
    await client.work([payer.signer], until_done=True)


def _put_back(machine: Home, payer: Payer, server: Server, dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The home refuses the old copy; a worker of a fresh home pays nothing from it."""
    restored = server.new_database()
    server.restore(dump, restored)
    monkeypatch.setenv("L2SEND_JOURNAL", server.url(restored))
    with pytest.raises(JournalReplaced, match="older copy"):
        payer.do(lambda client: work(client, payer))
    fresh = Payer(another_machine(machine, machine.path / "fresh"))
    fresh.signer = payer.signer
    fresh.do(lambda client: work(client, payer))


@pytest.mark.lab
@pytest.mark.postgres
def test_a_backup_from_before_the_last_fifty_payments_pays_none_again(
    machine: Home, payer: Payer, postgres: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("L2SEND_JOURNAL", database)
    name = f"b-{new_address()}"
    early, late = lines("early", 3, "dev1"), [*lines("late", PAYMENTS - 13, "dev1"), *lines("there", 10, "dev2")]
    bridged = lines("bridged", 3, "dev3", "2")
    rows = [*early, *late, *bridged]

    async def first(client: Client) -> None:
        await approve(client, payer, early, name)
        await work(client, payer)
        await approve(client, payer, [*late, *bridged], name)

    payer.do(first)
    dump = postgres.dump(database.rpartition("/")[2])
    payer.do(lambda client: work(client, payer))
    must_have_got(machine, rows)
    sent = payer.sent("dev1"), payer.sent("dev2")
    _put_back(machine, payer, postgres, dump, monkeypatch)
    assert (payer.sent("dev1"), payer.sent("dev2")) == sent, "a home that saw no payment notices it too"
    with recovering(machine, payer) as run:
        recovery = run()
    assert recovery.is_complete
    wanted = [one for one in recovery.found if one.was_wanted]
    assert len(wanted) == PAYMENTS, "each of the last fifty was found, by its line"
    payer.do(lambda client: work(client, payer))
    assert (payer.sent("dev1"), payer.sent("dev2")) == sent, "nothing was paid again"
    must_have_got(machine, rows)

    async def states(client: Client) -> set[str]:
        result = client.batch.result(name)
        assert {line.ref for line in result.lines} == {row.ref for row in rows}
        return {line.record.state.value for line in result.lines}

    assert payer.do(states) == {"delivered"}
    with recovering(machine, payer) as run:
        assert [one for one in run().found if one.pays] == [], "approvals alone stay unknown: they pay no one"


def test_payments_begun_planned_or_unknown_are_found_in_a_file_put_back(machine: Home, payer: Payer) -> None:
    name = f"b-{new_address()}"
    begun, unknown, by_hand, fresh = (
        lines("begun", 2, "dev1"),
        lines("file", 2, "dev1"),
        *[lines(ref, 1, "dev1") for ref in ("hand", "fresh")],
    )

    async def begin(client: Client) -> None:
        client.batch.begin(await plan(client, payer, begun, name))

    async def pay(client: Client) -> None:
        await client.batch.run(name, payer.signer)
        for rows, batch in ((unknown, "november"), (by_hand, "by-hand")):
            client.batch.begin(await plan(client, payer, rows, batch))
            await client.batch.run(batch, payer.signer)

    payer.do(begin)
    with put_back(machine.paths.journal):
        payer.do(pay)
    sent = payer.sent("dev1")
    with pytest.raises(JournalReplaced):
        payer.do(pay)

    with recovering(machine, payer) as run:
        recovery = run(_lines_of_file(machine, payer, [*unknown, *fresh]), "dev1")
    assert recovery.is_complete
    keys = [one.record.key for one in recovery.found if one.record]
    assert keys[:4] == [f"{name}/begun-0", f"{name}/begun-1", "november/file-0", "november/file-1"]
    assert (keys[4] or "").startswith("found:")

    async def again(client: Client) -> None:
        await client.batch.run(name, payer.signer)
        client.batch.begin(await plan(client, payer, [*unknown, *fresh], "november"))
        await client.batch.run("november", payer.signer)
        assert {record.state.value for record in client.history()} == {"delivered"}

    payer.do(again)
    assert payer.sent("dev1") == sent + 1, "the fresh line alone was paid"
    must_have_got(machine, [*begun, *unknown, *by_hand, *fresh])


def _lines_of_file(machine: Home, payer: Payer, rows: list[Line]) -> list[Waiting]:
    """What the batch `november` would pay next, read by a home that knows nothing."""

    async def read() -> list[Waiting]:
        async with open_client(another_machine(machine, machine.path / "other").paths) as client:
            review = await plan(client, payer, rows, "november")
            return [Waiting(f"november/{line.wanted.line.row.ref}", line.wanted.payment) for line in review.lines]

    return asyncio.run(read())


def test_a_recipient_that_was_paid_otherwise_is_left_to_a_person(machine: Home, payer: Payer) -> None:
    name, (row,) = f"b-{new_address()}", lines("a", 1, "dev1", "3")
    part = Line("part", "2", "dev1", row.to)

    async def steps(client: Client) -> None:
        await approve(client, payer, [row], name)

    payer.do(steps)
    elsewhere = Payer(another_machine(machine, machine.path / "other"))
    elsewhere.signer = payer.signer

    async def pay(client: Client) -> None:
        client.batch.begin(await plan(client, payer, [part], "elsewhere"))
        await client.batch.run("elsewhere", payer.signer)

    elsewhere.do(pay)
    with recovering(machine, payer) as run:
        recovery = run(None, "dev1")
    assert (recovery.is_complete, recovery.held_back) == (False, [f"{name}/a-0"])
    sent = payer.sent("dev1")
    payer.do(lambda client: work(client, payer))
    assert payer.sent("dev1") == sent


class Stopped(BaseException):
    """The process ends here."""


@pytest.mark.lab
def test_an_order_whose_approval_alone_the_copy_knows_is_not_opened_again(
    machine: Home, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = payer.begin(payer.plan("5", f"dev4:{(to := new_address())}", via="eco"))

    def stop(place: Failpoint) -> None:
        if place is Failpoint.BEFORE_BROADCAST:
            raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(broadcasting, "failpoint", stop)
        with pytest.raises(Stopped):
            payer.resume(record.id)
    assert [bool(tx.raw) for tx in payer.find(record.id).transactions] == [True, False]
    with put_back(machine.paths.journal):
        assert payer.resume(record.id).state is PaymentState.DELIVERED
    chain = machine.registry.chain(record.legs[0].terms.source).short_name
    sent = payer.sent(chain)
    with recovering(machine, payer) as run:
        (found,) = run(None, chain).found
    assert (found.was_wanted, found.record and found.record.id) == (True, record.id)
    assert payer.resume(record.id).state is PaymentState.DELIVERED
    assert payer.sent(chain) == sent
    assert machine.holds(to, "dev4") == 5 * 10**6


def test_what_took_the_nonce_of_what_was_signed_is_left_to_a_person(machine: Home, payer: Payer) -> None:
    """The copy knows the nonce, and not what has it. Coin leaves no event that a search would find."""
    record, to = payer.begin(payer.plan("1", f"dev1:{new_address()}")), new_address()

    async def sign(client: Client) -> None:
        executor = client.executor(payer.signer, lambda _: None)
        await executor.sign_only(record.id, (await executor.look_ahead([record.id]))[record.id])

    payer.do(sign)
    elsewhere = Payer(another_machine(machine, machine.path / "elsewhere"))
    elsewhere.signer = payer.signer
    other = elsewhere.begin(elsewhere.plan("0.01", f"dev1:{to}", token="ETH"))
    assert elsewhere.resume(other.id).state is PaymentState.DELIVERED
    with recovering(machine, payer) as run:
        recovery = run([Waiting("rents/rent", other.payment)], "dev1")
    assert (recovery.is_complete, recovery.held_back) == (False, ["rents/rent"])
    assert [one.unread for one in recovery.found] == [f"{record.id} was signed with nonce 0, and this has it"]


def test_what_was_begun_with_a_delegation_is_recorded_as_itself(machine: Home, payer: Payer) -> None:
    """Its own record must not say that nothing was paid: a script would pay it again under another key."""
    record = payer.begin(payer.plan("5", f"dev4:{(to := new_address())}", via="eco", batch=True), key="rent")
    chain = machine.registry.chain(record.legs[0].terms.source).short_name
    with put_back(machine.paths.journal):
        assert payer.resume(record.id).state is PaymentState.DELIVERED
    with recovering(machine, payer) as run:
        recovery = run(None, chain)
    assert recovery.is_complete
    assert [one.record and one.record.id for one in recovery.found] == [record.id, None], "then its authorization"
    assert payer.resume(record.id).state is PaymentState.DELIVERED
    assert (payer.sent(chain), machine.holds(to, "dev4")) == (2, 5 * 10**6)


@pytest.mark.lab
def test_a_payment_of_a_safe_is_found_by_its_owner(machine: Home, home: Home) -> None:
    owner = Owner(machine, funder=home)
    record = owner.begin(owner.plan("5", f"dev1:{(to := new_address())}"))
    with put_back(machine.paths.journal):
        assert owner.resume(record.id).state is PaymentState.DELIVERED
    with recovering(machine, owner) as run:
        recovery = run(None, "dev1")
    assert recovery.is_complete
    assert [one.record and one.record.id for one in recovery.found] == [record.id]
    assert owner.resume(record.id).state is PaymentState.DELIVERED
    assert (owner.sent("dev1"), machine.holds(to, "dev1")) == (1, 5 * 10**6)


def test_a_call_that_does_not_read_holds_back_whom_it_paid(machine: Home, payer: Payer) -> None:
    """Another program of the account paid by a call that l2send does not know."""
    (row,), chain = lines("a", 1, "dev1", "3"), machine.chain("dev1")
    payer.do(lambda client: approve(client, payer, [row], f"b-{row.to}"))
    token, node = chain.token("USDC").address, Node(chain.rpcs[0])
    assert token
    calls = [APPROVE.encode(payer.address, 10**7), TRANSFER_FROM.encode(payer.address, row.to, 10**6)]
    for nonce, data in enumerate(calls):
        price = GasPrice(Wei(0), Wei(10**9), Wei(10**11))
        tx = UnsignedTx(chain.chain_id, token, Wei(0), data)
        signed = payer.signer.sign(chain.chain_id, Nonce(nonce), tx, Gas(100_000), price)
        node.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
    node.call("anvil_mine", "0x1")
    with recovering(machine, payer) as run:
        recovery = run(None, "dev1")
    assert (recovery.is_complete, recovery.held_back) == (False, [f"b-{row.to}/a-0"])
    payer.do(lambda client: work(client, payer))
    assert payer.sent("dev1") == 2, "the line was not paid"


def test_what_waits_for_a_block_is_waited_for(machine: Home, payer: Payer) -> None:
    other = Payer(another_machine(machine, machine.path / "other"))
    other.signer = payer.signer
    with standing_still(Node(machine.chain("dev2").rpcs[0])):

        async def pay(client: Client) -> None:
            client.batch.begin(await plan(client, payer, lines("a", 1, "dev2"), "x"))
            await client.batch.run("x", payer.signer, patience=1)

        other.do(pay)
        with recovering(machine, payer) as run, pytest.raises(NotFinal, match="wait for a block on Devnet 2"):
            run(None, "dev2")
    Node(machine.chain("dev2").rpcs[0]).call("evm_setIntervalMining", 1)  # Others share this devnet.
