"""Resolves an ENS name to its address on the destination's chain, and on no other.

A name holds one record per chain (ENSIP-9, ENSIP-11, ENSIP-19). If the needed record is empty, there is no address: the
record for Ethereum is never used instead, since that account may be a contract without an owner on the other chain.

A single RPC endpoint is not trusted: if two are configured, two must return the same address.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import Function
from l2send.core.chains import Chain, Ens
from l2send.core.errors import BadAnswer, ConfigError, NetworkError, NodeError, UnknownName
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.resolver import ccip
from l2send.resolver.ens_name import ETH_COIN_TYPE, coin_type, namehash, suffixes, wire

_RESOLVER = Function("resolver(bytes32)", "address")
_SUPPORTS = Function("supportsInterface(bytes4)", "bool")
_EXTENDED = bytes.fromhex("9061b923")
_RESOLVE = Function("resolve(bytes,bytes)", "bytes")
_RESOLVE_ALL = Function("resolve(bytes,bytes)", "bytes,address")
_ADDR_ETH = Function("addr(bytes32)", "address")
_ADDR = Function("addr(bytes32,uint256)", "bytes")
_NO_RECORD = [
    Function(error).selector.hex()
    for error in (
        "ResolverNotFound(bytes)",
        "ResolverNotContract(bytes,address)",
        "UnsupportedResolverProfile(bytes4)",
    )
]
"""A universal resolver's errors for a name without such a record. Source: ENSIP-23."""
_ENOUGH = 2


async def resolve(name: str, chain: Chain, rpcs: Rpcs) -> Address:
    """The address of the normalised `name` on `chain`.

    Raises UnknownName if it has none, ConfigError if no chain of the registry has ENS, NetworkError.
    """
    home = rpcs.registry.ens_chain
    if home is None or home.ens is None:
        raise ConfigError(
            f"{name} is an ENS name, and no chain of this registry has ENS.", hint="Write chain:address instead."
        )
    coin = coin_type(chain.chain_id)
    found = await _agreed(_Question(name, coin, home, home.ens, rpcs))
    if found is None:
        raise UnknownName(f"{name} has no address for {chain.name} in ENS.", hint=await _why(name, coin, chain, rpcs))
    return found


async def _why(name: str, coin: int, chain: Chain, rpcs: Rpcs) -> str:
    """Which other record the name has, to show that it is not a typing error, and what to do."""
    home = rpcs.registry.ens_chain
    ask = f"Ask the recipient for their address on {chain.name}, or to set one in ENS (coin type {coin})."
    if coin == ETH_COIN_TYPE or home is None or home.ens is None:
        return ask
    try:
        elsewhere = await _agreed(_Question(name, ETH_COIN_TYPE, home, home.ens, rpcs))
    except NetworkError:
        return ask
    if elsewhere is None:
        return ask
    return f"It has one for Ethereum, which l2send does not use: on {chain.name} it may have no owner. {ask}"


@dataclass(frozen=True, slots=True)
class _Question:
    """One record of one name, and where to request it."""

    name: str
    coin: int
    home: Chain
    ens: Ens
    rpcs: Rpcs

    @property
    def data(self) -> bytes:
        """The calldata for the resolver. Every resolver supports the old function for Ethereum."""
        node = namehash(self.name)
        return _ADDR_ETH.encode(node) if self.coin == ETH_COIN_TYPE else _ADDR.encode(node, self.coin)

    @property
    def local(self) -> bool:
        """Whether gateways may be on this machine."""
        return self.rpcs.registry.is_devnet


async def _agreed(question: _Question) -> Address | None:
    """The common answer of the first two endpoints that answer; None for no record. Raises NetworkError."""
    rpcs = [Rpc(replace(question.home, rpcs=(url,)), question.rpcs.http) for url in question.home.rpcs]
    needed = min(_ENOUGH, len(rpcs))
    answers = list[Address | None]()
    failure = NetworkError(f"{question.home.name}: no RPC endpoint is configured.")
    asked = [asyncio.create_task(_ask(question, rpc)) for rpc in rpcs]
    try:
        for done in asyncio.as_completed(asked):
            try:
                answers.append(await done)
            except NetworkError as error:
                failure = error
            if len(answers) == needed:
                break
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    if not answers:
        raise failure
    if len(answers) < needed:
        raise NetworkError(f"only one endpoint of {question.home.name} answers for {question.name}: {failure.message}")
    if len(set(answers)) > 1:
        raise BadAnswer(
            f"two endpoints of {question.home.name} give {question.name} two different addresses.",
            hint="Try again in a minute. If it stays so, one of them lies: write the address instead.",
        )
    return answers[0]


async def _ask(question: _Question, rpc: Rpc) -> Address | None:
    try:
        if question.ens.universal_resolver:
            return await _by_universal_resolver(question, rpc, question.ens.universal_resolver)
        return await _by_registry(question, rpc)
    except NodeError as error:
        if not error.is_revert:
            raise
        raise BadAnswer(
            f"the resolver of {question.name} does not answer: its contract or its gateway fails."
        ) from None


async def _by_universal_resolver(question: _Question, rpc: Rpc, universal: Address) -> Address | None:
    """ENS's own entry point finds the resolver and calls it. Source: ENSIP-23."""
    data = _RESOLVE_ALL.encode(wire(question.name), question.data)
    try:
        raw = await ccip.call_contract(rpc, universal, data, local=question.local)
    except NodeError as error:
        if error.data[2:10] in _NO_RECORD:
            return None
        raise
    record, _ = _RESOLVE_ALL.decode_result(raw)
    return _address(record, question)


async def _by_registry(question: _Question, rpc: Rpc) -> Address | None:
    """The name's resolver, or that of its nearest parent that resolves names below it. Source: ENSIP-10."""
    names = suffixes(question.name)
    asked = [Call(question.ens.registry, _RESOLVER, (namehash(name),)) for name in names]
    resolvers = [value[0] if value else ZERO_ADDRESS for value in (await rpc.aggregate(asked)).values]
    depth, resolver = next(((i, r) for i, r in enumerate(resolvers) if int(r, 16)), (0, None))
    if resolver is None:
        return None
    (extended,) = (await rpc.aggregate([Call(checksum(resolver), _SUPPORTS, (_EXTENDED,))])).values
    if extended and extended[0]:
        data = _RESOLVE.encode(wire(question.name), question.data)
        raw = await ccip.call_contract(rpc, checksum(resolver), data, local=question.local)
        return _address(_RESOLVE.decode_result(raw)[0], question)
    if depth:
        return None
    return _address(await _plain(rpc, checksum(resolver), question), question)


async def _plain(rpc: Rpc, resolver: Address, question: _Question) -> bytes:
    """A resolver from before ENSIP-9 has only Ethereum's record, and reverts for others."""
    try:
        return await ccip.call_contract(rpc, resolver, question.data, local=question.local)
    except NodeError as error:
        if error.is_revert and question.coin != ETH_COIN_TYPE:
            return b""
        raise


def _address(record: bytes, question: _Question) -> Address | None:
    """The address in a resolver's record; None if it is empty. Raises BadAnswer."""
    if not record:
        return None
    if question.coin == ETH_COIN_TYPE:
        found = checksum(_ADDR_ETH.decode_result(record)[0])
        return None if found == ZERO_ADDRESS else found
    (raw,) = _ADDR.decode_result(record)
    if raw and len(raw) != 20:
        raise BadAnswer(f"the record of {question.name} holds {len(raw)} bytes, which is no EVM address.")
    return checksum(raw) if any(raw) else None
