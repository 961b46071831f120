"""Payments that are signed on an offline machine. A file carries them there, and carries the signatures back.

    prepare     online: the journal has the payment, and the file says what the journal has: every transaction with
                its nonce, gas limit and price, fixed
    sign        offline: the file is decoded, shown and checked as a plan is, and gets signatures
    broadcast   online: the executor finds each signature in the file instead of making it; all else is as usual

So a payment happens once for the same reason as any other: its bytes are in the journal before a node sees them, and a
prepared step is signed with its nonce or never. The file holds no secret, and is not trusted in either direction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from l2send.core.address import Address
from l2send.core.deadlines import TIME_TO_FILL
from l2send.core.errors import CannotPay, ConfigError, L2sendError, Refused, UsageError
from l2send.core.fees import gas_price, l1_fee
from l2send.core.plan import GasPrice, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.text import in_words
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, ChainId, Gas, Nonce, Seconds, UnixTime, Wei
from l2send.wallet.file_fields import load_json, read_address, read_list, read_payment, read_text, read_uint
from l2send.wallet.journal import codec
from l2send.wallet.journal.protocol import Journal
from l2send.wallet.journal.records import PaymentRecord, Record, TxRecord
from l2send.wallet.journal.states import TxState
from l2send.wallet.keys.signed import SignedTx, decode_signed
from l2send.wallet.keys.signer import Signer
from l2send.wallet.nonces import choose

UNSIGNED = "l2send.unsigned/1"
SIGNED = "l2send.signed/1"
_KINDS = frozenset({StepKind.TRANSFER, StepKind.APPROVE, StepKind.OPEN})
_BASE_FEE_TIMES = 4
"""How far the base fee may rise before the broadcast. Only the base fee at that time is paid."""
_MORE_GAS_PERCENT = 25


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a payment that is signed on one chain."""

    id: str
    """The id of the leg, or of a payment with a single leg."""
    duration: Seconds
    until: UnixTime | None
    """Broadcasting is refused after this time, by the chains' clocks. None: as long as nonce and fees are valid."""
    steps: tuple[Step, ...]
    """With nonce, gas and price fixed."""
    signed: tuple[bytes, ...] = ()
    """The signed bytes of each step, or empty."""

    @property
    def chain_id(self) -> ChainId:
        """The chain it is for."""
        return self.steps[0].tx.chain_id


@dataclass(frozen=True, slots=True)
class Bundle:
    """A payment on its way to the key or back."""

    id: str
    payment: Payment
    parts: tuple[Part, ...]

    @property
    def is_signed(self) -> bool:
        """Whether it has signatures."""
        return all(part.signed for part in self.parts)


async def fixed(legs: Sequence[Quote], sender: Address, journal: Journal, rpcs: Rpcs) -> tuple[Quote, ...]:
    """The quotes with a fixed nonce, gas limit and price for every step. Called with the accounts' locks held.

    Nonces follow those of earlier prepared payments that were not sent yet. Raises Refused for what has no
    transactions, CannotPay, NetworkError. Source: eth_getTransactionCount, eth_feeHistory, eth_getBalance.
    """
    return tuple(await asyncio.gather(*(_fixed(leg, sender, journal, rpcs.on(leg.source.chain_id)) for leg in legs)))


async def _fixed(quote: Quote, sender: Address, journal: Journal, rpc: Rpc) -> Quote:
    if not quote.steps:
        raise Refused(
            f"{quote.bridge} has messages signed, not transactions: that is not done offline.",
            hint="Nothing was prepared. Bring coin for gas to the account and prepare again, or pay where the key is.",
        )
    first, price = await asyncio.gather(_free_nonce(sender, journal, rpc), gas_price(rpc))
    if not price.legacy:
        price = GasPrice(price.base_fee, price.tip, Wei(_BASE_FEE_TIMES * price.base_fee + price.tip))
    steps = tuple(_fixed_step(step, Nonce(first + i), price) for i, step in enumerate(quote.steps))
    balance, *data_fees = await asyncio.gather(rpc.balance(sender), *(l1_fee(rpc, step.tx, step.gas) for step in steps))
    most = sum(data_fees) + sum(step.tx.value + most_of(step) for step in steps)
    if most > balance:
        native = rpc.chain.native
        raise CannotPay(
            f"{rpc.chain.name} may need {Amount(most, native)} for this, fees included, and the account holds "
            f"{Amount(balance, native)}.",
            hint="Fees that are fixed now have to last: they are higher than those of a payment that is sent at once.",
        )
    return replace(quote, steps=steps)


def _fixed_step(step: Step, nonce: Nonce, price: GasPrice) -> Step:
    """A step; one with a price keeps it, since its value was chosen to fit price and gas."""
    if step.price is not None:
        return replace(step, nonce=nonce)
    return replace(step, nonce=nonce, price=price, gas=Gas(step.gas + step.gas * _MORE_GAS_PERCENT // 100))


async def _free_nonce(sender: Address, journal: Journal, rpc: Rpc) -> Nonce:
    async def never(_: TxRecord) -> bool:
        return False

    choice = await choose(rpc, sender, journal, never)
    taken = [
        tx.step.nonce
        for record in journal.open_payments()
        for leg in record.legs
        for tx in leg.approved
        if (tx.chain_id, tx.sender, tx.state) == (rpc.chain.chain_id, sender, TxState.PLANNED)
        if tx.step.nonce is not None
    ]
    return max([choice.nonce, *(Nonce(nonce + 1) for nonce in taken)])


def most_of(step: Step) -> Wei:
    """The most that a step with a fixed price costs in gas, in wei."""
    assert step.price is not None
    return step.price.most(step.gas)


def bundle_of(record: Record) -> Bundle:
    """The bundle of a prepared payment. Raises Refused if it is signed or was not prepared."""
    txs = [tx for leg in record.legs for tx in leg.approved]
    if any(tx.state is not TxState.PLANNED for tx in txs):
        raise Refused(f"{record.id} is {in_words(record.state)}: it is not waiting to be signed.", sent=record.moved)
    if any(tx.step.nonce is None for tx in txs):
        raise Refused(f"{record.id} was not prepared to be signed elsewhere.")
    return Bundle(record.id, record.payment, tuple(_part(leg) for leg in record.legs))


def _part(leg: PaymentRecord) -> Part:
    ends = [leg.terms.expires] if leg.terms.expires is not None else []
    if leg.order:
        ends.append(UnixTime(leg.order.order.fill_deadline - TIME_TO_FILL))
    steps = tuple(tx.step for tx in leg.approved)
    return Part(leg.id, leg.terms.duration, min(ends, default=None), steps)


def sign(bundle: Bundle, signer: Signer) -> Bundle:
    """Sign every step; the bytes are decoded again. Raises Refused, ConfigError, UsageError."""
    if bundle.is_signed:
        raise UsageError("the file is signed already.", hint="Send it: l2send broadcast FILE")
    if signer.address != bundle.payment.sender:
        raise UsageError(f"the account opened is {signer.address}; {bundle.payment.sender} pays.")
    return replace(bundle, parts=tuple(_sign(part, signer) for part in bundle.parts))


def _sign(part: Part, signer: Signer) -> Part:
    raws = list[bytes]()
    for step in part.steps:
        assert step.nonce is not None
        assert step.price is not None
        raw = signer.sign(step.tx.chain_id, step.nonce, step.tx, step.gas, step.price).raw
        said = decode_signed(raw)
        if said.sender != signer.address or not said.matches(step.nonce, step.tx, step.gas, step.price):
            raise Refused("the signed bytes do not say what was approved; they were thrown away.")
        raws.append(raw)
    return replace(part, signed=tuple(raws))


class Presigned:
    """A Signer that returns the signatures of a file instead of making any."""

    def __init__(self, bundle: Bundle) -> None:
        """Raises UsageError for a bundle without signatures, Refused for invalid bytes."""
        if not bundle.is_signed:
            raise UsageError("the file is not signed yet.", hint="Sign it where the key is: l2send sign FILE -o SIGNED")
        self._raws = {raw: decode_signed(raw) for part in bundle.parts for raw in part.signed}
        self._address = bundle.payment.sender
        if any(said.sender != self._address for said in self._raws.values()):
            raise Refused(f"the file holds a signature that is not of {self._address}.")

    @property
    def address(self) -> Address:
        """The account that signed."""
        return self._address

    def sign(self, chain_id: ChainId, nonce: Nonce, tx: UnsignedTx, gas: Gas, price: GasPrice) -> SignedTx:
        """The file's bytes that contain exactly these values. Raises ConfigError if there are none."""
        for raw, said in self._raws.items():
            if tx.chain_id == chain_id and said.matches(nonce, tx, gas, price):
                return SignedTx.of(raw)
        raise ConfigError(
            f"the file holds no signature for this transaction on chain {chain_id} with nonce {nonce}.",
            hint="Sign it where the key is, with `l2send resume ID`, or prepare the payment again.",
        )

    def sign_typed(self, data: TypedData) -> bytes:
        """Raises ConfigError: a file holds only transactions."""
        raise ConfigError("the file holds no signature for a message.")


def document(bundle: Bundle) -> dict[str, Any]:
    """The JSON document of a bundle: see docs/schemas."""
    return {
        "schema": SIGNED if bundle.is_signed else UNSIGNED,
        "id": bundle.id,
        "payment": codec.payment_json(bundle.payment),
        "parts": [_part_document(part) for part in bundle.parts],
    }


def _part_document(part: Part) -> dict[str, Any]:
    written: dict[str, Any] = {
        "id": part.id,
        "duration": part.duration,
        "until": part.until,
        "steps": [codec.step_json(step) for step in part.steps],
    }
    return written | ({"signed": ["0x" + raw.hex() for raw in part.signed]} if part.signed else {})


def read(path: Path) -> Bundle:
    """The bundle in a file that no other user can change: it says where money goes.

    Its content must be checked like a plan. Raises UsageError, ConfigError.
    """
    try:
        written = load_json(path)
        bundle = _read(written)
        if document(bundle) == written:
            return bundle
    except ConfigError:
        raise
    except (L2sendError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        pass  # A program wrote the file: naming the wrong field would not help.
    raise UsageError(f"{path} is not a payment that l2send prepared.", hint="Make one: l2send prepare … -o FILE")


def _read(written: dict[str, Any]) -> Bundle:
    """Checks the type and size of every field; the review judges what they mean together. Raises ValueError."""
    parts = tuple(_read_part(part) for part in read_list(written["parts"]))
    payment = read_payment(written["payment"])
    if not parts or len({part.chain_id for part in parts}) != len(parts):
        raise ValueError("not one part for each chain")
    return Bundle(read_text(written["id"]), payment, parts)


def _read_part(written: dict[str, Any]) -> Part:
    steps = tuple(_checked_step(codec.step_from(step)) for step in read_list(written["steps"]))
    signed = tuple(bytes.fromhex(raw.removeprefix("0x")) for raw in read_list(written.get("signed", [])))
    if any(step.tx.chain_id != steps[0].tx.chain_id for step in steps):
        raise ValueError("not of one chain")
    if len(signed) not in {0, len(steps)}:
        raise ValueError("not a signature for each step")
    until = written["until"]
    ends = None if until is None else UnixTime(read_uint(until, 48))
    return Part(read_text(written["id"]), Seconds(read_uint(written["duration"], 32)), ends, steps, signed)


def _checked_step(step: Step) -> Step:
    if step.price is None or step.kind not in _KINDS or not isinstance(step.price.legacy, bool):
        raise ValueError("not a step of a payment that was prepared")
    read_uint(step.nonce, 64)
    read_uint(step.gas, 63)
    read_uint(step.tx.chain_id, 64)
    read_address(step.tx.to)
    for wei in (step.tx.value, step.price.base_fee, step.price.tip, step.price.max_fee_per_gas):
        read_uint(wei, 128)
    return step
