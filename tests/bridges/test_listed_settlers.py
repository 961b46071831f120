"""Settlers that a user lists in chains.toml under their own names: second deployments of three known types.

The Portal and the SpokePools are the real contracts, deployed once more; this test is their solver and their quote API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_hash.auto import keccak
from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from web3 import HTTPProvider, Web3
from web3.logs import DISCARD

from l2send.bridges import bridges_of
from l2send.bridges.eco.order import REWARD, reward_of
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import APPROVE, abi_encode, address_word
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import CannotPay, ConfigError, UsageError
from l2send.core.plan import Order
from l2send.devnet import across, eco
from l2send.devnet.artifacts import Artifacts, init_code
from l2send.devnet.state import registry_path
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.journal.states import PaymentState
from tests.bridges import registry as two
from tests.bridges.standins import (
    ORIGIN,
    TARGET,
    Payer,
    Side,
    StandIns,
    endpoint,
    enroll,
    fill_hyperlane7683,
    order_of,
    order_state,
)
from tests.conftest import Home, make_home
from tests.support.addresses import new_address
from tests.support.contracts import devnet_artifacts
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab

ECO = {"type": "eco", "portal": two.address(9)}
FEE = 50_000
"""Base units that this test's solver takes."""


def listed(**settlers: dict[str, str]) -> Registry:
    return with_chains(two.REGISTRY, *(with_settlers(chain, **settlers) for chain in two.REGISTRY))


def test_each_name_of_a_known_type_is_a_bridge() -> None:
    shipped = list(bridges_of(two.REGISTRY))
    assert {"direct", "eco", "across", "hyperlane7683", "oif"} <= set(shipped)
    bridges = bridges_of(listed(acme=ECO, more={"type": "hyperlane7683", "router": two.address(9)}))
    assert set(bridges) == {*shipped, "acme", "more"}
    assert {name: bridge.name for name, bridge in bridges.items()} == {name: name for name in bridges}
    assert type(bridges["acme"]) is type(bridges["eco"])


def test_one_name_is_of_one_type_on_every_chain() -> None:
    left = with_settlers(two.ORIGIN, acme=ECO)
    right = with_settlers(two.TARGET, acme={"type": "across", "spoke_pool": two.address(9)})
    with pytest.raises(ConfigError, match="acme"):
        bridges_of(with_chains(two.REGISTRY, left, right))


def test_every_example_of_the_docs_is_a_registry(empty_home: Home) -> None:
    text = (Path(__file__).parents[2] / "docs/bridges/prices.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    file = empty_home.paths.user_chains
    file.parent.mkdir(parents=True)
    for example in examples:
        file.write_text(example)
        assert "direct" in bridges_of(load_registry(empty_home.paths))
    (base,) = (c for c in empty_home.must("chains", "--json").json["chains"] if c["short_name"] == "base")
    assert "acme" in base["bridges"]


# From here on: two chains of a devnet.


@dataclass
class Second:
    """Second deployments on both chains, as a user's chains.toml lists them."""

    world: StandIns
    home: Home
    code: Artifacts

    def fill(self, kind: str, record: PaymentRecord) -> None:
        order = order_of(record)
        match kind:
            case "hyperlane7683":
                fill_hyperlane7683(self.world, order)
            case "eco":
                self.world.target.must(order.destination_settler, fulfilment(order, self.code))
            case "across":
                opening = record.steps[-1].hash
                chain = Web3(HTTPProvider(self.world.origin.node.url))
                receipt = chain.eth.get_transaction_receipt(HexStr(opening))
                pool = chain.eth.contract(to_checksum_address(order.origin_settler), abi=self.code.spoke_pool.abi)
                (event,) = pool.events.FundsDeposited().process_receipt(receipt, errors=DISCARD)
                deposit = across.deposited(order.origin, event["args"])
                values = [deposit.values(), deposit.origin, address_word(new_address())]
                fill = self.code.spoke_pool.encode_abi("fillRelay", values)
                self.world.target.must(order.destination_settler, bytes.fromhex(fill[2:]))


def fulfilment(order: Order, code: Artifacts) -> bytes:
    """Calldata by which a solver pays an order of Eco's."""
    route = eco.Route.decode(bytes.fromhex(order.details["route"][2:]))
    reward_hash = keccak(abi_encode([REWARD], [reward_of(order)]))
    order_id = bytes.fromhex(order.order_id[2:])
    values = [order_id, route.values(), reward_hash, eco.claimant_word(new_address())]
    return bytes.fromhex(code.portal.encode_abi("fulfill", values)[2:])


def quotes(request: dict[str, Any]) -> Any:
    """Both APIs: Eco's answers repeat what was asked, Across's are one fee."""
    far = str(2**40)
    if "quoteRequest" not in request:
        return {
            "totalRelayFee": {"total": str(FEE)},
            "timestamp": far,
            "isAmountTooLow": False,
            "spokePoolAddress": POOLS[int(request["originChainId"])],
            "estimatedFillTimeSec": 2,
            "fillDeadline": far,
            "limits": {"maxDeposit": far},
        }
    wanted = request["quoteRequest"]
    output = wanted["sourceAmount"]
    price = {
        "intentExecutionType": "SELF_PUBLISH",
        "sourceAmount": str(int(output) + FEE),
        "destinationAmount": output,
        "deadline": 2**40,
        "estimatedFulfillTimeSec": 2,
    }
    return {"data": [{"quoteData": {"contracts": request["contracts"], "quoteResponse": wanted | price}}]}


POOLS: dict[int, Address] = {}


def deploy_eco(side: Side, code: Artifacts, url: str) -> dict[str, str]:
    portal, prover = side.create(bytes.fromhex(init_code(code.portal)[2:])), side.settler("eco", "prover")
    side.must(side.chain.token("USDC").address, APPROVE.encode(portal, 2**256 - 1))
    return {"type": "eco", "portal": portal, "prover": prover, "quote_api": url}


def deploy_across(side: Side, code: Artifacts, url: str) -> dict[str, str]:
    weth = side.chain.token("WETH").address
    logic = side.create(bytes.fromhex(init_code(code.spoke_pool, weth, 3600, 21600, ZERO_ADDRESS)[2:]))
    initialize = code.spoke_pool.encode_abi("initialize", [0, new_address()])
    pool = side.create(bytes.fromhex(init_code(code.erc1967_proxy, logic, initialize)[2:]))
    POOLS[side.chain.chain_id] = pool
    side.must(side.chain.token("USDC").address, APPROVE.encode(pool, 2**256 - 1))
    return {"type": "across", "spoke_pool": pool, "quote_api": url}


def deploy_hyperlane7683(side: Side, code: bytes) -> dict[str, str]:
    router = side.create(code)
    side.must(side.chain.token("USDC").address, APPROVE.encode(router, 2**256 - 1))
    return {"type": "hyperlane7683", "router": router, "solver_fee_bps": "10"}


def table(chain: str, name: str, fields: dict[str, str]) -> str:
    """The entry as a user writes it."""
    lines = "".join(f'{key} = "{value}"\n' for key, value in fields.items())
    return f"\n[chains.{chain}.settlers.{name}]\n{lines}"


@pytest.fixture(scope="module")
def second(stand_ins: StandIns, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Second]:
    code = devnet_artifacts(stand_ins.home)
    home = make_home(tmp_path_factory.mktemp("listed") / "home")
    file = registry_path(home.paths.state)
    file.parent.mkdir(parents=True)
    with endpoint(quotes) as url:
        text, routers = registry_path(stand_ins.home.paths.state).read_text(), list[Address]()
        for side in (stand_ins.origin, stand_ins.target):
            entries = {
                "second-eco": deploy_eco(side, code, url),
                "second-across": deploy_across(side, code, url),
                "second-hyperlane7683": deploy_hyperlane7683(side, stand_ins.code["StandInHyperlane7683"]),
            }
            routers.append(Address(entries["second-hyperlane7683"]["router"]))
            text += "".join(table(side.chain.short_name, name, fields) for name, fields in entries.items())
        enroll(stand_ins.origin, stand_ins.target, routers[0], routers[1])
        file.write_text(text)
        yield Second(replace(stand_ins, registry=load_registry(home.paths)), home, code)


@pytest.fixture
def payer(second: Second, tmp_path: Path) -> Payer:
    return second.world.payer(tmp_path)


@pytest.mark.parametrize("kind", ["eco", "across", "hyperlane7683"])
def test_a_second_deployment_pays(second: Second, payer: Payer, kind: str) -> None:
    """And not the first one: the money is locked in the contract that the user listed."""
    to, name = new_address(), f"second-{kind}"
    record = payer.open(name, to, "10")
    order, entry = order_of(record), second.world.registry.named(ORIGIN).settlers[name]
    assert (order.bridge, order.origin_settler) == (name, next(iter(entry.contracts.values())))
    assert order.origin_settler not in second.world.origin.chain.settlers[kind].contracts.values()
    second.fill(kind, record)
    done = payer.resume(record)
    assert (done.state, order_state(done)) == (PaymentState.DELIVERED, OrderState.FILLED)
    assert second.world.home.holds(to, TARGET) == 10_000_000
    assert payer.holds() == 100_000_000 - order.pays.units


def test_the_command_line_knows_them_by_their_names(second: Second, payer: Payer) -> None:
    plan = payer.quote("second-eco")
    assert plan.bridge == "second-eco"
    with pytest.raises(UsageError) as error:
        payer.quote("third-eco")
    assert "second-eco" in error.value.hint


def test_a_payment_whose_settlers_are_no_longer_listed_says_so(second: Second, payer: Payer) -> None:
    record = payer.open("second-hyperlane7683", new_address())
    forgotten = replace(payer, world=replace(second.world, registry=second.world.home.registry))
    assert order_state(forgotten.status(record)) is OrderState.OPEN, "unknown is not lost"
    with pytest.raises((CannotPay, ConfigError, UsageError)):
        forgotten.quote("second-hyperlane7683")
