"""Coin that left an account by transactions of other senders: a module of a Safe, or an operation (ERC-4337).

Coin leaves no Transfer event, and such a transaction uses no nonce of the account or of the Safe. But the Safe's code
emits an event with every run of a module, and an EntryPoint one with every operation. How much coin left then is in the
transaction's trace. If the node offers none, a person looks. Source: Safe 1.4.1 and 1.5.0, ModuleManager.sol; ERC-4337.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import address_word, event_topic
from l2send.core.chains import Chain
from l2send.core.errors import NetworkError
from l2send.core.operation import OPERATION_TOPIC
from l2send.core.plan import Payment
from l2send.core.rpc import Rpc
from l2send.core.settlers import SponsorSettlers
from l2send.core.text import clean
from l2send.core.units import Amount, UnixTime
from l2send.recovery_transfers import at_least, logs_since
from l2send.wallet.shared_tx_ends import traced_coin_from

_MODULE_RAN = event_topic("ExecutionFromModuleSuccess(address)")


@dataclass(frozen=True, slots=True)
class CoinLeft:
    """A transaction of another sender by which coin left the account, or may have."""

    chain: Chain
    hash: str
    how: str
    """What had the account send it, in words."""
    amount: Amount | None
    """None if the node offers no trace."""

    def may_have_paid(self, payment: Payment) -> bool:
        """Whether it may have paid `payment`: in a coin of that symbol, and as much if that is known."""
        if self.amount is None:
            return payment.amount.token.symbol == self.chain.native.symbol
        return at_least(self.amount, payment)

    def __str__(self) -> str:
        where = f"{self.chain.short_name} {self.hash}: {self.how}"
        if self.amount is None:
            return f"{where}. Whether coin left by it is not known: the node offers no trace of it"
        return f"{where}, and {self.amount} left by it"


async def coin_by_modules(safe: Address, rpc: Rpc, since: UnixTime) -> list[CoinLeft]:
    """What the modules of a Safe had it send in coin, from `since` on. Raises NetworkError.

    Source: eth_getLogs, debug_traceTransaction.
    """
    query = {"address": safe, "topics": [_MODULE_RAN]}
    return await _left(safe, rpc, since, query, frozenset(), "a module of the Safe had it run a transaction")


async def coin_by_operations(account: Address, rpc: Rpc, since: UnixTime, known: Collection[str]) -> list[CoinLeft]:
    """What operations of the account sent in coin, from `since` on, in transactions other than the `known`.

    Raises NetworkError. Source: eth_getLogs, debug_traceTransaction.
    """
    listed = (entry for entry in rpc.chain.settlers.values() if isinstance(entry, SponsorSettlers))
    entry_points = sorted({entry.entry_point for entry in listed})
    if not entry_points:
        return []
    query = {"address": entry_points, "topics": [OPERATION_TOPIC, None, "0x" + address_word(account).hex()]}
    return await _left(account, rpc, since, query, known, "an operation of the account was submitted", entry_points)


async def or_words(search: Awaitable[list[CoinLeft]], account: Address, chain: Chain) -> tuple[list[CoinLeft], str]:
    """What a search found; words in the place of an error, since nodes may refuse long searches."""
    try:
        return await search, ""
    except NetworkError as error:
        return [], f"{chain.short_name}: coin that left {account} by other senders was not found: {error.message}"


async def _left(
    account: Address,
    rpc: Rpc,
    since: UnixTime,
    query: dict[str, Any],
    known: Collection[str],
    how: str,
    for_gas: Collection[Address] = (),
) -> list[CoinLeft]:
    """One for each transaction with such an event; what went to `for_gas` paid no one."""
    logs = await logs_since(rpc, query, since)
    hashes = dict.fromkeys(clean(str(log.get("transactionHash", "")).lower(), 66) for log in logs)
    no_one, found = {one.lower() for one in for_gas}, list[CoinLeft]()
    for tx_hash in (one for one in hashes if one not in known):
        sent = await _traced(account, tx_hash, rpc)
        wei = None if sent is None else sum(value for to, value in sent if to not in no_one)
        if wei != 0:
            amount = None if wei is None else Amount(wei, rpc.chain.native)
            found.append(CoinLeft(rpc.chain, tx_hash, how, amount))
    return found


async def _traced(account: Address, tx_hash: str, rpc: Rpc) -> list[tuple[str, int]] | None:
    try:
        return await traced_coin_from(account, tx_hash, rpc)
    except NetworkError:  # A node that keeps no old state says so in various words.
        return None
