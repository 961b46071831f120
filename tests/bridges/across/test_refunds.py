"""`refunded` is reported only for a settlement that can only be this order's refund."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from l2send.bridges import decode
from l2send.bridges.across.deposit import DEPOSITED_TOPIC, Deposit, deposited, new_nonce
from l2send.bridges.across.refunds import EXECUTED_TOPIC, Settlement, _can_only_hold, is_settled, refund_of
from l2send.core.address import Address
from l2send.core.calldata import abi_encode, address_word
from l2send.core.effects import Opens
from l2send.core.errors import NetworkError
from l2send.core.plan import Order
from l2send.core.rpc import Aggregate, Call, Endpoint, Log, Rpc, Rpcs
from l2send.core.rpc.logs import logs_before
from l2send.core.units import BlockNumber, UnixTime
from tests.bridges.across.test_effects import BY_POOL, DEADLINE, PAYS
from tests.support.across_registry import ORIGIN, RECIPIENT, REGISTRY, SENDER, TARGET, address

OPENED, PAID = 10, 100
"""Blocks. A block is a minute; the order expires between them."""
MINUTE = 60


def order() -> Order:
    effect = decode(BY_POOL, REGISTRY)
    assert isinstance(effect, Opens)
    return effect.order


ORDER = order()
TOKEN = ORDER.details["input_token"]


def another(units: int, deadline: int = DEADLINE) -> Deposit:
    out = Address(ORDER.details["output_token"])
    nonce = new_nonce(SENDER)
    return Deposit(ORIGIN.chain_id, TARGET.chain_id, SENDER, RECIPIENT, TOKEN, units, out, units, nonce, deadline)


def event(deposit: Deposit, block: int = OPENED) -> dict[str, Any]:
    relay = deposit.relay(SENDER)
    words = [deposit.destination.to_bytes(32, "big"), relay[8].to_bytes(32, "big"), relay[0]]
    types = ["bytes32", "bytes32", "uint256", "uint256", "uint32", "uint32", "uint32", "bytes32", "bytes32", "bytes"]
    values = [relay[3], relay[4], relay[5], relay[6], 1, relay[9], 0, relay[1], bytes(32), b""]
    data = "0x" + abi_encode(types, values).hex()
    return {"topics": [DEPOSITED_TOPIC, *("0x" + w.hex() for w in words)], "data": data, "blockNumber": hex(block)}


def leaf(
    units: int, *, to: str = SENDER, token: str = TOKEN, deferred: bool = False, block: int = PAID
) -> dict[str, Any]:
    types = ["uint256", "uint256[]", "address", "address[]", "bool", "address"]
    values = [0, [7, units], token, [address(900), to], deferred, address(901)]
    topics = [EXECUTED_TOPIC, *("0x" + bytes(32).hex() for _ in range(3))]
    data = "0x" + abi_encode(types, values).hex()
    return {"topics": topics, "data": data, "blockNumber": hex(block), "transactionHash": f"0x{block:064x}"}


@dataclass
class Chain:
    """As much of an RPC client as the search for refunds uses."""

    logs_: list[dict[str, Any]]
    filled: frozenset[str] = frozenset()
    head: int = 50_000
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    chain: Any = ORIGIN
    endpoints: list[Endpoint] = field(default_factory=lambda: [Endpoint("http://stand-in")])
    second: Chain | None = None
    """Another endpoint of the same chain."""

    def each(self) -> list[Chain]:
        if self.second is None:
            return [self]
        self.second.chain, self.second.endpoints = self.chain, [Endpoint("http://second")]
        return [self, self.second]

    async def block_number(self) -> int:
        return self.head

    async def block(self, tag: str) -> dict[str, Any]:
        return {"timestamp": hex(DEADLINE - 50 * MINUTE + int(tag, 16) * MINUTE)}

    def logs_before(self, query: dict[str, Any], last: int) -> AsyncIterator[tuple[BlockNumber, list[Log]]]:
        return logs_before(cast("Rpc", self), query, last)

    async def ask(self, read: Callable[[Any], Any], method: str, query: dict[str, Any]) -> Any:
        return read(await self.logs(query))

    async def logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked.append(query)
        first, last = int(query["fromBlock"], 16), int(query["toBlock"], 16)
        assert last - first < 10_000
        return [
            log
            for log in self.logs_
            if first <= int(log["blockNumber"], 16) <= last and log["topics"][0] == query["topics"][0]
        ]

    async def aggregate(self, calls: list[Call], block: str = "latest") -> Aggregate:
        values = tuple((2 if "0x" + call.arguments[0].hex() in self.filled else 0,) for call in calls)
        return Aggregate(values, UnixTime(0))


@dataclass
class Chains:
    one: Chain

    def on(self, chain_id: int) -> Chain:
        self.one.chain = TARGET if chain_id == TARGET.chain_id else ORIGIN
        return self.one


def search(*logs: dict[str, Any], filled: tuple[Deposit, ...] = (), **fields: Any) -> str:
    hashes = frozenset(deposited(ORIGIN.chain_id, event(d)).relay_hash for d in filled)
    found = asyncio.run(refund_of(ORDER, cast("Rpcs", Chains(Chain(list(logs), hashes, **fields)))))
    return found.tx_hash if found else ""


MINE = leaf(PAYS.units)
HASH = MINE["transactionHash"]


def test_a_settlement_of_exactly_this_deposit_is_its_refund() -> None:
    assert search(MINE) == HASH


@pytest.mark.parametrize(
    "wrong",
    [
        leaf(PAYS.units - 1),
        leaf(PAYS.units + 1),
        leaf(PAYS.units, to=RECIPIENT),
        leaf(PAYS.units, token=address(102)),
        leaf(PAYS.units, deferred=True),
        leaf(PAYS.units, block=OPENED),
    ],
    ids=["less", "more", "another account", "another token", "transfer failed", "before the deadline"],
)
def test_another_payment_is_not(wrong: dict[str, Any]) -> None:
    assert search(wrong) == ""


def test_nothing_is_not() -> None:
    assert search() == ""


def test_a_settlement_of_two_deposits_at_once_counts_for_both() -> None:
    other = another(3_000_000)
    assert search(event(other), leaf(PAYS.units + 3_000_000)) == HASH
    assert search(event(other), leaf(3_000_000)) == "", "that was the other one's"
    assert search(event(other), leaf(3_000_000), leaf(PAYS.units, block=PAID + 1)) != ""


def test_a_deposit_alike_makes_it_unprovable_until_it_is_filled() -> None:
    alike = another(PAYS.units)
    assert search(event(alike), MINE) == ""
    assert search(event(alike), MINE, filled=(alike,)) == HASH
    assert search(event(another(PAYS.units, deadline=DEADLINE + 10**6)), MINE) == HASH, "not expired when it was paid"


def test_both_of_two_alike_in_one_settlement_are_proven() -> None:
    assert search(event(another(PAYS.units)), leaf(2 * PAYS.units)) == HASH


def test_too_many_deposits_are_not_weighed() -> None:
    assert search(*(event(another(n + 1)) for n in range(11)), MINE) == ""


def test_a_settlement_that_is_not_deep_enough_is_not_seen_yet() -> None:
    assert search(MINE, head=PAID) == HASH
    assert search(MINE, head=PAID - 1) == ""


def test_logs_are_asked_in_pieces_back_to_before_the_order_could_be_opened() -> None:
    chain = Chain([MINE], head=PAID + 30_000)
    found = asyncio.run(refund_of(ORDER, cast("Rpcs", Chains(chain))))
    assert found
    assert found.tx_hash == HASH
    assert min(int(q["fromBlock"], 16) for q in chain.asked) == 0
    assert {q["address"] for q in chain.asked} == {ORIGIN.settlers["across"].contracts["spoke_pool"]}
    depositors = {q["topics"][3] for q in chain.asked if q["topics"][0] == DEPOSITED_TOPIC}
    assert depositors == {"0x" + address_word(SENDER).hex()}


def test_a_node_that_refuses_logs_proves_nothing() -> None:
    with pytest.raises(NetworkError):
        asyncio.run(refund_of(ORDER, cast("Rpcs", Chains(Refusing([MINE])))))


class Refusing(Chain):
    async def logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        raise NetworkError("range too large")


def test_a_deposit_that_one_endpoint_leaves_out_still_makes_it_unprovable() -> None:
    """The first endpoint hides another deposit of the same sum, whose refund this may be."""
    alike = event(another(PAYS.units))
    assert search(MINE, second=Chain([MINE])) == HASH
    assert search(MINE, second=Chain([MINE, alike])) == ""
    assert search(MINE, alike, second=Chain([MINE])) == ""


def test_a_settlement_that_the_first_endpoint_leaves_out_is_found_by_the_second() -> None:
    assert search(second=Chain([MINE])) == HASH


def test_another_deposit_counts_as_filled_where_both_endpoints_show_it() -> None:
    alike = another(PAYS.units)
    filled = frozenset({deposited(ORIGIN.chain_id, event(alike)).relay_hash})
    assert search(event(alike), MINE, filled=(alike,), second=Chain([MINE], filled)) == HASH
    assert search(event(alike), MINE, filled=(alike,), second=Chain([MINE])) == "", "the second one denies it"


def test_a_second_endpoint_that_cannot_list_deposits_postpones_it() -> None:
    with pytest.raises(NetworkError, match="range too large"):
        search(MINE, second=Refusing([MINE]))


@pytest.mark.parametrize(
    ("others", "paid", "holds"),
    [([], 5, True), ([5], 5, False), ([2, 3], 5, False), ([2], 7, True), ([2], 2, False), ([1, 1], 6, True)],
)
def test_what_a_payment_can_hold(others: list[int], paid: int, holds: bool) -> None:
    assert _can_only_hold(5, others, paid) is holds


@dataclass
class Witness(Chain):
    """One endpoint, asked for the receipt of a settlement that another one named."""

    receipt_: dict[str, Any] | None = None

    async def receipt(self, tx_hash: str) -> dict[str, Any] | None:
        return self.receipt_

    async def block(self, tag: str) -> dict[str, Any]:
        return await super().block(tag) | {"number": tag, "hash": f"0xb{tag[2:]}"}


def receipt_of(log: dict[str, Any], **fields: Any) -> dict[str, Any]:
    log = log | {"address": ORDER.details["spoke_pool"]}
    return {"status": "0x1", "blockHash": f"0xb{log['blockNumber'][2:]}", "logs": [log]} | fields


@pytest.mark.parametrize(
    ("receipt", "shown"),
    [
        (receipt_of(MINE), True),
        (None, False),
        (receipt_of(MINE, status="0x0"), False),
        (receipt_of(MINE, blockHash="0xother"), False),
        (receipt_of(MINE, logs=[]), False),
        (receipt_of(leaf(PAYS.units + 1)), False),
        (receipt_of(MINE, logs=[MINE | {"address": address(900)}]), False),
    ],
    ids=["the same", "no receipt", "failed", "another fork", "no leaf", "another sum", "another contract"],
)
def test_each_endpoint_shows_the_settlement_itself(receipt: dict[str, Any] | None, shown: bool) -> None:
    settlement = Settlement(PAYS.units, PAID, HASH)
    one = cast("Rpc", Witness([], receipt_=receipt))
    assert asyncio.run(is_settled(ORDER, settlement, one, hex(PAID))) is shown
    assert asyncio.run(is_settled(ORDER, settlement, one, hex(PAID - 1))) is False, "not deep enough"
