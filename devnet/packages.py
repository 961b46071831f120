"""Fetches the npm packages of a devnet once into a cache, each checked against its sha512.

`npm pack` fetches one package without its dependency tree (hundreds of megabytes here) and runs none of its scripts.
The bytes are compared with the pin in packages.toml, and only the files named there are unpacked. A package appears in
the cache by one rename, so that concurrent starts never see an incomplete one.
"""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from l2send.core.errors import ConfigError, NetworkError
from l2send.core.paths import private_dir
from l2send.devnet.locks import held

_EXECUTABLE = 0o700
_REGULAR = 0o600


@dataclass(frozen=True, slots=True)
class Pin:
    """One package: its source, the hash of its bytes, and the files used from it."""

    name: str
    version: str
    integrity: str
    """`sha512-` and the base64 digest of the tarball, in npm's format."""
    files: tuple[str, ...]

    @property
    def spec(self) -> str:
        """Its name and version for npm."""
        return f"{self.name}@{self.version}"

    @property
    def folder(self) -> str:
        """Its folder in the cache; another pin or another choice of files has another folder."""
        digest = hashlib.sha256("\n".join((self.integrity, *self.files)).encode()).hexdigest()
        return f"{self.name.replace('/', '+')}@{self.version}-{digest[:12]}"


def contract_pins() -> dict[str, Pin]:
    """The packages of contracts and of the compiler, by their key in packages.toml."""
    return {key: _pin(entry) for key, entry in _pins()["packages"].items()}


def anvil_pin() -> Pin | None:
    """The package with anvil for this platform, or None if none is pinned for it."""
    entry = _pins()["anvil"]["platforms"].get(f"{sys.platform}-{platform.machine()}")
    return _pin(entry) if entry else None


def minimum_anvil() -> str:
    """The oldest version of an `anvil` on PATH that is accepted."""
    return str(_pins()["anvil"]["minimum"])


def private_cache(cache: Path) -> Path:
    """The devnet's own folder in a cache: programs are run from it, so no other user may write there."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    return private_dir(cache / "devnet-packages")


def fetch(pins: Sequence[Pin], cache: Path, say: Callable[[str], None]) -> list[Path]:
    """The folders of `pins`, in their order, fetching what `cache` lacks; `say` receives a sentence for each download.

    Raises ConfigError (npm is missing, a package differs from its pin) and NetworkError (npm failed).
    """
    root = private_cache(cache)
    folders = [root / pin.folder for pin in pins]
    if all(folder.exists() for folder in folders):
        return folders
    with held(root / "lock"):
        missing = [pin for pin in pins if not (root / pin.folder).exists()]
        if missing:
            packages = f"{len(missing)} package{'' if len(missing) == 1 else 's'}"
            say(f"The first time, this downloads {packages}, which takes about a minute")
            say(f"Fetching {', '.join(pin.spec for pin in missing)}")
            _fetch_missing(missing, root)
    return folders


def _pins() -> Mapping[str, Any]:
    text = (files("l2send.devnet") / "packages.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _pin(entry: Mapping[str, Any]) -> Pin:
    return Pin(entry["name"], entry["version"], entry["integrity"], tuple(entry["files"]))


def _fetch_missing(pins: Sequence[Pin], root: Path) -> None:
    npm = shutil.which("npm")
    if not npm:
        raise ConfigError(
            "the devnet needs `npm`, and it is not on PATH.",
            hint="Install Node.js 20 or newer, which brings npm.",
        )
    with tempfile.TemporaryDirectory(dir=root, prefix="fetch-") as scratch:
        downloads = [_Download(pin, Path(scratch) / str(i), npm) for i, pin in enumerate(pins)]
        try:
            for download in downloads:
                download.unpack_to(root)
        finally:
            for download in downloads:
                download.stop()


class _Download:
    """One running `npm pack`. All are started before waiting for the first."""

    def __init__(self, pin: Pin, folder: Path, npm: str) -> None:
        folder.mkdir()
        self.pin = pin
        self.folder = folder
        self.process = subprocess.Popen(
            [
                npm,
                "pack",
                pin.spec,
                "--pack-destination",
                str(folder),
                "--ignore-scripts",
                "--loglevel=error",
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def unpack_to(self, root: Path) -> None:
        """Wait for the tarball, check it, and move its files into place."""
        _, stderr = self.process.communicate()
        tarballs = list(self.folder.glob("*.tgz"))
        if self.process.returncode != 0 or len(tarballs) != 1:
            reason = stderr.decode(errors="replace").strip().splitlines()
            raise NetworkError(
                f"npm could not fetch {self.pin.spec}: {reason[0] if reason else 'no tarball'}",
                hint="Check that `npm view solc version` works here, then run the command again.",
            )
        _check(self.pin, tarballs[0])
        unpacked = self.folder / "files"
        _extract(self.pin, tarballs[0], unpacked)
        os.replace(unpacked, root / self.pin.folder)

    def stop(self) -> None:
        """Stop npm if it still runs: after an error or Ctrl-C."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def _check(pin: Pin, tarball: Path) -> None:
    digest = hashlib.sha512(tarball.read_bytes()).digest()
    found = "sha512-" + base64.b64encode(digest).decode()
    if found != pin.integrity:
        raise ConfigError(
            f"the package {pin.spec} is not the one this devnet was made with.",
            hint=f"Expected {pin.integrity}, got {found}. Do not use it; look into your npm registry.",
        )


def _extract(pin: Pin, tarball: Path, target: Path) -> None:
    """Unpack only the named files. By convention every npm tarball has one top folder, `package`."""
    wanted = set(pin.files)
    with tarfile.open(tarball, "r:gz") as tar:
        for member in tar:
            inner = member.name.partition("/")[2]
            source = tar.extractfile(member) if inner in wanted and member.isfile() else None
            if source is None:
                continue
            wanted.discard(inner)
            path = target / inner
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with source, open(path, "wb") as out:
                shutil.copyfileobj(source, out)
            path.chmod(_EXECUTABLE if inner.startswith("bin/") else _REGULAR)
    if wanted:
        raise ConfigError(f"the package {pin.spec} lacks {', '.join(sorted(wanted))}.")
