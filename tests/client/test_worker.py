"""Workers on a devnet: approved lines are paid once within their caps, taken over, held back, and stopped cleanly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.client import Client, open_client
from l2send.core.private_files import write_private
from l2send.core.units import UnixTime
from l2send.queue_caps import read_caps
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.queue import EVERY_CHAIN
from l2send.wallet.journal.queue_lines import QueueState
from l2send.wallet.lock import account_lock
from l2send.worker import Happened, WorkEvent
from tests.client.test_batches import Line, lines, must_have_got, plan
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer
from tests.support.solving import unfilled


@pytest.fixture
def payer(home: Home) -> Payer:
    """A fresh account: what waits in the queue of another is another worker's."""
    return Payer(home, "dev1", "dev2")


async def approve(client: Client, payer: Payer, rows: Sequence[Line], name: str, limits: Limits | None = None) -> int:
    review = await plan(client, payer, rows, name, limits)
    return client.queue.approve(review, limits or Limits())


async def work(client: Client, payer: Payer) -> list[WorkEvent]:
    told = list[WorkEvent]()
    await client.work([payer.signer], tell=told.append, until_done=True)
    return told


def queue(payer: Payer, rows: Sequence[Line], name: str, limits: Limits | None = None) -> int:
    return payer.do(lambda client: approve(client, payer, rows, name, limits))


def run(payer: Payer) -> list[WorkEvent]:
    return payer.do(lambda client: work(client, payer))


def states(payer: Payer, name: str) -> list[str]:
    async def look(client: Client) -> list[str]:
        queued = client.queue.lines(name)
        return [client.find(one.payment_id).state.value if one.payment_id else one.state.value for one in queued]

    return payer.do(look)


def test_nothing_is_sent_before_a_worker_comes_and_each_line_is_paid_once(home: Home, payer: Payer) -> None:
    name, rows = f"q-{new_address()}", [*lines("a", 3, "dev1"), *lines("b", 2, "dev2"), *lines("c", 1, "dev4", "2")]
    assert queue(payer, rows, name) == 6
    assert states(payer, name) == ["waiting"] * 6
    assert payer.sent("dev1") == payer.sent("dev2") == 0
    told = run(payer)
    assert states(payer, name) == ["delivered"] * 6
    must_have_got(home, rows)
    begun = {event.key for event in told if event.what is Happened.BEGUN}
    assert begun == {f"{name}/{row.ref}" for row in rows}
    sent = payer.sent("dev1") + payer.sent("dev2")
    assert queue(payer, rows, name) == 0
    assert [event for event in run(payer) if event.what is Happened.BEGUN] == []
    assert payer.sent("dev1") + payer.sent("dev2") == sent


def test_lines_beyond_their_caps_are_held_back_with_the_reason(home: Home, payer: Payer) -> None:
    """The money is on another chain by the time, and what was approved does not allow a bridge."""
    name, rows = f"q-{new_address()}", lines("a", 2, "dev1", "60")

    async def steps(client: Client) -> list[WorkEvent]:
        review = await plan(client, payer, rows[:1], name, Limits(via="direct"))
        client.queue.approve(review, Limits(via="direct"))
        (line,) = client.queue.lines(name)
        caps = read_caps(line.caps)
        assert (caps.via, caps.percent) == ("direct", 5.0)
        assert caps.line_usd is not None
        assert caps.line_usd > (review.cost_usd or 0)
        away = await plan(client, payer, rows[1:], "away")
        client.batch.begin(away)
        await client.batch.run("away", payer.signer)
        return await work(client, payer)

    told = payer.do(steps)
    (held,) = [event for event in told if event.what is Happened.HELD_BACK]
    assert held.key == f"{name}/{rows[0].ref}"
    assert "the money does not reach" in held.text
    assert states(payer, name) == ["waiting"]
    home.fund(payer.address, "dev1", USDC="100")
    assert run(payer) == [], "not before its time"
    payer.do(lambda client: _try_now(client, name))
    run(payer)
    assert states(payer, name) == ["delivered"]


async def _try_now(client: Client, name: str) -> None:
    client.journal.hold_back([line.key for line in client.queue.lines(name)], "", UnixTime(0))


def test_dearer_than_approved_is_not_signed(payer: Payer) -> None:
    name = f"q-{new_address()}"

    async def steps(client: Client) -> list[WorkEvent]:
        review = await plan(client, payer, lines("a", 2, "dev4"), name)
        client.queue.approve(review, Limits(max_fee_usd=0.000001))
        return await work(client, payer)

    told = payer.do(steps)
    assert {event.what for event in told} == {Happened.HELD_BACK}
    assert (payer.sent("dev1"), payer.sent("dev2"), states(payer, name)) == (0, 0, ["waiting"] * 2)


@pytest.mark.lab
def test_an_account_that_another_worker_has_is_left_to_it(payer: Payer) -> None:
    name = f"q-{new_address()}"
    queue(payer, lines("a", 1, "dev1"), name)

    async def steps(client: Client) -> None:
        locks = payer.home.paths.state / "locks"
        async with (
            open_client(payer.home.paths) as other,
            account_lock(locks, EVERY_CHAIN, payer.address, "other", lambda _: None, 1, other.journal),
        ):
            worker = client.worker([payer.signer])
            worker.idle_exit = 0.5
            await worker.run()
            assert client.queue.lines(name)[0].state is QueueState.WAITING
        await work(client, payer)

    payer.do(steps)
    assert states(payer, name) == ["delivered"]


@pytest.mark.lab
def test_what_a_dead_worker_began_is_taken_over(home: Home, payer: Payer) -> None:
    """It died between the beginning and the first signature, and with an order that is not filled."""
    name, rows = f"q-{new_address()}", [*lines("a", 2, "dev1"), *lines("b", 1, "dev4", "3")]
    queue(payer, rows, name)

    async def die(client: Client) -> None:
        worker = client.worker([payer.signer])
        waiting = client.journal.waiting(payer.address, UnixTime(int(time.time())), 9)
        assert len(await worker._begin(payer.address, waiting)) == 3

    payer.do(die)
    assert states(payer, name) == ["planned"] * 3
    with unfilled(home):
        payer.do(lambda client: _work_for(client, payer, 3.0))
        assert states(payer, name) == ["delivered", "delivered", "bridging"]
    run(payer)
    assert states(payer, name) == ["delivered"] * 3
    must_have_got(home, rows)


async def _work_for(client: Client, payer: Payer, seconds: float) -> None:
    worker = client.worker([payer.signer])
    worker.grace = 0.1
    asyncio.get_running_loop().call_later(seconds, worker.stop.set)
    await worker.run()


@pytest.mark.lab
def test_a_worker_that_is_stopped_signs_nothing_more(payer: Payer) -> None:
    name, rows = f"q-{new_address()}", lines("a", 40, "dev1")
    queue(payer, rows, name)

    async def steps(client: Client) -> int:
        worker = client.worker([payer.signer])
        worker.tell = lambda event: worker.stop.set() if event.state == "sending" else None
        worker.grace = 20
        await worker.run()
        records = [client.find(one.payment_id) for one in client.queue.lines(name) if one.payment_id]
        signed = [record for record in records if record.transactions[0].raw]
        assert all(record.state.value == "delivered" for record in signed), "what was signed was followed to its end"
        return len(signed)

    signed = payer.do(steps)
    assert 0 < signed < 40
    assert payer.sent("dev1") == signed
    run(payer)
    assert payer.sent("dev1") == 40


def test_limits_count_what_waits(payer: Payer, tmp_path: Path) -> None:
    policy, to, name = tmp_path / "policy.toml", new_address(), f"q-{new_address()}"
    write_private(policy, b'[limits]\nper_recipient_day = ["10 USD"]\n')
    paths = replace(payer.home.paths, policy=policy)

    async def steps() -> None:
        async with open_client(paths) as client:
            rows = [replace(row, to=to, amount=amount) for row, amount in zip(lines("a", 2, "dev1"), "64", strict=True)]
            assert await approve(client, payer, rows, name) == 2
            more = await plan(client, payer, [replace(row, to=to) for row in lines("b", 1, "dev1")], name)
            assert "10 of 10 USD are used today" in str(more.stopped[0].error)
            await work(client, payer)

    asyncio.run(steps())
    assert states(payer, name) == ["delivered"] * 2
