"""Ends rest on the chain: whoever sent what used the nonce, whatever one endpoint or one clock says.

Other wallets and other machines are the same key here, used past the journal. Every test that breaks an endpoint looks
whether it was asked.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2send.cli.outcome import show_outcome
from l2send.core.chains import Registry
from l2send.core.errors import NetworkError, NotFinal, Refused
from l2send.core.fees import GasPrice
from l2send.core.plan import Step, StepKind, UnsignedTx
from l2send.core.units import Gas, Nonce, Wei
from l2send.wallet.ends import RULES, Ends
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import ENDED, PaymentState, TxState
from l2send.wallet.keys.foreign import rebuilt
from l2send.wallet.keys.signed import SignedTx, decode_signed
from tests.support.faultproxy import LOST_REPLY, TOO_MANY, Fault, FaultProxy
from tests.wallet.rig import CHAIN_ID, REVERTS_IF_SLOT_0, Bench, order_of, paying_quote, somebody, to_self
from tests.wallet.test_faults import UNKNOWN_TYPE

ROOT = Path(__file__).parents[2]
SEND, COUNT, RECEIPT = "eth_sendRawTransaction", "eth_getTransactionCount", "eth_getTransactionReceipt"
NO_FUNCTION_BUT_ENDS = {"wallet/ends.py"}


# The table


def test_the_page_shows_the_table_of_the_code() -> None:
    page = (ROOT / "docs/states.md").read_text()
    rows = [f"| {rule.end} | {rule.seen} | {rule.where} | {rule.witnesses} |" for rule in RULES]
    shown = page.partition("| An end | What must be seen | Where | By how many |\n|---|---|---|---|\n")[2]
    assert shown.partition("\n\n")[0].splitlines() == rows


def test_every_end_has_its_row() -> None:
    ends = {f"transaction {state}" for state in ENDED} | {"messages cancelled", "messages expired"}
    assert {rule.end for rule in RULES} == ends | {"order filled", "order refunded"}


_MOVES = {"move_tx": 1, "move_order": 1, "move_sponsored": 1}
"""Methods of the journal that change a state, and the place of the new one."""
_OPEN_STATES = {
    "TxState": {"BROADCAST", "MINED", "REVERTING", "INDETERMINATE"},
    "OrderState": {"NOT_OPEN", "OPEN", "REFUND_DUE"},
    "SponsoredState": {"SIGNED", "OPENED", "INDETERMINATE"},
}


def test_no_other_place_enters_an_end() -> None:
    """Outside ends.py a move names a state that is no end, and nothing is cancelled or abandoned in the journal."""
    wrong, moves = list[str](), 0
    files = [path for room in ("wallet", "cli", "src/l2send") for path in (ROOT / room).rglob("*.py")]
    for path in files:
        name = path.relative_to(ROOT).as_posix()
        if name in NO_FUNCTION_BUT_ENDS or any(part.is_symlink() for part in path.parents) or "wallet/journal" in name:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            method, receiver = node.func.attr, ast.unparse(node.func.value)
            if method in _MOVES:
                moves += 1
                wrong += [] if _is_open(node.args[_MOVES[method]]) else [f"{name}:{node.lineno} {method}"]
            if method in {"cancel", "abandon"} and receiver.endswith("journal"):
                wrong.append(f"{name}:{node.lineno} {method}")
    assert not wrong
    assert moves >= 8, "the walk found no moves, so this test showed nothing"


def _is_open(state: ast.expr) -> bool:
    if isinstance(state, ast.IfExp):
        return _is_open(state.body) and _is_open(state.orelse)
    if not isinstance(state, ast.Attribute) or not isinstance(state.value, ast.Name):
        return False
    return state.attr in _OPEN_STATES.get(state.value.id, set())


# The nonce, used by another wallet or another machine


@pytest.fixture
def slow(own_bench: Bench) -> Bench:
    """An account on a node that mines when it is told to."""
    own_bench.node.call("evm_setAutomine", False)
    return own_bench


def until(bench: Bench, payment_id: str, *states: TxState) -> PaymentRecord:
    """Resume, each time for a moment, until its transactions are in these states."""
    for _ in range(40):
        with pytest.raises(NotFinal):
            bench.resume(payment_id, patience=0.15)
        record = bench.record(payment_id)
        if [tx.state for tx in record.transactions if tx.raw] == list(states):
            return record
    pytest.fail(f"never came to {states}: {bench.record(payment_id)}")


def elsewhere(bench: Bench, record: PaymentRecord, tx: UnsignedTx | None = None, *, step: int = 0) -> str:
    """What another wallet sends with the nonce of a step: the same call at a higher fee, or `tx`. Its hash."""
    said = decode_signed(record.transactions[step].raw)
    price = GasPrice(Wei(0), Wei(said.tip * 3), Wei(said.max_fee * 3))
    signed = bench.signer.sign(CHAIN_ID, said.nonce, tx or said.tx, Gas(90_000), price)
    return str(bench.node.call(SEND, "0x" + signed.raw.hex()))


def test_a_transfer_that_another_wallet_sped_up_is_delivered_by_the_other_hash(slow: Bench) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    other = elsewhere(slow, record)
    slow.node.mine(2)
    record = slow.resume(record.id)
    assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.FINAL]
    assert (record.state, record.steps[-1].hash) == (PaymentState.DELIVERED, other)
    assert slow.node.balance(payment.to.address) == payment.amount.units


def test_an_approval_that_another_wallet_sped_up_is_built_upon(slow: Bench) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment, *to_self(slow)).id, TxState.BROADCAST)
    elsewhere(slow, record)
    slow.node.mine()
    slow.node.call("evm_setAutomine", True)
    assert slow.resume(record.id).state is PaymentState.DELIVERED
    assert slow.node.balance(payment.to.address) == payment.amount.units


def test_a_transfer_of_another_wallet_in_its_place_is_named_and_replaces_it(slow: Bench) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    other = elsewhere(slow, record, UnsignedTx(CHAIN_ID, somebody(), Wei(1), b""))
    slow.node.mine(2)
    record = slow.resume(record.id)
    assert record.state is PaymentState.REPLACED
    assert other in record.transactions[0].detail
    assert slow.node.balance(payment.to.address) == 0


def test_a_cancel_of_another_wallet_replaces_it(slow: Bench) -> None:
    record = until(slow, slow.begin(slow.payment()).id, TxState.BROADCAST)
    elsewhere(slow, record, UnsignedTx(CHAIN_ID, slow.signer.address, Wei(0), b""))
    slow.node.mine(2)
    assert slow.resume(record.id).state is PaymentState.REPLACED


@pytest.mark.parametrize("same", [True, False])
def test_two_machines_with_one_key_and_two_journals(slow: Bench, tmp_path: Path, same: bool) -> None:
    """Both sign with one nonce, and the node takes the second. Of the same payment twice the chain takes one."""
    first = slow.payment()
    second = first if same else slow.payment()
    other = replace(slow, home=tmp_path / "other", said=[])
    record = until(slow, slow.begin(first).id, TxState.BROADCAST)
    slow.node.call("anvil_dropTransaction", record.transactions[0].hash)
    slow.node.call("anvil_setNextBlockBaseFeePerGas", hex(7))
    theirs = until(other, other.begin(second).id, TxState.BROADCAST)
    assert theirs.transactions[0].nonce == record.transactions[0].nonce
    slow.node.mine(2)
    assert other.resume(theirs.id).state is PaymentState.DELIVERED
    record = slow.resume(record.id)
    assert record.state is (PaymentState.DELIVERED if same else PaymentState.REPLACED)
    assert slow.node.balance(second.to.address) == second.amount.units
    assert slow.node.sent_by(first.sender) == 1


def test_a_transaction_of_another_payment_of_this_journal_is_not_counted_twice(bench: Bench, proxy: FaultProxy) -> None:
    """The first never reached a node and is too late; the second, to the same recipient, took its nonce."""
    payment = bench.payment()
    late = bench.begin(payment, order=order_of(payment, bench.node.time() + 21)).id
    proxy.break_next(SEND, UNKNOWN_TYPE, 1000)
    with pytest.raises(NotFinal):
        bench.through(proxy.url).resume(late, 0.2)
    bench.node.call("evm_increaseTime", 60)
    bench.node.mine()
    journal = bench.journal()
    again_id = journal.begin(payment, [paying_quote(payment, bench.chain)], again=True).id
    journal.close()
    again = bench.resume(again_id)
    assert (again.state, again.transactions[0].nonce) == (PaymentState.DELIVERED, 0)
    bench.node.mine(2)
    assert bench.resume(late).state is PaymentState.REPLACED
    assert bench.node.balance(payment.to.address) == payment.amount.units


def test_a_sped_up_transfer_that_failed_in_its_block_is_reverted(slow: Bench) -> None:
    payment = slow.payment()
    slow.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    slow.node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    elsewhere(slow, record)
    slow.node.mine(2)
    record = slow.resume(record.id)
    assert (record.state, record.transactions[1].state) == (PaymentState.REVERTED, TxState.REVERTED)


@contextmanager
def without_old_state(bench: Bench) -> Iterator[FaultProxy]:
    """A node that has thrown away the state of all blocks but its head."""
    with FaultProxy(bench.node.url) as proxy:

        def change(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
            if params[1] in ("latest", "pending", hex(bench.node.height())):
                return answer
            error = {"code": -32000, "message": f"missing trie node {'ab' * 32} (path ) state is not available"}
            return {"jsonrpc": "2.0", "id": answer["id"], "error": error}

        proxy.twist(COUNT, change)
        yield proxy


def test_a_node_without_old_state_leaves_it_open_in_words(slow: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    payment = slow.payment()
    record = until(slow, slow.begin(payment).id, TxState.BROADCAST)
    elsewhere(slow, record)
    slow.node.mine(9)
    with without_old_state(slow) as proxy:
        through = slow.through(proxy.url)
        with pytest.raises(NotFinal):
            through.resume(record.id, 0.4)
        record = slow.record(record.id)
        assert record.state is PaymentState.INDETERMINATE
        assert "keeps no state of blocks that old" in record.transactions[0].detail
        assert any("by what is not known" in sentence for sentence in slow.said)
        show_outcome(record, Registry({"bench": slow.chain}))
        assert "keeps no state of blocks that old" in " ".join(capsys.readouterr().out.split())
        journal = slow.journal()
        with pytest.raises(Refused, match="open already"):
            journal.begin(payment, [paying_quote(payment, slow.chain)])
        journal.close()
        assert proxy.sent(COUNT)
        both = slow.through(proxy.url, slow.node.url)
        assert both.resume(record.id).state is PaymentState.DELIVERED, "the other one keeps it"


def test_any_kind_of_transaction_is_rebuilt_to_its_own_bytes(slow: Bench) -> None:
    """As a node describes them: legacy, with an access list, with a tip; and none that a node made up."""
    account, node = _account(slow), slow.node
    fields = {"chainId": CHAIN_ID, "to": somebody(), "value": 5, "gas": 60_000, "data": "0x"}
    tip = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "type": 2}
    listed = [{"address": somebody(), "storageKeys": ["0x" + "01" * 32]}]
    kinds = [{"gasPrice": 10**10}, {"gasPrice": 10**10, "accessList": listed, "type": 1}, tip | {"accessList": listed}]
    for nonce, kind in enumerate(kinds):
        signed = account.sign_transaction(fields | kind | {"nonce": nonce})
        tx_hash = node.call(SEND, "0x" + bytes(signed.raw_transaction).hex())
        described = node.call("eth_getTransactionByHash", tx_hash)
        found = rebuilt(described, slow.signer.address)
        assert found == SignedTx.of(bytes(signed.raw_transaction))
        assert rebuilt(described | {"value": "0x6"}, slow.signer.address) is None
        assert rebuilt(described, somebody()) is None


def _account(bench: Bench) -> Any:
    from eth_account import Account

    return Account.from_key(bench.key)


# Witnesses


SILENT = Fault("no answer", forward=False)
ENDS_OF_A_TRANSFER = ["delivered", "reverted", "replaced"]


@contextmanager
def two_endpoints(bench: Bench) -> Iterator[tuple[FaultProxy, Bench]]:
    with ExitStack() as stack:
        first, second = (stack.enter_context(FaultProxy(bench.node.url)) for _ in range(2))
        yield second, bench.through(first.url, second.url)


def _about_to_end(bench: Bench, end: str) -> PaymentRecord:
    """A payment whose chain has all that its end needs."""
    payment = bench.payment()
    bench.node.call("anvil_setCode", payment.to.address, REVERTS_IF_SLOT_0)
    record = until(bench, bench.begin(payment).id, TxState.BROADCAST)
    if end == "reverted":
        bench.node.call("anvil_setStorageAt", payment.to.address, "0x0", "0x" + "00" * 31 + "01")
    if end == "replaced":
        elsewhere(bench, record, UnsignedTx(CHAIN_ID, somebody(), Wei(1), b""))
    bench.node.mine(3)
    return record


def _no_block(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Of a node that follows another chain."""
    if isinstance(answer.get("result"), dict):
        answer["result"] |= {"hash": "0x" + "ee" * 32}
    return answer


@pytest.mark.lab
@pytest.mark.parametrize("second", ["silent", "429", "behind", "lying"])
@pytest.mark.parametrize("end", ENDS_OF_A_TRANSFER)
def test_a_second_endpoint_postpones_an_end_and_is_named(slow: Bench, end: str, second: str) -> None:
    record = _about_to_end(slow, end)
    with two_endpoints(slow) as (proxy, both):
        if second in ("silent", "429"):
            for method in ("eth_chainId", "eth_blockNumber"):
                proxy.break_next(method, LOST_REPLY if second == "silent" else TOO_MANY, 100_000)
            words = "does not answer"
        elif second == "behind":
            proxy.lie("eth_blockNumber", "0x0")
            words = "blocks behind"
        else:
            proxy.twist("eth_getBlockByNumber", _no_block)
            words = "does not show it"
        for _ in range(8):
            with pytest.raises(NotFinal):
                both.resume(record.id, 1.0)
            record = slow.record(record.id)
            assert record.meaning.open
            if words in record.transactions[0].detail:
                break
        assert words in record.transactions[0].detail
        assert any(words in sentence for sentence in slow.said)
        assert proxy.requests
    assert slow.resume(record.id).state == end


@pytest.mark.lab
@pytest.mark.parametrize("off", [-3 * 3600, -121, 121, 3 * 3600])
def test_the_clock_of_this_machine_silences_no_endpoint(slow: Bench, monkeypatch: pytest.MonkeyPatch, off: int) -> None:
    """One endpoint says that the transfer failed; the other one is honest, whatever time it is here."""
    record = _about_to_end(slow, "delivered")
    real = time.time

    def failed(params: list[Any], answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("result"):
            answer["result"] |= {"status": "0x0"}
        return answer

    monkeypatch.setattr(time, "time", lambda: real() + off)
    with FaultProxy(slow.node.url) as proxy:
        proxy.twist(RECEIPT, failed)
        with pytest.raises(NotFinal):
            slow.through(proxy.url, slow.node.url).resume(record.id, 0.5)
        assert proxy.sent(RECEIPT)
        assert slow.record(record.id).transactions[0].state is TxState.REVERTING
        assert slow.through(proxy.url).record(record.id).meaning.open
    assert slow.resume(record.id).state is PaymentState.DELIVERED


def test_one_url_listed_twice_is_one_witness(slow: Bench) -> None:
    record = _about_to_end(slow, "delivered")
    assert slow.through(slow.node.url, slow.node.url).resume(record.id).state is PaymentState.DELIVERED


def test_two_of_three_are_enough_where_one_is_silent(slow: Bench) -> None:
    record = _about_to_end(slow, "delivered")
    with two_endpoints(slow) as (_, both):
        three = slow.through(*both.urls, "http://127.0.0.1:1")
        assert three.resume(record.id).state is PaymentState.DELIVERED


# What was prepared to be signed elsewhere


def prepared(bench: Bench, payment_id: str = "") -> tuple[str, SignedTx]:
    """A payment with nonce and price fixed, and the bytes of it that were signed elsewhere."""
    payment, price = bench.payment(), GasPrice(Wei(0), Wei(10**9), Wei(10**11))
    tx = UnsignedTx(CHAIN_ID, payment.to.address, Wei(payment.amount.units), b"")
    step = Step(StepKind.TRANSFER, tx, Gas(21_000), price, Nonce(0))
    quote = replace(paying_quote(payment, bench.chain), steps=(step,), expires=None)
    journal = bench.journal()
    record = journal.begin(payment, [quote])
    journal.close()
    return record.id, bench.signer.sign(CHAIN_ID, Nonce(0), tx, step.gas, price)


def never_signed(bench: Bench, payment_id: str, *, by_sender: bool = False) -> PaymentRecord:
    return bench.do(
        lambda executor: Ends(executor.journal, executor.rpcs).never_signed(
            executor.journal.get(payment_id), "its quote expired", by_sender=by_sender
        )
    )


@pytest.mark.parametrize("by_sender", [True, False])
def test_what_was_prepared_and_sent_by_other_means_is_not_cancelled(bench: Bench, by_sender: bool) -> None:
    """Although the first endpoint lags by that one transaction."""
    payment_id, signed = prepared(bench)
    bench.node.call(SEND, "0x" + signed.raw.hex())
    with FaultProxy(bench.node.url) as proxy:
        proxy.lie(COUNT, "0x0")
        with pytest.raises(NotFinal, match="nonce 0 is used"):
            never_signed(bench.through(proxy.url, bench.node.url), payment_id, by_sender=by_sender)
        assert proxy.sent(COUNT)
    assert bench.record(payment_id).state is PaymentState.PLANNED
    found = bench.do(lambda e: Ends(e.journal, e.rpcs).find_prepared(e.journal.get(payment_id)))
    assert found.transactions[0].hash == signed.hash
    assert bench.resume(payment_id, signer=False).state is PaymentState.DELIVERED


def test_a_free_nonce_of_what_was_prepared_is_ended_by_its_sender_alone(bench: Bench) -> None:
    payment_id, _ = prepared(bench)
    with pytest.raises(Refused, match="can still be sent"):
        never_signed(bench, payment_id)
    assert bench.record(payment_id).state is PaymentState.PLANNED
    with pytest.raises(NotFinal, match="second endpoint"):
        never_signed(bench.through(bench.node.url, "http://127.0.0.1:1"), payment_id, by_sender=True)
    assert never_signed(bench, payment_id, by_sender=True).state is PaymentState.CANCELLED


def test_what_was_prepared_is_cancelled_once_something_else_has_its_nonce(bench: Bench) -> None:
    payment_id, _ = prepared(bench)
    bench.pay(bench.payment())
    assert never_signed(bench, payment_id).state is PaymentState.CANCELLED


def test_no_endpoint_that_answers_cancels_nothing(bench: Bench) -> None:
    payment_id, _ = prepared(bench)
    with pytest.raises((NotFinal, NetworkError)):
        never_signed(bench.through("http://127.0.0.1:1"), payment_id, by_sender=True)
    assert bench.record(payment_id).state is PaymentState.PLANNED
