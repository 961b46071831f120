"""Resumes a payment step by step, while another wallet with the same key sends transactions."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from l2send.core.errors import L2sendError, NotFinal
from l2send.core.plan import GasPrice, UnsignedTx
from l2send.core.units import Gas, Nonce, Wei
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.keys.signed import decode_signed
from tests.support.addresses import new_address
from tests.support.faultproxy import Fault
from tests.wallet.rig import CHAIN_ID, ETHER, Rig

SEND = "eth_sendRawTransaction"
COUNT, RECEIPT = "eth_getTransactionCount", "eth_getTransactionReceipt"


def refused(rig: Rig, payment_id: str, kind: type[L2sendError], patience: float = 10) -> L2sendError:
    with pytest.raises(kind) as caught:
        rig.resume(payment_id, patience)
    return caught.value


def reach(rig: Rig, payment_id: str, reached: Callable[[PaymentRecord], bool]) -> PaymentRecord:
    """Resume, each time for a moment, until `reached`; it must not come to its end before."""
    for _ in range(60):
        refused(rig, payment_id, NotFinal, patience=0.2)
        record = rig.record(payment_id)
        if reached(record):
            return record
    pytest.fail(f"never reached: {rig.record(payment_id)}")


def is_in(*states: TxState) -> Callable[[PaymentRecord], bool]:
    return lambda record: tuple(tx.state for tx in record.transactions) == states


def nothing_signed(rig: Rig, payment_id: str) -> bool:
    return all(tx.raw == b"" for tx in rig.record(payment_id).transactions)


def until(rig: Rig, payment_id: str, *states: TxState) -> PaymentRecord:
    """Resume, each time for a moment, until its transactions are in these states."""
    for _ in range(60):
        with pytest.raises(NotFinal):
            rig.resume(payment_id, patience=0.15)
        record = rig.record(payment_id)
        if [tx.state for tx in record.transactions if tx.raw] == list(states):
            return record
    pytest.fail(f"never came to {states}: {rig.record(payment_id)}")


def waiting(rig: Rig, *before: UnsignedTx, units: int = ETHER // 1000) -> PaymentRecord:
    """A payment whose first transaction is in the node's pool, and in no block."""
    payment_id = rig.begin(rig.payment(units), *before).id
    return until(rig, payment_id, TxState.BROADCAST)


UNKNOWN_TYPE = Fault(
    "unknown transaction type",
    forward=False,
    status=200,
    body=b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"unknown transaction type"}}',
)


def send_elsewhere(rig: Rig, nonce: int) -> str:
    """A transaction of the same key from another wallet, which the journal knows nothing of."""
    price = GasPrice(Wei(10**9), Wei(10**9), Wei(10 * 10**9))
    signed = rig.signer.sign(
        CHAIN_ID, Nonce(nonce), UnsignedTx(CHAIN_ID, new_address(), Wei(1), b""), Gas(21000), price
    )
    return str(rig.node.call(SEND, "0x" + signed.raw.hex()))


def elsewhere(rig: Rig, record: PaymentRecord, tx: UnsignedTx | None = None, *, step: int = 0) -> str:
    """What another wallet sends with the nonce of a step: the same call at a higher fee, or `tx`. Its hash."""
    said = decode_signed(record.transactions[step].raw)
    price = GasPrice(Wei(0), Wei(said.tip * 3), Wei(said.max_fee_per_gas * 3))
    signed = rig.signer.sign(CHAIN_ID, said.nonce, tx or said.tx, Gas(90_000), price)
    return str(rig.node.call(SEND, "0x" + signed.raw.hex()))
