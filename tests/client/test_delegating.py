"""A pending change of an account's code: sped up, cancelled, replaced, and the transactions behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account

from l2send.cli.json_documents import payment_document
from l2send.cli.outcome import show_outcome
from l2send.client import Client
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.delegation import delegate_of, named_delegate
from l2send.core.errors import NotFinal, Refused, Sent
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import Gas, Wei
from l2send.wallet.journal.records import PaymentRecord, TxRecord
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signed import decode_signed
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.paying import Payer
from tests.support.standing_still import standing_still

pytestmark = pytest.mark.lab


@pytest.fixture
def payer(own_home: Home) -> Payer:
    return Payer(own_home, "dev1")


def code_of(home: Home) -> Address:
    return named_delegate("simple7702account", home.chain("dev1")).code.address


def delegated_to(payer: Payer) -> Address | None:
    return delegate_of(bytes.fromhex(payer.node("dev1").call("eth_getCode", payer.address, "latest")[2:]))


def begun(payer: Payer, code: Address | None = None) -> str:
    """The id of a delegation that was approved."""

    async def work(client: Client) -> str:
        wanted = code_of(payer.home) if code is None else code
        return client.begin_delegation(await client.plan_delegation(payer.address, "dev1", wanted)).id

    return payer.do(work)


def delegate_elsewhere(payer: Payer, code: Address) -> None:
    """The account's owner signed an authorization elsewhere, and another account submitted it."""
    send(payer, Account.create(), [authorization(payer, code, payer.sent("dev1"))])


def authorization(payer: Payer, code: Address, nonce: int) -> Any:
    said = {"chainId": payer.home.chain("dev1").chain_id, "address": code, "nonce": nonce}
    return Account.from_key(payer.key).sign_authorization(said)


def send(payer: Payer, by: Any, authorizations: list[Any], *, nonce: int = 0, to: str = "") -> None:
    node = payer.node("dev1")
    if by.address != payer.address:
        node.call("anvil_setBalance", by.address, hex(10**18))
    tx = {
        "chainId": payer.home.chain("dev1").chain_id, "nonce": nonce, "gas": 200_000, "to": to or new_address(),
        "value": 0, "data": b"", "authorizationList": authorizations,
        "maxFeePerGas": 10**12, "maxPriorityFeePerGas": 10**10,
    }  # fmt: skip
    node.call("eth_sendRawTransaction", "0x" + bytes(by.sign_transaction(tx).raw_transaction).hex())


def refused_all(payer: Payer, payment: str) -> str:
    """What `resume --all` says of it."""

    async def work(client: Client) -> str:
        failed = await client.resume_many([payment], payer.signer)
        assert isinstance(failed[payment], Refused)
        return failed[payment].message

    return payer.do(work)


def waiting(payer: Payer) -> PaymentRecord:
    """A delegation that a node has and no block. The chain must stand still."""
    payment = begun(payer)
    with pytest.raises(NotFinal):
        payer.resume(payment, patience=1)
    record = payer.find(payment)
    assert isinstance(record, PaymentRecord)
    return record


def test_sped_up_it_delegates_once_by_the_same_nonces(payer: Payer) -> None:
    async def speed_up(client: Client) -> PaymentRecord:
        return await client.replace(record.id, await client.speedup_bids(record.id), payer.signer)

    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        first, second = (decode_signed(tx.raw) for tx in payer.do(speed_up).transactions)
        # Reading it back proves that the authorization is for the nonce after it: see keys/signed.py.
        assert (first.nonce, first.tx) == (second.nonce, second.tx)
        assert second.max_fee_per_gas > first.max_fee_per_gas
    assert payer.resume(record.id).state is PaymentState.DELIVERED
    assert (delegated_to(payer), payer.sent("dev1")) == (code_of(payer.home), 2)


def submit_elsewhere(payer: Payer, tx: TxRecord) -> None:
    """Another account submits the authorization of what was signed here."""
    (chain_id, code, nonce, parity, r, s) = rlp.decode(tx.raw[1:], strict=True)[9][0]
    fields = {"chainId": chain_id, "nonce": nonce, "yParity": parity, "r": r, "s": s}
    signed = {name: int.from_bytes(value) for name, value in fields.items()}
    send(payer, Account.create(), [{**signed, "address": code}])


def test_cancelled_it_changes_no_code_by_itself(payer: Payer, capsys: pytest.CaptureFixture[str]) -> None:
    async def cancel(client: Client) -> PaymentRecord:
        return await client.cancel(record.id, await client.cancel_bids(record.id), payer.signer)

    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        last = decode_signed(payer.do(cancel).transactions[-1].raw)
        assert (last.nonce, last.tx.delegate_to, last.tx.data) == (record.transactions[0].nonce, None, b"")
    record = payer.resume(record.id)
    assert record.state is PaymentState.CANCELLED
    assert (delegated_to(payer), payer.sent("dev1")) == (None, 1)
    show_outcome(record, payer.home.registry)
    assert "any other account can submit it" in " ".join(capsys.readouterr().out.split())
    submit_elsewhere(payer, record.transactions[0])
    assert (delegated_to(payer), payer.sent("dev1")) == (code_of(payer.home), 2), "it can"


def test_a_transfer_of_nothing_by_another_wallet_is_not_taken_for_it(payer: Payer) -> None:
    """This is how wallets cancel: the same account, the same empty call, and no authorization."""
    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        said = decode_signed(record.transactions[0].raw)
        price = GasPrice(Wei(0), Wei(said.tip * 3), Wei(said.max_fee_per_gas * 3))
        nothing = UnsignedTx(said.tx.chain_id, payer.address, Wei(0), b"")
        signed = payer.signer.sign(said.tx.chain_id, said.nonce, nothing, Gas(60_000), price)
        payer.node("dev1").call("eth_sendRawTransaction", "0x" + signed.raw.hex())
    assert (payer.sent("dev1"), delegated_to(payer)) == (1, None), "the other wallet was not first"
    assert payer.resume(record.id).state is PaymentState.REPLACED


def test_nothing_is_signed_behind_one_that_waits(payer: Payer) -> None:
    """A delegation uses two nonces. A payment signed with the second could never be mined."""
    to = new_address()
    payment = payer.begin(payer.plan("20", f"dev1:{to}")).id
    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        with pytest.raises(Refused, match=f"{record.id} changes the code") as refused:
            payer.resume(payment, patience=1)
        assert refused.value.sent is Sent.NO
    assert payer.resume(record.id).state is PaymentState.DELIVERED
    assert payer.resume(payment).state is PaymentState.DELIVERED
    assert (payer.home.holds(to, "dev1"), payer.sent("dev1")) == (20 * 10**6, 3)


def test_reverted_it_says_that_the_code_changed(payer: Payer, capsys: pytest.CaptureFixture[str]) -> None:
    """The chain applies the authorization before it calls the account, and keeps it when that call fails."""
    node, code = payer.node("dev1"), code_of(payer.home)
    runs = node.call("eth_getCode", code, "latest")
    with standing_still(node):
        payment = waiting(payer).id
        node.call("anvil_setCode", code, "0x60006000fd")
    node.call("anvil_setCode", code, runs)
    record = payer.resume(payment)
    assert (record.state, delegated_to(payer)) == (PaymentState.REVERTED, code)
    show_outcome(record, payer.home.registry)
    assert "the account runs what was asked for" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("before", [begun, lambda payer: waiting(payer).id])
def test_a_second_one_is_refused_while_the_first_is_open(payer: Payer, before: Callable[[Payer], str]) -> None:
    with standing_still(payer.node("dev1")):
        first = before(payer)
        with pytest.raises(Refused, match=f"open already: {first}") as refused:
            begun(payer)
        assert f"l2send cancel {first}" in refused.value.hint
    assert payer.resume(first).state is PaymentState.DELIVERED


def delegated_before(payer: Payer, before: str) -> None:
    if before == "foreign code":
        delegate_elsewhere(payer, new_address())
    elif before == "the same code":
        delegate_elsewhere(payer, code_of(payer.home))


@pytest.mark.parametrize(
    ("before", "wanted"), [("nothing", "the code"), ("foreign code", "the code"), ("the same code", "nothing")]
)
def test_code_that_came_meanwhile_is_not_signed_over(payer: Payer, before: str, wanted: str) -> None:
    """What was approved is a change from what the screen showed, and from nothing else."""
    delegated_before(payer, before)
    payment = begun(payer, ZERO_ADDRESS if wanted == "nothing" else None)
    foreign = new_address()
    delegate_elsewhere(payer, foreign)
    sent = payer.sent("dev1")
    said = refused_all(payer, payment)
    assert f"was cancelled: {payer.address} delegates to {foreign} on Devnet 1 now" in said
    assert "Nothing was signed" in said
    assert payer.find(payment).state is PaymentState.CANCELLED
    assert (payer.sent("dev1"), delegated_to(payer)) == (sent, foreign)


def test_a_change_that_was_made_meanwhile_is_not_made_again(payer: Payer) -> None:
    payment = begun(payer)
    delegate_elsewhere(payer, code_of(payer.home))
    assert f"delegates to {code_of(payer.home)} on Devnet 1 now, and delegated to nothing" in refused_all(
        payer, payment
    )
    assert payer.sent("dev1") == 1


def test_what_was_shown_is_signed_over(payer: Payer) -> None:
    """Foreign code that was on the screen, and is still there."""
    delegate_elsewhere(payer, new_address())
    assert payer.resume(begun(payer)).state is PaymentState.DELIVERED
    assert delegated_to(payer) == code_of(payer.home)


@pytest.mark.parametrize("how", ["the same code", "the same code on every chain", "other code", "undelegated"])
def test_a_delegation_of_another_wallet_with_its_nonce(payer: Payer, how: str) -> None:
    """Of another shape, and the account delegates to what was asked for: it happened."""
    if how == "undelegated":
        delegate_elsewhere(payer, code_of(payer.home))
    wanted = ZERO_ADDRESS if how == "undelegated" else code_of(payer.home)
    payment, nonce = begun(payer, wanted), payer.sent("dev1")
    with standing_still(payer.node("dev1")):
        with pytest.raises(NotFinal):
            payer.resume(payment, patience=1)
        signed = authorization(payer, new_address() if how == "other code" else wanted, nonce + 1)
        if how.endswith("every chain"):
            said = {"chainId": 0, "address": wanted, "nonce": nonce + 1}
            signed = Account.from_key(payer.key).sign_authorization(said)
        send(payer, Account.from_key(payer.key), [signed], nonce=nonce)
    assert payer.sent("dev1") == nonce + 2, "the other wallet was not first"
    record = payer.resume(payment)
    happened = how != "other code"
    assert record.state is (PaymentState.DELIVERED if happened else PaymentState.REPLACED)
    assert (delegated_to(payer) or ZERO_ADDRESS) == wanted or not happened


def test_an_authorization_that_another_account_submits_is_named(payer: Payer) -> None:
    """It took the nonce, and no transaction of the account did: this one never happens, and its words say what did."""
    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        payer.node("dev1").call("anvil_dropTransaction", record.transactions[0].hash)
        delegate_elsewhere(payer, code_of(payer.home))
    record = payer.resume(record.id)
    assert isinstance(record, PaymentRecord)
    assert record.state is PaymentState.REPLACED
    assert "never will" not in str(payment_document(record, payer.home.registry)["money"])
    assert f"by its delegation to {code_of(payer.home)}" in record.transactions[0].detail
    assert delegated_to(payer) == code_of(payer.home)
