"""Orders at contracts that the registry no longer names: followed to an end state, refunded, and never opened again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from l2send.bridges import decode
from l2send.client import Client
from l2send.core.calldata import ALLOWANCE, Function
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Opens, RefundsOrder, check_refund
from l2send.core.errors import Refused
from l2send.core.plan import Order
from l2send.core.rpc import Call
from l2send.core.units import Amount
from l2send.devnet import solver_client, state
from l2send.devnet.modes import Mode
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.bridges import registry as two
from tests.bridges.eco.test_order import open_tx
from tests.bridges.standins import ORIGIN, TARGET, Payer, StandIns, deliver_refund, order_of
from tests.support.addresses import new_address
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab

CLAIMANTS = Function("claimants(bytes32)", "bytes32")
CONTRACTS = {
    "eco": ("portal", "prover"),
    "hyperlane7683": ("router",),
    "oif": ("input_settler", "output_settler", "oracle"),
}
LATER = 4 * 3600
Change = Callable[[Chain, str], Chain]


def moved(chain: Chain, via: str) -> Chain:
    others: dict[str, str] = {field: new_address() for field in CONTRACTS[via]}
    return with_settlers(chain, **{via: others})


def gone(chain: Chain, via: str) -> Chain:
    return replace(chain, settlers={name: fields for name, fields in chain.settlers.items() if name != via})


def changed(registry: Registry, via: str, change: Change) -> Registry:
    return with_chains(registry, *(change(chain, via) for chain in registry))


def look(payer: Payer, record: PaymentRecord, registry: Registry) -> PaymentRecord:
    (leg,) = payer.with_client(lambda client: client.status(record.id), registry).legs
    return leg


def resume(payer: Payer, record: PaymentRecord, registry: Registry) -> PaymentRecord:
    (leg,) = payer.with_client(lambda client: client.resume(record.id, payer.signer, patience=20), registry).legs
    return leg


@pytest.mark.parametrize(
    ("via", "change"), [("eco", moved), ("eco", gone), ("hyperlane7683", moved), ("hyperlane7683", gone), ("oif", gone)]
)
def test_what_was_not_filled_is_asked_back_from_where_it_is(
    stand_ins: StandIns, payer: Payer, via: str, change: Change
) -> None:
    record = payer.open(via, new_address())
    assert payer.holds() < 100_000_000
    now = changed(stand_ins.registry, via, change)
    stand_ins.advance(LATER)
    assert look(payer, record, now).state is PaymentState.REFUND_DUE
    if via == "hyperlane7683":
        stand_ins.home.fund(payer.address, TARGET, ETH="0.1")
        assert resume(payer, record, now).state is PaymentState.REFUND_DUE, "the message is still on its way"
        deliver_refund(stand_ins, order_of(record))
    assert resume(payer, record, now).state is PaymentState.REFUNDED
    assert payer.holds() == 100_000_000


@pytest.mark.parametrize("via", ["eco", "across"])
def test_a_fill_is_seen_where_it_happened(stand_ins: StandIns, payer: Payer, via: str) -> None:
    to = new_address()
    record = payer.open(via, to, "50")
    now = changed(stand_ins.registry, via, gone)
    assert look(payer, record, now).state is PaymentState.BRIDGING
    solver_client.set_mode(state.require(stand_ins.home.paths.state), Mode.FILL)
    assert resume(payer, record, now).state is PaymentState.DELIVERED
    assert stand_ins.home.holds(to, TARGET) == 50_000_000


def test_nothing_is_opened_there_any_more_and_the_allowance_can_be_taken_back(
    stand_ins: StandIns, payer: Payer
) -> None:
    async def allow(client: Client) -> PaymentRecord:
        payment = client.payment(payer.address, "10", "USDC", client.destination(f"{TARGET}:{new_address()}"))
        (record,) = client.begin(await client.plan(payment, Limits(from_chains=(ORIGIN,), via="eco"))).legs
        await client.executor(payer.signer, lambda _: None).approve(record.id, patience=20)
        return client.journal.get(record.id)

    record = payer.with_client(allow)
    portal, now = order_of(record).origin_settler, changed(stand_ins.registry, "eco", gone)

    async def allowed(client: Client) -> int:
        token = stand_ins.origin.chain.token("USDC").address
        assert token
        rpc = client.rpcs.on(stand_ins.origin.chain.chain_id)
        return int((await rpc.eth_call(Call(token, ALLOWANCE, (payer.address, portal))))[0])

    assert payer.with_client(allowed) > 10_000_000
    with pytest.raises(Refused, match="cannot tell what the call of"):
        resume(payer, record, now)
    assert payer.holds() == 100_000_000

    async def revoke(client: Client) -> None:
        step = await client.revocation(record.id)
        assert step
        await client.revoke(record.id, step, payer.signer, patience=20)

    payer.with_client(revoke, now)
    assert payer.with_client(allowed) == 0


def test_a_refund_is_asked_of_the_order_s_own_contracts_alone() -> None:
    effect = decode(open_tx(), two.REGISTRY)
    assert isinstance(effect, Opens)
    order, nothing = effect.order, Amount(0, two.ORIGIN.native)
    check_refund(RefundsOrder(order.order_id, nothing, order.origin_settler), order)
    check_refund(RefundsOrder(order.order_id, Amount(0, two.TARGET.native), order.destination_settler), order)
    for settler in (new_address(), order.destination_settler):
        with pytest.raises(Refused, match="not a settler of the order"):
            check_refund(RefundsOrder(order.order_id, nothing, settler), order)


@pytest.mark.parametrize("mark", ["low 20 bytes", "whole hash"])
def test_an_order_that_was_cancelled_on_its_destination_is_not_filled(
    stand_ins: StandIns, payer: Payer, mark: str
) -> None:
    """A Portal of 2.12 writes a mark where a solver would stand; into the devnet's, an older one, the test does."""
    record = payer.open("eco", new_address())
    order = order_of(record)
    whole = keccak(b"eco.portal.intent.cancelled")
    assert whole.hex() == "a8aa898126679f5f179cb3a4e685056aec77686a83e2a6bdf37c6f71dd2fdb5f"
    word = whole if mark == "whole hash" else bytes(12) + whole[12:]
    write_claimant(stand_ins, order, word)
    assert look(payer, record, stand_ins.registry).state is PaymentState.BRIDGING
    stand_ins.advance(LATER)
    assert look(payer, record, stand_ins.registry).state is PaymentState.REFUND_DUE
    assert resume(payer, record, stand_ins.registry).state is PaymentState.REFUNDED
    assert payer.holds() == 100_000_000


def write_claimant(world: StandIns, order: Order, word: bytes) -> None:
    """Into `claimants` of the destination's Portal, whichever slot of its storage that is."""
    order_id, node = bytes.fromhex(order.order_id[2:]), world.target.node
    for slot in range(10):
        place = "0x" + keccak(order_id + slot.to_bytes(32, "big")).hex()
        node.call("anvil_setStorageAt", order.destination_settler, place, "0x" + word.hex())
        if node.eth_call(order.destination_settler, CLAIMANTS.encode(order_id)) == word:
            return
        node.call("anvil_setStorageAt", order.destination_settler, place, "0x" + bytes(32).hex())
    raise AssertionError("no slot holds the claimants")
