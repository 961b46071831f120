"""Finds prepared transactions that were signed and sent by other means than this journal."""

from __future__ import annotations

from l2send.core.address import Address
from l2send.core.endpoint_agreement import answers
from l2send.core.rpc import Rpc
from l2send.core.units import Nonce
from l2send.wallet.before_signing import GasTerms
from l2send.wallet.journal.states import TxState
from l2send.wallet.receipts import is_known
from l2send.wallet.signing import Signing


async def find_sent(payment_id: str, signing: Signing) -> None:
    """Record as signed each prepared transaction that a node already knows. Sends nothing.

    Raises NetworkError, and NotFinal if its nonce is used and the transaction that used it is not known yet.
    """
    await signing.ends.find_prepared(signing.journal.get(payment_id))
    for tx in signing.journal.get(payment_id).steps:
        nonce, price = tx.step.nonce, tx.step.price
        if tx.state is not TxState.PLANNED or nonce is None or price is None:
            continue
        rpc = signing.rpcs.on(tx.chain_id)
        if not await _counts_as_used(rpc, tx.sender, nonce):
            return
        signed = signing.signed(signing.signer_of(tx), tx, nonce, GasTerms(tx.step.gas, price))
        if not await is_known(signed.hash, rpc):
            return
        signing.say(f"{tx.step.kind} was sent to {rpc.chain.name} already: {signed.hash}")
        signing.journal.record_signed(tx, nonce, signed.hash, signed.raw)


async def _counts_as_used(rpc: Rpc, sender: Address, nonce: Nonce) -> bool:
    """Whether any endpoint counts the nonce as used, by a mined or pending transaction."""
    counts = await answers(rpc, lambda one: one.nonces(sender))
    return any(max(both) > nonce for _, both in counts)
