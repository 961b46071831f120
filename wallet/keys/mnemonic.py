"""Recovery phrases: derives a BIP-32 key from BIP-39 words. Only the key is kept, encrypted like any other.

Only the English word list, which hardware wallets and MetaMask use.
"""

from __future__ import annotations

import unicodedata
from typing import NoReturn

from l2send.core.errors import ConfigError
from l2send.wallet.keys.derivation import DerivationPath
from l2send.wallet.keys.signer import SecretKey

_LENGTHS = (12, 15, 18, 21, 24)


class Phrase:
    """The words of a seed, with a valid checksum. No repr, log line or pickle shows them."""

    __slots__ = ("__words",)

    def __init__(self, text: str) -> None:
        """Parse typed words. Raises ConfigError with the position of a wrong word, never the word."""
        words = unicodedata.normalize("NFKD", text).lower().split()
        problem = _problem(words)
        if problem:
            raise ConfigError(f"that is not a recovery phrase: {problem}.", hint="Nothing was written.") from None
        self.__words = tuple(words)

    def __repr__(self) -> str:
        return f"Phrase({len(self.__words)} words, hidden)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a recovery phrase is never serialised")

    def reveal(self) -> tuple[str, ...]:
        """The words, for the one screen that shows them and for the library that derives keys."""
        return self.__words

    @classmethod
    def fresh(cls, words: int = 12) -> Phrase:
        """A new phrase from the operating system's randomness: 128 bits in 12 words, 256 in 24."""
        from eth_account.hdaccount.mnemonic import Mnemonic

        return cls(Mnemonic().generate(words))

    def key(self, path: DerivationPath, passphrase: str = "") -> SecretKey:
        """The key at `path`. Every passphrase is valid, and each leads to other accounts. Raises ConfigError."""
        from eth_account.hdaccount import key_from_seed
        from eth_account.hdaccount.mnemonic import Mnemonic

        # Raised outside the handler, so that no traceback leads to a frame that holds the seed.
        try:
            return SecretKey(key_from_seed(Mnemonic.to_seed(" ".join(self.__words), passphrase), str(path)))
        except Exception as error:  # noqa: BLE001
            failure = type(error).__name__
        raise ConfigError(f"no key could be derived at {path} ({failure}).")


def _problem(words: list[str]) -> str:
    """What is wrong with `words`, by position, or an empty string. Source: BIP-39."""
    from eth_account.hdaccount.mnemonic import Mnemonic

    english = Mnemonic()
    unknown = [str(place) for place, word in enumerate(words, 1) if word not in english.wordlist]
    if len(unknown) == 1:
        return f"word {unknown[0]} of {len(words)} is not on the English list of BIP-39"
    if unknown:
        return f"the words {', '.join(unknown)} of {len(words)} are not on the English list of BIP-39"
    if len(words) not in _LENGTHS:
        return f"it has {len(words)} words, not 12, 15, 18, 21 or 24"
    if not english.is_mnemonic_valid(" ".join(words)):
        return "all its words are on the list and its checksum is wrong: a word is wrong, or in the wrong place"
    return ""
