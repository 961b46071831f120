"""Finds Foundry's `cast`: the pinned one, fetched and checked like the packages of a devnet."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from l2send.core.errors import ConfigError
from l2send.devnet.packages import Pin, fetch

# `@foundry-rs/cast` itself is a Node.js script that starts the program in one of these; this is that program.
_PINS = {
    "linux-x86_64": Pin(
        "@foundry-rs/cast-linux-amd64",
        "1.7.1",
        "sha512-XUpTM2rwtkF8BJ02dae38NNZAx5QfycWRpdR2RmSgOJnasvXuvN58whDVLjQu8IDHEV/fCNIa49aE8V74pmDwQ==",
        ("bin/cast",),
    ),
}


def find(cache: Path, say: Callable[[str], None]) -> Path:
    """The pinned cast, or the one on PATH where none is pinned for this platform. Raises ConfigError."""
    pin = _PINS.get(f"{sys.platform}-{platform.machine()}")
    if pin:
        return fetch([pin], cache, say)[0] / "bin" / "cast"
    on_path = shutil.which("cast")
    if on_path is None:
        raise ConfigError(
            "the benchmark needs `cast` on PATH; no package is pinned for this platform.",
            hint="Install Foundry (https://getfoundry.sh), then run `cast --version`.",
        )
    return Path(on_path)


def version(cast: Path) -> str:
    """What it says of itself, for example `1.7.1`."""
    done = subprocess.run([cast, "--version"], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.splitlines()[0].split()[-1]
