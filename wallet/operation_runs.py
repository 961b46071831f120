"""Finds what used the nonce of a user operation by the EntryPoint's event, which each endpoint must show by itself.

The EntryPoint emits UserOperationEvent with the userOpHash once for each operation that it ran, and no account can make
it emit one: the hash commits to chain, EntryPoint, account, nonce and calls. So the event alone proves that it ran, and
says whether its calls succeeded. What the calls moved is read from the token's events between the previous event of the
EntryPoint and this one. Coin leaves no event: the trace proves it, or else that the account ran the pinned code, which
makes all calls or fails. If the nonce is used and its block has no such event, something else used it.
Source: eth-infinitism/account-abstraction v0.8.0, core/EntryPoint.sol, core/NonceManager.sol.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any

from l2send.core.address import Address
from l2send.core.calldata import TRANSFER, TRANSFER_TOPIC, address_word
from l2send.core.endpoint_agreement import answers, confirmed_block, first_finding
from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.first_block import first_block_above
from l2send.core.operation import BEFORE_TOPIC, OPERATION_TOPIC, Operation
from l2send.core.rpc import Log, Rpc, both, data_bytes
from l2send.core.rpc import block_number as block_number_of
from l2send.core.units import BlockNumber
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import SUCCEEDED, SponsoredState
from l2send.wallet.shared_tx_ends import could_batch_all_through, traced_coin_calls

_REORGANISED = 64
"""Blocks by which it may lie below the head of its quote: two epochs, after which Ethereum itself is final."""
_MOST_BLOCKS = 900_000
"""Blocks searched for its event, from the first that can hold it."""


@dataclass(frozen=True, slots=True)
class OperationRun:
    """What used the nonce of an operation."""

    is_ours: bool
    """Whether it is the operation itself; if not, all other fields but the block are empty."""
    block: BlockNumber
    block_hash: str
    tx_hash: str = ""
    """Hash of the transaction that submitted it, from any account."""
    succeeded: bool = False
    """Whether its calls succeeded."""
    arrived: int = 0
    """Base units that the recipient got: by the token's own events; for coin, the value of a successful call."""


async def is_used(rpc: Rpc, operation: Operation) -> bool:
    """Whether any endpoint counts its nonce as used: one that lags does not deny it. Source: EntryPoint."""
    return any(counts for _, counts in await answers(rpc, lambda one: _is_used_at(one, operation, "latest")))


async def find_run(rpc: Rpc, operation: Operation, since: BlockNumber) -> OperationRun | str:
    """What used the nonce, from the first endpoint that can tell; else why none can. `since`: it was not used before.

    Source: eth_getLogs, EntryPoint, eth_getTransactionReceipt.
    """
    return await first_finding(rpc, lambda one: _find_on(one, operation, since))


async def shows_operation(one: Rpc, head: Awaitable[BlockNumber], operation: Operation, run: OperationRun) -> bool:
    """Whether one endpoint alone shows, deep enough, that `run` used the nonce. Raises NetworkError."""
    if await confirmed_block(one, head, run.block, run.block_hash) is None:
        return False
    ours = await _ours_in(one, operation, run.block, run.block)
    if run.is_ours or ours is not None:
        return ours == run and await _moved_its_coin(one, operation, run)
    before, after = await both(
        _is_used_at(one, operation, hex(max(run.block - 1, 0))), _is_used_at(one, operation, hex(run.block))
    )
    return after and not before


async def _find_on(one: Rpc, operation: Operation, since: BlockNumber) -> OperationRun | str:
    host, head = one.endpoints[0].host, await one.block_number()
    if not await _is_used_at(one, operation, "latest"):
        return f"{host} does not count it as used"
    lowest = max(0, since - _REORGANISED)
    try:
        if found := await _ours_in(one, operation, lowest, min(head, lowest + _MOST_BLOCKS)):
            return found
    except NetworkError:
        pass  # Some nodes give the logs of ten blocks a request: too few to search, and enough for one block.

    async def used_at(number: int) -> int:
        return int(await _is_used_at(one, operation, hex(number)))

    number = await first_block_above(used_at, 0, head)
    if number is None:
        return f"{host} keeps no state of blocks that old"
    block = await one.block(hex(number))
    something_else = OperationRun(is_ours=False, block=number, block_hash=str(block.get("hash", "")).lower())
    return await _ours_in(one, operation, number, number) or something_else


async def _is_used_at(one: Rpc, operation: Operation, block: str) -> bool:
    (next_nonce,) = await one.eth_call(operation.nonce_call(), block=block)
    return operation.is_used(next_nonce)


async def _ours_in(one: Rpc, operation: Operation, first: int, last: int) -> OperationRun | None:
    """The operation's own event in these blocks, with what arrived. Raises NetworkError."""
    sender = "0x" + address_word(operation.sender).hex()
    query = {"address": operation.entry_point, "topics": [OPERATION_TOPIC, operation.hash, sender]}
    async for logs in one.logs_between(query, first, last):
        for log in logs:
            return await _run(one, operation, log)
    return None


async def _run(one: Rpc, operation: Operation, log: Log) -> OperationRun:
    tx_hash, data = str(log.get("transactionHash", "")).lower(), data_bytes(log.get("data"), "a log's data")
    receipt = await one.receipt(tx_hash)
    if receipt is None or len(data) != 128:
        raise BadAnswer(f"{one.chain.name} does not have the receipt of {tx_hash[:66]}.")
    return OperationRun(
        is_ours=True,
        block=block_number_of(log.get("blockNumber")),
        block_hash=str(log.get("blockHash", "")).lower(),
        tx_hash=tx_hash,
        succeeded=any(data[32:64]),
        arrived=_arrived(operation, receipt.get("logs"), succeeded=any(data[32:64])),
    )


async def _moved_its_coin(one: Rpc, operation: Operation, run: OperationRun) -> bool:
    """Whether one endpoint shows that successful calls carried their coin.

    Source: debug_traceTransaction, else eth_getCode.
    """
    if not run.succeeded or all(call.data for call in operation.calls):
        return True
    traced = await traced_coin_calls(one, run.tx_hash, operation.calls, operation.sender)
    return await could_batch_all_through(one, operation.sender, run.block) if traced is None else traced


def _arrived(operation: Operation, logs: object, *, succeeded: bool) -> int:
    """Units that the first call delivered, by the token's events since the EntryPoint's previous event.

    For coin the value of the call, which `_moved_its_coin` proves.
    """
    call, units = operation.calls[0], 0
    if not call.data:
        return int(call.value) if succeeded else 0
    to, _ = TRANSFER.decode_call(call.data)
    moved = [TRANSFER_TOPIC, *("0x" + address_word(who).hex() for who in (operation.sender, to))]
    for address, topics, data in _read(logs):
        if address == operation.entry_point.lower() and topics[:2] == [OPERATION_TOPIC, operation.hash]:
            return units
        if address == operation.entry_point.lower() and topics[:1] in ([OPERATION_TOPIC], [BEFORE_TOPIC]):
            units = 0
        elif address == call.to.lower() and topics == moved:
            units += int.from_bytes(data, "big")
    raise BadAnswer("a receipt does not have the event of the operation that it submitted.")


def _read(logs: object) -> Iterable[tuple[str, list[str], bytes]]:
    """Address, topics and data of each log of a receipt, in order."""
    found: list[Any] = logs if isinstance(logs, list) else []
    for log in found:
        if isinstance(log, dict):
            topics = [str(topic).lower() for topic in log.get("topics", ())]
            yield str(log.get("address", "")).lower(), topics, data_bytes(log.get("data", "0x"), "a log's data")


def end_of(record: PaymentRecord, run: OperationRun) -> SponsoredState:
    """The end state that a proved run means for the messages of a payment.

    If something else used the nonce, it is `taken_back` if the sender's cancelling transaction succeeded.
    """
    if run.is_ours:
        return SponsoredState.FINAL if run.succeeded else SponsoredState.FAILED
    meant = any(tx.outcome in SUCCEEDED for tx in record.revocations)
    return SponsoredState.TAKEN_BACK if meant else SponsoredState.REPLACED


def words_of(run: OperationRun, account: Address, *, meant: bool = False) -> str:
    """What used the nonce, in words. `meant`: it was the sender's cancelling transaction."""
    if run.is_ours:
        return f"in block {run.block}" if run.succeeded else f"its calls failed, in block {run.block}"
    by = "your cancelling transaction" if meant else f"something else of {account}"
    return f"its nonce was used in block {run.block} by {by}"
