"""Tables on terminals of several widths."""

from __future__ import annotations

from rich.console import Console

from l2send.cli.screen import table


def test_a_table_whose_words_would_be_broken_beside_a_whole_address_is_a_list() -> None:
    rows = table("line", "ref", "to", "how", whole=("to",))
    rows.add_row("2", "salary-1", f"dev1:0x{'5' * 40}", "bridged (dev2 by eco)")
    told = dict[int, str]()
    for width in (60, 80, 120):
        console = Console(force_terminal=True, width=width, color_system=None)
        with console.capture() as shown:
            console.print(rows)
        told[width] = shown.get()
    assert told[60].splitlines()[1].split() == ["ref", "salary-1"]
    assert [text.splitlines()[0].split()[:2] for text in (told[80], told[120])] == [["line", "ref"]] * 2
    assert all("salary-1" in text and "bridged" in text for text in told.values())
