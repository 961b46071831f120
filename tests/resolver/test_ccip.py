"""Which servers a stranger's contract can make this machine talk to."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.errors import BadAnswer
from l2send.resolver import ccip


def permitted(url: str, *, local: bool = False) -> bool:
    try:
        asyncio.run(ccip._permit(url, local=local))
    except BadAnswer:
        return False
    return True


@pytest.mark.parametrize(
    "url", ["https://1.1.1.1/{data}", "https://[2606:4700::1111]/x", "https://name.invalid/{sender}"]
)
def test_public_servers_over_https(url: str) -> None:
    assert permitted(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://1.1.1.1/",
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        "data:application/json,{}",
        "x-batch-gateway:true",
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://me@1.1.1.1/",
        "https:///x",
        "https://1.1.1.1:port/",
        "",
    ],
)
def test_nothing_else(url: str) -> None:
    assert not permitted(url)


def test_a_devnet_asks_this_machine_and_no_other() -> None:
    assert permitted("http://127.0.0.1:1/{data}", local=True)
    assert not permitted("http://1.1.1.1/", local=True)
    assert not permitted("https://127.0.0.1/", local=True)
