"""Turns off the terminal's echo while nothing is asked: a password that is typed too early must not be shown.

getpass and prompt_toolkit change the terminal themselves, and restore what they found: both may run meanwhile.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from threading import current_thread, main_thread

_LOCAL_MODES = 3
"""Where tcgetattr has the local modes, ECHO among them. Source: termios(3)."""


@contextlib.contextmanager
def without_echo() -> Iterator[None]:
    """Show nothing that is typed. The input is kept for the next reader; questions discard it themselves.

    Does nothing outside the main thread, which may be asking a question meanwhile.
    """
    is_hidden = current_thread() is main_thread() and _echo(on=False)
    try:
        yield
    finally:
        if is_hidden:
            _echo(on=True)


@contextlib.contextmanager
def with_echo() -> Iterator[None]:
    """Show what is typed, inside `without_echo`: the answer to a question, or what is read from stdin."""
    is_shown = current_thread() is main_thread() and _echo(on=True)
    try:
        yield
    finally:
        if is_shown:
            _echo(on=False)


def _echo(*, on: bool) -> bool:
    """Switch echo; returns whether that changed it. A background process leaves the shell's terminal alone."""
    try:
        fd = sys.stdin.fileno()
        if not os.isatty(fd) or os.tcgetpgrp(fd) != os.getpgrp():
            return False
        attributes = termios.tcgetattr(fd)
        if bool(attributes[_LOCAL_MODES] & termios.ECHO) == on:
            return False
        attributes[_LOCAL_MODES] ^= termios.ECHO
        termios.tcsetattr(fd, termios.TCSANOW, attributes)
    except (OSError, ValueError, AttributeError, termios.error):
        return False
    return True
