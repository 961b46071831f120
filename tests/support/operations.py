"""A delegated account without gas on the devnet, and what it signed, submitted by others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_account import Account

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.chains import Registry
from l2send.core.delegation import named_delegate
from l2send.core.operation import OPERATION_TOPIC, PACKED, Operation
from l2send.core.plan import UnsignedTx
from l2send.devnet.node import Node
from l2send.resolver.way_limits import Limits
from l2send.review import Review
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.operations import operation_of
from tests.support.addresses import new_address
from tests.support.gasless import Broke, signatures
from tests.support.settlers import with_chains

HANDLE_OPS = Function(f"handleOps({PACKED}[],address)")
FEE = 50_000
"""The devnet sponsor's, in base units of USDC."""


@dataclass
class Delegated(Broke):
    """A fresh account with 100 USDC on dev1, no coin anywhere, that runs Simple7702Account there."""

    def delegate(self, code: Address | None = None) -> None:
        """Its owner signed an authorization, and another account submitted it."""
        code = code or named_delegate("simple7702account", self.home.chain("dev1")).code.address
        nonce = self.node.quantity("eth_getTransactionCount", self.address, "latest")
        said: Any = {"chainId": self.chain.chain_id, "address": code, "nonce": nonce}
        authorization, by = Account.sign_authorization(said, self.signer._key.reveal()), Account.create()
        self.node.call("anvil_setBalance", by.address, hex(10**18))
        tx: Any = {
            "chainId": self.chain.chain_id, "nonce": 0, "gas": 200_000, "to": new_address(), "value": 0, "data": b"",
            "authorizationList": [authorization], "maxFeePerGas": 10**12, "maxPriorityFeePerGas": 10**10,
        }  # fmt: skip
        self.node.call("eth_sendRawTransactionSync", "0x" + bytes(by.sign_transaction(tx).raw_transaction).hex())

    def plan(self, to: Address | None = None, amount: str = "20", **limits: Any) -> Review:
        async def use(client: Client) -> Review:
            destination = client.destination(f"dev1:{to or new_address()}")
            return await client.plan(client.payment(self.address, amount, "USDC", destination), Limits(**limits))

        return self.do(use)

    def ran(self) -> int:
        """How many operations of the account were ever run."""
        sender = "0x" + bytes(12).hex() + self.address[2:].lower()
        query = {"topics": [OPERATION_TOPIC, None, sender], "fromBlock": "0x0", "toBlock": "latest"}
        return len(self.node.call("eth_getLogs", query))

    def submit(self, operation: Operation, signature: bytes) -> dict[str, Any]:
        """Submit it from an account that is not the sponsor; the receipt."""
        return self.submit_all([(operation, signature)])

    def submit_all(self, signed: Sequence[tuple[Operation, bytes]], gas: int = 3_000_000) -> dict[str, Any]:
        """Several in one transaction."""
        data = HANDLE_OPS.encode([one.packed(signature) for one, signature in signed], self.chain.issuer)
        message = {"from": self.chain.issuer, "to": signed[0][0].entry_point, "data": "0x" + data.hex()}
        receipt: dict[str, Any] = self.node.call("eth_sendTransactionSync", message | {"gas": hex(gas)})
        return receipt

    def submit_signed(self, record: PaymentRecord) -> dict[str, Any]:
        return self.submit(operation_of(record), signatures(record)[0])

    def another(self, record: PaymentRecord, *calls: UnsignedTx) -> tuple[Operation, bytes]:
        """An operation with the same nonce that does something else, signed by the account."""
        other = replace(operation_of(record), calls=calls)
        return other, self.signer.sign_typed(other.typed)

    def with_key(self, record: PaymentRecord, key: int, *calls: UnsignedTx) -> tuple[Operation, bytes]:
        """An operation with another nonce, signed by the account."""
        other = replace(operation_of(record), calls=calls, key=key)
        return other, self.signer.sign_typed(other.typed)

    def deep(self, confirmations: int) -> Registry:
        """The registry, with a chain that needs more blocks."""
        chain = replace(self.home.chain("dev1"), confirmations=confirmations)
        return with_chains(self.home.registry, chain)

    def on(self, node: Node) -> Delegated:
        """The same account on another node."""
        node.call("anvil_impersonateAccount", self.chain.issuer)
        chain = replace(self.chain, rpc_url=node.url)
        return Delegated(self.home, replace(self.devnet, chains=(chain,)), self.paths, self.signer)
