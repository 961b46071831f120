"""Finds the transaction that used a nonce, by searching the blocks; its hash need not be known.

The block is found by the account's transaction count at older blocks (eth_getTransactionCount): backwards from the head
in doubling steps, then by bisection. A node without old state answers only the first part; a deeper use is reported as
unknown.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from l2send.core.address import Address, checksum
from l2send.core.endpoint_agreement import confirmed_block
from l2send.core.errors import BadAnswer, L2sendError, NetworkError
from l2send.core.first_block import first_block_above
from l2send.core.plan import UnsignedTx
from l2send.core.rpc import Rpc, data_bytes, quantity, record
from l2send.core.units import BlockNumber, Nonce, Wei
from l2send.wallet.keys.rebuilt import rebuilt
from l2send.wallet.keys.signed import code_authorized


@dataclass(frozen=True, slots=True)
class NonceUse:
    """The use of a nonce."""

    block: BlockNumber
    block_hash: str
    hash: str = ""
    """Hash of the transaction; empty if no transaction of the account in the block has it, as after a delegation."""
    tx: UnsignedTx | None = None
    """The decoded transaction; None if it creates a contract, or there is none."""
    raw: bytes = b""
    """Its signed bytes, which prove themselves; empty if they could not be rebuilt."""
    delegates_to: Address | None = None
    """The code that it makes the account delegate to, the zero address for none (EIP-7702); None if it changes no code.

    An authorization uses a nonce even in another account's transaction.
    """


async def find_use(rpc: Rpc, sender: Address, nonce: Nonce, hint: BlockNumber | None = None) -> NonceUse | str:
    """What used `nonce`, by the first endpoint whose answer proves itself, or that knows; else why none knows.

    `hint` is the block it was found in before. Source: eth_getTransactionCount, eth_getBlockByNumber.
    """
    found: NonceUse | str = f"no endpoint of {rpc.chain.name} answers"
    for one in rpc.each():
        try:
            seen = await _find_on(one, sender, nonce, hint)
        except NetworkError as error:
            seen = error.message.rstrip(".")
        if isinstance(seen, NonceUse) and seen.raw:
            return seen
        if not isinstance(found, NonceUse):
            found = seen
    return found


async def is_used(rpc: Rpc, use: NonceUse, sender: Address, nonce: Nonce, head: Awaitable[BlockNumber]) -> bool:
    """Whether a single endpoint shows that use, with the chain's number of confirmations."""
    block = await confirmed_block(rpc, head, use.block, use.block_hash)
    if block is None:
        return False
    if use.hash:
        return use.hash in [str(tx_hash).lower() for tx_hash in block.get("transactions", ())]
    counts = await _count(rpc, sender, use.block - 1), await _count(rpc, sender, use.block)
    return counts[0] <= nonce < counts[1] and not (await _in_block(rpc, sender, nonce, use.block)).hash


async def _find_on(one: Rpc, sender: Address, nonce: Nonce, hint: BlockNumber | None) -> NonceUse | str:
    if hint is not None:
        with suppress(NetworkError):  # A node may have named a block that does not exist.
            if (found := await _in_block(one, sender, nonce, hint)).hash:
                return found
    host, head = one.endpoints[0].host, await one.block_number()
    if await _count(one, sender, head) <= nonce:
        return f"{host} does not count it as used"
    block = await first_block_above(partial(_count, one, sender), nonce, head)
    if block is None:
        return f"{host} keeps no state of blocks that old"
    return await _in_block(one, sender, nonce, block)


async def _count(one: Rpc, sender: Address, block: int) -> int:
    return await one.nonce(sender, hex(block))


async def _in_block(one: Rpc, sender: Address, nonce: Nonce, number: BlockNumber) -> NonceUse:
    """The account's transaction with that nonce in a block. Raises BadAnswer for a block without its transactions."""
    block = record(await one.call("eth_getBlockByNumber", hex(number), True), "eth_getBlockByNumber")
    block_hash, transactions = str(block.get("hash", "")).lower(), block.get("transactions")
    if not isinstance(transactions, list):
        raise BadAnswer(f"{one.chain.name} answered a block without its transactions.")
    authorized = None
    for entry in transactions:
        described = record(entry, "transaction")
        theirs = str(described.get("from", "")).lower() == sender.lower()
        if theirs and quantity(described.get("nonce"), "nonce") == nonce:
            return _use(described, sender, number, block_hash, one)
        authorized = authorized or _authorized_code(described, sender, nonce, one)
    return NonceUse(number, block_hash, delegates_to=authorized)


def _authorized_code(described: dict[str, Any], account: Address, nonce: Nonce, one: Rpc) -> Address | None:
    """The code in an authorization by `account` with that nonce, in any account's transaction."""
    if described.get("type") != "0x4":
        return None
    with suppress(L2sendError):
        if signed := rebuilt(described, checksum(str(described.get("from")))):
            return code_authorized(signed.raw, account, one.chain.chain_id, nonce)
    return None


def _use(described: dict[str, Any], sender: Address, number: BlockNumber, block_hash: str, one: Rpc) -> NonceUse:
    signed = rebuilt(described, sender)
    tx_hash = str(described.get("hash", "")).lower()
    raw = signed.raw if signed else b""
    nonce = Nonce(quantity(described.get("nonce"), "nonce") + 1)  # Its own authorizations use the nonces after its own.
    code = code_authorized(raw, sender, one.chain.chain_id, nonce)
    return NonceUse(number, block_hash, tx_hash, _said(described, one), raw, code)


def _said(described: dict[str, Any], one: Rpc) -> UnsignedTx | None:
    if described.get("to") is None:
        return None
    try:
        to, data = checksum(str(described["to"])), data_bytes(described.get("input"), "input")
    except L2sendError as error:
        raise BadAnswer(f"{one.chain.name} answered a transaction that does not read: {error.message}") from error
    return UnsignedTx(one.chain.chain_id, to, Wei(quantity(described.get("value"), "value")), data)
