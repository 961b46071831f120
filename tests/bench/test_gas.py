"""The gas benchmark counts every transaction of a payment, and the paying one separately."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.gas import measure_coin, measure_gas, measure_three
from bench.payer import funded_payer
from l2send.core.paths import Paths

pytestmark = pytest.mark.lab


def test_every_transaction_counts(capsys: pytest.CaptureFixture[str]) -> None:
    cache = Path(os.environ.get("L2SEND_CACHE") or Paths.from_environment().cache)
    with funded_payer(cache, lambda _: None) as payer:
        direct, *bridged = measure_gas(payer)
        apart, by_multicall3 = measure_coin(payer)
        three, first, together, by_safe = measure_three(payer)
    assert (direct["transactions"], direct["ratio"]) == (1, 1.0)
    assert direct["gas"] == direct["least"] <= direct["gas_limits"]
    assert [row["transactions"] for row in (three, first, together, by_safe)] == [3, 1, 1, 1]
    assert [row["transactions"] for row in (apart, by_multicall3)] == [10, 1]
    assert by_multicall3["gas"] < apart["gas"] == 10 * 21_000
    assert together["gas"] < first["gas"] < three["gas"]
    assert together["gas"] < by_safe["gas"] < three["gas"]
    with capsys.disabled():
        rows = (three, first, together, by_safe, apart, by_multicall3)
        print("\n[gas]", *(f"{row['way']}: {row['gas']}" for row in rows), sep="\n")
    for row in bridged:
        assert row["transactions"] == 2, "an approval of exactly the amount, and the opening"
        assert row["least"] < row["gas"] <= row["gas_limits"]
