"""JSON of bounded size over httpx. Only this file and connections.py depend on the HTTP library.

URLs may hold API keys: errors name only an endpoint's host, and httpx's own log is silenced.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.request import getproxies

import httpx

from l2send.core.connections import Connections
from l2send.core.environment import (
    certificate_variables,
    network_variables,
    only,
    refuse_missing_folder,
    unusable,
)
from l2send.core.errors import BadAnswer, ConfigError, Transient
from l2send.core.json_text import parse_json

if TYPE_CHECKING:
    from http.cookiejar import Cookie, CookieJar

# httpx logs whole URLs at INFO, API keys included.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_PROXIED = ("http", "https", "all", "no")
"""Schemes for which the environment or the system may name proxies or exceptions."""
_MAX_BODY = 16 * 1024 * 1024
_LONGEST = 30.0  # seconds for one request in all, however slowly it drips
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

Http = httpx.AsyncClient


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer with its HTTP status."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Response:
    """A raw answer, with any status."""

    status: int
    body: bytes
    pause: float
    """Seconds that the server asks to wait, or 0. Source: RFC 9110 Retry-After."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """An API key, sent by RFC 6750. No repr shows it."""

    key: str = field(repr=False)


def host(url: str) -> str:
    """The part of a URL that may be displayed."""
    try:
        return httpx.URL(url).host
    except (httpx.InvalidURL, ValueError):
        return "an unreadable URL"


@asynccontextmanager
async def open_http(timeout: float = 10.0) -> AsyncIterator[Http]:
    """A connection pool for the context. `timeout` is in seconds, per request.

    Raises ConfigError if the environment names an unusable proxy or certificates.
    """
    async with _client(timeout) as http:
        yield http


def _client(timeout: float) -> Http:
    refuse_missing_folder()
    try:
        return _plain_client(timeout)
    except _UNUSABLE as error:
        raise _unusable_environment(timeout) from error


_UNUSABLE = (ImportError, OSError, ValueError, httpx.InvalidURL)
"""httpx's exceptions for an unusable proxy or certificates; ImportError without its SOCKS extra."""


class _NoCookies:
    """Cookies are neither kept nor sent: a server could tell by them which accounts belong to one person."""

    def __iter__(self) -> Iterator[Cookie]:
        return iter(())

    def extract_cookies(self, response: object, request: object) -> None:
        """As a CookieJar's method, which httpx calls with every answer."""


def _plain_client(timeout: float) -> Http:
    headers = {"Accept-Encoding": "identity", "User-Agent": "l2send"}
    cookies = cast("CookieJar", _NoCookies())
    if any(scheme in getproxies() for scheme in _PROXIED):  # httpx knows which request goes through which proxy.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
        return httpx.AsyncClient(timeout=timeout, limits=limits, headers=headers, cookies=cookies)
    # Unusable certificates are reported before any request; the usual ones are loaded when needed.
    context = httpx.create_ssl_context() if certificate_variables() else None
    return httpx.AsyncClient(timeout=timeout, headers=headers, cookies=cookies, transport=Connections(context))


def _unusable_environment(timeout: float) -> ConfigError:
    """The error that names the first variable that makes clients fail."""
    for name in network_variables():
        try:
            with only(name):
                _plain_client(timeout)
        except _UNUSABLE as error:
            return unusable(name, no_socks=isinstance(error, ImportError))
    names = ", ".join(network_variables()) or "proxies and certificates"
    return ConfigError(f"no connection can be made with what the environment says of {names}.")


async def post(http: Http, url: str, request: Any, who: str, limit: int = _MAX_BODY) -> Response:
    """POST `request` as JSON and read an answer of at most `limit` bytes, with any status.

    `who` names the server in errors. Raises Transient if there is no answer, BadAnswer for a body that is too large.
    """
    return await _exchange(http, lambda: http.build_request("POST", url, json=request), who, limit)


async def post_json(http: Http, url: str, request: Any, who: str, limit: int = _MAX_BODY) -> Answer:
    """POST `request` as JSON and read a JSON answer of at most `limit` bytes. `who` names the server in errors.

    Raises Transient for temporary failures (no connection, time-outs, HTTP 429 and 5xx), BadAnswer for a body that is
    too large or not JSON.
    """
    return _answer(await post(http, url, request, who, limit), who)


async def get_json(
    http: Http, url: str, parameters: Mapping[str, str], who: str, limit: int = _MAX_BODY, bearer: Bearer | None = None
) -> Answer:
    """GET `url` with a query and read a JSON answer. Bounds and errors are those of `post_json`."""

    def build() -> httpx.Request:
        headers = {"Authorization": f"Bearer {bearer.key}"} if bearer else None
        return http.build_request("GET", url, params=dict(parameters) or None, headers=headers)

    return _answer(await _exchange(http, build, who, limit), who)


def _answer(response: Response, who: str) -> Answer:
    if response.status in _TRANSIENT_STATUS:
        raise Transient(f"{who} answered HTTP {response.status}.", pause=response.pause)
    try:
        return Answer(response.status, parse_json(response.body))
    except ValueError:
        raise BadAnswer(f"{who} answered HTTP {response.status} with something that is not JSON.") from None


async def _exchange(http: Http, build: Callable[[], httpx.Request], who: str, limit: int) -> Response:
    try:
        async with asyncio.timeout(_LONGEST), _streamed(http, build()) as response:
            body = await _bounded_body(response, who, limit)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
        raise Transient(f"{who} did not answer ({type(error).__name__}).") from None
    return Response(response.status_code, body, _retry_after(response))


@asynccontextmanager
async def _streamed(http: Http, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    """The answer to `request`, with its body unread. Redirects are not followed."""
    response = await http.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def _bounded_body(response: httpx.Response, who: str, limit: int) -> bytes:
    """The raw body. Nothing is decompressed: a few bytes could expand without limit."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise BadAnswer(f"{who} answered compressed, which it was asked not to.")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise BadAnswer(f"{who} answered with more than {limit} bytes.")
    return bytes(body)


def _retry_after(response: httpx.Response) -> float:
    """Seconds, or a date. Source: RFC 9110, section 10.2.3."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value[:6])
    try:
        at = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return 0.0
    return max(0.0, min(at - time.time(), 86_400.0))
