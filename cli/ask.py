"""The conversation: destination, token and amount from what is held. Nothing is sent from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from l2send.cli.most import Most, is_most
from l2send.cli.recipient import find_destination, judge
from l2send.cli.screen import err, stage_in_words, styled
from l2send.client import Client
from l2send.core.errors import BadAmount, CannotPay, L2sendError
from l2send.core.plan import Payment
from l2send.core.text import clean
from l2send.core.units import Amount, Token, parse_amount
from l2send.resolver.balances import Snapshot
from l2send.resolver.destination import Destination


@dataclass(frozen=True, slots=True)
class Answers:
    """What the person asked for."""

    destination: Destination
    request: Payment | Most


async def ask_payment(client: Client, snapshot: Snapshot) -> Answers:
    """Ask for a destination, then a token and an amount out of what `snapshot` holds.

    Raises KeyboardInterrupt on Ctrl-C, CannotPay when there is nothing to send.
    """
    destination = await _ask_destination(client)
    asked = destination.asked
    chain = destination.chain
    err().print(styled(f"  {chain.name}: {stage_in_words(chain)}", "dim"))
    held = spendable(snapshot, destination)
    if not held:
        raise CannotPay(
            f"{snapshot.account} holds no token that {chain.name} has too.",
            hint="`l2send balances` shows what it holds.",
        )
    if asked and asked.token not in held:
        raise CannotPay(f"the payment link asks for {asked.token.symbol}, and {snapshot.account} holds none.")
    token = asked.token if asked else await _ask_token(client, held)
    amount = (asked.amount if asked else None) or await _ask_amount(token, held[token])
    if amount is None:
        return Answers(destination, Most(snapshot.account, token.address or token.symbol, destination))
    return Answers(destination, Payment(snapshot.account, destination.account, amount))


def spendable(snapshot: Snapshot, destination: Destination) -> dict[Token, list[Amount]]:
    """The destination's tokens, each with what the sender holds of it, chain by chain, the most first."""
    held = dict[Token, list[Amount]]()
    for token in destination.chain.assets:
        amounts = [
            amount
            for holdings in snapshot.chains
            if holdings.chain.testnet == destination.chain.testnet
            for own in [holdings.chain.asset_like(token)]
            for amount in [holdings.held(own) if own else None]
            if amount and amount.units
        ]
        if amounts:
            held[token] = sorted(amounts, key=lambda a: a.in_units_of(token), reverse=True)
    return held


async def _ask_destination(client: Client) -> Destination:
    import questionary

    judged = _judge(lambda typed: judge(typed, client.registry))
    while True:
        text = await questionary.text("Pay to (chain:address)", validate=judged).unsafe_ask_async()
        try:
            return await find_destination(text, client.rpcs)
        except L2sendError as error:
            err().print(styled(f"  {error.message} {error.hint}", "yellow", limit=600), soft_wrap=True)


async def _ask_token(client: Client, held: dict[Token, list[Amount]]) -> Token:
    import questionary

    def offer(token: Token) -> str:
        places = [f"{a.text} on {client.registry.chain(a.token.chain_id).short_name}" for a in held[token]]
        return f"{token.symbol}: {', '.join(places)}"

    choices = [questionary.Choice(clean(offer(token), 70), token) for token in held]
    chosen: Token = await questionary.select("Token", choices=choices).unsafe_ask_async()
    return chosen


async def _ask_amount(token: Token, held: list[Amount]) -> Amount | None:
    """An amount that is held on all chains together, None for all one can deliver; fees are looked at later."""
    import questionary

    limit = Amount(sum(amount.in_units_of(token) for amount in held), token)
    where = "on all chains together" if len(held) > 1 else "on one chain"

    def understand(typed: str) -> None:
        if not is_most(typed) and parse_amount(typed.strip(), token).units > limit.units:
            raise BadAmount(f"you hold at most {limit} {where}.")

    question = f"Amount of {token.symbol} (up to {limit.text}{', in parts' if len(held) > 1 else ''}, or max)"
    text = await questionary.text(question, validate=_judge(understand)).unsafe_ask_async()
    return None if is_most(text) else parse_amount(text.strip(), token)


def _judge(understand: Callable[[str], object]) -> Callable[[str], bool | str]:
    """A validator for questionary: the error's own words, or True."""

    def judge(typed: str) -> bool | str:
        try:
            understand(typed)
        except L2sendError as error:
            return " ".join(part for part in (error.message, error.hint) if part)
        return True

    return judge
