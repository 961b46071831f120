"""The adversary: changes one place at a time in the bytes to be signed, or in a quote API's answer, and counts.

A change of calldata is caught if it is refused, or if the guard sees other effects than those that were approved.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from l2send.core.errors import L2sendError
from l2send.core.plan import UnsignedTx

Capsys = pytest.CaptureFixture[str]
Judge = Callable[[UnsignedTx], object]
"""The effects of a transaction, compared with the payment as is done before signing. Raises L2sendError."""
Path = tuple[Any, ...]
Name = TypeVar("Name")
Bad = list[tuple[Name, UnsignedTx]]
"""Transactions with one thing changed, each with what it is."""


def tell(capsys: Capsys, what: str, caught: int, of: int, more: str = "") -> None:
    """One line for the reader of the output of the tests."""
    with capsys.disabled():
        print(f"\n[adversary] {what}: {caught} of {of} caught{more}", end="")


def every_byte(capsys: Capsys, what: str, tx: UnsignedTx, judge: Judge) -> list[int]:
    """Change each byte of the calldata, by turns. Returns where not the decoder but the guard noticed it."""
    seeded = random.Random(what)
    bad: Bad[int] = []
    for position in range(len(tx.data)):
        data = bytearray(tx.data)
        data[position] ^= seeded.randint(1, 255)
        bad.append((position, replace(tx, data=bytes(data))))
    return _all_caught(capsys, f"{what} calldata, byte by byte", tx, bad, judge)


def every_field(capsys: Capsys, what: str, tx: UnsignedTx, bad: Bad[str], judge: Judge) -> list[str]:
    """Show each of `bad`, made of `tx`. Returns what not the decoder but the guard noticed."""
    return _all_caught(capsys, f"{what} orders, field by field", tx, bad, judge)


def all_refused(capsys: Capsys, what: str, bad: Mapping[str, UnsignedTx], judge: Judge) -> None:
    """Show each of `bad`: it is refused, and not only seen to have other effects."""
    refused = list[str]()
    for name, tx in bad.items():
        try:
            judge(tx)
        except L2sendError:
            refused.append(name)
    tell(capsys, what, len(refused), len(bad))
    assert refused == list(bad)


def _all_caught(capsys: Capsys, what: str, tx: UnsignedTx, bad: Bad[Name], judge: Judge) -> list[Name]:
    approved = judge(tx)
    guarded, unnoticed = list[Name](), list[Name]()
    for name, changed in bad:
        try:
            (unnoticed if judge(changed) == approved else guarded).append(name)
        except L2sendError:
            continue
    tell(capsys, what, len(bad) - len(unnoticed), len(bad))
    assert not unnoticed, f"{what}: unnoticed: {unnoticed}"
    return guarded


def answers(good: Any, foreign: str) -> Iterator[tuple[str, Any]]:
    """`good`, a JSON document, with one value at a time replaced or left out. `foreign` is another address."""
    for path, value in _places(good):
        name = ".".join(map(str, path))
        for changed in (*_OTHERS, *_neighbours(value, foreign)):
            if changed != value or type(changed) is not type(value):
                yield f"{name} = {changed!r:.40}", with_value(good, path, changed)
        yield f"without {name}", _without(good, path)


_OTHERS = (None, True, 0, -1, "", "0", "-1", "\uff11", 1.5, 2**300, "9" * 90, [], {}, [None], "x\x1b[31m")


def _neighbours(value: Any, foreign: str) -> tuple[Any, ...]:
    """What is nearly `value`."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int):
        return value + 1, value - 1, value // 2, 2 * value
    if isinstance(value, str) and value.isdecimal():
        return tuple(str(number) for number in _neighbours(int(value), foreign))
    return (foreign,)


def _places(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value below the root, and where it stands."""
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inner:
        yield from _places(below, (*path, key))


def with_value(good: Any, path: Path, value: Any) -> Any:
    """A copy of the document with `value` at `path`."""
    changed = copy.deepcopy(good)
    _at(changed, path[:-1])[path[-1]] = value
    return changed


def _without(good: Any, path: Path) -> Any:
    changed = copy.deepcopy(good)
    del _at(changed, path[:-1])[path[-1]]
    return changed


def _at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document
