"""Reads QR codes from pictures and screens, as a payer's telephone would."""

from __future__ import annotations

import io

import zxingcpp
from PIL import Image

_HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def read_picture(png: bytes) -> list[str]:
    """What the QR codes in a picture say. A code drawn white on black is not read: not every reader does."""
    with Image.open(io.BytesIO(png)) as image:
        return [found.text for found in zxingcpp.read_barcodes(image.convert("L"), try_invert=False)]


def read_screen(screen: str, *, drawn_is_black: bool) -> list[str]:
    """What the QR codes say that stand as half blocks on a screen, each character two modules."""
    lines = [line for line in screen.splitlines() if line and set(line) <= set(_HALVES)]
    width = max(map(len, lines), default=0)
    rows = [[_HALVES[c][half] for c in line.ljust(width)] for line in lines for half in (0, 1)]
    pixels = bytes(0 if bool(module) is drawn_is_black else 255 for row in rows for module in row)
    small = Image.frombytes("L", (width, len(rows)), pixels)
    file = io.BytesIO()
    small.resize((width * 4, len(rows) * 4), Image.Resampling.NEAREST).save(file, "png")
    return read_picture(file.getvalue())
