"""Converts rows of the journal's tables into records. sqlite_schema.py defines the tables."""

from __future__ import annotations

from collections.abc import Sequence

from l2send.core.address import Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.tx_fee import TxFee
from l2send.core.units import BlockNumber, Gas, Nonce, UnixTime, Wei
from l2send.wallet.journal import codec
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.records import OrderRecord, PaymentRecord, ProposalRecord, SponsoredRecord, TxRecord
from l2send.wallet.journal.shared_tx import Ride
from l2send.wallet.journal.states import SponsoredState, TxState
from l2send.wallet.journal.store import Row

SIGNATURE_LENGTH = 65
"""Signatures of several messages are concatenated in one field."""


def payment_record(
    row: Row,
    steps: Sequence[Row],
    orders: Sequence[Row],
    sponsored: Sequence[Row],
    proposals: Sequence[Row],
    rides: Sequence[Row] = (),
) -> PaymentRecord:
    """The record of a row of `payments` and its rows in the other tables."""
    return PaymentRecord(
        id=row["id"],
        key=row["idempotency_key"],
        created_at=UnixTime(row["created_at"]),
        payment=codec.payment_from(codec.load(row["payment"])),
        terms=codec.terms_from(codec.load(row["terms"])),
        transactions=tuple(tx_record(step) for step in steps),
        order=order_record(orders),
        group_id=row["group_id"],
        sponsored=sponsored_record(sponsored),
        proposal=proposal_record(proposals),
        typed_name=row["typed_name"],
        memo=row["memo"],
        arrived_units=None if row["arrived"] is None else int(row["arrived"]),
        delivered_at=None if row["delivered_at"] is None else UnixTime(row["delivered_at"]),
        closed_at=None if row["closed_at"] is None else UnixTime(row["closed_at"]),
        ride=Ride(rides[0]["shared_id"], rides[0]["call"], rides[0]["calls"]) if rides else None,
    )


def tx_record(row: Row) -> TxRecord:
    """The record of a row of `transactions`."""
    return TxRecord(
        payment_id=row["payment_id"],
        index=row["step"],
        step=codec.step_from(codec.load(row["body"])),
        sender=Address(row["sender"]),
        state=TxState(row["state"]),
        nonce=None if row["nonce"] is None else Nonce(row["nonce"]),
        hash=row["hash"] or "",
        raw=row["raw"] or b"",
        block=None if row["block"] is None else BlockNumber(row["block"]),
        block_hash=row["block_hash"],
        signed_at=None if row["signed_at"] is None else UnixTime(row["signed_at"]),
        detail=row["detail"],
        maybe_paid=bool(row["maybe_paid"]),
        replaces=row["replaces"],
        elsewhere=bool(row["elsewhere"]),
        fee=_fee(row),
    )


def _fee(row: Row) -> TxFee | None:
    if row["gas_used"] is None:
        return None
    l1_fee = None if row["l1_fee"] is None else Wei(int(row["l1_fee"]))
    return TxFee(Gas(row["gas_used"]), Wei(int(row["gas_price"])), l1_fee, Wei(int(row["operator_fee"])))


def order_record(rows: Sequence[Row]) -> OrderRecord | None:
    """The record of a payment's row of `orders`; None without one."""
    if not rows:
        return None
    row = rows[0]
    order = codec.order_from(codec.load(row["body"]))
    return OrderRecord(order, OrderState(row["state"]), row["fill_tx"], row["detail"])


def sponsored_record(rows: Sequence[Row]) -> SponsoredRecord | None:
    """The record of a payment's row of `sponsored`; None without one."""
    if not rows:
        return None
    row = rows[0]
    signed: bytes = row["signatures"] or b""
    return SponsoredRecord(
        sponsored=codec.sponsored_from(codec.load(row["body"])),
        state=SponsoredState(row["state"]),
        signatures=tuple(signed[i : i + SIGNATURE_LENGTH] for i in range(0, len(signed), SIGNATURE_LENGTH)),
        signed_at=None if row["signed_at"] is None else UnixTime(row["signed_at"]),
        opening_tx=row["opening_tx"],
        block=None if row["block"] is None else BlockNumber(row["block"]),
        detail=row["detail"],
    )


def proposal_record(rows: Sequence[Row]) -> ProposalRecord | None:
    """The record of a payment's row of `proposals`; None without one."""
    if not rows:
        return None
    row = rows[0]
    return ProposalRecord(
        proposal=codec.proposal_from(codec.load(row["body"])),
        hash=row["hash"],
        state=ProposalState(row["state"]),
        tx_hash=row["tx_hash"],
        block=None if row["block"] is None else BlockNumber(row["block"]),
        detail=row["detail"],
        maybe_paid=bool(row["maybe_paid"]),
    )
