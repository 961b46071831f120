"""ERC-3668 (CCIP Read): a contract refers its caller to a gateway, and verifies the answer itself.

The contract is trusted, not the gateway; but the contract chooses which server this machine contacts. So only https and
public hosts are allowed, no redirects, and few hops, few gateways, small answers, short time-outs.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from l2send.core.address import Address, checksum
from l2send.core.calldata import Function, abi_decode, abi_encode, split_types
from l2send.core.errors import BadAnswer, NetworkError, NodeError
from l2send.core.http import Http, get_json, host, post_json
from l2send.core.public_hosts import addresses_of, is_private_name, is_public
from l2send.core.rpc import Rpc, data_bytes, record
from l2send.core.text import clean

_LOOKUP = Function("OffchainLookup(address,string[],bytes,bytes4,bytes)")
_BATCH = Function("query((address,string[],bytes)[])", "bool[],bytes[]")
_BATCH_HERE = "x-batch-gateway:true"
"""ENS's URL that means: query the gateways of this batch yourself. Source: ENSIP-21."""
_MOST_HOPS = 4
_MOST_GATEWAYS = 4
_MOST_IN_A_BATCH = 4
_MOST_BYTES = 1024 * 1024
_LONGEST_URL = 60_000
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Lookup:
    """The request that the contract asks its caller to make."""

    sender: Address
    urls: tuple[str, ...]
    data: bytes
    callback: bytes
    extra: bytes


async def call_contract(rpc: Rpc, to: Address, data: bytes, *, local: bool = False) -> bytes:
    """The answer of the contract `to` to `data`, through its gateways if it refers to them.

    `local` allows only gateways on this machine: for a devnet. Raises NetworkError; NodeError for a revert that is not
    a lookup.
    """
    for _ in range(_MOST_HOPS):
        try:
            return await rpc.returned({"to": to, "data": "0x" + data.hex()})
        except NodeError as error:
            lookup = _lookup(error)
            if lookup is None:
                raise
        if lookup.sender != to:
            raise BadAnswer("a contract asks for an offchain lookup in the name of another contract.")
        answer = await _ask(rpc.http, lookup, local=local)
        data = lookup.callback + abi_encode(["bytes", "bytes"], [answer, lookup.extra])
    raise BadAnswer(f"a contract asks for more than {_MOST_HOPS} offchain lookups in a row.")


def _lookup(error: NodeError) -> _Lookup | None:
    """The lookup in a revert, if it has one."""
    if not error.data.startswith("0x" + _LOOKUP.selector.hex()):
        return None
    sender, urls, data, callback, extra = abi_decode(_LOOKUP.inputs, data_bytes(error.data, "revert data")[4:])
    return _Lookup(checksum(sender), tuple(urls), data, callback, extra)


async def _ask(http: Http, lookup: _Lookup, *, local: bool) -> bytes:
    """The first usable answer of its gateways. Raises NetworkError."""
    failures = ["it names no gateway that may be asked"]
    try:
        async with asyncio.timeout(_SECONDS):
            for url in lookup.urls[:_MOST_GATEWAYS]:
                try:
                    if url == _BATCH_HERE:
                        return await _batch(http, lookup.data, local=local)
                    return await _fetch(http, url, lookup, local=local)
                except NetworkError as error:
                    failures.append(error.message)
    except TimeoutError:
        failures.append(f"its gateways did not answer within {_SECONDS:.0f} s")
    raise NetworkError(f"no gateway of {lookup.sender} answered: {failures[-1]}")


async def _fetch(http: Http, url: str, lookup: _Lookup, *, local: bool) -> bytes:
    """The answer of one gateway. Source: ERC-3668, "Client Lookup Protocol"."""
    sender, data = lookup.sender.lower(), "0x" + lookup.data.hex()
    by_get = "{data}" in url
    url = url.replace("{sender}", sender).replace("{data}", data)
    await _permit(url, local=local)
    who = f"the gateway {clean(host(url), 60)}"
    if by_get:
        answer = await get_json(http, url, {}, who, _MOST_BYTES)
    else:
        answer = await post_json(http, url, {"data": data, "sender": sender}, who, _MOST_BYTES)
    if answer.status != 200:
        raise BadAnswer(f"{who} answered HTTP {answer.status}.")
    return data_bytes(record(answer.body, who).get("data"), who)


async def _permit(url: str, *, local: bool) -> None:
    """Raises BadAnswer for a URL that an unknown contract must not make this machine open."""
    try:
        parts = urlsplit(url)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        raise BadAnswer("a gateway's URL cannot be read.") from None
    if len(url) > _LONGEST_URL or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise BadAnswer("a gateway's URL is too long, or holds characters that no URL has.")
    if parts.scheme != ("http" if local else "https") or not name or parts.username is not None:
        raise BadAnswer(f"a gateway must be an {'http' if local else 'https'} server, and {clean(url, 60)!r} is none.")
    if not local and is_private_name(name):
        raise BadAnswer(f"the gateway {clean(name, 60)} is in a private network.")
    if any(_is_local(address) is not local for address in await addresses_of(name)):
        raise BadAnswer(f"the gateway {clean(name, 60)} is in a private network.")


def _is_local(address: str) -> bool:
    """Whether an address is local: on a devnet only this machine, elsewhere any private address."""
    return not is_public(address)


async def _batch(http: Http, data: bytes, *, local: bool) -> bytes:
    """The answer of a batch gateway: each request of the batch with its own answer or failure."""
    (requests,) = abi_decode(_BATCH.inputs, data[4:])
    if data[:4] != _BATCH.selector or len(requests) > _MOST_IN_A_BATCH:
        raise BadAnswer("a batch of offchain lookups is malformed or too large.")
    lookups = [_Lookup(checksum(sender), tuple(u for u in urls if u != _BATCH_HERE), data, b"", b"")
               for sender, urls, data in requests]  # fmt: skip
    answers = await asyncio.gather(*(_or_failure(http, lookup, local=local) for lookup in lookups))
    return abi_encode(split_types(_BATCH.returns), [[failed for failed, _ in answers], [got for _, got in answers]])


_HTTP_ERROR = Function("HttpError(uint16,string)")


async def _or_failure(http: Http, lookup: _Lookup, *, local: bool) -> tuple[bool, bytes]:
    try:
        return False, await _ask(http, lookup, local=local)
    except NetworkError as error:
        return True, _HTTP_ERROR.encode(500, error.message[:200])
