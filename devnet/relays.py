"""Across on the devnet: a relayer that fills deposits, and the HubPool's settlements, which repay or refund them.

Across settles in bundles that the HubPool on Ethereum sends to every SpokePool. Here the SpokePools' owner sends them,
one deposit per bundle: the relayer is repaid at once, and an unfilled deposit is refunded some chain time after its
deadline, in every mode of the relayer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from web3.types import EventData

from l2send.core.address import ZERO_ADDRESS
from l2send.core.calldata import address_word
from l2send.core.errors import L2sendError
from l2send.devnet import across, pricing
from l2send.devnet.jobs import Job, note
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.sending import Deployed, Refusal, transact
from l2send.devnet.state import DevChain

SETTLEMENT_SECONDS = 3600
"""From the deadline of an unfilled deposit to its refund, by the origin's clock. On public chains: hours."""
_MARGIN = 5


Relay = Job[across.Deposit]
"""A deposit and its result."""


class Relays:
    """Every deposit of every SpokePool. The solver's loop calls `note` and `step`."""

    def __init__(
        self, address: str, chains: Mapping[int, DevChain], nodes: Mapping[int, Node], deployed: Mapping[int, Deployed]
    ) -> None:
        self.address = address
        self.chains = chains
        self.nodes = nodes
        self.deployed = deployed
        self.relays: dict[bytes, Relay] = {}
        self.times: dict[int, int] = {}
        """ChainId -> the time of its newest block, in Unix seconds, as the solver's loop saw it in this step."""

    def note(self, chain_id: int, logs: Sequence[EventData]) -> None:
        """Remember the deposits among these events."""
        for log in logs:
            if log["event"] == "FundsDeposited":
                note(self.relays, across.deposited(chain_id, log["args"]), log["blockHash"].hex())

    def step(self, mode: Mode, delay_seconds: float) -> None:
        """Act on every deposit that is due."""
        for relay in list(self.relays.values()):
            if relay.state in {"open", "refused"}:
                self._act(relay, mode, delay_seconds)

    def _act(self, relay: Relay, mode: Mode, delay_seconds: float) -> None:
        try:
            if self._is_over(relay.task):
                self._refund(relay)
            elif relay.state == "open" and relay.is_due(mode, delay_seconds):
                self._judge(relay.task)
                if mode is Mode.UNDERFILL:
                    relay.transactions["underfill"] = self._pay(relay.task.halved())
                    relay.underfilled = True
                else:
                    self._fill(relay)
        except (Refusal, pricing.NoQuote, L2sendError) as error:
            relay.stop(error)

    def _is_over(self, deposit: across.Deposit) -> bool:
        """Whether it is time to refund an unfilled deposit."""
        if self.times[deposit.origin] < deposit.fill_deadline + SETTLEMENT_SECONDS:
            return False
        now = self.times.get(deposit.destination)
        return now is None or now > deposit.fill_deadline

    def _judge(self, deposit: across.Deposit) -> None:
        """Raise Refusal, or pricing.NoQuote, unless filling it pays and there is time."""
        source, destination = self.chains[deposit.origin], self.chains.get(deposit.destination)
        if destination is None:
            raise Refusal(f"unknown destination {deposit.destination}")
        exclusive = deposit.exclusivity_deadline >= self.nodes[deposit.origin].now()
        if exclusive and deposit.exclusive_relayer not in {ZERO_ADDRESS, self.address}:
            raise Refusal("another relayer has it for itself")
        if deposit.message:
            raise Refusal("a deposit with a message")
        if self.nodes[destination.chain_id].now() + _MARGIN > deposit.fill_deadline:
            raise Refusal("the deposit has expired")
        gained = {asset_address(source, deposit.input_token): deposit.input_amount}
        spent = {asset_address(destination, deposit.output_token): deposit.output_amount}
        if not pricing.is_worth_it(source, gained, destination, spent):
            raise Refusal("the deposit is below the cost")

    def _fill(self, relay: Relay) -> None:
        """Pay the recipient, and get repaid on the origin."""
        deposit = relay.task
        relay.transactions["fill"] = self._pay(deposit)
        relay.state = "filled"
        relay.transactions["repay"] = self._settle(deposit, self.address)

    def _refund(self, relay: Relay) -> None:
        relay.transactions["refund"] = self._settle(relay.task, relay.task.depositor)
        relay.state = "refunded"

    def _pay(self, deposit: across.Deposit) -> str:
        pool = self.deployed[deposit.destination].contract("spoke_pool")
        fill = pool.functions.fillRelay(deposit.values(), deposit.origin, address_word(self.address))
        return transact(fill, self.address)["transactionHash"].to_0x_hex()

    def _settle(self, deposit: across.Deposit, account: str) -> str:
        """Act as the HubPool: send and execute a bundle whose only leaf pays `account` the whole deposit."""
        chain, pool = self.chains[deposit.origin], self.deployed[deposit.origin].contract("spoke_pool")
        leaf = across.Leaf(chain.chain_id, deposit.input_token, account, deposit.input_amount)
        relayed = transact(pool.functions.relayRootBundle(leaf.root, bytes(32)), chain.issuer)
        (bundle,) = pool.events.RelayedRootBundle().process_receipt(relayed)
        execution = pool.functions.executeRelayerRefundLeaf(bundle["args"]["rootBundleId"], leaf.values(), [])
        return transact(execution, self.address)["transactionHash"].to_0x_hex()


def asset_address(chain: DevChain, token: str) -> str:
    """The token's address for `pricing`: native coin travels as WETH."""
    return ZERO_ADDRESS if token.lower() == chain.token("WETH").address.lower() else token
