"""Checks many recipients as recipient.py checks one, in a few requests per chain instead of dozens per recipient.

An account without code on any chain, like nearly every recipient, needs only its token's answers, and hundreds of them
fit into one request. recipient.py checks every other account separately.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from l2send.core.account_code import those_with_code
from l2send.core.address import Address, ends
from l2send.core.calldata import DECIMALS
from l2send.core.chains import Chain
from l2send.core.errors import L2sendError, NetworkError, Refused
from l2send.core.plan import ChainAddress, Payment
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.units import Token
from l2send.resolver.recipient import PATIENCE, PAUSED, Findings, LookAlikes, judge_token, look, resemblance
from l2send.resolver.token_block_lists import BLOCK_LISTS

_READS_AT_ONCE = 200
_AT_ONCE = 8

Found = Findings | L2sendError
"""The findings about a recipient, or why it must not be paid."""


async def look_at_all(payments: Sequence[Payment], rpcs: Rpcs, like: LookAlikes) -> list[Found]:
    """The findings about each payment's recipient, in order. Raises NetworkError if a destination does not answer."""
    among = _ends_of(payments)
    with_code = await _with_code(payments, rpcs)
    plain = [payment for payment in payments if payment.to not in with_code]
    stops = await _token_stops(plain, rpcs)
    turn = asyncio.Semaphore(_AT_ONCE)

    async def one(payment: Payment) -> Found:
        account = payment.to.address
        known = [*like(account), *(other for other in among[ends(account)] if other != account)]
        try:
            if payment.to in with_code:
                async with turn:
                    return await look(payment, rpcs, known)
            return _plain(payment, stops[payment.to, payment.amount.token], known)
        except NetworkError:
            raise
        except L2sendError as error:
            return error

    return await asyncio.gather(*map(one, payments))


def _ends_of(payments: Iterable[Payment]) -> Mapping[str, set[Address]]:
    """The recipients by first and last characters: one may imitate another of the same file."""
    found = defaultdict[str, set[Address]](set)
    for payment in payments:
        found[ends(payment.to.address)].add(payment.to.address)
    return found


def _plain(payment: Payment, stop: str | Refused, known: Iterable[Address]) -> Findings:
    """The findings about an account without code. Raises Refused."""
    if isinstance(stop, Refused):
        raise stop
    said = [stop] if stop else list[str]()
    if payment.to.address == payment.sender:
        said.append("the recipient is the sender itself")
    return Findings(tuple(said), (), resemblance(payment.to.address, known))


async def _with_code(payments: Sequence[Payment], rpcs: Rpcs) -> set[ChainAddress]:
    """The recipients that are contracts on any chain. A late chain counts as showing none, unless it is the
    destination. Raises NetworkError.
    """
    wanted = defaultdict[bool, dict[Address, None]](dict)
    for payment in payments:
        wanted[rpcs.registry.chain(payment.to.chain_id).testnet][payment.to.address] = None
    targets = {payment.to.chain_id for payment in payments}
    chains = [chain for chain in rpcs.registry if chain.testnet in wanted]

    async def on(chain: Chain) -> set[Address]:
        asked = those_with_code(list(wanted[chain.testnet]), rpcs.on(chain.chain_id))
        if chain.chain_id in targets:
            return await asked
        try:
            return await asyncio.wait_for(asked, PATIENCE)
        except (L2sendError, TimeoutError):
            return set()

    found = defaultdict[bool, set[Address]](set)
    for chain, accounts in zip(chains, await asyncio.gather(*map(on, chains)), strict=True):
        found[chain.testnet] |= accounts
    return {p.to for p in payments if p.to.address in found[rpcs.registry.chain(p.to.chain_id).testnet]}


async def _token_stops(payments: Sequence[Payment], rpcs: Rpcs) -> Mapping[tuple[ChainAddress, Token], str | Refused]:
    """The result of `judge_token` for each payment's token and recipient. Raises NetworkError."""
    by_token = defaultdict[Token, dict[ChainAddress, Payment]](dict)
    for payment in payments:
        by_token[payment.amount.token][payment.to] = payment
    found = await asyncio.gather(
        *(_of_token(token, list(asked.values()), rpcs.on(token.chain_id)) for token, asked in by_token.items())
    )
    return {key: stop for one in found for key, stop in one.items()}


async def _of_token(
    token: Token, payments: Sequence[Payment], rpc: Rpc
) -> dict[tuple[ChainAddress, Token], str | Refused]:
    """The same for one token. Only the first recipient's request asks which block lists the token has."""
    if token.address is None:
        return {(payment.to, token): "" for payment in payments}
    first = [Call(token.address, listed, (payments[0].to.address,)) for listed in BLOCK_LISTS]
    reads = [Call(token.address, DECIMALS), Call(token.address, PAUSED), *first]
    decimals, paused, *lists = (await rpc.aggregate(reads)).values
    kept = [listed for listed, answer in zip(BLOCK_LISTS, lists, strict=True) if answer is not None]
    calls = [Call(token.address, listed, (payment.to.address,)) for payment in payments for listed in kept]
    parts = [calls[at : at + _READS_AT_ONCE] for at in range(0, len(calls), _READS_AT_ONCE)]
    answers = [value for part in await asyncio.gather(*map(rpc.aggregate, parts)) for value in part.values]
    found = dict[tuple[ChainAddress, Token], str | Refused]()
    for place, payment in enumerate(payments):
        own: list[Any] = answers[place * len(kept) : (place + 1) * len(kept)]
        try:
            found[payment.to, token] = judge_token(payment, rpc.chain, decimals, paused, own)
        except Refused as error:
            found[payment.to, token] = error
    return found
