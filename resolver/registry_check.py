"""Compares the registry with the chains: queries every endpoint separately, and every contract on its chain.

Pinned code of bridge contracts is compared.

It distinguishes two kinds of problems. A fact is wrong: no code, other decimals, another chain. Or it cannot be checked
now: no answer, a stale head or price. Only the first needs a correction.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Any

from l2send.core.account_contracts import Deployment
from l2send.core.address import Address
from l2send.core.calldata import DECIMALS, Function
from l2send.core.chains import Chain
from l2send.core.errors import L2sendError, WrongChain
from l2send.core.pinned_code import Contract, code_hash, contracts_of, read_code
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.text import clean
from l2send.core.units import Token, UnixTime
from l2send.resolver.balances import HEADS_APART, LATEST_ROUND, PRICE_AGE

_SYMBOL = Function("symbol()", "string")
_SYMBOL_IN_A_WORD = Function("symbol()", "bytes32")
"""For tokens older than ERC-20's final text, among them Maker's MKR and SAI."""
_HEAD_AGE = 3600  # seconds; test chains and young rollups make a block only for a transaction
_LONGEST_SYMBOL = 20


@unique
class Verdict(StrEnum):
    """The verdict, as shown to people and scripts."""

    OK = "ok"
    STALE = "stale"
    """It answers with old data."""
    SILENT = "no answer"
    WRONG = "wrong"
    """The registry differs from the chain."""


_BY_WEIGHT = list(Verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst verdict, which counts for the whole."""
    return max(verdicts, key=_BY_WEIGHT.index, default=Verdict.OK)


@dataclass(frozen=True, slots=True)
class EndpointReport:
    """One RPC endpoint, named only by its host: URLs may hold API keys."""

    host: str
    verdict: Verdict
    detail: str = ""
    latency: float | None = None
    """Seconds that one read took."""
    head: UnixTime | None = None
    """The time of its newest block, by the chain's clock."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One contract of the registry, and whether it matches the chain."""

    kind: str
    """`multicall3`, `token`, `settler`, `account`, `ens`, `l1_fee_oracle` or `price_feed`."""
    name: str
    address: Address
    verdict: Verdict
    detail: str = ""
    pinned: bool | None = None
    """For a settler, whether its code is pinned, so that the verdict covers its code too."""


@dataclass(frozen=True, slots=True)
class ChainReport:
    """The results for one chain."""

    chain: Chain
    endpoints: tuple[EndpointReport, ...]
    facts: tuple[Fact, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all."""
        return worst([*(e.verdict for e in self.endpoints), *(f.verdict for f in self.facts)])


async def check_chains(chains: Iterable[Chain], rpcs: Rpcs, now: float) -> list[ChainReport]:
    """Query all `chains` at once. Failures of a chain are reported, not raised. `now` is Unix time.

    Endpoints come first, so that a busy machine does not distort their latencies, and contracts are read without
    waiting for an endpoint that does not answer.
    """
    asked = [rpcs.on(chain.chain_id) for chain in chains]
    endpoints = await asyncio.gather(*(_endpoints(rpc, now) for rpc in asked))
    facts = await asyncio.gather(*(_facts(rpc, found) for rpc, found in zip(asked, endpoints, strict=True)))
    return [ChainReport(r.chain, e, f) for r, e, f in zip(asked, endpoints, facts, strict=True)]


async def check_endpoints(chains: Iterable[Chain], rpcs: Rpcs, now: float) -> list[ChainReport]:
    """Only the endpoints, without querying contracts."""
    asked = [rpcs.on(chain.chain_id) for chain in chains]
    endpoints = await asyncio.gather(*(_endpoints(rpc, now) for rpc in asked))
    return [ChainReport(rpc.chain, found, ()) for rpc, found in zip(asked, endpoints, strict=True)]


async def _endpoints(rpc: Rpc, now: float) -> tuple[EndpointReport, ...]:
    reports = await asyncio.gather(*(_endpoint(one) for one in rpc.each()))
    return tuple(_judge_heads(reports, now))


async def _facts(rpc: Rpc, endpoints: Sequence[EndpointReport]) -> tuple[Fact, ...]:
    """The contracts, by healthy endpoints; a stuck endpoint shows old state."""
    urls = [url for url, e in zip(rpc.chain.rpcs, endpoints, strict=True) if e.verdict is Verdict.OK]
    usable = Rpc(replace(rpc.chain, rpcs=tuple(urls)), rpc.http)
    settlers = [contract for bridge in rpc.chain.settlers for contract in contracts_of(rpc.chain, bridge)]
    contracts, runs, accounts, reads = await asyncio.gather(
        asyncio.gather(*(_has_code(usable, *contract) for contract in _contracts(rpc.chain))),
        asyncio.gather(*(_runs_what_is_pinned(usable, settler) for settler in settlers)),
        asyncio.gather(*(_is_deployed(usable, *account) for account in _accounts(rpc.chain))),
        _read_contracts(usable),
    )
    return (*contracts, *runs, *accounts, *reads)


async def _endpoint(one: Rpc) -> EndpointReport:
    host = one.endpoints[0].host
    try:
        # The first read proves the chain id and opens the connection, so that only the second one is timed.
        await one.call("eth_chainId")
        started = time.monotonic()
        head = await one.time()
        return EndpointReport(host, Verdict.OK, latency=time.monotonic() - started, head=head)
    except WrongChain as error:
        return EndpointReport(host, Verdict.WRONG, error.message)
    except L2sendError as error:
        return EndpointReport(host, Verdict.SILENT, error.message)


def _judge_heads(reports: Sequence[EndpointReport], now: float) -> Iterator[EndpointReport]:
    """A stuck node answers quickly and correctly: only its clock reveals it."""
    newest = max((e.head for e in reports if e.head is not None), default=None)
    for report in reports:
        if report.head is None or newest is None:
            yield report
        elif newest - report.head > HEADS_APART:
            behind = f"{report.host} is {newest - report.head} s behind the other RPCs"
            yield replace(report, verdict=Verdict.STALE, detail=behind)
        elif now - report.head > _HEAD_AGE:
            yield replace(report, verdict=Verdict.STALE, detail=f"newest block is {int(now - report.head)} s old")
        else:
            yield report


def _contracts(chain: Chain) -> Iterator[tuple[str, str, Address]]:
    """Kind, name and address of contracts that must have code but have no views to check."""
    if chain.multicall3:
        yield "multicall3", "Multicall3", chain.multicall3
    if chain.l1_fee_oracle:
        yield "l1_fee_oracle", "L1 fee oracle", chain.l1_fee_oracle
    if chain.ens:
        yield "ens", "ENS registry", chain.ens.registry
        if chain.ens.universal_resolver:
            yield "ens", "ENS universal resolver", chain.ens.universal_resolver


async def _has_code(rpc: Rpc, kind: str, name: str, address: Address) -> Fact:
    try:
        code = await rpc.code(address)
    except L2sendError as error:
        return Fact(kind, name, address, Verdict.SILENT, error.message)
    return Fact(kind, name, address, *((Verdict.OK, "") if code else (Verdict.WRONG, f"no code at {address}")))


async def _runs_what_is_pinned(rpc: Rpc, settler: Contract) -> Fact:
    name, address, pinned = f"{settler.bridge} {settler.name}", settler.address, settler.pinned
    try:
        code = await read_code(rpc, address)
    except L2sendError as error:
        return Fact("settler", name, address, Verdict.SILENT, error.message, pinned is not None)
    if code is None:
        return Fact("settler", name, address, Verdict.WRONG, f"no code at {address}", pinned is not None)
    if pinned and code != pinned:
        detail = f"runs the code {code}, pinned is {pinned}"
        return Fact("settler", name, address, Verdict.WRONG, detail, pinned=True)
    return Fact("settler", name, address, Verdict.OK, pinned=pinned is not None)


def _accounts(chain: Chain) -> Iterator[tuple[str, Deployment, bool]]:
    """The contracts that accounts consist of or run, each with its name, and whether the registry says it is there."""
    for safe in chain.safes:
        for contract in safe.contracts:
            yield f"Safe {safe.version}", contract, True
    for delegate in chain.delegates:
        yield delegate.name, delegate.code, delegate.is_listed


async def _is_deployed(rpc: Rpc, name: str, contract: Deployment, is_listed: bool) -> Fact:
    """Whether the pinned code is there, or nothing if it is not listed. Source: eth_getCode, EIP-1052."""
    try:
        code = await rpc.code(contract.address)
    except L2sendError as error:
        return Fact("account", name, contract.address, Verdict.SILENT, error.message, pinned=True)
    found = code_hash(code)
    if found == contract.code_hash:
        return Fact("account", name, contract.address, Verdict.OK, pinned=True)
    if not code and not is_listed:
        return Fact("account", name, contract.address, Verdict.OK, "not on this chain", pinned=True)
    detail = f"runs the code {found}, pinned is {contract.code_hash}" if code else f"no code at {contract.address}"
    return Fact("account", name, contract.address, Verdict.WRONG, detail, pinned=True)


async def _read_contracts(rpc: Rpc) -> list[Fact]:
    """The contracts with views to check, tokens and the price feed, in one request."""
    tokens = _token_contracts(rpc.chain)
    calls = [Call(address, function) for _, address in tokens for function in (DECIMALS, _SYMBOL, _SYMBOL_IN_A_WORD)]
    feed = rpc.chain.price_feed
    if feed:
        calls.append(Call(feed, LATEST_ROUND))
    if not calls:
        return []
    try:
        answer = await rpc.aggregate(calls)
    except L2sendError as error:
        return list(_unread(rpc.chain, error.message))
    values = iter(answer.values)
    facts = [
        Fact("token", token.symbol, address, *_judge_token(token, address, next(values), _symbol(values)))
        for token, address in tokens
    ]
    if feed:
        facts.append(Fact("price_feed", "price feed", feed, *_judge_price(feed, next(values), answer.timestamp)))
    return facts


def _token_contracts(chain: Chain) -> list[tuple[Token, Address]]:
    return [(token, token.address) for token in chain.tokens if token.address]


def _unread(chain: Chain, why: str) -> Iterator[Fact]:
    for token, address in _token_contracts(chain):
        yield Fact("token", token.symbol, address, Verdict.SILENT, why)
    if chain.price_feed:
        yield Fact("price_feed", "price feed", chain.price_feed, Verdict.SILENT, why)


def _symbol(values: Iterator[tuple[Any, ...] | None]) -> str | None:
    """The next two answers: the symbol as a string, or else as bytes32."""
    text, word = next(values), next(values)
    if text is not None:
        return str(text[0])
    if word is None:
        return None
    symbol: str = word[0].rstrip(b"\0").decode("utf-8", "replace")
    return symbol or None


def _judge_token(
    token: Token, address: Address, decimals: tuple[Any, ...] | None, symbol: str | None
) -> tuple[Verdict, str]:
    if decimals is None or symbol is None:
        return Verdict.WRONG, f"no token answers at {address}"
    if decimals[0] != token.decimals:
        return Verdict.WRONG, f"{decimals[0]} decimals on chain, {token.decimals} in the registry"
    if _stem(symbol) != _stem(token.symbol):
        return Verdict.WRONG, f"the token at {address} calls itself {clean(symbol, _LONGEST_SYMBOL)!r}"
    return Verdict.OK, ""


def _stem(symbol: str) -> str:
    """A symbol without the parts that issuers vary: USDC.e calls itself USDC on some chains, USDT0 `USD₮0`."""
    return symbol.upper().replace("₮", "T").removesuffix(".E").removesuffix("0")


def _judge_price(feed: Address, latest: tuple[Any, ...] | None, now: UnixTime) -> tuple[Verdict, str]:
    """A feed's answer, at `now` by the chain's clock. Source: Chainlink AggregatorV3."""
    if latest is None:
        return Verdict.WRONG, f"no price feed answers at {feed}"
    price, age = latest[1], now - latest[3]
    if price <= 0:
        return Verdict.STALE, "its price is not above zero"
    if age > PRICE_AGE:
        return Verdict.STALE, f"its price is {age // 3600} h old"
    return Verdict.OK, ""
