"""Checks whether Across refunded an expired deposit, as far as the origin chain can prove it.

The chain proves a payment, not its reason. Across settles in bundles: a leaf that the SpokePool executes pays, per
token, a sum to each account, and names no deposit. So a payment counts as this order's refund only if it cannot be
anything else:

- the pinned SpokePool itself executed the leaf (ExecutedRelayerRefundRoot), as deep as the chain needs, after
  the order's deadline, and the transfer did not fail (`deferredRefunds`);
- the sum is exactly what this deposit, with or without other deposits of the same account and token that
  expired unfilled, comes to; and those others alone do not come to it.

Logs list the other deposits, but a missing log proves nothing. So as many endpoints are queried as an end state needs
witnesses, and every deposit that any of them lists counts. Proving that another deposit was filled, so that no
settlement is its refund, needs as many.

An account with several deposits of the same amount may never see `refunded`: l2send then reports `expired`, and the
balance shows the money. Deposits made more than a day before this order could be opened are not considered.

Source: across-protocol/contracts SpokePool.sol executeRelayerRefundLeaf; UMIP-179 for who is refunded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

from l2send.bridges.across.deposit import DEPOSITED_TOPIC, Deposited, deposited
from l2send.core.address import Address, checksum
from l2send.core.calldata import Function, abi_decode, address_word, event_topic
from l2send.core.endpoint_agreement import WITNESSES, confirmed_head, why_unproven
from l2send.core.errors import NetworkError, UnknownChain
from l2send.core.plan import Order
from l2send.core.rpc import Call, Log, Rpc, Rpcs, data_bytes, quantity
from l2send.core.settlers import AcrossSettlers
from l2send.core.text import clean
from l2send.core.units import BlockNumber, ChainId, Seconds, UnixTime

EXECUTED_TOPIC = event_topic(
    "ExecutedRelayerRefundRoot(uint256,uint256,uint256[],uint32,uint32,address,address[],bool,address)"
)
_EXECUTED_DATA = ["uint256", "uint256[]", "address", "address[]", "bool", "address"]
_FILL_STATUS = Function("fillStatuses(bytes32)", "uint256")
_FILLED = 2

_LOOK_BACK = Seconds(30 * 3600)
"""Search window before the deadline: six hours, the longest life of a deposit, and a day for other deposits."""
_MOST_BLOCKS = 1_000_000
_MOST_OTHERS = 10


@dataclass(frozen=True, slots=True)
class Settlement:
    """What one executed leaf paid the sender in the order's token."""

    units: int
    block: int
    tx_hash: str


async def refund_of(order: Order, rpcs: Rpcs) -> Settlement | None:
    """The settlement that refunded this order, or None while nothing proves it. Raises NetworkError."""
    rpc = rpcs.on(order.origin)
    payments, deposits = await _history_by_all(order, rpc)
    others = [d for d in deposits if d.relay_hash != order.order_id]
    if not payments or len(others) > _MOST_OTHERS:
        return None
    unfilled = [d for d in others if not await _is_filled(order.bridge, d, rpcs)]
    for payment in payments:
        paid_at = quantity((await rpc.block(hex(payment.block))).get("timestamp"), "timestamp")
        expired = [d.input_units for d in unfilled if d.fill_deadline < paid_at]
        if paid_at > order.refund_after and _can_only_hold(order.pays.units, expired, payment.units):
            return payment
    return None


async def is_settled(order: Order, settlement: Settlement, one: Rpc, block: str) -> bool:
    """Whether a single endpoint shows that settlement at `block`: its receipt, with this payment.

    Source: eth_getTransactionReceipt, eth_getBlockByNumber.
    """
    receipt = await one.receipt(settlement.tx_hash)
    if receipt is None or receipt.get("status") != "0x1":
        return False
    pool, token = order.details["spoke_pool"].lower(), Address(order.details["input_token"])
    logs = [log for log in receipt.get("logs", []) if str(log.get("address", "")).lower() == pool]
    paid = [_payment(log, token, order.sender) for log in logs if log.get("topics", [])[:1] == [EXECUTED_TOPIC]]
    at, upto = await asyncio.gather(one.block(hex(settlement.block)), one.block(block))
    in_chain = str(at.get("hash", "")).lower() == str(receipt.get("blockHash", "")).lower()
    deep = settlement.block <= quantity(upto.get("number"), "number")
    late = quantity(at.get("timestamp"), "timestamp") > order.refund_after
    return in_chain and deep and late and settlement in paid


def _can_only_hold(ours: int, others: Sequence[int], paid: int) -> bool:
    """Whether `paid` equals ours plus some of the others', and never a sum of only others'."""
    sums = {0}
    for units in others:
        sums |= {units + one for one in sums}
    return paid not in sums and paid - ours in sums


async def _history_by_all(order: Order, rpc: Rpc) -> tuple[list[Settlement], list[Deposited]]:
    """The union of `_history` from several endpoints. Raises NetworkError if fewer answer than an end state needs."""
    each = rpc.each()
    heard = await asyncio.gather(*(_history(order, one) for one in each), return_exceptions=True)
    payments, deposits = dict[Settlement, None](), dict[str, Deposited]()
    failed = list[NetworkError]()
    for found in heard:
        if isinstance(found, NetworkError):
            failed.append(found)
        elif isinstance(found, BaseException):
            raise found
        else:
            payments |= dict.fromkeys(found[0])
            deposits |= {deposit.relay_hash: deposit for deposit in found[1]}
    if failed and len(each) - len(failed) < min(WITNESSES, len(each)):
        raise failed[0]
    return list(payments), list(deposits.values())


async def _history(order: Order, rpc: Rpc) -> tuple[list[Settlement], list[Deposited]]:
    """The sender's settlements and deposits in this token; empty if there are too many logs to read."""
    pool, token = order.details["spoke_pool"], Address(order.details["input_token"])
    sender = "0x" + address_word(order.sender).hex()
    last = confirmed_head(rpc.chain, await rpc.block_number())
    earliest = UnixTime(order.fill_deadline - _LOOK_BACK)
    executed, opened = await asyncio.gather(
        _logs_since(rpc, {"address": pool, "topics": [EXECUTED_TOPIC]}, last, earliest),
        _logs_since(rpc, {"address": pool, "topics": [DEPOSITED_TOPIC, None, None, sender]}, last, earliest),
    )
    if executed is None or opened is None:
        return [], []
    payments = [p for log in executed if (p := _payment(log, token, order.sender))]
    deposits = [d for log in opened if (d := deposited(order.origin, log)).input_token == token]
    return payments, deposits


async def _logs_since(rpc: Rpc, query: dict[str, Any], last: int, earliest: UnixTime) -> list[Log] | None:
    """The logs from block `last` down to one before `earliest`; None if they are too many blocks to read."""
    found = list[Log]()
    async for first, logs in rpc.logs_before(query, last):
        found += logs
        block = await rpc.block(hex(first))
        if first == 0 or quantity(block.get("timestamp"), "timestamp") < earliest:
            return found
        if last - first > _MOST_BLOCKS:
            return None
    return found


def _payment(log: dict[str, Any], token: Address, sender: Address) -> Settlement | None:
    """What this leaf paid `sender` in `token`; None if nothing, or if one of its transfers failed."""
    _, amounts, paid_token, accounts, deferred, _ = abi_decode(_EXECUTED_DATA, data_bytes(log.get("data"), "data"))
    units = sum(a for a, account in zip(amounts, accounts, strict=False) if checksum(account) == sender)
    if deferred or checksum(paid_token) != token or not units:
        return None
    return Settlement(units, quantity(log.get("blockNumber"), "blockNumber"), clean(log.get("transactionHash", ""), 66))


async def _is_filled(bridge: str, deposit: Deposited, rpcs: Rpcs) -> bool:
    """Whether that deposit is proved to be filled; False if its destination is unknown here."""
    try:
        rpc = rpcs.on(ChainId(deposit.destination))
    except UnknownChain:
        return False
    listed = rpc.chain.settlers_of(bridge, AcrossSettlers)
    if listed is None:
        return False
    asked = Call(listed.spoke_pool, _FILL_STATUS, (bytes.fromhex(deposit.relay_hash[2:]),))

    async def shows(one: Rpc, head: Awaitable[BlockNumber]) -> bool:
        deep = confirmed_head(one.chain, await head)
        return (await one.aggregate([asked], hex(deep))).values[0] == (_FILLED,)

    return not await why_unproven(rpc, shows)
