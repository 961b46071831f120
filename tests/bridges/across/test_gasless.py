"""Payments from accounts without gas: real settler, Permit2 and USDC; the devnet's sponsor, or one that fails."""

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
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from l2send.bridges import decode_message
from l2send.bridges.across.deposit import DEPOSITED_TOPIC, Deposit, new_nonce
from l2send.bridges.across.gasless import _RESOLVE_FOR, _permits
from l2send.bridges.across.messages import gasless_order, order_message
from l2send.client import Client, open_client
from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.bridge import OrderState
from l2send.core.calldata import ALLOWANCE, abi_encode, address_word
from l2send.core.chains import Registry
from l2send.core.effects import PERMIT2, AllowsBySignature, Effects, OpensBySignature, compare_with_payment
from l2send.core.errors import CannotPay, L2sendError, NodeError, NotFinal, Refused, Sent
from l2send.core.paths import Paths
from l2send.core.permit import Permittable, permittable
from l2send.core.plan import Message, Plan, Quote, Sponsored
from l2send.core.typed import TypedData
from l2send.core.units import Amount, Token, UnixTime
from l2send.devnet import faucet
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.sending import Deployed, Refusal
from l2send.devnet.sponsor import Petition, Sponsor
from l2send.devnet.state import DevChain, Devnet, require
from l2send.resolver.limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, SponsoredState
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.bridges.mutations import answers, tell
from tests.bridges.standins import order_state
from tests.conftest import PASSWORD, Home, somebody
from tests.support.contracts import devnet_artifacts
from tests.support.settlers import across_of, with_chains, with_settlers
from tests.wallet.rig import running_anvil

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
            destination = client.destination(f"dev2:{to or somebody()}")
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
        """The payment, signed and posted, with nobody who opens it."""
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


@pytest.fixture
def broke(home: Home, tmp_path: Path) -> Broke:
    devnet = require(home.paths.state)
    made = Broke(home, devnet, Paths.under(tmp_path / "mine"))
    home.fund(made.address, "dev1", USDC="100")
    assert made.has_no_gas()
    return made


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


def bring(broke: Broke, record: PaymentRecord, *, permit: bool = True, order: bool = True) -> Petition:
    """What was signed, brought to the chain by somebody who is not the sponsor."""
    chain, deployed = broke.chain, Deployed(broke.chain, devnet_artifacts(broke.home))
    stranger = Sponsor(chain.issuer, {chain.chain_id: chain}, {chain.chain_id: deployed})
    (allows, opens), (allows_signed, opens_signed) = messages(record), signatures(record)
    petition = Petition(broke.chain, opens.data.message, opens_signed, allows.data.message, allows_signed, 0.0)
    if permit:
        stranger._bring_permit(petition, allows.data.message)
    if order:
        stranger._open(petition)
    return petition


def test_an_account_without_gas_pays(home: Home, broke: Broke) -> None:
    """By the command itself, with an encrypted key; every balance read from the chains, before and after."""
    name, payer = home.new_account()
    home.fund(payer, "dev1", USDC="100")
    to = somebody()
    before = (home.holds(payer, "dev1"), home.holds(payer, "dev1", "ETH"), home.holds(to, "dev2"))
    done = home.must("20", "USDC", f"dev2:{to}", "--yes", "--json", ETH_KEYSTORE_ACCOUNT=name)
    (leg,) = done.json["legs"]
    paid = int(leg["pays"]["base_units"])
    after = (home.holds(payer, "dev1"), home.holds(payer, "dev1", "ETH"), home.holds(to, "dev2"))
    assert before == (100 * USDC, 0, 0)
    assert after == (100 * USDC - paid, 0, 20 * USDC)
    assert (done.json["state"], leg["bridge"], done.json["transactions"]) == ("delivered", GASLESS, [])
    assert {fee["name"]: fee["amount"]["human"] for fee in leg["fees"]}["sponsor fee"] == "0.07"
    assert sum(int(fee["amount"]["base_units"]) for fee in leg["fees"]) == paid - 20 * USDC
    assert leg["sponsored"]["messages"] == ["permit", "open_for"]
    receipt = broke.node.call("eth_getTransactionReceipt", leg["sponsored"]["opening_tx"])
    assert checksum(receipt["from"]) == broke.devnet.solver_address
    assert (broke.allowed(payer), broke.deposits(payer)) == (0, 1)
    assert "a message, no transaction" in done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_it_is_offered_only_where_there_is_no_gas(home: Home, broke: Broke) -> None:
    assert kinds(broke.plan()) == ["permit", "open_for"]
    home.fund(broke.address, "dev1", ETH="1")
    review = broke.plan()
    assert all(leg.bridge != GASLESS for way in (review.plan.way, *review.plan.alternatives) for leg in way.legs)
    with pytest.raises(CannotPay):
        broke.plan(via=GASLESS)


def test_it_is_offered_only_where_the_registry_names_a_sponsor(broke: Broke) -> None:
    chain = broke.home.chain("dev1")
    broke.registry = with_chains(broke.home.registry, with_settlers(chain, across={"sponsor_api": None}))
    with pytest.raises(CannotPay, match="no ETH on Devnet 1 for gas"):
        broke.plan()


def test_a_token_that_takes_no_permit_is_said(broke: Broke) -> None:
    """WETH9 knows no EIP-2612. USDC does, and its own domain is the one that is signed for."""

    async def use(client: Client) -> None:
        rpc, chain = client.rpcs.on(client.registry.named("dev1").chain_id), client.registry.named("dev1")
        assert await permittable(rpc, chain.token("WETH"), broke.address) is None
        known = await permittable(rpc, chain.token("USDC"), broke.address)
        assert known
        assert (known.name, known.version, known.nonce) == ("USD Coin", "2", 0)
        with pytest.raises(Refused, match=r"your WETH, and the token takes no signature for that \(EIP-2612\)"):
            await _permits(rpc, broke.address, Amount(1, chain.token("WETH")), UnixTime(2**31))

    broke.do(use)


def test_whoever_opens_it_cannot_choose_its_id(broke: Broke) -> None:
    """The settler takes a relayer from its caller where the order names none; ours names the sender."""
    data = sponsored(broke.plan().plan.quote).messages[-1].data

    def resolve(relayer: str) -> bytes:
        call = _RESOLVE_FOR.encode(gasless_order(data), abi_encode(["address"], [relayer]))
        return broke.node.eth_call(broke.chain.origin_settler, call)

    assert resolve(broke.address)
    for relayer in (ZERO_ADDRESS, broke.devnet.solver_address):
        with pytest.raises(NodeError):
            resolve(relayer)


def judged(plan: Plan, registry: Registry, *data: TypedData) -> tuple[Effects, ...]:
    """What the messages do, compared with the payment as is done before signing. Raises L2sendError."""
    effects = tuple(decode_message(GASLESS, one, registry) for one in data)
    compare_with_payment(effects, plan.payment, plan.quote.pays, registry)
    return effects


def is_refused(plan: Plan, registry: Registry, *data: TypedData) -> bool:
    try:
        judged(plan, registry, *data)
    except L2sendError:
        return True
    return False


def test_every_change_of_the_messages_is_caught(broke: Broke, capsys: pytest.CaptureFixture[str]) -> None:
    """Each value of both messages, replaced by many others and left out: types and domain too."""
    review = broke.plan()
    plan, registry = review.plan, broke.home.registry
    good = [message.data for message in sponsored(plan.quote).messages]

    approved = judged(plan, registry, *good)
    unnoticed, count = list[str](), 0
    for place, data in enumerate(good):
        for name, document in answers(data.json(), somebody()):
            if name.startswith(("types.EIP712Domain", "without types.EIP712Domain")):
                continue  # It is not read: what is signed has the fields that the domain has.
            count += 1
            try:
                bad = [TypedData.from_json(document) if i == place else one for i, one in enumerate(good)]
                noticed = judged(plan, registry, *bad) != approved
            except (L2sendError, KeyError, TypeError, ValueError, AttributeError):
                noticed = True
            if not noticed:
                unnoticed.append(f"message {place}: {name}")
    tell(capsys, "signed messages, value by value", count - len(unnoticed), count)
    assert not unnoticed
    assert count > 1000


def test_messages_that_agree_with_each_other_and_not_with_the_payment_are_refused(
    broke: Broke, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whole messages, written anew with one thing changed wherever it stands: a liar would be as careful."""
    review, registry = broke.plan(), broke.home.registry
    plan, here, there = review.plan, registry.named("dev1"), registry.named("dev2")
    allows, opens = review.effects
    assert isinstance(allows, AllowsBySignature)
    assert isinstance(opens, OpensBySignature)
    order, settler, stranger = opens.order, opens.order.origin_settler, somebody()
    deposit = Deposit(
        order.origin,
        order.destination,
        order.sender,
        order.recipient,
        broke.usdc,
        order.pays.units,
        Address(order.details["output_token"]),
        order.delivers.units,
        int(order.details["nonce"]),
        order.fill_deadline,
        order.sender,
    )
    token, euro, wrapped = here.token("USDC"), here.token("EURC"), (here.token("WETH"), there.token("WETH"))

    def opening(settler: Address = settler, nonce: int = opens.nonce, by: int = 0, **changes: Any) -> TypedData:
        return order_message(replace(deposit, **changes), settler, nonce, UnixTime(opens.open_deadline + by))

    def permit(
        spender: Address = PERMIT2,
        owner: Address = order.sender,
        more: int = 0,
        nonce: int = 0,
        by: int = 0,
        of: Token = token,
    ) -> TypedData:
        units, deadline = order.pays.units + more, UnixTime(opens.open_deadline + by)
        return Permittable(of, of.name, "2", nonce).permit(owner, spender, units, deadline)

    def numbered(nonce: int) -> TypedData:
        return order_message(replace(deposit, nonce=nonce), settler, opens.nonce, opens.open_deadline)

    foreign = {"chainId": str(there.chain_id)}
    assert judged(plan, registry, permit(), opening()) == review.effects
    refused = {
        "recipient": (permit(), opening(recipient=stranger)),
        "recipient is the sender": (permit(), opening(recipient=order.sender)),
        "payer": (permit(), opening(depositor=stranger)),
        "refunded": (permit(owner=stranger), opening(depositor=stranger, named_relayer=stranger)),
        "less delivered": (permit(), opening(output_units=order.delivers.units - 1)),
        "more delivered": (permit(), opening(output_units=order.delivers.units + 1)),
        "more taken": (permit(more=1), opening(input_units=order.pays.units + 1)),
        "less taken": (permit(more=-1), opening(input_units=order.pays.units - 1)),
        "another token taken": (permit(of=euro), opening(input_token=euro.address)),
        "another token delivered": (permit(), opening(output_token=there.token("EURC").address)),
        "wrapped coin": (
            permit(),
            opening(input_token=wrapped[0].address, output_token=wrapped[1].address),
        ),
        "a token of nobody's": (permit(), opening(output_token=stranger)),
        "another destination": (permit(), opening(destination=registry.named("dev3").chain_id)),
        "another origin": (permit(), opening(origin=there.chain_id)),
        "the same chain": (permit(), opening(destination=order.origin)),
        "another settler": (permit(), opening(settler=stranger)),
        "the SpokePool as settler": (permit(), opening(settler=Address(order.details["spoke_pool"]))),
        "another relayer": (permit(), opening(named_relayer=stranger)),
        "no relayer": (permit(), opening(named_relayer=ZERO_ADDRESS)),
        "deposit nonce 0: the pool's own counter": (permit(), numbered(0)),
        "deposit nonce of somebody else": (permit(), numbered(new_nonce(stranger))),
        "filled before it is opened": (permit(), opening(fill_deadline=opens.open_deadline)),
        "the order open for longer than its permit": (permit(), opening(by=1)),
        "a permit for longer than its order": (permit(by=1), opening()),
        "a permit for somebody else": (permit(spender=stranger), opening()),
        "a permit for the settler": (permit(spender=settler), opening()),
        "a permit of somebody else": (permit(owner=stranger), opening()),
        "a permit of everything": (permit(more=2**256 - 1 - order.pays.units), opening()),
        "a permit of more": (permit(more=1), opening()),
        "a permit of less": (permit(more=-1), opening()),
        "a permit of another token": (permit(of=euro), opening()),
        "a permit on another chain": (replace(permit(), domain={**permit().domain, **foreign}), opening()),
        "Permit2 on another chain": (permit(), replace(opening(), domain={**opening().domain, **foreign})),
        "another Permit2": (permit(), replace(opening(), domain={**opening().domain, "verifyingContract": stranger})),
        "two orders": (opening(), opening()),
        "two permits": (permit(), permit()),
        "a permit after the order": (opening(), permit()),
        "a permit alone": (permit(),),
        "nothing": (),
    }
    passed = [name for name, bad in refused.items() if not is_refused(plan, registry, *bad)]
    tell(capsys, "signed messages, in agreement with each other", len(refused) - len(passed), len(refused))
    assert not passed
    # What only this plan knows: the guard compares it with what was approved.
    later = opening(fill_deadline=order.fill_deadline + 1)
    for others in ((permit(nonce=1), opening()), (permit(), opening(nonce=1)), (permit(), later)):
        assert judged(plan, registry, *others) != review.effects


@pytest.mark.parametrize("place", ["journaled", "after_broadcast"])
def test_killed_before_and_after_the_post_it_pays_once(home: Home, broke: Broke, tmp_path: Path, place: str) -> None:
    name, payer = home.new_account()
    home.fund(payer, "dev1", USDC="100")
    to, proof = somebody(), tmp_path / "proof"
    environment = {"ETH_KEYSTORE_ACCOUNT": name, "L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)}
    killed = home.run("20", "USDC", f"dev2:{to}", "--yes", **environment)
    assert (killed.status, proof.exists()) == (-9, True), "it was not killed there, so this test showed nothing"
    (payment,) = [p for p in home.must("history", "--json").json["payments"] if p["sender"] == payer]
    assert (payment["state"], payment["legs"][0]["sponsored"]["state"]) == ("sending", "signed")
    again = home.run("20", "USDC", f"dev2:{to}", "--yes", ETH_KEYSTORE_ACCOUNT=name)
    assert (again.status, "is open already" in again.stderr) == (7, True)
    resumed = home.must("resume", payment["id"], "--json").json
    assert (resumed["state"], home.holds(to, "dev2")) == ("delivered", 20 * USDC)
    assert (broke.deposits(payer), broke.allowed(payer)) == (1, 0)


def test_the_reply_of_the_sponsor_is_lost(broke: Broke) -> None:
    """It took the messages, and nobody was told: the chain is asked, and the same is posted again."""
    to = somebody()
    with forwarding(broke, lambda _: False) as posted, mode(broke.home, Mode.DELAY):
        record = broke.begin(broke.plan(to))
        record = broke.resume(record)
    assert posted, "nothing was posted, so this test showed nothing"
    assert len(set(posted)) == 1
    assert (record.state, broke.deposits(), broke.home.holds(to, "dev2")) == (PaymentState.DELIVERED, 1, 20 * USDC)


def test_a_sponsor_that_never_opens_it_costs_nothing(broke: Broke) -> None:
    to = somebody()
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan(to)))
        first = signatures(record)
        with pytest.raises(Refused, match="not taken back without gas"):
            broke.do(lambda client: client.cancel_bids(record.id))
        with pytest.raises(Refused, match="are the sponsor's"):
            broke.do(lambda client: client.speedup_bids(record.id))
        faucet.advance(broke.home.paths.state, LATER)
        record = broke.resume(record)
    assert (record.state, record.moved, record.meaning.exit_status) == (PaymentState.EXPIRED, Sent.NO, 7)
    assert signatures(record) == first
    assert (broke.holds(), broke.allowed(), broke.deposits()) == (100 * USDC, 0, 0)
    for permit, order in ((True, False), (False, True)):
        with pytest.raises(Refusal):  # What was signed is void, for the token and for Permit2.
            bring(broke, record, permit=permit, order=order)
    assert (broke.holds(), broke.home.holds(to, "dev2")) == (100 * USDC, 0)
    assert broke.resume(record) == record


def test_a_sponsor_that_brings_the_permit_alone_leaves_an_allowance_that_is_said_and_used(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        bring(broke, record, order=False)
        left = broke.allowed()
        faucet.advance(broke.home.paths.state, LATER)
        record = broke.resume(record)
    assert record.sponsored
    assert (record.state, left) == (PaymentState.EXPIRED, record.terms.pays.units)
    assert f"Permit2 may take {record.terms.pays}, but only by another signature" in record.sponsored.detail
    review = broke.plan()
    assert kinds(review) == ["open_for"], "the allowance is enough, so one signature is"
    paid = broke.resume(broke.begin(review))
    assert (paid.state, broke.deposits(), broke.has_no_gas()) == (PaymentState.DELIVERED, 1, True)
    assert broke.allowed() == left - paid.terms.pays.units


def test_whoever_brings_the_messages_it_is_the_same_order(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        bring(broke, record)
        with pytest.raises(Refusal):  # A second time Permit2 takes nothing.
            bring(broke, record, permit=False)
        with pytest.raises(NotFinal, match="bridging"):
            broke.resume(record, patience=1.5)
        record = broke.record(record)
        assert record.sponsored
        assert (record.sponsored.state, record.moved) == (SponsoredState.OPENED, Sent.YES)
    assert broke.resume(record).state is PaymentState.DELIVERED
    assert (broke.deposits(), broke.allowed()) == (1, 0)


def test_an_order_that_was_signed_is_followed_where_the_registry_names_its_settlers_no_more(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        known = {chain.short_name: chain for chain in broke.home.registry}
        moved = {name: replace(chain, settlers={"eco": chain.settlers["eco"]}) for name, chain in known.items()}
        broke.registry = replace(broke.home.registry, by_name=moved)
        assert broke.look(record).state is PaymentState.SENDING
        bring(broke, record)
        assert broke.look(record).state is PaymentState.BRIDGING
    assert broke.resume(record).state is PaymentState.DELIVERED
    assert (broke.deposits(), broke.allowed()) == (1, 0)


def test_a_reorganisation_takes_the_order_back_and_the_same_messages_open_it_again(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        before = broke.node.call("evm_snapshot")
        bring(broke, record)
        opened = broke.look(record)
        broke.node.call("evm_revert", before)
        gone = broke.look(record)
    for seen, state, order in ((opened, "opened", OrderState.OPEN), (gone, "signed", OrderState.NOT_OPEN)):
        assert seen.sponsored
        assert (seen.sponsored.state, order_state(seen)) == (state, order)
    assert (gone.state, gone.moved, signatures(gone)) == (PaymentState.SENDING, Sent.MAYBE, signatures(record))
    assert broke.resume(record).state is PaymentState.DELIVERED
    assert (broke.deposits(), broke.allowed()) == (1, 0)


def test_an_opening_below_the_head_of_its_quote_is_found(broke: Broke) -> None:
    """A reorganisation took the blocks back that the quote was made on."""
    with mode(broke.home, Mode.IGNORE):
        before = broke.node.call("evm_snapshot")
        broke.node.call("anvil_mine", hex(50))
        record = broke.stuck(broke.begin(broke.plan()))
        broke.node.call("evm_revert", before)
        bring(broke, record)
        opened = broke.look(record)
    assert opened.sponsored
    assert record.sponsored
    assert opened.sponsored.state is SponsoredState.OPENED
    assert opened.sponsored.block is not None
    assert opened.sponsored.block < record.sponsored.sponsored.since


def test_expired_needs_every_endpoint_that_answers(broke: Broke) -> None:
    """One that follows another fork, a real node of its own, sees the deadline pass and nothing opened."""
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        with running_anvil("--fork-url", broke.node.url, chain_id=broke.chain.chain_id) as fork:
            fork.call("evm_increaseTime", LATER)
            fork.call("anvil_mine", hex(20))
            dead = "http://127.0.0.1:1"
            broke.registry = with_rpcs(broke, fork.url, broke.node.url, dead)
            assert broke.look(record).state is PaymentState.SENDING, "the other has a deadline to come"
            bring(broke, record)
            opened = broke.look(record)
            assert opened.sponsored
            assert (opened.sponsored.state, opened.moved) == (SponsoredState.OPENED, Sent.YES)
            broke.registry = with_rpcs(broke, fork.url, dead)
            waits = broke.look(broke.look(record))
            assert waits.state is PaymentState.SENDING, "a silent second endpoint postpones it"
            assert waits.sponsored
            assert "does not answer" in waits.sponsored.detail
            broke.registry = with_rpcs(broke, fork.url)
            gone = broke.look(waits)
            assert gone.state is PaymentState.EXPIRED, "the fork never said so, so this test showed nothing"


def with_rpcs(broke: Broke, *urls: str) -> Registry:
    return with_chains(broke.home.registry, replace(broke.home.chain("dev1"), rpcs=urls))


def test_a_plan_whose_permit_was_overtaken_is_cancelled_unsigned(broke: Broke) -> None:
    """Two plans of one account have the same permit nonce: the token takes one of them."""
    first, second = broke.begin(broke.plan()), broke.begin(broke.plan())
    assert broke.resume(first).state is PaymentState.DELIVERED
    with pytest.raises(Refused, match="another permit of the token was used") as refused:
        broke.resume(second)
    second = broke.record(second)
    assert (second.state, signatures(second), refused.value.sent) == (PaymentState.CANCELLED, (), Sent.NO)
    assert broke.deposits() == 1


def test_a_signer_that_signs_something_else_is_found_out(broke: Broke) -> None:
    """A device shows and signs what it likes: only a signature over the approved message is kept."""
    record, honest = broke.begin(broke.plan()), broke.signer

    class Thief(LocalSigner):
        def sign_typed(self, data: TypedData) -> bytes:
            return honest.sign_typed(replace(data, domain={**data.domain, "chainId": "1"}))

    broke.signer = Thief(SecretKey(secrets.token_bytes(32)))
    broke.signer._address = honest.address
    with pytest.raises(Refused, match="not the sender's over what was approved"):
        broke.resume(record)
    assert (broke.record(record).state, signatures(broke.record(record))) == (PaymentState.PLANNED, ())


def test_what_is_not_signed_can_be_cancelled(broke: Broke) -> None:
    record = broke.begin(broke.plan())
    assert broke.do(lambda client: client.cancel_bids(record.id)) == []
    broke.do(lambda client: client.cancel(record.id, [], None))
    assert broke.resume(record).state is PaymentState.CANCELLED
    assert broke.deposits() == 0


def test_a_sponsor_that_refuses_is_told_and_the_payment_ends_by_its_deadline(broke: Broke) -> None:
    """The signatures left this machine: only the deadline makes sure that they do nothing."""
    with forwarding(broke, lambda _: {"status": "rejected", "message": "no gas today \x1b[31m"}):
        record = broke.stuck(broke.begin(broke.plan()))
        assert record.sponsored
        assert record.sponsored.detail == "the sponsor refuses it: no gas today"
        faucet.advance(broke.home.paths.state, LATER)
        assert broke.resume(record).state is PaymentState.EXPIRED
    assert (broke.holds(), broke.deposits()) == (100 * USDC, 0)


@contextmanager
def forwarding(broke: Broke, answer: Callable[[bytes], Any]) -> Iterator[list[bytes]]:
    """A stand-in between l2send and the sponsor: what is posted. It loses the reply where `answer` is False."""
    posted = list[bytes]()
    target = urlsplit(across_of(broke.home.chain("dev1")).sponsor_api)

    class Between(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(*self._pass_on("GET", None))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            posted.append(body)
            said = answer(body)
            if said is False:
                self._pass_on("POST", body)
                self.close_connection = True
            else:
                self._send(200, json.dumps(said).encode())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server uses
            """Nothing."""

        def _pass_on(self, method: str, body: bytes | None) -> tuple[int, bytes]:
            connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=10)
            connection.request(method, target.path + self.path, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            read = reply.status, reply.read()
            connection.close()
            return read

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Between)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    chain = with_settlers(broke.home.chain("dev1"), across={"sponsor_api": url})
    broke.registry = with_chains(broke.home.registry, chain)
    try:
        yield posted
    finally:
        server.shutdown()
        server.server_close()
