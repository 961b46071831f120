"""Ctrl-C ends what blocks: a DNS look-up, a password, scrypt, and an import that it interrupts."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

_BOUND = 15.0
"""Seconds that a slow machine may take to end. What the tests interrupt would take a minute."""

_LOOKUP = """
import asyncio, time
from l2send.cli.interruptible import run
from l2send.cli.streams import leave
async def wait():
    looking = asyncio.to_thread(time.sleep, 60)
    print("waiting", flush=True)
    await looking
try:
    run(wait())
except KeyboardInterrupt:
    leave(130)
"""
_BLOCKED = """
import asyncio, time
from l2send.cli.interruptible import apart, run
from l2send.cli.streams import leave
async def wait():
    print("waiting", flush=True)
    apart(lambda: time.sleep(60))
try:
    run(wait())
except KeyboardInterrupt:
    leave(130)
"""
_SCRYPT = """
import asyncio, hashlib
from l2send.cli.interruptible import apart, run
from l2send.cli.streams import leave
async def wait():
    print("waiting", flush=True)
    apart(lambda: hashlib.scrypt(b"x", salt=b"y", n=2**18, r=8, p=90, maxmem=2**30))
try:
    run(wait())
except KeyboardInterrupt:
    leave(130)
"""
_ANSWERS = """
import asyncio
from l2send.cli.interruptible import run
from l2send.cli.progress import Live
from l2send.cli.streams import leave
async def wait():
    with Live.of_answers("asking all chains"):
        print("waiting", flush=True)
        try:
            await asyncio.sleep(60)
        finally:  # as a hundred connections that are closed one by one on a busy machine
            await asyncio.sleep(60)
try:
    run(wait())
except KeyboardInterrupt:
    leave(130)
"""
_PACKAGE = """
import asyncio, sys
from l2send.cli.interruptible import load_package, run
from l2send.cli.streams import leave
class Slow:
    def find_spec(self, name, path, target=None):
        if name == "slow_package":
            import time
            print("waiting", flush=True)
            for _ in range(600):
                time.sleep(0.1)
sys.meta_path.insert(0, Slow())
async def wait():
    asyncio.get_running_loop().call_later(0.01, load_package, "slow_package")
    await asyncio.sleep(60)
try:
    run(wait())
except KeyboardInterrupt:
    leave(130)
"""
_CLASS_OF_A_PACKAGE = _PACKAGE.replace("time.sleep(0.1)", "falls()").replace(
    "class Slow:",
    """
def falls():
    class Falls:
        def __set_name__(self, owner, name):
            import time
            time.sleep(60)
    class Made:
        part = Falls()
class Slow:""",
)
_OWN_WORDS = """
import asyncio, time
from l2send.cli.interruptible import apart, run
class Said(Exception): pass
async def part():
    apart(lambda: time.sleep(60))
async def wait():
    try:
        print("waiting", flush=True)
        await asyncio.gather(part(), asyncio.sleep(60))
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise Said from None
try:
    run(wait())
except Said:
    import os; os._exit(130)
"""
_IMPORT = """
import signal, sys
from l2send.cli import main
class Falls:
    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGINT)
def falls(argv):
    class Made:
        part = Falls()
main.shape = falls
print("waiting", flush=True)
sys.exit(main.run([]))
"""


PROGRAMS = {
    "name": _LOOKUP,
    "sleep": _BLOCKED,
    "scrypt": _SCRYPT,
    "answers": _ANSWERS,
    "words": _OWN_WORDS,
    "package": _PACKAGE,
    "class": _CLASS_OF_A_PACKAGE,
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_ctrl_c_waits_for_no_thread(program: str) -> None:
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.3)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert time.monotonic() - started < _BOUND


def test_ctrl_c_that_falls_into_the_making_of_a_class_is_no_error_of_l2send() -> None:
    done = subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "waiting\n"
    assert (done.returncode, done.stderr) == (130, "l2send: interrupted.\nNothing was sent.\n")
