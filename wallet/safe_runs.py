"""What a Safe ran with a nonce: found by its events, and shown by each endpoint's own blocks and storage.

Every `execTransaction` uses one nonce and emits one event, ExecutionSuccess or ExecutionFailure, with the SafeTx hash.
The hash commits to Safe, chain and nonce: an event with the hash of a proposal is the run of that proposal. Another
transaction took the nonce if it was free before a block and used after it, and the block has as many of these events as
nonces were used in it, none of them with the proposal's hash.
Source: safe-global/safe-smart-account 1.4.1 and 1.5.0, Safe.sol.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from l2send.core.address import Address
from l2send.core.calldata import event_topic
from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.plan import Proposal
from l2send.core.rpc import Log, Rpc, block_number
from l2send.core.safe import nothing_of, read_execution
from l2send.core.units import BlockNumber, Nonce
from l2send.wallet.nonce_search import first_block_above

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
    """Of the transaction that had the Safe run it."""
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
    """What the Safe ran with the nonce of `proposal`, from the first endpoint that can tell; else why none can.

    Source: eth_getLogs, eth_getStorageAt.
    """
    why = f"no endpoint of {rpc.chain.name} answers"
    for one in rpc.each():
        try:
            found = await _find_on(one, proposal)
        except NetworkError as error:
            found = error.message.rstrip(".")
        if isinstance(found, SafeRun):
            return found
        why = found
    return why


async def shows_run(one: Rpc, head: Awaitable[BlockNumber], proposal: Proposal, run: SafeRun) -> bool:
    """Whether one endpoint alone shows, deep enough, that `run` took the nonce of `proposal`. Raises NetworkError."""
    if await head - run.block + 1 < max(1, one.chain.confirmations):
        return False
    block = await one.block(hex(run.block))
    if str(block.get("hash", "")).lower() != run.block_hash:
        return False
    ours, safe = {hash_of(proposal), cancel_hash_of(proposal)}, proposal.execution.to
    runs = await _runs_in(one, safe, run.block)
    if run not in runs:
        return False
    if run.hash in ours:
        return True
    before = await safe_nonce(one, safe, hex(max(run.block - 1, 0)))
    after = await safe_nonce(one, safe, hex(run.block))
    explained = before <= proposal.nonce < after and len(runs) == after - before
    return explained and not ours.intersection(other.hash for other in runs)


async def _find_on(one: Rpc, proposal: Proposal) -> SafeRun | str:
    safe, host, head = proposal.execution.to, one.endpoints[0].host, await one.block_number()
    if await safe_nonce(one, safe) <= proposal.nonce:
        return f"{host} does not count it as used"
    ours = {hash_of(proposal), cancel_hash_of(proposal)}
    topics = [[_SUCCESS, _FAILURE], sorted(ours)]
    async for logs in one.logs_between({"address": safe, "topics": topics}, min(proposal.since, head), head):
        for run in map(_run, logs):
            if run.hash in ours:
                return run

    async def nonce_at(number: int) -> int:
        return await safe_nonce(one, safe, hex(number))

    block = await first_block_above(nonce_at, proposal.nonce, head)
    if block is None:
        return f"{host} keeps no state of blocks that old"
    runs = await _runs_in(one, safe, block)
    if not runs:
        return f"{host} shows no event of the Safe in block {block}"
    return next((run for run in runs if run.hash in ours), runs[0])


async def _runs_in(one: Rpc, safe: Address, block: BlockNumber) -> list[SafeRun]:
    query = {"address": safe, "topics": [[_SUCCESS, _FAILURE]]}
    return [_run(log) async for logs in one.logs_between(query, block, block) for log in logs]


def _run(log: Log) -> SafeRun:
    """Raises BadAnswer for an event without its SafeTx hash."""
    topics = [str(topic).lower() for topic in log.get("topics", ())]
    if len(topics) != 2:
        raise BadAnswer("a Safe's event names no SafeTx hash.")
    tx_hash, block_hash = str(log.get("transactionHash", "")).lower(), str(log.get("blockHash", "")).lower()
    return SafeRun(topics[1], topics[0] == _SUCCESS, tx_hash, block_number(log.get("blockNumber")), block_hash)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
