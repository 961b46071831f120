"""Makes a Safe run a bridge's transactions once its owners have signed: a quote with a Proposal instead of steps.

It is not sent yet: the simulation assumes a threshold of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from l2send.bridges.direct import transfer_of
from l2send.bridges.gas_costs import cost, fees_with
from l2send.bridges.shared_tx import MOST_CALLS, MOST_GAS
from l2send.bridges.via_safe import SafeState, ViaSafe, carried, hashes_note, look_at_safe, notes_on_parts
from l2send.core.bridge_protocol import Bridge
from l2send.core.chains import Chain
from l2send.core.errors import Refused
from l2send.core.plan import Payment, Proposal, Quote, StepKind
from l2send.core.rpc import Rpc, Rpcs
from l2send.core.safe import SafeTx, approved_by_sender, read_execution, safe_tx_of
from l2send.core.shared_tx import TOGETHER
from l2send.core.units import Amount, Gas, Nonce, Seconds, Wei

_THRESHOLD_SLOT = 4
"""Source: libraries/SafeStorage.sol: singleton, modules, owners, ownerCount, threshold."""
_GAS_OF_A_SIGNATURE = 8_000
"""Above the cost of checking one: ecrecover, its 65 bytes, and a read of the owner. A contract may need more."""
OVERHEAD = Gas(30_000)


def via_owners(bridges: Mapping[str, Bridge]) -> dict[str, Bridge]:
    """The bridges that a Safe can pay with, for payments that its owners sign."""
    return {name: ViaOwners(bridge) for name, bridge in carried(bridges).items()}


class ViaOwners(ViaSafe):
    """A bridge for payments whose sender is a Safe, and that its owners sign for any account to send."""

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """The bridge's own quote, with its transactions as a proposal of the Safe. Raises as Bridge.quote does."""
        rpc = rpcs.on(source.chain_id)
        safe = await look_at_safe(payment.sender, rpc)
        found = await self._quoted(safe, payment, source, held, native, rpcs)
        if found is None:
            return None
        quote, safe_tx, value = found
        return await proposed(replace(quote, needs=value), safe, safe_tx, quote.steps[-1].kind, rpc)


async def proposed(quote: Quote, safe: SafeState, safe_tx: SafeTx, kind: StepKind, rpc: Rpc) -> Quote:
    """`quote`, with `safe_tx` for the Safe's owners to sign in place of its steps. `kind`: what it does.

    Raises Refused if it would revert, NetworkError.
    """
    one_is_enough = {safe.address: {"stateDiff": {_word(_THRESHOLD_SLOT): _word(1)}}}
    owner = safe.owners[0]
    wanted = [(kind, safe_tx.execution(approved_by_sender(owner)))]
    costed = await cost(rpc, owner, wanted, one_is_enough)
    gas = Gas(costed.steps[0].gas + OVERHEAD + _GAS_OF_A_SIGNATURE * safe.threshold)
    fees = fees_with(quote, costed)
    execution, since = safe_tx.execution(b""), await rpc.block_number()
    proposal = Proposal(execution, safe.nonce, kind, gas, since, safe.owners, safe.threshold)
    notes = (*quote.notes, *_notes(safe, quote.source), *costed.notes)
    # Owners take longer than a price is valid. The order fixes what leaves and what arrives: its own deadlines
    # limit how long a solver may fill it, and the money is refunded if none does.
    quote = replace(quote, steps=(), proposal=proposal, expires=None)
    return replace(quote, fees=fees, notes=notes, refund=None)


async def proposed_together(payments: Sequence[Payment], safe: SafeState, rpc: Rpc) -> Quote:
    """One quote for all `payments`, transfers on the Safe's chain, as one transaction for its owners to sign.

    Raises Refused if it would revert or is too large, NetworkError.
    """
    calls = [transfer_of(payment) for payment in payments]
    safe_tx = safe_tx_of(safe.address, calls, safe.version.multi_send_call_only.address)
    nothing, value = Amount(0, rpc.chain.native), Wei(sum(call.value for call in calls))
    carries = tuple(replace(payment, executor=None, by_owners=True) for payment in payments)
    duration = Seconds(2 * rpc.chain.confirmations)
    quote = Quote(TOGETHER, rpc.chain, nothing, nothing, (), duration, (), needs=value, carries=carries)
    quote = await proposed(quote, safe, safe_tx, StepKind.TOGETHER, rpc)
    if len(payments) > MOST_CALLS or (quote.proposal and quote.proposal.gas > MOST_GAS):
        raise Refused(
            f"{len(payments)} payments are too many for one transaction of the Safe.",
            hint=f"Nothing was prepared. Split the file: at most {MOST_CALLS} payments in each.",
        )
    return quote


def at_nonce(quote: Quote, nonce: Nonce) -> Quote:
    """A quote for a Safe whose owners sign, with the next free nonce, and the hashes that they compare."""
    assert quote.proposal is not None
    waits = nonce - quote.proposal.nonce
    notes = [hashes_note(read_execution(quote.proposal.execution)[0], nonce)]
    if waits:
        notes.append(f"it waits for {waits} other transactions of the Safe, which were prepared before it")
    return replace(quote, proposal=replace(quote.proposal, nonce=nonce), notes=(*quote.notes, *notes))


def _word(value: int) -> str:
    return "0x" + value.to_bytes(32, "big").hex()


def _notes(safe: SafeState, source: Chain) -> list[str]:
    """Notes about a Safe before its owners sign."""
    who = f"the Safe {source.short_name}:{safe.address} ({safe.version.version}) pays"
    need = f"{safe.threshold} of its {len(safe.owners)} owners sign: {', '.join(safe.owners)}. None has signed yet"
    return [f"{who}. {need}", *notes_on_parts(safe)]
