"""A Safe with two of three owners pays: what they sign, who sends it, and that it happens once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from l2send.client import Client
from l2send.core.address import checksum
from l2send.core.calldata import Function
from l2send.core.errors import L2sendError, NotFinal, Refused, Sent
from l2send.core.plan import UnsignedTx
from l2send.core.safe import Operation, SafeTx, read_execution, safe_tx_of
from l2send.core.safe_signatures import contract_signature, pack_signatures, read_signature
from l2send.core.units import Wei
from l2send.resolver.way_limits import Limits
from l2send.review import OfflineLimits, Review, review_of_safe
from l2send.safes import execution_step
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.safe_files import SafeBundle, merge_safe, with_signatures
from tests.bridges.mutations import Capsys
from tests.conftest import Home
from tests.support import safes
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.owners import Team, new_signer, through_a_file
from tests.support.solving import unfilled
from tests.support.standing_still import standing_still

lab = pytest.mark.lab
USDC = 10**6
MESSAGE_HASH = Function("getMessageHash(bytes)", "bytes32")
"""Of a Safe's fallback handler: the hash that its owners sign for it to have signed those bytes."""


@pytest.fixture
def team(home: Home, tmp_path: Path) -> Team:
    return Team(home, tmp_path)


def by_a_stranger(team: Team, bundle: SafeBundle) -> str:
    """An account that no journal knows executes it, without l2send. Returns the transaction's hash."""
    stranger = new_address()
    team.node.call("anvil_setBalance", stranger, hex(10**18))
    team.node.call("anvil_impersonateAccount", stranger)
    tx = bundle.safe_tx.execution(pack_signatures(bundle.signatures[: bundle.proposal.threshold]))
    return str(send_unlocked(team.node, stranger, tx.to, tx.data)["transactionHash"])


def test_two_of_three_pay_and_anyone_sends_it(team: Team, tmp_path: Path) -> None:
    """Prepared in one home, signed by two owners, sent from a home that knew nothing of it."""
    to = new_address()
    bundle = team.prepare("5", f"dev1:{to}")
    assert team.safe.contract_hash(bundle.safe_tx, bundle.proposal.nonce) == bundle.typed.digest
    bundle = through_a_file(team.sign(through_a_file(bundle, tmp_path / "a.json"), 2, 0), tmp_path / "b.json")
    elsewhere = team.home_of("executor")
    team.adopt(bundle, elsewhere)
    record = team.execute(bundle, elsewhere)
    assert (record.state, record.proposal and record.proposal.state) == (PaymentState.DELIVERED, ProposalState.FINAL)
    assert team.home.holds(to, "dev1") == 5 * USDC
    again = team.execute(bundle, elsewhere)
    assert (again.state, team.sent()) == (PaymentState.DELIVERED, 1), "sent twice"
    here = team.status(bundle)
    assert (here.state, here.id) == (PaymentState.DELIVERED, record.id), "the home that prepared it sees it too"
    assert here.delivered_at is not None
    assert not here.executions


def test_too_few_signatures_send_nothing(team: Team) -> None:
    bundle = team.sign(team.prepare(), 1)
    with pytest.raises(Refused, match=r"1 of the 2 signatures .* 1 more, from") as refused:
        team.execute(bundle)
    assert all(owner.address in refused.value.message for owner in (team.owners[0], team.owners[2]))
    assert (team.sent(), team.status(bundle).state) == (0, PaymentState.PROPOSED)


def test_executed_by_a_stranger_it_is_found_and_counted_once(team: Team) -> None:
    to = new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    tx_hash = by_a_stranger(team, bundle)
    record = team.execute(bundle)
    assert record.proposal
    assert (record.state, record.proposal.tx_hash) == (PaymentState.DELIVERED, tx_hash)
    assert (team.sent(), team.home.holds(to, "dev1")) == (0, 5 * USDC)


def test_owners_or_threshold_that_changed_are_told(team: Team) -> None:
    bundle = team.sign(team.prepare(), 0, 1)
    new = new_signer().address
    team.safe.change(safes.SWAP_OWNER.encode(*before(team, 0), new))
    with pytest.raises(Refused, match=f"{team.owners[0].address} signed and is no owner any more.*owners changed"):
        team.execute(bundle)
    team.safe.change(safes.CHANGE_THRESHOLD.encode(3))
    with pytest.raises(Refused, match="needs 3 signatures now, and needed 2"):
        team.execute(bundle)
    assert team.sent() == 0
    bundle = team.sign(bundle, 2)
    team.safe.change(safes.CHANGE_THRESHOLD.encode(2))
    assert team.execute(bundle).state is PaymentState.DELIVERED, "two who are owners still have signed"


def before(team: Team, owner: int) -> tuple[str, str]:
    """The owner before that one in the Safe's list, and the owner. The list has the order in which it was given."""
    address = team.owners[owner].address
    return (safes.SENTINEL if owner == 0 else team.owners[owner - 1].address), address


def test_a_later_nonce_waits_for_the_earlier(team: Team) -> None:
    first, second = new_address(), new_address()
    one, two = team.prepare("5", f"dev1:{first}"), team.prepare("6", f"dev1:{second}")
    assert two.proposal.nonce == one.proposal.nonce + 1
    one, two = team.sign(one), team.sign(two)
    with pytest.raises(Refused, match="1 of its transactions come first"):
        team.execute(two)
    assert team.execute(one).state is team.execute(two).state is PaymentState.DELIVERED
    assert (team.home.holds(first, "dev1"), team.home.holds(second, "dev1")) == (5 * USDC, 6 * USDC)


def test_another_transaction_with_its_nonce_replaces_it(team: Team) -> None:
    to = new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    other = replace(bundle, signatures=(), proposal=replace(bundle.proposal, execution=_other(bundle)))
    by_a_stranger(team, team.sign(other))
    team.status(bundle)
    record = team.status(bundle)
    assert record.state is PaymentState.REPLACED
    assert record.proposal
    assert "another transaction" in record.proposal.detail
    assert team.execute(bundle).state is PaymentState.REPLACED
    assert (team.sent(), team.home.holds(to, "dev1")) == (0, 0)


@pytest.mark.parametrize("token", ["USDC", "ETH"])
def test_another_transaction_that_pays_the_same_too_does_not_replace_it(team: Team, token: str) -> None:
    """The owners put the payment into a transaction of several calls, by another program, with the same nonce."""
    bundle = team.sign(team.prepare("0.5", f"dev1:{(to := new_address())}", token=token))
    execution = bundle.proposal.execution
    mine, _ = read_execution(execution)
    calls = [
        UnsignedTx(execution.chain_id, mine.to, mine.value, mine.data),
        UnsignedTx(execution.chain_id, new_address(), Wei(1), b""),
    ]
    (version,) = (one for one in team.home.chain("dev1").safes if one.version == "1.4.1")
    both = safe_tx_of(execution.to, calls, version.multi_send_call_only.address).execution(b"")
    by_a_stranger(team, team.sign(replace(bundle, signatures=(), proposal=replace(bundle.proposal, execution=both))))
    assert team.home.holds(to, "dev1", token) == (USDC // 2 if token == "USDC" else 5 * 10**17)
    team.status(bundle)
    team.status(bundle)
    record = team.status(bundle)
    assert record.state is PaymentState.INDETERMINATE
    assert record.proposal
    assert "the recipient got as much" in record.proposal.detail


def _other(bundle: SafeBundle) -> UnsignedTx:
    """The Safe sends one wei of ETH to someone instead."""
    execution = bundle.proposal.execution
    return SafeTx(execution.chain_id, execution.to, new_address(), Wei(1), b"", Operation.CALL).execution(b"")


def test_cancelled_by_its_owners_it_never_happens(team: Team, tmp_path: Path) -> None:
    to = new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    cancelling = through_a_file(team.sign(team.cancelling(bundle), 1, 2), tmp_path / "cancel.json")
    record = team.execute(cancelling)
    assert (record.state, record.proposal and record.proposal.state) == (
        PaymentState.CANCELLED,
        ProposalState.CANCELLED,
    )
    assert team.execute(bundle).state is PaymentState.CANCELLED
    assert (team.sent(), team.home.holds(to, "dev1")) == (1, 0)
    assert team.prepare("5", f"dev1:{to}").proposal.nonce == bundle.proposal.nonce + 1


def test_an_owner_who_pays_alone_is_told_what_that_replaces(home: Home, tmp_path: Path) -> None:
    """The Safe's next nonce is that of a payment which waits for signatures in the same journal."""
    team = Team(home, tmp_path, owners=1, threshold=1)
    home.fund(team.owners[0].address, "dev1", ETH="1")
    bundle = team.prepare("5", f"dev1:{new_address()}")

    async def plan(client: Client) -> Review:
        to = client.destination(f"dev1:{new_address()}")
        payment = client.payment(team.safe.address, "6", "USDC", to, executor=team.owners[0].address)
        return await client.plan(payment, Limits(from_chains=("dev1",)))

    (note,) = [note for note in team.do(plan).plan.quote.notes if bundle.id in note]
    assert f"nonce {bundle.proposal.nonce}" in note


def test_one_nonce_has_one_approved_transaction(team: Team, tmp_path: Path) -> None:
    """Another payment for the same nonce is refused by this journal, and by the Safe wherever it is tried."""
    bundle = team.prepare()
    apart = Team.like(team, tmp_path / "apart").prepare()
    assert apart.proposal.nonce == bundle.proposal.nonce
    with pytest.raises(Refused, match="One transaction is approved for each nonce"):
        team.adopt(apart, team.home_of("preparer"))


def test_two_who_prepare_the_same_transaction_mean_one_payment(team: Team, tmp_path: Path) -> None:
    """Their files have ids of their own. Each signs the other's, the signatures fit together, and it is paid once."""
    to, other = new_address(), Team.like(team, tmp_path / "apart")
    mine, theirs = team.prepare("5", f"dev1:{to}"), other.prepare("5", f"dev1:{to}")
    assert (mine.id != theirs.id, mine.typed.digest) == (True, theirs.typed.digest)
    theirs = through_a_file(other.sign(theirs, 1), tmp_path / "theirs.json")
    assert team.adopt(theirs, team.home_of("preparer")).id == mine.id
    joined = merge_safe([theirs, team.sign(mine, 0)])
    assert joined.id == theirs.id
    record = team.execute(joined)
    assert (record.id, record.state, team.sent()) == (mine.id, PaymentState.DELIVERED, 1)
    assert other.status(theirs).state is PaymentState.DELIVERED
    assert (other.execute(joined).id, team.sent()) == (theirs.id, 1), "sent twice"
    assert team.home.holds(to, "dev1") == 5 * USDC


def test_the_same_payment_at_another_nonce_is_refused_while_it_is_open(team: Team) -> None:
    to = new_address()
    team.prepare("5", f"dev1:{to}")
    with pytest.raises(Refused, match="the same payment is open already"):
        team.prepare("5", f"dev1:{to}")
    assert team.prepare("5", f"dev1:{to}", again=True)


def test_a_replay_is_refused_by_the_safe(team: Team) -> None:
    bundle = team.sign(team.prepare())
    team.execute(bundle)
    record = team.status(bundle)

    async def work(client: Client) -> object:
        return await execution_step(record, bundle, team.executor.address, client.rpcs)

    with pytest.raises(NotFinal, match="is used"):
        team.do(work)


@lab
@pytest.mark.parametrize("version", ["1.4.1", "1.5.0"])
@pytest.mark.parametrize(
    ("amount", "token", "via"),
    [("20", "USDC", "eco"), ("0.5", "ETH", "eco"), ("20", "USDC", "across"), ("0.5", "ETH", "across")],
)
def test_an_order_of_a_safe_is_filled(
    home: Home, tmp_path: Path, version: str, amount: str, token: str, via: str
) -> None:
    team, to = Team(home, tmp_path, version=version), new_address()
    bundle = team.sign(team.prepare(amount, f"dev4:{to}", token=token, via=via), 1, 2)
    record = team.execute(bundle)
    assert record.state is PaymentState.DELIVERED
    assert home.holds(to, "dev4", token) == bundle.payment.amount.units
    assert record.order
    assert record.order.order.sender == team.safe.address
    assert team.sent() == 1


@lab
def test_fees_and_deadline_are_judged_by_who_signs_and_not_by_who_sends(team: Team) -> None:
    """An owner allowed the bridge's fee by --max-fee; the account that sends the file has no such option."""
    bundle = team.prepare("20", f"dev4:{new_address()}", via="eco")
    with pytest.raises(L2sendError, match="more than"):
        review_of_safe(bundle, team.home.registry, (), OfflineLimits(percent=1e-9))
    assert review_of_safe(bundle, team.home.registry).effects


@lab
@pytest.mark.parametrize("token", ["USDC", "ETH"])
def test_native_coin_and_tokens_on_the_same_chain(home: Home, tmp_path: Path, token: str) -> None:
    team, to = Team(home, tmp_path, version="1.5.0"), new_address()
    record = team.execute(team.sign(team.prepare("0.5", f"dev1:{to}", token=token)))
    assert record.state is PaymentState.DELIVERED
    assert home.holds(to, "dev1", token) == record.payment.amount.units


def test_other_kinds_of_signatures_are_verified_before_anything_is_sent(team: Team) -> None:
    bundle = team.sign(team.prepare(), 0)
    digest = bundle.typed.digest
    word = bytes(12) + bytes.fromhex(team.owners[1].address[2:])
    approved = with_signatures(bundle, [read_signature(word + bytes(32) + b"\x01", digest)])
    with pytest.raises(Refused, match="has not approved the hash on the chain"):
        team.execute(approved)
    contract = with_signatures(bundle, [contract_signature(team.owners[1].address, b"yes")])
    with pytest.raises(Refused, match="the Safe would not run it"):
        team.execute(contract)
    stranger = read_signature(new_signer().sign_typed(bundle.typed), digest)
    with pytest.raises(Refused, match="1 of the 2 signatures"):
        team.execute(with_signatures(bundle, [stranger]))
    assert team.sent() == 0
    send_unlocked_as(team, 1, safes.APPROVE_HASH.encode(digest))
    assert team.execute(approved).state is PaymentState.DELIVERED
    assert team.sent() == 1


def send_unlocked_as(team: Team, owner: int, data: bytes) -> None:
    """The owner calls the Safe in a transaction of their own."""
    address = team.owners[owner].address
    team.node.call("anvil_setBalance", address, hex(10**18))
    team.node.call("anvil_impersonateAccount", address)
    send_unlocked(team.node, address, team.safe.address, data)


def test_gas_of_a_payment_by_a_safe(team: Team, capsys: Capsys) -> None:
    record = team.execute(team.sign(team.prepare()))
    assert record.proposal
    receipt = team.node.call("eth_getTransactionReceipt", record.proposal.tx_hash)
    used = int(receipt["gasUsed"], 16)
    with capsys.disabled():
        print(f"\n[gas] a token transfer by two owners of a Safe: {used} (an account's own: about 52,000)", end="")
    assert 60_000 < used < 150_000


@lab
def test_what_cancels_it_is_not_taken_for_the_payment_that_waits(own_home: Home, tmp_path: Path) -> None:
    """The payment is sent and in no block. A file that cancels it must not be followed as if it were that payment."""
    team, to = Team(own_home, tmp_path), new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))
    cancelling = team.sign(team.cancelling(bundle))
    with standing_still(team.node):
        with pytest.raises(NotFinal):
            team.execute(bundle, patience=1)
        with pytest.raises(Refused, match="the payment was sent and has not ended") as refused:
            team.execute(cancelling, patience=1)
        assert refused.value.sent is Sent.MAYBE
    assert team.execute(bundle).state is PaymentState.DELIVERED
    assert team.home.holds(to, "dev1") == 5 * USDC


@lab
def test_what_brings_it_to_the_chain_is_sped_up_and_pays_once(own_home: Home, tmp_path: Path) -> None:
    """A node estimates gas on top of pending transactions by default. There the Safe's nonce is used already."""
    team, to = Team(own_home, tmp_path), new_address()
    bundle = team.sign(team.prepare("5", f"dev1:{to}"))

    async def speed_up(client: Client) -> PaymentRecord:
        bids = await client.speedup_bids(bundle.id)
        return await client.replace(bundle.id, bids, team.executor)

    with standing_still(team.node):
        with pytest.raises(NotFinal):
            team.execute(bundle, patience=1)
        first, second = team.do(speed_up).transactions
        assert (first.nonce, first.step.tx) == (second.nonce, second.step.tx)
        assert first.hash != second.hash
    assert team.execute(bundle).state is PaymentState.DELIVERED
    assert (team.sent(), team.home.holds(to, "dev1")) == (1, 5 * USDC)


@pytest.mark.parametrize("version", ["1.4.1", pytest.param("1.5.0", marks=lab)])
def test_a_safe_that_owns_the_safe_signs_by_its_own_owner(home: Home, tmp_path: Path, version: str) -> None:
    """EIP-1271 by Safe's own fallback handler. What its owner signs is a SafeMessage of the owning Safe."""
    team, key, to = Team(home, tmp_path, version=version), Account.create(), new_address()
    owning = safes.new_safe(home, [checksum(key.address)], version=version)
    team.safe.change(safes.SWAP_OWNER.encode(*before(team, 2), owning.address))
    bundle = team.sign(team.prepare("5", f"dev1:{to}"), 0)
    assert owning.address in bundle.proposal.owners
    typed = bundle.typed
    # Version 1.4.1 asks about the bytes that are hashed, 1.5.0 about their hash.
    asked = b"\x19\x01" + typed.domain_hash + typed.message_hash if version == "1.4.1" else typed.digest
    message_hash = team.node.eth_call(owning.address, MESSAGE_HASH.encode(asked))
    good = contract_signature(owning.address, bytes(key.unsafe_sign_hash(message_hash).signature))
    bad = contract_signature(owning.address, bytes(Account.create().unsafe_sign_hash(message_hash).signature))
    with pytest.raises(Refused, match="the Safe would not run it"):
        team.execute(with_signatures(bundle, [bad]))
    record = team.execute(through_a_file(with_signatures(bundle, [good]), tmp_path / "signed.json"))
    assert record.state is PaymentState.DELIVERED
    assert (team.sent(), home.holds(to, "dev1")) == (1, 5 * USDC)


@lab
def test_the_money_of_an_order_that_is_not_filled_comes_back_to_the_safe(home: Home, team: Team) -> None:
    """Any account with gas can request it, and the Safe gets the money."""
    with unfilled(home):
        bundle = team.sign(team.prepare("20", f"dev4:{new_address()}", via="eco"))
        with pytest.raises(NotFinal, match="bridging"):
            team.execute(bundle, patience=2)
        with pytest.raises(Refused, match="is bridging"):
            team.cancelling(bundle)
        assert home.holds(team.safe.address, "dev1") < 80 * USDC
        home.must("devnet", "advance", "8000")
        record = team.execute(bundle)
    assert record.state is PaymentState.REFUNDED
    assert home.holds(team.safe.address, "dev1") == 100 * USDC
