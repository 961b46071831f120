"""Defaults for omitted options: config.toml, its keys, and where each value comes from.

A flag overrides its environment variable, which overrides the file, which overrides the default. There are no keys for
secrets, and RPC URLs are in chains.toml.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from l2send.cli.progress_mode import ProgressMode
from l2send.core.errors import ConfigError, UsageError
from l2send.core.limit_files import TABLE
from l2send.core.text import clean
from l2send.core.toml_lines import line_of
from l2send.core.toml_text import parse_toml
from l2send.core.trusted_files import read_trusted_text
from l2send.resolver.max_fee import DEFAULT_MAX_FEE, parse_max_fee
from l2send.resolver.way_limits import Speed
from l2send.wallet.journal.postgres_url import SCHEMES, shown_url

SCHEMA = 1

Value = str | tuple[str, ...]


def _words(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError("not a word.", hint='Write it in quotes: "…".')
    return value.strip()


def _one_of(*allowed: str) -> Callable[[object], Value]:
    def read(value: object) -> str:
        if value not in allowed:
            raise UsageError(f"not one of {', '.join(allowed)}.")
        return str(value)

    return read


def _fee_limit(value: object) -> str:
    limit = _words(value)
    parse_max_fee(limit)
    return f"{limit}%" if limit[-1].isdigit() else limit


def _database(value: object) -> str:
    if not (url := _words(value)).startswith(SCHEMES):
        raise UsageError("not the URL of a database.", hint="Write it like postgresql://USER@HOST/DATABASE.")
    return url


def _several(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise UsageError("not a list of words.", hint='Write a list: ["base", "oeth"].')
    return tuple(_words(word) for word in value)


@dataclass(frozen=True, slots=True)
class Key:
    """A setting."""

    name: str
    means: str
    read: Callable[[object], Value]
    """The parsed value. Raises UsageError for an invalid one."""
    default: Value
    variables: tuple[str, ...] = ()
    """Environment variables for the same setting; the first that is set counts."""
    shown: Callable[[str], str] = str
    """The value for display, without secrets."""


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key(
            "account",
            "the account that pays, by the name of its keystore",
            _words,
            "",
            ("ETH_KEYSTORE", "ETH_KEYSTORE_ACCOUNT", "ETH_FROM"),
        ),
        Key("safe", "the Safe that pays, as --safe takes it", _words, "", ("L2SEND_SAFE",)),
        Key("max_fee", "the highest fee, as --max-fee takes it", _fee_limit, DEFAULT_MAX_FEE, ("L2SEND_MAX_FEE",)),
        Key("via", "the only bridge to use", _words, "", ("L2SEND_VIA",)),
        Key("from_chains", "the only chains to pay from", _several, (), ("L2SEND_FROM_CHAIN",)),
        Key("speed", "what a minute is worth: cheap, balanced or fast", _one_of(*Speed), Speed.BALANCED.value),
        Key("confirm", "always: --yes is refused, so every payment is confirmed", _one_of("usual", "always"), "usual"),
        Key(
            "journal",
            "the PostgreSQL database that holds the journal, shared with other machines",
            _database,
            "",
            ("L2SEND_JOURNAL",),
            shown_url,
        ),
        Key(
            "progress",
            "what stderr tells while you wait, as --progress takes it",
            _one_of("auto", *ProgressMode),
            "auto",
        ),
        Key("color", "never: no colours", _one_of("auto", "never"), "auto", ("NO_COLOR",)),
    )
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The file's settings; None for omitted ones."""

    path: Path
    values: Mapping[str, Value]

    def text(self, name: str) -> str:
        """The file's value of a single-word key, or its default."""
        value = self.values.get(name, KEYS[name].default)
        return value if isinstance(value, str) else " ".join(value)

    @property
    def always_asks(self) -> bool:
        """Whether `--yes` is refused."""
        return self.text("confirm") == "always"

    def defaults(self, commands: Iterable[str], argv: Iterable[str]) -> dict[str, dict[str, object]]:
        """Defaults for Typer of the options of `commands`: used if neither `argv` nor the environment sets them."""
        options: dict[str, object] = {k: self.values[k] for k in ("max_fee", "via") if k in self.values}
        if "from_chains" in self.values:
            options["from_chain"] = list(self.values["from_chains"])
        if not {"--fast", "--cheap"}.intersection(argv):
            options |= {"fast": self.text("speed") == Speed.FAST, "cheap": self.text("speed") == Speed.CHEAP}
        return dict.fromkeys(commands, options)

    def origin(self, name: str) -> tuple[str, str]:
        """The effective value for a command without flags, and its origin."""
        for variable in KEYS[name].variables:
            if os.environ.get(variable):
                value = "never" if variable == "NO_COLOR" else os.environ[variable]
                return clean(KEYS[name].shown(value)), variable
        return KEYS[name].shown(self.text(name)), str(self.path) if name in self.values else "default"


def load_settings(path: Path) -> Settings:
    """The settings of a file that others cannot write; all defaults if there is none. Raises ConfigError."""
    try:
        text = read_trusted_text(path)
    except FileNotFoundError:
        return Settings(path, {})
    return Settings(path, parse_settings(text, str(path)))


def parse_settings(text: str, where: str) -> Mapping[str, Value]:
    """Parse text in the file's format and check its limits. Raises ConfigError that names `where` they are."""
    try:
        data = parse_toml(text)
        limits = data.pop(TABLE, None)
        schema = data.pop("schema", None)
        if schema != SCHEMA:
            newer = " It was written for a newer l2send." if isinstance(schema, int) and schema > SCHEMA else ""
            raise UsageError(f"its schema is {schema!r}, not {SCHEMA}.{newer}")
    except (UsageError, ValueError) as error:
        raise ConfigError(
            f"{where} is not usable: {clean(error, 300)}", hint="Correct it: l2send config edit"
        ) from error
    if limits is not None:
        from l2send.core.spending_limits import parse_limits  # imports time zones: not for homes without limits

        parse_limits(limits, text, where)
    return {name: _read_in_file(name, value, text, where) for name, value in data.items()}


def _read_in_file(name: str, value: object, text: str, where: str) -> Value:
    """The value of one key. Raises ConfigError with its line and what to write."""
    try:
        return read(name, value)
    except UsageError as error:
        near = difflib.get_close_matches(name, KEYS, 1)
        meant = f" Did you mean {near[0]}?" if name not in KEYS and near else ""
        raise ConfigError(
            f"{where}, line {line_of(text, (name,))}: {clean(error.message, 300)}{meant}",
            hint=f"{error.hint} Correct it: l2send config edit".strip(),
        ) from error


def key_called(name: str) -> Key:
    """The key with that name. Raises UsageError that lists all keys."""
    if name not in KEYS:
        raise UsageError(f"there is no setting {clean(name, 40)!r}.", hint=f"Settings: {', '.join(KEYS)}")
    return KEYS[name]


def read(name: str, value: object) -> Value:
    """The parsed value of `name`. Raises UsageError without repeating it: it may be a misplaced secret."""
    key = key_called(name)
    try:
        return key.read(value)
    except UsageError as error:
        raise UsageError(f"{name}: {error.message}", hint=f"It is {key.means}. {error.hint}".strip()) from None
