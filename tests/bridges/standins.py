"""Settlers that no npm package has, as stand-ins of our own (tests/contracts): compiled by the devnet's pinned
solc, deployed on its chains, and put into a registry with a price. Money goes from the others to the last one.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from l2send.bridges.oif import order as oif
from l2send.client import Client, open_client
from l2send.core.address import Address, checksum
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import APPROVE, Function, abi_decode, address_word, event_topic
from l2send.core.chains import Chain, Registry
from l2send.core.errors import NotFinal
from l2send.core.paths import Paths
from l2send.core.plan import Order, Quote
from l2send.core.units import ChainId
from l2send.devnet import faucet
from l2send.devnet.deploy import account
from l2send.devnet.node import Node
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.contracts import init_codes
from tests.support.settlers import with_chains, with_settlers

T = TypeVar("T")

CONTRACTS = Path(__file__).parents[1] / "contracts"
ORIGINS, TARGET = ("dev1", "dev2", "dev3"), "dev4"
ORIGIN = ORIGINS[0]
ORACLE = account("an oracle, which no stand-in asks")
_OPERATOR = account("stand-ins' operator")
_LOTS = 10**24
_TRIES = 20

ENROLL = Function("enrollRemoteRouter(uint32,bytes32)")
SAY = Function("say(bytes32[],bytes)")
HYPERLANE_FILL = Function("fill(bytes32,bytes,bytes)")
MAILBOX = Function("mailbox()", "address")
PROCESS = Function("process(bytes)")
DISPATCH_TOPIC = event_topic("Dispatch(address,uint32,bytes32,bytes)")
OIF_FILL = Function(f"fill(bytes32,{oif.OUTPUT},uint48,bytes)")
_FAR = 2**40


def compiled(cache: Path) -> dict[str, bytes]:
    """Init code of every contract in tests/contracts, by name."""
    return init_codes(CONTRACTS, cache, optimizer={"enabled": True, "runs": 200}, viaIR=True)


@dataclass
class Side:
    """One chain, and an account on it that may do everything and has everything."""

    chain: Chain
    node: Node

    def send(self, to: Address | None, data: bytes, value: int = 0) -> dict[str, Any]:
        message = {"from": _OPERATOR, "data": "0x" + data.hex(), "value": hex(value), "gas": hex(12_000_000)}
        receipt: dict[str, Any] = self.node.call("eth_sendTransactionSync", message | ({"to": to} if to else {}))
        return receipt

    def must(self, to: Address | None, data: bytes, value: int = 0) -> dict[str, Any]:
        receipt = self.send(to, data, value)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def create(self, code: bytes) -> Address:
        return checksum(self.must(None, code)["contractAddress"])

    def settler(self, bridge: str, field: str) -> Address:
        return self.chain.settlers[bridge].contracts[field]


@dataclass
class StandIns:
    """The chains of a running devnet with all stand-ins on them."""

    home: Home
    registry: Registry
    sides: dict[ChainId, Side]
    liars: dict[str, Address]
    code: dict[str, bytes]
    """Init code of every stand-in, by name."""

    @property
    def origin(self) -> Side:
        return self.sides[self.registry.named(ORIGIN).chain_id]

    @property
    def target(self) -> Side:
        return self.sides[self.registry.named(TARGET).chain_id]

    def advance(self, seconds: int) -> None:
        faucet.advance(self.home.paths.state, seconds)

    def lie(self, side: Side, topics: list[str], data: bytes) -> dict[str, Any]:
        """Have a foreign contract emit an event that is not true: the receipt."""
        liar = self.liars[side.chain.short_name]
        return side.must(liar, SAY.encode([bytes.fromhex(topic[2:]) for topic in topics], data))

    def payer(self, folder: Path, chains: Sequence[str] = (ORIGIN,), usdc: str = "100") -> Payer:
        """A fresh account with USDC and 1 ETH on each of `chains`."""
        made = Payer(self, LocalSigner(SecretKey(secrets.token_bytes(32))), Paths.under(folder))
        for chain in chains:
            self.home.fund(made.address, chain, USDC=usdc, ETH="1")
        return made


@dataclass
class Payer:
    """An account, and l2send on a journal of its own."""

    world: StandIns
    signer: LocalSigner
    paths: Paths

    @property
    def address(self) -> Address:
        return self.signer.address

    def with_client(self, use: Callable[[Client], Awaitable[T]], registry: Registry | None = None) -> T:
        async def run() -> T:
            async with open_client(self.paths, registry or self.world.registry) as client:
                return await use(client)

        return asyncio.run(run())

    def quote(self, via: str, amount: str = "10", token: str = "USDC", registry: Registry | None = None) -> Quote:
        async def use(client: Client) -> Quote:
            to = client.destination(f"{TARGET}:{new_address()}")
            payment = client.payment(self.address, amount, token, to)
            return (await client.plan(payment, Limits(from_chains=(ORIGIN,), via=via))).plan.quote

        return self.with_client(use, registry)

    def open(self, via: str, to: Address, amount: str = "10", token: str = "USDC") -> PaymentRecord:
        """Pay, and stop once the order is open and not filled."""

        async def use(client: Client) -> PaymentRecord:
            payment = client.payment(self.address, amount, token, client.destination(f"{TARGET}:{to}"))
            review = await client.plan(payment, Limits(from_chains=(ORIGIN,), via=via))
            (record,) = client.begin(review).legs
            for _ in range(_TRIES):
                try:
                    await client.resume(record.id, self.signer, patience=1)
                except NotFinal:
                    (record,) = (await client.status(record.id)).legs
                if order_state(record) is OrderState.OPEN:
                    break
            return record

        record = self.with_client(use)
        assert order_state(record) is OrderState.OPEN, record
        return record

    def status(self, record: PaymentRecord) -> PaymentRecord:
        (leg,) = self.with_client(lambda client: client.status(record.id)).legs
        return leg

    def resume(self, record: PaymentRecord) -> PaymentRecord:
        (leg,) = self.with_client(lambda client: client.resume(record.id, self.signer, patience=20)).legs
        return leg

    def holds(self, token: str = "USDC") -> int:
        return self.world.home.holds(self.address, ORIGIN, token)


def order_of(record: PaymentRecord) -> Order:
    assert record.order
    return record.order.order


def order_state(record: PaymentRecord) -> OrderState:
    assert record.order
    return record.order.state


def deploy(home: Home) -> StandIns:
    """All stand-ins on every chain, routers enrolled in the target's and that in theirs, a price in the registry."""
    code = compiled(Path(home.environment["L2SEND_CACHE"]))
    sides = [_side(home, name) for name in (*ORIGINS, TARGET)]
    liars = dict[str, Address]()
    for side in sides:
        fields = {
            "hyperlane7683": {"router": side.create(code["StandInHyperlane7683"]), "solver_fee_bps": "10"},
            "oif": {
                "input_settler": side.create(code["StandInInputSettler"]),
                "output_settler": side.create(code["StandInOutputSettler"]),
                "oracle": ORACLE,
                "solver_fee_bps": "10",
            },
        }
        side.chain = with_settlers(side.chain, **fields)
        liars[side.chain.short_name] = side.create(code["Liar"])
        for spender in (fields["hyperlane7683"]["router"], fields["oif"]["output_settler"]):
            side.must(side.chain.token("USDC").address, APPROVE.encode(spender, 2**256 - 1))
    *origins, target = sides
    for origin in origins:
        enroll(origin, target, *(side.settler("hyperlane7683", "router") for side in (origin, target)))
    registry = with_chains(home.registry, *(side.chain for side in sides))
    return StandIns(home, registry, {side.chain.chain_id: side for side in sides}, liars, code)


def enroll(one: Side, other: Side, router: Address, its: Address) -> None:
    """Let the routers of two chains, of the first and of the second, serve each other."""
    one.must(router, ENROLL.encode(other.chain.chain_id, address_word(its)))
    other.must(its, ENROLL.encode(one.chain.chain_id, address_word(router)))


def fill_hyperlane7683(world: StandIns, order: Order, order_data: bytes | None = None) -> None:
    """Be the solver, of this order or of another one under its id."""
    data = order_data or bytes.fromhex(order.details["order_data"][2:])
    value = order.delivers.units if order.delivers.token.is_native else 0
    order_id = bytes.fromhex(order.order_id[2:])
    world.target.must(order.destination_settler, HYPERLANE_FILL.encode(order_id, data, b""), value)


def deliver_refund(world: StandIns, order: Order) -> None:
    """Be the relayer: bring the newest message of the destination's router to the origin's mailbox."""
    origin = world.sides[order.origin]
    origin.must(mailbox_of(origin, order.origin_settler), PROCESS.encode(messages(world, order)[-1]))


def messages(world: StandIns, order: Order) -> list[bytes]:
    """Every message that the destination's router has sent to the origin for this order, oldest first."""
    mailbox = mailbox_of(world.target, order.destination_settler)
    query = {"address": mailbox, "fromBlock": "0x0", "topics": [DISPATCH_TOPIC]}
    found = [
        abi_decode(["bytes"], bytes.fromhex(log["data"][2:]))[0] for log in world.target.node.call("eth_getLogs", query)
    ]
    return [message for message in found if bytes.fromhex(order.order_id[2:]) in message]


def mailbox_of(side: Side, router: Address) -> Address:
    """The mailbox that a router hands its messages to."""
    answer = side.node.call("eth_call", {"to": router, "data": "0x" + MAILBOX.encode().hex()}, "latest")
    return checksum("0x" + answer[-40:])


def fill_oif(world: StandIns, order: Order, output: tuple[Any, ...] | None = None) -> None:
    """Be the solver, of this order's output or of another one under its id."""
    wanted = output or oif.fields_of(order)[7][0]
    data = OIF_FILL.encode(bytes.fromhex(order.order_id[2:]), wanted, _FAR, address_word(new_address()))
    world.target.must(order.destination_settler, data)


def _side(home: Home, short_name: str) -> Side:
    chain = home.chain(short_name)
    node = Node(chain.rpcs[0])
    node.call("anvil_impersonateAccount", _OPERATOR)
    node.call("anvil_setBalance", _OPERATOR, hex(_LOTS))
    home.fund(_OPERATOR, short_name, USDC="1000000")
    return Side(chain, node)


Answer = Callable[[dict[str, Any]], Any]


@contextmanager
def endpoint(answer: Answer) -> Iterator[str]:
    """A quote API: its URL. It is asked with the JSON of a POST, or the query of a GET."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

        def do_GET(self) -> None:
            self._reply(dict(parse_qsl(urlsplit(self.path).query)))

        def _reply(self, request: dict[str, Any]) -> None:
            body = json.dumps(answer(request)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/quotes"
        finally:
            server.shutdown()
