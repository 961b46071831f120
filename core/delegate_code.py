"""Asks a chain about delegations (EIP-7702): whether a delegate's code is there, and whether the chain takes any.

The registry proves which code a delegate has, but for most chains not that it is there. So every endpoint is asked,
before a delegation is planned and before each signature that relies on the code.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from l2send.core.account_contracts import Delegate
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.delegation import (
    as_delegated,
    delegate_of,
    known_delegate,
    refuse_foreign_code,
)
from l2send.core.endpoint_agreement import WITNESSES, answers
from l2send.core.errors import NodeError, Refused
from l2send.core.fees import gas_price
from l2send.core.pinned_code import code_hash
from l2send.core.rpc import Rpc

if TYPE_CHECKING:
    from l2send.core.chains import Chain

_NOTHING_SIGNED = "Nothing was signed. `l2send chains check {chain}` asks each endpoint."
_ACCOUNT, _CODE = Address("0x" + "11" * 20), Address("0x" + "22" * 20)
"""Accounts for a simulation alone: their code is assumed."""
_ANSWER = b"\x2a"
_RETURNS_ANSWER = "0x602a60005360016000f3"
"""Stores that byte and returns it."""


async def why_not_there(delegate: Delegate, rpc: Rpc) -> str:
    """Why the code of `delegate` must not be relied on; empty if every endpoint that answers has the pinned code there.

    If two endpoints are configured, two must answer. Source: eth_getCode, EIP-1052.
    """
    address, chain = delegate.code.address, rpc.chain
    heard = await answers(rpc, lambda one: one.code(address))
    for host, code in heard:
        if not code:
            return f"{delegate.name} is not on {chain.name}: {host} shows no code at {address}"
        if code_hash(code) != delegate.code.code_hash:
            return f"{address} on {chain.name} runs other code than the registry pins, {host} says"
    configured = len({endpoint.url for endpoint in rpc.endpoints})
    if len(heard) < min(WITNESSES, configured):
        return f"{len(heard)} of {configured} endpoints of {chain.name} say which code {address} runs, and two have to"
    return ""


async def refuse_unless_there(delegate: Delegate, rpc: Rpc) -> None:
    """Raises Refused if the chain does not show the delegate's code. Source: as of `why_not_there`."""
    if why := await why_not_there(delegate, rpc):
        raise Refused(f"{why}.", hint=_NOTHING_SIGNED.format(chain=rpc.chain.short_name))


async def refuse_impossible(delegate: Delegate, sender: Address, rpc: Rpc) -> None:
    """Raises Refused if `sender` cannot delegate to this code: it is not there, or the chain takes no delegations.

    Raises NetworkError.
    """
    await asyncio.gather(refuse_unless_there(delegate, rpc), _refuse_without_eip7702(sender, rpc))


async def _refuse_without_eip7702(sender: Address, rpc: Rpc) -> None:
    """Raises Refused if the chain shows that it takes no transactions of EIP-7702, or does not show that it does.

    Two questions, since a node may ignore the fork in one of them: whether code that an account delegates to runs, and
    what gas a transaction with an authorization needs. That authorization could never be valid. Source: eth_call with
    assumed code, eth_estimateGas, eth_feeHistory.
    """
    price, runs, refuses = await asyncio.gather(gas_price(rpc), _runs_delegated_code(rpc), _refuses_lists(sender, rpc))
    if price.legacy:
        why = "it has no base fee"
    elif refuses:
        why = "its node refuses them"
    elif not runs:
        why = "its node does not run the code that an account delegates to"
    else:
        return
    raise Refused(
        f"{rpc.chain.name} does not show that it takes transactions of EIP-7702: {why}.",
        hint="Nothing was signed. An account can delegate only on chains that take them.",
    )


async def _runs_delegated_code(rpc: Rpc) -> bool:
    assumed = {**as_delegated(_ACCOUNT, _CODE), _CODE: {"code": _RETURNS_ANSWER}}
    try:
        return await rpc.returned({"to": _ACCOUNT, "data": "0x"}, "latest", assumed) == _ANSWER
    except NodeError:
        return False


async def _refuses_lists(sender: Address, rpc: Rpc) -> bool:
    never: dict[str, Any] = {"chainId": hex(rpc.chain.chain_id), "address": ZERO_ADDRESS, "nonce": hex(2**64 - 1)}
    signature = {"yParity": "0x0", "r": "0x1", "s": "0x1"}
    message = {"from": sender, "to": ZERO_ADDRESS, "data": "0x", "authorizationList": [never | signature]}
    try:
        await rpc.estimate_gas(message)
    except NodeError:
        return True
    return False


async def code_of_payer(account: Address, rpc: Rpc) -> bytes:
    """The account's own code. Raises Refused if it delegates to code that is unknown or not there, NetworkError.

    Source: eth_getCode, and of each endpoint if the account delegates.
    """
    code = await rpc.code(account)
    refuse_foreign_code(code, rpc.chain)
    if known := _delegate_behind(code, rpc.chain):
        await refuse_unless_there(known, rpc)
    return code


async def code_before_delegating(account: Address, to: Address, rpc: Rpc) -> bytes:
    """The account's own code. Raises Refused unless the registry's delegate at `to` is there, NetworkError."""
    known = known_delegate(to, rpc.chain)
    if known is None:
        raise Refused(f"the registry does not list {to} on {rpc.chain.name} as code that an account may delegate to.")
    code, _ = await asyncio.gather(rpc.code(account), refuse_unless_there(known, rpc))
    return code


async def delegate_name(code: bytes, rpc: Rpc) -> str:
    """The registry's name of what an account with this code delegates to, if that code is there; else empty.

    Raises NetworkError.
    """
    known = _delegate_behind(code, rpc.chain)
    return known.name if known and not await why_not_there(known, rpc) else ""


def _delegate_behind(code: bytes, chain: Chain) -> Delegate | None:
    delegate = delegate_of(code)
    return known_delegate(delegate, chain) if delegate else None
