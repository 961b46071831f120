"""Maps words that look the same on a screen to one text.

It covers hyphens of word processors, letters of other alphabets with the same shape, wide and small forms. It does not
cover case, nor 0 and O or 1 and l, which most fonts distinguish. Source of the pairs: Unicode TS 39, confusables.txt,
those of whole letters with identical shapes.
"""

from __future__ import annotations

import unicodedata

from l2send.core.text import visible_part

_SHAPES = {
    '"': "\u201c\u201d\u2033", "'": "\u2018\u2019\u02bc\u2032", "-": "\u2212\u2043\u02d7", ".": "\ua4f8",
    "/": "\u2044\u2215\u29f8", "3": "\u0417\u0437", "6": "\u0431", ":": "\u2236\ua789", "A": "\u0410\u0391",
    "B": "\u0412\u0392", "C": "\u0421", "E": "\u0415\u0395", "G": "\u050c", "H": "\u041d\u0397", "I": "\u0406\u0399",
    "J": "\u0408", "K": "\u041a\u039a", "M": "\u041c\u039c", "N": "\u039d", "O": "\u041e\u039f", "P": "\u0420\u03a1",
    "Q": "\u051a", "S": "\u0405", "T": "\u0422\u03a4", "V": "\u0474", "W": "\u051c", "X": "\u0425\u03a7",
    "Y": "\u0423\u04ae\u03a5", "Z": "\u0396", "a": "\u0430\u03b1\u0251", "c": "\u0441", "d": "\u0501", "e": "\u0435",
    "g": "\u0261", "h": "\u04bb\u0570", "i": "\u0456\u03b9\u0131", "j": "\u0458", "k": "\u043a\u03ba", "l": "\u04cf",
    "o": "\u043e\u03bf\u0585", "p": "\u0440\u03c1", "q": "\u051b", "s": "\u0455", "u": "\u03c5\u057d",
    "v": "\u0475\u03bd", "w": "\u051d", "x": "\u0445\u03c7", "y": "\u0443\u03b3", "|": "\u01c0\u2223",
    "·": "\u2219\u2022",
}  # fmt: skip
"""Letters and signs, each with others of the same shape."""
_TABLE = str.maketrans({other: shape for shape, others in _SHAPES.items() for other in others})


def looks_of(word: str) -> str:
    """The same text for all words that look like `word`. For comparison only: never shown or stored."""
    shown = unicodedata.normalize("NFKC", visible_part(word).translate(_TABLE))
    folded = shown.translate(_TABLE)
    if not folded.isascii():
        folded = "".join("-" if unicodedata.category(c) == "Pd" else c for c in folded)
    return " ".join(folded.split())


def unlike(word: str, other: str) -> str:
    """A sentence on the first difference between two words that look the same."""
    at = next(
        (i for i, (one, two) in enumerate(zip(word, other, strict=False)) if one != two), min(len(word), len(other))
    )
    one, two = (f"U+{ord(text[at]):04X}" if at < len(text) else "its end" for text in (word, other))
    return f"character {at + 1} is {one} here and {two} there"
