"""Selectors of the standards, and calldata with hidden bytes."""

import pytest

from l2send.bridges.erc7683 import OPEN, OPEN_TOPIC
from l2send.core.calldata import APPROVE, TRANSFER, split_types
from l2send.core.errors import BadAnswer, Refused

TO = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"


def test_selectors_are_those_of_the_standards() -> None:
    assert TRANSFER.selector.hex() == "a9059cbb"
    assert APPROVE.selector.hex() == "095ea7b3"
    assert OPEN.selector.hex() == "e917a962"
    assert OPEN_TOPIC == "0x3448bbc2203c608599ad448eeb1007cea04b788ac631f9f558e8dd01a3c27b3d"


def test_nested_types_stay_whole() -> None:
    assert split_types("uint64,(address,(uint256,bytes)[])[],bytes32") == [
        "uint64",
        "(address,(uint256,bytes)[])[]",
        "bytes32",
    ]
    assert split_types("") == []


def test_decoding_gives_back_what_was_encoded() -> None:
    assert TRANSFER.decode_call(TRANSFER.encode(TO, 5)) == (TO, 5)


@pytest.mark.parametrize("surplus", [b"\x00", b"\xff" * 32])
def test_bytes_besides_the_values_are_refused(surplus: bytes) -> None:
    with pytest.raises(Refused):
        TRANSFER.decode_call(TRANSFER.encode(TO, 5) + surplus)


def test_dirty_upper_bytes_of_an_address_are_refused() -> None:
    data = bytearray(TRANSFER.encode(TO, 5))
    data[5] = 1
    with pytest.raises(Refused):
        TRANSFER.decode_call(bytes(data))


def test_an_empty_answer_is_no_answer() -> None:
    with pytest.raises(BadAnswer):
        TRANSFER.decode_result(b"")
