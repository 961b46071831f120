"""The journal's file is removed while a payment runs: nothing is signed or sent after that, and nothing twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from l2send.core.errors import ExitStatus, Sent
from l2send.wallet.journal.errors import JournalReplaced
from tests.support.faultproxy import FaultProxy
from tests.wallet.rig import Rig

SEND = "eth_sendRawTransaction"


def deleted(path: Path) -> None:
    path.unlink()


def deleted_with_its_log(path: Path) -> None:
    for file in path.parent.glob("journal.db*"):
        file.unlink()


def renamed_over(path: Path) -> None:
    copy = path.with_name("older")
    shutil.copy2(path, copy)
    copy.rename(path)


@pytest.mark.parametrize("swap", [deleted, deleted_with_its_log, renamed_over])
@pytest.mark.parametrize(
    ("method", "sent"),
    [("eth_getTransactionCount", 0), ("eth_estimateGas", 0), ("eth_getBalance", 0), (SEND, 1)],
)
def test_what_runs_stops_before_the_next_signature_or_broadcast(
    rig: Rig, proxy: FaultProxy, swap: Callable[[Path], None], method: str, sent: int
) -> None:
    path = rig.home / "state" / "journal.db"
    record = rig.begin(rig.payment(), key="invoice-7")
    swapped = list[str]()

    def at_once(_: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        if not swapped:
            swap(path)
            swapped.append(method)
        return answer

    proxy.twist(method, at_once)
    with pytest.raises(JournalReplaced, match="while l2send was using it") as refused:
        rig.through(proxy.url).resume(record.id)
    assert swapped, "the file was not taken away, so nothing was shown"
    assert len(proxy.sent(SEND)) == sent
    assert (refused.value.exit_status, refused.value.sent) == (ExitStatus.CHANGED, Sent.MAYBE)
