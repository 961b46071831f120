"""An account that delegates by EIP-7702 approves and opens in one transaction, decoded from the signed bytes."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak

from bench import cast as pinned
from l2send.bridges import decode
from l2send.client import Client, open_client
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.calldata import APPROVE, TRANSFER
from l2send.core.delegation import batch_tx, decode_batch, delegate_of, delegation_tx, named_delegate
from l2send.core.effects import Allows, CallsTogether, Delegates, Opens
from l2send.core.errors import ConfigError, NotFinal, Refused
from l2send.core.paths import Paths
from l2send.core.plan import ChainAddress, GasPrice, StepKind, UnsignedTx
from l2send.core.units import Gas, Nonce, Wei
from l2send.delegating import Delegation
from l2send.devnet.node import Node
from l2send.guard import checked_effects
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signed import decode_signed
from tests.bridges.mutations import Capsys, all_refused, every_byte
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer
from tests.support.settlers import with_chains
from tests.support.solving import unfilled

GAS, PRICE = Gas(100_000), GasPrice(Wei(7), Wei(1), Wei(50))


class Delegating(Payer):
    """An account on dev1 that delegates, and ends that, as the command does."""

    @property
    def code(self) -> Address:
        return named_delegate("simple7702account", self.home.chain("dev1")).code.address

    def delegated_to(self) -> Address | None:
        return delegate_of(bytes.fromhex(self.node("dev1").call("eth_getCode", self.address, "latest")[2:]))

    def delegation(self, code: Address) -> Delegation:
        async def work(client: Client) -> Delegation:
            return await client.plan_delegation(self.address, "dev1", code)

        return self.do(work)

    def delegate(self, code: Address) -> PaymentRecord:
        delegation = self.delegation(code)

        async def work(client: Client) -> str:
            return client.begin_delegation(delegation).id

        record = self.resume(self.do(work))
        assert isinstance(record, PaymentRecord)
        return record


@pytest.fixture
def payer(home: Home) -> Delegating:
    return Delegating(home, "dev1")


@pytest.fixture
def delegated(payer: Delegating) -> Delegating:
    assert payer.delegate(payer.code).state is PaymentState.DELIVERED
    return payer


def test_an_account_delegates_and_ends_it(payer: Delegating) -> None:
    assert payer.delegated_to() is None
    record = payer.delegate(payer.code)
    assert (record.state, payer.delegated_to()) == (PaymentState.DELIVERED, payer.code)
    (tx,) = record.transactions
    assert (tx.step.kind, tx.raw[0]) == (StepKind.DELEGATE, 4)
    with pytest.raises(Refused, match="already"):
        payer.delegation(payer.code)
    assert payer.delegate(ZERO_ADDRESS).state is PaymentState.DELIVERED
    assert payer.delegated_to() is None


@pytest.mark.parametrize("via", ["eco", "across"])
def test_approval_and_order_are_one_transaction(delegated: Delegating, via: str) -> None:
    to = new_address()
    before = delegated.sent("dev1")
    review = delegated.plan("20", f"dev4:{to}", via=via)
    (step,) = review.plan.quote.steps
    effect = decode(step.tx, delegated.home.registry)
    assert isinstance(effect, CallsTogether)
    assert [type(one) for one in effect.effects] == [Allows, Opens]
    record = delegated.resume(delegated.begin(review).id)
    assert record.state is PaymentState.DELIVERED
    assert (delegated.home.holds(to, "dev4"), delegated.sent("dev1")) == (20 * 10**6, before + 1)
    order = review.plan.quote.order
    assert order
    assert delegated.allowance("dev1", order.origin_settler) == 0


def test_an_account_without_delegation_pays_by_two(payer: Delegating) -> None:
    steps = payer.plan("20", via="eco").plan.quote.steps
    assert [step.kind for step in steps] == [StepKind.APPROVE, StepKind.OPEN]


@pytest.mark.lab
def test_every_byte_of_a_batch(delegated: Delegating, capsys: Capsys) -> None:
    review = delegated.plan("20", via="eco")
    plan = review.plan
    (step,) = plan.quote.steps
    every_byte(
        capsys,
        "EIP-7702 batch, USDC by eco",
        step.tx,
        lambda tx: checked_effects(plan.payment, [tx], plan.quote.pays, delegated.home.registry),
    )


def test_what_else_a_batch_could_do_is_refused(delegated: Delegating, capsys: Capsys) -> None:
    plan = delegated.plan("20", via="eco").plan
    (step,) = plan.quote.steps
    approve, opening = decode_batch(step.tx)
    theft = replace(approve, data=TRANSFER.encode(new_address(), 1))
    more = replace(approve, data=APPROVE.encode(new_address(), 2**255))
    bad = {
        "an extra transfer": batch_tx(delegated.address, [approve, opening, theft]),
        "an extra transfer first": batch_tx(delegated.address, [theft, approve, opening]),
        "an allowance of a stranger": batch_tx(delegated.address, [more, approve, opening]),
        "opened twice": batch_tx(delegated.address, [approve, opening, opening]),
        "in another order": batch_tx(delegated.address, [opening, approve]),
        "approved alone": batch_tx(delegated.address, [approve, approve]),
        "of another account": replace(step.tx, to=new_address()),
        "on another chain": replace(step.tx, chain_id=delegated.home.chain("dev2").chain_id),
        "with coin": replace(step.tx, value=Wei(1)),
        "with a delegation": replace(step.tx, delegate_to=new_address()),
        "a batch inside": batch_tx(delegated.address, [approve, replace(step.tx, to=new_address())]),
        "coin to a stranger": batch_tx(
            delegated.address, [approve, opening, UnsignedTx(approve.chain_id, new_address(), Wei(1), b"")]
        ),
    }
    all_refused(
        capsys,
        "EIP-7702 batch, other calls",
        bad,
        lambda tx: checked_effects(plan.payment, [tx], plan.quote.pays, delegated.home.registry),
    )


def test_code_that_the_registry_does_not_list_is_refused(payer: Delegating) -> None:
    with pytest.raises(Refused, match="does not list"):
        payer.delegation(new_address())


def test_an_account_that_runs_foreign_code_does_not_pay(payer: Delegating) -> None:
    review = payer.plan("20", f"dev1:{new_address()}")
    record = payer.begin(review)
    foreign = new_address()
    payer.node("dev1").call("anvil_setCode", payer.address, "0xef0100" + foreign[2:])
    with pytest.raises(Refused, match=f"delegates to {foreign}"):
        payer.resume(record.id)
    assert payer.sent("dev1") == 0
    with pytest.raises(Refused, match=f"delegates to {foreign}"):
        payer.plan("20", via="eco")
    assert payer.delegation(ZERO_ADDRESS).is_over_foreign
    assert payer.delegate(ZERO_ADDRESS).state is PaymentState.DELIVERED


def test_a_delegation_that_changes_what_is_signed_is_thrown_away(payer: Delegating) -> None:
    delegation = payer.delegation(payer.code)
    (step,) = delegation.quote.steps
    other = replace(step, tx=replace(step.tx, delegate_to=new_address()))

    async def work(client: Client) -> str:
        changed = replace(delegation, quote=replace(delegation.quote, steps=(other,)))
        return client.begin_delegation(changed).id

    with pytest.raises(Refused, match="does not list"):
        payer.resume(payer.do(work))
    assert (payer.sent("dev1"), payer.delegated_to()) == (0, None)


@pytest.mark.parametrize("position", ["chain", "nonce", "authority", "two", "none"])
def test_an_authorization_that_could_be_used_elsewhere_is_refused(payer: Delegating, position: str) -> None:
    """A faulty or hostile signer could write it. The account itself signs the transaction around it."""
    chain, key = payer.home.chain("dev1").chain_id, Account.create()
    mine = {"chainId": chain, "address": payer.code, "nonce": 6}
    other = {"chain": {"chainId": 0}, "nonce": {"nonce": 5}}.get(position, {})
    signer = Account.create() if position == "authority" else key
    authorizations = [signer.sign_authorization({**mine, **other})] * {"two": 2, "none": 0}.get(position, 1)
    fields = {"chainId": chain, "nonce": 5, "to": key.address, "value": 0, "gas": 100_000, "data": b"", "type": 4}
    fields |= {"maxFeePerGas": 50, "maxPriorityFeePerGas": 1, "authorizationList": authorizations}
    raw = rlp_signed(fields, key) if not authorizations else bytes(key.sign_transaction(fields).raw_transaction)
    with pytest.raises(Refused):
        decode_signed(raw)


def rlp_signed(fields: dict[str, Any], key: LocalAccount) -> bytes:
    """A type-4 transaction without authorizations, which the library does not sign."""
    items = [fields[name] for name in ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas")]
    body = [*items, bytes.fromhex(fields["to"][2:]), 0, b"", [], []]
    unsigned: Any = rlp.encode(body)
    digest: Any = keccak(b"\x04" + unsigned)
    signed = key.unsafe_sign_hash(digest)
    whole: Any = rlp.encode([*body, signed.v - 27, signed.r, signed.s])
    return b"\x04" + bytes(whole)


def test_signed_bytes_of_a_delegation_say_all_of_it(payer: Delegating) -> None:
    chain = payer.home.chain("dev1").chain_id
    tx = delegation_tx(chain, payer.address, payer.code)
    signed = payer.signer.sign(chain, Nonce(5), tx, GAS, PRICE)
    said = decode_signed(signed.raw)
    assert said.matches(Nonce(5), tx, GAS, PRICE)
    assert decode(said.tx, payer.home.registry) == Delegates(ChainAddress(chain, payer.address), payer.code)
    assert not said.matches(Nonce(5), replace(tx, delegate_to=ZERO_ADDRESS), GAS, PRICE)


def test_cast_reads_the_same_delegation(payer: Delegating) -> None:
    try:
        cast = pinned.find(Paths.from_environment().cache, lambda _: None)
    except ConfigError as error:
        pytest.skip(error.message)
    chain = payer.home.chain("dev1").chain_id
    signed = payer.signer.sign(chain, Nonce(5), delegation_tx(chain, payer.address, payer.code), GAS, PRICE)
    done = subprocess.run(
        [cast, "decode-transaction", "0x" + signed.raw.hex()], capture_output=True, text=True, timeout=60, check=True
    )
    read = json.loads(done.stdout)
    read = json.loads(read) if isinstance(read, str) else read  # Some versions print the document as a JSON string.
    (authorization,) = read["authorizationList"]
    assert read["type"] == "0x4"
    assert read["signer"].lower() == payer.address.lower()
    assert int(authorization["chainId"], 16) == chain
    assert (authorization["address"].lower(), int(authorization["nonce"], 16)) == (payer.code.lower(), 6)


@pytest.mark.lab
@pytest.mark.parametrize(
    "place", ["locked", "signed", "journaled", "before_broadcast", "after_broadcast", "mined", "order_opened"]
)
def test_killed_anywhere_a_batch_pays_once(home: Home, tmp_path: Path, place: str) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    home.must("wallet", "delegate", name, "--chain", "dev1", "--yes")
    to, proof = new_address(), tmp_path / "proof"
    words = ("25", "USDC", f"dev4:{to}", "--via", "eco", "--yes", "--account", name)
    with unfilled(home):  # a fill that is seen first leaves out that the order is open
        killed = home.run(*words, L2SEND_FAILPOINT=place, L2SEND_FAILPOINT_PROOF=str(proof))
    assert (killed.status, proof.read_text()) == (-9, f"{place}\n")
    payment = home.must("history", "--json").json["payments"][0]
    resumed = home.must("resume", payment["id"], "--json", "--account", name).json
    assert (resumed["state"], home.holds(to, "dev4")) == ("delivered", 25_000_000)
    assert home.holds(address, "dev1") == 100_000_000 - int(resumed["legs"][0]["pays"]["base_units"])
    node = Node(home.chain("dev1").rpcs[0])
    # The authorization uses a nonce of its own, beside that of its transaction.
    assert node.quantity("eth_getTransactionCount", address, "latest") == 3


@pytest.mark.lab
@pytest.mark.parametrize("place", ["signed", "journaled", "after_broadcast"])
def test_killed_anywhere_an_account_delegates_once(home: Home, tmp_path: Path, place: str) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    proof = tmp_path / "proof"
    words = ("wallet", "delegate", name, "--chain", "dev1", "--yes")
    killed = home.run(*words, L2SEND_FAILPOINT=place, L2SEND_FAILPOINT_PROOF=str(proof))
    assert (killed.status, proof.read_text()) == (-9, f"{place}\n")
    payment = home.must("history", "--json").json["payments"][0]
    assert home.must("resume", payment["id"], "--json", "--account", name).json["state"] == "delivered"
    shown = home.must("wallet", "show", name, "--chain", "dev1", "--json").json
    assert shown["delegation"]["name"] == "simple7702account"
    assert Node(home.chain("dev1").rpcs[0]).quantity("eth_getTransactionCount", address, "latest") == 2


@pytest.mark.lab
def test_two_processes_use_one_delegated_account(delegated: Delegating) -> None:
    first, second = (delegated.begin(delegated.plan("20", f"dev4:{new_address()}", via="eco")).id for _ in range(2))

    async def work(client: Client) -> Sequence[Record]:
        async with open_client(delegated.home.paths) as other:
            one = client.resume(first, delegated.signer, patience=30)
            return await asyncio.gather(one, other.resume(second, delegated.signer, patience=30))

    assert [record.state for record in delegated.do(work)] == [PaymentState.DELIVERED] * 2


@pytest.mark.lab
def test_a_batch_whose_block_is_taken_back_is_sent_again(own_home: Home) -> None:
    payer = Delegating(own_home, "dev1")
    assert payer.delegate(payer.code).state is PaymentState.DELIVERED
    slow = replace(own_home.chain("dev1"), confirmations=4)
    payer.registry = with_chains(own_home.registry, slow)
    to, node = new_address(), payer.node("dev1")
    record = payer.begin(payer.plan("20", f"dev4:{to}", via="eco"))
    with unfilled(own_home):
        before, sent = node.call("evm_snapshot"), payer.sent("dev1")
        with pytest.raises(NotFinal):
            payer.resume(record.id, patience=1)
        assert payer.sent("dev1") == sent + 1
        assert node.call("evm_revert", before)
        assert payer.sent("dev1") == sent, "the block is still there"
        with pytest.raises(NotFinal):
            payer.resume(record.id, patience=1)
        assert payer.sent("dev1") == sent + 1
    node.call("anvil_mine", "0x6")
    assert payer.resume(record.id).state is PaymentState.DELIVERED
    assert own_home.holds(to, "dev4") == 20 * 10**6


@pytest.mark.lab
def test_gas_beside_two_transactions(payer: Delegating, capsys: Capsys) -> None:
    """Printed for docs/delegation.md: what approval and opening use, apart and in one transaction."""
    apart = gas_of(payer.resume(payer.begin(payer.plan("20", via="eco")).id), payer)
    delegation = gas_of(payer.delegate(payer.code), payer)
    together = gas_of(payer.resume(payer.begin(payer.plan("20", via="eco")).id), payer)
    with capsys.disabled():
        print(f"\n[gas] eco, USDC: apart {apart}, in a batch {together}; the delegation itself {delegation}", end="")
    assert together < apart


def gas_of(record: Record, payer: Payer) -> int:
    node = payer.node("dev1")
    receipts = (node.call("eth_getTransactionReceipt", tx.hash) for tx in record.transactions)
    return sum(int(receipt["gasUsed"], 16) for receipt in receipts)
