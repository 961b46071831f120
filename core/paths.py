"""The folders of l2send's files. `L2SEND_HOME` moves all of them under one folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from l2send.core.errors import ConfigError

_PRIVATE_DIR = 0o700


@dataclass(frozen=True, slots=True)
class Paths:
    """The three folders: what you edit, what must not be lost, what can be recreated."""

    config: Path
    state: Path
    cache: Path
    is_devnets: bool = False
    """Whether it is the devnet's own home, which has its own journal and ignores L2SEND_JOURNAL."""
    policy: Path | None = None
    """A file of limits in addition to those of config.toml and L2SEND_POLICY: see limit_files.py."""

    @classmethod
    def from_environment(cls) -> Paths:
        """Under `L2SEND_HOME` when set, else where the platform keeps such files.

        Raises ConfigError for a relative path: each working folder would have its own journal, unaware of payments from
        the others.
        """
        home = os.environ.get("L2SEND_HOME")
        if home:
            return cls.under(_same_everywhere(home))
        import platformdirs

        dirs = platformdirs.PlatformDirs("l2send", appauthor=False)
        return cls(Path(dirs.user_config_dir), Path(dirs.user_state_dir), Path(dirs.user_cache_dir))

    @classmethod
    def under(cls, home: Path) -> Paths:
        """All three inside one folder; downloads stay shared unless `L2SEND_CACHE` is set."""
        return cls(home / "config", home / "state", Path(os.environ.get("L2SEND_CACHE") or home / "cache"))

    @classmethod
    def for_devnet(cls) -> Paths:
        """Under `L2SEND_HOME` when set, else the devnet's own home, so that play money never meets real money."""
        if os.environ.get("L2SEND_HOME"):
            return cls.from_environment()
        real = cls.from_environment()
        play = cls.under(real.state / "devnet-home")
        return cls(play.config, play.state, real.cache, is_devnets=True)

    @property
    def journal(self) -> Path:
        """The SQLite file with every payment."""
        return self.state / "journal.db"

    @property
    def keystores(self) -> Path:
        """l2send's own encrypted keystores."""
        return self.config / "keystores"

    @property
    def user_chains(self) -> Path:
        """The user's additions to and changes of the registry."""
        return self.config / "chains.toml"

    @property
    def contacts(self) -> Path:
        """The address book."""
        return self.config / "contacts.toml"

    @property
    def settings(self) -> Path:
        """The user's settings: defaults for omitted options."""
        return self.config / "config.toml"

    @property
    def devnet(self) -> Path:
        """The state of a running local devnet."""
        return self.state / "devnet"


def _same_everywhere(text: str) -> Path:
    """The folder that `L2SEND_HOME` names. Raises ConfigError for a path that depends on the working folder."""
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        path = Path()
    if not path.is_absolute():
        raise ConfigError(
            "L2SEND_HOME is not a full path: it would be another folder, with another journal, wherever l2send is run.",
            hint="Write it from the root on, for example L2SEND_HOME=$PWD/NAME, or unset it.",
        )
    return path


def private_dir(path: Path) -> Path:
    """Create `path` and its parents, accessible only to their owner. Raises ConfigError if others can enter it."""
    try:
        for folder in (*reversed(path.parents), path):
            if not folder.is_dir():
                folder.mkdir(mode=_PRIVATE_DIR, exist_ok=True)
        found = path.stat()
    except OSError as error:
        raise ConfigError(
            f"the folder {path} cannot be made: {error.strerror}.",
            hint="l2send keeps accounts and payments there. L2SEND_HOME=FOLDER names a folder that can be written.",
        ) from error
    mode = found.st_mode & 0o777
    if found.st_uid not in {0, os.geteuid()}:
        raise ConfigError(f"the folder {path} belongs to another user (uid {found.st_uid}).", hint="Use your own.")
    if mode & 0o077:
        raise ConfigError(f"the folder {path} is open to other users (mode {mode:o}).", hint=f"Run: chmod 700 {path}")
    return path
