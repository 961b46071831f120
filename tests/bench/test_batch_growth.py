"""The pictures of files of payments: one dot for each figure, and a sentence that says so."""

from __future__ import annotations

from pathlib import Path

from bench.batch_growth import Rate, draw, report


def test_every_measured_point_is_a_dot(tmp_path: Path) -> None:
    rates = [Rate("one process", 10, 2.0), Rate("one process", 1000, 20.0), Rate("2 workers", 1000, 10.0)]
    costs = [{"way": "together", "lines": lines, "transactions": 1, "gas": 1, "each": 50_000} for lines in (10, 100)]
    draw(rates, costs, tmp_path)
    speed, gas = ((tmp_path / name).read_text() for name in ("batch-growth.svg", "batch-gas.svg"))
    assert (speed.count("<circle"), gas.count("<circle")) == (3, 2)
    assert all("Each dot is measured" in picture for picture in (speed, gas))
    assert "| 2 workers | 1000 | 10.0 | 100 |" in report(rates, costs)
    assert "| together | 100 | 1 | 50000 |" in report(rates, costs)
