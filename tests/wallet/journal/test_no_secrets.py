"""The files of the journal hold no key and no URL."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.faultproxy import LOST_REPLY, FaultProxy
from tests.wallet.resuming import SEND
from tests.wallet.rig import Rig


def test_no_rpc_url_and_no_key_reach_the_journal(rig: Rig, proxy: FaultProxy) -> None:
    proxy.break_next(SEND, LOST_REPLY)
    rig.through(proxy.url).pay(rig.payment())
    state = rig.home / "state"
    files: list[Path] = [Path(folder) / name for folder, _, names in os.walk(state) for name in names]
    content = b"".join(file.read_bytes() for file in files)
    assert content
    assert rig.key not in content
    assert rig.key.hex().encode() not in content
    assert b"http" not in content
