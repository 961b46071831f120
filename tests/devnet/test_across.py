"""Across's own contracts work as deployed: the real origin settler opens an order on the real SpokePool."""

from __future__ import annotations

from eth_hash.auto import keccak

from l2send.core.calldata import APPROVE, Function, abi_encode, event_topic
from l2send.devnet import eco
from l2send.devnet.state import Devnet
from tests.devnet.user import OPEN, User, fresh_address

ORDER_TYPE = keccak(
    b"AcrossOrderData(address inputToken,uint256 inputAmount,address outputToken,uint256 outputAmount,"
    b"uint256 destinationChainId,bytes32 recipient,address exclusiveRelayer,uint256 depositNonce,"
    b"uint32 exclusivityPeriod,bytes message)"
)
ORDER = "(address,uint256,address,uint256,uint256,bytes32,address,uint256,uint32,bytes)"
ZERO = "0x" + "0" * 40
OPEN_TOPIC = event_topic(
    "Open(bytes32,(address,uint256,uint32,uint32,bytes32,(bytes32,uint256,bytes32,uint256)[],"
    "(bytes32,uint256,bytes32,uint256)[],(uint64,bytes32,bytes)[]))"
)
"""Across's settler has a uint64 chain id in its fill instructions, hence another topic than ERC-7683 v1."""
FILL_DEADLINE_BUFFER = Function("fillDeadlineBuffer()", "uint32")


def test_origin_settler_opens_a_deposit(user: User, devnet: Devnet) -> None:
    source, destination = devnet.chain("dev1"), devnet.chain("dev2")
    given, wanted = source.token("USDC").address, destination.token("USDC").address
    recipient = eco.claimant_word(fresh_address())
    values = (given, 26_000_000, wanted, 25_000_000, destination.chain_id, recipient, ZERO, 0, 0, b"")
    order = (user.node(source).now() + 3600, ORDER_TYPE, abi_encode([ORDER], [values]))
    held, own = user.balance(source, "USDC", source.spoke_pool), user.balance(source, "USDC")
    user.send(source, given, APPROVE.encode(source.origin_settler, 26_000_000))
    receipt = user.send(source, source.origin_settler, OPEN.encode(order))
    assert OPEN_TOPIC in {log["topics"][0] for log in receipt["logs"]}
    assert user.balance(source, "USDC", source.spoke_pool) == held + 26_000_000
    assert user.balance(source, "USDC") == own - 26_000_000


def test_spoke_pool_answers_its_buffers(user: User, devnet: Devnet) -> None:
    chain = devnet.chain("dev1")
    answer = user.node(chain).eth_call(chain.spoke_pool, FILL_DEADLINE_BUFFER.encode())
    assert FILL_DEADLINE_BUFFER.decode_result(answer) == (21600,)
