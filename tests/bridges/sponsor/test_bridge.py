"""Transfers of delegated accounts without gas: real EntryPoint, Simple7702Account and USDC; the devnet's sponsor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account import Account

from l2send.bridges import decode_message
from l2send.client import Client
from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import APPROVE, TRANSFER
from l2send.core.effects import Effects, RunsBySignature, compare_with_payment
from l2send.core.errors import CannotPay, L2sendError, Refused, Sent
from l2send.core.operation import INCREMENT_NONCE, MOST_CALL_GAS, Operation, new_key, read_operation
from l2send.core.plan import Plan, UnsignedTx
from l2send.core.typed_data import TypedData
from l2send.core.units import Gas, Wei
from l2send.review import Review
from l2send.wallet.fees_paid import fees_paid
from l2send.wallet.journal.states import PaymentState
from tests.bridges.mutations import Capsys, answers, tell
from tests.conftest import PASSWORD, Home
from tests.support.addresses import new_address
from tests.support.gasless import USDC, kinds, signatures, sponsored
from tests.support.operations import FEE, Delegated
from tests.support.settlers import with_chains, with_settlers


def test_an_account_without_gas_pays_where_its_money_is(home: Home, delegated: Delegated) -> None:
    """By the command itself, with an encrypted key; every balance read from the chain, before and after."""
    name, payer = home.new_account()
    owner = Delegated(home, delegated.devnet, delegated.paths)
    key = Account.decrypt((home.paths.keystores / f"{name}.json").read_text(), PASSWORD)
    owner.signer = type(delegated.signer)(type(delegated.signer._key)(bytes(key)))
    home.fund(payer, "dev1", USDC="100")
    owner.delegate()
    to, sponsor = new_address(), checksum(delegated.devnet.solver_address)
    earned = home.holds(sponsor, "dev1")
    done = home.must("20", "USDC", f"dev1:{to}", "--yes", "--json", ETH_KEYSTORE_ACCOUNT=name)
    (leg,) = done.json["legs"]
    assert (done.json["state"], leg["bridge"], done.json["transactions"]) == ("delivered", "sponsor", [])
    assert (home.holds(to, "dev1"), home.holds(payer, "dev1")) == (20 * USDC, 80 * USDC - FEE)
    assert (home.holds(payer, "dev1", "ETH"), home.holds(sponsor, "dev1") - earned) == (0, FEE)
    assert {fee["name"]: fee["amount"]["human"] for fee in leg["fees"]} == {"sponsor fee": "0.05"}
    shown = home.must("status", done.json["id"], "--json").json["fees_paid"]
    assert (shown["complete"], [fee["amount"]["human"] for fee in shown["fees"]]) == (True, ["0.05"])
    assert (leg["sponsored"]["messages"], leg["sponsored"]["open_deadline"]) == (["operation"], None)
    receipt = owner.node.call("eth_getTransactionReceipt", leg["sponsored"]["opening_tx"])
    assert (checksum(receipt["from"]), done.json["arrived"]["base_units"]) == (sponsor, str(20 * USDC))
    assert "no transaction" in done.stderr
    assert f"pay 0.05 USDC to {sponsor}" in done.stderr
    assert "It has no deadline" in done.stderr


def test_it_is_offered_only_where_there_is_no_gas(home: Home, delegated: Delegated) -> None:
    assert kinds(delegated.plan()) == ["operation"]
    home.fund(delegated.address, "dev1", ETH="1")
    review = delegated.plan()
    assert [leg.bridge for way in (review.plan.way, *review.plan.alternatives) for leg in way.legs] == ["direct"]
    with pytest.raises(CannotPay):
        delegated.plan(via="sponsor")


def test_it_is_offered_only_where_the_registry_names_a_sponsor(delegated: Delegated) -> None:
    chain = delegated.home.chain("dev1")
    delegated.registry = with_chains(delegated.home.registry, with_settlers(chain, sponsor={"sponsor_api": None}))
    with pytest.raises(CannotPay, match="no ETH on Devnet 1 for gas"):
        delegated.plan()


def test_it_is_offered_only_to_an_account_that_delegates_to_the_pinned_code(delegated: Delegated) -> None:
    delegated.delegate(ZERO_ADDRESS)
    with pytest.raises(CannotPay, match="no ETH on Devnet 1 for gas"):
        delegated.plan()
    with pytest.raises(CannotPay, match=r"delegate to the pinned code: see `l2send wallet delegate`"):
        delegated.plan(via="sponsor")


def test_the_fee_is_bounded_as_that_of_a_bridge(delegated: Delegated) -> None:
    """0.05 of 20 USDC are a quarter of a percent."""
    assert kinds(delegated.plan(max_fee_percent=0.3)) == ["operation"]
    with pytest.raises(Refused, match=r"more than 0\.2 %"):
        delegated.plan(max_fee_percent=0.2)


def test_all_that_is_held_is_less_the_fee(delegated: Delegated) -> None:
    with pytest.raises(CannotPay):
        delegated.plan(amount="100")
    assert delegated.plan(amount="99.95").plan.quote.pays.units == 100 * USDC


def test_what_would_do_nothing_is_cancelled_unsigned(delegated: Delegated) -> None:
    """The code went away, or the money, after the plan was approved."""
    first, second = delegated.begin(delegated.plan(amount="60")), delegated.begin(delegated.plan(amount="60"))
    assert delegated.resume(first).state is PaymentState.DELIVERED
    third = delegated.begin(delegated.plan(amount="2"))
    with pytest.raises(Refused, match="holds less than it pays"):
        delegated.resume(second)
    delegated.delegate(ZERO_ADDRESS)
    with pytest.raises(Refused, match="does not delegate to the code that checks it") as refused:
        delegated.resume(third)
    for record in (second, third):
        ended = delegated.record(record)
        assert (ended.state, signatures(ended)) == (PaymentState.CANCELLED, ())
    assert (refused.value.sent, delegated.ran()) == (Sent.NO, 1)


def judged(plan: Plan, delegated: Delegated, data: TypedData) -> tuple[Effects, ...]:
    """What the message does, compared with the payment as is done before signing. Raises L2sendError."""
    effects = (decode_message("sponsor", data, delegated.home.registry),)
    compare_with_payment(effects, plan.payment, plan.quote.pays, delegated.home.registry)
    return effects


@pytest.mark.lab
def test_every_change_of_the_message_is_caught(delegated: Delegated, capsys: Capsys) -> None:
    """Each value replaced by many others and left out: types and domain too; and each byte of calls, gas and fees."""
    plan = delegated.plan().plan
    good = sponsored(plan.quote).messages[0].data
    approved, document = judged(plan, delegated, good), good.json()
    bad = [(name, changed) for name, changed in answers(document, new_address()) if ".EIP712Domain" not in name]
    for field in ("callData", "accountGasLimits", "gasFees"):
        value = bytes.fromhex(good.message[field][2:])
        for place in range(len(value)):
            other = bytes([*value[:place], value[place] ^ 1, *value[place + 1 :]])
            message = {**good.message, field: "0x" + other.hex()}
            bad.append((f"{field} byte {place}", replace(good, message=message).json()))
    unnoticed = list[str]()
    for name, changed in bad:
        try:
            noticed = judged(plan, delegated, TypedData.from_json(changed)) != approved
        except (L2sendError, KeyError, TypeError, ValueError, AttributeError):
            noticed = True
        if not noticed:
            unnoticed.append(name)
    tell(capsys, "user operation, value by value", len(bad) - len(unnoticed), len(bad))
    assert not unnoticed
    assert len(bad) > 600


class Forger:
    """Writes whole operations like that of `review`, with one thing changed."""

    def __init__(self, review: Review, delegated: Delegated) -> None:
        self.good = read_operation(sponsored(review.plan.quote).messages[0].data)
        self.pay, self.fee = self.good.calls
        self.stranger, self.chain = new_address(), delegated.home.chain("dev1")
        self.euro = self.chain.token("EURC").address or ZERO_ADDRESS

    def calls(self, *calls: UnsignedTx) -> Operation:
        return replace(self.good, calls=calls)

    def transfer(self, to: Address, units: int, token: Address = ZERO_ADDRESS) -> UnsignedTx:
        token = self.pay.to if token == ZERO_ADDRESS else token
        return UnsignedTx(self.good.chain_id, token, Wei(0), TRANSFER.encode(to, units))

    def wrong(self) -> dict[str, Operation]:
        payee, _ = TRANSFER.decode_call(self.fee.data)
        to, units = TRANSFER.decode_call(self.pay.data)
        to, payee, entry_point = checksum(to), checksum(payee), self.good.entry_point
        using_up = UnsignedTx(self.good.chain_id, entry_point, Wei(0), INCREMENT_NONCE.encode(1))
        approving = replace(self.pay, data=APPROVE.encode(self.stranger, 2**256 - 1))
        return {
            "another recipient": self.calls(self.transfer(self.stranger, units), self.fee),
            "less": self.calls(self.transfer(to, units - 1), self.fee),
            "more": self.calls(self.transfer(to, units + 1), self.fee),
            "another token": self.calls(self.transfer(to, units, self.euro), self.fee),
            "a higher fee": self.calls(self.pay, self.transfer(payee, FEE + 1)),
            "a lower fee": self.calls(self.pay, self.transfer(payee, FEE - 1)),
            "no fee": self.calls(self.pay),
            "a fee to another account": self.calls(self.pay, self.transfer(self.stranger, FEE)),
            "a fee in another token": self.calls(self.pay, self.transfer(payee, FEE, self.euro)),
            "two fees": self.calls(self.pay, self.fee, self.fee),
            "the fee first": self.calls(self.fee, self.pay),
            "the payment twice": self.calls(self.pay, self.pay),
            "an approval besides": self.calls(self.pay, approving),
            "an approval instead": self.calls(approving, self.fee),
            "a call of the EntryPoint": self.calls(self.pay, using_up),
            "coin": self.calls(replace(self.pay, value=Wei(1)), self.fee),
            "a plain call": self.calls(replace(self.pay, to=self.stranger, data=b"", value=Wei(0)), self.fee),
            "a call of itself": self.calls(replace(self.pay, to=self.good.sender), self.fee),
            "another account": replace(self.good, sender=self.stranger),
            "another chain": replace(self.good, chain_id=type(self.good.chain_id)(1)),
            "another EntryPoint": replace(self.good, entry_point=self.stranger),
            "another nonce": replace(self.good, key=new_key()),
            "more gas": replace(self.good, call_gas=Gas(self.good.call_gas + 1)),
            "too much gas": replace(self.good, call_gas=Gas(MOST_CALL_GAS + 1)),
            "no gas": replace(self.good, call_gas=Gas(0)),
        }


def test_operations_that_do_something_else_are_refused(delegated: Delegated, capsys: Capsys) -> None:
    review = delegated.plan()
    forger = Forger(review, delegated)
    approved = judged(review.plan, delegated, forger.good.typed)
    wrong, passed = forger.wrong(), list[str]()
    for name, operation in wrong.items():
        try:
            if judged(review.plan, delegated, operation.typed) == approved:
                passed.append(name)
        except L2sendError:
            continue
    tell(capsys, "whole user operations, one thing changed", len(wrong) - len(passed), len(wrong))
    assert not passed


def test_coin_is_paid_where_it_is_too_little_for_its_own_gas(home: Home, delegated: Delegated) -> None:
    """The sponsor takes less than the gas would cost: nearly all of the coin can be paid out."""
    delegated.node.call("anvil_setBalance", delegated.address, hex(10**15))
    to, amount = new_address(), "0.000998"

    async def plan(client: Client) -> Review:
        return await client.plan(client.payment(delegated.address, amount, "ETH", client.destination(f"dev1:{to}")))

    review = delegated.do(plan)
    (runs,) = review.effects
    assert isinstance(runs, RunsBySignature)
    assert [str(paid.amount) for paid in runs.effects] == ["0.000998 ETH", "0.000001 ETH"]
    assert review.plan.quote.needs == review.plan.quote.pays.units, "a batch plans no other line with the same coin"
    done = delegated.resume(delegated.begin(review))
    assert (done.state, done.arrived_units, delegated.ran()) == (PaymentState.DELIVERED, 998 * 10**12, 1)
    assert (home.holds(to, "dev1", "ETH"), home.holds(delegated.address, "dev1", "ETH")) == (998 * 10**12, 10**12)
    assert [(fee.name, fee.amount.units) for fee in fees_paid(done, home.registry).fees] == [("sponsor fee", 10**12)]
    delegated.node.call("anvil_setBalance", delegated.address, hex(10**18))
    assert delegated.do(plan).plan.quote.bridge == "direct"
