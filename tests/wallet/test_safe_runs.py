"""What a Safe ran with a nonce, as each endpoint shows it: a claim by a single endpoint proves no end state."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

import pytest

from l2send.client import Client
from l2send.core.rpc import Rpc
from l2send.core.safe import Operation, SafeTx
from l2send.core.safe_signatures import pack_signatures
from l2send.core.units import BlockNumber, Wei
from l2send.wallet.safe_files import SafeBundle
from l2send.wallet.safe_runs import SafeRun, cancel_hash_of, find_run, hash_of, safe_nonce, shows_run
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.contracts import send_unlocked
from tests.support.owners import Team


@pytest.fixture
def team(home: Home, tmp_path: Path) -> Team:
    return Team(home, tmp_path)


def run_by_a_stranger(team: Team, bundle: SafeBundle) -> None:
    stranger = new_address()
    team.node.call("anvil_setBalance", stranger, hex(10**18))
    team.node.call("anvil_impersonateAccount", stranger)
    tx = bundle.safe_tx.execution(pack_signatures(bundle.signatures))
    send_unlocked(team.node, stranger, tx.to, tx.data)


def looked(team: Team, bundle: SafeBundle) -> tuple[SafeRun | str, list[bool]]:
    """What is found, and whether the endpoint shows that, and then what is like it and did not happen."""

    async def work(client: Client) -> tuple[SafeRun | str, list[bool]]:
        rpc = client.rpcs.on(bundle.proposal.execution.chain_id)
        found = await find_run(rpc, bundle.proposal)
        if isinstance(found, str):
            return found, []

        async def head(one: Rpc) -> BlockNumber:
            return await one.block_number()

        false = [
            replace(
                found, hash=hash_of(bundle.proposal) if found.hash != hash_of(bundle.proposal) else "0x" + "1" * 64
            ),
            replace(found, succeeded=not found.succeeded),
            replace(found, tx_hash="0x" + "1" * 64),
            replace(found, block=BlockNumber(found.block - 1)),
            replace(found, block_hash="0x" + "1" * 64),
        ]
        asked: list[Awaitable[bool]] = [shows_run(rpc, head(rpc), bundle.proposal, one) for one in (found, *false)]
        return found, [await one for one in asked]

    return team.do(work)


def test_nothing_is_found_while_the_nonce_is_free(team: Team) -> None:
    bundle = team.prepare()
    found, _ = looked(team, bundle)
    assert isinstance(found, str)
    assert "does not count it as used" in found

    async def work(client: Client) -> int:
        return await safe_nonce(client.rpcs.on(bundle.proposal.execution.chain_id), team.safe.address)

    assert team.do(work) == bundle.proposal.nonce


@pytest.mark.parametrize("what", ["itself", "the empty one", "another", "itself, its events past the search"])
def test_what_ran_is_found_and_shown_and_nothing_like_it(team: Team, what: str) -> None:
    bundle = team.prepare()
    ran, expected = bundle, hash_of(bundle.proposal)
    if what == "the empty one":
        ran, expected = team.cancelling(bundle), cancel_hash_of(bundle.proposal)
    elif what == "another":
        execution = bundle.proposal.execution
        other = SafeTx(execution.chain_id, execution.to, new_address(), Wei(1), b"", Operation.CALL)
        ran = replace(bundle, proposal=replace(bundle.proposal, execution=other.execution(b"")))
        expected = hash_of(ran.proposal)
    run_by_a_stranger(team, team.sign(ran))
    if what == "itself, its events past the search":
        bundle = replace(bundle, proposal=replace(bundle.proposal, since=BlockNumber(2**40)))
    team.node.call("anvil_mine", "0x3")
    found, shown = looked(team, bundle)
    assert isinstance(found, SafeRun)
    assert (found.hash, found.succeeded) == (expected, True)
    assert shown == [True, False, False, False, False, False]
