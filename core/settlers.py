"""The registry's entry for one bridge on one chain: its contracts, its quote API, and the solver's fee.

The type of `[chains.base.settlers.eco]` is its name. An entry with another name states its `type`:
`[chains.base.settlers.acme]` with `type = "eco"`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from l2send.core.address import Address, parse_address
from l2send.core.errors import BadAddress, ConfigError
from l2send.core.text import clean

BPS = 10_000
"""Basis points in a whole: 1 of them is 1/100 %."""
_DIRECT = "direct"
_ABOUT = frozenset({"type", "source", "code"})
"""Fields that describe the entry itself and are read elsewhere."""
_LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlers:
    """Base of all types of settlers."""

    @property
    def contracts(self) -> dict[str, Address]:
        """Every contract of the entry, by field name."""
        named = ((one.name, getattr(self, one.name)) for one in fields(self) if "Address" in str(one.type))
        return {name: value for name, value in named if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class EcoSettlers(Settlers):
    """Eco: where orders are opened and filled, and the prover with which a solver shows its fill."""

    portal: Address
    prover: Address | None = None
    """Required where orders are opened."""
    quote_api: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcrossSettlers(Settlers):
    """Across: the chain's SpokePool, and the ERC-7683 settler in front of it, if there is one."""

    spoke_pool: Address
    origin_settler: Address | None = None
    quote_api: str = ""
    sponsor_api: str = ""
    """URL of the sponsor that opens orders for senders without gas."""
    solver_fee_bps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HyperlaneSettlers(Settlers):
    """Hyperlane7683: one router for both sides of an order."""

    router: Address
    quote_api: str = ""
    solver_fee_bps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OifSettlers(Settlers):
    """OIF: the origin's escrow, the destination's settler, and the oracle that both trust."""

    input_settler: Address | None = None
    output_settler: Address | None = None
    oracle: Address
    quote_api: str = ""
    solver_fee_bps: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SponsorSettlers(Settlers):
    """A sponsor that submits transfers of delegated accounts: by which EntryPoint, and which account takes its fee."""

    entry_point: Address
    payee: Address
    sponsor_api: str = ""

    @property
    def contracts(self) -> dict[str, Address]:
        """The EntryPoint; the payee is an account like any other."""
        return {"entry_point": self.entry_point}


TYPES: dict[str, type[Settlers]] = {
    "eco": EcoSettlers,
    "across": AcrossSettlers,
    "hyperlane7683": HyperlaneSettlers,
    "oif": OifSettlers,
    "sponsor": SponsorSettlers,
}


def settlers_of(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Settlers]:
    """The `settlers` tables of one chain of chains.toml, by bridge. Raises ConfigError with table and field."""
    return {name: parse_settlers(name, table) for name, table in tables.items()}


def parse_settlers(bridge: str, table: Mapping[str, Any]) -> Settlers:
    """Parse a table into its type. Raises ConfigError with the field that is missing, unknown or wrong."""
    kind = str(table.get("type", bridge))
    if kind not in TYPES or bridge == _DIRECT or (bridge in TYPES and bridge != kind):
        raise _no_known_type(bridge)
    known = {one.name: one for one in fields(TYPES[kind])}
    given = {name: value for name, value in table.items() if name not in _ABOUT}
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            meant = f"Did you mean {near[0]}?" if near else f"Its fields: {', '.join(known)}."
            raise ConfigError(
                f"{_where(bridge)} has a field {clean(name, _LONGEST)!r}, which {kind} does not know.", hint=meant
            )
    for name, one in known.items():
        if one.default is MISSING and name not in given:
            raise ConfigError(f"{_where(bridge)} has no {name}.", hint=f"Add it: {kind} cannot do without.")
    return TYPES[kind](**{name: _value(bridge, name, str(known[name].type), value) for name, value in given.items()})


def type_of(settlers: Settlers) -> str:
    """The name of its type in chains.toml."""
    return next(name for name, kind in TYPES.items() if isinstance(settlers, kind))


def types_of(chains: Iterable[Mapping[str, Settlers]]) -> dict[str, str]:
    """The type of the settlers under each name, over all chains. Raises ConfigError if a name has several."""
    found = dict[str, str]()
    for settlers in chains:
        for name, entry in settlers.items():
            kind = type_of(entry)
            if found.setdefault(name, kind) != kind:
                raise _no_known_type(name)
    return found


def _value(bridge: str, name: str, type_: str, value: Any) -> Any:
    try:
        if "Address" in type_:
            return parse_address(value)[0]
        if "int" in type_:
            return _basis_points(value)
        return _url(value)
    except (BadAddress, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(
            f"{_where(bridge)}: {name} is {clean(str(value), _LONGEST)!r}, {_MEANT[type_.split(' ', maxsplit=1)[0]]}.",
            hint=str(error) if isinstance(error, BadAddress) else _HINTS[type_.split(" ", maxsplit=1)[0]],
        ) from None


_MEANT = {
    "Address": "not the address of a contract",
    "int": f"not a number from 0 to {BPS}",
    "str": "not the URL of a server",
}
_HINTS = {
    "Address": "Write 0x and 40 hexadecimal digits, in quotes.",
    "int": 'Write it in quotes, in 1/100 %: solver_fee_bps = "10" is 0.1 %.',
    "str": "Write it in quotes, with https:// in front.",
}


def _basis_points(value: Any) -> int:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= BPS):
        raise ValueError
    return int(text)


def _url(value: Any) -> str:
    if not isinstance(value, str) or (value and not value.startswith(("https://", "http://"))):
        raise ValueError
    return value


def _where(bridge: str) -> str:
    return f"the entry settlers.{clean(bridge, _LONGEST)}"


def _no_known_type(bridge: str) -> ConfigError:
    return ConfigError(
        f"the settlers called {clean(bridge, _LONGEST)!r} in chains.toml are of no type that l2send knows.",
        hint=f"Give every entry of that name one type: {', '.join(TYPES)}.",
    )
