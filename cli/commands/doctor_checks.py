"""The checks of `l2send doctor` on this machine, a function each. They change nothing and open no key."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from importlib.metadata import version
from pathlib import Path

from l2send.cli.commands.completion import PLACES
from l2send.cli.screen import aloud
from l2send.cli.settings import KEYS, load_settings
from l2send.core.chains import load_registry
from l2send.core.errors import ConfigError, L2sendError
from l2send.core.limit_files import read_limits
from l2send.core.paths import Paths
from l2send.core.private_files import check_private
from l2send.core.synced_folders import network_file_system, sync_program
from l2send.core.text import clean
from l2send.core.trusted_files import check_trusted
from l2send.offline_lookups import summary
from l2send.resolver.contacts import load_book
from l2send.wallet.keys.keystore import find

_OTHERS, _OTHERS_WRITE = 0o077, 0o022
_RPC = "L2SEND_RPC_"


@unique
class Health(StrEnum):
    """The verdict, as shown to people and scripts."""

    OK = "ok"
    NOTE = "note"
    """It works, but you should know."""
    SILENT = "no answer"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    name: str
    health: Health
    says: str
    do: str = ""
    """How to fix it; never empty for an error."""


def look(paths: Paths) -> Iterator[Finding]:
    """Run every check of this machine. Problems are reported, not raised."""
    for check in _CHECKS:
        try:
            yield from check(paths)
        except (L2sendError, OSError) as error:
            name = check.__name__.strip("_")
            hint = error.hint if isinstance(error, L2sendError) else ""
            yield Finding(name, Health.WRONG, clean(error, 400), hint or "Look at the rights of the file or folder.")


def _versions(_: Paths) -> Iterator[Finding]:
    names = ("l2send", "web3", "eth-account", "httpx", "typer")
    found = ", ".join(f"{name} {version(name)}" for name in names)
    yield Finding(
        "versions", Health.OK, f"Python {platform.python_version()}, {found}, {platform.platform(terse=True)}"
    )


def _folders(paths: Paths) -> Iterator[Finding]:
    for folder, forbidden in ((paths.config, _OTHERS_WRITE), (paths.state, _OTHERS), (paths.keystores, _OTHERS)):
        if not folder.exists():
            yield Finding("folder", Health.OK, f"{folder} is not there yet; it is made when it is needed")
        elif folder.stat().st_mode & forbidden:
            mode = folder.stat().st_mode & 0o777
            says = f"{folder} is open to other users (mode {mode:o})"
            yield Finding("folder", Health.WRONG, says, f"Run: chmod 700 {folder}")
        elif not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            yield Finding("folder", Health.WRONG, f"{folder} cannot be written", "Give it back to your user: chown.")
        else:
            yield Finding("folder", Health.OK, str(folder))


def _storage(paths: Paths) -> Iterator[Finding]:
    """The journal and the locks need a local disk that no other program syncs."""
    for folder in dict.fromkeys((paths.state, paths.config)):
        kind, program = network_file_system(folder), sync_program(folder)
        do = "Move it to a local folder that nothing syncs, and name that in L2SEND_HOME. Back up copies of it instead."
        if kind:
            says = f"{folder} lies on a network file system ({kind}): locks and the journal do not hold there"
            yield Finding("storage", Health.WRONG, says, do)
        if program:
            says = f"{folder} is kept in sync by {program}, which may replace the journal while a payment runs"
            yield Finding("storage", Health.WRONG, says, do)


def _journal(paths: Paths) -> Iterator[Finding]:
    """Opening the journal checks its pages, mode and version."""
    found = summary(paths)
    if found is None:
        yield Finding("journal", Health.OK, "no payment was made yet")
        return
    yield Finding("journal", Health.OK, f"{found.count} payments, {found.sound}; {found.title}")
    if found.open:
        ids = ", ".join(record.id for record in found.open[:5])
        yield Finding("payments", Health.NOTE, f"{len(found.open)} open: {ids}", "Resume them: l2send resume --all")


def _locks(paths: Paths) -> Iterator[Finding]:
    """Locks that are held. The file of a free lock remains, and means nothing."""
    for path in sorted((paths.state / "locks").glob("*.lock")):
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = clean(file.read(100).decode(errors="replace"), 60)
                says = f"{path.stem} is in use by {holder}"
                yield Finding("lock", Health.NOTE, says, "Another l2send is paying; this one would wait for it.")


def _keystores(paths: Paths) -> Iterator[Finding]:
    found = find(paths.keystores)
    for keystore in found:
        check_trusted(keystore.path)
        if keystore.origin == "l2send":
            check_private(keystore.path)
    names = ", ".join(keystore.name for keystore in found)
    if found:
        yield Finding("keystores", Health.OK, clean(names, 300))
    else:
        yield Finding("keystores", Health.NOTE, "there is no account yet", "Make one: l2send wallet new NAME")


def _password(_: Paths) -> Iterator[Finding]:
    """The value is repeated only if it is a file: else it may be the password itself, put there by mistake."""
    if os.environ.get("ETH_PASSWORD"):
        path = Path(os.environ["ETH_PASSWORD"]).expanduser()
        if not path.is_file():
            do = "Set it to the path of a file that holds the password."
            yield Finding("password", Health.WRONG, "ETH_PASSWORD names no file", do)
            return
        try:
            check_trusted(path, secret=True)
        except ConfigError as error:
            yield Finding("password", Health.WRONG, error.message, error.hint)


def _config(paths: Paths) -> Iterator[Finding]:
    settings = load_settings(paths.settings)
    changed = [name for name in KEYS if settings.origin(name)[1] != "default"]
    yield Finding("config", Health.OK, f"set: {', '.join(changed)}" if changed else "all defaults")


def _limits(paths: Paths) -> Iterator[Finding]:
    """Reads limits as a payment does: an error here stops every payment."""
    for limits in read_limits(paths):
        limits.in_registry(load_registry(paths))
        says = ", ".join(f"{name} {value}" for name, value in limits.shown.items())
        yield Finding("limits", Health.OK, clean(f"{says} ({limits.origin})", 400))


def _contacts(paths: Paths) -> Iterator[Finding]:
    book, registry = load_book(paths.contacts), load_registry(paths)
    lost = sorted({chain for contact in book for chain in contact.chains if chain not in registry.by_name})
    if lost:
        says = f"contacts.toml names chains that l2send does not know: {', '.join(lost)}"
        yield Finding("contacts", Health.WRONG, says, f"Correct {paths.contacts}, or add the chains to chains.toml.")
    else:
        yield Finding("contacts", Health.OK, f"{len(book)} known")


def _chains(paths: Paths) -> Iterator[Finding]:
    registry = load_registry(paths)
    own = f", with {paths.user_chains}" if paths.user_chains.exists() and not registry.is_devnet else ""
    where = "the local devnet's" if registry.is_devnet else "the registry's"
    yield Finding("chains", Health.OK, f"{where} {len(registry)} chains{own}")
    for problem in registry.problems:
        do = "Correct that line; docs/chains.md says which fields there are."
        left_out = f" ({problem.chain} is left out)" if problem.chain else ""
        yield Finding("chains", Health.WRONG, clean(f"{problem}{left_out}", 400), do)
    ids = {str(chain.chain_id) for chain in registry}
    for variable in sorted(v for v in os.environ if v.startswith(_RPC) and v.removeprefix(_RPC) not in ids):
        says = f"{clean(variable, 60)} is for no chain that l2send knows"
        yield Finding("chains", Health.NOTE, says, "Write the chain's id: L2SEND_RPC_8453 is Base's.")


def _terminal(_: Paths) -> Iterator[Finding]:
    screen = aloud()
    if not screen.is_terminal:
        yield Finding("terminal", Health.OK, "none: nothing is asked, and --yes is needed to pay")
        return
    words = f"{screen.width} columns, {screen.color_system or 'no'} colours, {screen.encoding}"
    if not screen.encoding.lower().startswith("utf"):
        do = "Use a UTF-8 locale, for example: export LC_ALL=C.UTF-8"
        yield Finding("terminal", Health.NOTE, words, do)
    else:
        yield Finding("terminal", Health.OK, words)


def _completion(_: Paths) -> Iterator[Finding]:
    installed = [path for path in PLACES.values() if (Path.home() / path).exists()]
    if installed:
        yield Finding("completion", Health.OK, f"installed: {', '.join(installed)}")
    else:
        yield Finding("completion", Health.NOTE, "not installed", "Install it: l2send completion --install")


def _devnet(_: Paths) -> Iterator[Finding]:
    missing = [tool for tool in ("npm", "anvil") if not shutil.which(tool)]
    if "npm" in missing:
        do = "Install npm: it fetches the contracts of `l2send devnet` and `l2send demo`, and anvil if need be."
        yield Finding("devnet", Health.NOTE, f"not on PATH: {', '.join(missing)}", do)
    else:
        anvil = "a pinned anvil is fetched" if "anvil" in missing else "anvil"
        yield Finding("devnet", Health.OK, f"npm, {anvil}")


_CHECKS: tuple[Callable[[Paths], Iterator[Finding]], ...] = (
    _versions,
    _folders,
    _storage,
    _journal,
    _locks,
    _keystores,
    _password,
    _config,
    _limits,
    _contacts,
    _chains,
    _terminal,
    _completion,
    _devnet,
)
