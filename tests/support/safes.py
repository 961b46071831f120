"""Safes on a devnet: created by the real factories, and changed as their owners would change them."""

from __future__ import annotations

from dataclasses import dataclass

from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import Function
from l2send.core.safe import SafeTx
from l2send.core.units import Nonce
from l2send.devnet.account_contracts import make_safe
from l2send.devnet.node import Node
from l2send.devnet.state import require
from tests.conftest import Home
from tests.support.contracts import send_unlocked

TX_HASH = Function(
    "getTransactionHash(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,uint256)", "bytes32"
)
APPROVE_HASH = Function("approveHash(bytes32)")
OWNERS = Function("getOwners()", "address[]")
SWAP_OWNER = Function("swapOwner(address,address,address)")
CHANGE_THRESHOLD = Function("changeThreshold(uint256)")
ENABLE_MODULE = Function("enableModule(address)")
SET_HANDLER = Function("setFallbackHandler(address)")
SENTINEL = Address("0x0000000000000000000000000000000000000001")


@dataclass(frozen=True)
class TestSafe:
    """A Safe on one chain of the devnet."""

    __test__ = False

    home: Home
    chain: str
    address: Address

    @property
    def place(self) -> str:
        return f"{self.chain}:{self.address}"

    @property
    def node(self) -> Node:
        return Node(self.home.chain(self.chain).rpcs[0])

    def change(self, data: bytes) -> None:
        """Have the Safe call itself, as only a transaction of its owners can."""
        self.node.call("anvil_impersonateAccount", self.address)
        self.node.call(
            "anvil_setBalance", self.address, hex(self.node.quantity("eth_getBalance", self.address, "latest") + 10**18)
        )
        send_unlocked(self.node, self.address, self.address, data)

    def owners(self) -> list[Address]:
        """As the contract lists them."""
        (owners,) = OWNERS.decode_result(self.node.eth_call(self.address, OWNERS.encode()))
        return [checksum(owner) for owner in owners]

    def contract_hash(self, tx: SafeTx, nonce: Nonce) -> bytes:
        """The SafeTx hash as the contract computes it."""
        refund = (0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS)
        data = TX_HASH.encode(tx.to, tx.value, tx.data, int(tx.operation), *refund, nonce)
        return self.node.eth_call(self.address, data)


def new_safe(
    home: Home, owners: list[Address], threshold: int = 1, *, chain: str = "dev1", version: str = "1.4.1"
) -> TestSafe:
    where = require(home.paths.state).chain(chain)
    listed = next(safe for safe in home.chain(chain).safes if safe.version == version)
    return TestSafe(home, chain, make_safe(where, listed, owners, threshold))
