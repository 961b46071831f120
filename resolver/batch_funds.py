"""The ledger of a batch: the balances, less what earlier payments take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from l2send.core.chains import Chain
from l2send.core.plan import BRIDGE_FEE, Quote
from l2send.core.units import Amount, Token
from l2send.resolver.balances import Snapshot


def spent_by(quote: Quote) -> dict[Token, int]:
    """The most that leaves the sender for one quote, including network fees, in base units by token."""
    coin, pays = quote.source.native, quote.pays
    fees = sum(fee.amount.units for fee in quote.fees if fee.amount.token == coin and fee.name != BRIDGE_FEE)
    spent = {pays.token: pays.units}
    if quote.needs is not None:
        spent[coin] = quote.needs if pays.token == coin else spent.get(coin, 0) + quote.needs
    elif not quote.sponsored:
        spent[coin] = spent.get(coin, 0) + fees
    return spent


@dataclass
class Ledger:
    """The part of a snapshot that no payment of the batch has taken yet."""

    snapshot: Snapshot
    left: dict[Token, int] = field(default_factory=dict[Token, int])

    def __post_init__(self) -> None:
        if not self.left:
            self.left = {token: units for holdings in self.snapshot.chains for token, units in holdings.units.items()}

    def copy(self) -> Ledger:
        """An independent copy."""
        return Ledger(self.snapshot, dict(self.left))

    def has(self, token: Token) -> int:
        """The remaining amount, in base units; 0 if unknown: unknown money is not spent."""
        return max(0, self.left.get(token, 0))

    def covers(self, spent: Mapping[Token, int]) -> bool:
        """Whether all of it remains."""
        return all(self.has(token) >= units for token, units in spent.items())

    def take(self, spent: Mapping[Token, int]) -> None:
        """Count it as spent. The remainder may become negative."""
        for token, units in spent.items():
            self.left[token] = self.left.get(token, 0) - units

    def after(self, *, without: Token | None = None) -> Snapshot:
        """The snapshot after everything taken has left. `without`: none of that token."""
        chains = tuple(
            replace(holdings, units={token: 0 if token == without else self.has(token) for token in holdings.units})
            for holdings in self.snapshot.chains
        )
        return replace(self.snapshot, chains=chains)

    def amounts(self) -> list[tuple[Chain, Amount]]:
        """The remaining amounts for display: every token held at the start, by chain."""
        return [
            (holdings.chain, Amount(self.has(token), token))
            for holdings in self.snapshot.chains
            for token, units in holdings.units.items()
            if units
        ]
