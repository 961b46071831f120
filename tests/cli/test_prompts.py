"""Questions under real terminal input: refused words, pastes of several lines, huge pastes, and resizing."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import sys
import termios
from array import array
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.application.current import get_app, get_app_or_none
from prompt_toolkit.input import PipeInput, create_pipe_input

from l2send.cli.prompts import Back, ask_plainly, ask_text, ask_word, choose, must_agree, pick
from l2send.core.errors import BadAmount, Interrupted
from tests.support.terminal import Terminal

ENTER = "\r"


def pasted(text: str) -> str:
    """As a terminal sends it (bracketed paste)."""
    return f"\x1b[200~{text}\x1b[201~"


def digits(typed: str) -> None:
    if not typed.strip().isdigit():
        raise BadAmount(f"not an amount: {typed[:20]!r}.")


def answered(question: Coroutine[Any, Any, Any], *keys: str) -> tuple[Any, list[str]]:
    """The answer, and the error below the line after each of `keys` but the last."""

    async def answer() -> tuple[Any, list[str]]:
        with create_pipe_input() as keyboard, create_app_session(input=keyboard):
            asking = asyncio.create_task(question)
            said = [await _press(keyboard, key) for key in keys[:-1]]
            await _press(keyboard, keys[-1])
            return await asking, said

    return asyncio.run(asyncio.wait_for(answer(), 20))


async def _press(keyboard: PipeInput, keys: str) -> str:
    """The error below the line once the question has taken all of `keys`, however slow the machine is."""
    await _until(lambda: (app := get_app_or_none()) is not None and app.is_running)
    app = get_app()
    await asyncio.to_thread(keyboard.send_text, keys)  # a pipe holds less than a huge paste
    await _until(lambda: not app.is_running or not _is_unread(keyboard))
    await asyncio.sleep(0.05)  # the question is drawn meanwhile
    error = app.current_buffer.validation_error
    return error.message if error else ""


async def _until(holds: Callable[[], bool]) -> None:
    for _ in range(1500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the question takes no keys")


def _is_unread(keyboard: PipeInput) -> bool:
    waiting = array("i", [0])
    fcntl.ioctl(keyboard.fileno(), termios.FIONREAD, waiting)
    return waiting[0] > 0


def test_a_refused_word_is_gone_before_the_next_is_typed() -> None:
    word, said = answered(ask_word("Pay?", "yes", "no"), "foo" + ENTER, ENTER, "yes" + ENTER)
    assert word == "yes"
    assert said == ["Type one of these words: yes, no."] * 2


@pytest.mark.parametrize("text", ["yes\n", "yes\nno\n", "yes\r\nyes\r\n"])
def test_a_paste_never_answers_by_itself(text: str) -> None:
    """Enter is the person's own; of several lines none counts."""
    word, said = answered(ask_word("Pay?", "yes", "no"), pasted(text), "\x15" + "no" + ENTER)
    assert (word, said) == ("no", [""])
    if text.count("\n") > 1:
        assert answered(ask_word("Pay?", "yes", "no"), pasted(text) + ENTER, "no" + ENTER)[0] == "no"


@pytest.mark.parametrize("ask", [ask_word("Pay?", "yes", "25"), ask_text("Amount", digits), ask_plainly("Type it")])
def test_a_huge_paste_is_taken_away_and_said(ask: Coroutine[Any, Any, Any]) -> None:
    typed, said = answered(ask, pasted("9" * 100_000), "25" + ENTER)
    assert typed == "25"
    assert said == ["That was 100000 characters, more than any answer has. It was not taken."]


def test_a_text_that_is_refused_can_be_corrected() -> None:
    typed, said = answered(ask_text("Amount", digits), pasted("25x") + ENTER, "\x7f" + ENTER)
    assert (typed, said) == ("25", ["not an amount: '25x'."])


@pytest.mark.parametrize("typed", ["back", "BACK ", pasted("back\n")])
def test_back_leads_back(typed: str) -> None:
    with pytest.raises(Back):
        answered(ask_text("Amount", digits), typed + ENTER)
    with pytest.raises(Back):
        answered(choose("Token", [("USDC", 1), ("ETH", 2)]), "\x1b[A" + ENTER)


EVERY_KIND: dict[str, Callable[[], Coroutine[Any, Any, Any]]] = {
    "a word": lambda: ask_word("Pay?", "yes", "no"),
    "a yes": lambda: must_agree("Pay?", yes=False),
    "a text": lambda: ask_text("Amount", digits),
    "the last characters": lambda: ask_plainly("Type it"),
    "a choice": lambda: pick("Way", [("one", 1), ("two", 2)]),
    "a choice or back": lambda: choose("Way", [("one", 1), ("two", 2)]),
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_ctrl_d_ends_it(kind: str) -> None:
    with pytest.raises(Interrupted):
        answered(EVERY_KIND[kind](), "\x04")


@pytest.mark.parametrize("typed", ["", "ye"])
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_an_input_that_is_closed_answers_nothing(kind: str, typed: str) -> None:
    async def close() -> None:
        with create_pipe_input() as keyboard, create_app_session(input=keyboard):
            asking = asyncio.create_task(EVERY_KIND[kind]())
            await _press(keyboard, typed)
            keyboard.close()
            await asyncio.wait_for(asking, 20)

    with pytest.raises(Interrupted):
        asyncio.run(close())


_PROGRAM = """
from l2send.cli.interruptible import run
from l2send.cli.prompts import ask_text, pick
async def ask():
    amount = await ask_text("Amount", int, below=lambda typed: "you hold 100 USDC on " + "dev1 " * 12)
    place = await pick("Which chain?", [(f"chain number {i}, " + "a long name " * 5, i) for i in range(4)])
    print("answers:", amount, place)
run(ask())
"""


@pytest.mark.lab
@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_a_terminal_that_gets_narrow_and_wide_again() -> None:
    with Terminal(dict(os.environ, TERM="xterm-256color"), 80, 30) as terminal:
        terminal.start(sys.executable, "-c", _PROGRAM)
        terminal.wait_for("? Amount")
        for width, key in ((40, "1"), (20, "2"), (100, "3")):
            terminal.resize(width, 30)
            terminal.type(key)
            terminal.wait_for("dev1 dev1")
        terminal.press("Enter")
        terminal.wait_for("» chain number 0")
        for number, width in ((1, 40), (2, 100)):
            terminal.resize(width, 30)
            terminal.press("Down")
            terminal.wait_for(f"» chain number {number}")
            whole = "a long name a long\n   name" if width == 40 else " a long name" * 5 + "\n"
            terminal.wait_for_times(whole, 3)
        terminal.press("Enter")
        assert "answers: 123 2" in terminal.end()[1]


_REFUSING = """
import asyncio
from l2send.cli.prompts import ask_text
from l2send.core.errors import BadAmount
def judge(typed):
    if typed == "250":
        raise BadAmount("you hold at most 100 USDC on all chains together; at most 99.700149 USDC can be paid.")
print(asyncio.run(ask_text("Amount of USDC", judge, below=lambda _: "you hold 100 USDC")), "it is")
"""


@pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed")
def test_a_refusal_is_shown_whole_on_a_narrow_terminal() -> None:
    with Terminal(dict(os.environ) | {"TERM": "xterm-256color"}, width=40, height=12) as terminal:
        terminal.start(sys.executable, "-c", _REFUSING)
        terminal.wait_for("Amount of USDC")
        terminal.type("250")
        terminal.press("Enter")
        shown = " ".join(terminal.wait_for("you hold at most").split())
        assert "on all chains together; at most 99.700149 USDC can be paid." in shown
        assert "? Amount of USDC 250 you hold at most 100 USDC" in shown, "directly below the question"
        lines = terminal.screen().splitlines()
        asked = next(at for at, line in enumerate(lines) if "Amount of USDC" in line)
        assert "you hold at most" in lines[asked + 1]
        terminal.press("C-u", "1", "Enter")
        terminal.wait_for("1 it is")
