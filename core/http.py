"""The only door to the network: bounded JSON over httpx, so that another HTTP library is one file away.

URLs may hold API keys: errors name an endpoint by its host alone, and httpx's own log is silenced.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.json_text import parse_json

# httpx logs whole URLs at INFO, API keys included.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

_MAX_BODY = 16 * 1024 * 1024
_LONGEST = 30.0  # seconds for one request in all, however slowly it drips
_TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

Http = httpx.AsyncClient


class Transient(NetworkError):
    """Worth asking again, here or elsewhere. `pause` is what the server asked for, in seconds."""

    def __init__(self, message: str, *, pause: float = 0.0) -> None:
        super().__init__(message, hint="Nothing is wrong with the command; try again later.")
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON answer with its HTTP status."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Bearer:
    """An API key, as RFC 6750 has it sent. No repr shows it."""

    key: str = field(repr=False)


def host(url: str) -> str:
    """All of a URL that may be shown."""
    return httpx.URL(url).host


@asynccontextmanager
async def open_http(timeout: float = 10.0) -> AsyncIterator[Http]:
    """A connection pool for as long as the context lasts. `timeout` is in seconds, per request."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=200)
    headers = {"Accept-Encoding": "identity", "User-Agent": "l2send"}
    async with httpx.AsyncClient(timeout=timeout, limits=limits, headers=headers) as http:
        yield http


async def post_json(http: Http, url: str, request: Any, who: str, limit: int = _MAX_BODY) -> Answer:
    """POST `request` as JSON and read a JSON answer of at most `limit` bytes. `who` names the server in errors.

    Raises Transient for what may pass (no connection, time-outs, HTTP 429 and 5xx), BadAnswer for a body
    that is too large or not JSON.
    """
    return await _exchange(http, lambda: http.build_request("POST", url, json=request), who, limit)


async def get_json(
    http: Http, url: str, parameters: Mapping[str, str], who: str, limit: int = _MAX_BODY, bearer: Bearer | None = None
) -> Answer:
    """GET `url` with a query and read a JSON answer. Bounds and errors are those of `post_json`."""

    def build() -> httpx.Request:
        headers = {"Authorization": f"Bearer {bearer.key}"} if bearer else None
        return http.build_request("GET", url, params=dict(parameters) or None, headers=headers)

    return await _exchange(http, build, who, limit)


async def _exchange(http: Http, build: Callable[[], httpx.Request], who: str, limit: int) -> Answer:
    try:
        async with asyncio.timeout(_LONGEST), _streamed(http, build()) as response:
            if response.status_code in _TRANSIENT_STATUS:
                raise Transient(f"{who} answered HTTP {response.status_code}.", pause=_retry_after(response))
            body = await _bounded_body(response, who, limit)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise Transient(f"{who} did not answer ({type(error).__name__}).") from None
    try:
        return Answer(response.status_code, parse_json(body))
    except ValueError:
        raise BadAnswer(f"{who} answered HTTP {response.status_code} with something that is not JSON.") from None


@asynccontextmanager
async def _streamed(http: Http, request: httpx.Request) -> AsyncIterator[httpx.Response]:
    """The answer to `request`, its body not read yet. Redirects are not followed."""
    response = await http.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def _bounded_body(response: httpx.Response, who: str, limit: int) -> bytes:
    """The body as it was sent. Nothing is decompressed: a few bytes could become any number."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise BadAnswer(f"{who} answered compressed, which it was asked not to.")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise BadAnswer(f"{who} answered with more than {limit} bytes.")
    return bytes(body)


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.isdecimal() else 0.0
