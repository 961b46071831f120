"""The sponsor's two requests: what is asked and handed over, and every answer outside their schema."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from l2send.bridges.sponsor.server import ask_fee, post_operation
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.errors import BadAnswer, NetworkError, Refused
from l2send.core.http import open_http
from l2send.core.operation import Operation, operation_from
from l2send.core.plan import UnsignedTx
from l2send.core.units import ChainId, Gas, Token, Wei

CHAIN = ChainId(31337)
ACCOUNT = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
COIN = Token(CHAIN, None, "ETH", 18)
OPERATION = Operation(CHAIN, ACCOUNT, ACCOUNT, 5, (UnsignedTx(CHAIN, ZERO_ADDRESS, Wei(7), b""),), Gas(90_000))


@dataclass
class Answering:
    """A server that gives one answer, and keeps what it was asked."""

    status: int = 200
    body: bytes = b"{}"
    asked: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    url: str = ""

    def says(self, document: Any, status: int = 200) -> Answering:
        self.status, self.body = status, document if isinstance(document, bytes) else json.dumps(document).encode()
        return self


@pytest.fixture
def server() -> Iterator[Answering]:
    answering = Answering()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(None)

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, sent: Any) -> None:
            answering.asked.append((self.path, sent))
            self.send_response(answering.status)
            self.send_header("Content-Length", str(len(answering.body)))
            self.end_headers()
            self.wfile.write(answering.body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server uses
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        answering.url = f"http://127.0.0.1:{made.server_port}"
        yield answering
        made.shutdown()


def fee(server: Answering) -> int:
    async def ask() -> int:
        async with open_http() as http:
            return await ask_fee(http, server.url, COIN)

    return asyncio.run(ask())


def post(server: Answering) -> str:
    async def hand_over() -> str:
        async with open_http() as http:
            return await post_operation(http, server.url, OPERATION, b"\x01" * 65)

    return asyncio.run(hand_over())


def test_the_fee_of_coin_is_asked_by_the_zero_address(server: Answering) -> None:
    assert fee(server.says({"operation": "1000"})) == 1000
    ((path, _),) = server.asked
    assert urlsplit(path).path == "/v1/fee"
    assert parse_qs(urlsplit(path).query) == {"chainId": [str(CHAIN)], "token": [ZERO_ADDRESS]}


@pytest.mark.parametrize(
    "answer", [{}, [], {"operation": 7.5}, {"operation": "-1"}, {"operation": "0x10"}, {"operation": None}, "50000"]
)
def test_a_fee_outside_its_schema_is_no_fee(server: Answering, answer: Any) -> None:
    with pytest.raises(BadAnswer):
        fee(server.says(answer))


def test_a_sponsor_that_takes_no_such_payment_is_quoted_without_its_control_characters(server: Answering) -> None:
    with pytest.raises(Refused, match="no such token") as refused:
        fee(server.says({"message": "no such token \x1b[31m"}, 400))
    assert "\x1b" not in refused.value.message


def test_what_is_handed_over_reads_as_the_operation_that_was_signed(server: Answering) -> None:
    assert post(server.says({"status": "received"})) == ""
    ((path, sent),) = server.asked
    assert (path, sent["chainId"], sent["entryPoint"]) == ("/v1/operations", str(CHAIN), ACCOUNT)
    assert operation_from(CHAIN, ACCOUNT, sent["operation"]) == OPERATION
    assert sent["operation"]["signature"] == "0x" + "01" * 65


@pytest.mark.parametrize(
    ("answer", "status"),
    [({"status": "rejected", "message": "no"}, 200), ({"status": "received"}, 500), ({}, 200), (["received"], 200)],
)
def test_nothing_else_counts_as_taken(server: Answering, answer: Any, status: int) -> None:
    try:
        assert post(server.says(answer, status)) != ""
    except NetworkError:
        assert status == 500


def test_an_answer_that_is_no_document_is_a_failure_of_the_network(server: Answering) -> None:
    with pytest.raises(NetworkError):
        post(server.says(b"<html>"))
