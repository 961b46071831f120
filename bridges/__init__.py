"""Bridges: a folder or file for each, behind the protocol in `l2send.core.bridge_protocol`.

The registry names settlers by bridge: `[chains.base.settlers.eco]`. A user's file may list more, each under its own
name with the `type` of its orders: `[chains.base.settlers.other]` with `type = "eco"`. Each is a separate bridge that
uses only those contracts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from l2send.core.address import Address
from l2send.core.bridge_protocol import Bridge, SponsoredBridge
from l2send.core.chains import Registry
from l2send.core.delegation import BATCHING_DELEGATE, EXECUTE_BATCH, decode_batch, known_delegate
from l2send.core.effects import Allows, CallsTogether, Delegates, Effects, Executes, Opens, Pays, SplitsCoin
from l2send.core.errors import ConfigError, Refused
from l2send.core.multicall3 import decode_multicall3_tx, is_multicall3_tx
from l2send.core.plan import ChainAddress, UnsignedTx
from l2send.core.safe import EXECUTE, decode_execution
from l2send.core.settlers import types_of
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount


def bridges_of(registry: Registry) -> Mapping[str, Bridge]:
    """Every bridge in `registry`, by name. Raises ConfigError if a name has several types."""
    return _made(tuple(types_of(chain.settlers for chain in registry).items()))


def bridge_named(bridges: Mapping[str, Bridge], name: str) -> Bridge:
    """The bridge of that name. Raises ConfigError if the registry no longer lists it."""
    if name not in bridges:
        raise ConfigError(
            f"chains.toml lists no settlers called {name[:40]!r} any more.",
            hint="Put their entry back: its contracts hold the money.",
        )
    return bridges[name]


@lru_cache(maxsize=16)
def _made(listed: tuple[tuple[str, str], ...]) -> Mapping[str, Bridge]:
    """The bridges for these names and types. They keep no state, so callers share them.

    Their modules are loaded here: a payment's first requests do not wait for them.
    """
    from l2send.bridges.across.bridge import Across
    from l2send.bridges.across.gasless import AcrossGasless
    from l2send.bridges.direct import Direct
    from l2send.bridges.eco.bridge import Eco
    from l2send.bridges.hyperlane7683.bridge import Hyperlane7683
    from l2send.bridges.oif.bridge import Oif
    from l2send.bridges.sponsor.bridge import Sponsor

    types: dict[str, Callable[[str], Bridge]] = {
        "eco": Eco,
        "across": Across,
        "hyperlane7683": Hyperlane7683,
        "oif": Oif,
        "sponsor": Sponsor,
    }
    bridges: dict[str, Bridge] = {Direct.name: Direct()} | {name: make(name) for name, make in types.items()}
    bridges |= {name: types[kind](name) for name, kind in listed}
    gasless = [AcrossGasless(name) for name, bridge in bridges.items() if isinstance(bridge, Across)]
    return MappingProxyType(bridges | {bridge.name: bridge for bridge in gasless})


def decode(tx: UnsignedTx, registry: Registry) -> Effects:
    """The effects of `tx`, decoded from its bytes by the bridge that knows them. Raises Refused for unknown calls."""
    if tx.data[:4] == EXECUTE_BATCH.selector:
        return _decode_batch(tx, registry)
    if tx.delegate_to is not None:
        return _decode_delegation(tx, tx.delegate_to)
    if tx.data[:4] == EXECUTE.selector:
        return _decode_safe(tx, registry)
    if is_multicall3_tx(tx):
        return _decode_multicall3_tx(tx, registry)
    for bridge in bridges_of(registry).values():
        effect = bridge.effects(tx, registry)
        if effect is not None:
            return effect
    raise Refused(f"l2send cannot tell what the call of {tx.to} would do, and signs nothing it cannot tell.")


def _decode_batch(tx: UnsignedTx, registry: Registry) -> CallsTogether:
    """The calls of an account to itself, and the code it delegates to before. Raises Refused for other code."""
    if tx.delegate_to is not None:
        known = known_delegate(tx.delegate_to, registry.chain(tx.chain_id))
        if known is None or known.name != BATCHING_DELEGATE:
            raise Refused(f"the account would delegate to {tx.delegate_to}, not to the code that makes its calls.")
    inner = _decode_calls(decode_batch(tx), "the account", registry)
    return CallsTogether(ChainAddress(tx.chain_id, tx.to), inner, tx.delegate_to)


def _decode_safe(tx: UnsignedTx, registry: Registry) -> Executes:
    """What an owner makes a Safe do. Raises Refused for anything but payments, approvals and orders inside."""
    chain = registry.chain(tx.chain_id)
    execution = decode_execution(tx, {safe.multi_send_call_only.address for safe in chain.safes})
    effects = _decode_calls(execution.calls, "the Safe", registry)
    return Executes(ChainAddress(tx.chain_id, tx.to), execution.owner, effects)


def _decode_multicall3_tx(tx: UnsignedTx, registry: Registry) -> SplitsCoin:
    """What Multicall3 hands on. Raises Refused for any other contract than the one that the registry pins."""
    chain = registry.chain(tx.chain_id)
    if chain.pinned_multicall3 is None or chain.pinned_multicall3.address != tx.to:
        raise Refused(f"{tx.to} is not a Multicall3 whose code the registry pins on {chain.name}.")
    paid = (
        Pays(Amount(call.value, chain.native), ChainAddress(tx.chain_id, call.to)) for call in decode_multicall3_tx(tx)
    )
    return SplitsCoin(ChainAddress(tx.chain_id, tx.to), tuple(paid))


def _decode_calls(calls: Iterable[UnsignedTx], who: str, registry: Registry) -> tuple[Pays | Allows | Opens, ...]:
    effects = list[Pays | Allows | Opens]()
    for call in calls:
        effect = decode(call, registry)
        if not isinstance(effect, Pays | Allows | Opens):
            raise Refused(f"{who} would do more than pay: it calls {call.to}.")
        effects.append(effect)
    return tuple(effects)


def _decode_delegation(tx: UnsignedTx, code: Address) -> Delegates:
    if tx.value or tx.data:
        raise Refused("the transaction changes the code of the account and does something else besides.")
    return Delegates(ChainAddress(tx.chain_id, tx.to), code)


def decode_message(bridge: str, data: TypedData, registry: Registry) -> Effects:
    """The effects of the message `data` once it is signed, as `bridge` decodes it. Raises Refused."""
    found = bridges_of(registry).get(bridge)
    if not isinstance(found, SponsoredBridge):
        raise Refused("l2send cannot tell what the message would do, and signs nothing it cannot tell.")
    return found.message_effects(data, registry)
