"""The words of a payment in the orders people type them, where only one reading exists; else the line to type."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from l2send.cli.command_table import COMMANDS
from l2send.core.errors import UsageError

_NUMBER = re.compile(r"\d[\d.,_]*|max|all", re.IGNORECASE)
_JOINED = re.compile(r"(\d[\d.]*)([A-Za-z][A-Za-z0-9.]*)")
_DESTINATION = re.compile(r"[:@]|^0x[0-9a-fA-F]{40}$|\.eth$")
_WORD = re.compile(r"[A-Za-z][A-Za-z-]*")
_KNOWN_ELSEWHERE = {"list": "history", "pay": "send", "transfer": "send", "address": "receive", "accounts": "wallet"}
_EXAMPLE = "For example: l2send 25 USDC base:0x…"


def in_order(words: Sequence[str]) -> list[str]:
    """`AMOUNT TOKEN DESTINATION` of the words before the first option; the rest as it is.

    Raises UsageError for what has a word too few or too many, with the line to type.
    """
    end = next((i for i, word in enumerate(words) if word.startswith("-") and word != "-"), len(words))
    lead = [word for i, word in enumerate(words[:end]) if not (word.lower() == "to" and i)]
    return [*_arranged(lead, alone=end == len(words)), *words[end:]]


def _arranged(lead: list[str], *, alone: bool) -> list[str]:
    if lead and (joined := _JOINED.fullmatch(lead[0])) and len(lead) == 2:
        return [joined[1], joined[2], lead[1]]
    match lead:
        case [money, *_] if re.fullmatch(r"[$€£]\d[\d.,]*", money):
            raise UsageError(f"{money} is not an amount of a token.", hint=f"Write {money[1:]} and a token. {_EXAMPLE}")
        case [token, amount, destination] if _NUMBER.fullmatch(amount) and not _NUMBER.fullmatch(token):
            return [amount, token, destination]
        case [amount, destination, token] if _is_destination(destination) and not _is_destination(token):
            return [amount, token, destination]
        case [amount, token, chain, account] if _is_destination(account) and ":" not in account:
            hint = f"Write: l2send {amount} {token} {chain}:{account}"
            raise UsageError("chain and account are one word, with a colon between.", hint=hint)
        case [amount, destination] if alone and _NUMBER.fullmatch(amount) and _is_destination(destination):
            raise UsageError("the token is missing.", hint=f"Write: l2send {amount} TOKEN {destination}")
        case [amount, token] if alone and _NUMBER.fullmatch(amount):
            raise UsageError("the destination is missing.", hint=f"Write: l2send {amount} {token} CHAIN:ADDRESS")
        case [amount] if alone and _NUMBER.fullmatch(amount):
            raise UsageError("token and destination are missing.", hint=f"Write: l2send {amount} TOKEN CHAIN:ADDRESS")
        case _:
            return lead


def refuse_unknown_command(word: str) -> None:
    """Raises UsageError for a word alone that is no destination, with the command that may be meant."""
    if not _WORD.fullmatch(word) or word.startswith("0x"):
        return
    meant = _KNOWN_ELSEWHERE.get(word.lower()) or next(iter(get_close_matches(word.lower(), COMMANDS, 1)), "")
    hint = f"Did you mean: l2send {meant}" if meant else f"To pay: l2send AMOUNT TOKEN {word[:40]}. See l2send --help."
    raise UsageError(f"no command {word[:40]!r}.", hint=hint)


def _is_destination(word: str) -> bool:
    return bool(_DESTINATION.search(word))
