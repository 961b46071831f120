"""Draws docs/pictures: real screens of l2send on a devnet, captured in a terminal of 80 columns.

    .venv/bin/python tools/draw_screens.py        needs tmux, and npm as every devnet does

Amounts of fees and ids differ from run to run, so the pictures are drawn again only when screens changed.
The SVG holds text and nothing from the network: no font, no script.
"""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.terminal_theme import DIMMED_MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs" / "pictures"
L2SEND = str(Path(sys.executable).with_name("l2send"))
PAYEE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
COLUMNS = 80

SVG = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""
"""As rich draws terminals, without the fonts that it would load from the network."""


class Screen:
    """A new tmux window in which commands are typed; gone when the context ends."""

    def __init__(self, environment: dict[str, str], rows: int) -> None:
        self._socket, self._environment, self._rows = f"l2send-{secrets.token_hex(4)}", environment, rows

    def __enter__(self) -> Self:
        self._tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(self._rows), "env", "PS1=$ ", "sh")
        self.wait_for("$")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server")

    def type(self, text: str, *keys: str) -> None:
        """Type `text`, then press `keys`."""
        self._tmux("send-keys", "-l", text)
        if keys:
            self._tmux("send-keys", *keys)

    def press(self, *keys: str) -> None:
        """Press keys, by tmux's names of them."""
        self._tmux("send-keys", *keys)

    def wait_for(self, text: str) -> None:
        """Until the screen shows `text`. Raises TimeoutError with the screen."""
        until = time.monotonic() + 60
        while text not in (shown := self._tmux("capture-pane", "-p")):
            if time.monotonic() > until:
                raise TimeoutError(f"{text!r} did not appear on:\n{shown}")
            time.sleep(0.1)

    def draw(self, name: str) -> None:
        """Write docs/pictures/`name`.svg."""
        shown = self._tmux("capture-pane", "-p", "-e", "-N").rstrip().splitlines()
        console = Console(record=True, width=COLUMNS, file=StringIO())
        for line in shown:
            console.print(Text.from_ansi(line), no_wrap=True, crop=True)
        PICTURES.mkdir(exist_ok=True)
        svg = console.export_svg(title="l2send", theme=DIMMED_MONOKAI, code_format=SVG, unique_id=name)
        (PICTURES / f"{name}.svg").write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")

    def _tmux(self, *words: str) -> str:
        command = ["tmux", "-f", "/dev/null", "-L", self._socket, *words]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=True).stdout


@contextmanager
def devnet(folder: Path) -> Iterator[dict[str, str]]:
    """A devnet of four chains, an account `alice` with money on two of them, and the environment to use it."""
    password = folder / "password"
    password.touch(mode=0o600)
    password.write_text("for pictures only")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("L2SEND_", "ETH_"))}
    kept |= {"L2SEND_HOME": str(folder / "home"), "ETH_PASSWORD": str(password), "TERM": "xterm-256color"}
    kept |= {"ETH_KEYSTORE_ACCOUNT": "alice", "PATH": f"{Path(L2SEND).parent}:{os.environ['PATH']}"}

    def run(words: str) -> str:
        command = [L2SEND, *shlex.split(words)]
        return subprocess.run(command, env=kept, capture_output=True, text=True, check=True).stdout

    run("devnet up --chains 4")
    try:
        run("wallet new alice")
        alice = next(word for word in run("wallet show alice").split() if word.startswith("0x"))
        for chain, usdc in (("dev1", "60"), ("dev2", "35")):
            run(f"devnet fund {alice} {usdc} USDC --chain {chain}")
            run(f"devnet fund {alice} 1 ETH --chain {chain}")
        yield kept
    finally:
        run("devnet down")


def draw_all(environment: dict[str, str]) -> None:
    """Every picture, in the order of the story."""
    with Screen(environment, 60) as screen:
        screen.type(f"l2send 25 USDC dev4:{PAYEE}", "Enter")
        screen.wait_for("Pay 25 USDC to")
        screen.type("yes", "Enter")
        screen.wait_for("delivered. ")
        screen.wait_for("see  ")
        screen.draw("payment")
    with Screen(environment, 60) as screen:
        screen.type(f"l2send plan 60 USDC dev4:{PAYEE}", "Enter")
        screen.wait_for("Dry run")
        screen.draw("plan")
    with Screen(environment, 14) as screen:
        screen.type("l2send", "Enter")
        screen.wait_for("Pay to")
        screen.type(f"dev4:{PAYEE}", "Enter")
        screen.wait_for("Token")
        screen.press("Down", "Enter")
        screen.wait_for("Amount of USDC")
        screen.type("30", "Enter")
        screen.wait_for("? Way")
        screen.draw("conversation")
        screen.press("C-c")


def main() -> None:
    """Draw everything again."""
    with tempfile.TemporaryDirectory() as name, devnet(Path(name)) as environment:
        draw_all(environment)


if __name__ == "__main__":
    main()
