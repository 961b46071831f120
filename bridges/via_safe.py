"""Makes a Safe run a bridge's transactions: an owner sends one transaction, which succeeds as a whole or not at all.

Only for Safes with a threshold of one: the owner approves by sending. So there is no signature that others could use,
and the nonce of the owner's own account ensures that it happens once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from eth_hash.auto import keccak

from l2send.bridges.gas_costs import cost, fees_with
from l2send.bridges.wrapped import Wrapped
from l2send.core.account_contracts import Deployment, SafeVersion
from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.bridge_protocol import Bridge
from l2send.core.calldata import Function
from l2send.core.chains import Chain
from l2send.core.errors import CannotPay, Refused
from l2send.core.pinned_code import code_hash, has_code_of_safe
from l2send.core.plan import Payment, Quote
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.safe import SafeTx, approved_by_sender, safe_tx_of
from l2send.core.units import Amount, Nonce, Wei

_CARRIED = ("direct", "eco", "across")
"""The bridges whose transactions a Safe may make: the others were not tested with one."""
PLENTY = 10**30
"""The owner pays the gas, so the Safe's coin balance does not limit it."""
_OWNERS = Function("getOwners()", "address[]")
_THRESHOLD = Function("getThreshold()", "uint256")
_NONCE = Function("nonce()", "uint256")
_MODULES = Function("getModulesPaginated(address,uint256)", "address[],address")
_SENTINEL = Address("0x0000000000000000000000000000000000000001")
_MOST_MODULES = 10
_GUARD_SLOT = int.from_bytes(keccak(b"guard_manager.guard.address"), "big")
_HANDLER_SLOT = int.from_bytes(keccak(b"fallback_manager.handler.address"), "big")


@dataclass(frozen=True, slots=True)
class SafeState:
    """The on-chain state of a Safe."""

    address: Address
    version: SafeVersion
    owners: tuple[Address, ...]
    threshold: int
    nonce: Nonce
    guard: Address | None
    """A contract that checks every transaction of the Safe."""
    modules: tuple[Address, ...]
    """Contracts that can move its money without its owners."""
    handler: Address | None
    """The contract that handles calls of functions that the Safe lacks."""


def via_safe(bridges: Mapping[str, Bridge]) -> dict[str, Bridge]:
    """The bridges that a Safe can pay with, each with the Safe as the sender of its transactions."""
    return {name: ViaSafe(bridge) for name, bridge in carried(bridges).items()}


def carried(bridges: Mapping[str, Bridge]) -> dict[str, Bridge]:
    """Those of `bridges` that a Safe can pay with."""
    return {name: bridges[name] for name in _CARRIED if name in bridges and bridges[name].contract_senders.ok}


class ViaSafe(Wrapped):
    """A bridge for payments whose sender is a Safe, and whose executor is the owner who sends the transaction."""

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """The bridge's own quote, with its transactions as one of the Safe's. Raises as Bridge.quote does."""
        rpc, owner = rpcs.on(source.chain_id), payment.executor
        assert owner is not None, "only a Safe pays through its owner"
        safe = await look_at_safe(payment.sender, rpc)
        _refuse_unless_enough(safe, owner, source)
        found = await self._quoted(safe, payment, source, held, native, rpcs)
        if found is None:
            return None
        quote, safe_tx, value = found
        kind = quote.steps[-1].kind
        costed = await cost(rpc, owner, [(kind, safe_tx.execution(approved_by_sender(owner)))])
        refund = quote.refund.most if quote.refund else 0
        needed, holds = Amount(costed.needs + refund, source.native), Amount(await rpc.balance(owner), source.native)
        if needed.units > holds.units:
            raise CannotPay(f"{owner}, which pays the gas, needs up to {needed} on {source.name} and holds {holds}.")
        fees = fees_with(quote, costed)
        notes = (*quote.notes, *_notes(safe, owner, source), hashes_note(safe_tx, safe.nonce))
        return replace(quote, steps=costed.steps, fees=fees, needs=value, notes=notes, refund=None)

    async def _quoted(
        self, safe: SafeState, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs
    ) -> tuple[Quote, SafeTx, Wei] | None:
        """The bridge's own quote, its calls as one transaction of the Safe, and their native coin.

        Raises as Bridge.quote does, CannotPay if the Safe does not hold that coin.
        """
        plenty = replace(native, units=native.units + PLENTY)
        quote = await self._bridge.quote(payment, source, held, plenty, rpcs)
        if quote is None or not quote.steps:
            return None
        value = Wei(sum(step.tx.value for step in quote.steps))
        if value > native.units:
            raise CannotPay(f"the Safe holds {native} on {source.name} and needs {Amount(value, source.native)}.")
        calls = [step.tx for step in quote.steps]
        return quote, safe_tx_of(safe.address, calls, safe.version.multi_send_call_only.address), value


async def look_at_safe(address: Address, rpc: Rpc) -> SafeState:
    """The Safe at `address`, if its code and that of its singleton and MultiSendCallOnly match the registry.

    Raises CannotPay if there is none, Refused for code that is not pinned, NetworkError. Source: eth_getCode,
    eth_getStorageAt, eth_call.
    """
    chain = rpc.chain
    code, singleton, guard, handler = await asyncio.gather(
        rpc.code(address),
        rpc.storage(address, 0),
        rpc.storage(address, _GUARD_SLOT),
        rpc.storage(address, _HANDLER_SLOT),
    )
    if not has_code_of_safe(code, chain):
        raise CannotPay(f"{address} is no Safe on {chain.name} that l2send knows.")
    await _refuse_if_new(address, rpc)
    behind = checksum(singleton[12:])
    for version in chain.safes:
        for known in (version.singleton, version.singleton_l2):
            if known.address == behind:
                await asyncio.gather(*(_refuse_other_code(c, rpc) for c in (known, version.multi_send_call_only)))
                return await _read(address, version, _account(guard), _account(handler), rpc)
    raise Refused(f"the Safe {address} on {chain.name} runs code of {behind}, which is no version that l2send knows.")


async def _refuse_if_new(address: Address, rpc: Rpc) -> None:
    """Raises CannotPay for a Safe that a reorganisation could undo: a call without code succeeds and pays no one."""
    depth = rpc.chain.confirmations - 1
    if depth <= 0:
        return
    block = max(await rpc.block_number() - depth, 0)
    if not await rpc.code(address, hex(block)):
        raise CannotPay(
            f"the Safe {address} was made on {rpc.chain.name} less than {rpc.chain.confirmations} blocks ago.",
            hint="Wait a minute, then run the command again.",
        )


async def _read(
    address: Address, version: SafeVersion, guard: Address | None, handler: Address | None, rpc: Rpc
) -> SafeState:
    (owners,), (threshold,), (nonce,), (modules, _) = await asyncio.gather(
        rpc.eth_call(Call(address, _OWNERS)),
        rpc.eth_call(Call(address, _THRESHOLD)),
        rpc.eth_call(Call(address, _NONCE)),
        rpc.eth_call(Call(address, _MODULES, (_SENTINEL, _MOST_MODULES))),
    )
    accounts, others = tuple(map(checksum, owners)), tuple(map(checksum, modules))
    return SafeState(address, version, accounts, threshold, Nonce(nonce), guard, others, handler)


async def _refuse_other_code(contract: Deployment, rpc: Rpc) -> None:
    if code_hash(await rpc.code(contract.address)) != contract.code_hash:
        raise Refused(f"{contract.address} on {rpc.chain.name} runs other code than Safe's, which is pinned.")


def _account(word: bytes) -> Address | None:
    account = checksum(word[12:])
    return None if account == ZERO_ADDRESS else account


def _refuse_unless_enough(safe: SafeState, owner: Address, source: Chain) -> None:
    """Raises CannotPay unless `owner` alone can have the Safe pay."""
    if owner not in safe.owners:
        owners = ", ".join(safe.owners)
        raise CannotPay(f"{owner} is no owner of the Safe {safe.address} on {source.name}: its owners are {owners}.")
    if safe.threshold != 1:
        raise CannotPay(
            f"the Safe {safe.address} on {source.name} needs {safe.threshold} of its {len(safe.owners)} owners: "
            "write a file that they sign, by l2send prepare … --safe … -o FILE."
        )


def _notes(safe: SafeState, owner: Address, source: Chain) -> list[str]:
    """Notes about a Safe before it pays."""
    others = [one for one in safe.owners if one != owner]
    who = f"the Safe {source.short_name}:{safe.address} ({safe.version.version}) pays. You, {owner}, approve by sending"
    return [f"{who}, 1 of 1 needed. Other owners: {', '.join(others) or 'none'}", *notes_on_parts(safe)]


def hashes_note(safe_tx: SafeTx, nonce: Nonce) -> str:
    """The hashes of a Safe's transaction, which its owners compare with what they are asked to sign."""
    typed = safe_tx.typed(nonce)
    hashes = f"domain 0x{typed.domain_hash.hex()}, message 0x{typed.message_hash.hex()}, SafeTx 0x{typed.digest.hex()}"
    return f"SafeTx with nonce {nonce}: {hashes}"


def notes_on_parts(safe: SafeState) -> list[str]:
    """A sentence each on a guard, modules and a fallback handler that are not Safe's own."""
    said = list[str]()
    if safe.guard:
        said.append(f"its guard {safe.guard} judges each of its transactions, and can stop them")
    if safe.modules:
        said.append(f"its modules {', '.join(safe.modules)} can move its money without its owners")
    if safe.handler and safe.handler != safe.version.fallback_handler.address:
        said.append(f"its fallback handler {safe.handler} is not Safe's own")
    return said
