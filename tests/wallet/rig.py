"""Shared by the wallet's tests: a real anvil, a registry with one chain, accounts and payments."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from l2send.core.address import Address, checksum
from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain, Registry, Stage
from l2send.core.plan import ChainAddress, GasPrice, Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs, open_rpcs
from l2send.core.units import Amount, ChainId, Gas, Seconds, Token, UnixTime, Wei
from l2send.devnet import anvil
from l2send.wallet.before_signing import FeeCap
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.sqlite import SqliteJournal
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.support.addresses import new_address

T = TypeVar("T")

CHAIN_ID = ChainId(31337)
ETHER = 10**18
NATIVE = Token(CHAIN_ID, None, "ETH", 18, "Ether")
REVERTS_IF_SLOT_0 = "0x5f54600657005b5f5ffd"
"""Code that reverts while its storage slot 0 is not zero."""


@dataclass
class GuardStandIn:
    """Stands in for l2send.guard, which needs a registry with bridges: calls `on_check` with what was signed."""

    on_check: Callable[[UnsignedTx], object]
    cap: int = 100 * ETHER

    def check(self, record: PaymentRecord, tx: TxRecord, said: UnsignedTx) -> None:
        assert record.id == tx.payment_id
        self.on_check(said)

    async def fee_cap(self, record: PaymentRecord, tx: TxRecord, rpc: Rpc) -> FeeCap:
        assert (record.id, rpc.chain.chain_id) == (tx.payment_id, tx.chain_id)
        return FeeCap(Wei(self.cap), "were approved")


@dataclass
class Node:
    """A running anvil, asked directly, past every proxy."""

    url: str

    def call(self, method: str, *params: Any) -> Any:
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            reply = json.load(answer)
        if "error" in reply:
            raise RuntimeError(reply["error"]["message"])
        return reply["result"]

    def balance(self, account: Address) -> int:
        return int(self.call("eth_getBalance", account, "latest"), 16)

    def sent_by(self, account: Address) -> int:
        return int(self.call("eth_getTransactionCount", account, "latest"), 16)

    def height(self) -> int:
        return int(self.call("eth_blockNumber"), 16)

    def time(self) -> int:
        return int(self.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def mine(self, blocks: int = 1) -> None:
        self.call("anvil_mine", hex(blocks))


def find_anvil() -> str:
    """`L2SEND_ANVIL`, else what the devnet would use."""
    named = os.environ.get("L2SEND_ANVIL")
    if named:
        return named
    from l2send.core.paths import Paths

    return str(anvil.find(Paths.from_environment().cache, lambda _: None))


@contextmanager
def running_anvil(*arguments: str, chain_id: int = CHAIN_ID) -> Iterator[Node]:
    """An anvil with instant mining, unless `arguments` say otherwise."""
    (port,) = anvil.free_ports(1)
    command = [find_anvil(), "--quiet", "--port", str(port), "--chain-id", str(chain_id), "--accounts", "0", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    node = Node(f"http://127.0.0.1:{port}")
    try:
        _wait_for(node)
        yield node
    finally:
        process.kill()
        process.wait()


def _wait_for(node: Node) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            node.call("eth_chainId")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def chain_at(*urls: str, confirmations: int = 1) -> Chain:
    return Chain(
        short_name="rig",
        chain_id=CHAIN_ID,
        name="Rig",
        kind="l1",
        testnet=True,
        native=NATIVE,
        rpcs=urls,
        explorer="",
        confirmations=confirmations,
        stage=Stage("none", "2026-01-01"),
        multicall3=checksum("0x" + "ca" * 20),
        price_feed=None,
        tokens=(),
    )


def paying_quote(payment: Payment, chain: Chain, *before: UnsignedTx, order: Order | None = None) -> Quote:
    """A quote whose last step pays natively; `before` are steps of kind approve in front of it."""
    last = UnsignedTx(chain.chain_id, payment.to.address, Wei(payment.amount.units), b"")
    kind = StepKind.OPEN if order else StepKind.TRANSFER
    approvals = tuple(Step(StepKind.APPROVE, tx, Gas(60_000)) for tx in before)
    return Quote(
        bridge=order.bridge if order else "direct",
        source=chain,
        pays=payment.amount,
        delivers=payment.amount,
        fees=(),
        duration=Seconds(1),
        steps=(*approvals, Step(kind, last, Gas(21_000))),
        order=order,
    )


def order_of(payment: Payment, fill_deadline: int) -> Order:
    return Order(
        bridge="toy",
        order_id="0x" + secrets.token_hex(32),
        origin=CHAIN_ID,
        origin_settler=payment.to.address,
        destination=CHAIN_ID,
        destination_settler=payment.to.address,
        sender=payment.sender,
        recipient=payment.to.address,
        pays=payment.amount,
        delivers=payment.amount,
        fill_deadline=UnixTime(fill_deadline),
        refund_after=UnixTime(fill_deadline),
    )


class Unopened:
    """A stand-in for a bridge whose settler has no order: all that the end of its `open` asks of it."""

    name = "toy"

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        await origin.block(block)
        return False

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        return False


@dataclass
class Rig:
    """One account with a journal of its own on a node."""

    home: Path
    node: Node
    urls: tuple[str, ...]
    confirmations: int = 1
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    said: list[str] = field(default_factory=list[str])
    guarded: list[UnsignedTx] = field(default_factory=list[UnsignedTx])

    def __post_init__(self) -> None:
        self.signer = LocalSigner(SecretKey(self.key))

    def funded(self, wei: int = 10 * ETHER) -> Rig:
        self.node.call("anvil_setBalance", self.signer.address, hex(wei))
        return self

    @property
    def chain(self) -> Chain:
        return chain_at(*self.urls, confirmations=self.confirmations)

    def through(self, *urls: str) -> Rig:
        """The same account and journal, over other endpoints."""
        return replace(self, urls=urls)

    def journal(self) -> SqliteJournal:
        return SqliteJournal(self.home / "state" / "journal.db")

    def payment(self, units: int = ETHER // 1000, to: Address | None = None) -> Payment:
        return Payment(self.signer.address, ChainAddress(CHAIN_ID, to or new_address()), Amount(units, NATIVE))

    def begin(
        self,
        payment: Payment,
        *before: UnsignedTx,
        order: Order | None = None,
        expires: int | None = None,
        key: str | None = None,
        price: GasPrice | None = None,
    ) -> PaymentRecord:
        quote = paying_quote(payment, self.chain, *before, order=order)
        quote = replace(quote, steps=(*quote.steps[:-1], replace(quote.steps[-1], price=price)))
        if expires is not None:
            quote = replace(quote, expires=UnixTime(expires))
        journal = self.journal()
        try:
            record = journal.begin(payment, [quote], key)
            assert isinstance(record, PaymentRecord)
            return record
        finally:
            journal.close()

    def record(self, payment_id: str) -> PaymentRecord:
        journal = self.journal()
        try:
            return journal.get(payment_id)
        finally:
            journal.close()

    def executor(self, rpcs: Rpcs, journal: SqliteJournal, *, signer: bool = True) -> Executor:
        return Executor(
            journal,
            rpcs,
            self.signer if signer else None,
            self.home / "state" / "locks",
            GuardStandIn(self.guarded.append),
            self.said.append,
            bridges={"toy": cast("Bridge", Unopened())},
            poll=0.02,
        )

    def do(self, action: Callable[[Executor], Awaitable[T]], *, signer: bool = True) -> T:
        """`action` with an executor, over a fresh connection to journal and node."""

        async def run() -> T:
            journal = self.journal()
            try:
                async with open_rpcs(Registry({"rig": self.chain}), timeout=3) as rpcs:
                    return await action(self.executor(rpcs, journal, signer=signer))
            finally:
                journal.close()

        return asyncio.run(run())

    def resume(self, payment_id: str, patience: float = 10, *, signer: bool = True) -> PaymentRecord:
        return self.do(lambda executor: executor.resume(payment_id, patience=patience), signer=signer)

    def pay(self, payment: Payment, *before: UnsignedTx, patience: float = 10) -> PaymentRecord:
        return self.resume(self.begin(payment, *before).id, patience)


def to_self(stage: Rig, times: int = 1) -> Sequence[UnsignedTx]:
    return [UnsignedTx(CHAIN_ID, stage.signer.address, Wei(0), b"")] * times
