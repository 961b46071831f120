"""Payments from a Safe: how the Safe is named, and paid exactly once, even if killed, sped up or cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2send.cli.options import SenderOptions
from l2send.cli.paying_safe import choose_safe
from l2send.core.address import Address
from l2send.core.chains import Registry, load_registry
from l2send.core.errors import UsageError
from l2send.core.paths import Paths
from l2send.devnet.node import Node
from l2send.resolver.way_limits import Limits
from tests.conftest import Home, make_home
from tests.support.addresses import new_address
from tests.support.kills import Kills, kills
from tests.support.safes import SENTINEL, SWAP_OWNER, TestSafe, new_safe
from tests.support.solving import unfilled

lab = pytest.mark.lab

__all__ = ["kills"]

KILLED = "a payment of a Safe with one owner"

USDC = 10**6
STEPS = {
    "dev1": ["signed", "journaled", "after_broadcast", "mined"],
    "dev4": ["journaled", "after_broadcast", "order_opened"],
}


def payer(home: Home) -> tuple[str, Address, TestSafe]:
    """An account with gas alone, its address, and its Safe on dev1 with 100 USDC."""
    name, address = home.new_account()
    home.fund(address, "dev1", ETH="1")
    safe = new_safe(home, [address, new_address()])
    home.fund(safe.address, "dev1", USDC="100")
    return name, address, safe


@lab
@pytest.mark.parametrize(("chain", "step"), [(chain, step) for chain, steps in STEPS.items() for step in steps])
def test_killed_at_any_step_it_pays_exactly_once(
    home: Home, tmp_path: Path, kills: Kills, chain: str, step: str
) -> None:
    (name, address, safe), to, proof = payer(home), new_address(), tmp_path / "proof"
    kill = {"L2SEND_FAILPOINT": step, "L2SEND_FAILPOINT_PROOF": str(proof)}
    words = ["20", "USDC", f"{chain}:{to}", "--safe", safe.place, "--account", name, "--yes"]
    words += ["--via", "eco"] if chain != "dev1" else []
    with kills.of(proof):
        with unfilled(home):  # a fill that is seen first leaves out that the order is open
            assert home.run(*words, **kill).status == -9
        assert proof.read_text() == f"{step}\n", "nothing was killed, so this test showed nothing"
        payment = next(
            p for p in home.must("history", "--json").json["payments"] if p["destination"] == f"{chain}:{to}"
        )
        done = home.run("resume", payment["id"], "--account", name, "--json")
        assert done.status == 0, done
        assert home.holds(to, chain) == 20 * USDC
        assert 79 * USDC < home.holds(safe.address, "dev1") <= 80 * USDC
        assert Node(home.chain("dev1").rpcs[0]).quantity("eth_getTransactionCount", address, "latest") == 1


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A devnet of its own, whose chain mines only when it is told to, once `stop` was called."""
    made = make_home(tmp_path_factory.mktemp("still"))
    made.must("devnet", "up", "--chains", "1")
    yield made
    made.run("devnet", "down")


def stop(home: Home, *, mining: bool) -> Node:
    node = Node(home.chain("dev1").rpcs[0])
    node.call("evm_setAutomine", mining)
    node.call("evm_setIntervalMining", 1 if mining else 0)
    return node


@lab
@pytest.mark.parametrize("command", ["speedup", "cancel"])
def test_what_waits_is_sped_up_or_cancelled(still: Home, command: str) -> None:
    stop(still, mining=True)
    (name, address, safe), to = payer(still), new_address()
    node = stop(still, mining=False)
    words = ["20", "USDC", f"dev1:{to}", "--safe", safe.place, "--account", name, "--yes", "--json", "--timeout", "2"]
    waiting = still.run(*words)
    assert waiting.status == 8, waiting
    again = still.run(command, waiting.json["id"], "--account", name, "--yes", "--json", "--timeout", "2")
    assert again.status == 8, again
    for _ in range(3):
        node.call("anvil_mine", "0x1")
    done = still.run("resume", waiting.json["id"], "--account", name, "--json")
    assert (done.status, done.json["state"]) == ((0, "delivered") if command == "speedup" else (7, "cancelled"))
    assert still.holds(to, "dev1") == (20 * USDC if command == "speedup" else 0)
    assert node.quantity("eth_getTransactionCount", address, "latest") == 1


@lab
@pytest.mark.parametrize("how", ["--from", "--account", "L2SEND_SAFE", "a contact by --from", "a contact by --account"])
def test_a_safe_is_named_in_every_place_where_an_account_is(home: Home, how: str) -> None:
    (name, address, safe), to = payer(home), new_address()
    variables = dict[str, str]()
    words = ["5", "USDC", f"dev1:{to}", "--yes", "--json"]
    contact = f"t{to[2:8].lower()}"
    home.must("contacts", "add", contact, safe.place)
    owner = str(home.paths.keystores / f"{name}.json")
    match how:
        case "--from":
            words += ["--from", safe.place, "--account", name]
        case "--account":
            words += ["--account", safe.place, "--keystore", owner]
        case "a contact by --from":
            words += ["--from", contact, "--account", name]
        case "a contact by --account":
            words += ["--account", contact, "--keystore", owner]
        case _:
            words += ["--account", name]
            variables["L2SEND_SAFE"] = safe.place
    paid = home.must(*words, **variables).json
    assert (paid["sender"], paid["executor"]) == (safe.address, address)
    assert home.holds(to, "dev1") == 5 * USDC


@lab
def test_the_same_safe_on_several_chains_pays_together(home: Home) -> None:
    """One transaction of it on each, by the same owner; not from a chain where the owners differ, or it is not."""
    (name, address, safe), to, other = payer(home), new_address(), new_address()
    owners = safe.owners()
    assert new_safe(home, owners, chain="dev2").address == safe.address
    home.fund(safe.address, "dev2", USDC="60")
    home.fund(address, "dev2", ETH="1")
    words = ["120", "USDC", f"dev4:{to}", "--safe", safe.place, "--account", name, "--yes", "--json"]
    alone = home.run(*words)
    assert (alone.status, alone.error["sent"]) == (6, "no")
    done = home.must(*words, "--from-chain", "dev1", "--from-chain", "dev2", "--from-chain", "dev3").json
    assert (done["state"], sorted(leg["source"] for leg in done["legs"])) == ("delivered", ["dev1", "dev2"])
    assert home.holds(to, "dev4") == 120 * USDC
    for chain in ("dev1", "dev2"):
        assert Node(home.chain(chain).rpcs[0]).quantity("eth_getTransactionCount", address, "latest") == 1
    assert 30 * USDC < home.holds(safe.address, "dev1") + home.holds(safe.address, "dev2") < 40 * USDC
    TestSafe(home, "dev2", safe.address).change(SWAP_OWNER.encode(SENTINEL, owners[0], other))
    words[2] = f"dev4:{other}"
    words[0] = f"{home.holds(safe.address, 'dev1') // USDC + 2}"
    refused = home.run(*words, "--from-chain", "dev1", "--from-chain", "dev2")
    assert (refused.status, refused.error["sent"]) == (6, "no")
    assert "is no owner of the Safe" in refused.error["message"]


@lab
def test_a_contact_names_the_safe(home: Home) -> None:
    name, _, safe = payer(home)
    contact = f"safe-{safe.address[-6:].lower()}"  # The home is shared with other tests.
    home.must("contacts", "add", contact, safe.place)
    to = new_address()
    home.must("5", "USDC", f"dev1:{to}", "--safe", contact, "--account", name, "--yes")
    assert home.holds(to, "dev1") == 5 * USDC


ONE, OTHER = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.fixture
def registry(empty_home: Home) -> Registry:
    return load_registry(empty_home.paths)


def chosen(paths: Paths, registry: Registry, safe: str | None = None, **options: str) -> tuple[str, str | None]:
    """The Safe as text, and the account that signs."""
    found, owner = choose_safe(safe, SenderOptions(**options), paths, registry)  # type: ignore[arg-type]
    return f"{found.chain.short_name}:{found.address}" if found else "", owner.account or owner.sender


@pytest.mark.parametrize(
    ("words", "safe", "owner"),
    [
        ({}, "", None),
        ({"safe": f"base:{ONE}"}, f"base:{ONE}", None),
        ({"sender": f"base:{ONE}", "account": "alice"}, f"base:{ONE}", "alice"),
        ({"account": f"base:{ONE}"}, f"base:{ONE}", None),
        ({"sender": f"{ONE}@base"}, f"base:{ONE}", None),
        ({"sender": ONE}, "", ONE),
        ({"account": "alice"}, "", "alice"),
        ({"safe": f"base:{ONE}", "sender": OTHER}, f"base:{ONE}", OTHER),
    ],
)
def test_where_a_safe_is_named(
    empty_home: Home, registry: Registry, words: dict[str, str], safe: str, owner: str | None
) -> None:
    assert chosen(empty_home.paths, registry, **words) == (safe, owner)


def test_config_and_contacts_name_one(empty_home: Home, registry: Registry) -> None:
    empty_home.must("contacts", "add", "treasury", f"base:{ONE}")
    assert chosen(empty_home.paths, registry, sender="treasury") == (f"base:{ONE}", None)
    empty_home.must("config", "set", "safe", "treasury")
    assert chosen(empty_home.paths, registry, account="alice") == (f"base:{ONE}", "alice")
    assert chosen(empty_home.paths, registry, sender=OTHER) == ("", OTHER), "a plain address is no Safe"


def test_two_safes_or_two_chains_are_refused(empty_home: Home, registry: Registry) -> None:
    with pytest.raises(UsageError, match="two Safes"):
        chosen(empty_home.paths, registry, f"base:{ONE}", sender=f"base:{OTHER}")
    safe, _ = choose_safe(f"base:{ONE}", SenderOptions(), empty_home.paths, registry)
    assert safe
    assert safe.narrow(Limits(from_chains=("base",))).from_chains == ("base",)
    with pytest.raises(UsageError, match="names another chain"):
        safe.narrow(Limits(from_chains=("oeth",)))
    both = Limits(from_chains=("oeth", "base"))
    assert safe.narrow(both).from_chains == ("oeth", "base")
    with pytest.raises(UsageError, match="names several"):
        safe.narrow_to_one(both)
