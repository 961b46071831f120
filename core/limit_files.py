"""Finds the limits in force: those of config.toml, of the `--policy` file and of L2SEND_POLICY, all together.

A policy file has only the table `[limits]` and an optional `schema = 1`. A missing one, or one that another user can
write, stops every payment: a limit that cannot be read allows nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from l2send.core.errors import ConfigError
from l2send.core.paths import Paths
from l2send.core.text import clean
from l2send.core.toml_text import parse_toml
from l2send.core.trusted_files import read_trusted_text

if TYPE_CHECKING:
    from l2send.core.chains import Registry
    from l2send.core.spending_limits import SpendingLimits

VARIABLE = "L2SEND_POLICY"
TABLE = "limits"
SHARED_LIMITS = "the shared journal"
"""The name of the limits in a journal, which apply to all its users: `l2send journal limits`."""
_SCHEMA = 1
_HINT = "Nothing is paid before the policy can be read. Correct the file, or name another one."


def load_limits(paths: Paths, registry: Registry) -> tuple[SpendingLimits, ...]:
    """Every file's limits, with their chains resolved. Raises ConfigError for a file that cannot be read or trusted."""
    return tuple(limits.in_registry(registry) for limits in read_limits(paths))


def read_limits(paths: Paths) -> tuple[SpendingLimits, ...]:
    """Every file's limits, as written. Raises ConfigError."""
    found = [_of_config(paths.settings), *map(_of_policy, policy_files(paths))]
    return tuple(limits for limits in found if limits)


def policy_files(paths: Paths) -> list[Path]:
    """The policy files of this run. The devnet's own home ignores the variable: its chains are others."""
    variable = "" if paths.is_devnets else os.environ.get(VARIABLE, "").strip()
    named = [paths.policy, Path(variable).expanduser() if variable else None]
    return list(dict.fromkeys(path for path in named if path))


def _of_config(path: Path) -> SpendingLimits | None:
    try:
        text = read_trusted_text(path)
    except FileNotFoundError:
        return None
    try:
        table = parse_toml(text).get(TABLE)
    except ValueError as error:
        raise ConfigError(
            f"{path} is not usable: {clean(error, 300)}", hint="Correct it: l2send config edit"
        ) from error
    return None if table is None else _parsed(table, text, str(path))


def shared_limits(text: str, registry: Registry) -> SpendingLimits:
    """A journal's own limits, with their chains resolved. Raises ConfigError."""
    return read_policy(text, SHARED_LIMITS).in_registry(registry)


def _of_policy(path: Path) -> SpendingLimits:
    try:
        text = read_trusted_text(path)
    except FileNotFoundError:
        raise ConfigError(f"there is no policy {path}.", hint=_HINT) from None
    return read_policy(text, str(path))


def read_policy(text: str, origin: str) -> SpendingLimits:
    """The limits of a policy's text, as written. Raises ConfigError."""
    try:
        document = parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"the policy {origin} is not TOML: {clean(error, 300)}", hint=_HINT) from error
    if document.pop("schema", _SCHEMA) != _SCHEMA:
        raise ConfigError(f"the policy {origin} is of another schema than {_SCHEMA}.", hint=_HINT)
    table = document.pop(TABLE, None)
    if table is None or document:
        raise ConfigError(f"the policy {origin} has to have the table [limits], and nothing else.", hint=_HINT)
    return _parsed(table, text, origin)


def _parsed(table: object, text: str, origin: str) -> SpendingLimits:
    from l2send.core.spending_limits import parse_limits  # imports time zones: not for homes without limits

    return parse_limits(table, text, origin)
