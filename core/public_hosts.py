"""Checks that a host named by untrusted data is on the public internet, not in this machine's own network.

An address counts as public only if it is global by IANA's registries, and every IPv4 address within it too: NAT64,
6to4, Teredo, ISATAP, mapped, compatible and translated addresses lead to the IPv4 address that they hold.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterator

_NAMES_OF_PRIVATE_NETWORKS = frozenset(
    {"localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "arpa", "onion"}
)
"""Last labels of local names, or of names that are not in the public DNS. Source: RFC 6761, 6762, 8375; ICANN."""
_NOT_PUBLIC = [
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10",
        "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
"""Special by IANA's registries. `is_global` covers most, depending on the version of Python."""
_HOLDS_IPV4 = [ipaddress.IPv6Network(block) for block in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")]
"""Compatible, mapped, translated (SIIT) and NAT64: the last 32 bits are the address."""
_SIX_TO_FOUR = ipaddress.IPv6Network("2002::/16")
_ISATAP = (0x00005EFE, 0x02005EFE)


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from the whole internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    held = list(_ipv4_within(found))
    if any(_is_special(one) for one in held):
        return False
    return (bool(held) and found in _HOLDS_IPV4[1]) or not _is_special(found)


def _is_special(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    inside = any(address.version == block.version and address in block for block in _NOT_PUBLIC)
    return inside or not address.is_global or address.is_multicast


def _ipv4_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    if isinstance(address, ipaddress.IPv4Address):
        return
    bits = int(address)
    last = ipaddress.IPv4Address(bits & 0xFFFFFFFF)
    if any(address in block for block in _HOLDS_IPV4) or bits >> 32 & 0xFFFFFFFF in _ISATAP:
        yield last
    if address in _SIX_TO_FOUR:
        yield ipaddress.IPv4Address(bits >> 80 & 0xFFFFFFFF)
    yield from address.teredo or ()


def is_private_name(name: str) -> bool:
    """Whether a host name can only belong to a private network: no dot, or a private last label."""
    labels = name.rstrip(".").lower().split(".")
    return ":" not in name and (len(labels) == 1 or labels[-1] in _NAMES_OF_PRIVATE_NETWORKS)


async def addresses_of(name: str) -> list[str]:
    """The addresses that this machine resolves `name` to; empty if only a proxy can resolve it."""
    if ":" in name:  # An IPv6 address, whose zone may be unknown to this machine.
        return [name]
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):  # UnicodeError is a ValueError: a label that no host can have.
        return []
    return [str(entry[4][0]) for entry in found]
