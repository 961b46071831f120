"""kill -9 at every place of a speedup or a cancel: the payment is made once, or never."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from l2send.core.errors import L2sendError, NotFinal
from l2send.wallet.journal.states import PaymentState
from tests.support.faultproxy import LOST_REPLY, LOST_REQUEST, Fault, FaultProxy
from tests.wallet import processes
from tests.wallet.outbidding import outbid
from tests.wallet.resuming import SEND, waiting
from tests.wallet.rig import Node, Rig

pytestmark = pytest.mark.lab

PLACES = ["signed", "journaled", "before_broadcast", "after_broadcast", "broadcast"]


@pytest.mark.parametrize("fault", [None, LOST_REPLY, LOST_REQUEST], ids=str)
@pytest.mark.parametrize("cancel", [False, True], ids=["speedup", "cancel"])
def test_killed_anywhere_it_pays_once_or_never(
    cancel: bool, fault: Fault | None, slow: Rig, slow_proxy: FaultProxy, tmp_path: Path
) -> None:
    """kill -9 at every place of a replacement; one `resume` in a fresh process finishes what was journaled."""
    for place in PLACES:
        first, proof = waiting(slow), tmp_path / place
        already = slow.node.sent_by(first.payment.sender)
        slow_proxy.fired.clear()
        slow_proxy.requests.clear()
        if fault:
            slow_proxy.break_next(SEND, fault)
        process = processes._context.Process(
            target=_outbid_and_die,
            args=(slow.home, slow_proxy.url, slow.key, first.id, cancel, place, proof),
        )
        process.start()
        process.join(60)
        assert (process.exitcode, proof.read_text()) == (-9, f"{place}\n")
        handed_out = place in ("after_broadcast", "broadcast")
        assert len(slow_proxy.fired) == (1 if fault and handed_out else 0)
        slow_proxy._faults.clear()

        with pytest.raises(NotFinal):
            slow.through(slow_proxy.url).resume(first.id, patience=0.3)
        slow.node.mine()
        record = slow.resume(first.id)
        signed_twice = place != "signed"
        assert len(record.transactions) == 1 + signed_twice
        assert {raw for (raw,) in slow_proxy.sent(SEND)} <= {"0x" + tx.raw.hex() for tx in record.transactions}
        paid = not (cancel and signed_twice)
        assert record.state is (PaymentState.DELIVERED if paid else PaymentState.CANCELLED)
        assert slow.node.balance(first.payment.to.address) == (first.payment.amount.units if paid else 0)
        assert slow.node.sent_by(first.payment.sender) == already + 1


def _outbid_and_die(home: Path, url: str, key: bytes, payment_id: str, cancel: bool, place: str, proof: Path) -> None:
    os.environ.update({"L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)})
    rig = Rig(home, Node(url), (url,), key=key)
    try:
        outbid(rig, payment_id, cancel=cancel)
    except L2sendError as error:
        os._exit(error.exit_status)
    os._exit(0)
