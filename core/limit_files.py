"""Which limits hold: those of config.toml, of the file that `--policy` names, and of L2SEND_POLICY; all of them.

A policy file has the table `[limits]` and nothing else but `schema = 1`, which it may leave out. One that is not there,
or that another user can write, stops every payment: a limit that cannot be read allows nothing.
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
_SCHEMA = 1


def load_limits(paths: Paths, registry: Registry) -> tuple[SpendingLimits, ...]:
    """Every file's limits, its chains looked up. Raises ConfigError for a file that cannot be read or believed."""
    return tuple(limits.in_registry(registry) for limits in read_limits(paths))


def read_limits(paths: Paths) -> tuple[SpendingLimits, ...]:
    """Every file's limits, as they are written. Raises ConfigError."""
    found = [_of_config(paths.settings), *map(_of_policy, policy_files(paths))]
    return tuple(limits for limits in found if limits)


def policy_files(paths: Paths) -> list[Path]:
    """The policy files of this run. The devnet's own home takes no notice of the variable: its chains are others."""
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
    return None if table is None else _parsed(table, text, path)


def _of_policy(path: Path) -> SpendingLimits:
    hint = "Nothing is paid before the policy can be read. Correct the file, or name another one."
    try:
        text = read_trusted_text(path)
        document = parse_toml(text)
    except FileNotFoundError:
        raise ConfigError(f"there is no policy {path}.", hint=hint) from None
    except ValueError as error:
        raise ConfigError(f"the policy {path} is not TOML: {clean(error, 300)}", hint=hint) from error
    if document.pop("schema", _SCHEMA) != _SCHEMA:
        raise ConfigError(f"the policy {path} is of another schema than {_SCHEMA}.", hint=hint)
    table = document.pop(TABLE, None)
    if table is None or document:
        raise ConfigError(f"the policy {path} has to have the table [limits], and nothing else.", hint=hint)
    return _parsed(table, text, path)


def _parsed(table: object, text: str, path: Path) -> SpendingLimits:
    from l2send.core.spending_limits import parse_limits  # brings time zones: not for homes without limits

    return parse_limits(table, text, str(path))
