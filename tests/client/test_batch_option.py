"""`--batch`: an account delegates and makes its calls in one transaction, with exactly one authorization (EIP-7702)."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench import cast as pinned
from l2send.bridges import decode
from l2send.cli.review_text import question
from l2send.client import Client, open_client
from l2send.core.delegation import decode_batch, delegating_batch, named_delegate
from l2send.core.effects import Allows, CallsTogether, Opens, Pays
from l2send.core.errors import CannotPay, ConfigError, Refused
from l2send.core.paths import Paths
from l2send.core.plan import StepKind, UnsignedTx
from l2send.core.units import Wei
from l2send.guard import checked_effects
from l2send.journal_recovery import Recovery, recover
from l2send.resolver.batch_file import read_batch
from l2send.resolver.batch_lines import judge_batch
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.states import PaymentState
from l2send.wallet.keys.signed import decode_signed
from tests.bridges.mutations import Capsys, all_refused
from tests.client.test_batches import lines, must_have_got, text_of
from tests.client.test_delegating import code_of, delegated_to
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.faultproxy import FaultProxy, no_such_method
from tests.support.paying import Payer
from tests.support.settlers import with_chains


@pytest.fixture
def payer(home: Home) -> Payer:
    return Payer(home, "dev1")


def test_approval_order_and_delegation_are_one_transaction(payer: Payer, capsys: Capsys) -> None:
    to = new_address()
    review = payer.plan("20", f"dev4:{to}", via="eco", batch=True)
    (effect,) = review.effects
    assert isinstance(effect, CallsTogether)
    assert effect.delegates_to == code_of(payer.home)
    assert [type(one) for one in effect.effects] == [Allows, Opens]
    record = payer.resume(payer.begin(review).id)
    (tx,) = record.transactions
    assert (record.state, tx.raw[0], tx.step.kind) == (PaymentState.DELIVERED, 4, StepKind.OPEN)
    assert (payer.home.holds(to, "dev4"), delegated_to(payer)) == (20 * 10**6, code_of(payer.home))
    assert payer.sent("dev1") == 2, "the transaction's nonce, and that of its authorization"
    order = review.plan.quote.order
    assert order
    assert payer.allowance("dev1", order.origin_settler) == 0
    assert tx.fee
    assert tx.fee.gas_used <= decode_signed(tx.raw).gas
    with capsys.disabled():
        print(f"\n[gas] eco, USDC: delegation, approval and order in one transaction {tx.fee.gas_used}", end="")
    again = payer.plan("20", f"dev4:{to}", via="eco", batch=True)
    assert again.delegations == (), "it delegates already: no authorization is signed again"
    assert payer.resume(payer.begin(again).id).state is PaymentState.DELIVERED
    assert payer.sent("dev1") == 3


def test_without_the_flag_no_payment_delegates(payer: Payer) -> None:
    review = payer.plan("20", via="eco")
    assert (review.delegations, len(review.effects)) == ((), 2)
    direct = payer.plan("20", f"dev1:{new_address()}", batch=True)
    assert direct.delegations == (), "one transfer needs no batch"


def test_over_other_code_and_without_pinned_code_it_is_refused(payer: Payer) -> None:
    chain = payer.home.chain("dev1")
    without = with_chains(payer.home.registry, replace(chain, delegates=()))
    bare = Payer(payer.home, "dev1", registry=without)
    with pytest.raises((CannotPay, Refused), match="pins no code on Devnet 1"):
        bare.plan("20", via="eco", batch=True)
    node = payer.node("dev1")
    node.call("anvil_setCode", payer.address, "0xef0100" + new_address()[2:])
    with pytest.raises((CannotPay, Refused), match="delegates to"):
        payer.plan("20", via="eco", batch=True)
    assert payer.sent("dev1") == 0


def test_code_that_came_after_the_review_is_not_signed_over(payer: Payer) -> None:
    record = payer.begin(payer.plan("20", via="eco", batch=True))
    payer.node("dev1").call("anvil_setCode", payer.address, "0xef0100" + new_address()[2:])
    with pytest.raises(Refused, match="now, and delegated to nothing"):
        payer.resume(record.id)
    assert (payer.sent("dev1"), payer.find(record.id).state) == (0, PaymentState.CANCELLED)


def test_what_else_its_bytes_could_say_is_refused(payer: Payer, capsys: Capsys) -> None:
    plan = payer.plan("20", via="eco", batch=True).plan
    (step,) = plan.quote.steps
    approve, opening = decode_batch(step.tx)
    delegate = named_delegate("simple7702account", payer.home.chain("dev1"))
    coin = UnsignedTx(approve.chain_id, new_address(), Wei(1), b"")
    bad = {
        "other code": replace(step.tx, delegate_to=new_address()),
        "of another account": replace(step.tx, to=new_address()),
        "on another chain": replace(step.tx, chain_id=payer.home.chain("dev2").chain_id),
        "with coin": replace(step.tx, value=Wei(1)),
        "coin to a stranger": delegating_batch(payer.address, [approve, opening, coin], delegate),
        "in another order": delegating_batch(payer.address, [opening, approve], delegate),
        "opened twice": delegating_batch(payer.address, [approve, opening, opening], delegate),
        "a call without a batch": replace(opening, delegate_to=delegate.code.address),
        "the delegation alone": replace(step.tx, data=b""),
    }
    all_refused(
        capsys,
        "a batch with its authorization, other bytes",
        bad,
        lambda tx: checked_effects(plan.payment, [tx], plan.quote.pays, payer.home.registry),
    )
    bare = replace(step.tx, delegate_to=None)
    assert decode(bare, payer.home.registry) != decode(step.tx, payer.home.registry), "the guard compares effects"


def test_cast_reads_the_same_batch_with_its_authorization(payer: Payer) -> None:
    try:
        cast = pinned.find(Paths.from_environment().cache, lambda _: None)
    except ConfigError as error:
        pytest.skip(error.message)
    (step,) = payer.plan("20", via="eco", batch=True).plan.quote.steps

    async def sign(client: Client) -> bytes:
        executor = client.executor(payer.signer, lambda _: None)
        return (await executor.sign_only(record.id, (await executor.look_ahead([record.id]))[record.id])).raw

    record = payer.begin(payer.plan("20", via="eco", batch=True))
    raw = payer.do(sign)
    words = [cast, "decode-transaction", "0x" + raw.hex()]
    read = json.loads(subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout)
    read = json.loads(read) if isinstance(read, str) else read  # Some versions print the document as a JSON string.
    (authorization,) = read["authorizationList"]
    assert (read["type"], read["signer"].lower(), read["to"].lower()) == ("0x4", *[payer.address.lower()] * 2)
    assert int(authorization["chainId"], 16) == step.tx.chain_id
    assert authorization["address"].lower() == code_of(payer.home).lower()
    assert int(authorization["nonce"], 16) == int(read["nonce"], 16) + 1
    assert read["input"][:10] == "0x" + step.tx.data[:4].hex()


def test_lines_on_one_chain_are_one_transaction_with_one_authorization(home: Home, payer: Payer) -> None:
    """Coin leaves no event, and this node offers no trace: what was signed says that the calls were made."""
    rows = [*lines("t", 2, "dev1", "2"), *lines("e", 1, "dev1", "0.01", "ETH")]

    async def work(client: Client) -> None:
        judged = await judge_batch(read_batch(text_of(rows)), client.rpcs, client.book)
        review = await client.batch.plan(judged, payer.address, "new", Limits(batch=True))
        (shared,) = review.shared
        effect = shared.effect
        assert isinstance(effect, CallsTogether)
        assert effect.delegates_to == code_of(payer.home)
        assert [type(one) for one in effect.effects] == [Pays] * 3
        client.batch.begin(review)
        result = await client.batch.run("new", payer.signer, patience=60)
        assert result.all_delivered

    with FaultProxy(payer.node("dev1").url) as proxy:
        proxy.twist("debug_traceTransaction", no_such_method)
        untraced = replace(home.chain("dev1"), rpcs=(proxy.url,))
        payer.registry = with_chains(home.registry, untraced)
        payer.do(work)
        assert proxy.sent("debug_traceTransaction")
    must_have_got(home, rows)
    assert (payer.sent("dev1"), delegated_to(payer)) == (2, code_of(payer.home))


def test_more_lines_than_one_transaction_holds_delegate_once(
    home: Home, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("l2send.batch_shared_tx.MOST_CALLS", 2)
    rows = lines("m", 4, "dev1", "1")

    async def work(client: Client) -> None:
        judged = await judge_batch(read_batch(text_of(rows)), client.rpcs, client.book)
        review = await client.batch.plan(judged, payer.address, "more", Limits(batch=True))
        assert [one.quote.steps[0].tx.delegate_to for one in review.shared] == [code_of(payer.home), None]
        client.batch.begin(review)
        assert (await client.batch.run("more", payer.signer, patience=60)).all_delivered

    payer.do(work)
    must_have_got(home, rows)
    assert payer.sent("dev1") == 3, "two transactions and one authorization"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("1", "USDC", "dev4:{to}", "--batch", "--ledger"), "does not sign delegations on a Ledger"),
        (("1", "USDC", "dev4:{to}", "--batch", "--safe", "dev1:{to}"), "a Safe already makes several calls"),
        (
            ("prepare", "1", "USDC", "dev4:{to}", "--from", "{to}", "--batch", "-o", "x.json"),
            "carries no authorization",
        ),
        (("batch", "x.csv", "--batch", "--no-batching"), "cannot be combined"),
        (("batch", "x.csv", "--batch", "--queue"), "cannot be combined"),
    ],
)
def test_where_no_authorization_can_be_signed_it_says_so(home: Home, words: tuple[str, ...], why: str) -> None:
    done = home.run(*(word.format(to=new_address()) for word in words))
    assert done.status == 2
    assert why in done.stderr
    assert "Leave --batch out" in done.stderr or "Use one of them" in done.stderr


def test_the_screen_names_the_delegation(home: Home) -> None:
    name, address = home.new_account()
    home.fund(address, "dev1", USDC="100", ETH="1")
    to = new_address()
    words = ("20", "USDC", f"dev4:{to}", "--via", "eco", "--account", name, "--batch")
    shown = " ".join(home.must(*words, "--dry-run").stderr.split())
    code = named_delegate("simple7702account", home.chain("dev1")).code
    for part in (
        f"delegates your account on Devnet 1 to {code.address} (simple7702account)",
        "its code can move all that the account has there, until you end it",
        "it stays even if the rest fails",
        f"its hash is pinned: {code.code_hash}; source: Simple7702Account, npm",
        f"have your account {address} run the code of {code.address} from now on, then allow the bridge",
    ):
        assert part in shown
    paid = home.must(*words, "--yes", "--json").json
    (tx,) = paid["transactions"]
    assert (paid["state"], tx["delegates_to"]) == ("delivered", code.address)


def test_a_lost_journal_finds_the_order_once_and_its_authorization(payer: Payer, tmp_path: Path) -> None:
    assert payer.resume(payer.begin(payer.plan("20", via="eco", batch=True)).id).state is PaymentState.DELIVERED

    async def recovered(paths: Paths) -> Recovery:
        async with open_client(paths, payer.home.registry) as client:
            chains = [payer.home.chain("dev1")]
            return await recover(payer.address, client.journal, client.rpcs, [], chains)

    found = asyncio.run(recovered(Paths.under(tmp_path)))
    assert [(one.nonce, len(one.pays), one.unread) for one in found.found] == [(0, 1, ""), (1, 0, "")]
    assert found.found[0].record
    assert found.is_complete


def test_each_source_of_a_payment_has_its_own_authorization(home: Home) -> None:
    payer, to = Payer(home, "dev1", "dev2"), new_address()
    review = payer.plan("150", f"dev4:{to}", via="eco", batch=True)
    chains = {home.chain(name).chain_id for name in ("dev1", "dev2")}
    assert {one.account.chain_id for one in review.delegations} == chains
    assert "on Devnet 1 and Devnet 2 to 0x" in question(review, home.registry)
    done = payer.resume(payer.begin(review).id)
    assert (done.state, home.holds(to, "dev4")) == (PaymentState.DELIVERED, 150 * 10**6)
    assert [payer.sent(name) for name in ("dev1", "dev2")] == [2, 2]
