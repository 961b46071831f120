"""Money and time for tests: mints the real tokens, moves the chains' clocks."""

from __future__ import annotations

import time
from pathlib import Path

from l2send.core.address import Address, checksum
from l2send.core.calldata import TRANSFER, Function
from l2send.core.errors import NodeError, UsageError
from l2send.core.spans import parse_span
from l2send.core.text import clean
from l2send.core.units import Amount, ChainId, Seconds, Token, parse_amount
from l2send.devnet import state
from l2send.devnet.node import Node
from l2send.devnet.state import NATIVE, DevChain

MINT = Function("mint(address,uint256)")
_DEPOSIT = Function("deposit()")
"""Encoded without web3, whose import would take longer than everything else the faucet does."""
_MAX_ADVANCE = 10 * 365 * 86_400


def fund(home: Path, address: str, amount: str, token: str, chain: str) -> Amount:
    """Add an amount of a token to the balance of `address` on a chain, and return the amount.

    `amount` is in whole tokens, `token` a symbol. Native coins are set, all others minted or wrapped.
    Raises ConfigError (no devnet runs), UnknownChain, UnknownToken, BadAmount, BadAddress.
    """
    where = state.require(home).chain(chain)
    to = checksum(address)
    node = Node(where.rpc_url)
    if token.upper() == NATIVE:
        given = parse_amount(amount, Token(ChainId(where.chain_id), None, NATIVE, 18, "Ether"))
        balance = node.quantity("eth_getBalance", to, "latest")
        node.call("anvil_setBalance", to, hex(balance + given.units))
        return given
    known = where.token(token)
    given = parse_amount(
        amount,
        Token(ChainId(where.chain_id), checksum(known.address), known.symbol, known.decimals, known.name),
    )
    _mint(node, where, known.address, to, given.units, wrapped=known.symbol == "WETH")
    return given


def span_of(typed: str) -> Seconds:
    """A span such as `10m`, or a number of seconds. Raises UsageError."""
    if typed.isascii() and typed.isdigit() and len(typed) <= 10:
        return Seconds(int(typed))
    span = parse_span(typed)
    if span is None:
        raise UsageError(f"not a time: {clean(typed, 40)!r}.", hint="Write 10m, 2h, 3d, or a number of seconds.")
    return span


def advance(home: Path, seconds: int, chain: str | None = None) -> int:
    """Move the clock of one chain, or of all, forward by `seconds` and mine a block.

    Returns how many seconds the farthest of them is ahead of this machine's clock. Raises ConfigError (no devnet runs),
    UnknownChain, UsageError.
    """
    if not 0 < seconds <= _MAX_ADVANCE:
        raise UsageError(f"a clock moves forward by 1 to {_MAX_ADVANCE} seconds, not {seconds}.")
    devnet = state.require(home)
    nodes = [Node(one.rpc_url) for one in ([devnet.chain(chain)] if chain else devnet.chains)]
    for node in nodes:
        node.batch([("evm_increaseTime", [seconds]), ("evm_mine", [])])
    heads = [node.call("eth_getBlockByNumber", "latest", False) for node in nodes]
    return max(int(head["timestamp"], 16) for head in heads) - int(time.time())


def _mint(node: Node, chain: DevChain, token: str, to: Address, units: int, *, wrapped: bool) -> None:
    if not wrapped:
        _send(node, chain.issuer, token, MINT.encode(to, units))
        return
    balance = node.quantity("eth_getBalance", chain.issuer, "latest")
    node.call("anvil_setBalance", chain.issuer, hex(balance + units))
    _send(node, chain.issuer, token, _DEPOSIT.encode(), units)
    _send(node, chain.issuer, token, TRANSFER.encode(to, units))


def _send(node: Node, sender: str, to: str, data: bytes, value: int = 0) -> None:
    """Send from an unlocked account and check that it succeeded. Blocks are mined at once."""
    message = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(value), "gas": hex(300_000)}
    receipt = node.call("eth_sendTransactionSync", message)
    if receipt["status"] != "0x1":
        raise NodeError(f"{to} on {node.url} refused the faucet's transaction.")
