"""The only door by which foreign strings (symbols, names, RPC errors) reach a screen or a file."""

from __future__ import annotations

import re
import unicodedata

# Escape sequences go as a whole, so that no readable debris ("[31m") of them stays behind:
# OSC and other string sequences up to their terminator, CSI sequences, and two-character escapes.
_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)


def clean(foreign: object, limit: int = 200) -> str:
    """`foreign` as one printable line of at most `limit` characters.

    Removes escape sequences and every control, format (bidi, zero width), surrogate, private and
    unassigned character; folds white space. What is left is data: print it without markup.
    """
    bounded = str(foreign)[: limit * 20]
    without_escapes = _ESCAPES.sub("", bounded)
    folded = " ".join(without_escapes.split())
    printable = "".join(c for c in folded if not unicodedata.category(c).startswith("C"))
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"
