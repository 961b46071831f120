"""The solver's access to one chain: its contracts, and transactions from unlocked accounts without a key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import Web3Exception
from web3.types import EventData, TxParams, TxReceipt, Wei

from l2send.devnet.artifacts import Artifacts
from l2send.devnet.state import DevChain

_RECEIPT_SECONDS = 10.0


class Refusal(Exception):
    """Why an order is not filled."""


class Deployed:
    """The contracts of one chain, at their addresses."""

    def __init__(self, chain: DevChain, artifacts: Artifacts) -> None:
        self._chain, self._artifacts = chain, artifacts
        self._w3, self._bound = Web3(HTTPProvider(chain.rpc_url)), dict[str, Contract]()

    def contract(self, name: str) -> Contract:
        """`portal`, `prover`, `spoke_pool` or `origin_settler`."""
        if name not in self._bound:
            self._bound[name] = self._at(getattr(self._chain, name), getattr(self._artifacts, name).abi)
        return self._bound[name]

    def usdc(self, address: str) -> Contract:
        """The token at `address`, which has USDC's functions."""
        return self._at(address, self._artifacts.fiat_token.abi)

    def entry_point(self, address: str) -> Contract:
        """The EntryPoint at `address`."""
        return self._at(address, self._artifacts.entry_point.abi)

    def events(self, first: int, last: int) -> list[EventData]:
        """The events of Portal and SpokePool about orders and deposits in these blocks, both included."""
        portal, pool = self.contract("portal"), self.contract("spoke_pool")
        known = (portal.events.Open(), portal.events.IntentPublished(), pool.events.FundsDeposited())
        by_topic = {str(event.topic): event for event in known}
        where: Any = {"address": [portal.address, pool.address], "fromBlock": first, "toBlock": last}
        logs = self._w3.eth.get_logs(where | {"topics": [list(by_topic)]})
        return [by_topic[log["topics"][0].to_0x_hex()].process_log(log) for log in logs]

    def _at(self, address: str, abi: Any) -> Contract:
        return self._w3.eth.contract(to_checksum_address(address), abi=abi)


def transact(call: ContractFunction, sender: str, value: int = 0) -> TxReceipt:
    """The receipt, once the transaction has succeeded. Raises Refusal, also if it would revert."""
    with refusing():
        message: TxParams = {"from": to_checksum_address(sender), "value": Wei(value)}
        message["gas"] = call.estimate_gas(message) * 5 // 4
        tx_hash = call.transact(message)
        receipt = call.w3.eth.wait_for_transaction_receipt(tx_hash, timeout=_RECEIPT_SECONDS, poll_latency=0.02)
    if receipt["status"] != 1:
        raise Refusal(f"{tx_hash.to_0x_hex()} reverted")
    return receipt


@contextmanager
def refusing() -> Iterator[None]:
    """Raises Refusal for errors of web3 or the connection in the context."""
    try:
        yield
    except (Web3Exception, OSError) as error:
        raise Refusal(str(error)[:500]) from error
