"""A real terminal for tests: tmux, with keys typed into it and its screen read back."""

from __future__ import annotations

import re
import secrets
import shlex
import subprocess
import time
from types import TracebackType
from typing import Self

from tests.support.command_server import COMMANDS


class Terminal:
    """A tmux window of its own server, gone when the context ends."""

    def __init__(self, environment: dict[str, str], width: int = 80, height: int = 50) -> None:
        self._socket = f"l2send-{secrets.token_hex(4)}"
        # The size is the terminal's own, no matter where the tests were started.
        self.environment = {k: v for k, v in environment.items() if k not in {"COLUMNS", "LINES"}}
        self._size = (str(width), str(height))

    def __enter__(self) -> Self:
        width, height = self._size
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "env", "PS1=$ ", "sh")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tmux("kill-server")

    def start(self, *command: str) -> None:
        """Type a command and Enter, below the top of a cleared screen; its exit status is printed after it.

        In quick tests l2send is forked where it can be: see command_server.py.
        """
        self._tmux("send-keys", "-R")  # what an earlier command printed is gone at once, before the shell clears it
        self._tmux("clear-history")
        self.type(f"clear; echo; {shlex.join(COMMANDS.in_terminal(command))}; printf 'ended with %s\\n' $?")
        self.press("Enter")

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        """As a person who drags the window's corner."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        """What the terminal shows and showed, without trailing space."""
        lines = self._tmux("capture-pane", "-p", "-S", "-500").splitlines()
        return "\n".join(line.rstrip() for line in lines).rstrip()

    def screen_with_styles(self) -> str:
        """The same with the escape sequences of colours and weights."""
        return self._tmux("capture-pane", "-p", "-e", "-S", "-500")

    def wait_for(self, text: str, seconds: float = 30.0) -> str:
        """The screen, once it shows `text`. Fails with the screen if it never does."""
        until = time.monotonic() + seconds
        while text not in (shown := self.screen()):
            assert time.monotonic() < until, f"{text!r} did not appear on:\n{shown}"
            time.sleep(0.05)
        return shown

    def wait_for_times(self, text: str, times: int, seconds: float = 30.0) -> None:
        """Until the screen shows `text` that often: a question that is asked once more."""
        until = time.monotonic() + seconds
        while (shown := self.screen()).count(text) < times:
            assert time.monotonic() < until, f"{text!r} did not appear {times} times on:\n{shown}"
            time.sleep(0.05)

    def end(self, seconds: float = 60.0) -> tuple[int, str]:
        """The exit status of the command that was started, once it has ended, and the screen then."""
        until = time.monotonic() + seconds
        while not (found := re.search(r"^ended with (\d+)$", shown := self.screen(), re.MULTILINE)):
            assert time.monotonic() < until, f"the command did not end:\n{shown}"
            time.sleep(0.05)
        return int(found[1]), shown

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._socket, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        )
        return done.stdout
