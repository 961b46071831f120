"""What else uses the payer's nonces: another wallet with the same key, or another machine with a journal of its own.

Each strikes once, when the payer hands over a transaction: the node never sees that one before the rival's is mined.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from eth_hash.auto import keccak

from l2send.core.fees import GasPrice
from l2send.core.plan import UnsignedTx
from l2send.core.units import Wei
from l2send.wallet.keys.signed import SignedFields, decode_signed
from l2send.wallet.keys.signer import LocalSigner, SecretKey
from tests.lab.wire import SEND, Act, Fault, Outcome, Question


@dataclass
class Rival:
    """The same key, used past the payer's journal."""

    key: bytes = field(repr=False)
    pay: Callable[[bool], Awaitable[None]]
    """A payment from another journal, to the same recipient or to another one, carried on until it is closed."""

    def sign(self, said: SignedFields, tx: UnsignedTx) -> bytes:
        """Bytes with the same nonce at a price above."""
        price = GasPrice(Wei(0), Wei(said.tip * 5 // 4 + 1), Wei(said.max_fee_per_gas * 5 // 4 + 1))
        return LocalSigner(SecretKey(self.key)).sign(tx.chain_id, said.nonce, tx, said.gas, price).raw


def _outbid(same: bool) -> Act:
    """Another wallet sends the same call, or nothing to itself, with that nonce; the payer is told «taken»."""

    async def act(question: Question) -> Outcome | None:
        rival, raw = question.wire.rival, bytes.fromhex(question.params[0][2:])
        if rival is None:
            return None
        said = decode_signed(raw)
        nothing = UnsignedTx(said.tx.chain_id, said.sender, Wei(0), b"")
        bid = rival.sign(said, said.tx if same else nothing)
        node = question.nodes[question.index]
        await node.call(SEND, "0x" + bid.hex())
        question.wire.notes.append(f"rival 0x{keccak(bid).hex()}")
        return Outcome(question.answer("0x" + keccak(raw).hex()))

    return act


def _other_machine(same: bool) -> Act:
    """Another machine pays first, from its own journal, with the nonce that the payer has signed with."""

    async def act(question: Question) -> Outcome | None:
        rival = question.wire.rival
        if rival is None:
            return None
        await rival.pay(same)
        answer = await question.forward()
        assert "error" in json.loads(answer), "the nonce was free, so this fault did not happen"
        return Outcome(answer)

    return act


def _rival(name: str, act: Act) -> Fault:
    return Fault(f"nonce: {name}", frozenset({SEND}), act, 1)


RIVALS = (
    _rival("used by another wallet with the same call", _outbid(same=True)),
    _rival("used by another wallet with another call", _outbid(same=False)),
    _rival("used by another machine for another payment", _other_machine(same=False)),
    _rival("used by another machine for the same payment", _other_machine(same=True)),
)
