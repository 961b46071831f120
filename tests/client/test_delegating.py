"""A change of an account's code that waits for a block: sped up, cancelled, replaced, and what comes behind it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from l2send.cli.outcome import show_outcome
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.delegation import delegate_of, named_delegate
from l2send.core.errors import NotFinal, Refused, Sent
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import Gas, Wei
from l2send.wallet.journal.records import PaymentRecord
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


def begun(payer: Payer) -> str:
    """The id of a delegation that was approved."""

    async def work(client: Client) -> str:
        return client.begin_delegation(await client.plan_delegation(payer.address, "dev1", code_of(payer.home))).id

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


def test_cancelled_it_changes_no_code(payer: Payer) -> None:
    async def cancel(client: Client) -> PaymentRecord:
        return await client.cancel(record.id, await client.cancel_bids(record.id), payer.signer)

    with standing_still(payer.node("dev1")):
        record = waiting(payer)
        last = decode_signed(payer.do(cancel).transactions[-1].raw)
        assert (last.nonce, last.tx.delegate_to, last.tx.data) == (record.transactions[0].nonce, None, b"")
    assert payer.resume(record.id).state is PaymentState.CANCELLED
    assert (delegated_to(payer), payer.sent("dev1")) == (None, 1)


def test_a_transfer_of_nothing_by_another_wallet_is_not_taken_for_it(payer: Payer) -> None:
    """As wallets cancel: the same account and the same empty call, and no code."""
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
    """It uses two nonces: a payment signed with the second could never be mined."""
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
    """The authorization is applied before the account is called, and stays when that call fails."""
    node, code = payer.node("dev1"), code_of(payer.home)
    runs = node.call("eth_getCode", code, "latest")
    payment = begun(payer)
    node.call("anvil_setCode", code, "0x60006000fd")
    try:
        record = payer.resume(payment)
    finally:
        node.call("anvil_setCode", code, runs)
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
