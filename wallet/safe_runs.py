"""Finds what a Safe ran with a nonce by its events, and proves it by each endpoint's blocks and storage.

Every `execTransaction` uses one nonce and emits one event, ExecutionSuccess or ExecutionFailure, with the SafeTx hash.
The hash commits to Safe, chain and nonce, but an event alone proves nothing: a module of the Safe can have it emit any
event. So the Safe's nonce must have passed the proposal's in that block, and the block must have as many of these
events as nonces used in it: then their order says which event belongs to the nonce. If a module forged an event, or a
node does not keep old state, a transaction that calls `execTransaction` directly and emits one event decides. Source:
safe-global/safe-smart-account 1.4.1 and 1.5.0, Safe.sol.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.calldata import event_topic
from l2send.core.endpoint_agreement import confirmed_block, first_finding
from l2send.core.errors import BadAnswer, NetworkError, Refused
from l2send.core.first_block import first_block_above
from l2send.core.plan import Proposal, UnsignedTx
from l2send.core.rpc import Log, Rpc, block_number, both, data_bytes, unix_time
from l2send.core.safe import nothing_of, read_execution
from l2send.core.units import BlockNumber, Nonce, UnixTime, Wei

_SUCCESS = event_topic("ExecutionSuccess(bytes32,uint256)")
_FAILURE = event_topic("ExecutionFailure(bytes32,uint256)")
_NONCE_SLOT = 5
"""Source: libraries/SafeStorage.sol."""


@dataclass(frozen=True, slots=True)
class SafeRun:
    """One transaction that a Safe ran."""

    hash: str
    """The SafeTx hash."""
    succeeded: bool
    tx_hash: str
    """The transaction in which the Safe ran it."""
    block: BlockNumber
    block_hash: str


def hash_of(proposal: Proposal) -> str:
    """The SafeTx hash that owners sign."""
    return _hex(read_execution(proposal.execution)[0].typed(proposal.nonce).digest)


def cancel_hash_of(proposal: Proposal) -> str:
    """The SafeTx hash of the empty transaction with the same nonce."""
    execution = proposal.execution
    return _hex(nothing_of(execution.to, execution.chain_id).typed(proposal.nonce).digest)


async def safe_nonce(rpc: Rpc, safe: Address, block: str = "latest") -> Nonce:
    """The Safe's next nonce. Raises NetworkError. Source: eth_getStorageAt."""
    return Nonce(int.from_bytes(await rpc.storage(safe, _NONCE_SLOT, block), "big"))


async def find_run(rpc: Rpc, proposal: Proposal) -> SafeRun | str:
    """What the Safe ran with the nonce of `proposal`, by the first endpoint that knows; else why none knows.

    Source: eth_getLogs, eth_getStorageAt.
    """
    return await first_finding(rpc, lambda one: _find_on(one, proposal))


async def runs_since(rpc: Rpc, safe: Address, since: UnixTime) -> tuple[list[SafeRun], BlockNumber]:
    """The runs that a Safe's events name from `since` on, oldest first, and the first block that was searched.

    A module of the Safe may have forged some. Raises NetworkError. Source: eth_getLogs.
    """
    used, head = await safe_nonce(rpc, safe), await rpc.block_number()
    runs, searched = list[SafeRun](), head
    query = {"address": safe, "topics": [[_SUCCESS, _FAILURE]]}
    async for first, logs in rpc.logs_before(query, head):
        runs, searched = [*map(_run, logs), *runs], first
        if first == 0 or len(runs) >= used:
            break
        if unix_time((await rpc.block(hex(first))).get("timestamp")) < since:
            break
    return runs, searched


async def shows_run(one: Rpc, head: Awaitable[BlockNumber], proposal: Proposal, run: SafeRun) -> bool:
    """Whether one endpoint shows, with enough confirmations, that `run` used the nonce. Raises NetworkError."""
    if await confirmed_block(one, head, run.block, run.block_hash) is None:
        return False
    return await _use_in(one, proposal, run.block) == run


async def _find_on(one: Rpc, proposal: Proposal) -> SafeRun | str:
    safe, host, head = proposal.execution.to, one.endpoints[0].host, await one.block_number()
    if await safe_nonce(one, safe) <= proposal.nonce:
        return f"{host} does not count it as used"

    async def nonce_at(number: int) -> int:
        return await safe_nonce(one, safe, hex(number))

    block = await first_block_above(nonce_at, proposal.nonce, head)
    if block is not None:
        found = await _use_in(one, proposal, block)
        return found or f"{host} shows no event of the Safe in block {block} that explains it"
    ours = {hash_of(proposal), cancel_hash_of(proposal)}
    topics = [[_SUCCESS, _FAILURE], sorted(ours)]
    async for logs in one.logs_between({"address": safe, "topics": topics}, min(proposal.since, head), head):
        for number in sorted({_run(log).block for log in logs}):
            claimed = await _use_in(one, proposal, number)
            if claimed and claimed.hash in ours:
                return claimed
    return f"{host} keeps no state of blocks that old"


async def _use_in(one: Rpc, proposal: Proposal, number: BlockNumber) -> SafeRun | None:
    """What used the nonce of `proposal` in a block, as one endpoint shows it; None if it does not.

    Raises NetworkError. Source: eth_getLogs, eth_getStorageAt; eth_getTransactionByHash.
    """
    safe, runs = proposal.execution.to, await _runs_in(one, proposal.execution.to, number)
    if not runs:
        return None
    try:
        before, after = await both(safe_nonce(one, safe, hex(max(number - 1, 0))), safe_nonce(one, safe, hex(number)))
    except NetworkError:  # A node without old state says so in various words.
        return await _direct(one, proposal, runs)
    if not before <= proposal.nonce < after:
        return None
    return runs[proposal.nonce - before] if len(runs) == after - before else await _direct(one, proposal, runs)


async def _direct(one: Rpc, proposal: Proposal, runs: Sequence[SafeRun]) -> SafeRun | None:
    """The run of a transaction that calls `execTransaction` directly with that nonce and emits only one such event.

    A successful call emits the hash with the nonce it used. So any further event was forged by a module.
    """
    count = Counter(run.tx_hash for run in runs)
    for run in runs:
        if count[run.tx_hash] == 1 and await _called_hash(one, proposal, run.tx_hash) == run.hash:
            return run
    return None


async def _called_hash(one: Rpc, proposal: Proposal, tx_hash: str) -> str:
    """The hash of the SafeTx that a transaction runs, with the nonce of `proposal`; empty for any other call."""
    described, safe = await one.transaction(tx_hash), proposal.execution.to
    if described is None or str(described.get("to", "")).lower() != safe.lower():
        return ""
    tx = UnsignedTx(proposal.execution.chain_id, safe, Wei(0), data_bytes(described.get("input"), "input"))
    try:
        return _hex(read_execution(tx)[0].typed(proposal.nonce).digest)
    except Refused:  # A gas refund, or another function: l2send proposes neither.
        return ""


async def _runs_in(one: Rpc, safe: Address, block: BlockNumber) -> list[SafeRun]:
    query = {"address": safe, "topics": [[_SUCCESS, _FAILURE]]}
    return [_run(log) async for logs in one.logs_between(query, block, block) for log in logs]


def _run(log: Log) -> SafeRun:
    """Raises BadAnswer for an event without a SafeTx hash."""
    topics = [str(topic).lower() for topic in log.get("topics", ())]
    if len(topics) != 2:
        raise BadAnswer("a Safe's event names no SafeTx hash.")
    tx_hash, block_hash = str(log.get("transactionHash", "")).lower(), str(log.get("blockHash", "")).lower()
    return SafeRun(topics[1], topics[0] == _SUCCESS, tx_hash, block_number(log.get("blockNumber")), block_hash)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
