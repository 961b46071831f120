"""Checks the recipient on the chains: what to show, what to confirm, what to refuse.

| found                                                        | then                |
|--------------------------------------------------------------|---------------------|
| the token has no code, other decimals, or is paused          | refuse              |
| the token blocks the recipient (token_block_lists.py)              | refuse              |
| the token has no block list that is known                    | say                 |
| a Safe on another chain, and nothing on the destination      | refuse              |
| another contract there, and nothing on the destination       | confirm             |
| looks like a known account (paid before, a contact), is none | confirm, by typing  |
| a Safe on the destination, its owners; another contract      | say                 |
| an account that delegates to code (EIP-7702)                 | say                 |
| the sender itself                                            | say                 |

Zero, precompiles, burn addresses, tokens, settlers and system contracts are refused earlier: see `core.never_paid`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from l2send.bridges.via_safe import look_at_safe
from l2send.core.address import Address, alike
from l2send.core.calldata import DECIMALS, Function
from l2send.core.chains import Chain
from l2send.core.delegation import delegate_of
from l2send.core.errors import L2sendError, Refused
from l2send.core.pinned_code import has_code_of_safe
from l2send.core.plan import Payment
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.units import Token
from l2send.resolver.token_block_lists import BLOCK_LISTS

LookAlikes = Callable[[Address], Iterable[Address]]
"""Known accounts that this one could imitate."""

PATIENCE = 4.0
"""Seconds: a warning is not worth waiting longer for."""
PAUSED = Function("paused()", "bool")


@dataclass(frozen=True, slots=True)
class Findings:
    """Notes to show before the user confirms."""

    said: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    """Each needs its own confirmation."""
    type_out: str = ""
    """Why the end of the address must be typed; empty if not needed."""


async def look(payment: Payment, rpcs: Rpcs, known: Iterable[Address]) -> Findings:
    """Query the recipient on every chain, and the token on the destination.

    Raises Refused for a token that would not arrive, NetworkError if the destination does not answer.
    """
    registry = rpcs.registry
    target = registry.chain(payment.to.chain_id)
    others = [c for c in registry if c.testnet == target.testnet and c is not target]
    unknown, here, elsewhere = await asyncio.gather(
        _check_token(payment, rpcs.on(target.chain_id)),
        rpcs.on(target.chain_id).code(payment.to.address),
        _contract_on(payment.to.address, others, rpcs),
    )
    said = [unknown] if unknown else list[str]()
    if payment.to.address == payment.sender:
        said.append("the recipient is the sender itself")
    if delegate := delegate_of(here):
        said.append(f"the recipient's account runs code of {delegate} (EIP-7702)")
    elif here:
        said.append(await _what_it_is(payment.to.address, rpcs.on(target.chain_id)))
    confirm = list[str]()
    if not here and (safes := [chain for chain, code in elsewhere if has_code_of_safe(code, chain)]):
        names = ", ".join(chain.name for chain in safes)
        raise Refused(
            f"the recipient is a Safe on {names}, and there is nothing at its address on {target.name}, where it is "
            "counterfactual: it was not created there, and whether its owners can ever have money there is not known.",
            hint=f"Ask for another address, or pay to {safes[0].short_name}:{payment.to.address}.",
        )
    if elsewhere and not here:
        names = ", ".join(c.name for c, _ in elsewhere)
        confirm.append(
            f"The recipient is a contract on {names} and nothing on {target.name}: its owner may have no key there."
        )
    return Findings(tuple(said), tuple(confirm), resemblance(payment.to.address, known))


async def _check_token(payment: Payment, rpc: Rpc) -> str:
    """Check that the token exists, matches the registry, and does not block the recipient. Raises Refused.

    Returns a sentence on what could not be checked, or an empty string.
    """
    token = payment.amount.token
    if token.address is None:
        return ""
    reads = [Call(token.address, DECIMALS), Call(token.address, PAUSED)]
    reads += [Call(token.address, blocked, (payment.to.address,)) for blocked in BLOCK_LISTS]
    decimals, paused, *lists = (await rpc.aggregate(reads)).values
    return judge_token(payment, rpc.chain, decimals, paused, lists)


Answer = tuple[Any, ...] | None
"""The answer of a read; None if it has none."""


def judge_token(payment: Payment, chain: Chain, decimals: Answer, paused: Answer, lists: Sequence[Answer]) -> str:
    """Judge the token's answers for the recipient; `lists` are those of its block lists. Raises Refused.

    Returns a sentence on what could not be checked, or an empty string.
    """
    token, known = payment.amount.token, any(answer is not None for answer in lists)
    if decimals is None:
        raise Refused(f"there is no token at {token.address} on {chain.name}.")
    if decimals[0] != token.decimals:
        raise Refused(_wrong_decimals(token, decimals[0], chain))
    if paused and paused[0]:
        raise Refused(f"{token.symbol} is paused on {chain.name}: it cannot be received now.")
    if any(answer is not None and answer[0] for answer in lists):
        raise Refused(f"{token.symbol} blocks {payment.to.address} on {chain.name}: it could never arrive.")
    return "" if known else f"not known: whether {token.symbol} blocks the recipient; it has no list that l2send knows"


def _wrong_decimals(token: Token, found: int, chain: Chain) -> str:
    return (
        f"{token.symbol} on {chain.name} counts {found} decimals, the registry says {token.decimals}: "
        "the amount would be wrong."
    )


async def _what_it_is(account: Address, rpc: Rpc) -> str:
    """The note about a contract; only known versions of Safe are named."""
    try:
        safe = await look_at_safe(account, rpc)
    except L2sendError:
        return f"the recipient is a contract on {rpc.chain.name}"
    return (
        f"the recipient is a Safe ({safe.version.version}) on {rpc.chain.name}: {safe.threshold} of its "
        f"{len(safe.owners)} owners can move what it has"
    )


async def _contract_on(account: Address, chains: list[Chain], rpcs: Rpcs) -> list[tuple[Chain, bytes]]:
    """The chains on which the account is a contract, with its code; a late chain counts as none."""

    async def code(chain: Chain) -> bytes:
        try:
            return await asyncio.wait_for(rpcs.on(chain.chain_id).code(account), PATIENCE)
        except (L2sendError, TimeoutError):
            return b""

    codes = await asyncio.gather(*(code(chain) for chain in chains))
    return [(c, code) for c, code in zip(chains, codes, strict=True) if code and not delegate_of(code)]


def resemblance(account: Address, known: Iterable[Address]) -> str:
    """Why `account` may imitate a known one: the first and last characters that people compare are the same."""
    accounts = set(known)
    imitated = next((other for other in accounts if alike(other, account)), None)
    if imitated is None or account in accounts:
        return ""
    return f"This address looks like one you paid before or keep as a contact, {imitated}, and is another one."
