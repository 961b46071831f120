"""The conversation: destination, token and amount from what is held. Nothing is sent from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from l2send.cli.screen import err, stage_in_words, styled
from l2send.client import Client
from l2send.core.errors import CannotPay, L2sendError
from l2send.core.plan import Payment
from l2send.core.units import Amount, Token, format_units, parse_amount
from l2send.resolver.balances import Snapshot
from l2send.resolver.destination import Destination


@dataclass(frozen=True, slots=True)
class Answers:
    """What the person asked for."""

    destination: Destination
    payment: Payment


async def ask_payment(client: Client, snapshot: Snapshot) -> Answers:
    """Ask for a destination, then a token and an amount out of what `snapshot` holds.

    Raises KeyboardInterrupt on Ctrl-C, CannotPay when there is nothing to send.
    """
    destination = await _ask_destination(client)
    chain = destination.chain
    err().print(styled(f"  {chain.name}: {stage_in_words(chain)}", "dim"))
    held = spendable(snapshot, destination)
    if not held:
        raise CannotPay(
            f"{snapshot.account} holds no token that {chain.name} has too.",
            hint="`l2send balances` shows what it holds.",
        )
    token, total = await _ask_token(held)
    amount = await _ask_amount(token, total)
    return Answers(destination, Payment(snapshot.account, destination.account, amount))


def spendable(snapshot: Snapshot, destination: Destination) -> dict[Token, int]:
    """The destination's tokens, each with the most that one chain holds of it, in the destination's units."""
    most = dict[Token, int]()
    for holdings in snapshot.chains:
        if holdings.chain.testnet != destination.chain.testnet:
            continue
        for token in destination.chain.assets:
            own = holdings.chain.asset_like(token)
            amount = holdings.held(own) if own else None
            if amount and amount.units:
                units = amount.units * 10**token.decimals // 10**amount.token.decimals
                most[token] = max(most.get(token, 0), units)
    return most


async def _ask_destination(client: Client) -> Destination:
    import questionary

    text = await questionary.text("Pay to (chain:address)", validate=_judge(client.destination)).unsafe_ask_async()
    return client.destination(text)


async def _ask_token(held: dict[Token, int]) -> tuple[Token, int]:
    import questionary

    choices = [
        questionary.Choice(f"{token.symbol:<8} up to {format_units(units, token.decimals)}", (token, units))
        for token, units in held.items()
    ]
    chosen: tuple[Token, int] = await questionary.select("Token", choices=choices).unsafe_ask_async()
    return chosen


async def _ask_amount(token: Token, most: int) -> Amount:
    import questionary

    text = await questionary.text(
        f"Amount of {token.symbol} (up to {format_units(most, token.decimals)})",
        validate=_judge(lambda typed: parse_amount(typed.strip(), token)),
    ).unsafe_ask_async()
    return parse_amount(text.strip(), token)


def _judge(understand: Callable[[str], object]) -> Callable[[str], bool | str]:
    """A validator for questionary: the error's own words, or True."""

    def judge(typed: str) -> bool | str:
        try:
            understand(typed)
        except L2sendError as error:
            return " ".join(part for part in (error.message, error.hint) if part)
        return True

    return judge
