"""Two consoles: data goes to stdout, everything else to stderr. Foreign text is cleaned for both.

rich is imported only to draw: a script that reads JSON does not wait for it.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from l2send.cli.lines_to_type import as_typed_here, places_of_devnet
from l2send.cli.progress_mode import ProgressMode, progress_mode
from l2send.cli.styles import is_plain, theme
from l2send.core.chains import Chain
from l2send.core.text import clean, json_escaped

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
    from rich.text import Text

_NARROW = 60  # columns, as is:
_PIPE = 1000


@cache
def out() -> Console:
    """stdout: the result. Wide if it is not a terminal, so that a pipe gets whole lines."""
    from rich.console import Console

    return _helpful(Console(markup=False, highlight=False, emoji=False, soft_wrap=True, theme=theme()))


@cache
def aloud() -> Console:
    """stderr for what must be read: errors and questions."""
    from rich.console import Console

    return _helpful(Console(stderr=True, markup=False, highlight=False, emoji=False, theme=theme()))


def err() -> Console:
    """stderr for everything but the result; discarded with `--quiet` and `--progress json`."""
    return _nowhere() if progress_mode() in {ProgressMode.NONE, ProgressMode.JSON} else aloud()


def _helpful(console: Console) -> Console:
    """`console`, which prints every text with its lines to type as they work here. Tables hold such texts already."""
    from rich.console import RenderHook
    from rich.text import Text

    class LinesToType(RenderHook):
        def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
            return [typed_here(one) if isinstance(one, Text) else one for one in renderables]

    console.push_render_hook(LinesToType())
    return console


def typed_here(text: Text) -> Text:
    """`text` in its colours, with its lines to type as they work here."""
    places = places_of_devnet(text.plain)
    return text.blank_copy("--devnet ").join(text.divide(places)) if places else text


@cache
def _nowhere() -> Console:
    from rich.console import Console

    return Console(quiet=True)


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on stdout."""
    print(as_json(document, sys.stdout, indent=2))


def print_data(text: str) -> None:
    """Text for a program or a file on stdout, as it is."""
    sys.stdout.write(text)


def as_json(document: dict[str, Any], stream: TextIO, indent: int | None = None) -> str:
    """JSON text that `stream` can encode, on one line if not indented.

    Characters are escaped if the stream cannot encode them, or if they are invisible or control a terminal.
    """
    takes_all = (stream.encoding or "utf-8").lower().startswith("utf")
    return json_escaped(json.dumps(document, ensure_ascii=not takes_all, indent=indent))


class Rows:
    """A light table; on a narrow terminal, a list of its rows as headings and values."""

    def __init__(self, *headings: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> None:
        from rich.table import Table

        self._headings, self._keeps_some_whole = headings, bool(whole)
        self._table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
        self._list = Table.grid(padding=(0, 2))
        self._list.add_column(style="bold", no_wrap=True)
        self._list.add_column(overflow="fold")
        self._lines = list[str]()
        for heading in headings:
            no_wrap = heading in whole
            if heading in right:
                self._table.add_column(heading, justify="right", overflow="fold", no_wrap=no_wrap)
            else:
                self._table.add_column(heading, overflow="fold", no_wrap=no_wrap)

    def __len__(self) -> int:
        return self._table.row_count

    def add_row(self, *cells: Text | str) -> None:
        """A cell for each heading."""
        cells = tuple(as_typed_here(cell) if isinstance(cell, str) else typed_here(cell) for cell in cells)
        self._table.add_row(*cells)
        if len(self) > 1:
            self._list.add_row()
            self._lines.append("")
        for heading, cell in zip(self._headings, cells, strict=False):
            said = cell if isinstance(cell, str) else cell.plain
            if heading:
                self._list.add_row(heading, cell)
                self._lines += [f"{heading}: {said}"] if said else []
            elif cell:  # A mark without a heading.
                self._list.add_row(cell)
                self._lines.append(said)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        if is_plain():
            yield Text("\n".join(self._lines))
        elif not console.is_terminal:
            yield from console.render(self._table, options.update(max_width=_PIPE))
        else:
            yield self._list if self._is_too_wide(console, options) else self._table

    def _is_too_wide(self, console: Console, options: ConsoleOptions) -> bool:
        """Whether the terminal is narrow, or the columns beside those kept whole would be broken inside of words."""
        if options.max_width < _NARROW or not self._keeps_some_whole:
            return options.max_width < _NARROW
        from rich.measure import Measurement

        return Measurement.get(console, options.update(max_width=_PIPE), self._table).minimum > options.max_width


def table(*headings: str, right: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> Rows:
    """A table for a console; headings in `right` hold numbers, cells of those in `whole` are not wrapped."""
    return Rows(*headings, right=right, whole=whole)


def print_pairs(console: Console, rows: list[tuple[str, Text]]) -> None:
    """Labels and values: a grid on a terminal, whole lines in a pipe; in plain mode, each label before its value."""
    rows = [(label, typed_here(value)) for label, value in rows]
    if is_plain():
        for label, value in rows:
            console.out(f"{label}: {value.plain}" if label else value.plain, highlight=False)
        return
    if not console.is_terminal:
        width = max(len(label) for label, _ in rows) + 2
        for label, value in rows:
            console.out(f"{label:<{width}}{value.plain}".rstrip(), highlight=False)
        return
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(label, value)
    console.print(grid)


def print_words(console: Console, text: Text | str, style: str = "") -> None:
    """Sentences: wrapped between words on a terminal, unwrapped in a pipe."""
    console.print(text, style=style, soft_wrap=not console.is_terminal)


def print_beside(console: Console, mark: Text, text: Text) -> None:
    """Sentences to the right of `mark`, all lines, on a terminal; one line in a pipe."""
    if not console.is_terminal or is_plain():
        console.print(mark + text, soft_wrap=True)
        return
    from rich.table import Table

    text = typed_here(text)
    grid = Table.grid()
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(mark, text)
    console.print(grid)


def styled(text: object, style: str = "", limit: int = 200) -> Text:
    """Any text as one clean line, never as markup."""
    from rich.text import Text

    return Text(clean(text, limit), style=style)


_STAGE_STYLE = {"2": "green", "1": "green", "0": "yellow"}


def stage(chain: Chain) -> Text:
    """The rollup's maturity, in words as well as in colour."""
    from rich.text import Text

    words = {"l1": "Ethereum itself"}.get(chain.kind) if chain.chain_id == 1 else None
    return Text(words or str(chain.stage), style=_STAGE_STYLE.get(chain.stage.value, "dim"))


_STAGE_MEANS = {
    "0": "its operators can still change everything",
    "1": "users can leave without its operators, a council can override",
    "2": "code alone decides, users have time to leave before changes",
    "none": "none known, so assume that its operators must be trusted",
}


def stage_in_words(chain: Chain) -> str:
    """The stage and what it means for money there. Source: L2BEAT's stages framework."""
    if chain.chain_id == 1:
        return "Ethereum itself"
    if chain.testnet:
        return "a test chain, whose money is worth nothing"
    known = chain.stage.value in {"0", "1", "2"}
    label = f"L2BEAT {chain.stage} ({chain.stage.date})" if known else "rollup stage"
    return f"{label}: {_STAGE_MEANS[chain.stage.value]}"
