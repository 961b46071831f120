"""What a word of a payment can be by its form alone, without chains, tokens or contacts."""

from __future__ import annotations

import re

NUMBER = re.compile(r"\d[\d.,_]*|max|all", re.IGNORECASE | re.ASCII)
PREPOSITIONS = frozenset({"to", "on", "from"})


def is_whole_destination(word: str) -> bool:
    """Whether a word contains chain and account, in any form of destination, or is read from stdin."""
    return word == "-" or ":" in word or "@" in word
