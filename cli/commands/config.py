"""`l2send config`: shows and changes defaults for omitted options."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from l2send.bridges import bridges_of
from l2send.cli.edited_toml import change_toml
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.screen import err, out, print_json, print_words, styled, table
from l2send.cli.settings import KEYS, Settings, key_called, load_settings, parse_settings, read
from l2send.cli.terminal import can_ask
from l2send.core.chains import load_registry
from l2send.core.errors import ConfigError, NeedsConfirmation, UsageError
from l2send.core.limit_files import read_limits
from l2send.core.paths import Paths
from l2send.core.private_files import replace_private
from l2send.core.text import clean
from l2send.core.trusted_files import read_trusted
from l2send.wallet.journal.location import holds_password
from l2send.wallet.keys.keystore import named

if TYPE_CHECKING:
    from l2send.core.spending_limits import SpendingLimits

_A_KEY = re.compile(r"(?:0x)?[0-9a-fA-F]{64}", re.ASCII)

app = typer.Typer()


def _as_in_the_file(name: str) -> str:
    """`max_fee` for `max-fee`, which its option is called."""
    return name.removeprefix("--").replace("-", "_")


Name = Annotated[str, typer.Argument(metavar="KEY", help=", ".join(KEYS), callback=_as_in_the_file)]


@app.callback(invoke_without_command=True)
@spread
def config(context: typer.Context, run_options: RunOptions) -> None:
    """See and change settings: account, highest fee, bridge, chains. A flag or a variable overrides them.

    Example: l2send config
    """
    if not context.invoked_subcommand:
        _show(run_options)


@app.command("show")
@spread
def show(run_options: RunOptions) -> None:
    """Show every setting, its value, and where that comes from.

    Example: l2send config show
    """
    _show(run_options)


def _show(run_options: RunOptions) -> None:
    settings, found = load_settings(run_options.paths.settings), read_limits(run_options.paths)
    if run_options.as_json:
        print_json(_document(settings) | {"limits": [entry for limits in found for entry in _limit_entries(limits)]})
        return
    rows = table("setting", "value", "from", "means")
    for name, key in KEYS.items():
        value, origin = settings.origin(name)
        rows.add_row(styled(name, "bold"), styled(value or "-"), styled(origin, limit=400), styled(key.means))
    for limits in found:
        for name, value in limits.shown.items():
            rows.add_row(
                styled(f"limits.{name}", "bold"), styled(value, limit=400), styled(limits.origin, limit=400), "a limit"
            )
    out().print(rows)


@app.command("get")
@spread
def get(name: Name, run_options: RunOptions) -> None:
    """Print the value of one setting.

    Example: l2send config get max_fee
    """
    key_called(name)
    settings = load_settings(run_options.paths.settings)
    if run_options.as_json:
        print_json({"schema": "l2send.setting/1", **_entry(settings, name)})
        return
    out().print(styled(settings.origin(name)[0], limit=1000), soft_wrap=True)


@app.command("set")
@spread
def set_(
    name: Name,
    value: Annotated[list[str], typer.Argument(metavar="VALUE", help="several for from_chains")],
    run_options: RunOptions,
) -> None:
    """Write a setting into config.toml.

    Example: l2send config set max_fee 2%
    """
    paths = run_options.paths
    if any(_A_KEY.fullmatch(word) for word in value):
        raise UsageError("that looks like a private key; it was not written.", hint="Keys: l2send wallet import NAME")
    if name == "journal" and any(map(holds_password, value)):
        raise UsageError(
            "other programs can read a command line, and this URL holds a password; it was not written.",
            hint="Leave it out and keep it in ~/.pgpass (PGPASSFILE names another file), or: l2send config edit",
        )
    several = isinstance(key_called(name).default, tuple)
    if len(value) > 1 and not several:
        raise UsageError(f"{name} takes one value.")
    new = read(name, value if several else value[0])
    _check_exists(name, value, paths)

    def change(document: Any) -> None:
        document[name] = list(new) if several else new

    _write(paths, change)
    err().print(
        styled(f"{name} is {' '.join([new] if isinstance(new, str) else new)}, in {paths.settings}", limit=600),
        soft_wrap=True,
    )
    settings = load_settings(paths.settings)
    if run_options.as_json:
        print_json(_document(settings))
    now, origin = settings.origin(name)
    if origin != str(paths.settings):
        print_words(err(), styled(f"{origin} is set and overrides it: {now}", "yellow"))


@app.command("unset")
@spread
def unset(name: Name, run_options: RunOptions) -> None:
    """Remove a setting from config.toml: the default applies again.

    Example: l2send config unset max_fee
    """
    key_called(name)
    paths = run_options.paths
    before = load_settings(paths.settings)
    was = key_called(name).shown(before.text(name)) if name in before.values else None
    if was is not None:
        _write(paths, lambda document: document.remove(name))
    settings = load_settings(paths.settings)
    now, origin = settings.origin(name)
    gone = f"{name} was {was}, and is taken out of {paths.settings}" if was is not None else f"{name} is not set"
    print_words(err(), styled(f"{gone}. What counts now: {now or 'nothing'} ({origin})", limit=600))
    if run_options.as_json:
        print_json(_document(settings) | {"unset": None if was is None else {"key": name, "value": was}})


@app.command("path")
@spread
def path(run_options: RunOptions) -> None:
    """Print where config.toml is.

    Example: l2send config path
    """
    file = run_options.paths.settings
    if run_options.as_json:
        print_json({"schema": "l2send.config_path/1", "path": str(file), "exists": file.exists()})
        return
    out().print(styled(file, limit=5000), soft_wrap=True)


@app.command("edit")
@spread
def edit(run_options: RunOptions) -> None:
    """Open config.toml in your editor ($VISUAL, $EDITOR).

    Invalid text is not saved.

    Example: l2send config edit
    """
    paths = run_options.paths
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    if not can_ask() and "EDITOR" not in os.environ and "VISUAL" not in os.environ:
        raise NeedsConfirmation("there is no terminal to edit on.", hint="Use: l2send config set KEY VALUE")
    before = read_trusted(paths.settings) if paths.settings.exists() else b"schema = 1\n"
    with TemporaryDirectory(prefix="l2send-") as folder:  # mode 0700
        draft = Path(folder, paths.settings.name)
        draft.write_bytes(before)
        try:
            subprocess.run([*editor, str(draft)], check=True)
            after = draft.read_bytes()
        except (OSError, subprocess.CalledProcessError) as error:
            raise ConfigError(
                f"the editor failed: {error}", hint="config.toml is as it was. EDITOR names it."
            ) from error
    if after == before:
        err().print("Nothing was changed.")
    else:
        parse_settings(after.decode(errors="replace"), "the new text (config.toml is as it was)")
        replace_private(paths.settings, after)
    if run_options.as_json:
        print_json(_document(load_settings(paths.settings)))


def _check_exists(name: str, value: list[str], paths: Paths) -> None:
    """Refuse an unknown name now instead of at the next payment. Raises UsageError, ConfigError."""
    if name == "from_chains":
        registry = load_registry(paths)
        for chain in value:
            registry.named(chain)
    elif name == "via":
        known = bridges_of(load_registry(paths))
        if value[0] not in known:
            raise UsageError(f"no bridge is called {clean(value[0], 40)!r}.", hint=f"Bridges: {', '.join(known)}")
    elif name == "account":
        named(value[0], paths.keystores)


def _write(paths: Paths, change: Any) -> None:
    change_toml(paths.settings, change, lambda text: parse_settings(text, str(paths.settings)))


def _document(settings: Settings) -> dict[str, object]:
    entries = [_entry(settings, name) for name in KEYS]
    return {"schema": "l2send.config/1", "path": str(settings.path), "settings": entries}


def _limit_entries(limits: SpendingLimits) -> list[dict[str, object]]:
    return [{"key": name, "value": value, "origin": limits.origin} for name, value in limits.shown.items()]


def _entry(settings: Settings, name: str) -> dict[str, object]:
    value, origin = settings.origin(name)
    return {"key": name, "value": value or None, "origin": origin}
