"""Generates docs/man/l2send.1 from the commands; the same commands give the same bytes. Run by `make man`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from l2send.cli.main import EXIT_STATUSES, root
from l2send.cli.settings import KEYS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "man" / "l2send.1"

_SYNOPSIS = (
    "l2send [OPTIONS] AMOUNT TOKEN DESTINATION",
    "l2send [OPTIONS] PAYMENT-LINK",
    "l2send COMMAND [OPTIONS] [ARGUMENTS]",
    "l2send",
)
_DESCRIPTION = """
Pays exactly once on any Ethereum chain. If the money is on the destination's chain it is sent there; if it is on
others, l2send finds it, picks the cheapest safe way to bridge it, shows exactly what will be signed and what it
costs, and follows the payment until the recipient has it or the money is back.

Without any word l2send asks for everything. The word send may be left out.

A DESTINATION is chain:address, chain:name.eth, a contact, or another common form: see l2send resolve.
"""
_ENVIRONMENT = {
    "L2SEND_HOME": "One folder for configuration, state and cache.",
    "L2SEND_CACHE": "The folder for downloads, where L2SEND_HOME is set.",
    "L2SEND_DEBUG": "Any value: an error of l2send itself is shown with the lines of code that led to it.",
    "L2SEND_JOURNAL": "The PostgreSQL database that holds the journal, shared with other machines.",
    "L2SEND_RPC_<CHAINID>": "The RPC of a chain, instead of the registry's.",
    "ACROSS_API_KEY": "Your key of Across's API; it goes to hosts of across.to alone.",
    "ACROSS_INTEGRATOR_ID": "Your integrator id of Across, such as 0xdead.",
    "L2SEND_POLICY": "A file of limits that every payment keeps: docs/limits.md.",
    "NO_COLOR": "No colours.",
    "HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY": "As everywhere.",
    "SSL_CERT_FILE, SSL_CERT_DIR": "Certificates of the authorities that are trusted, instead of those installed.",
    "LEDGER_PROXY_ADDRESS, LEDGER_PROXY_PORT": "Where a Ledger or its emulator listens, instead of USB.",
    "PGHOST, PGHOSTADDR, PGSSLMODE, PGSERVICE, PGPASSFILE": "What L2SEND_JOURNAL leaves out, as psql reads them.",
    "VISUAL, EDITOR": "What l2send config edit opens.",
}
_FILES = {
    "config/config.toml": "Settings: l2send config.",
    "config/contacts.toml": "The address book: l2send contacts.",
    "config/chains.toml": "Your additions to the registry of chains.",
    "config/keystores/": "Your encrypted keys.",
    "state/journal.db": "Every payment ever made; back it up with your keys.",
}
_EXAMPLES = (
    ("Pay, wherever the money is:", "l2send 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045"),
    ("See every way to pay, and what each costs:", "l2send plan 100 USDC base:alice.eth"),
    ("From a script, once for each invoice:", "l2send 25 USDC base:0x... --yes --json --idempotency-key invoice-17"),
    ("Resume what was interrupted:", "l2send resume"),
)
_SECURITY = """
What is shown is what is signed: the review is decoded from the very bytes, and bytes that cannot be decoded are
refused. Signed bytes are in the journal, on disk, before a node sees them.

Keys are read from encrypted keystores, never from the environment. A key given with --private-key can be read by
other programs. Files are of mode 0600. docs/safety.md of the source says what l2send cannot protect from.
"""


def page() -> str:
    """The manual page, in roff's man macros."""
    command = root()
    return "\n".join([*_head(), *_commands(command), *_tail(command)]) + "\n"


def _head() -> Iterator[str]:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    yield '.\\" Written by tools/man_page.py from the commands: change those.'
    # No date: the page is the same whenever it is written.
    yield f'.TH L2SEND 1 "" "l2send {version}" "User Commands"'
    yield ".SH NAME"
    yield "l2send \\- send tokens to any Ethereum chain, wherever yours are"
    yield ".SH SYNOPSIS"
    for line in _SYNOPSIS:
        yield f".B {_roff(line)}"
        yield ".br"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(_DESCRIPTION)


def _commands(root: Any) -> Iterator[str]:
    yield ".SH COMMANDS"
    yield "These options are understood by every command:"
    everywhere = {p.name for p in _shared(root)}
    yield from _options(_shared(root))
    for name, command in _leaves(root, "l2send"):
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        yield f".SS {_roff(' '.join([name, *map(_argument, arguments)]))}"
        yield from _paragraphs(command.help or "")
        for argument in arguments:
            if argument.help:
                yield from _item(_metavar(argument), argument.help)
        yield from _options(
            p for p in command.params if p.param_type_name == "option" and p.name not in everywhere and not p.hidden
        )


def _shared(root: Any) -> list[Any]:
    """The options that are lent to all commands, as one of them has them."""
    lent = set.intersection(*({p.name for p in command.params} for _, command in _leaves(root, "")))
    return [p for p in root.commands["send"].params if p.name in lent]


def _leaves(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command with the words it is called by; a group that is a command itself comes before its own."""
    for word, command in group.commands.items():
        path = f"{name} {word}".strip()
        if not hasattr(command, "commands"):
            yield path, command
            continue
        if command.invoke_without_command:
            yield path, command
        yield from _leaves(command, path)


def _tail(root: Any) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for line in EXIT_STATUSES.removeprefix("Exit status: ").split(" · "):
        status, _, words = line.partition(" ")
        yield from _item(status, f"{words}.")
    yield ".SH ENVIRONMENT"
    for variable, words in sorted((_variables(root) | _ENVIRONMENT).items()):
        yield from _item(variable, words)
    yield ".SH FILES"
    yield "In the folders of your platform, or all under L2SEND_HOME:"
    for path, words in _FILES.items():
        yield from _item(path, words)
    yield ".SS Settings"
    for key in KEYS.values():
        yield from _item(key.name, f"{key.means}.")
    yield ".SH EXAMPLES"
    for words, example in _EXAMPLES:
        yield from (".PP", _roff(words), ".PP", ".RS 4", f".B {_roff(example)}", ".RE")
    yield ".SH SECURITY"
    yield from _paragraphs(_SECURITY)


def _variables(root: Any) -> dict[str, str]:
    """The environment variables that stand for options, with the option's help: that of `send` where it has one."""
    options = [p for _, command in _leaves(root, "") for p in command.params if p.envvar]
    options += [p for p in root.commands["send"].params if p.envvar]
    return {str(p.envvar): f"{p.opts[0]}: {p.help}" for p in options}


def _options(options: Iterable[Any]) -> Iterator[str]:
    for option in options:
        names = "/".join([", ".join(option.opts), *option.secondary_opts])
        value = "" if option.is_flag else f" {_metavar(option)}"
        yield from _item(names + value, option.help or "")


def _argument(argument: Any) -> str:
    name = _metavar(argument)
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _item(term: str, words: str) -> Iterator[str]:
    yield from (".TP", f".B {_roff(term)}", _roff(words))


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        yield from (".PP", _roff(" ".join(paragraph.split())))


def _roff(text: str) -> str:
    """Text as roff prints it: nothing of it is a macro or an escape, and a hyphen can be copied as one."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    named = "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in escaped)
    return f"\\&{named}" if named.startswith((".", "'")) else named


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="ascii")
