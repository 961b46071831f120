"""OIF orders: the StandardOrder that the escrow opens, its id, and the key under which its fill is recorded.

Source: openintentsframework/oif-contracts src/input/types/{StandardOrderType,MandateOutputType}.sol,
src/libs/MandateOutputEncodingLib.sol.
"""

from __future__ import annotations

import secrets
from typing import Any

from eth_hash.auto import keccak

from l2send.bridges.quoting import account_of, demanding
from l2send.core.address import Address, checksum
from l2send.core.calldata import Function, abi_decode_exact, abi_encode, address_word
from l2send.core.chains import Registry
from l2send.core.errors import Refused
from l2send.core.plan import Order, Payment, UnsignedTx
from l2send.core.settlers import OifSettlers
from l2send.core.units import Amount, ChainId, Seconds, UnixTime, Wei

OUTPUT = "(bytes32,bytes32,uint256,bytes32,uint256,bytes32,bytes,bytes)"
"""oracle, settler, chain id, token, amount, recipient, callback data, context."""
ORDER = f"(address,uint256,uint256,uint32,uint32,address,uint256[2][],{OUTPUT}[])"
"""user, nonce, origin chain id, expires, fill deadline, input oracle, inputs, outputs."""
OPEN = Function(f"open({ORDER})")
PROOF_TIME = Seconds(2 * 3600)
"""From the fill deadline to `expires`, for the oracle's message. Orders with any other gap are not l2send's."""

demand = demanding("OIF")


def open_tx(here: OifSettlers, there: OifSettlers, payment: Payment, pays: Amount, deadline: UnixTime) -> UnsignedTx:
    """The `open` that locks `pays` and delivers the payment, through the settlers of both chains."""
    assert pays.token.address
    assert payment.amount.token.address
    assert here.input_settler
    assert there.output_settler
    output = (
        address_word(there.oracle),
        address_word(there.output_settler),
        payment.to.chain_id,
        address_word(payment.amount.token.address),
        payment.amount.units,
        address_word(payment.to.address),
        b"",
        b"",
    )
    order = (
        payment.sender,
        secrets.randbits(256),
        pays.token.chain_id,
        deadline + PROOF_TIME,
        deadline,
        here.oracle,
        [(int(pays.token.address, 16), pays.units)],
        [output],
    )
    return UnsignedTx(pays.token.chain_id, here.input_settler, Wei(0), OPEN.encode(order))


def decode_open(bridge: str, tx: UnsignedTx, registry: Registry) -> Order:
    """The order in the calldata of `open`. Raises Refused for anything but a plain payment."""
    demand(not tx.value, "carries native coin, which the escrow does not take")
    (fields,) = OPEN.decode_call(tx.data)
    user, _nonce, origin, expires, deadline, input_oracle, inputs, outputs = fields
    source = registry.chain(tx.chain_id)
    demand(origin == tx.chain_id, "is for another origin than the chain it is opened on")
    demand(len(inputs) == 1 and len(outputs) == 1, "moves not exactly one asset")
    output_oracle, settler, destination, token_out, units_out, recipient, callback, context = outputs[0]
    target = registry.chain(ChainId(destination))
    here, there = (chain.settlers_of(bridge, OifSettlers) for chain in (source, target))
    oracles = (checksum(input_oracle), account_of(output_oracle, "oracle", demand))
    if here is None or there is None or oracles != (here.oracle, there.oracle):
        raise Refused("the order for OIF names an oracle not in the registry.")
    demand(account_of(settler, "settler", demand) == there.output_settler, "names a settler not in the registry")
    demand(expires == deadline + PROOF_TIME, "can be refunded at another time than l2send's orders")
    demand(callback == b"", "calls its recipient")
    demand(context == b"", "is an auction, or kept for one solver")
    ((token_in, units_in),) = inputs
    return Order(
        bridge=bridge,
        order_id=order_id_of(tx.to, fields),
        origin=source.chain_id,
        origin_settler=tx.to,
        destination=target.chain_id,
        destination_settler=account_of(settler, "settler", demand),
        sender=checksum(user),
        recipient=account_of(recipient, "recipient", demand),
        pays=Amount(units_in, source.token(account_of(token_in.to_bytes(32, "big"), "token", demand))),
        delivers=Amount(units_out, target.token(account_of(token_out, "token", demand))),
        fill_deadline=UnixTime(deadline),
        refund_after=UnixTime(expires),
        details={"order": "0x" + abi_encode([ORDER], [fields]).hex()},
    )


def order_id_of(settler: Address, fields: tuple[Any, ...]) -> str:
    """The id under which the escrow holds the money. Source: StandardOrderType.orderIdentifier."""
    user, nonce, origin, expires, deadline, input_oracle, inputs, outputs = fields
    packed = (
        origin.to_bytes(32, "big"),
        bytes.fromhex(settler[2:]),
        bytes.fromhex(user[2:]),
        nonce.to_bytes(32, "big"),
        expires.to_bytes(4, "big"),
        deadline.to_bytes(4, "big"),
        bytes.fromhex(input_oracle[2:]),
        keccak(b"".join(number.to_bytes(32, "big") for pair in inputs for number in pair)),
        abi_encode([f"{OUTPUT}[]"], [outputs]),
    )
    return "0x" + keccak(b"".join(packed)).hex()


def output_hash(output: tuple[Any, ...]) -> bytes:
    """The key of a fill's record. Source: MandateOutputEncodingLib.getMandateOutputHash."""
    oracle, settler, chain_id, token, amount, recipient, callback, context = output
    numbers = chain_id.to_bytes(32, "big"), amount.to_bytes(32, "big")
    tail = b"".join(len(part).to_bytes(2, "big") + part for part in (callback, context))
    return bytes(keccak(oracle + settler + numbers[0] + token + numbers[1] + recipient + tail))


def fields_of(order: Order) -> tuple[Any, ...]:
    """The StandardOrder that was opened. Raises Refused if the stored data do not match this order."""
    kept = bytes.fromhex(order.details["order"][2:])
    (fields,) = abi_decode_exact([ORDER], kept, "the order kept for OIF")
    demand(order_id_of(order.origin_settler, fields) == order.order_id, "that was kept does not match its id")
    found: tuple[Any, ...] = fields
    return found
