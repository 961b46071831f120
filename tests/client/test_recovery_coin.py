"""Coin that a Safe's module or an operation sent: it leaves no Transfer event, and uses no nonce of the account."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.address import Address
from l2send.core.calldata import Function
from l2send.core.paths import Paths
from l2send.core.plan import ChainAddress, Payment
from l2send.core.units import Amount
from l2send.devnet.state import require
from l2send.journal_recovery import Waiting
from l2send.review import Review
from l2send.wallet.journal.states import PaymentState
from tests.client.test_batches import Line
from tests.client.test_journal_recovery import put_back
from tests.client.test_recovery_safes import CHAIN, recovered, wanted_of
from tests.client.test_recovery_transfers import recovered as recovered_of
from tests.conftest import Home
from tests.lab.test_shared_journal import another_machine
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.faultproxy import FaultProxy, no_such_method
from tests.support.operations import Delegated
from tests.support.safes import ENABLE_MODULE, TestSafe, new_safe

FROM_MODULE = Function("execTransactionFromModule(address,uint256,bytes,uint8)")
TENTH = 10**17


@pytest.fixture(autouse=True)
def in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("L2SEND_JOURNAL", raising=False)


@pytest.fixture
def safe(home: Home) -> TestSafe:
    made = new_safe(home, [new_address()])
    home.fund(made.address, CHAIN, USDC="100", ETH="1")
    return made


@pytest.fixture
def module(safe: TestSafe) -> Address:
    """An account that may have the Safe run anything."""
    made = new_address()
    safe.change(ENABLE_MODULE.encode(made))
    safe.node.call("anvil_setBalance", made, hex(10**18))
    safe.node.call("anvil_impersonateAccount", made)
    return made


@pytest.fixture
def machine(home: Home, tmp_path: Path) -> Home:
    home.paths.config.mkdir(mode=0o700, parents=True, exist_ok=True)
    return another_machine(home, tmp_path / "machine")


def ran(safe: TestSafe, module: Address, to: Address, wei: int, data: bytes = b"") -> str:
    """The hash of a transaction in which the module has the Safe make a call."""
    call = FROM_MODULE.encode(to, wei, data, 0)
    return str(send_unlocked(safe.node, module, safe.address, call)["transactionHash"])


def coin_lines(safe: TestSafe, **tenths: int) -> list[Waiting]:
    native = safe.home.chain(CHAIN).native

    def line(ref: str, units: int) -> Waiting:
        to = ChainAddress(native.chain_id, new_address())
        return Waiting(f"rents/{ref}", Payment(safe.address, to, Amount(units, native)))

    return [line(ref, n * TENTH) for ref, n in tenths.items()]


def test_coin_that_a_module_sent_is_named_and_what_it_may_have_paid_is_held_back(
    machine: Home, safe: TestSafe, module: Address
) -> None:
    one, two, seven = lines = coin_lines(safe, one=1, two=2, seven=7)
    tx_hash = ran(safe, module, two.payment.to.address, 2 * TENTH)
    recovery = recovered(machine, safe.address, lines)
    assert (recovery.is_complete, recovery.found) == (False, [])
    assert recovery.left == [
        f"{CHAIN} {tx_hash}: a module of the Safe had it run a transaction, and 0.2 ETH left by it"
    ]
    assert recovery.held_back == [one.key, two.key], f"{seven.key} is of more than what left"


def test_a_module_that_sent_no_coin_is_not_named(machine: Home, safe: TestSafe, module: Address) -> None:
    ran(safe, module, new_address(), 0)
    assert recovered(machine, safe.address, coin_lines(safe, one=1)).is_complete


def test_without_traces_every_line_of_coin_waits(machine: Home, safe: TestSafe, module: Address) -> None:
    """What cannot be seen is said, and nothing is called complete."""
    ran(safe, module, new_address(), 0)
    (line,) = coin_lines(safe, one=1)
    row = Line("tokens", "5", CHAIN, new_address())
    with FaultProxy(safe.home.chain(CHAIN).rpcs[0]) as proxy:
        proxy.twist("debug_traceTransaction", no_such_method)
        recovery = recovered(machine, safe.address, [line, *wanted_of(machine, safe.address, [row], "odd")], proxy.url)
        assert proxy.sent("debug_traceTransaction")
    assert (recovery.is_complete, recovery.held_back) == (False, [line.key])
    assert recovery.left[0].endswith("Whether coin left by it is not known: the node offers no trace of it")


def test_coin_that_an_operation_sent_is_named(home: Home, tmp_path: Path) -> None:
    """An account that delegates: its operation uses a nonce of the EntryPoint alone."""
    account = Delegated(home, require(home.paths.state), Paths.under(tmp_path / "mine"))
    account.delegate()
    account.node.call("anvil_setBalance", account.address, hex(10**15))
    to = new_address()

    async def pay(client: Client) -> Payment:
        return client.payment(account.address, "0.000998", "ETH", client.destination(f"{CHAIN}:{to}"))

    async def plan(client: Client) -> Review:
        return await client.plan(await pay(client))

    lines = [Waiting("november/coin", account.do(pay))]
    assert recovered_of(account).is_complete
    with put_back(account.paths.journal):
        assert account.resume(account.begin(account.do(plan))).state is PaymentState.DELIVERED
        assert recovered_of(account, *lines).left == [], "what the journal knows is not named"
    recovery = recovered_of(account, *lines)
    assert (recovery.is_complete, recovery.held_back) == (False, ["november/coin"])
    assert "an operation of the account was submitted, and 0.000999 ETH left by it" in recovery.left[0]
