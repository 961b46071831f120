"""Moves a journal to another store, row by row, and checks every row: an SQLite file to PostgreSQL, or back.

At each moment exactly one of the two may be used, so that nothing is sent from both:

    copied     all rows are in the target, in one transaction; it is marked as arriving, and refuses to be used
    compared   every row was read back from both
    retired    the source is marked as moved, in the transaction that was open since before the first row was read
    arrived    the target is free to be used

A run that is killed before `retired` leaves the source unchanged, and the next run starts over. After `retired`, the
next run compares again and completes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import zip_longest

from l2send.core.errors import ConfigError
from l2send.core.text import clean
from l2send.wallet.journal.store import Database, Store, Value

_PAGE = 1000
_KEYS: dict[str, tuple[str, ...]] = {
    "payments": ("seq",),
    "transactions": ("payment_id", "step"),
    "orders": ("payment_id",),
    "sponsored": ("payment_id",),
    "proposals": ("payment_id",),
    "rides": ("payment_id",),
    "events": ("seq",),
    "recipients": ("address",),
    "queue": ("seq",),
    "shared_limits": ("one",),
    "identity": ("one",),
}
"""Every table, with its sort order; a table comes after those whose rows it refers to."""
_SINGLE = ("shared_limits", "identity")
"""Tables with one row, which exists already."""
_NUMBERED = ("payments", "events", "queue")
_OF_THE_PLACE = ("moved_to", "arriving")
"""Columns of `identity` that describe a journal at its place."""


@unique
class Stage(StrEnum):
    """How far a move got."""

    COPIED = "copied"
    COMPARED = "compared"
    RETIRED = "retired"
    ARRIVED = "arrived"


Tell = Callable[[Stage, str], None]
"""Receives each stage, with a sentence, when it is reached."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a journal says about its own place."""

    id: str
    moved_to: str
    arriving: bool
    empty: bool


def place_of(store: Store) -> Place:
    """Read the place of a store's journal. Raises ConfigError."""
    row = store.rows("SELECT id, moved_to, arriving FROM identity", ())[0]
    rows = [store.rows(f"SELECT 1 FROM {table} LIMIT 1", ()) for table in _NUMBERED]  # noqa: S608 - names from above
    return Place(row["id"], row["moved_to"], bool(row["arriving"]), not any(rows))


def move(source: Store, target: Store, tell: Tell) -> int:
    """Move all rows of `source` into `target`, which is empty or holds them already. Returns the number of rows.

    Raises ConfigError, leaving the source unchanged, if a row differs after the copy.
    """
    here, there = place_of(source), place_of(target)
    if here.moved_to:
        if here.moved_to != target.title or there.id != here.id:
            raise ConfigError(f"{source.title} was moved to {clean(here.moved_to, 200)} before.", hint="Use that one.")
        return _complete(source, target, tell)
    if not there.empty:
        raise ConfigError(f"{target.title} holds a journal already.", hint="Name an empty database.")
    with source.writing("", witnessed=False):
        with target.writing("", witnessed=False):
            for table in _KEYS:
                _copy(table, source.db, target.db)
            target.db.execute("UPDATE identity SET arriving = 1")
            if target.locks_rows:
                _count_on(target.db)
        tell(Stage.COPIED, f"all rows are in {target.title}")
        count = _compare(source, target)
        tell(Stage.COMPARED, f"{count} rows are the same in both")
        source.db.execute("UPDATE identity SET moved_to = ?", (target.title,))
    tell(Stage.RETIRED, f"{source.title} is not used any more")
    _arrive(target, tell)
    return count


def _complete(source: Store, target: Store, tell: Tell) -> int:
    """Finish a move whose source was retired already."""
    if place_of(target).arriving:
        count = _compare(source, target)
        tell(Stage.COMPARED, f"{count} rows are the same in both")
        _arrive(target, tell)
        return count
    return sum(1 for table in _KEYS for _ in _rows(table, source.db))


def _arrive(target: Store, tell: Tell) -> None:
    with target.writing("", witnessed=False):
        target.db.execute("UPDATE identity SET arriving = 0")
    tell(Stage.ARRIVED, f"{target.title} is the journal from now on")


def _copy(table: str, source: Database, target: Database) -> None:
    for row in _rows(table, source):
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        if table in _SINGLE:
            target.execute(f"UPDATE {table} SET ({names}) = ({marks})", tuple(row.values()))  # noqa: S608 - as above
        else:
            target.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))  # noqa: S608


def _count_on(db: Database) -> None:
    """Advance PostgreSQL's sequences past the numbers of the copied rows."""
    for table in _NUMBERED:
        db.execute(
            f"SELECT setval(pg_get_serial_sequence(?, 'seq'), greatest(max(seq), 1)) FROM {table}",  # noqa: S608
            (table,),
        )


def _rows(table: str, db: Database) -> Iterator[dict[str, Value]]:
    """Every row, with its columns sorted by name, page by page."""
    keys = _KEYS[table]
    order, marks = ", ".join(keys), ", ".join("?" * len(keys))
    after: Sequence[Value] = ()
    while True:
        where = f"WHERE ({order}) > ({marks})" if after else ""
        page = db.execute(
            f"SELECT * FROM {table} {where} ORDER BY {order} LIMIT {_PAGE}",  # noqa: S608 - names from above
            after,
        ).fetchall()
        for row in page:
            fields = {name: row[name] for name in sorted(row.keys()) if name not in _OF_THE_PLACE}
            yield fields
        if len(page) < _PAGE:
            return
        after = [page[-1][key] for key in keys]


def _compare(source: Store, target: Store) -> int:
    """The number of rows. Raises ConfigError if any row differs, is missing or is extra."""
    count = 0
    for table, keys in _KEYS.items():
        for left, here in zip_longest(_rows(table, source.db), _rows(table, target.db)):
            if left != here:
                row = left or here or {}
                which = ", ".join(str(row[key]) for key in keys)
                raise ConfigError(
                    f"row {clean(which, 60)} of {table} is not the same in {target.title} as in {source.title}. The "
                    "journal was not moved.",
                    hint="Nothing was lost: go on with the one before, and run the command again.",
                )
            count += 1
    return count
