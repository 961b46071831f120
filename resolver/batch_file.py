"""Reads a file of payments: CSV with any separator, JSON, NDJSON. Checks only its form.

    ref,amount,token,to,memo
    inv-17,25,USDC,base:0x…,November

CSV may have a BOM, CRLF, empty lines, `;` or TAB as its separator, no newline at the end, and the columns in any order
and case. JSON is a list of objects with these names; NDJSON is one object per line. Other columns are kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from l2send.core.csv_rows import csv_rows
from l2send.core.errors import UsageError
from l2send.core.json_text import parse_json

REQUIRED = ("ref", "amount", "token", "to")
COLUMNS = (*REQUIRED, "memo")
_OTHER_NAMES = {
    "reference": "ref",
    "invoice": "ref",
    "destination": "to",
    "recipient": "to",
    "address": "to",
    "note": "memo",
    "description": "memo",
}
"""Common names of these columns."""
MAX_BYTES = 64 * 1024 * 1024
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@unique
class BatchFormat(StrEnum):
    """The format of a file of payments."""

    CSV = "csv"
    JSON = "json"
    NDJSON = "ndjson"


_SUFFIXES = {
    ".csv": BatchFormat.CSV,
    ".tsv": BatchFormat.CSV,
    ".json": BatchFormat.JSON,
    ".ndjson": BatchFormat.NDJSON,
    ".jsonl": BatchFormat.NDJSON,
}


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One payment as written in the file; only white space is trimmed."""

    line: int
    """Its first line in the file, from 1; in a JSON list, its position."""
    ref: str
    amount: str
    token: str
    to: str
    memo: str = ""
    extra: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)
    """The other columns, by their names in the file."""


def read_batch(data: bytes, name: str = "") -> list[BatchRow]:
    """Every payment of a file, in order. The suffix of `name` may give the format; else the first character does.

    Raises UsageError with the line number for a file that cannot be read as a list of payments, or has none.
    """
    text = _decode(data)
    match format_of(text, name):
        case BatchFormat.CSV:
            rows = list(_from_csv(text))
        case BatchFormat.JSON:
            rows = list(_from_json(text))
        case BatchFormat.NDJSON:
            rows = list(_from_ndjson(text))
    if not rows:
        raise UsageError("the file has no payments.", hint=f"It needs a line for each: {','.join(COLUMNS)}")
    return rows


def format_of(text: str, name: str = "") -> BatchFormat:
    """The format by the suffix of `name`; without a known one, by the start of the text."""
    for suffix, known in _SUFFIXES.items():
        if name.lower().endswith(suffix):
            return known
    start = text.lstrip()[:1]
    if start == "{":
        return BatchFormat.NDJSON
    return BatchFormat.JSON if start == "[" else BatchFormat.CSV


def _decode(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise UsageError(f"the file is larger than {MAX_BYTES // 2**20} MiB.", hint="Split it.")
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(f"line {line}: this is not UTF-8 text.", hint="Save the file as UTF-8.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UsageError(f"line {line}: the file holds a NUL byte: it is not text.")
    return text


def _from_csv(text: str) -> Iterator[BatchRow]:
    for line, cells in csv_rows(text, COLUMNS, REQUIRED, _column):
        yield _row(line, cells)


def _column(name: str) -> str:
    """The standard name of a column in a file."""
    name = name.strip().lower()
    return _OTHER_NAMES.get(name, name)


def _from_json(text: str) -> Iterator[BatchRow]:
    document = _parse(text, "the file")
    if isinstance(document, dict):
        document = document.get("payments")
    if not isinstance(document, list):
        raise UsageError(
            "the file is no list of payments.", hint='Write [{"ref": …, "amount": …, "token": …, "to": …}]'
        )
    for place, item in enumerate(document, 1):
        yield _from_object(item, place, f"payment {place}")


def _from_ndjson(text: str) -> Iterator[BatchRow]:
    for line, part in enumerate(text.splitlines(), 1):
        if part.strip():
            yield _from_object(_parse(part, f"line {line}"), line, f"line {line}")


def _parse(text: str, where: str) -> Any:
    """Parse JSON but keep numbers as text: a float would lose digits."""
    try:
        return parse_json(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=_each_once)
    except ValueError as error:
        at = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) and error.lineno > 1 else ""
        raise UsageError(f"{where} is not JSON{at}.") from None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise UsageError("an object names a field twice.")
    return fields


def _from_object(item: Any, line: int, where: str) -> BatchRow:
    if not isinstance(item, dict):
        raise UsageError(f"{where} is no object with {', '.join(REQUIRED)}.")
    cells = dict[str, str]()
    for name, value in item.items():
        if not isinstance(value, str):
            raise UsageError(f"{where}: {name[:40]!r} is neither a text nor a number.")
        column = _column(name) if _column(name) in COLUMNS else name
        if column in cells:
            raise UsageError(f"{where} names {column[:40]!r} twice.")
        cells[column] = value
    missing = [name for name in REQUIRED if name not in cells]
    if missing:
        raise UsageError(f"{where} lacks {', '.join(missing)}.")
    return _row(line, cells)


def _row(line: int, cells: Mapping[str, str]) -> BatchRow:
    trimmed = {name: cells.get(name, "").strip() for name in COLUMNS}
    extra = {name: text for name, text in cells.items() if name and name not in COLUMNS}
    return BatchRow(line, **trimmed, extra=extra)
