"""QR codes: drawn in the terminal, and as PNG and SVG. segno makes them, and is imported only here."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from segno import QRCode

_QUIET_ZONE = 4  # modules of white around a code. Source: ISO/IEC 18004
_QUIET_ON_SCREEN = 2  # enough for every reader tried, and a code of a payment link fits 80 columns
_PIXELS = 8  # a module's side in a PNG or SVG
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_DENSE = re.compile(r"([0-9]{6,}(?!E)|[0-9]+E[0-9]+$)")
"""Runs of digits, and `25E18` at the end, which take less space by themselves, the headers of the parts included.
Source: ISO/IEC 18004, 7.4."""
_INK = "#000000 on #ffffff"


def _code(content: str) -> QRCode:
    import segno

    # Level L holds the most in the least space; segno raises the level if that costs no space. Runs of digits, as those
    # of an amount, take ten bits for three of them: a code of a payment link then fits 24 lines.
    parts = [part for part in _DENSE.split(content) if part]
    return segno.make_qr(parts, error="l")  # type: ignore[arg-type] # its encoder takes several parts


def png(content: str) -> bytes:
    """A black and white picture."""
    return _saved(content, "png")


def svg(content: str) -> bytes:
    """A scalable drawing, as a separate file."""
    return _saved(content, "svg")


def _saved(content: str, kind: str) -> bytes:
    file = io.BytesIO()
    _code(content).save(file, kind=kind, scale=_PIXELS, border=_QUIET_ZONE, light="#fff")
    return file.getvalue()


def inline_svg(content: str) -> str:
    """A drawing for an HTML page: without styles, which the page's policy would refuse, and without a fixed size."""
    return _code(content).svg_inline(border=_QUIET_ZONE, light="#fff", omitsize=True, svgclass=None, lineclass=None)


def draw(content: str, console: Console) -> list[Text] | None:
    """The lines of the code in half blocks, two modules per character; None if `console` cannot show it.

    On a small terminal its white border is one module wide.
    """
    if not _can_show(console) or width(content) > console.width:
        return None
    modules = _modules(content, _QUIET_ON_SCREEN)
    is_low = console.is_terminal and (len(modules) + 1) // 2 >= console.height - 1
    if is_low or len(modules[0]) > console.width:
        modules = _modules(content, 1)
    # With colours, black is drawn on white. Without, drawn modules have the screen's light colour, so the white modules
    # are drawn: right on the usual dark screen, and readable by most scanners on a light one.
    coloured = console.color_system is not None and not console.no_color
    return [Text(line, _INK if coloured else "") for line in _lines(modules, drawn=coloured)]


def width(content: str) -> int:
    """The columns that the code needs at least, with a white border of one module."""
    return len(_modules(content, 1)[0])


def _modules(content: str, border: int) -> list[list[bool]]:
    return [[bool(module) for module in row] for row in _code(content).matrix_iter(border=border)]


def _lines(modules: list[list[bool]], *, drawn: bool) -> list[str]:
    """Rows of characters; modules equal to `drawn` are drawn. Below a last odd row nothing is drawn."""
    pairs = zip(modules[::2], [*modules[1::2], [not drawn] * len(modules[0])], strict=False)
    return ["".join(_HALVES[up is drawn, low is drawn] for up, low in zip(a, b, strict=True)) for a, b in pairs]


def _can_show(console: Console) -> bool:
    try:
        "█▀▄".encode(console.encoding)
    except UnicodeEncodeError:
        return False
    return not console.is_dumb_terminal
