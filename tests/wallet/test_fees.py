"""What a chain charges for a transaction: with EIP-1559, before it, and with strange answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from l2send.core.chains import Registry
from l2send.core.errors import NetworkError, NotFinal, Refused, Transient
from l2send.core.fees import gas_price
from l2send.core.plan import GasPrice
from l2send.core.rpc import open_rpcs
from l2send.core.units import Gas, Wei
from l2send.wallet.before_signing import GasTerms, affordable
from l2send.wallet.executor import Executor
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState, TxState
from l2send.wallet.keys.signed import decode_signed
from l2send.wallet.replacement import cancel_bids, speedup_bids
from tests.support.faultproxy import REFUSED_BEFORE, Fault, FaultProxy
from tests.wallet.rig import ETHER, GuardStandIn, Node, Rig, running_anvil, to_self

GWEI = 10**9


@pytest.fixture(scope="module")
def berlin() -> Iterator[Node]:
    """A chain before EIP-1559: no base fee, no transactions of type 2."""
    with running_anvil("--hardfork", "berlin") as running:
        yield running


@pytest.fixture(scope="module")
def free() -> Iterator[Node]:
    """A chain with EIP-1559 whose base fee is zero."""
    with running_anvil("--base-fee", "0") as running:
        yield running


@pytest.fixture
def old(berlin: Node, tmp_path: Path) -> Rig:
    return Rig(tmp_path, berlin, (berlin.url,)).funded()


def price_at(*urls: str) -> GasPrice:
    async def ask() -> GasPrice:
        chain = Rig(Path(), Node(urls[0]), urls).chain
        async with open_rpcs(Registry({"rig": chain}), timeout=3) as rpcs:
            return await gas_price(rpcs.on(chain.chain_id))

    return asyncio.run(ask())


# Before EIP-1559


def test_a_chain_without_base_fee_has_one_price(berlin: Node) -> None:
    price = price_at(berlin.url)
    assert price == GasPrice(Wei(0), Wei(0), Wei(int(berlin.call("eth_gasPrice"), 16)), legacy=True)
    assert price.expected(Gas(2)) == price.most(Gas(2)) == 2 * price.max_fee_per_gas > 0


def test_on_a_legacy_chain_legacy_transactions_are_signed_and_mined(old: Rig) -> None:
    payment = old.payment()
    record = old.pay(payment, *to_self(old))
    assert record.state is PaymentState.DELIVERED
    assert all(decode_signed(tx.raw).legacy for tx in record.transactions)
    assert old.node.balance(payment.to.address) == payment.amount.units
    assert old.node.call("eth_getTransactionByHash", record.transactions[0].hash)["type"] == "0x0"


def test_a_legacy_chain_is_emptied_to_the_last_wei(old: Rig) -> None:
    price = price_at(old.node.url)
    payment = old.payment(10 * ETHER - 21_000 * price.max_fee_per_gas)
    record = old.resume(old.begin(payment, price=price).id)
    assert record.state is PaymentState.DELIVERED
    assert old.node.balance(payment.sender) == 0
    assert old.node.balance(payment.to.address) == payment.amount.units


@pytest.mark.parametrize("cancel", [False, True])
def test_a_waiting_legacy_transaction_is_replaced_by_a_legacy_one(tmp_path: Path, cancel: bool) -> None:
    with running_anvil("--hardfork", "berlin") as node:
        node.call("evm_setAutomine", False)
        rig = Rig(tmp_path, node, (node.url,)).funded()
        payment = rig.payment()
        payment_id = rig.begin(payment).id
        with pytest.raises(NotFinal):
            rig.resume(payment_id, patience=0.3)

        async def run(executor: Executor) -> PaymentRecord:
            make = cancel_bids if cancel else speedup_bids
            bids = await make(executor.journal.get(payment_id), executor.journal, executor.rpcs)
            return await executor.replace(payment_id, bids)

        first, second = (decode_signed(tx.raw) for tx in rig.do(run).transactions)
        assert first.legacy
        assert second.legacy
        assert second.max_fee_per_gas * 1000 >= first.max_fee_per_gas * 1125
        node.mine()
        record = rig.resume(payment_id)
        assert [tx.state for tx in record.transactions] == [TxState.VOID, TxState.FINAL]
        assert node.balance(payment.to.address) == (0 if cancel else payment.amount.units)


METHOD_MISSING = Fault(
    "no such method",
    forward=False,
    status=200,
    body=b'{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"the method eth_feeHistory does not exist"}}',
)


def test_a_node_without_fee_history_is_asked_for_its_gas_price(old: Rig) -> None:
    with FaultProxy(old.node.url) as proxy:
        proxy.break_next("eth_feeHistory", METHOD_MISSING, 100)
        payment = old.payment()
        assert old.through(proxy.url).pay(payment).state is PaymentState.DELIVERED
        assert proxy.fired
    assert old.node.balance(payment.to.address) == payment.amount.units


# Strange answers


def test_a_base_fee_of_zero_is_a_price_and_is_paid(free: Node, tmp_path: Path) -> None:
    rig = Rig(tmp_path, free, (free.url,)).funded()
    payment = rig.payment()
    assert rig.pay(payment).state is PaymentState.DELIVERED
    assert rig.node.balance(payment.to.address) == payment.amount.units


def history(base_fees: list[Any], rewards: Any) -> dict[str, Any]:
    answer = {"oldestBlock": "0x1", "baseFeePerGas": base_fees, "gasUsedRatio": [0.5] * len(base_fees)}
    return answer if rewards == "left out" else answer | {"reward": rewards}


@pytest.mark.parametrize("rewards", ["left out", None, [], [[], []], [["0x0"], ["0x0"]]], ids=str)
def test_without_rewards_a_small_tip_is_given(rewards: Any, node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.lie("eth_feeHistory", history([hex(GWEI), hex(GWEI)], rewards))
        proxy.lie("eth_maxPriorityFeePerGas", "0x0")
        price = price_at(proxy.url)
    assert (price.base_fee, price.legacy) == (GWEI, False)
    assert 0 < price.tip < GWEI // 100
    assert price.max_fee_per_gas == 2 * GWEI + price.tip


def test_the_middle_of_the_rewards_is_the_tip(node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.lie("eth_feeHistory", history([hex(GWEI)] * 4, [[hex(9 * GWEI)], [hex(2 * GWEI)], [hex(3 * GWEI)]]))
        assert price_at(proxy.url).tip == 3 * GWEI


def test_a_base_fee_that_just_fell_to_zero_is_no_legacy_chain(node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.lie("eth_feeHistory", history([hex(GWEI), "0x0"], [["0x0"]]))
        price = price_at(proxy.url)
    assert (price.legacy, price.base_fee) == (False, 0)
    assert price.max_fee_per_gas == price.tip > 0


@pytest.mark.parametrize("base_fees", [[], None, ["0x"], [None], ["1"], [hex(2**81)], "0x1", [["0x1"]]], ids=str)
def test_a_history_of_a_wrong_shape_is_done_without(base_fees: Any, node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.lie("eth_feeHistory", history([], None) | {"baseFeePerGas": base_fees})
        price = price_at(proxy.url)
    assert (price.legacy, price.base_fee) == (False, base_fee_of_head(node) * 9 // 8)


@pytest.mark.parametrize("rewards", [{}, "0x1", [{}], ["0x1"], [[None]], [[hex(2**200)]]], ids=str)
def test_rewards_of_a_wrong_shape_are_asked_of_the_next_endpoint(rewards: Any, node: Node) -> None:
    with FaultProxy(node.url) as odd, FaultProxy(node.url) as honest:
        odd.lie("eth_feeHistory", history([hex(9 * GWEI)] * 2, rewards))
        assert price_at(odd.url, honest.url).base_fee < 9 * GWEI
        assert len(honest.sent("eth_feeHistory")) == 1


def base_fee_of_head(node: Node) -> int:
    return int(node.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)


NOT_HERE = b"the method eth_feeHistory does not exist/is not available"
MISSING_IN_OTHER_WORDS = [
    replace(METHOD_MISSING, name="-32000", body=b'{"id":1,"error":{"code":-32000,"message":"%b"}}' % NOT_HERE),
    replace(METHOD_MISSING, name="-32603", body=b'{"id":1,"error":{"code":-32603,"message":"Internal error"}}'),
    replace(METHOD_MISSING, name="HTML", status=403, body=b"<html>forbidden</html>"),
    replace(METHOD_MISSING, name="404", status=404, body=b""),
    replace(METHOD_MISSING, name="text", status=401, body=b'{"error": "not in your plan"}'),
]


@pytest.mark.parametrize("missing", MISSING_IN_OTHER_WORDS, ids=str)
def test_without_a_history_the_head_says_the_base_fee(missing: Fault, node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.break_next("eth_feeHistory", missing, 100)
        price = price_at(proxy.url)
        assert proxy.fired
    assert (price.legacy, price.base_fee) == (False, base_fee_of_head(node) * 9 // 8)


def test_a_node_that_has_no_time_is_not_taken_for_one_without_history(node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.break_next("eth_feeHistory", REFUSED_BEFORE, 100)
        with pytest.raises(Transient):
            price_at(proxy.url)
        assert not proxy.sent("eth_gasPrice")


# A least tip


@pytest.mark.parametrize("reward", ["0x0", "0x1", hex(GWEI)])
def test_the_tip_is_not_below_what_the_node_suggests(reward: str, node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.lie("eth_feeHistory", history([hex(GWEI)] * 2, [[reward]] * 10))
        proxy.lie("eth_maxPriorityFeePerGas", hex(30 * GWEI))
        price = price_at(proxy.url)
    assert (price.tip, price.max_fee_per_gas) == (30 * GWEI, 32 * GWEI)


def test_without_a_suggestion_the_gas_price_holds_the_tip(node: Node) -> None:
    with FaultProxy(node.url) as proxy:
        proxy.lie("eth_feeHistory", history([hex(GWEI)] * 2, [["0x0"]]))
        proxy.break_next("eth_maxPriorityFeePerGas", METHOD_MISSING, 100)
        proxy.lie("eth_gasPrice", hex(31 * GWEI))
        assert price_at(proxy.url).tip == 30 * GWEI


BELOW_MINIMUM = Fault(
    "below the least tip",
    forward=False,
    status=200,
    body=b'{"id":1,"error":{"code":-32000,"message":"transaction underpriced: gas tip cap 1, minimum needed 7"}}',
)


def test_a_refusal_for_the_price_names_speedup(rig: Rig) -> None:
    with FaultProxy(rig.node.url) as proxy:
        proxy.break_next("eth_sendRawTransaction", BELOW_MINIMUM, 100)
        record = rig.through(proxy.url).begin(rig.payment())
        with pytest.raises(NotFinal):
            rig.through(proxy.url).resume(record.id, patience=0.5)
        assert proxy.fired
    assert "l2send speedup" in rig.record(record.id).transactions[0].detail


# The most that was approved


@pytest.mark.parametrize(("tip", "cap", "expected"), [(50, 40, 38), (50, 3, 1), (1, 40, 1)])
def test_a_tip_that_jumped_gives_way_to_what_was_approved(rig: Rig, tip: int, cap: int, expected: int) -> None:
    """In gwei, at a base fee of 1: room for twice of that stays."""
    record = pay_at_most(rig, cap * 21_000 * GWEI, [hex(tip * GWEI)])
    said = decode_signed(record.transactions[0].raw)
    assert (said.tip, said.max_fee_per_gas) == (expected * GWEI, (2 + expected) * GWEI)
    assert record.state is PaymentState.DELIVERED


def test_without_room_for_a_tip_nothing_is_signed(rig: Rig) -> None:
    with pytest.raises(Refused, match=r"more than the 0\.000042 ETH"):
        pay_at_most(rig, 2 * 21_000 * GWEI, [hex(50 * GWEI)])
    assert rig.node.sent_by(rig.signer.address) == 0


def pay_at_most(rig: Rig, cap: int, reward: list[str]) -> PaymentRecord:
    """At the limit of a plain transfer: the estimate is so low that its margin adds nothing."""
    payment_id = rig.begin(rig.payment()).id

    async def pay(executor: Executor) -> PaymentRecord:
        executor.guard = GuardStandIn(lambda _: None, Wei(cap))
        return await executor.resume(payment_id, patience=10)

    with FaultProxy(rig.node.url) as proxy:
        proxy.lie("eth_feeHistory", history([hex(GWEI)] * 2, [reward]))
        proxy.lie("eth_estimateGas", hex(17_500))
        return rig.through(proxy.url).do(pay)


# What the chain's other endpoints say


def test_a_tip_that_one_endpoint_alone_names_is_not_signed(rig: Rig) -> None:
    payment_id = rig.begin(rig.payment()).id
    with FaultProxy(rig.node.url) as proxy:
        proxy.lie("eth_feeHistory", history([hex(GWEI)] * 2, [[hex(10_000 * GWEI)]]))
        with pytest.raises(NetworkError, match=r"do not agree on what gas costs: 0\.\d+ ETH would be paid"):
            rig.through(proxy.url, rig.node.url).resume(payment_id)
        assert proxy.sent("eth_feeHistory")
    assert rig.node.sent_by(rig.signer.address) == 0
    with pytest.raises(NotFinal):  # The other endpoint is silent: still signed, and final only by two.
        rig.through(rig.node.url, "http://127.0.0.1:1").resume(payment_id, patience=0.5)
    assert rig.record(payment_id).transactions[0].state is TxState.MINED
    assert rig.resume(payment_id).state is PaymentState.DELIVERED


# A step with a price of its own


def fixed(rig: Rig, units: int, price: GasPrice) -> PaymentRecord:
    return rig.begin(rig.payment(units), price=price)


def at_price(rig: Rig, fee: int) -> GasPrice:
    return GasPrice(price_at(rig.node.url).base_fee, Wei(fee), Wei(fee))


def test_it_is_signed_with_exactly_that(rig: Rig) -> None:
    price = at_price(rig, 5 * GWEI)
    record = rig.resume(fixed(rig, 10 * ETHER - 21_000 * price.max_fee_per_gas, price).id)
    said = decode_signed(record.transactions[0].raw)
    assert (said.gas, said.tip, said.max_fee_per_gas) == (21_000, price.tip, price.max_fee_per_gas)
    assert record.state is PaymentState.DELIVERED
    assert rig.node.balance(rig.signer.address) == 0


def test_it_is_refused_once_the_base_fee_is_above_it(own_rig: Rig) -> None:
    rig = own_rig
    payment = fixed(rig, ETHER, at_price(rig, 5 * GWEI))
    rig.node.call("anvil_setNextBlockBaseFeePerGas", hex(8 * GWEI))
    rig.node.mine()
    with pytest.raises(Refused, match="base fee"):
        rig.resume(payment.id)
    assert rig.record(payment.id).transactions[0].raw == b""
    for _ in range(8):
        rig.node.mine()  # empty blocks let the base fee fall
    assert rig.resume(payment.id).state is PaymentState.DELIVERED


def test_it_is_refused_once_more_gas_is_needed(rig: Rig) -> None:
    payment = fixed(rig, ETHER, at_price(rig, 5 * GWEI))
    rig.node.call("anvil_setCode", payment.payment.to.address, "0x5f545f555f5000")
    with pytest.raises(Refused, match="more gas"):
        rig.resume(payment.id)
    assert rig.record(payment.id).transactions[0].raw == b""


def test_a_step_without_a_price_takes_that_of_the_day(own_rig: Rig) -> None:
    rig = own_rig
    rig.node.call("anvil_setNextBlockBaseFeePerGas", hex(8 * GWEI))
    rig.node.mine()

    async def ask(executor: Executor) -> GasTerms:
        tx = executor.journal.get(payment.id).transactions[0]
        return await affordable(tx, executor.rpcs.on(tx.chain_id), None)

    payment = rig.begin(rig.payment())
    cost = rig.do(ask)
    assert cost.price.base_fee > 6 * GWEI
    assert cost.gas > 21_000
