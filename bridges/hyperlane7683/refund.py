"""Refunds of Hyperlane7683: requested on the destination, delivered to the origin as a Hyperlane message.

It costs gas and Hyperlane's fee on the destination. The router there keeps no record: it accepts `refund` for the same
order again, and sends another message; the origin handles the first that arrives. So a lost message can be replaced.
Events of the router and the mailbox show whether one is pending: only a hint, never proof of an end state.

Source: BootNodeDev/intents-framework solidity/src/{Base7683,Hyperlane7683}.sol (refund, Refund);
hyperlane-xyz/hyperlane-monorepo solidity/contracts/{Mailbox,libs/Message}.sol (Dispatch, the id of a message).
"""

from __future__ import annotations

from eth_hash.auto import keccak

from l2send.bridges.erc7683 import ONCHAIN_ORDER
from l2send.bridges.hyperlane7683.order import ORDER_DATA_TYPE, demand, destination_of, order_data_of, order_id_of
from l2send.bridges.hyperlane7683.route import MESSAGE_FEE
from l2send.core.bridge_protocol import SentRefund
from l2send.core.calldata import Function, abi_decode, address_word, event_topic
from l2send.core.chains import Chain
from l2send.core.effects import RefundsOrder
from l2send.core.errors import BadAnswer
from l2send.core.plan import Order, Step, StepKind, UnsignedTx
from l2send.core.rpc import Call, Log, Rpc, Rpcs, data_bytes, quantity
from l2send.core.text import clean
from l2send.core.units import Amount, Gas, UnixTime, Wei

REFUND = Function(f"refund({ONCHAIN_ORDER}[])")
_REFUND_TOPIC = event_topic("Refund(bytes32[])")
_DISPATCH_TOPIC = event_topic("Dispatch(address,uint32,bytes32,bytes)")
_GAS = Gas(400_000)
_MOST_BLOCKS = 180_000
"""Blocks searched for a refund, back from the head."""


def decode_refund(tx: UnsignedTx, chain: Chain) -> RefundsOrder:
    """The order whose `refund` `tx` requests. Raises Refused."""
    (orders,) = REFUND.decode_call(tx.data)
    demand(len(orders) == 1, "is not alone in its refund")
    demand(destination_of(orders[0]) == tx.chain_id, "is to be refunded from another chain than its destination")
    return RefundsOrder(order_id_of(orders[0][2]), Amount(tx.value, chain.native), tx.to)


async def refund_step(order: Order, rpcs: Rpcs) -> Step:
    """The router's `refund` on the destination, with the fee that it asks now. Raises NetworkError, Refused."""
    (fee,) = await rpcs.on(order.destination).eth_call(Call(order.destination_settler, MESSAGE_FEE, (order.origin,)))
    return refund_at(order, Wei(fee))


def refund_at(order: Order, fee: Wei) -> Step:
    """The router's `refund` on the destination, with `fee` for the message. Raises Refused for damaged order data."""
    data = REFUND.encode([(order.fill_deadline, ORDER_DATA_TYPE, order_data_of(order))])
    return Step(StepKind.REFUND, UnsignedTx(order.destination, order.destination_settler, fee, data), _GAS)


async def sent_refund(order: Order, rpcs: Rpcs) -> SentRefund | None:
    """The newest refund of this order requested by any account, or None if none is found.

    Searches back from the destination's head to the order's deadline. Raises NetworkError.
    """
    rpc = rpcs.on(order.destination)
    query = {"address": order.destination_settler, "topics": [_REFUND_TOPIC]}
    head = await rpc.block_number()
    async for first, logs in rpc.logs_before(query, head):
        if mine := [log for log in logs if _names(log, order)]:
            return await _describe(mine[-1], order, rpc)
        if first < head - _MOST_BLOCKS or await _time_of(first, rpc) <= order.fill_deadline:
            return None
    return None


async def _describe(log: Log, order: Order, rpc: Rpc) -> SentRefund:
    tx_hash = clean(log.get("transactionHash", ""), 66)
    receipt = await rpc.receipt(tx_hash)
    block = quantity(log.get("blockNumber"), "blockNumber")
    return SentRefund(tx_hash, _message_id(receipt or {}, order), await _time_of(block, rpc))


def _names(log: Log, order: Order) -> bool:
    """Whether this Refund event names `order`, among others in the same transaction."""
    try:
        (ids,) = abi_decode(["bytes32[]"], data_bytes(log.get("data"), "data"))
    except BadAnswer:
        return False
    return bytes.fromhex(order.order_id[2:]) in ids


def _message_id(receipt: Log, order: Order) -> str:
    """The id of the message from the destination's router to the origin's; empty if the receipt has none."""
    sender, recipient = address_word(order.destination_settler), address_word(order.origin_settler)
    parties = sender, order.origin.to_bytes(32, "big"), recipient
    topics = [_DISPATCH_TOPIC, *("0x" + word.hex() for word in parties)]
    for log in receipt.get("logs", []):
        if log.get("topics") == topics:
            (message,) = abi_decode(["bytes"], data_bytes(log.get("data"), "data"))
            if bytes.fromhex(order.order_id[2:]) in message:
                return "0x" + keccak(message).hex()
    return ""


async def _time_of(block: int, rpc: Rpc) -> UnixTime:
    return UnixTime(quantity((await rpc.block(hex(block))).get("timestamp"), "timestamp"))
