"""What the screen says of a prepared payment, before it is signed on a machine without a network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from l2send.cli.offline_files import show_parts
from l2send.core.chains import Registry
from l2send.core.plan import GasPrice
from l2send.core.units import Gas, Nonce, Seconds, UnixTime, Wei
from l2send.wallet.offline import Bundle, Part
from tests.wallet.journal.writing import CHAIN, a_payment
from tests.wallet.rig import paying_quote


@pytest.mark.parametrize("until", [None, UnixTime(1_800_000_000)])
def test_no_time_is_shown_as_the_end_of_a_signature(until: UnixTime | None, capsys: pytest.CaptureFixture[str]) -> None:
    """A file may name any time: no signed byte holds it, and a node takes the bytes later too."""
    payment, price = a_payment(), GasPrice(Wei(1), Wei(1), Wei(4))
    steps = (replace(step, nonce=Nonce(3), gas=Gas(60_000), price=price) for step in paying_quote(payment, CHAIN).steps)
    part = Part("p-abcdefgh", Seconds(12), until, tuple(steps))
    show_parts(Bundle("p-abcdefgh", payment, (part,)), Registry({CHAIN.short_name: CHAIN}))
    shown = " ".join(capsys.readouterr().err.split())
    assert "valid as long as its nonce is free and its fees suffice, no matter who sends it" in shown
    assert ("send by 2027-01-15 08:00:00 UTC: l2send refuses it later" in shown) == (until is not None)
