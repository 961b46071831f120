"""Recovery phrases on a terminal: typed unseen, and a new one shown once, outside the scrollback."""

from __future__ import annotations

import secrets
from getpass import getpass
from pathlib import Path

import typer

from l2send.cli.screen import aloud
from l2send.cli.secret_prompts import TRIES, ask_again
from l2send.cli.terminal import can_ask
from l2send.cli.terminal_echo import with_echo
from l2send.core.errors import Interrupted, NeedsConfirmation
from l2send.wallet.keys.keystore import secret_from
from l2send.wallet.keys.mnemonic import Phrase

_LONGEST = 1000


def ask_phrase(file: Path | None, descriptor: int | None) -> Phrase:
    """The phrase from a file, a descriptor, a person or a pipe, never from the command line. Raises ConfigError."""
    if file is not None or descriptor is not None:
        return Phrase(secret_from(file, descriptor, "phrase"))
    if not can_ask():
        return Phrase(typer.get_text_stream("stdin").readline(_LONGEST))
    return ask_again(lambda: Phrase(getpass("Recovery phrase, its words with a space between them: ")))


def show_once(phrase: Phrase) -> None:
    """Show a new phrase until Enter, then ask for one of its words. Raises NeedsConfirmation, Interrupted.

    It is shown on the alternate screen, which terminals do not keep. Nothing is stored before the word is right.
    """
    if not can_ask():
        raise NeedsConfirmation(
            "a recovery phrase is shown only on a terminal, and this is none.",
            hint="Run it on a terminal, or leave out --mnemonic.",
        )
    from rich.columns import Columns
    from rich.text import Text

    words = phrase.reveal()
    console = aloud()
    with console.screen():
        console.print(Text("\nWrite these words down, on paper. Anyone who has them has the money.\n", style="bold"))
        console.print(
            Columns([f"{n:>2}. {word}" for n, word in enumerate(words, 1)], padding=(0, 3), column_first=True)
        )
        console.print("\nThey are shown only once. Press Enter when they are written down.")
        with with_echo():
            input()
    place = secrets.randbelow(len(words))
    for left in reversed(range(TRIES)):
        console.print(f"Word {place + 1} of what you wrote down?")
        with with_echo():
            if input().strip().lower() == words[place]:
                return
        if left:
            tries = "One try is left." if left == 1 else f"{left} tries are left."
            console.print(f"That is not the word. {tries}", style="yellow")
    raise Interrupted("that is not the word: no account was made, and the phrase is forgotten.")
