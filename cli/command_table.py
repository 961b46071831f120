"""Every command of l2send: its name, its file, and its line in the list of commands. Nothing is imported here: each
command is loaded when it is called.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique

COMPLETION_VARIABLE = "L2SEND_COMPLETE"
"""Set by a shell to its name when it requests the candidates for Tab."""


@unique
class Need(StrEnum):
    """The purpose of a command: the headings of `l2send --help`, in order."""

    PAY = "Pay"
    FOLLOW = "Follow a payment"
    ASK = "Accounts and balances"
    OFFLINE = "Sign without a network"
    SET_UP = "Set up"
    TRY = "Try it with play money"


@unique
class Heading(StrEnum):
    """The purpose of an option: the headings of a command's `--help`."""

    PAYMENT = "The payment"
    ACCOUNT = "The account"
    KEY = "Its key"
    WAY = "The way and its fees"
    RUN = "Chains and output"


@dataclass(frozen=True, slots=True)
class Entry:
    """One command."""

    place: str
    """`module:attribute` in cli/commands: a function, or a Typer app for a group of commands."""
    summary: str
    """One line for the list of commands, at most 58 characters."""
    need: Need
    sends: bool = False
    """Whether it moves money, or follows money that moves."""


COMMANDS: Mapping[str, Entry] = {
    "send": Entry("send:send", "Pay. The word `send` may be left out.", Need.PAY, sends=True),
    "plan": Entry("plan:plan", "Show every way to pay, and what each costs. Sends nothing.", Need.PAY),
    "ask": Entry("ask:ask", "Ask for everything, then pay. Also `l2send` alone.", Need.PAY, sends=True),
    "batch": Entry("batch:batch", "Pay a file of payments, each line once.", Need.PAY, sends=True),
    "work": Entry("work:work", "Pay what `batch --queue` approved, as a worker.", Need.PAY, sends=True),
    "receive": Entry("receive:receive", "Show where to pay an account, with a QR code.", Need.PAY),
    "status": Entry("status:status", "Look once at a payment: where the money is.", Need.FOLLOW),
    "watch": Entry("watch:watch", "Follow a payment until it completes. Signs nothing.", Need.FOLLOW, sends=True),
    "resume": Entry("resume:resume", "Resume a payment where it stopped.", Need.FOLLOW, sends=True),
    "speedup": Entry("speedup:speedup", "Speed up a pending payment with higher fees.", Need.FOLLOW, sends=True),
    "cancel": Entry("cancel:cancel", "Cancel a pending payment.", Need.FOLLOW, sends=True),
    "close": Entry("close:close", "Close a payment whose outcome no chain can prove.", Need.FOLLOW, sends=True),
    "history": Entry("history:history", "List the payments made from this machine.", Need.FOLLOW),
    "balances": Entry("balances:balances", "Show what an account holds on every chain.", Need.ASK),
    "wallet": Entry("wallet:app", "Make, import and list accounts (encrypted keystores).", Need.ASK),
    "contacts": Entry("contacts:app", "Keep the accounts you pay under names.", Need.ASK),
    "resolve": Entry("resolve:resolve", "Explain a destination, and write it in every form.", Need.ASK),
    "inspect": Entry("inspect:inspect", "Show what an order of the ERC-7683 draft would do.", Need.ASK),
    "prepare": Entry("prepare:prepare", "Plan a payment, to be signed on another machine.", Need.OFFLINE),
    "sign": Entry("sign:sign", "Show and sign a prepared payment. Asks no network.", Need.OFFLINE),
    "merge": Entry("merge:merge", "Join the signatures of a Safe's owners in one file.", Need.OFFLINE),
    "broadcast": Entry("broadcast:broadcast", "Send what `l2send sign` has signed.", Need.OFFLINE, sends=True),
    "config": Entry("config:app", "See and change settings.", Need.SET_UP),
    "chains": Entry("chains:app", "List the chains l2send knows; check them, pin their code.", Need.SET_UP),
    "journal": Entry("journal:app", "Move the journal, recover it, and set its shared limits.", Need.SET_UP),
    "doctor": Entry("doctor:doctor", "Check your setup.", Need.SET_UP),
    "completion": Entry("completion:completion", "Make Tab complete commands in your shell.", Need.SET_UP),
    "demo": Entry("demo:demo", "Run the demo on local chains.", Need.TRY, sends=True),
    "devnet": Entry("devnet:app", "Real chains on this machine, with play money.", Need.TRY),
}
_SENDING_WALLET_COMMANDS = frozenset({"delegate", "undelegate"})


def may_send(words: Sequence[str]) -> bool:
    """Whether the command `words`, if it failed, may have sent something. Unknown words may be a payment."""
    entry = COMMANDS.get(words[0]) if words else None
    if words and words[0] == "wallet":
        return not _SENDING_WALLET_COMMANDS.isdisjoint(words)
    return entry is None or entry.sends


def is_about_a_payment(words: Sequence[str]) -> bool:
    """Whether an error of the command `words` says that nothing was sent."""
    entry = COMMANDS.get(words[0]) if words else None
    return may_send(words) or entry is None or entry.need in {Need.PAY, Need.FOLLOW, Need.OFFLINE}
