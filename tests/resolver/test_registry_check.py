"""A token's own symbol, in either of the formats that tokens use."""

from __future__ import annotations

import pytest

from l2send.resolver.registry_check import _SYMBOL, _SYMBOL_IN_A_WORD, Verdict, _judge_token, _symbol
from tests.bridges.registry import TARGET, address

USDC = TARGET.tokens[0]


@pytest.mark.parametrize("symbol", ["MKR", "USDC", "A" * 32])
def test_a_symbol_in_32_bytes_is_read(symbol: str) -> None:
    word = _SYMBOL_IN_A_WORD.decode_result(symbol.encode().ljust(32, b"\0"))
    assert _symbol(iter([None, word])) == symbol
    assert _SYMBOL_IN_A_WORD.selector == _SYMBOL.selector, "the same question, read in another way"


def test_a_symbol_as_text_counts_first() -> None:
    assert _symbol(iter([("USDC",), (b"\0" * 31 + b" ",)])) == "USDC"


@pytest.mark.parametrize("word", [None, (b"\0" * 32,)])
def test_no_symbol_is_none(word: tuple[bytes] | None) -> None:
    assert _symbol(iter([None, word])) is None


def test_such_a_token_is_as_the_registry_says() -> None:
    assert _judge_token(USDC, address(1), (6,), "USDC") == (Verdict.OK, "")
    assert _judge_token(USDC, address(1), (6,), "MKR")[0] is Verdict.WRONG
