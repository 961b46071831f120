"""Removes secrets from text: those of URLs, which nodes repeat in their errors, and those typed in the wrong place.

Texts are compared without case, separators, percent-encoding and escapes, in windows of a few characters: so a secret
is found even if only a part of it is repeated.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl, unquote, urlsplit

URL_MARK = "[hidden]"
TYPED_MARK = "[not shown: may be a secret]"
_WINDOW, _PHRASE_WINDOW = 8, 14
_SHORTEST = 4
"""A user name, a password or the value of a query key is a secret from this length on."""
_SHORTEST_SEGMENT = 6

# One character of the compared text: %6b, %256b, \u006b, \x6b, &#107; and &#x6b; are k. Any other escape of repr() is a
# separator.
_ENCODED = re.compile(
    r"(?:%(?:25)*|\\+x|\\+u(?=[0-9a-fA-F]{4})00|\\+U000000|&#[xX]0*(?=[0-9a-fA-F]{2};))([0-9a-fA-F]{2});?|&#0*(\d{2,3});"
)
_ESCAPE = re.compile(r"\\(?:[abfnrtv0\\'\"]|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})")
_URL = re.compile(r"\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\"'<>`\\]+")
_KEY_NAMES = re.compile(r"key|token|secret|auth|pass|pw|sig|session|credential", re.IGNORECASE)
_PLAIN = re.compile(
    r"v?\d{1,7}|"
    r"api|arb|arbitrum|archive|avalanche|base|bc|bera|berachain|blast|bnb|bsc|celo|chain|era|eth|ethereum|evm|"
    r"ext|gateway|gnosis|goerli|holesky|hoodi|http|https|ink|json|jsonrpc|linea|lisk|mainnet|mantle|matic|mode|"
    r"moonbeam|net|network|node|nova|one|op|optimism|polygon|pos|public|rpc|scroll|sepolia|soneium|sonic|"
    r"testnet|unichain|world|worldchain|ws|wss|xdai|zkevm|zksync|zora",
    re.ASCII,
)
"""Words in the paths of public endpoints: hiding them would hide the names of chains."""

_HEX = re.compile(r"[0-9a-fA-F]{56,}")
_ERC7930 = re.compile(r"(?:0x)?00010000[0-9a-fA-F]+\Z")
_EXTENDED_KEY = re.compile(r"[a-zA-Z]prv[1-9A-HJ-NP-Za-km-z]{20,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{43,}")
_KEYSTORE = re.compile(r"ciphertext|\"crypto\"|'crypto'|kdfparams", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_WORDS_OF_A_PHRASE = 11
"""A recovery phrase has at least 12 words; one may be missing."""
_PHRASE_OF_IDEOGRAPHS = r"[\u3400-\u9fff](?:[\W\d_]*[\u3400-\u9fff]){10,}"
"""The Chinese lists of BIP-39: each word is one character, with or without white space between. Slow to compile."""
_IDEOGRAPH_WINDOW = 6
_KEY_AS_NUMBERS = re.compile(r"\d{1,3}(?:\W+\d{1,3}){31,}")
"""32 or 64 bytes as decimal numbers: the format of Solana's tools for a key."""


class Secrets:
    """A set of secrets; removes every part of them from texts."""

    def __init__(self, mark: str) -> None:
        """`mark` replaces removed text."""
        self._mark = mark
        self._windows: dict[int, set[str]] = {}

    def add(self, secret: str, window: int = _WINDOW) -> None:
        """Remove `window` or more consecutive characters of `secret` from texts; all of it if it is shorter."""
        text = _comparable(secret)[0].strip()
        if len(text) < _SHORTEST:
            return
        size = min(window, len(text))
        self._windows.setdefault(size, set()).update(text[i : i + size] for i in range(len(text) - size + 1))

    def taken_out(self, text: str) -> str:
        """`text` without the secrets."""
        if not self._windows:
            return text
        compared, places = _comparable(text)
        hidden = bytearray(len(text))
        for size, windows in self._windows.items():
            for start in range(len(compared) - size + 1):
                if compared[start : start + size] in windows:
                    first, last = places[start][0], places[start + size - 1][1]
                    hidden[first:last] = b"\1" * (last - first)
        return _replaced(text, hidden, self._mark)


def _replaced(text: str, hidden: bytearray, mark: str) -> str:
    pieces, before = list[str](), 0
    for place, character in enumerate(text):
        if hidden[place] and not before:
            pieces.append(mark)
        elif not hidden[place]:
            pieces.append(character)
        before = hidden[place]
    return "".join(pieces)


def _comparable(text: str) -> tuple[str, list[tuple[int, int]]]:
    """Lower-case letters and digits, with one space for everything between, and the position of each in `text`."""
    characters, places, at = list[str](), list[tuple[int, int]](), 0
    while at < len(text):
        match = _ENCODED.match(text, at) or _ESCAPE.match(text, at)
        end = match.end() if match else at + 1
        plain = _decoded(match) if match else text[at]
        for character in plain.lower() if plain.isascii() else plain.casefold():
            if character.isalnum():
                characters.append(character)
                places.append((at, end))
            elif not characters or characters[-1] != " ":
                characters.append(" ")
                places.append((at, end))
        at = end
    return "".join(characters), places


def _decoded(match: re.Match[str]) -> str:
    if match.re is not _ENCODED:
        return " "
    return chr(int(match[1], 16) if match[1] else int(match[2]))


_of_urls = Secrets(URL_MARK)
_typed = Secrets(TYPED_MARK)


def remember_url(url: str) -> None:
    """Remove the secrets of `url` from every text that is cleaned from now on."""
    for secret in _secrets_of(url):
        _of_urls.add(secret)


def without_url_secrets(text: str, urls: Sequence[str] = ()) -> str:
    """`text` without the secrets of `urls` and of all remembered URLs.

    URLs in text from the servers of `urls` are reduced to their host: they may hold keys that l2send does not know.
    """
    named = Secrets(URL_MARK)
    for url in urls:
        text = _URL.sub(_host_only, text)
        for secret in _secrets_of(url):
            named.add(secret)
    return _of_urls.taken_out(named.taken_out(text))


def _host_only(match: re.Match[str]) -> str:
    scheme, _, rest = match[0].partition("://")
    where = re.split(r"[/?#]", rest, maxsplit=1)
    host = where[0].rpartition("@")[2]
    return f"{scheme}://{host}/…" if where[1:] not in ([], [""]) or "@" in where[0] else match[0]


def _secrets_of(url: str) -> Iterable[str]:
    """The secrets of a URL: user name, password, keys in its path, query and fragment."""
    try:
        parts = urlsplit(url)
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        yield url
        return
    yield from (unquote(user), unquote(password))
    if user or password:
        yield base64.b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode().rstrip("=")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if _KEY_NAMES.search(name) or _is_secret(value or name):
            yield value or name
    yield from (unquote(part) for part in [*parts.path.split("/"), parts.fragment] if _is_secret(unquote(part)))


def _is_secret(part: str) -> bool:
    words = [word for word in re.split(r"[^a-z0-9]+", part.lower()) if word]
    harmless = all(_PLAIN.fullmatch(word) for word in words)
    return len(part) >= _SHORTEST_SEGMENT and not harmless


def remember_typed(texts: Iterable[str]) -> None:
    """Remove possible secrets in these typed words from every error shown from now on."""
    words = [text for text in texts if not _is_path(text)]
    for word in words:
        if may_be_secret(word):
            _typed.add(word)
        for url in _URL.findall(word):
            for secret in _secrets_of(url):
                _typed.add(secret)
    line = " ".join(words)
    for phrase in _phrases(line):
        _typed.add(phrase, _PHRASE_WINDOW)
    ideographs = () if line.isascii() else re.finditer(_PHRASE_OF_IDEOGRAPHS, line)
    for found in (*ideographs, *_KEY_AS_NUMBERS.finditer(line)):
        _typed.add(found[0], _IDEOGRAPH_WINDOW)


def _is_path(text: str) -> bool:
    """Whether it is a path into an existing folder: its words are not a recovery phrase."""
    folder = os.path.dirname(text.partition("=")[2] or text)
    try:
        return bool(folder) and os.path.isdir(os.path.expanduser(folder))
    except ValueError:
        return False


def without_typed_secrets(text: str) -> str:
    """`text` without possible secrets that were typed."""
    return _typed.taken_out(text)


def may_be_secret(text: str) -> bool:
    """Whether `text` has the form of a private key, an extended or encoded key, a keystore or a recovery phrase."""
    joined = re.sub(r"[\s:_-]", "", text)
    keys = [run for run in _HEX.findall(joined) if not _ERC7930.fullmatch(run)]
    encoded = [run for run in _BASE64.findall(text) if not _HEX.fullmatch(run.removeprefix("0x")) and _is_mixed(run)]
    forms = (_EXTENDED_KEY, _KEYSTORE, _KEY_AS_NUMBERS, *(() if text.isascii() else (_PHRASE_OF_IDEOGRAPHS,)))
    return bool(keys or encoded or any(re.search(form, text) for form in forms) or list(_phrases(text)))


def _is_mixed(run: str) -> bool:
    """Base64 and base58 of 32 bytes have all three; names and links hardly ever do."""
    return all(any(test(c) for c in run) for test in (str.isupper, str.islower, str.isdigit))


def _phrases(text: str) -> Iterable[str]:
    """Runs of words as long as recovery phrases, with any separators."""
    run = list[str]()
    for word in [*_WORD.findall(text), ""]:
        if 2 <= len(word) <= 9:
            run.append(word)
            continue
        if len(run) >= _WORDS_OF_A_PHRASE:
            yield " ".join(run)
        run = []
