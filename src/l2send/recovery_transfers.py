"""Tokens that left an account by transactions of other senders: orders opened by a sponsor, and what a Safe ran.

Such a transaction has no nonce of the account. The token's Transfer event names the account in any case, so that an old
copy of a journal is compared with these events. The recipient of an order is not in them: a person looks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER_TOPIC, address_word
from l2send.core.chains import Chain
from l2send.core.errors import NetworkError
from l2send.core.plan import Payment
from l2send.core.rpc import Log, Rpc, Rpcs, data_bytes, quantity, unix_time
from l2send.core.text import clean
from l2send.core.units import Amount, Nonce, Seconds, UnixTime
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord

_LONGEST_ORDER = Seconds(7 * 86_400)
"""A payment's order is opened within this time of its beginning, if at all."""
_MARGIN = Seconds(3600)
"""Clocks of this machine and of the chains may differ by so much."""


@dataclass(frozen=True, slots=True)
class Left:
    """A token that left the account in a transaction that the journal does not know."""

    chain: Chain
    hash: str
    amount: Amount

    def may_have_paid(self, payment: Payment) -> bool:
        """Whether an order for `payment` may have taken this: the same token by its symbol, and at least its amount."""
        return at_least(self.amount, payment)

    def __str__(self) -> str:
        return (
            f"{self.chain.short_name} {self.hash}: {self.amount} left the account, and the account did not send this "
            "transaction. A sponsor may have opened an order with it"
        )


def at_least(left: Amount, payment: Payment) -> bool:
    """Whether `left` is of the payment's token, by its symbol, and not less than its amount."""
    token, own = payment.amount.token, left.token
    scale, own_scale = int(10**token.decimals), int(10**own.decimals)
    return token.symbol == own.symbol and payment.amount.units * own_scale <= left.units * scale


def newest_of(journal: Journal) -> UnixTime:
    """When the newest payment began that no recovery found; 0 if there is none."""
    own = (one for one in journal.stream() if not any(map(_was_found, one.legs)))
    return next((one.created_at for one in own), UnixTime(0))


def _was_found(leg: PaymentRecord) -> bool:
    """Whether another wallet sent it, or a Safe had run it before it was recorded."""
    ran = leg.proposal is not None and leg.proposal.proposal.was_found
    return ran or any(tx.elsewhere for tx in leg.transactions)


def known_hashes(journal: Journal, account: Address, chains: Iterable[Chain], since: UnixTime) -> set[str]:
    """The account's own transactions, and those that opened sponsored orders of payments which began not long before
    `since` or later, as far as the journal knows them.
    """
    own = (tx.hash for chain in chains for tx in journal.signed_from(chain.chain_id, account, Nonce(0)))
    late = takewhile(lambda record: record.created_at >= since - _LONGEST_ORDER, journal.stream())
    opened = (leg.sponsored.opening_tx for record in late for leg in record.legs if leg.sponsored)
    return {*own, *opened}


async def left_unknown(
    account: Address, rpcs: Rpcs, chain: Chain, since: UnixTime, known: Collection[str]
) -> list[Left]:
    """The transfers from `account` of the registry's tokens on one chain, from `since` on, that no known transaction
    made. Raises NetworkError. Source: ERC-20, eth_getLogs.
    """
    rpc, tokens = rpcs.on(chain.chain_id), {token.address: token for token in chain.tokens if token.address}
    if not tokens:
        return []
    by_address = {str(address).lower(): token for address, token in tokens.items()}
    query = {"address": list(tokens), "topics": [TRANSFER_TOPIC, "0x" + address_word(account).hex()]}
    found = list[Left]()
    for log in await logs_since(rpc, query, since):
        token, tx_hash = by_address.get(str(log.get("address", "")).lower()), str(log.get("transactionHash", ""))
        units = int.from_bytes(data_bytes(log.get("data"), "a log's data"), "big")
        if token and units and tx_hash.lower() not in known:
            found.append(Left(chain, clean(tx_hash, 66), Amount(units, token)))
    return found


async def logs_since(rpc: Rpc, query: dict[str, Any], since: UnixTime) -> list[Log]:
    """The logs from `since` on, less the hour by which clocks may differ. Raises NetworkError. Source: eth_getLogs."""
    found, earliest = list[Log](), since - _MARGIN
    async for first, logs in rpc.logs_before(query, await rpc.block_number()):
        times = {number: await _time_of(rpc, number) for number in {_number_of(log) for log in logs}}
        found += [log for log in logs if times[_number_of(log)] >= earliest]
        if first == 0 or await _time_of(rpc, first) < earliest:
            break
    return found


def _number_of(log: Log) -> int:
    return quantity(log.get("blockNumber"), "blockNumber")


async def _time_of(rpc: Rpc, number: int) -> UnixTime:
    return unix_time((await rpc.block(hex(number))).get("timestamp"))


async def look_for_left(
    account: Address, rpcs: Rpcs, chain: Chain, since: UnixTime, known: Collection[str]
) -> tuple[list[Left], str]:
    """As `left_unknown`; words in the place of an error, since nodes may refuse long searches."""
    try:
        return await left_unknown(account, rpcs, chain, since, known), ""
    except NetworkError as error:
        return [], f"{chain.short_name}: tokens that left {account} by other senders were not found: {error.message}"
