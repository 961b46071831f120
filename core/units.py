"""Units: chains, tokens, amounts. Integers internally, one strict grammar for typed amounts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NewType

from l2send.core.address import Address
from l2send.core.errors import BadAmount

ChainId = NewType("ChainId", int)
"""EIP-155 chain id."""
Wei = NewType("Wei", int)
"""10^-18 of a chain's native coin."""
Gas = NewType("Gas", int)
Nonce = NewType("Nonce", int)
BlockNumber = NewType("BlockNumber", int)
Seconds = NewType("Seconds", int)
UnixTime = NewType("UnixTime", int)
"""Seconds since 1970, usually by a chain's clock."""

_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_COMMAS_IN_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]{1,18})?", re.ASCII)
_COMMA_BEFORE_DECIMALS = re.compile(r"([0-9]{1,3}(\.[0-9]{3})+|[0-9]{1,30}),[0-9]{1,18}", re.ASCII)
_MAX_UINT256 = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Token:
    """A token on one chain, identified by its address: `address` is None for the chain's native coin."""

    chain_id: ChainId
    address: Address | None
    symbol: str
    decimals: int
    name: str = ""
    bridged: bool = False
    asset: str = ""
    """The asset's name on every chain, if the symbol is ambiguous: bridged USDC is not USDC."""
    peg: str = ""
    """"USD" for a stablecoin; used to compare costs, never to convert money."""

    @property
    def is_native(self) -> bool:
        """Whether this is the chain's native coin."""
        return self.address is None

    def same_asset(self, other: Token) -> bool:
        """Whether both are the same asset, each on its own chain: native and bridged USDC are not."""
        return (self.asset or self.symbol, self.is_native) == (other.asset or other.symbol, other.is_native)


@dataclass(frozen=True, slots=True)
class Amount:
    """`units` base units (10^-decimals) of a token."""

    units: int
    token: Token

    @property
    def text(self) -> str:
        """Only the number, exact, without trailing zeros: `1.5`."""
        return format_units(self.units, self.token.decimals)

    def __str__(self) -> str:
        return f"{self.text} {self.token.symbol}"

    def in_units_of(self, token: Token) -> int:
        """The same value in base units of the same asset on another chain, rounded up."""
        shift = token.decimals - self.token.decimals
        return self.units * int(10**shift) if shift >= 0 else -(-self.units // int(10**-shift))


def parse_amount(text: str, token: Token) -> Amount:
    """The amount a person typed, exact.

    The grammar is `digits[.digits]` in ASCII: no sign, exponent, separator or other script's digits, since each of
    these has cost people money. Raises BadAmount.
    """
    match = _AMOUNT.fullmatch(text)
    if not match:
        raise BadAmount(f"not an amount: {text[:40]!r}.", hint=_amount_hint(text))
    whole, fraction = match[1], match[2] or ""
    if len(fraction) > token.decimals:
        raise BadAmount(
            f"{text[:60]} has {len(fraction)} decimals, {token.symbol} has {token.decimals}.",
            hint=f"The smallest amount is {format_units(1, token.decimals)} {token.symbol}.",
        )
    if len(whole) > 78:
        raise BadAmount(f"{text[:20]}… is more than any token can hold.")
    units = int(whole + fraction.ljust(token.decimals, "0"))
    if units == 0:
        raise BadAmount("the amount is zero.", hint="Name an amount above zero.")
    if units > _MAX_UINT256:
        raise BadAmount(f"{text[:20]}… is more than any token can hold.")
    return Amount(units, token)


def _readings_of_commas(text: str) -> list[str]:
    """What an amount with commas may mean: they stand between thousands, or before the decimals."""
    found = [text.replace(",", "")] if _COMMAS_IN_THOUSANDS.fullmatch(text) else []
    return [*found, text.replace(".", "").replace(",", ".")] if _COMMA_BEFORE_DECIMALS.fullmatch(text) else found


def _amount_hint(text: str) -> str:
    if "," in text:
        meant = " or ".join(_readings_of_commas(text)) or "1304.53"
        return f"Use a point for decimals and no separators: {meant}"
    if re.search(r"[0-9][_\s][0-9]", text):
        return "Use no separators: 1000"
    if re.search(r"[0-9][eE]", text):
        return "Use no exponents: write 1000, not 1e3."
    if text.startswith(("-", "+")):
        return "Use no sign."
    if text.startswith(".") or text.endswith("."):
        return "Write digits on both sides of the point: 0.5"
    return "Use ASCII digits with at most one point, for example 25 or 0.5"


def format_units(units: int, decimals: int) -> str:
    """`units` base units as an exact decimal number without trailing zeros."""
    sign, digits = ("-" if units < 0 else ""), str(abs(units)).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"
