"""A payment from several chains: none of its legs is opened before all can be, with every approval mined."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from l2send.core.calldata import APPROVE
from l2send.core.errors import Refused, Sent
from l2send.devnet.node import Node
from l2send.wallet.journal.records import GroupRecord
from l2send.wallet.journal.states import PaymentState
from tests.conftest import Home
from tests.support.paying import Payer

pytestmark = pytest.mark.lab

CHAINS = ("dev1", "dev2")
"""Each funds 100 USDC of a payment of 150 to dev4."""


@pytest.fixture
def payer(home: Home) -> Iterator[Payer]:
    made = Payer(home, *CHAINS)
    yield made
    for chain in CHAINS:
        made.node(chain).call("anvil_stopImpersonatingAccount", made.address)


def begun(payer: Payer) -> GroupRecord:
    record = payer.begin(payer.plan("150", via="eco"))
    assert isinstance(record, GroupRecord)
    assert {leg.terms.bridge for leg in record.legs} == {"eco"}
    return record


def portal(payer: Payer, chain: str) -> str:
    return payer.home.chain(chain).settlers["eco"].contracts["portal"]


def mined(node: Node, account: str) -> int:
    return node.quantity("eth_getTransactionCount", account, "latest")


def test_every_approval_is_mined_before_any_leg_is_opened(payer: Payer) -> None:
    record, opened_after = begun(payer), list[list[int]]()

    def look(sentence: str) -> None:
        if "signing open" in sentence:
            opened_after.append([payer.sent(chain) for chain in CHAINS])

    paid = payer.resume(record.id, look)
    assert paid.state is PaymentState.DELIVERED
    assert len(opened_after) == 2
    assert all(count >= 1 for counts in opened_after for count in counts), "one was signed before an approval was mined"
    assert [payer.allowance(chain, portal(payer, chain)) for chain in CHAINS] == [0, 0]


def test_a_leg_that_fails_after_its_approval_stops_all_and_names_what_is_allowed(payer: Payer) -> None:
    """The allowance on dev2 is taken back behind l2send's back, while dev1 still approves."""
    record, spoilt = begun(payer), list[str]()

    def spoil(sentence: str) -> None:
        node, chain = payer.node("dev2"), payer.home.chain("dev2")
        if spoilt or payer.sent("dev2") == 0:
            return
        node.call("anvil_impersonateAccount", payer.address)
        data = "0x" + APPROVE.encode(portal(payer, "dev2"), 0).hex()
        message = {"from": payer.address, "to": chain.token("USDC").address, "data": data}
        node.call("eth_sendTransactionSync", message)
        spoilt.append(sentence)

    with pytest.raises(Refused, match="cancelled before anything was opened") as refused:
        payer.resume(record.id, spoil)
    assert spoilt, "the fault did not happen"
    assert "would fail" in refused.value.message
    assert refused.value.sent is Sent.YES
    ended = payer.find(record.id)
    assert ended.state is PaymentState.CANCELLED
    for leg in ended.legs:
        assert f"l2send cancel {leg.id}" in refused.value.message
    assert [payer.sent(chain) for chain in CHAINS] == [1, 2], "nothing but approvals"
    assert [payer.home.holds(payer.address, chain) for chain in CHAINS] == [100_000_000] * 2
    by_chain = {payer.home.registry.chain(leg.terms.source).short_name: leg for leg in ended.legs}
    assert payer.allowance("dev1", portal(payer, "dev1")) == by_chain["dev1"].terms.pays.units
