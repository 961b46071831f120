"""Checks the user's own chains.toml field by field: each error names its line and what to write.

A chain with a wrong entry is left out; the others are used. That is better than refusing all of them, and better than
ignoring the entry: a chain with a misspelt RPC would be queried at endpoints that the user did not choose.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from l2send.core.address import parse_address
from l2send.core.errors import ConfigError, L2sendError
from l2send.core.text import clean
from l2send.core.toml_lines import line_of
from l2send.core.toml_text import parse_toml
from l2send.core.trusted_files import read_trusted_text

KINDS = frozenset({"l1", "op-stack", "arbitrum", "zk-stack", "zk-rollup", "optimium", "sidechain", "other"})
_LONGEST_NAME = 80
_SHORT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,40}", re.ASCII)
_MOST_DECIMALS = 77


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong entry. `chain` is the short name of the chain that is left out for it, or empty."""

    path: Path
    line: int
    chain: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.what}"


class Wrong(Exception):
    """An unusable value. The text says what to write instead."""


Check = Callable[[Any], None]
"""Raises Wrong."""


def _text(value: Any) -> None:
    if not isinstance(value, str):
        raise Wrong('write a text in quotes: "…"')


def _name(value: Any) -> None:
    if not isinstance(value, str) or not value or clean(value, _LONGEST_NAME) != value:
        raise Wrong(f'write a name of at most {_LONGEST_NAME} printable characters in quotes: "…"')


def _flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise Wrong("write true or false, without quotes")


def _number(least: int, most: int, example: str) -> Check:
    def check(value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Wrong(f"write a number from {least} to {most}, without quotes: {example}")

    return check


def _one_of(*allowed: str) -> Check:
    def check(value: Any) -> None:
        if value not in allowed:
            raise Wrong(f"write one of {', '.join(allowed)}, in quotes")

    return check


def _address(value: Any) -> None:
    try:
        parse_address(value if isinstance(value, str) else "")
    except L2sendError as error:
        problem = error.message if isinstance(value, str) and value else "it is missing or no text"
        raise Wrong(f'write an address with its ERC-55 checksum: "0x…" ({clean(problem, 120)})') from None


def _url(value: Any) -> None:
    """The URL itself is not repeated: it may hold an API key."""
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() for c in value):
        raise Wrong('write a URL with its scheme: "https://…"')


def _urls(value: Any) -> None:
    if isinstance(value, str):
        raise Wrong('it is a list: write rpcs = ["https://…"], with brackets')
    if not isinstance(value, list) or not value:
        raise Wrong('write one URL or more: rpcs = ["https://…"]')
    for url in value:
        _url(url)


def _names(value: Any) -> None:
    if not isinstance(value, list):
        raise Wrong('write a list of names: ["…"]')
    for name in value:
        _name(name)


def _tables(value: Any) -> None:
    """core/settlers.py checks the fields of each table, with its own error messages."""
    if not isinstance(value, Mapping) or not all(isinstance(each, Mapping) for each in value.values()):
        raise Wrong("write one table for each bridge, for example [chains.base.settlers.eco]")


def _anything(_: Any) -> None:
    """Sources of facts: dates, texts and tables of them."""


@dataclass(frozen=True, slots=True)
class Table:
    """The fields of a table, each with its type."""

    fields: Mapping[str, Check | Table]
    required: tuple[str, ...] = ()
    is_list: bool = False
    """A list of such tables: `[[chains.base.tokens]]`."""
    example: str = ""


TOKEN = Table(
    {
        "symbol": _name,
        "name": _text,
        "address": _address,
        "decimals": _number(0, _MOST_DECIMALS, "decimals = 18"),
        "origin": _one_of("canonical", "bridged"),
        "asset": _text,
        "peg": _text,
        "source": _anything,
    },
    ("symbol", "address", "decimals", "origin"),
    is_list=True,
    example="[[chains.{chain}.tokens]]",
)
NATIVE = Table(
    {"symbol": _name, "name": _text, "decimals": _number(0, _MOST_DECIMALS, "decimals = 18")},
    ("symbol", "decimals"),
    example='native = {{ symbol = "ETH", decimals = 18 }}',
)
STAGE = Table(
    {"value": _one_of("0", "1", "2", "none"), "date": _anything, "source": _anything},
    ("value", "date"),
    example='stage = {{ value = "none", date = 2026-11-22 }}',
)
ENS = Table(
    {"registry": _address, "universal_resolver": _address, "source": _anything},
    ("registry",),
    example='ens = {{ registry = "0x…" }}',
)
FEED = Table(
    {"address": _address, "pair": _text, "source": _anything},
    ("address",),
    example='price_feed = {{ address = "0x…", pair = "ETH/USD" }}',
)
ORACLE = Table(
    {"address": _address, "source": _anything}, ("address",), example='l1_fee_oracle = {{ address = "0x…" }}'
)
CHAIN = Table(
    {
        "chain_id": _number(1, 2**63 - 1, "chain_id = 8453"),
        "name": _name,
        "kind": _one_of(*sorted(KINDS)),
        "testnet": _flag,
        "native": NATIVE,
        "rpcs": _urls,
        "explorer": _text,
        "confirmations": _number(1, 100_000, "confirmations = 3"),
        "stage": STAGE,
        "multicall3": _address,
        "price_feed": FEED,
        "l1_fee_oracle": ORACLE,
        "ens": ENS,
        "aliases": _names,
        "tokens": TOKEN,
        "settlers": _tables,
        "safes": _names,
        "delegates": _names,
        "source": _anything,
    },
    ("chain_id", "name", "kind", "native", "rpcs", "confirmations", "stage"),
    example="[chains.{chain}]",
)
_TOP = frozenset({"schema", "chains", "retired", "sources", "accounts"})


def read_text(path: Path) -> str:
    """The text of a file that others cannot write, since it names contracts. Raises ConfigError."""
    try:
        return read_trusted_text(path)
    except FileNotFoundError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}.") from error


def parse(text: str, path: Path) -> dict[str, Any]:
    """Parse the text. Raises ConfigError with the line that is not valid TOML."""
    try:
        return parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"cannot read {path}: {error}", hint="Correct the file, or move it away.") from error


def lay_over(base: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Merge `extra` into `base`: tables by key, tokens by symbol; everything else is replaced."""
    for key, value in extra.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), dict):
            lay_over(base[key], value)
        elif key == "tokens" and isinstance(base.get(key), list) and _are_tables(value):
            symbols = [t.get("symbol") for t in value]
            base[key] = [t for t in base[key] if t["symbol"] not in symbols] + list(value)
        else:
            base[key] = value


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def judge(data: Mapping[str, Any], text: str, path: Path, shipped: Mapping[str, Any]) -> Iterator[Problem]:
    """All errors of the file at `path` with the content `text`, over the shipped chains."""

    def problem(place: tuple[str | int, ...], chain: str, what: str) -> Problem:
        return Problem(path, line_of(text, place), chain, what)

    for key in data.keys() - _TOP:
        yield problem((key,), "", _unknown(key, _TOP, "this file"))
    retired = data.get("retired", {})
    if not isinstance(retired, Mapping) or not all(isinstance(now, str) for now in retired.values()):
        yield problem(("retired",), "", 'retired is no table of names: write [retired], and old-name = "new-name"')
    if not isinstance(data.get("accounts", {}), Mapping):
        yield problem(("accounts",), "", "accounts is no table: write [accounts.safe.NAME]")
    chains = data.get("chains", {})
    if not isinstance(chains, Mapping):
        yield problem(("chains",), "", "chains is no table: write [chains.base]")
        return
    for name, entry in chains.items():
        for place, what in _problems_of(name, entry, shipped.get(name)):
            yield problem(("chains", name, *place), name, what)


def _problems_of(
    name: str, entry: Any, shipped: Mapping[str, Any] | None
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if not _SHORT_NAME.fullmatch(name):
        yield (), f"{clean(name, 40)!r} is no short name of a chain: use letters, digits and -"
        return
    yield from _in_table(entry, CHAIN, name, is_partial=shipped is not None)
    if shipped and isinstance(entry, Mapping) and entry.get("chain_id", shipped["chain_id"]) != shipped["chain_id"]:
        yield (
            ("chain_id",),
            f"the chain id of {name} is {shipped['chain_id']}: leave chain_id out, or take another name",
        )


def _in_table(
    value: Any, table: Table, chain: str, *, is_partial: bool = False
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """The errors of one table, each with its place. `is_partial`: the rest of the table is shipped."""
    example = table.example.format(chain=chain)
    if not isinstance(value, Mapping):
        yield (), f"it is no table: write {example}"
        return
    for key, inner in value.items():
        check = table.fields.get(key)
        if check is None:
            yield (key,), _unknown(key, table.fields.keys(), example)
        elif isinstance(check, Table):
            yield from (((key, *place), f"{key}: {what}") for place, what in _below(inner, check, chain))
        else:
            try:
                check(inner)
            except Wrong as wrong:
                yield (key,), f"{key}: {wrong}"
    if not is_partial:
        for key in table.required:
            if key not in value:
                yield (), f"{key} is missing in {example}: {_how(table.fields[key], chain)}"


def _below(value: Any, table: Table, chain: str) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if not table.is_list:
        yield from _in_table(value, table, chain)
    elif not isinstance(value, list):
        yield (), f"it is a list of tables: write {table.example.format(chain=chain)}"
    else:
        for position, entry in enumerate(value):
            yield from (((position, *place), what) for place, what in _in_table(entry, table, chain))


def _how(check: Check | Table, chain: str) -> str:
    """What to write for a missing field."""
    if isinstance(check, Table):
        return f"write {check.example.format(chain=chain)}"
    try:
        check(None)
    except Wrong as wrong:
        return str(wrong)
    return "write it"


def _unknown(key: str, known: Any, where: str) -> str:
    near = difflib.get_close_matches(key.lower(), known, 1, 0.5)
    return f"{clean(key, 40)} is no field of {where}" + (
        f": did you mean {near[0]}?" if near else f"; fields: {', '.join(sorted(known))}"
    )
