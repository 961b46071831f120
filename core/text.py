"""Cleans foreign strings (symbols, names, RPC errors): only cleaned ones may reach a screen or a file.

clean                 one printable line, without the secrets of any URL that l2send knows
redact                that, for text of a known endpoint
in_words              a state, for people
visible_text          an identifier, such as an idempotency key: refused unless every character is visible
json_escaped          JSON text without characters that a terminal obeys or does not show
"""

from __future__ import annotations

import re
import unicodedata

from l2send.core.errors import UsageError
from l2send.core.redaction import without_url_secrets

# Escape sequences are removed whole, so that no readable remains ("[31m") stay: OSC and other string sequences up to
# their terminator, CSI sequences, and two-character escapes.
_ESCAPES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)

# Characters that show nothing although their category says letter, mark or symbol: the fillers and selectors of
# Default_Ignorable_Code_Point (Unicode 15.1, DerivedCoreProperties.txt), the empty Braille cell and null notehead.
_SHOW_NOTHING = frozenset(
    map(
        chr,
        (
            *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x1D159),
            *range(0x180B, 0x1810),
            *range(0xFE00, 0xFE10),
            *range(0xE0000, 0xE1000),
        ),
    )
)
_NOT_IN_JSON = re.compile(r"[^\x20-\x7e\n]")


def is_invisible(character: str) -> bool:
    """Whether a character is invisible or controls the display: controls, formats, surrogates, unassigned, fillers."""
    return character in _SHOW_NOTHING or unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(foreign: object, limit: int = 200) -> str:
    """`foreign` as one printable line of at most `limit` characters.

    Removes escape sequences, invisible characters, and the secrets of URLs; collapses white space. The result is data:
    print it without markup.
    """
    return redact(foreign, limit=limit)


def redact(foreign: object, *urls: str, limit: int = 200) -> str:
    """`clean` for text from the servers of `urls`: their keys are removed, whole or in part, in any encoding."""
    bounded = str(foreign)[: limit * 20]
    without_escapes = _ESCAPES.sub("", bounded)
    folded = " ".join(without_escapes.split())
    printable = without_url_secrets("".join(c for c in folded if not is_invisible(c)), urls)
    return printable if len(printable) <= limit else printable[: limit - 1] + "…"


def in_words(state: str) -> str:
    """A state as people read it: `refund_due` is `refund due`. Documents and databases keep its spelling."""
    return state.replace("_", " ")


def visible_text(typed: str, what: str) -> str:
    """An identifier in the only form that is compared and stored: NFC.

    Raises UsageError for empty text and for invisible characters, which make different words look the same. `what`
    names it, for example "the idempotency key".
    """
    if not typed:
        raise UsageError(f"{what} is empty.", hint="Is a variable of your script unset? Leave the option out for none.")
    if typed[0].isspace() or typed[-1].isspace():
        raise UsageError(f"{what} has white space at its ends.", hint="Take it off: a line end or a space came along.")
    hidden = next((c for c in typed if is_invisible(c) or (c.isspace() and c != " ")), None)
    if hidden:
        name = unicodedata.name(hidden, "a control character or a broken one")
        raise UsageError(
            f"{what} holds what is not seen: U+{ord(hidden):04X}, {name}.",
            hint="Take it out: another word that looks the same would stand for something else.",
        )
    return unicodedata.normalize("NFC", typed)


def visible_part(text: str) -> str:
    """The visible characters of a word, in NFC: equal for words that differ only in invisible ones."""
    seen = "".join(" " if c.isspace() else c for c in text if c.isspace() or not is_invisible(c))
    return unicodedata.normalize("NFC", seen.strip())


def json_escaped(text: str) -> str:
    r"""JSON text with \u escapes for every character that is invisible or controls a terminal."""
    return _NOT_IN_JSON.sub(lambda match: _escape(match[0]) if is_invisible(match[0]) else match[0], text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i : i + 2].hex()}" for i in range(0, len(units), 2))
