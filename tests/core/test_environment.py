"""Unusable proxies and certificates: the error names the variable, but never its value."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from l2send.core.chains import load_registry
from l2send.core.environment import network_variables
from l2send.core.errors import ConfigError, ExitStatus, Sent
from l2send.core.http import open_http
from l2send.core.paths import Paths
from tests.conftest import Home

WRONG: Mapping[str, tuple[str, str]] = {
    "no scheme that proxies have": ("HTTPS_PROXY", "ftp://user:hunter2@127.0.0.1:1"),
    "a port that is no number": ("http_proxy", "http://proxy:hunter2"),
    "brackets": ("ALL_PROXY", "http://[::1"),
    "no host in the list": ("NO_PROXY", "[::1"),
    "certificates that are gone": ("SSL_CERT_FILE", "/nonexistent/hunter2.pem"),
    "no certificates": ("SSL_CERT_FILE", "/etc/hostname"),
    "a folder that is gone": ("SSL_CERT_DIR", "/nonexistent/hunter2"),
    "a log of keys": ("SSLKEYLOGFILE", "/nonexistent/hunter2"),
}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in network_variables():
        monkeypatch.delenv(name)


async def opened() -> None:
    async with open_http():
        pass


@pytest.mark.parametrize("case", WRONG)
def test_the_variable_is_named(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = WRONG[case]
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        asyncio.run(opened())
    assert caught.value.message.startswith(name)
    assert ("file" in caught.value.message) is (name in {"SSL_CERT_FILE", "SSLKEYLOGFILE"}), "what kind of value it is"
    assert (caught.value.exit_status, caught.value.sent) == (ExitStatus.CONFIG, Sent.NO)
    assert "hunter2" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8545/hunter2", "https:///hunter2", "http://127.0.0.1:hunter2", "ws://hunter2"]
)
def test_an_endpoint_that_is_no_url_is_named(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("L2SEND_RPC_8453", url)
    with pytest.raises(ConfigError) as caught:
        load_registry(Paths.under(tmp_path))
    assert caught.value.message.startswith("L2SEND_RPC_8453")
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_a_socks_proxy_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConfigError, match="ALL_PROXY") as caught:
        asyncio.run(opened())
    assert "'.[socks]'" in caught.value.hint


def test_of_two_wrong_ones_the_first_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://[::1")
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    with pytest.raises(ConfigError, match="HTTPS_PROXY"):
        asyncio.run(opened())


def test_it_is_said_with_its_status(home: Home) -> None:
    to = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
    done = home.run("1", "USDC", f"dev1:{to}", "--dry-run", "--from", to, "--json", ALL_PROXY="http://[::1")
    assert (done.status, done.error["sent"]) == (3, "no"), done
    assert "ALL_PROXY" in done.error["message"]
