"""Payments under a random mixture of faults, kills, lag and reorganisations, from a seed that is printed.

Each round starts payments, breaks random calls, kills the process at random places, takes blocks back,
and lets other processes resume. At the end the world behaves, every payment is resumed once more, and
the chain must show each amount exactly once. `L2SEND_TEST_SEEDS=n` runs n rounds.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from l2send.core.errors import ExitStatus, NotFinal
from l2send.wallet.failpoints import Failpoint
from tests.support.faultproxy import AFTER_ACCEPTING, LOST_REQUEST, REFUSED_BEFORE, FaultProxy
from tests.wallet import processes
from tests.wallet.rig import Rig, to_self

pytestmark = pytest.mark.lab

FIRST_SEED = int(os.environ.get("L2SEND_TEST_SEED", "7683"))
SEEDS = range(FIRST_SEED, FIRST_SEED + int(os.environ.get("L2SEND_TEST_SEEDS", "2")))
METHODS = ["eth_sendRawTransaction"] * 4 + [
    "eth_getTransactionReceipt",
    "eth_getTransactionCount",
    "eth_blockNumber",
    "eth_getBlockByNumber",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_chainId",
]
FAULTS = [*AFTER_ACCEPTING, LOST_REQUEST, REFUSED_BEFORE]
TURNS = 8
CONFIRMATIONS = 12
"""More than the blocks of one turn, so that no reorganisation takes back what is final."""
PLACES = [p for p in Failpoint if p not in (Failpoint.ORDER_OPENED, Failpoint.ORDER_FILLED)]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_payment_is_made_once(seed: int, own_rig: Rig, tmp_path: Path) -> None:
    print(f"seed {seed}")
    dice = random.Random(seed)
    rig, node = own_rig, own_rig.node
    rig.confirmations = CONFIRMATIONS
    with FaultProxy(node.url) as proxy:
        through = rig.through(proxy.url)
        payments = [through.payment(1000 + i) for i in range(3)]
        ids = [through.begin(p, *to_self(through, dice.randrange(2))).id for p in payments]
        steps = sum(len(rig.record(i).transactions) for i in ids)
        kills = turn = 0
        while turn < TURNS or not kills:
            turn += 1
            assert turn < 10 * TURNS, "no process was ever killed"
            snapshot, height = node.call("evm_snapshot"), node.height()
            for _ in range(dice.randrange(4)):
                proxy.break_next(dice.choice(METHODS), dice.choice(FAULTS), dice.randrange(1, 3))
            place, proof = dice.choice(PLACES), tmp_path / f"proof{turn}"
            running = [
                processes.start(processes.job(through, dice.choice(ids), place, proof, 1.0, rig.confirmations)),
                processes.start(
                    processes.job(through, dice.choice(ids), patience=1.0, confirmations=rig.confirmations)
                ),
            ]
            for process in running:
                process.join(60)
            killed = [p for p in running if p.exitcode == -9]
            assert bool(killed) == proof.exists()
            kills += len(killed)
            assert node.height() - height < CONFIRMATIONS
            if dice.random() < 0.25:
                node.call("evm_revert", snapshot)
            else:
                node.mine(dice.randrange(3))
        assert proxy.fired, "no fault happened"
    for payment_id in ids:
        _to_its_end(rig, payment_id)
    assert [node.balance(p.to.address) for p in payments] == [1000, 1001, 1002]
    assert node.sent_by(rig.signer.address) == steps


def _to_its_end(rig: Rig, payment_id: str) -> None:
    for _ in range(20):
        rig.node.mine(CONFIRMATIONS)
        try:
            record = rig.resume(payment_id, patience=0.5)
        except NotFinal:
            continue
        assert record.meaning.exit_status is ExitStatus.DELIVERED
        return
    pytest.fail(f"{payment_id} never came to its end: {rig.record(payment_id)}")
