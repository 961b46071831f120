"""Environment variables that decide how the network is reached, and errors that name the wrong one.

A value may hold a password or an API key: no error repeats it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from l2send.core.errors import ConfigError
from l2send.core.optional_packages import how_to_install

_PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
_SOCKS = ("socks5:", "socks5h:")


def why_no_url(text: str) -> str:
    """Why `text` is not the URL of a JSON-RPC endpoint, or an empty string."""
    try:
        parts = urlsplit(text.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "its host or port cannot be read"
    if text != text.strip() or any(c.isspace() or not c.isprintable() for c in text):
        return "it holds white space or characters that are not printable"
    if parts.scheme not in {"http", "https"}:
        return "it does not begin with http:// or https://"
    return "" if host else "it names no host"


def rpc_variable(chain_id: int) -> str:
    """The variable with a chain's endpoint; it takes precedence over every file."""
    return f"L2SEND_RPC_{chain_id}"


def rpc_of_environment(chain_id: int) -> str | None:
    """The endpoint for a chain in the environment. Raises ConfigError if it is not a URL."""
    url = os.environ.get(rpc_variable(chain_id))
    if url and (why := why_no_url(url)):
        raise ConfigError(
            f"{rpc_variable(chain_id)} is not the URL of an RPC endpoint: {why}.",
            hint=f"Write it like {rpc_variable(chain_id)}=https://host/path, or unset it.",
        )
    return url or None


def network_variables() -> list[str]:
    """The set variables that decide how the network is reached, as they are spelled."""
    names = (*_PROXIES, *(name.lower() for name in _PROXIES), *_CERTIFICATES)
    return [name for name in names if os.environ.get(name)]


def certificate_variables() -> list[str]:
    """Those that decide which servers are trusted, and where TLS keys are logged."""
    return [name for name in _CERTIFICATES if os.environ.get(name)]


def refuse_missing_folder() -> None:
    """Raises ConfigError for an SSL_CERT_DIR that is not a folder: every connection would fail without saying why."""
    folder = os.environ.get("SSL_CERT_DIR")
    if folder and not os.environ.get("SSL_CERT_FILE") and not any(map(os.path.isdir, folder.split(os.pathsep))):
        raise ConfigError(
            "SSL_CERT_DIR names no folder, so no server could prove who it is.",
            hint="Correct it, or unset it: l2send brings the usual certificates along.",
        )


def unusable(name: str, *, no_socks: bool) -> ConfigError:
    """The error for the variable `name` that makes every HTTP client fail."""
    value = os.environ.get(name, "")
    if no_socks and value.lower().startswith(_SOCKS):
        return ConfigError(
            f"{name} names a SOCKS proxy, and the package for these is not installed.",
            hint=f"Name an HTTP proxy, or unset {name}. " + how_to_install("socks"),
        )
    if name in _CERTIFICATES:
        return ConfigError(
            f"{name} names a file that cannot be used.",
            hint=f"Correct {name}, or unset it: l2send brings the usual certificates along.",
        )
    return ConfigError(
        f"{name} cannot be read: its value is not of a form that a proxy has.",
        hint=f"Write it like {name}=http://host:port, or unset it."
        if not name.upper().startswith("NO_")
        else f"Write it like {name}=localhost,example.org, or unset it.",
    )


@contextmanager
def only(name: str) -> Iterator[None]:
    """The environment with only `name` of these variables, for the context."""
    hidden = {other: os.environ.pop(other) for other in network_variables() if other != name}
    try:
        yield
    finally:
        os.environ.update(hidden)
