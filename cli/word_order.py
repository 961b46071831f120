"""Accepts the words of a payment in any order if only one reading exists; else shows the line to type."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from l2send.cli.command_table import COMMANDS
from l2send.cli.word_kinds import NUMBER, PREPOSITIONS, is_whole_destination
from l2send.core.errors import UsageError

if TYPE_CHECKING:
    from l2send.cli.word_readings import Known

_JOINED = re.compile(r"([$€£]?\d[\d.]*)([A-Za-z][A-Za-z0-9.]*)", re.ASCII)
_MONEY = re.compile(r"[$€£](\d[\d.,_]*)", re.ASCII)
_WORD = re.compile(r"[A-Za-z][A-Za-z-]*", re.ASCII)
_OTHER_NUMBER = re.compile(r"\d+[eE]\d+|0x.*", re.ASCII | re.IGNORECASE)
"""`1e3`, and an address or another hexadecimal number."""
_CHAIN_ALONE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*:", re.ASCII)
"""A chain's name with the colon that should stand before the account."""
_WORDS = 3
"""The words of a payment: amount, token, destination."""
_EVERYDAY = frozenset({"usdc", "usdt", "eth", "dai", "weth"})
"""Symbols recognised without the list of chains."""
_KNOWN_ELSEWHERE = {
    "list": "history",
    "pay": "send",
    "transfer": "send",
    "bridge": "send",
    "swap": "send",
    "address": "receive",
    "accounts": "wallet list",
    "delegate": "wallet delegate",
    "undelegate": "wallet undelegate",
    "account": "wallet list",
    "refund": "resume",
    "refunds": "resume",
    "cost": "status",
    "costs": "status",
    "fee": "status",
    "fees": "status",
    "fund": "devnet fund",
    "faucet": "devnet fund",
}
_COST = " (it says what a payment cost)"
_SAID_OF = {"refund": " (it refunds what no solver filled)", "cost": _COST, "fee": _COST}
"""What a suggested command does, if its name does not say it."""
_TO_PAY = "To pay: l2send AMOUNT TOKEN CHAIN:ADDRESS. See l2send --help."
_NEAR = 0.7
"""The similarity, by difflib's measure, at which a word is suggested as a command."""


def apart(line: Iterable[str], params: Sequence[Any]) -> tuple[list[str], list[str]] | None:
    """The words of `line`, and its options with their values, by the `params` of its command.

    None if it has an option that is not among them: then Typer explains the line as it is.
    """
    takes_value = {
        name: not getattr(param, "is_flag", False)
        for param in params
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")
    }
    words, options, rest = list[str](), list[str](), iter(line)
    for word in rest:
        name, is_joined, _ = word.partition("=")
        if not word.startswith("-") or word == "-":
            words.append(word)
        elif name not in takes_value:
            return None
        else:
            value = [next(rest, None)] if takes_value[name] and not is_joined else []
            options += [word, *(one for one in value if one is not None)]
    return words, options


def in_order(words: Sequence[str], known: Callable[[], Known], *, is_implied: bool = False) -> list[str]:
    """The words before the first option as `AMOUNT TOKEN DESTINATION`; the rest unchanged.

    `known` loads chains and contacts; it is called only for an unusual order. `is_implied`: no command was typed.
    Raises UsageError with the line to type for missing or extra words, and what `known` raises.
    """
    end = next((i for i, word in enumerate(words) if word.startswith("-") and word != "-"), len(words))
    lead, options = _whole(words[:end]), list(words[end:])
    if _is_usual(lead):
        return [*lead, *options]
    amounts = [word for word in lead if _is_amount(word)]
    if is_implied and lead:
        _refuse_without_amount(lead, amounts)
    lead = _apart(lead) if len(amounts) == 1 else lead
    if not amounts or _is_alone(lead):
        return [*_without_to(lead), *options]
    if options and len(lead) < _WORDS:
        return [*lead, *options]  # the other words may follow the options
    from l2send.cli.word_readings import reading_of

    reading = reading_of(lead, known)
    return [*reading.words, *reading.options, *options]


def _whole(words: Sequence[str]) -> list[str]:
    """The words of `'25 USDC base:0x…'`, quoted as one, and `base: 0x…`, typed as two, as they are meant."""
    if len(words) == 1 and _is_amount(words[0].split(" ")[0]):
        words = words[0].split()
    found = list[str]()
    for word in words:
        if found and _CHAIN_ALONE.fullmatch(found[-1]):
            found[-1] += word
        else:
            found.append(word)
    return found


def _refuse_without_amount(lead: list[str], amounts: list[str]) -> None:
    """Raises UsageError for words that are neither a command nor a payment."""
    if amounts and _KNOWN_ELSEWHERE.get(lead[0].lower()) != "send":
        return
    is_account = [is_whole_destination(word) or bool(_OTHER_NUMBER.fullmatch(word)) for word in lead]
    if not amounts and len(lead) > 1 and any(is_account):
        raise UsageError("the amount is missing.", hint="For example: l2send 25 USDC base:0x…")
    refuse_unknown_command(*lead)


def refuse_unknown_command(word: str, *more: str) -> None:
    """Raises UsageError for an unknown command, with a suggestion."""
    if not _WORD.fullmatch(word) or word.startswith("0x"):
        return
    low = word.lower()
    meant = _KNOWN_ELSEWHERE.get(low) or next(iter(get_close_matches(low, COMMANDS, 1, _NEAR)), "")
    if meant == "send" and len(more) > 1:
        hint = f"Leave it out: {' '.join(['l2send', *(part[:60] for part in more)])}"
    elif meant == "send":
        hint = _TO_PAY
    elif meant:
        line = " ".join(["l2send", meant, *(part[:60] for part in more)])
        hint = f"Did you mean: {line}{_SAID_OF.get(low.removesuffix('s'), '')}"
    else:
        hint = _TO_PAY
    raise UsageError(f"no command {word[:40]!r}.", hint=hint)


def _is_amount(word: str) -> bool:
    joined = _JOINED.fullmatch(word)
    return bool(NUMBER.fullmatch(word) or _MONEY.fullmatch(word) or joined) and not _OTHER_NUMBER.fullmatch(word)


def _apart(lead: list[str]) -> list[str]:
    """Split `25USDC` into two words."""
    found = list[str]()
    for word in lead:
        joined = _JOINED.fullmatch(word)
        found += [joined[1], joined[2]] if joined and not _OTHER_NUMBER.fullmatch(word) else [word]
    return found


def _without_to(lead: list[str]) -> list[str]:
    return [word for at, word in enumerate(lead) if word.lower() != "to" or at in {0, len(lead) - 1}]


def _is_usual(lead: list[str]) -> bool:
    """Whether the words are already amount, token and destination: then chains need not be loaded."""
    if len(lead) != _WORDS or PREPOSITIONS.intersection(word.lower() for word in lead):
        return False
    amount, token, destination = lead
    if _MONEY.fullmatch(amount) or _is_amount(token) or is_whole_destination(token):
        return False
    return is_whole_destination(destination) or (bool(NUMBER.fullmatch(amount)) and token.lower() in _EVERYDAY)


def _is_alone(lead: list[str]) -> bool:
    """Whether it is a payment link, which has all three, or a substitute for one."""
    return len(lead) == 1 and not _is_amount(lead[0])
