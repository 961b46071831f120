"""Makes stdout and stderr safe for payments: a closed pipe, a full disk, a terminal without Unicode do not stop one.

A closed pipe must not stop a payment half way. Output to a closed pipe is discarded, as are failed writes to stderr;
failing to write the result to stdout is an error.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, NoReturn, TextIO

from l2send.core.errors import ConfigError, ExitStatus, L2sendError, Sent

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class NotPrinted(ConfigError):
    """The result could not be written, of a command that may have sent something before."""

    @property
    def code(self) -> str:
        """That of every configuration error."""
        return "config_error"


class _Out(io.FileIO):
    """stdout, whose pipe may be closed. Other errors are reported once."""

    _failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            pass
        except OSError as error:
            if not self._failed:
                self._failed = True
                raise NotPrinted(
                    f"the result could not be written to stdout: {error.strerror}.",
                    sent=Sent.MAYBE,
                ) from error
        return len(memoryview(data))


class _Err(io.FileIO):
    """stderr: its errors are ignored, the payment goes on."""

    def write(self, data: ReadableBuffer, /) -> int:
        with contextlib.suppress(OSError):
            return super().write(data)
        return len(memoryview(data))


def open_streams() -> None:
    """Replace Python's streams with streams that cannot stop a payment."""
    _occupy_closed()
    sys.stdin = sys.stdin or io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    sys.stdout = _over(_Out, 1, sys.stdout)
    sys.stderr = _over(_Err, 2, sys.stderr)


def _occupy_closed() -> None:
    """Open closed standard descriptors on /dev/null: no file opened later may get their numbers."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _over(kind: type[io.FileIO], fd: int, former: TextIO | None) -> TextIO:
    """A text stream over a descriptor, in Python's chosen encoding; characters outside it are escaped."""
    raw = kind(fd, "w", closefd=False)
    encoding = former.encoding if former else "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, "backslashreplace", line_buffering=fd == 2 or raw.isatty()
    )


def leave(status: int) -> NoReturn:
    """Exit the process with `status`, at once: all that is kept was written when it was kept, as before a kill.

    Python would search and free every object first, which takes a fifth of a short command's time. Threads that still
    run C code are not joined, and nothing they use is freed: scrypt would crash then.
    """
    try:
        sys.stdout.flush()
    except (L2sendError, OSError, ValueError) as error:
        sys.stderr.write(f"l2send: {error}\n")
        status = status or ExitStatus.UNEXPECTED
    sys.stderr.flush()
    os._exit(status)
