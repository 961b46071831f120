"""Addresses that untrusted data may not make this machine contact."""

from __future__ import annotations

import pytest

from l2send.core.public_hosts import is_private_name, is_public

SPECIAL = (
    "127.0.0.1 10.1.1.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 198.18.0.1 198.19.255.255 192.0.0.8 "
    "192.88.99.1 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 ::10.0.0.1 ::ffff:10.0.0.1 "
    "::ffff:0:127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::808:808 2002:7f00:1:: 2002:c0a8:101::1 "
    "2001:0:4136:e378:8000:63bf:3fff:fdd2 2606:4700::5efe:a00:1 2606:4700::200:5efe:7f00:1 fec0::1 fe80::1 "
    "fe80::1%eth0 fc00::1 ff02::1 3fff::1 2001:db8::1 5f00::1 nonsense"
)
PUBLIC = "1.1.1.1 8.8.8.8 2606:4700::1111 64:ff9b::8.8.8.8 ::ffff:8.8.8.8 2002:808:808::1 2a00:1450:4001::1"


@pytest.mark.parametrize("address", SPECIAL.split())
def test_special_addresses_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "router", "printer.local", "db.internal", "x.home.arpa"])
def test_names_of_private_networks(name: str) -> None:
    assert is_private_name(name)


@pytest.mark.parametrize("name", ["example.org", "gateway.ens.domains", "2606:4700::1111"])
def test_names_of_the_internet(name: str) -> None:
    assert not is_private_name(name)
