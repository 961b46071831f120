"""Reads from a receipt what a mined transaction cost and what it delivered to an account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER_TOPIC, address_word
from l2send.core.chains import Chain
from l2send.core.errors import BadAnswer
from l2send.core.rpc import data_bytes, gas_amount, quantity, wei_per_gas
from l2send.core.units import Gas, Token, Wei

_MOST_WEI = 2**128


@dataclass(frozen=True, slots=True)
class TxFee:
    """The network fee of one transaction, in wei of its chain's own coin."""

    gas_used: Gas
    gas_price: Wei
    """The charged price per gas: `effectiveGasPrice`."""
    l1_fee: Wei | None
    """The L1 data fee. None: the chain charges one, but its node did not report it."""
    operator_fee: Wei

    @property
    def total(self) -> Wei:
        """The known part of the fee."""
        return Wei(self.gas_used * self.gas_price + (self.l1_fee or 0) + self.operator_fee)

    @property
    def is_whole(self) -> bool:
        """Whether every part of the fee is known."""
        return self.l1_fee is not None


def fee_of(receipt: Mapping[str, Any], chain: Chain) -> TxFee | None:
    """What the sender paid for the transaction of `receipt`; None if the receipt does not report it.

    Arbitrum's `gasUsedForL1` and the ZK stack's data costs are included in `gasUsed`. Scroll, Morph and the OP stack
    report `l1Fee`; Mantle reports it in its own coin. The operator fee is gasUsed x scalar / 10^6 + constant since
    Isthmus, and gasUsed x scalar x 100 + constant since Jovian, whose receipts have `daFootprintGasScalar`. Source:
    eth_getTransactionReceipt; ethereum-optimism/op-geth core/types/receipt_opstack.go; ethereum-optimism/specs, Isthmus
    and Jovian, exec-engine; mantlenetworkio/op-geth core/types/rollup_cost.go.
    """
    try:
        gas_used = gas_amount(receipt.get("gasUsed"), "gasUsed")
        gas_price = wei_per_gas(receipt.get("effectiveGasPrice"), "effectiveGasPrice")
        l1_fee = _wei(receipt, "l1Fee")
        operator_fee = _operator_fee(receipt, gas_used)
    except BadAnswer:
        return None
    if l1_fee is None and chain.l1_fee_oracle is None:
        l1_fee = Wei(0)
    return TxFee(gas_used, gas_price, l1_fee, operator_fee)


def agreed_fee(fees: list[TxFee | None]) -> TxFee | None:
    """The fee that all reports agree on; None if they differ. A node that omits the data fee contradicts nothing."""
    named = {fee for fee in fees if fee is not None}
    whole = {fee for fee in named if fee.is_whole}
    gas = {(fee.gas_used, fee.gas_price) for fee in named}
    if len(gas) != 1 or len(whole) > 1:
        return None
    return next(iter(whole or named))


def units_received(receipt: Mapping[str, Any], token: Token, to: Address, expected: int) -> int | None:
    """How many units of `token` the transaction delivered to `to`, by the token's own Transfer event.

    None if that is not shown: native coin leaves no event, and several transfers in one transaction may be for several
    payments, unless one of them is exactly `expected`. Source: ERC-20.
    """
    if token.address is None or receipt.get("status") != "0x1":
        return None
    found = _transfers(receipt, token.address, to)
    if expected in found:
        return expected
    return found[0] if len(found) == 1 else None


def _transfers(receipt: Mapping[str, Any], token: Address, to: Address) -> list[int]:
    """The units of each transfer to `to` in a receipt that core/rpc/broadcasts.py has checked."""
    recipient = "0x" + address_word(to).hex()
    found = list[int]()
    for log in receipt.get("logs") or ():
        topics = [str(topic).lower() for topic in log.get("topics") or ()]
        if str(log.get("address", "")).lower() != token.lower() or len(topics) != 3:
            continue
        if topics[0] == TRANSFER_TOPIC and topics[2] == recipient:
            found.append(int.from_bytes(data_bytes(log.get("data", "0x"), "a log's data")[:32]))
    return found


def _wei(receipt: Mapping[str, Any], name: str) -> Wei | None:
    """Raises BadAnswer for an invalid amount."""
    value = receipt.get(name)
    if value is None:
        return None
    wei = quantity(value, name)
    if wei >= _MOST_WEI:
        raise BadAnswer(f"{name} is out of range.")
    return Wei(wei)


def _operator_fee(receipt: Mapping[str, Any], gas_used: Gas) -> Wei:
    scalar, constant = _wei(receipt, "operatorFeeScalar") or 0, _wei(receipt, "operatorFeeConstant") or 0
    if receipt.get("daFootprintGasScalar") is not None:
        return Wei(gas_used * scalar * 100 + constant)
    return Wei(gas_used * scalar // 10**6 + constant)
