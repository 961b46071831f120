"""Derivation paths: they select one of the accounts under a seed. Source: BIP-32, BIP-44.

Wallets number accounts in one of two places. MetaMask, Foundry and older Trezor software use the last,
`m/44'/60'/0'/0/N`; Ledger Live and Trezor Suite use the third, `m/44'/60'/N'/0/0`. `cast` does the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from l2send.core.errors import UsageError
from l2send.core.text import clean

_HARDENED = 1 << 31
_MOST_PARTS = 10
"""The most numbers that a Ledger's Ethereum app accepts."""


@dataclass(frozen=True, slots=True)
class DerivationPath:
    """The numbers of a path; 2^31 is added to hardened ones."""

    numbers: tuple[int, ...]

    def __str__(self) -> str:
        return "/".join(["m", *(f"{n - _HARDENED}'" if n >= _HARDENED else str(n) for n in self.numbers)])


def parse_path(text: str) -> DerivationPath:
    """Parse a path such as `m/44'/60'/0'/0/0`; `h` means the same as `'`. Raises UsageError."""
    parts = text.strip().split("/")
    if parts[0] != "m" or not 1 < len(parts) <= _MOST_PARTS + 1:
        raise _bad(text)
    return DerivationPath(tuple(_number(part, text) for part in parts[1:]))


def path_of_phrase(index: int) -> DerivationPath:
    """The path of account `index` in wallets that hold a phrase. Raises UsageError."""
    return parse_path(f"m/44'/60'/0'/0/{index}")


def path_on_device(index: int) -> DerivationPath:
    """The path of account `index` in Ledger Live and Trezor Suite. Raises UsageError."""
    return parse_path(f"m/44'/60'/{index}'/0/0")


def _number(part: str, text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,10})(['hH]?)", part, re.ASCII)
    if not found or int(found[1]) >= _HARDENED:
        raise _bad(text)
    return int(found[1]) + (_HARDENED if found[2] else 0)


def _bad(text: str) -> UsageError:
    return UsageError(
        f"{clean(text, 60)!r} is not a derivation path.",
        hint="A path looks like m/44'/60'/0'/0/0; each number is below 2147483648.",
    )
