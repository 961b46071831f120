"""The file of several payments in one transaction: what it says is compared with what its calls do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path as File

import pytest

from l2send.bridges.direct import transfer_of
from l2send.core.address import Address, checksum
from l2send.core.chains import Registry
from l2send.core.errors import L2sendError
from l2send.core.plan import ChainAddress, Payment, StepKind
from l2send.core.safe import safe_tx_of
from l2send.core.units import Amount, ChainId
from l2send.review import review_of_safe
from l2send.wallet.keys.signer import LocalSigner
from l2send.wallet.safe_files import SafeBundle
from tests.bridges.mutations import Capsys, tell
from tests.support.addresses import new_address
from tests.support.owners import through_a_file
from tests.wallet.test_safe_files import (
    USDC,
    bundle_of,
    every_change,
    must_catch_every_change,
    must_catch_every_value,
    owners,
    registry,
)

__all__ = ["owners", "registry"]


def bundle_of_several(registry: Registry, owners: list[LocalSigner]) -> SafeBundle:
    """A Safe on Base pays 25 USDC, 30 USDC and 1 ETH in one transaction."""
    one, base = bundle_of(registry, owners), registry.named("base")
    safe, amounts = one.payment.sender, (one.payment.amount, Amount(30 * USDC, one.payment.amount.token))
    amounts = (*amounts, Amount(10**18, base.native))
    recipients = [ChainAddress(base.chain_id, new_address()) for _ in amounts]
    carries = tuple(Payment(safe, to, amount, by_owners=True) for to, amount in zip(recipients, amounts, strict=True))
    calls = [transfer_of(payment) for payment in carries]
    execution = safe_tx_of(safe, calls, base.safes[0].multi_send_call_only.address).execution(b"")
    proposal = replace(one.proposal, execution=execution, kind=StepKind.TOGETHER)
    whole = Payment(safe, ChainAddress(base.chain_id, safe), Amount(0, base.native), by_owners=True)
    return replace(one, payment=whole, proposal=proposal, carries=carries)


def every_other_list(bundle: SafeBundle, thief: Address) -> Iterator[tuple[str, SafeBundle]]:
    """What else a file of several payments could say about the same transaction."""
    one, two, three = bundle.carries
    to_thief = replace(one, to=replace(one.to, address=thief))
    lists: dict[str, tuple[Payment, ...]] = {
        "none of them": (),
        "one less": (one, two),
        "one more": (one, two, three, three),
        "in another order": (two, one, three),
        "another recipient": (to_thief, two, three),
        "another amount": (replace(one, amount=two.amount), two, three),
        "another payer": (replace(one, sender=thief), two, three),
        "another chain": (replace(one, to=replace(one.to, chain_id=ChainId(10))), two, three),
        "an account's own": (replace(one, by_owners=False), two, three),
        "sent by an owner": (replace(one, executor=thief), two, three),
    }
    for name, carries in lists.items():
        yield name, replace(bundle, carries=carries)
    whole = bundle.payment
    for name, payment in {
        "the whole to a thief": replace(whole, to=replace(whole.to, address=thief)),
        "the whole of something": replace(whole, amount=one.amount),
        "the whole is one of them": one,
    }.items():
        yield name, replace(bundle, payment=payment)


def test_a_file_of_several_payments_that_says_something_else_than_its_bytes(
    owners: list[LocalSigner], registry: Registry, tmp_path: File, capsys: Capsys
) -> None:
    """No signature covers the list of payments: each is compared with its call, and there is no other call."""
    bundle, passed, tried = bundle_of_several(registry, owners), list[str](), 0
    review_of_safe(through_a_file(bundle, tmp_path / "good.json"), registry)
    thief = new_address()
    changes = [*every_other_list(bundle, thief), *every_change(bundle, registry, thief, bytes_too=False)]
    for name, changed in changes:
        tried += 1
        try:
            review_of_safe(through_a_file(changed, tmp_path / "bad.json"), registry)
        except L2sendError:
            continue
        passed.append(name)
    tell(capsys, "files of a Safe's several payments that fit together", tried - len(passed), tried)
    assert passed == []


@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
def test_an_imitation_is_named_before_it_is_paid_and_never_stops_a_cancellation(
    owners: list[LocalSigner], registry: Registry, several: bool
) -> None:
    bundle = bundle_of_several(registry, owners) if several else bundle_of(registry, owners)
    paid = bundle.payments[-1].to.address
    known = checksum(paid[:6] + "5e3a91c7" * 4 + paid[-4:])
    assert "looks like" in review_of_safe(bundle, registry, [known]).findings.type_out
    assert review_of_safe(replace(bundle, cancels=True), registry, [known]).findings.type_out == ""


@pytest.mark.lab
def test_every_byte_and_value_of_it(
    owners: list[LocalSigner], registry: Registry, tmp_path: File, capsys: Capsys
) -> None:
    bundle = bundle_of_several(registry, owners)
    must_catch_every_change(bundle, owners, registry, tmp_path, capsys)
    must_catch_every_value(bundle, owners, registry, tmp_path, capsys)
