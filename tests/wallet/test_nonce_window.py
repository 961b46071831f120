"""Many payments of one account: consecutive nonces, a window, and each exactly once under every fault."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.core.account_contracts import Delegate, Deployment
from l2send.core.address import Address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import CannotPay, L2sendError, NotFinal, Refused
from l2send.core.pinned_code import code_hash
from l2send.core.rpc import open_rpcs
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.nonce_window import Report, Window
from tests.support.faultproxy import LOST_REPLY, LOST_REQUEST, REFUSED_BEFORE, Fault, FaultProxy
from tests.wallet.rig import CHAIN_ID, ETHER, Rig, running_anvil


async def one_run(
    rig: Rig, ids: Sequence[str], report: Report, *, size: int = 16, patience: float = 20.0
) -> dict[str, L2sendError]:
    """Why payments failed, in a run with a journal of its own."""
    journal = rig.journal()
    try:
        async with open_rpcs(Registry({"rig": rig.chain})) as rpcs:
            executor = rig.executor(rpcs, journal)
            window = Window(executor, CHAIN_ID, rig.signer.address, report, size=size, poll=0.05)
            await window.run(ids, patience=patience)
            return window.failed
    finally:
        journal.close()


def run(
    rig: Rig, ids: Sequence[str], *, size: int = 16, patience: float = 20.0
) -> tuple[dict[str, L2sendError], list[str]]:
    """Why payments failed, and what was told of all of them."""
    told = list[str]()
    work = one_run(rig, ids, lambda record: told.append(f"{record.id} {record.state}"), size=size, patience=patience)
    return asyncio.run(work), told


def begin(rig: Rig, count: int, wei: int = 1000) -> list[PaymentRecord]:
    return [rig.begin(rig.payment(wei + number)) for number in range(count)]


def must_be_paid_once(rig: Rig, records: Sequence[PaymentRecord]) -> None:
    paid = [rig.record(record.id) for record in records]
    assert [record.state for record in paid] == [PaymentState.DELIVERED] * len(records)
    assert [rig.node.balance(record.payment.to.address) for record in records] == [
        record.payment.amount.units for record in records
    ]
    assert sorted(record.steps[0].nonce or 0 for record in paid) == list(range(len(records)))
    assert rig.node.sent_by(rig.signer.address) == len(records)


def test_payments_are_signed_in_order_and_none_waits_for_the_block_of_the_one_before(tmp_path: Path) -> None:
    with running_anvil("--block-time", "1") as node:
        rig = Rig(tmp_path, node, (node.url,), confirmations=2).funded()
        records = begin(rig, 12)
        failed, told = run(rig, [record.id for record in records])
        assert failed == {}
        assert [rig.record(record.id).steps[0].nonce for record in records] == list(range(12))
        blocks = {rig.record(record.id).steps[0].block for record in records}
        assert len(blocks) < 6, "several payments must share a block"
        assert {line.split()[1] for line in told} >= {"sending", "delivered"}
        must_be_paid_once(rig, records)


def test_a_stuck_payment_stops_the_window_behind_it_and_says_so(own_rig: Rig) -> None:
    own_rig.node.call("evm_setAutomine", False)
    records = begin(own_rig, 6)
    failed, _ = run(own_rig, [record.id for record in records], size=3, patience=1.0)
    signed = [bool(own_rig.record(record.id).steps[0].raw) for record in records]
    assert signed == [True, True, True, False, False, False]
    assert set(failed) == {record.id for record in records[3:]}
    error = failed[records[3].id]
    assert isinstance(error, NotFinal)
    assert records[0].id in error.message
    assert "speedup" in error.hint
    own_rig.node.call("evm_setAutomine", True)
    own_rig.node.mine()
    assert run(own_rig, [record.id for record in records], size=3)[0] == {}
    must_be_paid_once(own_rig, records)


class Delegating(Rig):
    """Its account runs code that the registry lists."""

    code = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    program = b"\0"
    """Stops: the account can be paid and calls nothing."""

    @property
    def chain(self) -> Chain:
        return replace(super().chain, delegates=(Delegate("mine", Deployment(self.code, code_hash(self.program))),))


def test_of_an_account_that_delegates_one_is_pending_at_a_time(own_rig: Rig, tmp_path: Path) -> None:
    """go-ethereum refuses the second: "in-flight transaction limit reached for delegated accounts"."""
    rig = Delegating(tmp_path, own_rig.node, own_rig.urls).funded()
    rig.node.call("anvil_setCode", Delegating.code, "0x" + Delegating.program.hex())
    rig.node.call("anvil_setCode", rig.signer.address, "0xef0100" + Delegating.code[2:])
    rig.node.call("evm_setAutomine", False)
    records = begin(rig, 3)
    failed, _ = run(rig, [record.id for record in records], patience=1.0)
    assert [bool(rig.record(record.id).steps[0].raw) for record in records] == [True, False, False]
    assert set(failed) == {record.id for record in records[1:]}
    rig.node.call("evm_setAutomine", True)
    rig.node.mine()
    assert run(rig, [record.id for record in records])[0] == {}
    must_be_paid_once(rig, records)


def test_one_that_would_revert_stops_no_other(rig: Rig) -> None:
    refuses = rig.payment(7)
    rig.node.call("anvil_setCode", refuses.to.address, "0x5f5ffd")
    bad = rig.begin(refuses)
    good = begin(rig, 3)
    failed, _ = run(rig, [good[0].id, bad.id, good[1].id, good[2].id])
    assert set(failed) == {bad.id}
    assert isinstance(failed[bad.id], Refused)
    assert rig.record(bad.id).state is PaymentState.PLANNED
    must_be_paid_once(rig, good)


def test_money_that_is_under_way_is_not_spent_twice(own_rig: Rig) -> None:
    """Nothing is mined meanwhile, so that the node goes on naming the whole balance."""
    own_rig.node.call("anvil_setBalance", own_rig.signer.address, hex(2 * ETHER + ETHER // 2))
    own_rig.node.call("evm_setAutomine", False)
    records = begin(own_rig, 3, ETHER)
    failed, _ = run(own_rig, [record.id for record in records], patience=1.0)
    assert set(failed) == {records[2].id}
    assert isinstance(failed[records[2].id], NotFinal)
    own_rig.node.call("evm_setAutomine", True)
    own_rig.node.mine()
    failed, _ = run(own_rig, [record.id for record in records])
    assert isinstance(failed[records[2].id], CannotPay)
    assert own_rig.record(records[2].id).steps[0].raw == b""
    must_be_paid_once(own_rig, records[:2])


def test_one_that_is_too_large_stops_no_smaller_one(own_rig: Rig) -> None:
    own_rig.node.call("anvil_setBalance", own_rig.signer.address, hex(2 * ETHER))
    records = [own_rig.begin(own_rig.payment(wei)) for wei in (1000, 5 * ETHER, ETHER)]
    failed, _ = run(own_rig, [record.id for record in records])
    assert set(failed) == {records[1].id}
    assert isinstance(failed[records[1].id], CannotPay)
    must_be_paid_once(own_rig, [records[0], records[2]])


@pytest.mark.parametrize("fault", [LOST_REPLY, LOST_REQUEST, REFUSED_BEFORE], ids=str)
def test_broadcasts_that_fail_go_out_again_with_the_same_bytes(rig: Rig, proxy: FaultProxy, fault: Fault) -> None:
    records = begin(rig, 5)
    proxy.break_next("eth_sendRawTransaction", fault, 3)
    failed, _ = run(rig.through(proxy.url), [record.id for record in records])
    assert len(proxy.fired) == 3
    assert failed == {}
    assert len({params[0] for params in proxy.sent("eth_sendRawTransaction")}) == len(records)
    must_be_paid_once(rig, records)


def test_a_second_run_takes_over_what_the_first_left(own_rig: Rig) -> None:
    own_rig.node.call("evm_setAutomine", False)
    records = begin(own_rig, 4)
    run(own_rig, [record.id for record in records[:2]], patience=0.3)
    own_rig.node.call("evm_setAutomine", True)
    own_rig.node.mine()
    failed, _ = run(own_rig, [record.id for record in records])
    assert failed == {}
    must_be_paid_once(own_rig, records)


def test_two_runs_at_once_pay_each_once_and_the_second_reads_what_the_first_did(own_rig: Rig) -> None:
    records = begin(own_rig, 5)
    ids = [record.id for record in records]

    async def both() -> list[dict[str, L2sendError]]:
        return await asyncio.gather(*(one_run(own_rig, ids, lambda _: None) for _ in range(2)))

    assert asyncio.run(both()) == [{}, {}]
    must_be_paid_once(own_rig, records)


def test_one_that_is_cancelled_meanwhile_stops_no_other(own_rig: Rig) -> None:
    first, second, third = begin(own_rig, 3)

    def cancel(_: PaymentRecord) -> None:
        journal = own_rig.journal()
        if journal.get(second.id).state is PaymentState.PLANNED:
            journal.cancel(second.id, "cancelled by its sender")
        journal.close()

    assert asyncio.run(one_run(own_rig, [first.id, second.id, third.id], cancel)) == {}
    assert own_rig.record(second.id).state is PaymentState.CANCELLED
    must_be_paid_once(own_rig, [first, third])


def test_what_signatures_share_is_asked_for_once_a_window(rig: Rig, proxy: FaultProxy) -> None:
    records = begin(rig, 24)
    failed, _ = run(rig.through(proxy.url), [record.id for record in records], size=4)
    assert failed == {}
    assert len(proxy.sent("eth_simulateV1")) <= 7
    must_be_paid_once(rig, records)


def test_a_block_that_many_share_is_asked_for_once_a_poll(tmp_path: Path) -> None:
    with running_anvil("--block-time", "1") as node, FaultProxy(node.url) as proxy:
        rig = Rig(tmp_path, node, (proxy.url,), confirmations=3).funded()
        records = begin(rig, 8)
        failed, _ = run(rig, [record.id for record in records])
        assert failed == {}
        asked = [params[0] for params in proxy.sent("eth_getBlockByNumber") if params[0] != "latest"]
        assert len(asked) < len(records)  # one a round of polls, not one a payment
        must_be_paid_once(rig, records)
