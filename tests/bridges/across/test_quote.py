"""Across's quotes against the real contracts: the checks before anything may be signed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from l2send.bridges.across import order as across_order
from l2send.bridges.across.bridge import Across
from l2send.core.address import Address, checksum
from l2send.core.bridge_protocol import OrderState
from l2send.core.calldata import Function
from l2send.core.chains import Chain, Registry
from l2send.core.errors import CannotPay, NodeError, Refused
from l2send.core.plan import ChainAddress, Order, Payment, Quote, Step, StepKind
from l2send.core.rpc import open_rpcs
from l2send.core.units import Amount
from l2send.devnet import state
from l2send.devnet.node import Node
from l2send.devnet.state import DevChain
from tests.conftest import Home
from tests.support.across_speedup import SPEED_UP, check_speed_up, speed_up_call, speed_up_message
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.settlers import with_settlers

PAUSE_DEPOSITS, PAUSE_FILLS = Function("pauseDeposits(bool)"), Function("pauseFills(bool)")
CODE = "0x6001600101"
DELEGATION = "0xef0100" + "11" * 20
Change = Callable[[Chain], Chain]


def same(chain: Chain) -> Chain:
    return chain


def settlers(**across: str | None) -> Change:
    """The chain with other contracts of Across; None takes one away."""

    def change(chain: Chain) -> Chain:
        return with_settlers(chain, across=across)

    return change


def registry(home: Home, changes: Mapping[str, Change]) -> Registry:
    return Registry({c.short_name: changes.get(c.short_name, same)(c) for c in home.registry}, is_devnet=True)


@pytest.fixture
def payer(home: Home) -> Address:
    address = new_address()
    home.fund(address, "dev3", USDC="100", ETH="1")
    return address


def quote(
    home: Home,
    payer: Address,
    token: str = "USDC",
    to: Address | None = None,
    changes: Mapping[str, Change] | None = None,
    held: int | None = None,
    units: int | None = None,
) -> Quote | None:
    """Across's offer to pay 25 USDC, or 0.1 ETH, from dev3 to dev4."""
    known = registry(home, changes or {})
    source, target = known.named("dev3"), known.named("dev4")
    wanted = units or {"USDC": 25_000_000, "ETH": 10**17, "WETH": 10**17}[token]
    payment = Payment(payer, ChainAddress(target.chain_id, to or new_address()), Amount(wanted, target.token(token)))

    async def ask() -> Quote | None:
        async with open_rpcs(known) as rpcs:
            have = Amount(10**18 if held is None else held, source.token(token))
            return await Across().quote(payment, source, have, Amount(10**18, source.native), rpcs)

    return asyncio.run(ask())


def offer(home: Home, payer: Address, *words: str, **more: object) -> Quote:
    found = quote(home, payer, *words, **more)  # type: ignore[arg-type]
    assert found
    return found


def devchain(home: Home, name: str) -> DevChain:
    return state.require(home.paths.state).chain(name)


def without_across(chain: Chain) -> Chain:
    return replace(chain, settlers={name: entry for name, entry in chain.settlers.items() if name != "across"})


@contextmanager
def paused(chain: DevChain, function: Function) -> Iterator[None]:
    node = Node(chain.rpc_url)
    send_unlocked(node, chain.issuer, chain.spoke_pool, function.encode(True))
    try:
        yield
    finally:
        send_unlocked(node, chain.issuer, chain.spoke_pool, function.encode(False))


def test_tokens_go_by_the_settlers_open_and_coins_by_the_pool(home: Home, payer: Address) -> None:
    across = home.chain("dev3").settlers["across"].contracts
    tokens, coins = offer(home, payer), offer(home, payer, "ETH")
    assert [(s.kind, s.tx.value) for s in tokens.steps] == [(StepKind.APPROVE, 0), (StepKind.OPEN, 0)]
    assert tokens.steps[-1].tx.to == across["origin_settler"]
    assert [(s.kind, s.tx.to, s.tx.value) for s in coins.steps] == [
        (StepKind.OPEN, across["spoke_pool"], coins.pays.units)
    ]
    assert tokens.notes == ()
    assert coins.notes == ("if it is not filled, Across pays it back as WETH",)
    for one in (tokens, coins):
        assert one.order
        assert one.order.pays == one.pays
        assert one.fees[0].amount.units == one.pays.units - one.delivers.units > 0


@pytest.mark.parametrize("settler", [None, "EOA", "pool"])
def test_without_a_working_settler_tokens_go_by_the_pool(home: Home, payer: Address, settler: str | None) -> None:
    """None in the registry, an account without code, a contract that is no settler."""
    pool, other = (home.chain(name).settlers["across"].contracts["spoke_pool"] for name in ("dev3", "dev4"))
    address = {None: None, "EOA": new_address(), "pool": other}[settler]
    found = offer(home, payer, changes={"dev3": settlers(origin_settler=address)})
    assert [step.tx.to for step in found.steps] == [home.chain("dev3").token("USDC").address, pool]
    assert found.order
    assert found.order.origin_settler == pool


def test_a_settler_that_fills_elsewhere_is_not_used(home: Home, payer: Address) -> None:
    """Its destination pool must be the registry's: here the registry is changed, the settler is not."""
    with pytest.raises(Refused, match="no SpokePool of Across on Devnet 4"):
        quote(home, payer, changes={"dev4": settlers(spoke_pool=new_address())})


def test_where_across_is_not_there_is_no_offer(home: Home, payer: Address) -> None:
    for changes in (
        {"dev3": without_across},
        {"dev4": without_across},
        {"dev3": settlers(quote_api=None)},
    ):
        assert quote(home, payer, changes=changes) is None
    assert quote(home, payer, "WETH") is None, "Across would pay ETH"


def test_more_than_is_held_cannot_be_paid(home: Home, payer: Address) -> None:
    with pytest.raises(CannotPay, match="you hold 25 USDC"):
        quote(home, payer, held=25_000_000)


def test_a_pool_that_takes_or_fills_nothing_is_refused(home: Home, payer: Address) -> None:
    with paused(devchain(home, "dev3"), PAUSE_DEPOSITS), pytest.raises(Refused, match="takes no deposits on Devnet 3"):
        quote(home, payer)
    with paused(devchain(home, "dev4"), PAUSE_FILLS), pytest.raises(Refused, match="fills nothing on Devnet 4"):
        quote(home, payer)


def test_a_pool_elsewhere_than_the_registry_says_is_refused(home: Home, payer: Address) -> None:
    with pytest.raises(Refused):
        quote(home, payer, changes={"dev3": settlers(spoke_pool=new_address(), origin_settler=None)})


def test_an_output_token_that_is_none_or_another_is_refused(home: Home, payer: Address) -> None:
    """Across takes both without a word: no relayer could fill the one, and the other pays another amount."""

    def moved(chain: Chain) -> Chain:
        return replace(chain, tokens=tuple(replace(t, address=new_address()) for t in chain.tokens))

    def scaled(chain: Chain) -> Chain:
        tokens = (replace(t, decimals=8) if t.symbol == "USDC" else t for t in chain.tokens)
        return replace(chain, tokens=tuple(tokens))

    with pytest.raises(Refused):
        quote(home, payer, changes={"dev4": moved})
    with pytest.raises(Refused, match="other decimals"):
        quote(home, payer, changes={"dev4": scaled}, units=2_500_000_000)


def test_another_wrapped_token_than_the_pools_is_refused(home: Home, payer: Address) -> None:
    def swapped(chain: Chain) -> Chain:
        dai, weth = chain.token("DAI"), chain.token("WETH")
        others = tuple(t for t in chain.tokens if t not in (dai, weth))
        return replace(chain, tokens=(*others, replace(weth, address=dai.address), replace(dai, address=weth.address)))

    for name in ("dev3", "dev4"):
        with pytest.raises(Refused):
            quote(home, payer, "ETH", changes={name: swapped})


def test_a_wrapped_coin_by_another_name_is_refused(home: Home, payer: Address) -> None:
    """The registry does not tell that it is the wrapped coin; the pool does, and would pay out ETH."""

    def renamed(chain: Chain) -> Chain:
        tokens = (replace(t, symbol="XETH") if t.symbol == "WETH" else t for t in chain.tokens)
        return replace(chain, tokens=tuple(tokens))

    with pytest.raises(Refused, match="XETH on Devnet 4 out as native coin"):
        quote(home, payer, "XETH", changes={"dev3": renamed, "dev4": renamed}, units=10**17)


def test_an_id_that_the_pools_compute_otherwise_is_refused(
    home: Home, payer: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contracts that changed under this code: nothing that could not be followed is opened."""
    with monkeypatch.context() as patched:
        patched.setattr(across_order, "relay_hash", lambda relay, destination: "0x" + "11" * 32)
        with pytest.raises(Refused, match="computes this order's id in another way"):
            quote(home, payer)
    with monkeypatch.context() as patched:
        patched.setattr(across_order, "_caller", lambda order: order.recipient)
        with pytest.raises(Refused, match="computes this order's id in another way"):
            quote(home, payer)


@pytest.mark.parametrize(("code", "says"), [(CODE, True), (DELEGATION, False), ("0x", False)])
def test_a_contract_is_told_to_get_the_wrapped_token(home: Home, payer: Address, code: str, says: bool) -> None:
    to = new_address()
    Node(devchain(home, "dev4").rpc_url).call("anvil_setCode", to, code)
    notes = offer(home, payer, "ETH", to=to).notes
    assert any("pays it WETH, not ETH" in note for note in notes) is says


@pytest.mark.parametrize("change", [settlers(spoke_pool=None), same])
def test_a_chain_that_is_silent_leaves_the_order_unknown(home: Home, payer: Address, change: Change) -> None:
    order = offer(home, payer).order
    assert order

    async def look(name: str) -> OrderState:
        silent = registry(home, {name: lambda chain: replace(chain, rpcs=("http://127.0.0.1:9",))})
        async with open_rpcs(silent) as rpcs:
            return (await Across().status(order, rpcs)).state

    assert asyncio.run(look("dev3")) is OrderState.UNKNOWN
    assert asyncio.run(look("dev4")) is OrderState.UNKNOWN


def test_a_refund_needs_no_transaction(home: Home, payer: Address) -> None:
    order = offer(home, payer).order
    assert order

    async def ask() -> Step | None:
        async with open_rpcs(home.registry) as rpcs:
            return await Across().refund(order, rpcs)

    assert asyncio.run(ask()) is None


def signed(order: Order, key: bytes, units: int) -> bytes:
    message = encode_typed_data(full_message=speed_up_message(order, units))
    return bytes(Account.sign_message(message, key).signature)


def test_a_speed_up_is_what_the_pool_verifies(home: Home) -> None:
    key = Account.create().key
    sender = checksum(Account.from_key(key).address)
    home.fund(sender, "dev3", USDC="100", ETH="1")
    order = offer(home, sender).order
    assert order
    node, pool = Node(devchain(home, "dev3").rpc_url), devchain(home, "dev3").spoke_pool
    signature = signed(order, key, 24_000_000)
    call = speed_up_call(order, 24_000_000, signature)
    assert node.eth_call(pool, call) == b""
    fields = list(SPEED_UP.decode_call(call))
    for index, value in ((1, 1), (2, 23_000_000), (3, bytes(32)), (4, b"x"), (5, signature[:-1] + b"\x00")):
        with pytest.raises(NodeError):
            node.eth_call(pool, SPEED_UP.encode(*fields[:index], value, *fields[index + 1 :]))


def test_a_speed_up_that_is_not_the_senders_or_says_more_is_refused(home: Home) -> None:
    key = Account.create().key
    sender = checksum(Account.from_key(key).address)
    home.fund(sender, "dev3", USDC="100", ETH="1")
    order = offer(home, sender).order
    assert order
    good = signed(order, key, 24_000_000)
    check_speed_up(order, 24_000_000, good)
    for units, signature in (
        (23_000_000, good),
        (24_000_000, signed(order, Account.create().key, 24_000_000)),
        (24_000_000, b"\x00" * 65),
        (24_000_000, b""),
        (0, good),
        (25_000_001, good),
    ):
        with pytest.raises(Refused):
            check_speed_up(order, units, signature)
