"""ERC-3668 (CCIP Read): a contract sends its caller to a gateway, and checks the answer itself.

The contract, not the gateway, is trusted; but it chooses which server this machine talks to. So: https and
public hosts only, no redirects, few hops, few gateways, small answers, little time.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from l2send.core.address import Address, checksum
from l2send.core.calldata import Function, abi_decode, abi_encode, split_types
from l2send.core.errors import BadAnswer, NetworkError, NodeError
from l2send.core.http import Http, get_json, host, post_json
from l2send.core.rpc import Rpc, data_bytes, record

_LOOKUP = Function("OffchainLookup(address,string[],bytes,bytes4,bytes)")
_BATCH = Function("query((address,string[],bytes)[])", "bool[],bytes[]")
_BATCH_HERE = "x-batch-gateway:true"
"""ENS's own URL for: ask the gateways of this batch yourself. Source: ENSIP-21."""
_MOST_HOPS = 4
_MOST_GATEWAYS = 4
_MOST_IN_A_BATCH = 4
_MOST_BYTES = 1024 * 1024
_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class _Lookup:
    """What the contract asks its caller to find out."""

    sender: Address
    urls: tuple[str, ...]
    data: bytes
    callback: bytes
    extra: bytes


async def read(rpc: Rpc, to: Address, data: bytes, *, local: bool = False) -> bytes:
    """What the contract `to` answers to `data`, by way of its gateways if it says so.

    `local` allows gateways on this machine, and none elsewhere: for a devnet. Raises NetworkError; NodeError
    for a revert that is no lookup.
    """
    for _ in range(_MOST_HOPS):
        try:
            return data_bytes(await rpc.call("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest"), "eth_call")
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
    """The lookup that a revert asks for, if it does."""
    if not error.data.startswith("0x" + _LOOKUP.selector.hex()):
        return None
    sender, urls, data, callback, extra = abi_decode(_LOOKUP.inputs, data_bytes(error.data, "revert data")[4:])
    return _Lookup(checksum(sender), tuple(urls), data, callback, extra)


async def _ask(http: Http, lookup: _Lookup, *, local: bool) -> bytes:
    """The first usable answer of its gateways. Raises NetworkError."""
    failures = ["it names no gateway that may be asked"]
    async with asyncio.timeout(_SECONDS):
        for url in lookup.urls[:_MOST_GATEWAYS]:
            try:
                if url == _BATCH_HERE:
                    return await _batch(http, lookup.data, local=local)
                return await _fetch(http, url, lookup, local=local)
            except NetworkError as error:
                failures.append(error.message)
    raise NetworkError(f"no gateway of {lookup.sender} answered: {failures[-1]}")


async def _fetch(http: Http, url: str, lookup: _Lookup, *, local: bool) -> bytes:
    await _permit(url, local=local)
    sender, data = lookup.sender.lower(), "0x" + lookup.data.hex()
    who = f"the gateway {host(url)}"
    if "{data}" in url:
        answer = await get_json(http, url.replace("{sender}", sender).replace("{data}", data), {}, who, _MOST_BYTES)
    else:
        request = {"data": data, "sender": sender}
        answer = await post_json(http, url.replace("{sender}", sender), request, who, _MOST_BYTES)
    if answer.status != 200:
        raise BadAnswer(f"{who} answered HTTP {answer.status}.")
    return data_bytes(record(answer.body, who).get("data"), who)


async def _permit(url: str, *, local: bool) -> None:
    """Raises BadAnswer for a URL that a stranger's contract must not make this machine open."""
    try:
        parts = urlsplit(url)
        name, _ = parts.hostname or "", parts.port
    except ValueError:
        raise BadAnswer("a gateway's URL cannot be read.") from None
    if parts.scheme != ("http" if local else "https") or not name or parts.username is not None:
        raise BadAnswer(f"a gateway must be an {'http' if local else 'https'} server, and {url[:60]!r} is none.")
    if any(_is_private(address) != local for address in await _addresses(name)):
        raise BadAnswer(f"the gateway {name[:60]} is in a private network.")


async def _addresses(name: str) -> list[str]:
    """What this machine takes `name` for; nothing where only a proxy can tell."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]


_PRIVATE = [
    ipaddress.ip_network(block)
    for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "0.0.0.0/8", "fc00::/7")
]


def _is_private(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    inside = any(found.version == block.version and found in block for block in _PRIVATE)
    return inside or found.is_loopback or found.is_link_local or found.is_multicast or found.is_unspecified


async def _batch(http: Http, data: bytes, *, local: bool) -> bytes:
    """What a batch gateway would answer: each request of the batch with its own answer or failure."""
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
