"""A payer without gas on the devnet, its signed messages, and a stand-in between l2send and the sponsor."""

from __future__ import annotations

import asyncio
import http.client
import json
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

import pytest

from l2send.bridges.across.deposit import DEPOSITED_TOPIC
from l2send.client import Client, open_client
from l2send.core.address import Address, checksum
from l2send.core.calldata import ALLOWANCE, address_word
from l2send.core.chains import Registry
from l2send.core.effects import PERMIT2
from l2send.core.errors import NotFinal, Sent
from l2send.core.paths import Paths
from l2send.core.plan import Message, Quote, Sponsored
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.sending import Deployed
from l2send.devnet.sponsor import PostedOrder, Sponsor
from l2send.devnet.state import DevChain, Devnet
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.contracts import devnet_artifacts
from tests.support.settlers import across_of, with_chains, with_settlers

T = TypeVar("T")
GASLESS = "across-gasless"
USDC = 10**6
LATER = 700
"""Seconds after which no message of a plan does anything any more."""


@dataclass
class Broke:
    """A fresh account with 100 USDC on dev1 and no coin anywhere, and l2send on a journal of its own."""

    home: Home
    devnet: Devnet
    paths: Paths
    signer: LocalSigner = field(default_factory=lambda: LocalSigner(SecretKey(secrets.token_bytes(32))))
    registry: Registry | None = None

    @property
    def address(self) -> Address:
        return self.signer.address

    @property
    def chain(self) -> DevChain:
        return self.devnet.chain("dev1")

    @property
    def node(self) -> Node:
        return Node(self.chain.rpc_url)

    @property
    def usdc(self) -> Address:
        return checksum(self.chain.token("USDC").address)

    def do(self, use: Callable[[Client], Awaitable[T]]) -> T:
        async def run() -> T:
            async with open_client(self.paths, self.registry or self.home.registry) as client:
                return await use(client)

        return asyncio.run(run())

    def plan(self, to: Address | None = None, amount: str = "20", **limits: Any) -> Review:
        async def use(client: Client) -> Review:
            destination = client.destination(f"dev2:{to or new_address()}")
            return await client.plan(client.payment(self.address, amount, "USDC", destination), Limits(**limits))

        return self.do(use)

    def begin(self, review: Review) -> PaymentRecord:
        async def use(client: Client) -> PaymentRecord:
            (leg,) = client.begin(review, again=True).legs
            return leg

        return self.do(use)

    def resume(self, record: PaymentRecord, patience: float = 20.0) -> PaymentRecord:
        (leg,) = self.do(lambda client: client.resume(record.id, self.signer, patience=patience)).legs
        return leg

    def stuck(self, record: PaymentRecord) -> PaymentRecord:
        """The payment, signed and posted, and not opened."""
        with pytest.raises(NotFinal) as stopped:
            self.resume(record, patience=1.5)
        assert stopped.value.sent is Sent.MAYBE
        record = self.record(record)
        assert (record.state, len(signatures(record))) == (PaymentState.SENDING, len(messages(record)))
        return record

    def record(self, record: PaymentRecord) -> PaymentRecord:
        async def use(client: Client) -> PaymentRecord:
            return client.journal.get(record.id)

        return self.do(use)

    def look(self, record: PaymentRecord) -> PaymentRecord:
        (leg,) = self.do(lambda client: client.status(record.id)).legs
        return leg

    def holds(self) -> int:
        return self.home.holds(self.address, "dev1")

    def allowed(self, owner: Address | None = None) -> int:
        """What Permit2 may take."""
        data = self.node.eth_call(self.usdc, ALLOWANCE.encode(owner or self.address, PERMIT2))
        return int(ALLOWANCE.decode_result(data)[0])

    def deposits(self, depositor: Address | None = None) -> int:
        """How often the SpokePool ever took money of this account."""
        topics = [DEPOSITED_TOPIC, None, None, "0x" + address_word(depositor or self.address).hex()]
        query = {"address": self.chain.spoke_pool, "topics": topics, "fromBlock": "0x0", "toBlock": "latest"}
        return len(self.node.call("eth_getLogs", query))

    def has_no_gas(self) -> bool:
        return self.node.quantity("eth_getBalance", self.address, "latest") == 0 and not self.node.quantity(
            "eth_getTransactionCount", self.address, "latest"
        )


@contextmanager
def mode(home: Home, wanted: Mode) -> Iterator[None]:
    home.must("devnet", "solver", "--mode", wanted.value)
    try:
        yield
    finally:
        home.must("devnet", "solver", "--mode", "fill")


def messages(record: PaymentRecord) -> tuple[Message, ...]:
    assert record.sponsored
    return record.sponsored.sponsored.messages


def signatures(record: PaymentRecord) -> tuple[bytes, ...]:
    assert record.sponsored
    return record.sponsored.signatures


def sponsored(quote: Quote) -> Sponsored:
    assert quote.sponsored
    return quote.sponsored


def kinds(review: Review) -> list[str]:
    return [message.kind.value for message in sponsored(review.plan.quote).messages]


def submit(broke: Broke, record: PaymentRecord, *, permit: bool = True, order: bool = True) -> PostedOrder:
    """What was signed, submitted by an account that is not the sponsor."""
    chain, deployed = broke.chain, Deployed(broke.chain, devnet_artifacts(broke.home))
    stranger = Sponsor(chain.issuer, {chain.chain_id: chain}, {chain.chain_id: deployed})
    (allows, opens), (allows_signed, opens_signed) = messages(record), signatures(record)
    posted = PostedOrder(broke.chain, opens.data.message, opens_signed, allows.data.message, allows_signed, 0.0)
    if permit:
        stranger._submit_permit(posted, allows.data.message)
    if order:
        stranger._open(posted)
    return posted


def with_rpcs(broke: Broke, *urls: str) -> Registry:
    return with_chains(broke.home.registry, replace(broke.home.chain("dev1"), rpcs=urls))


class _Between(BaseHTTPRequestHandler):
    """One request on its way to the sponsor, at `target`."""

    target: SplitResult
    answer: Callable[[bytes], Any]
    posted: list[bytes]

    def do_GET(self) -> None:
        self._send(*self._pass_on("GET", None))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append(body)
        said = type(self).answer(body)
        if said is False:
            self._pass_on("POST", body)
            self.close_connection = True
        else:
            self._send(200, json.dumps(said).encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server uses
        """Nothing."""

    def _pass_on(self, method: str, body: bytes | None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=10)
        connection.request(method, self.target.path + self.path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        read = reply.status, reply.read()
        connection.close()
        return read

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def forwarding(broke: Broke, answer: Callable[[bytes], Any]) -> Iterator[list[bytes]]:
    """A stand-in between l2send and the sponsor: what is posted. It loses the reply where `answer` is False."""
    posted = list[bytes]()
    target = urlsplit(across_of(broke.home.chain("dev1")).sponsor_api)
    handler = type("Between", (_Between,), {"target": target, "answer": staticmethod(answer), "posted": posted})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    chain = with_settlers(broke.home.chain("dev1"), across={"sponsor_api": url})
    broke.registry = with_chains(broke.home.registry, chain)
    try:
        yield posted
    finally:
        server.shutdown()
        server.server_close()
