"""Finds which word of a payment is the amount, the token, the chain and the account, from known chains and contacts.

A reading depends only on the kinds of its words, never on balances or listings: in `25 eth bnb 0x…` both words are
coins and chains, so it is refused, although only one of the two tokens may exist.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import permutations

from l2send.cli.word_kinds import NUMBER, PREPOSITIONS, is_whole_destination
from l2send.core.chain_names import symbol_meant
from l2send.core.chains import Registry
from l2send.core.errors import UsageError
from l2send.core.paths import Paths
from l2send.core.shipped_chains import refuse_real
from l2send.resolver.contacts import Book
from l2send.resolver.ens_name import is_name

_ADDRESS = re.compile(r"0x[0-9a-f]{38,42}", re.IGNORECASE | re.ASCII)
"""An address, or one with a character missing or extra: it means the account."""
_PEGS = {"$": "USD", "€": "EUR", "£": "GBP"}
_SIGNS = "".join(_PEGS)
_OTHERS = 3
"""The most words besides the amount, if chain and account are separate."""
_EXAMPLE = "For example: l2send 25 USDC base:0x…"


@dataclass(frozen=True)
class Known:
    """The known names by which words are classified."""

    registry: Registry
    book: Book
    paths: Paths | None = None
    """The folders whose keystores are the user's own accounts; None: not looked at."""

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The symbols of all tokens, in lower case."""
        return frozenset(token.symbol.lower() for chain in self.registry for token in chain.assets)

    def whole(self, chain: str, account: str) -> str:
        """Chain and account as one word, the chain by its short name. Raises UnknownChain."""
        return f"{self.registry.named(chain).short_name}:{account}"

    def is_chain(self, word: str) -> bool:
        """Whether `word` names a chain."""
        return self.registry.find(word) is not None

    def is_token(self, word: str) -> bool:
        """Whether `word` is a token's symbol, or the address of one that is listed."""
        low = word.lower()
        return low in self.symbols or any(
            token.address and token.address.lower() == low for chain in self.registry for token in chain.tokens
        )

    def is_account(self, word: str) -> bool:
        """Whether `word` is an account without its chain: an address, an ENS name, a contact, an own account's name."""
        is_theirs = bool(_ADDRESS.fullmatch(word)) or is_name(word) or word.lower() in self.book.contacts
        return is_theirs or (word in self.own and not self.is_chain(word) and not self.is_token(word))

    @cached_property
    def own(self) -> frozenset[str]:
        """The names of the user's own accounts. A payment to one is refused later, with the line to type."""
        from l2send.wallet.keys.keystore import find

        return frozenset(keystore.name for keystore in find(self.paths.keystores)) if self.paths else frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """One meaning of the words."""

    amount: str
    token: str
    destination: str
    options: tuple[str, ...] = ()
    """Words after a preposition that are options elsewhere."""

    @property
    def words(self) -> list[str]:
        """In command-line order."""
        return [self.amount, self.token, self.destination]

    def __str__(self) -> str:
        return " ".join(["l2send", *self.words, *self.options])


@dataclass(frozen=True, slots=True)
class _Parts:
    """The words, with what stands before them."""

    amount: str
    others: tuple[str, ...]
    on: str
    """The chain that `on` names; empty without."""
    options: tuple[str, ...]


def reading_of(lead: Sequence[str], known: Callable[[], Known]) -> Reading:
    """The only meaning of `lead`. Raises UsageError with the lines to type if there is none, or more than one."""
    what = known()
    parts = _parted(lead, what)
    found = list(dict.fromkeys(_readings(parts, what)))
    if len(found) > 1:
        lines = "\n".join(str(reading) for reading in found[:4])
        raise UsageError(f"these words have more than one meaning:\n{lines}", hint="Type the line that you mean.")
    if not found and lead[0] == parts.amount and _is_for_the_resolver(parts, what):
        return Reading(parts.amount, parts.others[0], parts.others[1])
    if not found:
        raise _what_is_missing(parts, what)
    return _priced(found[0], what)


def _is_for_the_resolver(parts: _Parts, known: Known) -> bool:
    """Whether it is a payment of which only the last word is not understood: the resolver explains that error."""
    if len(parts.others) != 2 or parts.on or parts.options or parts.amount[0] in _PEGS:
        return False
    token, destination = parts.others
    if is_whole_destination(token) or known.is_account(token) or (known.is_chain(token) and not known.is_token(token)):
        return False
    return not known.is_chain(destination) and not known.is_token(destination)


def _parted(lead: Sequence[str], known: Known) -> _Parts:
    """The amount, the words after `on` and `from`, and the other words. Raises UsageError."""
    on, options, others = "", list[str](), list[str]()
    words = iter(enumerate(lead))
    for at, word in words:
        low, following = word.lower(), lead[at + 1] if at + 1 < len(lead) else ""
        if low == "to" and following:
            continue
        if low in PREPOSITIONS and not following and not known.is_account(word):
            continue
        if low in {"on", "from"} and following:
            next(words)
            if not known.is_chain(following):
                raise _no_chain_after(low, following, known)
            if low == "from":
                options += ["--from-chain", following]
            elif on:
                raise UsageError(f"two chains are named: {on} and {following}.", hint="Name one.")
            on = following if low == "on" else on
        else:
            others.append(word)
    amounts = [word for word in others if NUMBER.fullmatch(word) or word[0] in _PEGS]
    if len(amounts) != 1:
        raise _not_one_amount(amounts, known)
    others.remove(amounts[0])
    return _Parts(amounts[0], tuple(others), on, tuple(options))


def _not_one_amount(amounts: Sequence[str], known: Known) -> UsageError:
    chains = {str(chain.chain_id): chain for chain in known.registry}
    chain = next((chains[word] for word in amounts[1:] if word in chains), None)
    if chain:
        return UsageError(
            f"{chain.chain_id} is the id of {chain.name}, which is written by its short name.",
            hint=f"Write {chain.short_name}:ADDRESS.",
        )
    return UsageError(f"{' and '.join(amounts[:3])} are two amounts, and a payment has one.", hint=_EXAMPLE)


def _no_chain_after(preposition: str, word: str, known: Known) -> UsageError:
    if preposition == "from":
        return UsageError(
            f"{word[:40]!r} is no chain, so it is not known what is paid from.",
            hint="Write --from-chain CHAIN, or --account NAME, at the end.",
        )
    try:
        known.registry.named(word)
    except UsageError as error:
        return error
    raise AssertionError("a chain that was not found is refused")


def _readings(parts: _Parts, known: Known) -> Iterator[Reading]:
    """Every meaning by the kinds of the words; else those in which a word of unknown kind is the token."""
    strict = [*_by_kind(parts, known, known.is_token)]
    yield from strict or _by_kind(
        parts,
        known,
        lambda word: not known.is_chain(word) and not known.is_account(word) and not is_whole_destination(word),
    )


def _by_kind(parts: _Parts, known: Known, is_token: Callable[[str], bool]) -> Iterator[Reading]:
    orders = permutations(parts.others) if len(parts.others) <= _OTHERS else ()  # more have no meaning in any order
    for words in orders:
        match words, parts.on:
            case (token, chain, account), "" if is_token(token) and known.is_chain(chain) and known.is_account(account):
                yield Reading(parts.amount, token, known.whole(chain, account), parts.options)
            case (token, account), chain if chain and is_token(token) and known.is_account(account):
                yield Reading(parts.amount, token, known.whole(chain, account), parts.options)
            case (token, destination), "" if is_token(token) and (
                is_whole_destination(destination) or (known.is_account(destination) and not known.is_chain(destination))
            ):
                yield Reading(parts.amount, token, destination, parts.options)
            case _:
                pass


def _priced(reading: Reading, known: Known) -> Reading:
    """`$25 USDC` as 25 USDC, for a token that is worth a dollar. Raises UsageError for any other."""
    sign, number = reading.amount[0], reading.amount[1:]
    if sign not in _PEGS:
        return reading
    tokens = [t for chain in known.registry for t in chain.assets if t.symbol.lower() == reading.token.lower()]
    if tokens and all(token.peg == _PEGS[sign] for token in tokens):
        return replace(reading, amount=number)
    raise UsageError(
        f"{reading.amount} is not an amount of {reading.token[:20]}.",
        hint=f"Write how much of the token itself: l2send AMOUNT {' '.join(reading.words[1:])}",
    )


def _what_is_missing(parts: _Parts, known: Known) -> UsageError:
    """The error for a missing or extra word, with the line to type."""
    whole = next((word for word in parts.others if is_whole_destination(word)), "")
    account = next((word for word in parts.others if known.is_account(word)), "")
    chain = parts.on or next((word for word in parts.others if known.is_chain(word) and word != account), "")
    if known.is_token(chain) and not parts.on and not account:
        chain = ""  # ETH alone means the coin
    rest = [word for word in parts.others if word not in {whole, account, chain}]
    if len(parts.others) > _OTHERS - bool(parts.on) - bool(whole):
        extra = next((word for word in rest if not known.is_token(word)), rest[-1] if rest else parts.others[-1])
        return UsageError(
            f"one word too many: {extra[:40]!r}.", hint="Three words make a payment: AMOUNT TOKEN CHAIN:ADDRESS"
        )
    if len(rest) > 1:
        if known.registry.is_devnet:
            refuse_real(rest[-1], [*known.registry.by_name])
        return UsageError(f"{rest[-1][:40]!r} is neither a chain nor an account.", hint=_EXAMPLE)
    to = whole or known.whole(chain, account or "ADDRESS") if whole or chain else account or "CHAIN:ADDRESS"
    symbols = (token.symbol for chain in known.registry for token in chain.assets)
    token = symbol_meant(rest[0], symbols) if rest else _example(parts, to, known)
    missing = ["token"] if not rest else []
    missing += [] if whole or account else ["account"] if chain else ["destination"]
    said = f"the {missing[0]} is" if len(missing) == 1 else f"{' and '.join(missing)} are"
    return UsageError(f"{said} missing.", hint=f"Write: l2send {parts.amount.lstrip(_SIGNS)} {token} {to}")


def _example(parts: _Parts, destination: str, known: Known) -> str:
    """TOKEN; after a currency sign a token with that peg on the destination."""
    chain = known.registry.find(destination.partition(":")[0])
    peg = _PEGS.get(parts.amount[0])
    pegged = (token.symbol for token in (chain.tokens if chain and peg else ()) if token.peg == peg)
    return next(pegged, "TOKEN")
