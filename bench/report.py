"""Formats samples as a Markdown table: medians relative to the first way, and in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.measure import Sample

Samples = Mapping[str, Mapping[float, Sequence[Sample]]]
"""Name of the way -> delay in milliseconds -> its runs."""


def table(samples: Samples) -> str:
    """One row a way. A ratio says how many times as long as l2send it took."""
    delays = list(next(iter(samples.values())))
    head = ["", "HTTP requests", "at once", "proxy seconds"]
    for delay in delays:
        head += [f"+{delay:g} ms: ratio", "seconds", "runs"]
    rows = [_row(name, by_delay, next(iter(samples.values()))) for name, by_delay in samples.items()]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(row, widths) for row in [head, rule, *rows])


def figures(samples: Samples) -> list[dict[str, Any]]:
    """The same for programs: of each way its requests, and by delay in milliseconds ratio, seconds and runs."""
    first = next(iter(samples.values()))
    return [
        {
            "way": name,
            "requests": [sum(sample.traffic.requests) for runs in by_delay.values() for sample in runs],
            "by_delay_ms": {
                f"{delay:g}": {
                    "ratio": round(_median(runs) / _median(first[delay]), 3),
                    "seconds": round(_median(runs), 3),
                    "runs": len(runs),
                }
                for delay, runs in by_delay.items()
            },
        }
        for name, by_delay in samples.items()
    ]


def _row(name: str, by_delay: Mapping[float, Sequence[Sample]], l2send: Mapping[float, Sequence[Sample]]) -> list[str]:
    everything = [sample for samples in by_delay.values() for sample in samples]
    row = [
        name,
        _range([sum(sample.traffic.requests) for sample in everything]),
        str(max(sample.traffic.most_in_flight for sample in everything)),
        f"{median(sample.traffic.busy for sample in everything):.2f}",
    ]
    for delay, samples in by_delay.items():
        seconds, base = _median(samples), _median(l2send[delay])
        row += [f"{seconds / base:.2f}", f"{seconds:.2f}", str(len(samples))]
    return row


def _median(samples: Sequence[Sample]) -> float:
    return median(sample.seconds for sample in samples)


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
    right = [cell.strip().rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
    return f"| {' | '.join([first, *right])} |"
