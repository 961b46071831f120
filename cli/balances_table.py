"""An account's balances as a table with their worth, and as a JSON document."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from l2send.cli.screen import err, out, print_words, styled, table
from l2send.core.units import Amount, Token
from l2send.resolver.account_kinds import AccountKind, Kind
from l2send.resolver.balances import Holdings, Snapshot


@dataclass(frozen=True, slots=True)
class Total:
    """The sum of one asset on all chains. Its worth is None if no price is known: never zero."""

    symbol: str
    human: str
    usd: float | None


class Prices:
    """USD for one whole token: stablecoins by their peg, coins and their wrapped forms by the chains' feeds."""

    def __init__(self, chains: Iterable[Holdings]) -> None:
        self._coins: Mapping[tuple[str, bool], float] = {
            (h.chain.native.symbol, h.chain.testnet): h.native_usd for h in chains if h.native_usd is not None
        }

    def worth(self, amount: Amount, holdings: Holdings) -> float | None:
        """What `amount` on that chain is worth in USD."""
        price = self._of(amount.token, holdings)
        return None if price is None else price * float(amount.units) / 10.0**amount.token.decimals

    def _of(self, token: Token, holdings: Holdings) -> float | None:
        if token.peg == "USD":
            return 1.0
        symbol = token.symbol if token.is_native else token.symbol.removeprefix("W")
        if not token.is_native and symbol == token.symbol:
            return None
        return self._coins.get((symbol, holdings.chain.testnet))


Held = tuple[Holdings, Amount, float | None]

_NAMED = 3
"""How many tokens are listed beside a sum."""
_DECIMALS = 4


def show(snapshot: Snapshot, wanted: Sequence[str]) -> None:
    """Print balances above zero and totals on stdout; unknown ones, and the number of zero balances, on stderr.

    `wanted` are symbols in upper case, or empty for every token.
    """
    held, unread, empty = _sorted_out(snapshot, wanted)
    rows = table("chain", "token", "balance", "worth", right=("balance", "worth"))
    for holdings, amount, usd in held:
        rows.add_row(holdings.chain.short_name, styled(amount.token.symbol), amount.text, money(usd))
    for holdings, token in unread:
        rows.add_row(holdings.chain.short_name, styled(token.symbol), styled("unknown", "yellow"), "")
    if len(rows):
        out().print(rows)
    answered = len(snapshot.chains) - len(snapshot.unknown)
    if held:
        _show_totals(held)
    elif answered:
        print_words(err(), f"{snapshot.account} holds nothing on the {answered} chains that answered.")
    if held and empty:
        nothing = f"{empty} other tokens on the {answered} chains that answered: nothing held."
        print_words(err(), styled(nothing, "dim"))
    for holdings in snapshot.unknown:
        print_words(err(), styled(f"unknown: {holdings.error}", "yellow", 300))


def worth_in_words(snapshot: Snapshot) -> str:
    """`$1,234.56: 1000 USDC, 0.1 ETH`: the sum of priced balances, and the largest balances over all chains.

    Only real money, unless there is only play money.
    """
    silent = f"; {len(snapshot.unknown)} chains did not answer" if snapshot.unknown else ""
    shown = held_of(h for h in snapshot.chains if not h.chain.testnet) or held_of(snapshot.chains)
    if not shown:
        return f"nothing yet{silent}"
    totals = totals_of(shown)
    names = ", ".join(f"{_short(total.human)} {total.symbol}" for total in totals[:_NAMED])
    more = f" and {len(totals) - _NAMED} more" if len(totals) > _NAMED else ""
    return f"{money(sum(total.usd or 0.0 for total in totals))}: {names}{more}{silent}"


def _short(number: str) -> str:
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction[:_DECIMALS]}".rstrip("0").rstrip(".") if fraction else whole


def show_kinds(kinds: Sequence[AccountKind]) -> None:
    """Print on stderr what the account is, if not just a key: its delegate, a Safe or a contract."""
    places = dict[str, list[str]]()
    for kind in kinds:
        if words := _in_words(kind):
            places.setdefault(words, []).append(kind.chain.short_name)
    for words, names in places.items():
        style = "yellow" if _UNLISTED in words else "dim"
        print_words(err(), styled(f"on {', '.join(names)}: {words}", style, 400))


_UNLISTED = "which l2send does not know"


def _in_words(kind: AccountKind) -> str:
    """Empty for a key, and for a chain that did not answer, which is listed as unknown."""
    if kind.kind is Kind.DELEGATED:
        named = f"{kind.delegate_name} ({kind.delegate})" if kind.delegate_name else f"{kind.delegate}, {_UNLISTED}"
        return f"it delegates to the code {named} (EIP-7702)"
    return {Kind.SAFE: "it is a Safe", Kind.CONTRACT: "it is a contract"}.get(kind.kind, "")


def held_of(chains: Iterable[Holdings]) -> list[Held]:
    """The balances above zero, each with its worth."""
    chains = tuple(chains)
    prices = Prices(chains)
    return [
        (holdings, amount, prices.worth(amount, holdings))
        for holdings in chains
        for token in holdings.chain.assets
        for amount in [holdings.held(token)]
        if amount and amount.units
    ]


def _sorted_out(snapshot: Snapshot, wanted: Sequence[str]) -> tuple[list[Held], list[tuple[Holdings, Token]], int]:
    """The balances, what could not be read, and the number of tokens with a zero balance."""
    prices, held, unread, empty = Prices(snapshot.chains), list[Held](), list[tuple[Holdings, Token]](), 0
    for holdings in snapshot.chains:
        for token in chosen(holdings, wanted) if not holdings.error else ():
            amount = holdings.held(token)
            if amount is None:
                unread.append((holdings, token))
            elif amount.units:
                held.append((holdings, amount, prices.worth(amount, holdings)))
            else:
                empty += 1
    return held, unread, empty


def chosen(holdings: Holdings, wanted: Sequence[str]) -> list[Token]:
    """The requested tokens of a chain."""
    return [token for token in holdings.chain.assets if not wanted or token.symbol.upper() in wanted]


def _show_totals(held: Sequence[Held]) -> None:
    """The balance of each asset, and the sum."""
    totals = totals_of(held)
    if len(totals) < len(held):
        rows = table("in all", "token", "balance", "worth", right=("balance", "worth"))
        for total in totals:
            rows.add_row("", styled(total.symbol), total.human, money(total.usd))
        out().print()
        out().print(rows)
    known = [total.usd for total in totals if total.usd is not None]
    without = [total.symbol for total in totals if total.usd is None]
    if known:
        more = f", and {', '.join(without)} without a price" if without else ""
        out().print(styled(f"All together {money(sum(known))}{more}", "bold"))


def totals_of(held: Sequence[Held]) -> list[Total]:
    """A total for each asset, the most valuable first. Play money and real money are never added up."""
    sums = dict[tuple[str, bool, bool], list[Held]]()
    for entry in held:
        holdings, amount, _ = entry
        token = amount.token
        sums.setdefault((token.asset or token.symbol, token.is_native, holdings.chain.testnet), []).append(entry)
    totals = list[Total]()
    for entries in sums.values():
        finest = max((amount.token for _, amount, _ in entries), key=lambda token: token.decimals)
        units = sum(amount.in_units_of(finest) for _, amount, _ in entries)
        worth = [usd for _, _, usd in entries]
        usd = None if any(each is None for each in worth) else sum(each for each in worth if each is not None)
        totals.append(Total(entries[0][1].token.symbol, Amount(units, finest).text, usd))
    return sorted(totals, key=lambda total: (total.usd is None, -(total.usd or 0.0), total.symbol))


def money(usd: float | None) -> str:
    """Dollars and cents; less than a cent is shown as such."""
    if usd is None:
        return "-"
    return f"${usd:,.2f}" if usd >= 0.01 or usd == 0 else "< $0.01"


def document(snapshot: Snapshot, kinds: Sequence[AccountKind], wanted: Sequence[str]) -> dict[str, object]:
    """The balances as JSON; see docs/schemas/balances-1.json. `kinds`: those that were requested."""
    held, _, _ = _sorted_out(snapshot, wanted)
    prices = Prices(snapshot.chains)
    asked = {kind.chain.chain_id: kind for kind in kinds}
    chains = [
        _chain_document(h, wanted, prices, asked.get(h.chain.chain_id, AccountKind(h.chain, Kind.UNKNOWN)))
        for h in snapshot.chains
    ]
    return {
        "schema": "l2send.balances/1",
        "account": snapshot.account,
        "chains": chains,
        "totals": [{"token": t.symbol, "human": t.human, "usd": _cents(t.usd)} for t in totals_of(held)],
    }


def _chain_document(holdings: Holdings, wanted: Sequence[str], prices: Prices, kind: AccountKind) -> dict[str, object]:
    chain = holdings.chain
    balances = [
        {
            "token": token.symbol,
            "address": token.address,
            "decimals": token.decimals,
            "base_units": None if amount is None else str(amount.units),
            "human": None if amount is None else amount.text,
            "usd": None if amount is None else _cents(prices.worth(amount, holdings)),
        }
        for token in chosen(holdings, wanted)
        for amount in [holdings.held(token)]
    ]
    return {
        "chain": chain.short_name,
        "chain_id": chain.chain_id,
        "testnet": chain.testnet,
        "known": not holdings.error,
        "error": holdings.error or None,
        "account_is": kind.kind.value,
        "delegates_to": kind.delegate,
        "balances": balances if not holdings.error else [],
    }


def _cents(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 6)
