"""kill -9 at every named place, while the node's answer to the broadcast goes wrong in every known way.

After all of it, one `resume` in a fresh process must leave exactly one transfer on the chain.
`L2SEND_TEST_ALL=1` runs every place with every fault; without it, faults meet the places around them.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import pytest

from l2send.core.errors import ExitStatus
from l2send.wallet.failpoints import Failpoint
from tests.support.faultproxy import AFTER_ACCEPTING, LOST_REQUEST, REFUSED_BEFORE, Fault, FaultProxy
from tests.wallet import processes
from tests.wallet.rig import Rig, to_self

pytestmark = pytest.mark.lab

PLACES = [
    "planned",
    "locked",
    "nonce_chosen",
    "nonce_chosen:2",
    "signed",
    "signed:2",
    "journaled",
    "journaled:2",
    "before_broadcast",
    "before_broadcast:2",
    "after_broadcast",
    "after_broadcast:2",
    "broadcast",
    "broadcast:2",
    "mined",
    "mined:2",
    "final",
]
AROUND_THE_BROADCAST = ["journaled", "after_broadcast", "broadcast", "after_broadcast:2", "mined:2"]
FAULTS = [None, *AFTER_ACCEPTING, LOST_REQUEST, REFUSED_BEFORE]


def test_every_place_of_the_executor_is_killed() -> None:
    of_orders = {Failpoint.ORDER_OPENED, Failpoint.ORDER_FILLED}
    assert {place.partition(":")[0] for place in PLACES} == set(Failpoint) - of_orders


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_killed_anywhere_it_pays_exactly_once(fault: Fault | None, rig: Rig, proxy: FaultProxy) -> None:
    everywhere = fault is None or os.environ.get("L2SEND_TEST_ALL")
    for place in PLACES if everywhere else AROUND_THE_BROADCAST:
        _kill_and_resume(place, fault, rig.through(proxy.url), proxy)


def _kill_and_resume(place: str, fault: Fault | None, rig: Rig, proxy: FaultProxy) -> None:
    payment, proof = rig.payment(), rig.home / f"killed-{place}"
    payment_id = rig.begin(payment, *to_self(rig)).id
    already = rig.node.sent_by(payment.sender)
    proxy.requests.clear()
    proxy.fired.clear()
    if fault:
        proxy.break_next("eth_sendRawTransaction", fault, 2)

    assert processes.run(processes.job(rig, payment_id, place, proof)) == -9
    assert proof.read_text() == f"{place}\n"
    assert processes.run(processes.job(rig, payment_id)) == ExitStatus.DELIVERED

    assert rig.node.balance(payment.to.address) == payment.amount.units
    assert rig.node.sent_by(payment.sender) == already + 2
    assert len(proxy.fired) == (2 if fault else 0)
    assert _signatures_per_step(rig, payment_id, proxy) == [1, 1]


def _signatures_per_step(rig: Rig, payment_id: str, proxy: FaultProxy) -> list[int]:
    """How many different bytes went out for each nonce; they must be the journal's."""
    signed = [tx.raw for tx in rig.record(payment_id).transactions]
    seen = defaultdict[bytes, int](int)
    for (raw,) in proxy.sent("eth_sendRawTransaction"):
        seen[bytes.fromhex(raw[2:])] += 1
    assert set(seen) == set(signed)
    return [1 if seen[raw] else 0 for raw in signed]


def test_killed_while_it_holds_the_lock_it_does_not_block_the_next(rig: Rig, tmp_path: Path) -> None:
    first, second = rig.payment(), rig.payment()
    first_id, second_id = rig.begin(first).id, rig.begin(second).id
    proof = tmp_path / "proof"
    assert processes.run(processes.job(rig, first_id, "signed", proof)) == -9
    assert proof.exists()
    assert rig.resume(second_id).meaning.exit_status is ExitStatus.DELIVERED
    assert rig.resume(first_id).meaning.exit_status is ExitStatus.DELIVERED
    assert [rig.node.balance(p.to.address) for p in (first, second)] == [first.amount.units, second.amount.units]


def test_signed_bytes_of_a_killed_payment_go_out_before_the_next_one(rig: Rig, tmp_path: Path) -> None:
    first, second = rig.payment(), rig.payment()
    first_id, second_id = rig.begin(first).id, rig.begin(second).id
    assert processes.run(processes.job(rig, first_id, "journaled", tmp_path / "proof")) == -9
    assert rig.node.sent_by(first.sender) == 0
    assert rig.resume(second_id).transactions[0].nonce == 1
    assert rig.resume(first_id).meaning.exit_status is ExitStatus.DELIVERED
    assert rig.node.sent_by(first.sender) == 2


def test_eight_processes_with_one_key_lose_nothing(rig: Rig) -> None:
    payments = [rig.payment(1000 + i) for i in range(8)]
    jobs = [processes.job(rig, rig.begin(payment).id, patience=60) for payment in payments]
    running = [processes.start(job) for job in jobs]
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0] * 8
    assert [rig.node.balance(p.to.address) for p in payments] == [1000 + i for i in range(8)]
    assert rig.node.sent_by(rig.signer.address) == 8
