"""The Across contracts that a payment uses, and their state on both chains, by the chains' clocks.

Source: across-protocol/contracts contracts/spoke-pools/SpokePool.sol; of 4.1.12 also erc7683/AcrossOriginSettler.sol.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address, checksum
from l2send.core.calldata import DECIMALS, Function
from l2send.core.chains import Chain
from l2send.core.errors import Refused
from l2send.core.rpc import Aggregate, Call, Rpcs
from l2send.core.settlers import AcrossSettlers
from l2send.core.units import Seconds, Token, UnixTime

_QUOTE_BUFFER = Function("depositQuoteTimeBuffer()", "uint32")
_DEADLINE_BUFFER = Function("fillDeadlineBuffer()", "uint32")
_DEPOSITS_PAUSED = Function("pausedDeposits()", "bool")
_FILLS_PAUSED = Function("pausedFills()", "bool")
_WRAPPED = Function("wrappedNativeToken()", "address")
_ROUTE_ENABLED = Function("enabledDepositRoutes(address,uint256)", "bool")
_SETTLER_POOL = Function("SPOKE_POOL()", "address")
_SETTLER_TARGET = Function("destinationSettlers(uint256)", "address")

_MIN_FILL_TIME = Seconds(30)
_MAX_FILL_TIME = Seconds(2 * 3600)
_HUB_BEHIND = Seconds(120)
_SIGNING_TIME = Seconds(600)
"""How long a quote must remain valid when it is made: for reading, and for mining approvals."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """The contracts and tokens of a payment. Native coin travels as its wrapped token."""

    source: Chain
    target: Chain
    pool: Address
    target_pool: Address
    settler: Address | None
    """The registry's origin settler."""
    input_token: Address
    output_token: Address


@dataclass(frozen=True, slots=True)
class ContractState:
    """The state of the contracts on both chains, by the chains' clocks."""

    origin_now: UnixTime
    target_now: UnixTime
    quote_buffer: Seconds
    deadline_buffer: Seconds
    settler_works: bool


def crossing(bridge: str, source: Chain, target: Chain, give: Token, get: Token) -> Crossing | None:
    """None if Across is not on these chains, or would deliver a token other than the payment's."""
    here, there = (chain.settlers_of(bridge, AcrossSettlers) for chain in (source, target))
    input_token, output_token = _travels_as(source, give), _travels_as(target, get)
    if source is target or here is None or there is None or not (input_token and output_token):
        return None
    pools = here.spoke_pool, there.spoke_pool
    return Crossing(source, target, *pools, here.origin_settler, input_token, output_token)


def wrapped_coin(chain: Chain) -> Address | None:
    """The registry's wrapped form of a chain's native coin."""
    wanted = f"W{chain.native.symbol}"
    return next((token.address for token in chain.tokens if token.symbol == wanted), None)


def _travels_as(chain: Chain, token: Token) -> Address | None:
    """A token's address, the wrapped token's for native coin, None for the wrapped token itself.

    A SpokePool unwraps the wrapped token into native coin: it cannot deliver the token itself.
    """
    wrapped = wrapped_coin(chain)
    if token.is_native:
        return wrapped
    return None if token.address == wrapped else token.address


async def ask_contracts(way: Crossing, rpcs: Rpcs, delivered: Token) -> ContractState:
    """The state of both chains' contracts for such a deposit. Raises Refused if they would not accept or fill it."""
    pool, token, target_id = way.pool, way.input_token, way.target.chain_id
    settler = way.settler or pool
    origin, target = await asyncio.gather(
        rpcs.on(way.source.chain_id).aggregate([
            Call(pool, _QUOTE_BUFFER),
            Call(pool, _DEADLINE_BUFFER),
            Call(pool, _DEPOSITS_PAUSED),
            Call(pool, _WRAPPED),
            Call(pool, _ROUTE_ENABLED, (token, target_id)),
            Call(settler, _SETTLER_POOL),
            Call(settler, _SETTLER_TARGET, (target_id,)),
        ]),
        rpcs.on(target_id).aggregate([
            Call(way.target_pool, _FILLS_PAUSED),
            Call(way.target_pool, _WRAPPED),
            Call(way.output_token, DECIMALS),
        ]),
    )  # fmt: skip
    quote_buffer, deadline_buffer, paused, wrapped, route, settler_pool, settler_target = origin.values
    if quote_buffer is None or deadline_buffer is None or paused is None:
        raise Refused(f"there is no SpokePool of Across on {way.source.name} where the registry has it.")
    refuse_if(bool(paused[0]), f"Across takes no deposits on {way.source.name} at the moment.")
    # Current pools accept every route and lack this function; if a pool has it, it decides.
    refuse_if(route is not None and not route[0], f"Across does not go from {way.source.name} to {way.target.name}.")
    if delivered.is_native:
        refuse_if(_address(wrapped) != token, f"the SpokePool of {way.source.name} wraps into another token.")
    _check_target(way, target, delivered)
    works = _address(settler_pool) == pool and _address(settler_target) == way.target_pool
    buffers = (Seconds(quote_buffer[0]), Seconds(deadline_buffer[0]))
    return ContractState(origin.timestamp, target.timestamp, *buffers, works)


def _check_target(way: Crossing, target: Aggregate, delivered: Token) -> None:
    paused, wrapped, decimals = target.values
    name = way.target.name
    refuse_if(paused is None, f"there is no SpokePool of Across on {name} where the registry has it.")
    refuse_if(paused is not None and paused[0], f"Across fills nothing on {name} at the moment.")
    unwraps = _address(wrapped) == way.output_token
    refuse_if(delivered.is_native and not unwraps, f"the SpokePool of {name} unwraps another token.")
    refuse_if(unwraps and not delivered.is_native, f"Across would pay {delivered.symbol} on {name} out as native coin.")
    refuse_if(decimals is None, f"{way.output_token} is no token on {name}: the order could not be filled.")
    same = decimals is not None and decimals[0] == delivered.decimals
    refuse_if(not same, f"{delivered.symbol} on {name} has other decimals than the registry says.")


def fill_deadline(quoted: UnixTime | None, state: ContractState) -> UnixTime:
    """The order's fill deadline, by the chains' clocks. The pool refuses one later than it allows."""
    now = max(state.origin_now, state.target_now)
    latest = min(now + _MAX_FILL_TIME, state.origin_now + state.deadline_buffer)
    deadline = latest if quoted is None else min(quoted, latest)
    refuse_if(deadline < now + _MIN_FILL_TIME, "Across's quote leaves a relayer no time to fill it.")
    return UnixTime(deadline)


def quoted_at(quoted: UnixTime | None, state: ContractState) -> UnixTime:
    """The time that sets the system's fee. The pool refuses one in its future or too far in its past."""
    if quoted is None:  # The hub's chain, which sets the fee, must have reached it.
        return UnixTime(state.origin_now - min(_HUB_BEHIND, state.quote_buffer // 2))
    oldest = state.origin_now - state.quote_buffer + _SIGNING_TIME
    refuse_if(quoted < oldest, "Across's quote is too old for its own SpokePool.")
    return min(quoted, state.origin_now)


def _address(answer: tuple[Any, ...] | None) -> Address | None:
    return None if answer is None else checksum(answer[0])


def refuse_if(condition: bool, words: str) -> None:
    """Raises Refused with these words."""
    if condition:
        raise Refused(words)
