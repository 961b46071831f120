"""Checks, before decoding, that ABI bytes have the layout that encoders produce.

The ABI lets parts lie anywhere and overlap: eight megabytes of overlapping arrays decode to gigabytes of values.
Encoders write the parts one after another. So each part must begin at or after the end of the previous one, and a
length must fit into the available bytes: decoded data is never larger than the input. Source: docs.soliditylang.org
abi-spec, "Formal Specification of the Encoding".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from l2send.core.errors import BadAnswer

if TYPE_CHECKING:
    from eth_abi.grammar import ABIType

_WORD = 32


def refuse_odd_layout(types: Sequence[str], data: bytes) -> None:
    """Raises BadAnswer unless `data` holds values of `types` in parts that do not overlap."""
    from eth_abi.grammar import parse

    _sequence([parse(kind) for kind in types], data, 0)


def _sequence(kinds: Sequence[ABIType], data: bytes, start: int) -> int:
    """The end of a tuple, or of an array's elements, whose offsets count from `start`."""
    heads = [_WORD if kind.is_dynamic else _size(kind) for kind in kinds]
    at, end = start, start + sum(heads)
    if end > len(data):
        raise _too_short()
    for kind, size in zip(kinds, heads, strict=True):
        if kind.is_dynamic:
            part = start + _word(data, at)
            if part < end:
                raise BadAnswer("a contract's answer holds parts that overlap.")
            end = _dynamic(kind, data, part)
        at += size
    return end


def _dynamic(kind: ABIType, data: bytes, start: int) -> int:
    """The end of a value of dynamic size that begins at `start`."""
    if kind.is_array:
        sizes = kind.arrlist[-1] if kind.arrlist else ()
        item, head = kind.item_type, 0 if sizes else _WORD
        count = sizes[0] if sizes else _word(data, start)
        least = _WORD if item.is_dynamic else _size(item)
        if count * max(least, 1) > len(data) - start - head:
            raise _too_short()
        if not item.is_dynamic:
            return start + head + count * least
        return _sequence([item] * count, data, start + head)
    components = getattr(kind, "components", None)
    if components is not None:
        return _sequence(components, data, start)
    end = start + _WORD + _word(data, start)  # bytes, string
    if end > len(data):
        raise _too_short()
    return end


def _size(kind: ABIType) -> int:
    """Bytes of a value of fixed size."""
    if kind.is_array:
        return _size(kind.item_type) * (kind.arrlist or ((1,),))[-1][0]
    components = getattr(kind, "components", None)
    return _WORD if components is None else sum(map(_size, components))


def _word(data: bytes, at: int) -> int:
    if at + _WORD > len(data):
        raise _too_short()
    return int.from_bytes(data[at : at + _WORD], "big")


def _too_short() -> BadAnswer:
    return BadAnswer("a contract's answer is shorter than what it says it holds.")
