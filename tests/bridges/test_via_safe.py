"""A Safe with a threshold of one pays: the signed bytes are decoded, and nothing else passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from l2send.bridges import decode
from l2send.client import Client
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.calldata import TRANSFER, Function
from l2send.core.chains import Registry
from l2send.core.effects import Effects, Executes
from l2send.core.errors import CannotPay, NodeError, Refused
from l2send.core.plan import UnsignedTx
from l2send.core.safe import EXECUTE, Operation, SafeTx, approved_by_sender, decode_execution, safe_tx_of
from l2send.core.units import Nonce, Wei
from l2send.guard import checked_effects
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.bridges.mutations import Capsys, every_byte, tell
from tests.conftest import Home
from tests.support import safes
from tests.support.addresses import new_address
from tests.support.paying import Payer
from tests.support.safes import TestSafe, new_safe
from tests.support.solving import unfilled

MULTI_SEND = Function("multiSend(bytes)")
USDC = 10**6


class Owner(Payer):
    """The first of two owners of a Safe on dev1, which holds 100 USDC and 2 ETH; the owner holds gas alone."""

    def __init__(self, home: Home, version: str = "1.4.1", threshold: int = 1, *, funder: Home | None = None) -> None:
        """`funder`: the home whose devnet it is, where `home` only has its chains."""
        super().__init__(home)
        funder = funder or home
        funder.fund(self.address, "dev1", ETH="1")
        self.other = new_address()
        self.safe: TestSafe = new_safe(funder, [self.address, self.other], threshold, version=version)
        funder.fund(self.safe.address, "dev1", USDC="100", ETH="2")

    def plan(self, amount: str, to: str = "", *, via: str = "", token: str = "USDC", batch: bool = False) -> Review:
        assert not batch, "a Safe delegates to no code"
        return self.plan_of(self.safe.address, amount, to or f"dev4:{new_address()}", token, via)

    def plan_of(self, safe: Address, amount: str, to: str, token: str, via: str = "") -> Review:
        async def work(client: Client) -> Review:
            destination = client.destination(to)
            payment = client.payment(safe, amount, token, destination, executor=self.address)
            return await client.plan(payment, Limits(via=via, from_chains=("dev1",)))

        return self.do(work)


@pytest.fixture
def owner(home: Home) -> Owner:
    return Owner(home)


def step_of(review: Review) -> UnsignedTx:
    (step,) = review.plan.quote.steps
    return step.tx


def judge_of(review: Review, home: Home) -> Callable[[UnsignedTx], tuple[Effects, ...]]:
    plan = review.plan
    return lambda tx: checked_effects(plan.payment, [tx], plan.quote.pays, home.registry)


lab = pytest.mark.lab
WAYS = [
    ("20", "USDC", "dev1", ""),
    ("0.5", "ETH", "dev1", ""),
    ("20", "USDC", "dev4", "eco"),
    ("0.5", "ETH", "dev4", "eco"),
    ("20", "USDC", "dev4", "across"),
    ("0.5", "ETH", "dev4", "across"),
]


@pytest.mark.parametrize("version", ["1.4.1", "1.5.0"])
def test_the_hash_that_is_shown_is_the_contracts_own(home: Home, version: str) -> None:
    owner = Owner(home, version)
    for amount, token, chain, via in WAYS:
        review = owner.plan(amount, f"{chain}:{new_address()}", token=token, via=via)
        execution = decode_execution(
            step_of(review), {s.multi_send_call_only.address for s in home.chain("dev1").safes}
        )
        digest = owner.safe.contract_hash(execution.safe_tx, Nonce(0))
        assert execution.safe_tx.typed(Nonce(0)).digest == digest
        assert any(f"SafeTx 0x{digest.hex()}" in note for note in review.plan.quote.notes)


@lab
@pytest.mark.parametrize(("amount", "token", "chain", "via"), [WAYS[1], WAYS[2]])
def test_every_byte_of_the_safes_transaction(
    home: Home, owner: Owner, capsys: Capsys, amount: str, token: str, chain: str, via: str
) -> None:
    review = owner.plan(amount, f"{chain}:{new_address()}", token=token, via=via)
    every_byte(capsys, f"Safe, {token} {via or 'direct'}", step_of(review), judge_of(review, home))


def changes(tx: UnsignedTx, owner: Owner, home: Home) -> dict[str, UnsignedTx]:
    """`tx`, which has the Safe make two calls or more, with one thing changed."""
    return changed_calls(tx, owner, home) | changed_fields(tx, owner, home)


def changed_calls(tx: UnsignedTx, owner: Owner, home: Home) -> dict[str, UnsignedTx]:
    """Other calls in what the Safe is made to do."""
    multi_send = home.chain("dev1").safes[0].multi_send_call_only.address
    execution = decode_execution(tx, {multi_send})
    calls, safe_tx = list(execution.calls), execution.safe_tx
    signed, usdc = approved_by_sender(owner.address), calls[0].to
    plain = safe_tx.execution(signed)
    theft = UnsignedTx(tx.chain_id, usdc, Wei(0), TRANSFER.encode(new_address(), 1))
    packed = MULTI_SEND.decode_call(safe_tx.data)[0]

    def with_packed(data: bytes) -> UnsignedTx:
        return replace(safe_tx, data=MULTI_SEND.encode(data)).execution(signed)

    assert plain == tx
    return {
        "an extra call": safe_tx_of(tx.to, [*calls, theft], multi_send).execution(signed),
        "an extra call first": safe_tx_of(tx.to, [theft, *calls], multi_send).execution(signed),
        "a call left out": safe_tx_of(tx.to, calls[:1], multi_send).execution(signed),
        "calls in another order": safe_tx_of(tx.to, calls[::-1], multi_send).execution(signed),
        "an inner delegate call": with_packed(b"\x01" + packed[1:]),
        "an inner call of the zero address": with_packed(packed[:1] + bytes(20) + packed[21:]),
        "inner native coin": with_packed(packed[:21] + (1).to_bytes(32, "big") + packed[53:]),
        "inner calls cut off": with_packed(packed[:-1]),
        "bytes after the inner calls": with_packed(packed + bytes(1)),
        "a new owner inside": safe_tx_of(
            tx.to, [UnsignedTx(tx.chain_id, tx.to, Wei(0), safes.CHANGE_THRESHOLD.encode(1)), *calls], multi_send
        ).execution(signed),
        "the Safe's own transaction inside": safe_tx_of(tx.to, [plain, *calls], multi_send).execution(signed),
        "a delegate call of another contract": replace(safe_tx, to=new_address()).execution(signed),
        "a delegate call of a token": SafeTx(
            tx.chain_id, tx.to, usdc, Wei(0), calls[0].data, Operation.DELEGATECALL
        ).execution(signed),
    }


def changed_fields(tx: UnsignedTx, owner: Owner, home: Home) -> dict[str, UnsignedTx]:
    """Other fields and signatures of the Safe's transaction."""
    execution = decode_execution(tx, {home.chain("dev1").safes[0].multi_send_call_only.address})
    safe_tx, usdc, signed = execution.safe_tx, execution.calls[0].to, approved_by_sender(owner.address)
    values = list(EXECUTE.decode_call(tx.data))
    word = bytes.fromhex(owner.address[2:]).rjust(32, b"\0")

    def with_value(position: int, value: object) -> UnsignedTx:
        return replace(tx, data=EXECUTE.encode(*values[:position], value, *values[position + 1 :]))

    def with_signatures(signatures: bytes) -> UnsignedTx:
        return safe_tx.execution(signatures)

    return {
        "a call of MultiSend in the place of a delegate call": with_value(3, 0),
        "an operation that does not exist": with_value(3, 2),
        "native coin with the delegate call": with_value(1, 1),
        "native coin to the Safe": replace(tx, value=Wei(1)),
        "safeTxGas": with_value(4, 1),
        "baseGas": with_value(5, 1),
        "gasPrice": with_value(6, 1),
        "gasToken": with_value(7, usdc),
        "refundReceiver": with_value(8, owner.address),
        "another Safe": replace(tx, to=new_address()),
        "another chain": replace(tx, chain_id=home.chain("dev2").chain_id),
        "no signature": with_signatures(b""),
        "approved by another owner": with_signatures(approved_by_sender(owner.other)),
        "approved by a stranger": with_signatures(approved_by_sender(new_address())),
        "approved by no one": with_signatures(bytes(64) + b"\x01"),
        "approved twice": with_signatures(signed + approved_by_sender(owner.other)),
        "a signature of the owner's key": with_signatures(b"\x11" * 64 + b"\x1b"),
        "eth_sign": with_signatures(b"\x11" * 64 + b"\x1f"),
        "EIP-1271": with_signatures(word + (65).to_bytes(32, "big") + b"\x00"),
        "EIP-1271 with data": with_signatures(word + (65).to_bytes(32, "big") + b"\x00" + bytes(32)),
        "bytes after the signature": with_signatures(signed + bytes(1)),
    }


def test_what_else_a_safe_could_be_made_to_do_is_refused(home: Home, owner: Owner, capsys: Capsys) -> None:
    review = owner.plan("20", via="eco")
    judge, approved = judge_of(review, home), review.effects
    assert judge(step_of(review)) == approved
    bad = changes(step_of(review), owner, home)
    passed = []
    for name, tx in bad.items():
        try:
            judge(tx)
        except (Refused, CannotPay):
            continue
        passed.append(name)
    tell(capsys, "what else a Safe could be made to do", len(bad) - len(passed), len(bad))
    assert not passed


def test_a_safe_that_was_not_asked_to_pay_does_not(home: Home, owner: Owner) -> None:
    """The owner's own payment is never made by a Safe of theirs, and a Safe's payment never by the owner."""
    review = owner.plan("5", f"dev1:{new_address()}")
    plan, tx = review.plan, step_of(review)
    inner = UnsignedTx(tx.chain_id, tx.to, Wei(0), b"")
    for payment, txs in (
        (replace(plan.payment, executor=None), [tx]),
        (plan.payment, [inner]),
        (plan.payment, [tx, tx]),
        (replace(plan.payment, sender=owner.address), [tx]),
        (replace(plan.payment, executor=owner.other), [tx]),
    ):
        with pytest.raises(Refused):
            checked_effects(payment, txs, plan.quote.pays, home.registry)


def test_what_is_told_of_the_safe(home: Home, owner: Owner) -> None:
    module, handler = new_address(), new_address()
    owner.safe.change(safes.ENABLE_MODULE.encode(module))
    owner.safe.change(safes.SET_HANDLER.encode(handler))
    notes = " ".join(owner.plan("5", f"dev1:{new_address()}").plan.quote.notes)
    for told in (owner.safe.address, owner.address, owner.other, "1.4.1", "1 of 1 needed", module, handler):
        assert told in notes


@pytest.mark.parametrize("what", ["no owner", "two needed", "no Safe", "an account", "other singleton"])
def test_who_cannot_pay_from_it_is_told_why(home: Home, what: str) -> None:
    owner = Owner(home, threshold=2 if what == "two needed" else 1)
    safe, to = owner.safe.address, f"dev1:{new_address()}"
    match what:
        case "no owner":
            owner.safe.change(safes.SWAP_OWNER.encode(safes.SENTINEL, owner.address, new_address()))
            reason = "is no owner of the Safe"
        case "two needed":
            reason = "needs 2 of its 2 owners"
        case "no Safe":
            safe, reason = home.chain("dev1").token("WETH").address or ZERO_ADDRESS, "is no Safe"
            home.fund(safe, "dev1", USDC="10")
        case "an account":
            safe, reason = owner.other, "is no Safe"
            home.fund(safe, "dev1", USDC="10")
        case _:
            owner.safe.node.call("anvil_setStorageAt", safe, "0x0", "0x" + new_address()[2:].rjust(64, "0"))
            reason = "which is no version that l2send knows"
    with pytest.raises((CannotPay, Refused), match=reason):
        owner.plan_of(safe, "5", to, "USDC")


def test_an_owner_without_gas_is_told_who_pays_it(home: Home, owner: Owner) -> None:
    owner.node("dev1").call("anvil_setBalance", owner.address, hex(1000))
    with pytest.raises(CannotPay, match=f"{owner.address}, which pays the gas"):
        owner.plan("5", f"dev1:{new_address()}")


def test_a_safe_that_a_reorganisation_could_take_away_does_not_pay(home: Home, owner: Owner) -> None:
    """A call to an address without code succeeds, so it would look like the payment."""
    chain = replace(home.chain("dev1"), confirmations=10_000)
    owner.registry = Registry(dict(home.registry.by_name) | {"dev1": chain}, is_devnet=True)
    with pytest.raises(CannotPay, match="less than 10000 blocks ago"):
        owner.plan("5", f"dev1:{new_address()}")


def pay(owner: Owner, review: Review) -> PaymentRecord:
    record = owner.resume(owner.begin(review).id)
    assert isinstance(record, PaymentRecord)
    return record


@lab
@pytest.mark.parametrize(("version", "token"), [("1.4.1", "USDC"), ("1.5.0", "ETH")])
def test_a_direct_payment_is_the_safes_and_the_owner_pays_the_gas(home: Home, version: str, token: str) -> None:
    owner, to = Owner(home, version), new_address()
    before = home.holds(owner.address, "dev1", "ETH")
    record = pay(owner, owner.plan("0.5", f"dev1:{to}", token=token))
    assert record.state is PaymentState.DELIVERED
    units = home.chain("dev1").token(token)
    assert home.holds(to, "dev1", token) == 5 * 10 ** (units.decimals - 1)
    assert home.holds(owner.safe.address, "dev1", "ETH") == (2 * 10**18 if token == "USDC" else 15 * 10**17)
    assert 0 < before - home.holds(owner.address, "dev1", "ETH") < 10**16
    assert (record.payment.sender, record.payment.executor) == (owner.safe.address, owner.address)
    assert owner.sent("dev1") == 1
    assert owner.resume(record.id) == record, "nothing is sent a second time"
    assert owner.sent("dev1") == 1


def test_no_one_else_can_send_what_the_owner_sent(home: Home, owner: Owner) -> None:
    record = pay(owner, owner.plan("5", f"dev1:{new_address()}"))
    tx = record.steps[0].step.tx
    node = owner.safe.node
    for stranger in (new_address(), owner.other):
        with pytest.raises(NodeError, match="GS025"):
            node.call("eth_call", {"from": stranger, "to": tx.to, "data": "0x" + tx.data.hex()}, "latest")


@lab
@pytest.mark.parametrize(("amount", "token", "chain", "via"), WAYS[2:])
def test_an_order_from_a_safe_is_one_transaction(
    home: Home, owner: Owner, amount: str, token: str, chain: str, via: str
) -> None:
    to, before = new_address(), home.holds(owner.safe.address, "dev1", token)
    review = owner.plan(amount, f"{chain}:{to}", token=token, via=via)
    record = pay(owner, review)
    assert record.state is PaymentState.DELIVERED
    assert (len(record.steps), owner.sent("dev1")) == (1, 1)
    assert home.holds(to, chain, token) == review.plan.payment.amount.units
    assert record.order is not None
    assert record.order.order.sender == owner.safe.address
    assert home.holds(owner.safe.address, "dev1", token) == before - record.terms.pays.units


def test_owners_that_change_before_it_is_signed_stop_it(home: Home, owner: Owner) -> None:
    begun = owner.begin(owner.plan("5", f"dev1:{new_address()}"))
    owner.safe.change(safes.CHANGE_THRESHOLD.encode(2))
    with pytest.raises(Refused, match="revert"):
        owner.resume(begun.id)
    assert owner.sent("dev1") == 0
    assert owner.find(begun.id).moved.value == "no"


@lab
def test_the_money_of_an_order_that_is_not_filled_comes_back_to_the_safe(home: Home, owner: Owner) -> None:
    with unfilled(home):
        begun = owner.begin(owner.plan("20", via="eco"))
        with pytest.raises(Exception, match="bridging"):
            owner.resume(begun.id, patience=1)
        assert home.holds(owner.safe.address, "dev1") < 80 * USDC
        home.must("devnet", "advance", "1300")
        record = owner.resume(begun.id)
    assert record.state is PaymentState.REFUNDED
    assert home.holds(owner.safe.address, "dev1") == 100 * USDC
    assert home.holds(owner.address, "dev1") == 0


def test_the_command_pays_from_the_safe_and_says_so(home: Home) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    safe, to = new_safe(home, [address]), new_address()
    home.fund(safe.address, "dev1", USDC="30")
    words = ["25", "USDC", f"dev1:{to}", "--safe", safe.place, "--account", name, "--yes", "--json"]
    done = home.must(*words)
    assert (done.json["state"], done.json["sender"], done.json["executor"]) == ("delivered", safe.address, address)
    assert f"have the Safe {safe.address} pay 25 USDC to {to}" in " ".join(done.stderr.split())
    assert home.holds(to, "dev1") == 25 * USDC
    refused = home.run(*words, "--from-chain", "dev2")
    assert refused.status == 2, refused
    for token in ("USDC", "ETH"):
        home.fund(safe.address, "dev1", ETH="2")
        home.must("max", token, f"dev1:{to}", "--safe", safe.place, "--account", name, "--yes")
        assert home.holds(safe.address, "dev1", token) == 0
    assert home.holds(to, "dev1") == 30 * USDC


@pytest.mark.parametrize("shape", ["direct", "eco"])
def test_effects_are_those_of_the_safe(home: Home, owner: Owner, shape: str) -> None:
    review = owner.plan("20", f"{'dev1' if shape == 'direct' else 'dev4'}:{new_address()}", via=shape)
    (effect,) = review.effects
    assert isinstance(effect, Executes)
    assert (effect.safe.address, effect.owner) == (owner.safe.address, owner.address)
    assert effect == decode(step_of(review), home.registry)
    assert len(effect.effects) == (1 if shape == "direct" else 2)


def test_a_safes_payment_is_not_prepared_for_another_machine(home: Home, owner: Owner) -> None:
    async def work(client: Client) -> object:
        return await client.prepare(review)

    review = owner.plan("5", f"dev1:{new_address()}")
    with pytest.raises(Refused):
        owner.do(work)
