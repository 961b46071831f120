"""Turns typed words into an account and a payment: asks for a missing chain, resolves a name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from l2send.cli.options import PaymentWords
from l2send.cli.progress import Live
from l2send.cli.prompts import ask_text
from l2send.cli.terminal import can_ask
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import UsageError
from l2send.core.plan import Payment
from l2send.core.rpc import Rpcs
from l2send.resolver.contacts import Book
from l2send.resolver.destination import Destination, destination_of, look_up, understand
from l2send.resolver.spelling import Spelling, Voucher

_OFFERED = 8
"""How many chains are listed below a question."""
UNCHECKED = "no checksum in this spelling: a wrong character would go unnoticed"


@dataclass(frozen=True, slots=True)
class Words:
    """`AMOUNT TOKEN DESTINATION`, or only a payment link, which has all three."""

    amount: str | None
    token: str | None
    destination: str


def parse_words(typed: PaymentWords) -> Words:
    """Distinguish the words of a payment from a link. Raises UsageError for anything else."""
    if typed.destination is not None:
        return Words(typed.amount, typed.token, typed.destination)
    if typed.token is None:
        return Words(None, None, typed.amount)
    raise UsageError("three words make a payment: AMOUNT TOKEN DESTINATION.", hint="For example: 25 USDC base:0x…")


BalanceWords = Callable[[Chain], str]
"""A sentence on the balances on a chain; empty for none."""


async def find_destination(text: str, rpcs: Rpcs, book: Book, held: BalanceWords = lambda _: "") -> Destination:
    """The account in `text`; if the chain is asked for, chains with balances by `held` come first.

    Raises UsageError, NetworkError; Back and KeyboardInterrupt at the question.
    """
    spelling = understand(text, rpcs.registry, book)
    if spelling.chain is None and can_ask():
        spelling = replace(spelling, chain=await _ask_chain(spelling, rpcs.registry, held))
    if not spelling.name:
        return _recognised(await look_up(spelling, rpcs), book)
    with Live(f"asking ENS for {spelling.name}"):
        return _recognised(await look_up(spelling, rpcs), book)


def _recognised(found: Destination, book: Book) -> Destination:
    """The destination with its contact's name."""
    contact = book.at(found.address, found.chain)
    return replace(found, contact=contact.name) if contact else found


def judge(text: str, registry: Registry, book: Book) -> None:
    """Raises UsageError for errors in `text` that are detectable without a network."""
    spelling = understand(text, registry, book)
    if spelling.chain and spelling.address:
        destination_of(spelling, registry)


async def _ask_chain(spelling: Spelling, registry: Registry, held: BalanceWords) -> Chain:
    """Ask for the chain: an address exists on every chain, so only the user knows which is meant."""
    account = spelling.contact or spelling.name or spelling.address
    return await choose_chain(f"On which chain is {account}?", spelling.among or registry, held)


async def choose_chain(question: str, chains: Iterable[Chain], held: BalanceWords = lambda _: "") -> Chain:
    """One of `chains`, typed on a terminal: without a match nothing is chosen. Raises Back, KeyboardInterrupt.

    Those with balances come first, with these.
    """
    offered = real_first(chains)

    def meant(typed: str) -> Chain:
        return _chain_called(typed, offered)

    def matching(typed: str) -> str:
        found = sorted((c for c in offered if _matches(typed, c)), key=lambda c: (c.testnet, not held(c)))
        shown = ", ".join(_offer(c, held(c)) for c in found[:_OFFERED])
        rest = f" and {len(found) - _OFFERED} more" if len(found) > _OFFERED else ""
        return f"{shown}{rest}" if found else "no chain matches"

    text = await ask_text(question, meant, below=matching, known=[c.short_name for c in offered])
    return meant(text)


def _matches(typed: str, chain: Chain) -> bool:
    """Whether a chain matches the input so far: by its short name, its name, an alias, or its id."""
    text = typed.strip().lower()
    begins = any(name.startswith(text) for name in (chain.short_name.lower(), *chain.aliases))
    return begins or text in chain.name.lower() or text == str(chain.chain_id)


def _offer(chain: Chain, held: str) -> str:
    return f"{chain.short_name} ({chain.name}{f', you hold {held}' if held else ''})"


def _chain_called(typed: str, offered: Sequence[Chain]) -> Chain:
    """The only matching chain. Raises UsageError for none, or several."""
    text = typed.strip().lower()
    exact = [c for c in offered if text in {*c.names, str(c.chain_id)}]
    found = exact or [c for c in offered if text and _matches(text, c)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError("No such chain.", hint="Type its short name: see `l2send chains`.")
    raise UsageError("That is more than one chain: " + ", ".join(c.short_name for c in found[:_OFFERED]))


def real_first(chains: Iterable[Chain]) -> list[Chain]:
    """Sorted: mainnets before test chains."""
    return sorted(chains, key=lambda c: c.testnet)


def payment_of(client: Client, sender: Address, words: Words, target: Destination) -> Payment:
    """The payment in the words, the link, or both. Raises UsageError if they disagree."""
    asked = target.asked
    if words.amount is None or words.token is None:
        if asked is None or asked.amount is None:
            raise UsageError("how much of what?", hint=f"Write l2send AMOUNT TOKEN {target}")
        return Payment(sender, target.account, asked.amount)
    payment = client.payment(sender, words.amount, words.token, target)
    if asked and (asked.token != payment.amount.token or asked.amount not in {None, payment.amount}):
        wanted = asked.amount or asked.token.symbol
        raise UsageError(f"the payment link asks for {wanted}, not for {payment.amount}.", hint="Leave the words out.")
    return payment


def note(target: Destination) -> str:
    """A note on how the recipient was named; empty for an address with a valid checksum."""
    contact = f"{target.contact}, as your contacts have it" if target.contact else ""
    match target.vouched_by:
        case Voucher.NONE:
            return contact or UNCHECKED
        case Voucher.ENS:
            name = f"{target.name}, by what ENS says it is on {target.chain.name}"
            return f"{name}; {contact}" if contact else name
        case Voucher.CONTACT | Voucher.ERC55 | Voucher.ERC7828:
            return contact


def must_compare(target: Destination) -> bool:
    """Whether only a person can notice a mistyped character."""
    return target.vouched_by is Voucher.NONE and not target.contact
