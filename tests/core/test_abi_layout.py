"""Answers with overlapping parts, or that claim to be larger than they are: refused before they take memory."""

from __future__ import annotations

import tracemalloc

import pytest

from l2send.core.calldata import abi_decode, abi_encode
from l2send.core.errors import BadAnswer


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


EIGHT_MEGABYTES = 8 * 1024 * 1024 // 32
AGAIN = 1000
OVERLAPPING = {
    "arrays in the same place": (
        ["uint256[][]"],
        words(32, AGAIN, *[32 * AGAIN] * AGAIN, EIGHT_MEGABYTES) + bytes(32 * EIGHT_MEGABYTES),
    ),
    "answers of Multicall3 in the same place": (
        ["(bool,bytes)[]"],
        words(32, AGAIN, *[32 * AGAIN] * AGAIN, 1, 64, 2**20) + bytes(2**20),
    ),
    "texts in the same place": (["string[]"], words(32, AGAIN, *[32 * AGAIN] * AGAIN, 2**20) + bytes(2**20)),
    "an offset backwards": (["(bool,bytes)[]"], words(32, 1, 0, 1, 64, 0)),
    "a part in its own head": (["bytes", "bytes"], words(64, 0, 0)),
    "more elements than bytes": (["uint256[]"], words(32, 2**255)),
    "more bytes than there are": (["bytes"], words(32, 2**64, 0)),
    "more empty arrays than bytes": (["uint256[][]"], words(32, 2**40, 0)),
    "an offset beyond the end": (["bytes"], words(2**200, 0)),
    "nothing": (["uint256"], b""),
}


@pytest.mark.parametrize("name", OVERLAPPING)
def test_it_is_refused_and_takes_no_memory(name: str) -> None:
    types, data = OVERLAPPING[name]
    tracemalloc.start()
    try:
        with pytest.raises(BadAnswer):
            abi_decode(types, data)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2 * 1024 * 1024


@pytest.mark.parametrize(
    ("types", "values"),
    [
        (["(bool,bytes)[]"], ([(True, b"abc"), (False, b"")],)),
        (["uint256[][2]", "string"], ([(1, 2), ()], "x" * 70)),
        (["(uint8,(string,bytes[2])[],int24)[2]"], ([(1, [("a", [b"", b"b"])], -5), (2, [], 7)],)),
        (["address[4]", "bytes4"], (["0x" + "11" * 20] * 4, b"abcd")),
        (["bool[]", "bytes[]"], ([], [])),
    ],
)
def test_what_an_encoder_writes_is_taken(types: list[str], values: tuple[object, ...]) -> None:
    data = abi_encode(types, list(values))
    assert abi_encode(types, list(abi_decode(types, data))) == data


def test_gaps_between_parts_are_taken() -> None:
    assert abi_decode(["bytes"], words(96, 7, 7, 1) + b"x" + bytes(31)) == (b"x",)
