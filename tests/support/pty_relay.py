"""`l2send` in a terminal without its start-up time: passes keys and output to and from a fork.

The fork, of a command server, has a terminal of its own, of the same size and settings, whose Ctrl-C reaches it. This
file imports little: it is run as `python -I -S pty_relay.py SOCKET WORDS…`.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import socket
import sys
import termios
import tty

_MOST = 65_536


def main(place: str, words: list[str]) -> int:
    """The command's exit status, as a shell says it."""
    keys, command = os.openpty()
    before = termios.tcgetattr(0)
    termios.tcsetattr(command, termios.TCSANOW, before)
    _resize(keys)
    signal.signal(signal.SIGWINCH, lambda *_: _resize(keys))
    tty.setraw(0, termios.TCSANOW)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(place)
            request = json.dumps([words, dict(os.environ), os.getcwd(), [0, 1, 2], True]).encode()
            socket.send_fds(connection, [len(request).to_bytes(4, "big")], [command] * 3)
            connection.sendall(request)
            os.close(command)
            connection.recv(4, socket.MSG_WAITALL)  # its process id
            _pass_on(keys, connection.fileno())
            status = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big", signed=True)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
    return status if status >= 0 else 128 - status


def _resize(keys: int) -> None:
    fcntl.ioctl(keys, termios.TIOCSWINSZ, fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))


def _pass_on(keys: int, ended: int) -> None:
    """Until the command has ended and all that it wrote is shown."""
    while True:
        ready, _, _ = select.select([0, keys, ended], [], [])
        if 0 in ready:
            os.write(keys, os.read(0, _MOST))
        if keys in ready:
            try:
                shown = os.read(keys, _MOST)
            except OSError:  # no process has that terminal any more
                return
            while shown:
                shown = shown[os.write(1, shown) :]
        elif ended in ready:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
