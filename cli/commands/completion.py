"""`l2send completion`: what Tab offers in bash, zsh and fish.

A shell runs `l2send LINE` with L2SEND_COMPLETE set to its name, and gets one candidate per line. Commands and options
come from Typer's own tree; the table below maps a parameter's name to its values. It uses no network, changes nothing,
and imports nothing slow: a person waits for it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from l2send.bridges import bridges_of
from l2send.cli.command_table import COMPLETION_VARIABLE
from l2send.cli.options import Json
from l2send.cli.public_files import write_public
from l2send.cli.screen import err, print_data, print_json, styled
from l2send.cli.settings import KEYS
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import L2sendError, UsageError
from l2send.core.paths import Paths
from l2send.core.text import clean
from l2send.offline_lookups import payments
from l2send.resolver.contacts import load_book
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.keystore import find

_RECENT = 50
_UNFINISHED = frozenset({"resume", "watch", "speedup", "cancel", "close"})
"""Commands for payments that may still change."""

_BASH = """\
_l2send() {
    local IFS=$'\\n'
    COMPREPLY=($(L2SEND_COMPLETE=bash L2SEND_BREAKS="$COMP_WORDBREAKS" "$1" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null))
}
complete -o nospace -o bashdefault -o default -F _l2send l2send
"""
_ZSH = """\
#compdef l2send
_l2send() {
    local -a found
    found=("${(@f)$(L2SEND_COMPLETE=zsh "$words[1]" "${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}")
    found=(${found:#})
    (( $#found )) || { _files; return }
    compadd -S '' -- ${(M)found:#*:}
    compadd -- ${found:#*:}
}
if [[ $funcstack[1] == _l2send ]]; then _l2send "$@"; else compdef _l2send l2send; fi
"""
_FISH = """\
complete -c l2send -f -a '(L2SEND_COMPLETE=fish l2send (commandline -cp | string collect) 2>/dev/null)'
"""
SCRIPTS: Mapping[str, str] = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
PLACES: Mapping[str, str] = {
    "bash": ".local/share/bash-completion/completions/l2send",
    "zsh": ".zfunc/_l2send",
    "fish": ".config/fish/completions/l2send.fish",
}
"""Where each shell looks, relative to the home folder."""
_THEN: Mapping[str, str] = {
    "bash": "New shells have it, if bash-completion is installed. If not, add to ~/.bashrc: source {path}",
    "zsh": "If it is not there yet, add to ~/.zshrc: fpath+=~/.zfunc; autoload -Uz compinit; compinit",
    "fish": "New shells have it.",
}


def completion(
    shell: Annotated[
        str | None, typer.Argument(metavar="SHELL", help="bash, zsh or fish; yours, if none is named")
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Write it where the shell looks for it.")] = False,
    as_json: Json = False,
) -> None:
    """Print what makes Tab complete commands, chains, tokens, contacts, payment ids, accounts and bridges.

    --install writes it where the shell looks for it; no file of yours is changed.

    Example: l2send completion bash --install
    """
    shell = shell or Path(os.environ.get("SHELL", "")).name
    if shell not in SCRIPTS:
        raise UsageError(f"no completion for {clean(shell, 40)!r}.", hint=f"Name one of: {', '.join(SCRIPTS)}")
    path = Path.home() / PLACES[shell]
    if install:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_public(path, SCRIPTS[shell].encode(), force=True)
        err().print(styled(f"wrote {path}", limit=400), soft_wrap=True)
        err().print(styled(_THEN[shell].format(path=path), limit=600), soft_wrap=True)
    if as_json:
        said = {"shell": shell, "script": SCRIPTS[shell], "path": str(path), "installed": install}
        print_json({"schema": "l2send.completion/1", **said})
    elif not install:
        print_data(SCRIPTS[shell])


def answer(line: str, app: Any, shape: Callable[[list[str]], list[str]]) -> Iterator[str]:
    """The candidates for the end of `line`, in the shell's format; none if it cannot be completed."""
    try:
        words = shlex.split(line)
        typed = "" if line[-1:].isspace() else words.pop()
        before = shape(words[1:]) if words[1:] else []
        found = sorted({c for c in _candidates(app, before, typed) if c.startswith(typed) and _is_plain(c)})
    except (ValueError, IndexError, L2sendError):
        return
    if os.environ[COMPLETION_VARIABLE] != "bash":
        yield from found
        return
    # bash replaces only the text after the last word break, and adds no space itself.
    cut = max((typed.rfind(c) + 1 for c in ":@=" if c in os.environ.get("L2SEND_BREAKS", "")), default=0)
    for candidate in found:
        yield candidate[cut:] if candidate.endswith((":", "@")) else f"{candidate[cut:]} "


def _is_plain(candidate: str) -> bool:
    """Whether a terminal shows it unchanged on one line: file names may hold anything."""
    return clean(candidate, len(candidate) + 1) == candidate


def _candidates(app: Any, before: list[str], typed: str) -> Iterable[str]:
    """All candidates for this place, even those that do not match what was typed."""
    command, rest = app, list(before)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    options = {name: p for p in command.params for name in (*p.opts, *p.secondary_opts) if name.startswith("-")}
    place = _Place(command.name, Paths.for_devnet() if "--devnet" in before else Paths.from_environment(), typed)
    waiting, position = None, 0
    for word in rest:
        if waiting:
            waiting = None
        elif word.startswith("-"):
            waiting = options.get(word) if not getattr(options.get(word), "is_flag", True) else None
        else:
            position += 1
    if waiting:
        return place.values(waiting)
    name, equals, value = typed.partition("=")
    if equals and name in options:
        return [f"{name}={found}" for found in _Place(place.command, place.paths, value).values(options[name])]
    if typed.startswith("-"):
        return [*options, "--help"]
    if getattr(command, "commands", None):
        return [name for name, sub in command.commands.items() if not sub.hidden]
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    if not arguments or (position >= len(arguments) and arguments[-1].nargs != -1):
        return []
    return place.values(arguments[min(position, len(arguments) - 1)])


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a missing value, with its candidates."""

    command: str
    paths: Paths
    typed: str

    def values(self, parameter: Any) -> Iterable[str]:
        """Possible values of `parameter`; none if only the user knows."""
        look_up = _VALUES.get(f"{self.command} {parameter.name}") or _VALUES.get(parameter.name)
        return look_up(self) if look_up else ()

    @property
    def registry(self) -> Registry:
        return load_registry(self.paths)

    def chains(self) -> list[str]:
        return list(self.registry.by_name)

    def tokens(self) -> list[str]:
        return [token.symbol for chain in self.registry for token in chain.assets]

    def bridges(self) -> list[str]:
        return list(bridges_of(self.registry))

    def accounts(self) -> list[str]:
        return [keystore.name for keystore in find(self.paths.keystores)]

    def contacts(self) -> list[str]:
        return [contact.name for contact in load_book(self.paths.contacts)]

    def settings(self) -> list[str]:
        return list(KEYS)

    def setting_values(self) -> list[str]:
        """The values of all settings together, which are few."""
        return [*self.chains(), *self.bridges(), *self.accounts()]

    def destinations(self) -> list[str]:
        """Contacts and chains; after a chain its contacts and recipients."""
        book = load_book(self.paths.contacts)
        chain, colon, _ = self.typed.partition(":")
        name, at, _ = self.typed.partition("@")
        if at:
            known = [contact for contact in book if contact.name == name]
            return [f"{name}@{place}" for contact in known for place in contact.chains or self.chains()]
        if not colon:
            return [*(contact.name for contact in book), *(f"{name}:" for name in self.chains())]
        there = self.registry.named(chain)
        paid = [r.payment.to.address for r in payments(self.paths, _RECENT) if r.payment.to.chain_id == there.chain_id]
        friends = [c.name for c in book if not c.chains or chain in c.chains]
        return [f"{chain}:{account}" for account in (*friends, *paid)]

    def payments(self) -> list[str]:
        records = payments(self.paths, None if self.command in _UNFINISHED else _RECENT)
        return [record.id for record in records if self.command not in _UNFINISHED or record.meaning.open]


_VALUES: Mapping[str, Callable[[_Place], Iterable[str]]] = {
    "account": _Place.accounts,
    "chain": _Place.chains,
    "contact": _Place.contacts,
    "destination": _Place.destinations,
    "from_chain": _Place.chains,
    "get name": _Place.settings,
    "names": _Place.chains,
    "payment_id": _Place.payments,
    "set name": _Place.settings,
    "set value": _Place.setting_values,
    "shell": lambda _: SCRIPTS,
    "show name": _Place.accounts,
    "states": lambda _: list(PaymentState),
    "to": _Place.destinations,
    "token": _Place.tokens,
    "unset name": _Place.settings,
    "via": _Place.bridges,
}
"""By parameter name, where the meaning depends on the command."""
