"""The recipient: every row of the table in resolver/recipient.py, on real chains and tokens."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from l2send.core.address import Address, checksum
from l2send.core.errors import L2sendError, NetworkError, Refused
from l2send.core.plan import ChainAddress, Payment
from l2send.core.rpc import open_rpcs
from l2send.core.units import Amount, parse_amount
from l2send.devnet.node import Node
from l2send.resolver.recipient import Findings, look
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.safes import new_safe


def payment(home: Home, to: Address, *, chain: str = "dev4", sender: Address | None = None) -> Payment:
    target = home.chain(chain)
    amount = parse_amount("1", target.token("USDC"))
    return Payment(sender or new_address(), ChainAddress(target.chain_id, to), amount)


def findings(home: Home, what: Payment, *paid_before: Address) -> Findings:
    async def run() -> Findings:
        async with open_rpcs(home.registry) as rpcs:
            return await look(what, rpcs, paid_before)

    return asyncio.run(run())


def as_role(home: Home, role: str, call: str, *words: str) -> None:
    """Call USDC on dev4 as the account that holds `role` there."""
    from web3 import Web3

    node, usdc = Node(home.chain("dev4").rpcs[0]), home.chain("dev4").token("USDC").address
    holder = checksum("0x" + node.eth_call(str(usdc), Web3.keccak(text=f"{role}()")[:4]).hex()[-40:])
    data = Web3.keccak(text=call)[:4].hex() + "".join(w[2:].lower().rjust(64, "0") for w in words)
    node.call("anvil_impersonateAccount", holder)
    node.call("anvil_setBalance", holder, hex(10**18))
    node.call("eth_sendTransaction", {"from": holder, "to": usdc, "data": "0x" + data.removeprefix("0x")})


@pytest.fixture
def paused(home: Home) -> Iterator[None]:
    as_role(home, "pauser", "pause()")
    yield
    as_role(home, "pauser", "unpause()")


def test_an_ordinary_account_is_nothing_to_speak_of(home: Home) -> None:
    assert findings(home, payment(home, new_address())) == Findings()


def test_the_sender_itself_is_said(home: Home) -> None:
    me = new_address()
    assert findings(home, payment(home, me, sender=me)).said == ("the recipient is the sender itself",)


def test_a_contract_on_the_destination_is_said(home: Home) -> None:
    multicall3 = home.chain("dev4").multicall3
    assert multicall3
    found = findings(home, payment(home, multicall3))
    assert found.said == ("the recipient is a contract on Devnet 4",)
    assert not found.confirm


def test_a_contract_on_another_chain_alone_must_be_confirmed(home: Home) -> None:
    elsewhere = home.chain("dev1").token("USDC").address
    assert elsewhere
    (question,) = findings(home, payment(home, elsewhere)).confirm
    assert "a contract on Devnet 1 and nothing on Devnet 4" in question


def test_a_delegated_account_is_said(home: Home) -> None:
    account = new_address()
    Node(home.chain("dev4").rpcs[0]).call("anvil_setCode", account, "0xef0100" + "ab" * 20)
    (said,) = findings(home, payment(home, account)).said
    assert f"runs code of {checksum('0x' + 'ab' * 20)} (EIP-7702)" in said


def test_a_blocked_recipient_is_refused(home: Home) -> None:
    account = new_address()
    as_role(home, "blacklister", "blacklist(address)", account)
    with pytest.raises(Refused, match="USDC blocks"):
        findings(home, payment(home, account))


def test_a_paused_token_is_refused(home: Home, paused: None) -> None:
    with pytest.raises(Refused, match="paused"):
        findings(home, payment(home, new_address()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: replace(t, decimals=18), "counts 6 decimals, the registry says 18"),
        (lambda t: replace(t, address=new_address()), "there is no token"),
    ],
)
def test_a_token_unlike_the_registry_is_refused(home: Home, change: Callable[..., object], words: str) -> None:
    good = payment(home, new_address())
    bad = replace(good, amount=Amount(1, change(good.amount.token)))  # type: ignore[arg-type]
    with pytest.raises(Refused, match=words):
        findings(home, bad)


def test_a_destination_that_cannot_be_asked_is_an_error(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"L2SEND_RPC_{home.chain('dev4').chain_id}", "http://127.0.0.1:9")
    with pytest.raises(NetworkError):
        findings(home, payment(home, new_address()))


@pytest.mark.parametrize("version", ["1.4.1", "1.5.0"])
def test_a_safe_is_said_with_its_owners_and_refused_where_it_is_not(home: Home, version: str) -> None:
    safe = new_safe(home, [new_address(), new_address(), new_address()], 2, chain="dev4", version=version)
    (said,) = findings(home, payment(home, safe.address)).said
    assert said == f"the recipient is a Safe ({version}) on Devnet 4: 2 of its 3 owners can move what it has"
    with pytest.raises(
        Refused,
        match="is a Safe on Devnet 4, and there is nothing at its address on Devnet 2, where it is counterfactual",
    ) as refused:
        findings(home, payment(home, safe.address, chain="dev2"))
    assert f"dev4:{safe.address}" in refused.value.hint


def imitation(of: Address) -> Address:
    """Another address with the same ends."""
    middle = secrets.token_hex(16)
    return checksum(f"{of[:6]}{middle}{of[-4:]}".lower())


def test_an_imitation_of_an_account_paid_before_must_be_typed(home: Home) -> None:
    friend = new_address()
    found = findings(home, payment(home, imitation(friend)), new_address(), friend)
    assert friend in found.type_out
    assert not findings(home, payment(home, friend), friend).type_out


def test_yes_is_no_answer_to_an_imitation(home: Home) -> None:
    name, sender = home.new_account()
    home.fund(sender, "dev1", USDC="10", ETH="1")
    friend = new_address()
    home.must("1", "USDC", f"dev1:{friend}", "--yes", "--account", name)
    done = home.run("1", "USDC", f"dev1:{imitation(friend)}", "--yes", "--json", "--account", name)
    assert (done.status, done.error["code"], done.error["sent"]) == (2, "needs_confirmation", "no")
    assert "looks like one you paid before or keep as a contact" in done.error["message"]


def test_every_error_here_says_that_nothing_was_sent(home: Home) -> None:
    good = payment(home, new_address())
    bad = replace(good, amount=Amount(1, replace(good.amount.token, decimals=7)))
    with pytest.raises(L2sendError) as caught:
        findings(home, bad)
    assert caught.value.sent == "no"
