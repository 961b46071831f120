"""Payments from accounts without gas: real settler, Permit2 and USDC; the devnet's sponsor."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.bridges.across.gasless import _RESOLVE_FOR, _permits
from l2send.bridges.across.messages import gasless_order
from l2send.client import Client
from l2send.core.address import ZERO_ADDRESS, checksum
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import abi_encode
from l2send.core.errors import CannotPay, NodeError, Refused, Sent
from l2send.core.permit import permittable
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, UnixTime
from l2send.devnet.modes import Mode
from l2send.wallet.journal.states import PaymentState, SponsoredState
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.bridges.standins import order_state
from tests.conftest import PASSWORD, Home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy, ten_blocks
from tests.support.gasless import GASLESS, LATER, USDC, Broke, kinds, mode, signatures, sponsored, submit, with_rpcs
from tests.support.settlers import with_chains, with_settlers
from tests.wallet.rig import running_anvil


def test_an_account_without_gas_pays(home: Home, broke: Broke) -> None:
    """By the command itself, with an encrypted key; every balance read from the chains, before and after."""
    name, payer = home.new_account()
    home.fund(payer, "dev1", USDC="100")
    to = new_address()
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


def test_the_opener_cannot_choose_its_id(broke: Broke) -> None:
    """The settler takes a relayer from its caller where the order names none; ours names the sender."""
    data = sponsored(broke.plan().plan.quote).messages[-1].data

    def resolve(relayer: str) -> bytes:
        call = _RESOLVE_FOR.encode(gasless_order(data), abi_encode(["address"], [relayer]))
        return broke.node.eth_call(broke.chain.origin_settler, call)

    assert resolve(broke.address)
    for relayer in (ZERO_ADDRESS, broke.devnet.solver_address):
        with pytest.raises(NodeError):
            resolve(relayer)


@pytest.mark.lab
@pytest.mark.parametrize("place", ["journaled", "after_broadcast"])
def test_killed_before_and_after_the_post_it_pays_once(home: Home, broke: Broke, tmp_path: Path, place: str) -> None:
    name, payer = home.new_account()
    home.fund(payer, "dev1", USDC="100")
    to, proof = new_address(), tmp_path / "proof"
    environment = {"ETH_KEYSTORE_ACCOUNT": name, "L2SEND_FAILPOINT": place, "L2SEND_FAILPOINT_PROOF": str(proof)}
    killed = home.run("20", "USDC", f"dev2:{to}", "--yes", **environment)
    assert (killed.status, proof.exists()) == (-9, True), "it was not killed there, so this test showed nothing"
    (payment,) = [p for p in home.must("history", "--json").json["payments"] if p["sender"] == payer]
    assert (payment["state"], payment["legs"][0]["sponsored"]["state"]) == ("sending", "signed")
    again = home.run("20", "USDC", f"dev2:{to}", "--yes", ETH_KEYSTORE_ACCOUNT=name)
    assert (again.status, payment["id"] in again.stderr) == (7, True)
    resumed = home.must("resume", payment["id"], "--json").json
    assert (resumed["state"], home.holds(to, "dev2")) == ("delivered", 20 * USDC)
    assert (broke.deposits(payer), broke.allowed(payer)) == (1, 0)


@pytest.mark.lab
def test_an_order_that_was_signed_is_followed_where_the_registry_names_its_settlers_no_more(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        known = {chain.short_name: chain for chain in broke.home.registry}
        moved = {name: replace(chain, settlers={"eco": chain.settlers["eco"]}) for name, chain in known.items()}
        broke.registry = replace(broke.home.registry, by_name=moved)
        assert broke.look(record).state is PaymentState.SENDING
        submit(broke, record)
        assert broke.look(record).state is PaymentState.BRIDGING
    assert broke.resume(record).state is PaymentState.DELIVERED
    assert (broke.deposits(), broke.allowed()) == (1, 0)


@pytest.mark.lab
def test_a_reorganisation_takes_the_order_back_and_the_same_messages_open_it_again(broke: Broke) -> None:
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        before = broke.node.call("evm_snapshot")
        submit(broke, record)
        opened = broke.look(record)
        broke.node.call("evm_revert", before)
        gone = broke.look(record)
    for seen, state, order in ((opened, "opened", OrderState.OPEN), (gone, "signed", OrderState.NOT_OPEN)):
        assert seen.sponsored
        assert (seen.sponsored.state, order_state(seen)) == (state, order)
    assert (gone.state, gone.moved, signatures(gone)) == (PaymentState.SENDING, Sent.MAYBE, signatures(record))
    assert broke.resume(record).state is PaymentState.DELIVERED
    assert (broke.deposits(), broke.allowed()) == (1, 0)


@pytest.mark.lab
def test_an_opening_below_the_head_of_its_quote_is_found(broke: Broke) -> None:
    """A reorganisation took back the blocks that the quote was made on."""
    with mode(broke.home, Mode.IGNORE):
        before = broke.node.call("evm_snapshot")
        broke.node.call("anvil_mine", hex(50))
        record = broke.stuck(broke.begin(broke.plan()))
        broke.node.call("evm_revert", before)
        submit(broke, record)
        opened = broke.look(record)
    assert opened.sponsored
    assert record.sponsored
    assert opened.sponsored.state is SponsoredState.OPENED
    assert opened.sponsored.block is not None
    assert opened.sponsored.block < record.sponsored.sponsored.since


@pytest.mark.lab
@pytest.mark.parametrize("late", [False, True], ids=["at once", "hundreds of blocks later"])
def test_an_opening_is_found_where_a_node_gives_the_logs_of_ten_blocks(
    broke: Broke, monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    """Where that is too few to search, by the block in which the nonce was used."""
    monkeypatch.setattr("l2send.core.rpc.logs._MOST_REQUESTS", 30)
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        if late:
            broke.node.call("anvil_mine", hex(300), "0x0")
        submit(broke, record)
        broke.node.call("anvil_mine", hex(5), "0x0")
        with FaultProxy(broke.node.url) as proxy:
            proxy.twist("eth_getLogs", ten_blocks)
            broke.registry = with_rpcs(broke, proxy.url)
            opened = broke.look(record)
            assert 3 < len(proxy.sent("eth_getLogs")) <= 60
    assert opened.sponsored
    assert (opened.sponsored.state, opened.moved) == (SponsoredState.OPENED, Sent.YES)
    assert broke.deposits() == 1


@pytest.mark.lab
def test_expired_needs_every_endpoint_that_answers(broke: Broke) -> None:
    """A second, real node follows another fork: there the deadline passes and nothing is opened."""
    with mode(broke.home, Mode.IGNORE):
        record = broke.stuck(broke.begin(broke.plan()))
        with running_anvil("--fork-url", broke.node.url, chain_id=broke.chain.chain_id) as fork:
            fork.call("evm_increaseTime", LATER)
            fork.call("anvil_mine", hex(20))
            dead = "http://127.0.0.1:1"
            broke.registry = with_rpcs(broke, fork.url, broke.node.url, dead)
            assert broke.look(record).state is PaymentState.SENDING, "the other has a deadline to come"
            submit(broke, record)
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


@pytest.mark.lab
def test_a_plan_whose_permit_was_overtaken_is_cancelled_unsigned(broke: Broke) -> None:
    """Two plans of one account use the same permit nonce. The token takes only one of them."""
    first, second = broke.begin(broke.plan()), broke.begin(broke.plan())
    assert broke.resume(first).state is PaymentState.DELIVERED
    with pytest.raises(Refused, match="another permit of the token was used") as refused:
        broke.resume(second)
    second = broke.record(second)
    assert (second.state, signatures(second), refused.value.sent) == (PaymentState.CANCELLED, (), Sent.NO)
    assert broke.deposits() == 1


def test_a_signer_that_signs_something_else_is_found_out(broke: Broke) -> None:
    """A device may sign anything. Only a signature over the approved message is kept."""
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
