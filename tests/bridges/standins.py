"""Settlers that no npm package has, as stand-ins of our own (tests/contracts): compiled by the devnet's pinned
solc, deployed on two of its chains, and put into a registry with a price.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from l2send.client import Client, open_client
from l2send.core.address import Address, checksum
from l2send.core.bridge import OrderState
from l2send.core.calldata import APPROVE, Function, address_word
from l2send.core.chains import Chain, Registry
from l2send.core.errors import NotFinal
from l2send.core.paths import Paths
from l2send.core.plan import Order, Quote
from l2send.devnet import compiler, faucet, packages
from l2send.devnet.deploy import account
from l2send.devnet.node import Node
from l2send.resolver.planner import Limits
from l2send.wallet.records import PaymentRecord
from l2send.wallet.signer import LocalSigner, SecretKey
from tests.conftest import Home, somebody

T = TypeVar("T")

CONTRACTS = Path(__file__).parents[1] / "contracts"
ORIGIN, TARGET = "dev1", "dev4"
ORACLE = account("an oracle, which no stand-in asks")
_OPERATOR = account("stand-ins' operator")
_LOTS = 10**24
_TRIES = 20

ENROLL = Function("enrollRemoteRouter(uint32,bytes32)")
SAY = Function("say(bytes32[],bytes)")


def compiled(cache: Path) -> dict[str, bytes]:
    """Init code of every contract in tests/contracts, by name."""
    (solc,) = packages.fetch([packages.contract_pins()["solc"]], cache, lambda _: None)
    settings = {
        "optimizer": {"enabled": True, "runs": 200},
        "evmVersion": "cancun",
        "viaIR": True,
        "outputSelection": {"*": {"*": ["evm.bytecode.object"]}},
    }
    sources = {path.name: {"content": path.read_text()} for path in CONTRACTS.glob("*.sol")}
    request = json.dumps({"language": "Solidity", "sources": sources, "settings": settings})
    command = ["node", "-e", compiler._RUN, str(solc / "soljson.js")]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    assert not errors, errors
    found = {name: c["evm"]["bytecode"]["object"] for file in answer["contracts"].values() for name, c in file.items()}
    return {name: bytes.fromhex(code) for name, code in found.items()}


@dataclass
class Side:
    """One chain, and an account on it that may do everything and has everything."""

    chain: Chain
    node: Node

    def send(self, to: Address | None, data: bytes, value: int = 0) -> dict[str, Any]:
        message = {"from": _OPERATOR, "data": "0x" + data.hex(), "value": hex(value), "gas": hex(6_000_000)}
        receipt: dict[str, Any] = self.node.call("eth_sendTransactionSync", message | ({"to": to} if to else {}))
        return receipt

    def must(self, to: Address | None, data: bytes, value: int = 0) -> dict[str, Any]:
        receipt = self.send(to, data, value)
        assert receipt["status"] == "0x1", receipt
        return receipt

    def create(self, code: bytes) -> Address:
        return checksum(self.must(None, code)["contractAddress"])

    def settler(self, bridge: str, field: str) -> Address:
        return Address(self.chain.settlers[bridge][field])


@dataclass
class StandIns:
    """Two chains of a running devnet with all stand-ins on them."""

    home: Home
    registry: Registry
    origin: Side
    target: Side
    liars: dict[str, Address]

    def advance(self, seconds: int) -> None:
        faucet.advance(self.home.paths.state, seconds)

    def lie(self, side: Side, topics: list[str], data: bytes) -> None:
        """Have somebody's contract emit an event that is not true."""
        liar = self.liars[side.chain.short_name]
        side.must(liar, SAY.encode([bytes.fromhex(topic[2:]) for topic in topics], data))

    def payer(self, folder: Path) -> Payer:
        key = SecretKey(secrets.token_bytes(32))
        made = Payer(self, LocalSigner(key), Paths.under(folder))
        self.home.fund(made.address, ORIGIN, USDC="100", ETH="1")
        return made


@dataclass
class Payer:
    """A fresh account with 100 USDC and 1 ETH on the origin, and l2send on a journal of its own."""

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
            to = client.destination(f"{TARGET}:{somebody()}")
            payment = client.payment(self.address, amount, token, to)
            return (await client.plan(payment, Limits(from_chains=(ORIGIN,), via=via))).plan.quote

        return self.with_client(use, registry)

    def open(self, via: str, to: Address, amount: str = "10", token: str = "USDC") -> PaymentRecord:
        """Pay, and stop once the order is open and nobody has filled it."""

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


def with_settlers(chain: Chain, **settlers: dict[str, str]) -> Chain:
    """The chain with these entries in its registry, over those it has."""
    merged = {**chain.settlers, **{name: {**chain.settlers.get(name, {}), **new} for name, new in settlers.items()}}
    return replace(chain, settlers=merged)


def with_chains(registry: Registry, *chains: Chain) -> Registry:
    return replace(registry, by_name={**registry.by_name, **{c.short_name: c for c in chains}})


def deploy(home: Home) -> StandIns:
    """All stand-ins on both chains, routers enrolled in each other, a price in the origin's registry."""
    code = compiled(Path(home.environment["L2SEND_CACHE"]))
    sides = [_side(home, name) for name in (ORIGIN, TARGET)]
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
    for here, there in (sides, reversed(sides)):
        router = there.settler("hyperlane7683", "router")
        here.must(here.settler("hyperlane7683", "router"), ENROLL.encode(there.chain.chain_id, address_word(router)))
    registry = with_chains(home.registry, *(side.chain for side in sides))
    return StandIns(home, registry, sides[0], sides[1], liars)


def _side(home: Home, short_name: str) -> Side:
    chain = home.chain(short_name)
    node = Node(chain.rpcs[0])
    node.call("anvil_impersonateAccount", _OPERATOR)
    node.call("anvil_setBalance", _OPERATOR, hex(_LOTS))
    home.fund(_OPERATOR, short_name, USDC="1000000")
    return Side(chain, node)
