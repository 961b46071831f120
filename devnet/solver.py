"""The solver: detects orders, judges them, fulfils them, proves them and withdraws its reward. This file is for Eco;
`relays` is for Across, and `sponsor` opens orders for senders without gas.

It owns its inventory on every chain (an unlocked account without a key) and trusts only the order id in an `Open`
event: the intent is rebuilt from the Portal's own IntentPublished event, and its hash is compared.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from web3.contract.contract import ContractFunction
from web3.types import EventData

from l2send.core.address import ZERO_ADDRESS
from l2send.core.errors import L2sendError, NetworkError
from l2send.devnet import eco, pricing
from l2send.devnet.artifacts import Artifacts
from l2send.devnet.jobs import Job, note, say
from l2send.devnet.modes import Mode
from l2send.devnet.node import Node
from l2send.devnet.operations import Operations
from l2send.devnet.relays import Relays
from l2send.devnet.sending import Deployed, Refusal, refusing, transact
from l2send.devnet.sponsor import Sponsor
from l2send.devnet.state import DevChain, Devnet

_UNSETTLED = 8
"""Blocks that are read again with every new head: a reorganisation may have replaced them."""
_MARGIN = 5
"""Seconds that an order must have left on both chains: fill, proof and withdrawal take a fraction of one."""


Order = Job[eco.Intent]
"""An intent and its result."""


class Solver:
    """Watches every chain's Portal and fills profitable orders. One thread calls `step` repeatedly."""

    def __init__(self, devnet: Devnet, artifacts: Artifacts) -> None:
        self.address = devnet.solver_address
        self.chains: Mapping[int, DevChain] = {c.chain_id: c for c in devnet.chains}
        self.nodes = {c.chain_id: Node(c.rpc_url) for c in devnet.chains}
        self.deployed = {c.chain_id: Deployed(c, artifacts) for c in devnet.chains}
        self.mode = Mode.FILL
        self.delay_seconds = 0.0
        self.orders: dict[bytes, Order] = {}
        self.relays = Relays(self.address, self.chains, self.nodes, self.deployed)
        self.sponsor = Sponsor(self.address, self.chains, self.deployed)
        self.operations = Operations(self.address, self.chains, self.deployed)
        self._heads: dict[int, tuple[int, str]] = dict.fromkeys(self.chains, (0, ""))
        self._lock = threading.Lock()

    def report(self) -> dict[str, Any]:
        """Mode, delay, and how many orders are in each state."""
        states = [order.state for order in list(self.orders.values())]
        counts = {state: states.count(state) for state in ("open", "filled", "refused")}
        return {"mode": self.mode.value, "delay_seconds": self.delay_seconds, "orders": counts}

    def set_mode(self, mode: Mode, delay_seconds: float | None) -> None:
        """Change what happens to orders from now on. Waits for a running fill."""
        with self._lock:
            self.mode = mode
            self.delay_seconds = self.delay_seconds if delay_seconds is None else delay_seconds

    def step(self) -> None:
        """Query every chain once, and act on every order that is due."""
        for chain_id in self.chains:
            try:
                self._watch(chain_id)
            except (Refusal, NetworkError) as error:
                say(f"chain {chain_id}: {error}")
        for order in list(self.orders.values()):
            with self._lock:
                if order.state == "open" and order.is_due(self.mode, self.delay_seconds):
                    self._act(order)
        with self._lock:
            self.sponsor.step(self.mode, self.delay_seconds)
            self.operations.step(self.mode, self.delay_seconds)
            self.relays.step(self.mode, self.delay_seconds)

    def _watch(self, chain_id: int) -> None:
        """Read the events of Portal and SpokePool since the last step, without a gap.

        An empty block on top of the last one that was read has none: a chain at rest costs one request a step.
        """
        node, (height, head_hash) = self.nodes[chain_id], self._heads[chain_id]
        head = node.call("eth_getBlockByNumber", "latest", False)
        self.relays.times[chain_id] = int(head["timestamp"], 16)
        if head["hash"] == head_hash:
            return
        if head["parentHash"] == head_hash and not head["transactions"]:
            self._heads[chain_id] = int(head["number"], 16), head["hash"]
            return
        latest, start = int(head["number"], 16), max(0, min(height, int(head["number"], 16)) - _UNSETTLED)
        with refusing():
            logs = self.deployed[chain_id].events(start, latest)
        self._note(chain_id, logs)
        self.relays.note(chain_id, logs)
        self._heads[chain_id] = latest, head["hash"]

    def _note(self, chain_id: int, logs: Sequence[EventData]) -> None:
        opened = {log["args"]["orderId"] for log in logs if log["event"] == "Open"}
        for log in logs:
            if log["event"] != "IntentPublished":
                continue
            try:
                intent = eco.published(chain_id, log["args"])
            except L2sendError as error:
                say(f"an order on chain {chain_id} cannot be read: {error}")
                continue
            if intent.hash in opened:
                note(self.orders, intent, log["blockHash"].hex())

    def _act(self, order: Order) -> None:
        try:
            self._judge(order.task)
            if self.mode is Mode.UNDERFILL:
                self._underfill(order)
            else:
                self._fill(order)
        except (Refusal, pricing.NoQuote, L2sendError) as error:
            order.stop(error)

    def _judge(self, intent: eco.Intent) -> None:
        """Raise Refusal, or pricing.NoQuote, unless filling it pays and there is time."""
        source, destination = self.chains[intent.origin], self.chains.get(intent.destination)
        if destination is None:
            raise Refusal(f"unknown destination {intent.destination}")
        if intent.route.portal != destination.portal:
            raise Refusal("the route names another Portal")
        if intent.reward.prover != source.prover:
            raise Refusal("the reward names another prover")
        with refusing():
            status = self.deployed[intent.origin].contract("portal").functions.getRewardStatus(intent.hash).call()
        if status != eco.FUNDED:
            raise Refusal("the reward is not in escrow")
        if self.nodes[destination.chain_id].now() + _MARGIN > intent.route.deadline:
            raise Refusal("the route has expired")
        if self.nodes[source.chain_id].now() + _MARGIN > intent.reward.deadline:
            raise Refusal("the reward has expired")
        gained = _by_token(intent.reward.native_amount, intent.reward.tokens)
        spent = _by_token(intent.route.native_amount, intent.route.tokens)
        if not pricing.is_worth_it(source, gained, destination, spent):
            raise Refusal("the reward is below the cost")

    def _fill(self, order: Order) -> None:
        """Fulfil on the destination, attest it on the origin, withdraw the reward there."""
        intent = order.task
        source = self.deployed[intent.origin]
        order.transactions["fulfill"] = self._fulfill(intent)
        order.state = "filled"
        proven = source.contract("prover").functions.prove(self.address, 0, eco.proof(intent, self.address), b"")
        order.transactions["prove"] = self._transact(proven)
        withdrawn = source.contract("portal").functions.withdraw(
            intent.destination, intent.route_hash, intent.reward.values()
        )
        order.transactions["withdraw"] = self._transact(withdrawn)

    def _underfill(self, order: Order) -> None:
        intent = order.task
        look_alike = eco.Intent(intent.origin, intent.destination, intent.route.halved(), intent.reward)
        order.transactions["underfill"] = self._fulfill(look_alike)
        order.underfilled = True

    def _fulfill(self, intent: eco.Intent) -> str:
        portal, claimant = self.deployed[intent.destination].contract("portal"), eco.claimant_word(self.address)
        call = portal.functions.fulfill(intent.hash, intent.route.values(), intent.reward.hash(), claimant)
        return self._transact(call, intent.route.native_amount)

    def _transact(self, call: ContractFunction, value: int = 0) -> str:
        """Send from the solver's unlocked account; the transaction hash, once it has succeeded."""
        return transact(call, self.address, value)["transactionHash"].to_0x_hex()


def _by_token(native: int, tokens: Sequence[eco.TokenAmount]) -> dict[str, int]:
    amounts: dict[str, int] = {ZERO_ADDRESS: native}
    for token in tokens:
        amounts[token.token] = amounts.get(token.token, 0) + token.amount
    return amounts
