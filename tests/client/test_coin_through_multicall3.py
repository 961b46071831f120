"""Lines of native coin in one transaction through Multicall3, from an account without code: paid once, or apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from l2send.batch_record import BatchResult
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.effects import SplitsCoin
from l2send.core.errors import Refused
from l2send.core.multicall3 import decode_multicall3_tx
from l2send.core.plan import StepKind
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.client.test_batch_shared_tx import Delegating
from tests.client.test_batches import Line, lines, text_of
from tests.conftest import Home
from tests.lab.test_shared_journal import another_machine

CHAIN = "dev1"
TAKES_ANYTHING = "0x00"


@pytest.fixture(scope="module")
def payer(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Delegating:
    """An account without code, with a journal of its own: one of its payments stays open."""
    home.paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    payer = Delegating(another_machine(home, tmp_path_factory.mktemp("coin") / "machine"))
    home.fund(payer.address, CHAIN, USDC="100", ETH="1")
    return payer


def coins(payer: Delegating, start: str, count: int) -> list[Line]:
    """Lines of 0.001 ETH to accounts that hold 1 wei."""
    rows = lines(start, count, CHAIN, "0.001", "ETH")
    for row in rows:
        payer.node(CHAIN).call("anvil_setBalance", row.to, "0x1")
    return rows


def got(home: Home, rows: list[Line]) -> list[int]:
    """What each recipient received, in thousandths of an ether."""
    return [home.holds(row.to, CHAIN, "ETH") // 10**15 for row in rows]


@contextmanager
def other_code(payer: Delegating, code: str | None = None) -> Iterator[Address]:
    """Multicall3 with other code: a byte more, which changes nothing that it does."""
    node, address = payer.node(CHAIN), payer.home.chain(CHAIN).multicall3
    assert address
    own = node.call("eth_getCode", address, "latest")
    node.call("anvil_setCode", address, own + "00" if code is None else code)
    try:
        yield address
    finally:
        node.call("anvil_setCode", address, own)


def signed(payer: Delegating, record: PaymentRecord) -> None:
    """Sign the shared transaction, and broadcast nothing."""

    async def sign(client: Client) -> None:
        executor = client.executor(payer.signer, lambda _: None)
        await executor.sign_only(record.id, (await executor.look_ahead([record.id]))[record.id])

    payer.do(sign)


def test_coin_to_accounts_without_code_is_paid_together_and_the_rest_apart(home: Home, payer: Delegating) -> None:
    rows, new = coins(payer, "m", 4), lines("new", 1, CHAIN, "0.001", "ETH")
    (contract,), tokens = coins(payer, "contract", 1), lines("token", 2, CHAIN)
    payer.node(CHAIN).call("anvil_setCode", contract.to, TAKES_ANYTHING)
    every, before = [*new, *rows, contract, *tokens], payer.sent(CHAIN)
    review = payer.planned(every, "mixed")
    (shared,) = review.shared
    assert isinstance(shared.effect, SplitsCoin)
    assert [review.lines[line - 2].wanted.line.row.ref for line in shared.lines] == [row.ref for row in rows]
    assert review.signatures == 5
    record = payer.begun(review)
    result = payer.run("mixed")
    assert result.all_delivered
    assert payer.sent(CHAIN) == before + 5
    assert got(home, [*new, *rows, contract]) == [1] * 6
    (tx,) = payer.find(record.id).transactions
    assert (tx.step.kind, len(decode_multicall3_tx(tx.step.tx))) == (StepKind.TOGETHER, 4)
    paid = [line.record for line in result.lines if line.ref.startswith("m-")]
    assert all(one.transactions == (tx,) and one.arrived == one.payment.amount for one in paid)
    assert tx.fee
    assert sum(fees_paid(one, home.registry).fees[0].amount.units for one in paid) == tx.fee.total
    again = payer.planned(every, "mixed")
    assert (again.payable, again.shared, len(again.known)) == ((), (), 8), "the same file pays nothing again"


def test_it_is_not_used_where_it_costs_more_or_is_another_contract(payer: Delegating) -> None:
    """A call that creates an account costs 25,000 gas more; a transaction that does costs nothing more."""
    assert payer.planned(lines("n", 3, CHAIN, "0.001", "ETH"), "dear").shared == ()
    rows = coins(payer, "o", 4)
    with other_code(payer):
        assert payer.planned(rows, "other").shared == ()
    assert payer.planned(rows[:1], "other").shared == (), "one line needs no such transaction"
    assert payer.planned(rows, "other", together=False).shared == ()
    assert len(payer.planned(rows, "other").shared) == 1


def test_what_changed_since_the_yes_parts_them(home: Home, payer: Delegating) -> None:
    rows = coins(payer, "became", 4)
    payer.begun(payer.planned(rows, "became"))
    payer.node(CHAIN).call("anvil_setCode", rows[1].to, TAKES_ANYTHING)
    before = payer.sent(CHAIN)
    assert payer.run("became").all_delivered
    assert (got(home, rows), payer.sent(CHAIN)) == ([1] * 4, before + 4)
    rows = coins(payer, "swapped", 4)
    record = payer.begun(payer.planned(rows, "swapped"))
    with other_code(payer) as multicall3, pytest.raises(Refused, match=f"{multicall3} on .* does not run the code"):
        payer.resume(record.id)
    assert got(home, rows) == [0] * 4
    with other_code(payer):
        assert payer.run("swapped").all_delivered
    assert (got(home, rows), payer.sent(CHAIN)) == ([1] * 4, before + 8)


def test_it_is_sped_up_and_cancelled_as_one(home: Home, payer: Delegating) -> None:
    rows = coins(payer, "fast", 4)
    record = payer.begun(payer.planned(rows, "fast"))
    signed(payer, record)

    async def speed_up(client: Client) -> None:
        await client.replace(record.id, await client.speedup_bids(record.id), payer.signer)

    payer.do(speed_up)
    assert payer.run("fast").all_delivered
    assert got(home, rows) == [1] * 4
    rows = coins(payer, "stop", 4)
    record = payer.begun(payer.planned(rows, "stop"))
    signed(payer, record)

    async def cancel(client: Client) -> None:
        await client.cancel(record.id, await client.cancel_bids(record.id), payer.signer)

    payer.do(cancel)
    assert {line.record.state for line in payer.run("stop").lines} == {PaymentState.CANCELLED}
    assert got(home, rows) == [0] * 4


def test_success_where_no_multicall3_ran_delivers_nothing(payer: Delegating) -> None:
    """A call of an account without code succeeds, and keeps the coin."""
    record = payer.begun(payer.planned(coins(payer, "lost", 4), "lost"))
    before = payer.sent(CHAIN)
    signed(payer, record)
    (tx,) = payer.find(record.id).transactions
    with other_code(payer, "0x"):
        payer.do(lambda client: client.executor(payer.signer, lambda _: None).offer(tx))
        while payer.sent(CHAIN) == before:
            payer.node(CHAIN).call("evm_mine")
        payer.node(CHAIN).call("evm_mine")  # The node keeps the state of a block once another is on it.
    payer.do(lambda client: client.status(record.id))
    assert {line.record.state for line in payer.do(_lost).lines} == {PaymentState.SENDING}
    assert "not final yet" in payer.find(record.id).transactions[0].detail


async def _lost(client: Client) -> BatchResult:
    return client.batch.result("lost")


def test_other_payments_than_the_approved_are_not_signed(payer: Delegating) -> None:
    review = payer.planned(coins(payer, "bad", 4), "bad")
    (shared,) = review.shared
    swapped = replace(shared, quote=replace(shared.quote, carries=shared.quote.carries[::-1]), lines=shared.lines[::-1])
    record, before = payer.begun(replace(review, shared=(swapped,))), payer.sent(CHAIN)
    with pytest.raises(Refused, match="bytes to be signed"):
        payer.resume(record.id)
    assert payer.sent(CHAIN) == before


def test_the_review_says_how(payer: Delegating, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("coin") / "shown.csv"
    file.write_bytes(text_of(coins(payer, "s", 4)))
    shown = payer.home.run("batch", str(file), "--dry-run", "--private-key", "0x" + payer.key.hex()).stderr
    assert "4 lines on Devnet 1 in one transaction through Multicall3: all of them are paid, or none" in shown
    assert f"through Multicall3 ({payer.home.chain(CHAIN).multicall3})" in " ".join(shown.split())
