"""Every path to a signature passes one check, even for a payment that was recorded without a review."""

from __future__ import annotations

import ast
import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from l2send.bridges import bridges_of, decode
from l2send.core.address import Address, checksum
from l2send.core.calldata import APPROVE
from l2send.core.deadlines import LONGEST_LOCK
from l2send.core.effects import Opens
from l2send.core.errors import Refused
from l2send.core.plan import ChainAddress, Order, Sponsored, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpcs
from l2send.core.units import BlockNumber, UnixTime, Wei
from l2send.guard import Guard, checked_effects, checked_messages
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.offline import Bundle, Part
from l2send.wallet.replacement import cancel_bids, speedup_bids
from tests.bridges.registry import RECIPIENT, REGISTRY, TARGET
from tests.client.test_review import bridged, direct
from tests.wallet.rig import GuardStandIn, Rig, order_of

KEYLESS = {
    "zero": checksum("0x" + "0" * 40),
    "a precompile": checksum("0x" + "0" * 38 + "64"),
    "a system contract of the ZK stack": checksum("0x" + "0" * 36 + "800a"),
    "the marker of native coin": checksum("0x" + "e" * 40),
    "a burn address": checksum("0x" + "0" * 36 + "dead"),
    "a predeploy of the OP stack": checksum("0x42" + "0" * 36 + "06"),
    "Permit2": checksum("0x000000000022d473030f116ddee9f6b43ac78ba3"),
    "Multicall3": checksum("0xca11bde05977b3631167028862be2a173976ca11"),
    "an EntryPoint": checksum("0x0000000071727de22e5e9d8baf0edac6f37da032"),
    "the deterministic deployer": checksum("0x4e59b44847b379578588920ca78fbf26c0b4956c"),
    "WETH": checksum("0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"),
}
SIGNING = {
    ("wallet/signing.py", "signed"),  # send, resume, broadcast, speedup, cancel, refund, revoke: Guard.check
    ("wallet/sponsored.py", "_sign"),  # gasless messages: Guard.check_message
    ("wallet/safe_files.py", "sign_safe"),  # sign, as an owner of a Safe: review_of_safe, likewise
    ("wallet/offline.py", "_sign"),  # sign: review_of, which is made of checked_legs as every review is
    ("cli/sender.py", "sign"),  # A signer itself: it unlocks the account at its first signature.
    ("cli/sender.py", "sign_typed"),
    ("src/l2send/worker.py", "sign"),  # A signer itself: it signs nothing more once its worker was told to stop.
    ("src/l2send/worker.py", "sign_typed"),
}
"""The only functions that ask a signer for a signature, and what they ask before."""


def test_no_other_code_asks_for_a_signature() -> None:
    root = Path(__file__).parents[2]
    found = set[tuple[str, str]]()
    for room in ("wallet", "cli", "resolver", "bridges", "core", "src/l2send"):
        for path in (root / room).rglob("*.py") if room != "src/l2send" else (root / room).glob("*.py"):
            text = path.read_text()
            if "keys" in path.parts or not re.search(r"\.\s*sign(_typed)?\b", text):  # parsing all takes seconds
                continue
            for function in ast.walk(ast.parse(text)):
                if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    calls = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
                    names = {call.attr for call in calls if isinstance(call, ast.Attribute)}
                    if names & {"sign", "sign_typed"}:
                        found.add((str(path.relative_to(root)), function.name))
    assert found == SIGNING


async def _resume(executor: Executor, payment_id: str) -> object:
    return await executor.resume(payment_id, patience=3)


async def _speedup(executor: Executor, payment_id: str) -> object:
    bids = await speedup_bids(executor.journal.get(payment_id), executor.journal, executor.rpcs)
    return await executor.replace(payment_id, bids)


@pytest.mark.parametrize("recipient", KEYLESS.values(), ids=KEYLESS)
def test_a_payment_that_came_into_the_journal_otherwise_is_not_signed(rig: Rig, recipient: Address) -> None:
    payment_id = rig.begin(rig.payment(to=recipient)).id
    _refused_by(rig, payment_id, _resume)
    record = rig.record(payment_id)
    assert record.steps[0].state is TxState.PLANNED
    assert not record.steps[0].raw
    assert rig.node.sent_by(rig.signer.address) == 0


@pytest.mark.parametrize("recipient", list(KEYLESS.values())[3:6])
def test_what_waits_to_be_mined_is_not_signed_again(own_rig: Rig, recipient: Address) -> None:
    own_rig.node.call("evm_setAutomine", False)
    payment_id = own_rig.begin(own_rig.payment(to=recipient)).id

    async def wait(executor: Executor) -> None:
        executor.guard = GuardStandIn(lambda _: None)
        with pytest.raises(Exception, match="not final"):
            await executor.resume(payment_id, patience=0.3)

    own_rig.do(wait)
    _refused_by(own_rig, payment_id, _speedup)
    assert len(own_rig.record(payment_id).transactions) == 1


def test_a_cancellation_signs_a_transfer_of_nothing_to_oneself_alone(own_rig: Rig) -> None:
    own_rig.node.call("evm_setAutomine", False)
    payment_id = own_rig.begin(own_rig.payment()).id

    async def cancel(executor: Executor) -> None:
        executor.guard = Guard(executor.rpcs.registry)
        with pytest.raises(Exception, match="not final"):
            await executor.resume(payment_id, patience=0.3)
        record = executor.journal.get(payment_id)
        bids = await cancel_bids(record, executor.journal, executor.rpcs)
        tx = replace(record.steps[0].step.tx, value=record.steps[0].step.tx.value)
        bad = [replace(bid, step=replace(bid.step, tx=tx)) for bid in bids]
        with pytest.raises(Refused, match="nothing was to be done"):
            await executor.replace(payment_id, bad)
        await executor.replace(payment_id, bids)

    own_rig.do(cancel)
    kinds = [tx.step.kind for tx in own_rig.record(payment_id).transactions]
    assert kinds == [StepKind.TRANSFER, StepKind.CANCEL]


def _refused_by(rig: Rig, payment_id: str, path: Callable[[Executor, str], Awaitable[object]]) -> None:
    async def run(executor: Executor) -> None:
        executor.guard = Guard(executor.rpcs.registry)
        with pytest.raises(Refused, match=r"lost|names no recipient|would fail"):
            await path(executor, payment_id)

    rig.do(run)


@pytest.mark.parametrize("far", [LONGEST_LOCK + 3600, 79 * 365 * 86_400])
def test_an_order_that_locks_money_for_years_passes_no_check(far: int) -> None:
    bundle: Bundle = bridged(1_001_000, 1_000_000, UnixTime(min(int(time.time()) + far, 2**32 - 1)))
    part: Part = bundle.parts[0]
    spent = replace(bundle.payment.amount, units=1_001_000, token=REGISTRY.chain(part.chain_id).tokens[0])
    with pytest.raises(Refused, match="7 days"):
        checked_effects(bundle.payment, [step.tx for step in part.steps], spent, REGISTRY)


def test_the_same_comparison_stands_behind_the_review_and_the_guard() -> None:
    bundle = direct()
    step = bundle.parts[0].steps[0]
    assert len(checked_effects(bundle.payment, [step.tx], bundle.payment.amount, REGISTRY)) == 1


@pytest.mark.parametrize("recipient", KEYLESS.values(), ids=KEYLESS)
def test_no_message_for_a_sponsor_pays_an_account_without_a_key(recipient: Address) -> None:
    payment = replace(direct().payment, to=ChainAddress(TARGET.chain_id, recipient))
    none_at_all = Sponsored((), UnixTime(0), BlockNumber(0))
    with pytest.raises(Refused, match="lost"):
        checked_messages(payment, "across-gasless", none_at_all, payment.amount, REGISTRY)


@pytest.fixture
def opened(rig: Rig) -> PaymentRecord:
    """A payment through Eco, as the journal has it after its order was opened."""
    bundle = bridged(1_001_000, 1_000_000, UnixTime(int(time.time()) + 3600))
    steps = bundle.parts[0].steps
    effect = decode(steps[-1].tx, REGISTRY)
    assert isinstance(effect, Opens)
    toy = rig.payment()
    record = rig.begin(toy, order=order_of(toy, int(time.time()) + 3600))
    assert record.order
    return replace(
        record,
        payment=bundle.payment,
        terms=replace(record.terms, pays=effect.order.pays, bridge="eco"),
        transactions=tuple(replace(record.transactions[0], index=at, step=step) for at, step in enumerate(steps)),
        order=replace(record.order, order=effect.order),
    )


def test_an_allowance_is_taken_back_from_the_bridge_alone_and_whole(opened: PaymentRecord) -> None:
    assert opened.order
    pays, settler = opened.order.order.pays, opened.order.order.origin_settler
    assert pays.token.address
    tx = replace(opened.transactions[0], step=replace(opened.transactions[0].step, kind=StepKind.REVOKE))

    def revoking(spender: Address, units: int) -> UnsignedTx:
        assert pays.token.address
        return UnsignedTx(tx.chain_id, pays.token.address, Wei(0), APPROVE.encode(spender, units))

    guard = Guard(REGISTRY)
    guard.check(opened, tx, revoking(settler, 0))
    for bad in (revoking(settler, 1), revoking(settler, 2**256 - 1), revoking(RECIPIENT, 0)):
        with pytest.raises(Refused):
            guard.check(opened, tx, bad)


def refund_step(order: Order) -> Step:
    """Eco's refund, which asks no node."""
    step = asyncio.run(bridges_of(REGISTRY)["eco"].refund(order, cast("Rpcs", None)))
    assert step
    return step


def test_a_refund_is_of_the_payments_own_order(opened: PaymentRecord) -> None:
    assert opened.order
    order = opened.order.order
    tx = replace(opened.transactions[0], step=replace(refund_step(order), kind=StepKind.REFUND))
    guard = Guard(REGISTRY)
    guard.check(opened, tx, refund_step(order).tx)
    other = decode(bridged(1_001_000, 1_000_000, order.fill_deadline).parts[0].steps[-1].tx, REGISTRY)
    assert isinstance(other, Opens)
    with pytest.raises(Refused, match="order to be refunded"):
        guard.check(opened, tx, refund_step(other.order).tx)
    with pytest.raises(Refused):
        guard.check(opened, tx, replace(refund_step(order).tx, to=RECIPIENT))
    with pytest.raises(Refused):
        guard.check(opened, tx, replace(refund_step(order).tx, value=Wei(10**18)))
