"""The messages that an account without gas signs: every change of them is detected before signing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from l2send.bridges import decode_message
from l2send.bridges.across.deposit import Deposit, new_nonce
from l2send.bridges.across.messages import order_message
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.chains import Registry
from l2send.core.effects import PERMIT2, AllowsBySignature, Effects, OpensBySignature, compare_with_payment
from l2send.core.errors import L2sendError
from l2send.core.permit import Permittable
from l2send.core.plan import Plan
from l2send.core.typed_data import TypedData
from l2send.core.units import Token, UnixTime
from l2send.review import Review
from tests.bridges.mutations import answers, tell
from tests.support.addresses import new_address
from tests.support.gasless import GASLESS, Broke, sponsored


def judged(plan: Plan, registry: Registry, *data: TypedData) -> tuple[Effects, ...]:
    """What the messages do, compared with the payment as is done before signing. Raises L2sendError."""
    effects = tuple(decode_message(GASLESS, one, registry) for one in data)
    compare_with_payment(effects, plan.payment, plan.quote.pays, registry)
    return effects


def is_refused(plan: Plan, registry: Registry, *data: TypedData) -> bool:
    try:
        judged(plan, registry, *data)
    except L2sendError:
        return True
    return False


def test_every_change_of_the_messages_is_caught(broke: Broke, capsys: pytest.CaptureFixture[str]) -> None:
    """Each value of both messages, replaced by many others and left out: types and domain too."""
    review = broke.plan()
    plan, registry = review.plan, broke.home.registry
    good = [message.data for message in sponsored(plan.quote).messages]

    approved = judged(plan, registry, *good)
    unnoticed, count = list[str](), 0
    for place, data in enumerate(good):
        for name, document in answers(data.json(), new_address()):
            if name.startswith(("types.EIP712Domain", "without types.EIP712Domain")):
                continue  # It is not read: what is signed has the fields that the domain has.
            count += 1
            try:
                bad = [TypedData.from_json(document) if i == place else one for i, one in enumerate(good)]
                noticed = judged(plan, registry, *bad) != approved
            except (L2sendError, KeyError, TypeError, ValueError, AttributeError):
                noticed = True
            if not noticed:
                unnoticed.append(f"message {place}: {name}")
    tell(capsys, "signed messages, value by value", count - len(unnoticed), count)
    assert not unnoticed
    assert count > 1000


Messages = tuple[TypedData, ...]


class Forger:
    """Writes whole messages like those of `review`, with one value changed in every place where it stands."""

    def __init__(self, review: Review, registry: Registry) -> None:
        allows, opens = review.effects
        assert isinstance(allows, AllowsBySignature)
        assert isinstance(opens, OpensBySignature)
        self.opens, self.order, self.settler, self.registry = opens, opens.order, opens.order.origin_settler, registry
        self.here, self.there = registry.named("dev1"), registry.named("dev2")
        order = self.order
        self.token = self.here.token("USDC")
        assert self.token.address
        self.deposit = Deposit(
            order.origin,
            order.destination,
            order.sender,
            order.recipient,
            self.token.address,
            order.pays.units,
            Address(order.details["output_token"]),
            order.delivers.units,
            int(order.details["nonce"]),
            order.fill_deadline,
            order.sender,
        )

    def opening(
        self, settler: Address | None = None, nonce: int | None = None, by: int = 0, **changes: Any
    ) -> TypedData:
        opens = self.opens
        deposit, nonce = replace(self.deposit, **changes), opens.nonce if nonce is None else nonce
        return order_message(deposit, settler or self.settler, nonce, UnixTime(opens.open_deadline + by))

    def permit(
        self,
        spender: Address = PERMIT2,
        owner: Address | None = None,
        more: int = 0,
        nonce: int = 0,
        by: int = 0,
        of: Token | None = None,
    ) -> TypedData:
        units, deadline = self.order.pays.units + more, UnixTime(self.opens.open_deadline + by)
        token = of or self.token
        return Permittable(token, token.name, "2", nonce).permit(owner or self.order.sender, spender, units, deadline)

    def numbered(self, nonce: int) -> TypedData:
        deposit = replace(self.deposit, nonce=nonce)
        return order_message(deposit, self.settler, self.opens.nonce, self.opens.open_deadline)

    def wrong_payments(self, stranger: Address) -> dict[str, Messages]:
        """A payment that was not asked for."""
        there, registry, euro = self.there, self.registry, self.here.token("EURC")
        wrapped = self.here.token("WETH"), there.token("WETH")
        return {
            "recipient": (self.permit(), self.opening(recipient=stranger)),
            "recipient is the sender": (self.permit(), self.opening(recipient=self.order.sender)),
            "payer": (self.permit(), self.opening(depositor=stranger)),
            "refunded": (self.permit(owner=stranger), self.opening(depositor=stranger, named_relayer=stranger)),
            "less delivered": (self.permit(), self.opening(output_units=self.order.delivers.units - 1)),
            "more delivered": (self.permit(), self.opening(output_units=self.order.delivers.units + 1)),
            "more taken": (self.permit(more=1), self.opening(input_units=self.order.pays.units + 1)),
            "less taken": (self.permit(more=-1), self.opening(input_units=self.order.pays.units - 1)),
            "another token taken": (self.permit(of=euro), self.opening(input_token=euro.address)),
            "another token delivered": (self.permit(), self.opening(output_token=there.token("EURC").address)),
            "wrapped coin": (
                self.permit(),
                self.opening(input_token=wrapped[0].address, output_token=wrapped[1].address),
            ),
            "a token that is not listed": (self.permit(), self.opening(output_token=stranger)),
            "another destination": (self.permit(), self.opening(destination=registry.named("dev3").chain_id)),
            "another origin": (self.permit(), self.opening(origin=there.chain_id)),
            "the same chain": (self.permit(), self.opening(destination=self.order.origin)),
            "another settler": (self.permit(), self.opening(settler=stranger)),
            "the SpokePool as settler": (
                self.permit(),
                self.opening(settler=Address(self.order.details["spoke_pool"])),
            ),
        }

    def wrong_openings(self, stranger: Address) -> dict[str, Messages]:
        """The order, opened by another account, twice, or too late."""
        return {
            "another relayer": (self.permit(), self.opening(named_relayer=stranger)),
            "no relayer": (self.permit(), self.opening(named_relayer=ZERO_ADDRESS)),
            "deposit nonce 0: the pool's own counter": (self.permit(), self.numbered(0)),
            "deposit nonce of another account": (self.permit(), self.numbered(new_nonce(stranger))),
            "filled before it is opened": (self.permit(), self.opening(fill_deadline=self.opens.open_deadline)),
            "the order open for longer than its permit": (self.permit(), self.opening(by=1)),
            "a permit for longer than its order": (self.permit(by=1), self.opening()),
        }

    def wrong_permits(self, stranger: Address) -> dict[str, Messages]:
        """A permission for another order or chain, and messages that do not belong together."""
        foreign, euro = {"chainId": str(self.there.chain_id)}, self.here.token("EURC")
        return {
            "a permit for another account": (self.permit(spender=stranger), self.opening()),
            "a permit for the settler": (self.permit(spender=self.settler), self.opening()),
            "a permit of another account": (self.permit(owner=stranger), self.opening()),
            "a permit of everything": (self.permit(more=2**256 - 1 - self.order.pays.units), self.opening()),
            "a permit of more": (self.permit(more=1), self.opening()),
            "a permit of less": (self.permit(more=-1), self.opening()),
            "a permit of another token": (self.permit(of=euro), self.opening()),
            "a permit on another chain": (
                replace(self.permit(), domain={**self.permit().domain, **foreign}),
                self.opening(),
            ),
            "Permit2 on another chain": (
                self.permit(),
                replace(self.opening(), domain={**self.opening().domain, **foreign}),
            ),
            "another Permit2": (
                self.permit(),
                replace(self.opening(), domain={**self.opening().domain, "verifyingContract": stranger}),
            ),
            "two orders": (self.opening(), self.opening()),
            "two permits": (self.permit(), self.permit()),
            "a permit after the order": (self.opening(), self.permit()),
            "a permit alone": (self.permit(),),
            "nothing": (),
        }


def test_messages_that_agree_with_each_other_and_not_with_the_payment_are_refused(
    broke: Broke, capsys: pytest.CaptureFixture[str]
) -> None:
    review, registry, stranger = broke.plan(), broke.home.registry, new_address()
    plan, forger = review.plan, Forger(review, registry)
    permit, opening = forger.permit, forger.opening
    assert judged(plan, registry, permit(), opening()) == review.effects
    refused = forger.wrong_payments(stranger) | forger.wrong_openings(stranger) | forger.wrong_permits(stranger)
    assert len(refused) == 39
    passed = [name for name, bad in refused.items() if not is_refused(plan, registry, *bad)]
    tell(capsys, "signed messages, in agreement with each other", len(refused) - len(passed), len(refused))
    assert not passed
    # What only this plan knows: the guard compares it with what was approved.
    later = opening(fill_deadline=forger.order.fill_deadline + 1)
    for others in ((permit(nonce=1), opening()), (permit(), opening(nonce=1)), (permit(), later)):
        assert judged(plan, registry, *others) != review.effects
