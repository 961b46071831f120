"""Draws curves as SVG: one line for each name, over a logarithmic axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 860, 420, 70, 250, 50, 50
_COLOURS = ("#1b5e9b", "#a03c00", "#1f6f43", "#6a2c91", "#5a5a00", "#8c1d40", "#005f6b", "#3d3d3d")

Points = Sequence[tuple[float, float]]


def svg(title: str, x_label: str, lines: Mapping[str, Points]) -> str:
    """The picture. x grows by powers of ten; y starts at 0. It says that only the dots were measured."""
    xs = sorted({x for points in lines.values() for x, _ in points})
    top = _nice(max(y for points in lines.values() for _, y in points))

    def at(x: float, y: float) -> tuple[float, float]:
        span = math.log10(xs[-1]) - math.log10(xs[0])
        across = (math.log10(x) - math.log10(xs[0])) / span if span else 0
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - y / top * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<style>text { font: 13px sans-serif }</style>",
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="20" font-size="16">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="38">Each dot is measured; the lines between them are not.</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}">{escape(x_label)}</text>',
    ]
    parts += [_grid_line(at(xs[0], y), at(xs[-1], y), f"{y:g}") for y in (top * step / 4 for step in range(5))]
    parts += [_tick(at(x, 0), f"{round(x):,}") for x in xs]
    labels = _apart([at(*points[-1])[1] for points in lines.values()])
    for (name, points), colour, label in zip(lines.items(), _COLOURS, labels, strict=False):
        parts.append(_line([at(x, y) for x, y in points], name, colour, label))
    return "\n".join([*parts, "</svg>", ""])


def _nice(most: float) -> float:
    """A round number that is not below `most`."""
    unit = 10 ** math.floor(math.log10(most))
    return next(step * unit for step in (1, 2, 4, 8, 10) if step * unit >= most)


def _apart(heights: list[float]) -> list[float]:
    """The same heights, moved up so that no two labels overlap and none is on the axis, in the order they came."""
    order = sorted(range(len(heights)), key=heights.__getitem__, reverse=True)
    moved, below = list(heights), float(_HEIGHT - _BOTTOM + 10)
    for place in order:
        moved[place] = below = min(heights[place], below - 17)
    return moved


def _grid_line(start: tuple[float, float], end: tuple[float, float], label: str) -> str:
    (left, y), (right, _) = start, end
    return (
        f'<path d="M{left:.1f} {y:.1f}H{right:.1f}" stroke="#d0d0d0"/>'
        f'<text x="{left - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def _tick(place: tuple[float, float], label: str) -> str:
    return f'<text x="{place[0]:.1f}" y="{place[1] + 20:.1f}" text-anchor="middle">{label}</text>'


def _line(places: Sequence[tuple[float, float]], name: str, colour: str, label_y: float) -> str:
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}'
        f'<text x="{places[-1][0] + 12:.1f}" y="{label_y + 4:.1f}" fill="{colour}">{escape(name)}</text>'
    )
