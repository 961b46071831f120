"""Settlers that a user lists in chains.toml under a name of their own: second deployments of three known types.

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

from l2send.bridges import bridges_of
from l2send.bridges.eco import _REWARD, _reward_from
from l2send.core.address import Address
from l2send.core.bridge import OrderState
from l2send.core.calldata import APPROVE, Function, abi_encode
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import CannotPay, ConfigError, UsageError
from l2send.core.plan import Order
from l2send.devnet import across, artifacts, compiler, eco, packages
from l2send.devnet.artifacts import Artifacts
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
from tests.conftest import Home, make_home, somebody
from tests.support.settlers import with_chains, with_settlers

pytestmark = pytest.mark.lab

INITIALIZE = Function("initialize(uint32,address)")
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
    text = (Path(__file__).parents[2] / "docs/bridges.md").read_text()
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

    def fill(self, kind: str, record: PaymentRecord) -> None:
        order = order_of(record)
        match kind:
            case "hyperlane7683":
                fill_hyperlane7683(self.world, order)
            case "eco":
                self.world.target.must(order.destination_settler, fulfilment(order))
            case "across":
                opening = record.steps[-1].hash
                receipt = self.world.origin.node.call("eth_getTransactionReceipt", opening)
                log = next(entry for entry in receipt["logs"] if entry["topics"][0] == across.DEPOSITED_TOPIC)
                deposit = across.deposited(order.origin, log)
                self.world.target.must(order.destination_settler, deposit.fill(somebody()))


def fulfilment(order: Order) -> bytes:
    """Calldata by which a solver pays an order of Eco's."""
    route = eco.Route.decode(bytes.fromhex(order.details["route"][2:]))
    reward_hash = keccak(abi_encode([_REWARD], [_reward_from(order)]))
    order_id = bytes.fromhex(order.order_id[2:])
    return eco.FULFILL.encode(order_id, route.values(), reward_hash, eco.claimant_word(somebody()))


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
    portal, prover = side.create(code.portal), side.settler("eco", "prover")
    side.must(side.chain.token("USDC").address, APPROVE.encode(portal, 2**256 - 1))
    return {"type": "eco", "portal": portal, "prover": prover, "quote_api": url}


def deploy_across(side: Side, code: Artifacts, url: str) -> dict[str, str]:
    types, weth = ["address", "uint32", "uint32", "address"], side.chain.token("WETH").address
    logic = side.create(code.spoke_pool + abi_encode(types, [weth, 3600, 21600, "0x" + "00" * 20]))
    start = abi_encode(["address", "bytes"], [logic, INITIALIZE.encode(0, somebody())])
    pool = POOLS[side.chain.chain_id] = side.create(code.erc1967_proxy + start)
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
    cache = Path(stand_ins.home.environment["L2SEND_CACHE"])
    pins = packages.contract_pins()
    folders = dict(zip(pins, packages.fetch(list(pins.values()), cache, lambda _: None), strict=True))
    code = artifacts.load(folders, compiler.compiled(folders["solc"], cache))
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
        yield Second(replace(stand_ins, registry=load_registry(home.paths)), home)


@pytest.fixture
def payer(second: Second, tmp_path: Path) -> Payer:
    return second.world.payer(tmp_path)


@pytest.mark.parametrize("kind", ["eco", "across", "hyperlane7683"])
def test_a_second_deployment_pays(second: Second, payer: Payer, kind: str) -> None:
    """And not the first one: the money is locked in the contract that the user listed."""
    to, name = somebody(), f"second-{kind}"
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
    record = payer.open("second-hyperlane7683", somebody())
    forgotten = replace(payer, world=replace(second.world, registry=second.world.home.registry))
    assert order_state(forgotten.status(record)) is OrderState.OPEN, "unknown is not lost"
    with pytest.raises((CannotPay, ConfigError, UsageError)):
        forgotten.quote("second-hyperlane7683")
