"""How stderr tells what is going on: what `--progress` and `--quiet` ask for, kept for the run of one command."""

from __future__ import annotations

from enum import StrEnum, unique


@unique
class Telling(StrEnum):
    """What `--progress` asks for."""

    LIVE = "live"
    PLAIN = "plain"
    JSON = "json"
    NONE = "none"


_asked_for = list[Telling]()


def tell(how: Telling | None) -> None:
    """Set how stderr tells what is going on; None: as suits what stderr is."""
    _asked_for[:] = [how] if how else []


def telling() -> Telling:
    """How stderr tells what is going on: live for a person at a terminal, in plain lines for anything else."""
    if _asked_for:
        return _asked_for[0]
    from l2send.cli.screen import aloud

    return Telling.LIVE if aloud().is_terminal else Telling.PLAIN
