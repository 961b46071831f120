"""The owners of a Safe on a devnet, each with their own key and home, in the test's process."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from pathlib import Path
from typing import NamedTuple, TypeVar

from l2send.batch_review import BatchReview
from l2send.client import Client, open_client
from l2send.core.paths import Paths
from l2send.devnet.node import Node
from l2send.resolver.batch_file import read_batch
from l2send.resolver.batch_lines import judge_batch
from l2send.resolver.way_limits import Limits
from l2send.review import Review, review_of_safe
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from l2send.wallet.safe_files import SafeBundle, read_safe_file, safe_bundle_of, safe_document, sign_safe
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.safes import TestSafe, new_safe

T = TypeVar("T")


def new_signer() -> LocalSigner:
    return LocalSigner(SecretKey(secrets.token_bytes(32)))


class Row(NamedTuple):
    """A line of a file of payments."""

    amount: str
    token: str
    to: str


class Team:
    """Three owners of a Safe on dev1 that holds 100 USDC and 2 ETH, and an executor that has gas and is no owner.

    What is prepared is in a journal of its own: the home that tests share resumes everything that is open in it.
    """

    def __init__(
        self,
        home: Home,
        folder: Path,
        *,
        owners: int = 3,
        threshold: int = 2,
        version: str = "1.4.1",
        signers: Sequence[LocalSigner] = (),
    ) -> None:
        """`signers`: the owners, in place of new ones."""
        self.home, self.folder, self.registry = home, folder, home.registry
        self.owners = sorted(signers or [new_signer() for _ in range(owners)], key=lambda one: one.address)
        self.executor = new_signer()
        home.fund(self.executor.address, "dev1", ETH="1")
        self.safe: TestSafe = new_safe(home, [one.address for one in self.owners], threshold, version=version)
        home.fund(self.safe.address, "dev1", USDC="100", ETH="2")

    @classmethod
    def like(cls, team: Team, folder: Path) -> Team:
        """The same owners of the same Safe at a machine of their own, with other journals."""
        made = copy(team)
        made.folder = folder
        return made

    def do(self, work: Callable[[Client], Awaitable[T]], paths: Paths | None = None) -> T:
        async def run() -> T:
            async with open_client(paths or self.home_of("preparer"), self.registry) as client:
                return await work(client)

        return asyncio.run(run())

    def home_of(self, name: str) -> Paths:
        """A home without anything: another journal."""
        paths = Paths.under(self.folder / name)
        paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        return paths

    def plan(self, amount: str = "5", to: str = "", *, via: str = "", token: str = "USDC") -> Review:
        async def work(client: Client) -> Review:
            destination = client.destination(to or f"dev1:{new_address()}")
            payment = client.payment(self.safe.address, amount, token, destination, by_owners=True)
            return await client.plan(payment, Limits(via=via, from_chains=("dev1",)))

        return self.do(work)

    def prepare(
        self, amount: str = "5", to: str = "", *, via: str = "", token: str = "USDC", again: bool = False
    ) -> SafeBundle:
        review = self.plan(amount, to, via=via, token=token)

        async def work(client: Client) -> SafeBundle:
            record = await client.prepare(review, again=again)
            assert isinstance(record, PaymentRecord)
            return safe_bundle_of(record)

        return self.do(work)

    def plan_file(self, rows: Sequence[Row], name: str = "november", *, again: bool = False) -> BatchReview:
        """Several payments, as the lines of a file."""
        content = json.dumps([{"ref": f"r{at}", **row._asdict()} for at, row in enumerate(rows)]).encode()

        async def work(client: Client) -> BatchReview:
            judged = await judge_batch(read_batch(content), client.rpcs, client.book)
            limits = Limits(via="direct", from_chains=("dev1",))
            return await client.batch.plan_for_owners(judged, self.safe.address, name, limits, again=again)

        return self.do(work)

    def prepare_file(self, rows: Sequence[Row], name: str = "november", *, again: bool = False) -> SafeBundle:
        review = self.plan_file(rows, name, again=again)

        async def work(client: Client) -> SafeBundle:
            first, *_ = client.batch.begin(review, again=again)
            assert isinstance(first, PaymentRecord)
            return safe_bundle_of(first)

        return self.do(work)

    def carried(self, bundle: SafeBundle, paths: Paths | None = None) -> list[PaymentRecord]:
        """What a journal has of each payment in it."""

        async def work(client: Client) -> list[PaymentRecord]:
            here = client.adopted(bundle)
            assert here
            return client.journal.carried_by(here.id)

        return self.do(work, paths)

    def sign(self, bundle: SafeBundle, *owners: int) -> SafeBundle:
        for owner in owners or (0, 1):
            bundle = sign_safe(bundle, self.owners[owner])
        return bundle

    def adopt(self, bundle: SafeBundle, paths: Paths) -> PaymentRecord:
        review = review_of_safe(bundle, self.registry)

        async def work(client: Client) -> PaymentRecord:
            return client.adopt(bundle, review)

        return self.do(work, paths)

    def execute(self, bundle: SafeBundle, paths: Paths | None = None, patience: float = 30) -> PaymentRecord:
        async def work(client: Client) -> PaymentRecord:
            record = await client.execute(bundle, self.executor, patience=patience)
            assert isinstance(record, PaymentRecord)
            return record

        return self.do(work, paths)

    def status(self, bundle: SafeBundle, paths: Paths | None = None) -> PaymentRecord:
        async def work(client: Client) -> PaymentRecord:
            record = await client.status(bundle.id)
            assert isinstance(record, PaymentRecord)
            return record

        return self.do(work, paths)

    def cancelling(self, bundle: SafeBundle) -> SafeBundle:
        async def work(client: Client) -> SafeBundle:
            return safe_bundle_of(client.get(bundle.id), cancels=True)

        return self.do(work)

    @property
    def node(self) -> Node:
        return self.safe.node

    def sent(self) -> int:
        """How many transactions of the executor are on dev1."""
        return self.node.quantity("eth_getTransactionCount", self.executor.address, "latest")


def written(bundle: SafeBundle, path: Path) -> Path:
    path.touch(mode=0o600)
    path.write_text(json.dumps(safe_document(bundle)))
    return path


def through_a_file(bundle: SafeBundle, path: Path) -> SafeBundle:
    """What another machine reads of it."""
    return read_safe_file(written(bundle, path))
