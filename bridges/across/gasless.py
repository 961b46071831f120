"""Across for a sender without gas: the sender signs messages; a sponsor opens the order and pays the network fee.

The origin settler's `openFor` takes the money through Permit2, by the sender's signature over the whole order. Permit2
needs an allowance from the token: if it has none, and the token supports EIP-2612, a permit of exactly the amount is
signed too, which the sponsor submits first. Once open, the order is like any other of Across.

A sponsor can only open the signed order, or not (sponsor.py, sponsored_opening.py). Permit and order are void after
`open_deadline` by the origin's clock. The sponsor's fee is what the order pays above the relayer's price. `sponsor_api`
in chains.toml names the server; the shipped registry has none.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from l2send.bridges.across.api import AcrossPrice
from l2send.bridges.across.bridge import Across
from l2send.bridges.across.contracts import ContractState, Crossing, ask_contracts, crossing, fill_deadline, refuse_if
from l2send.bridges.across.deposit import RELAY, Deposit, new_nonce
from l2send.bridges.across.messages import (
    GASLESS_ORDER,
    decode_order_message,
    gasless_order,
    new_permit_nonce,
    order_message,
)
from l2send.bridges.across.order import refuse_other_ids, relay_of
from l2send.bridges.across.price import delivery_of, price_of
from l2send.bridges.across.sponsor import SponsorFee, ask_fee, post_order
from l2send.bridges.across.sponsored_opening import look_at_opening
from l2send.bridges.erc7683 import RESOLVED_ORDER, Resolution, first_mismatch
from l2send.bridges.gas_costs import most_for_opening
from l2send.bridges.quoting import PRICE_HOLDS, Funding, bridge_fee, refuse_unaffordable
from l2send.bridges.solver_price import is_priced
from l2send.core.address import Address
from l2send.core.bridge_protocol import ContractSenders, Opening, RefundAddress
from l2send.core.calldata import ALLOWANCE, BALANCE_OF, Function, abi_encode, address_word
from l2send.core.chains import Chain, Registry
from l2send.core.effects import PERMIT2, AllowsBySignature, Effects, OpensBySignature
from l2send.core.errors import BadAnswer, ConfigError, Refused
from l2send.core.permit import NONCES, decode_permit, is_used, nonce_call, permittable
from l2send.core.plan import SPONSOR_FEE, Fee, Message, MessageKind, Order, Payment, Quote, Sponsored, UnsignedTx
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.settlers import AcrossSettlers
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, Seconds, UnixTime, Wei

_SETTLER_PERMIT2 = Function("PERMIT2()", "address")
_QUOTED_BEFORE = Function("QUOTE_BEFORE_DEADLINE()", "uint256")
_RESOLVE_FOR = Function(f"resolveFor({GASLESS_ORDER},bytes)", RESOLVED_ORDER)

_TIME_TO_OPEN = Seconds(600)
"""How long a sponsor has to open it. Until then the payment may still happen."""
_LEAST_TIME_TO_OPEN = Seconds(60)
_LEAST_TIME_TO_FILL = Seconds(60)
_LATEST_FILL = Seconds(6 * 3600)


@dataclass(frozen=True, slots=True)
class _Terms:
    """The answers of Across, the sponsor, the contracts and the token from which the messages are built."""

    way: Crossing
    settler: Address
    price: AcrossPrice
    fee: SponsorFee
    state: ContractState
    allowed: int
    """Permit2's present allowance from the token, in base units."""

    @property
    def needs_permit(self) -> bool:
        """Whether Permit2 needs an allowance from the token."""
        return self.allowed < self.price.input_units + self.fee.opening

    @property
    def charged(self) -> int:
        """The sponsor's fee, in base units."""
        return self.fee.opening + (self.fee.permit if self.needs_permit else 0)


class AcrossGasless(Across):
    """Cross-chain payments through Across that a sponsor opens."""

    contract_senders = ContractSenders(
        False, RefundAddress.NAMED, "messages are signed by a key, and a key's signature is not that of a contract."
    )

    def __init__(self, name: str = "across") -> None:
        """`name` is that of Across's entries in the registry; this bridge's own name is derived from it."""
        super().__init__(f"{name}-gasless")
        self._entry = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order that delivers the payment exactly, to be opened by the registry's sponsor.

        None if the registry names none, or if the sender has the gas to open an order.
        """
        listed = source.settlers_of(self._entry, AcrossSettlers)
        target = rpcs.registry.chain(payment.to.chain_id)
        way = crossing(self._entry, source, target, held.token, payment.amount.token)
        if way is None or way.settler is None or listed is None or held.token.is_native:
            return None
        if not is_priced(listed) or not listed.sponsor_api:
            return None
        rpc = rpcs.on(source.chain_id)
        if native.units >= await most_for_opening(rpc):
            return None
        funding = Funding(payment, source, held, native)
        terms = await _ask_terms(funding, way, way.settler, listed, rpcs)
        pays = Amount(terms.price.input_units + terms.charged, held.token)
        refuse_unaffordable(pays, funding)
        sponsored = await _messages(payment, terms, pays, rpc)
        order = self._opens(sponsored, rpcs.registry).order
        await asyncio.gather(refuse_other_ids(order, rpcs), _refuse_other_opening(order, sponsored, terms.state, rpc))
        return self._quote(funding, terms, pays, sponsored, order)

    def _quote(self, funding: Funding, terms: _Terms, pays: Amount, sponsored: Sponsored, order: Order) -> Quote:
        name = funding.source.name
        return Quote(
            bridge=self.name,
            source=funding.source,
            pays=pays,
            delivers=funding.payment.amount,
            fees=(
                bridge_fee(funding.payment, Amount(terms.price.input_units, pays.token)),
                Fee(SPONSOR_FEE, Amount(terms.charged, pays.token)),
            ),
            duration=terms.price.duration,
            steps=(),
            order=order,
            expires=UnixTime(terms.state.origin_now + PRICE_HOLDS),
            notes=(
                f"you have no gas on {name}: a sponsor sends the transactions, for the {SPONSOR_FEE}",
                f"a refund on {name} would come by itself, and needs no gas of yours",
            ),
            needs=Wei(0),
            sponsored=sponsored,
        )

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """None: the sender sends no transaction."""
        return None

    def message_effects(self, data: TypedData, registry: Registry) -> AllowsBySignature | OpensBySignature:
        """A permit of a known token, or an order through the registry's settler. Raises Refused."""
        if data.primary_type == "Permit":
            return decode_permit(data, registry)
        return decode_order_message(self._entry, data, registry)

    async def why_not(self, order: Order | None, sponsored: Sponsored, rpcs: Rpcs) -> str:
        """Why the messages, if signed now, would do nothing, or something other than intended."""
        assert order is not None, "these messages open an order"
        opens, rpc = self._opens(sponsored, rpcs.registry), rpcs.on(order.origin)
        token, owner = Address(order.details["input_token"]), order.sender
        seen = await rpc.aggregate([
            nonce_call(owner, opens.nonce),
            Call(token, BALANCE_OF, (owner,)),
            Call(token, ALLOWANCE, (owner, PERMIT2)),
            Call(token, NONCES, (owner,)),
        ])  # fmt: skip
        bitmap, balance, allowed, next_nonce = seen.values
        if bitmap is None or balance is None or allowed is None:
            raise BadAnswer(f"{rpc.chain.name} does not say what Permit2 may take.")
        permits = [p for p in self._effects_of(sponsored, rpcs.registry) if isinstance(p, AllowsBySignature)]
        now, deadline = seen.timestamp, opens.open_deadline
        reasons = {
            "its time to be opened has run out": deadline < now + _LEAST_TIME_TO_OPEN,
            "it could be opened for too long": deadline > now + _TIME_TO_OPEN + PRICE_HOLDS,
            "it could be filled too late": order.fill_deadline > now + _LATEST_FILL,
            "its nonce at Permit2 is used up": is_used(bitmap[0], opens.nonce),
            f"{rpc.chain.name} holds less than the order takes": balance[0] < order.pays.units,
            "Permit2 may not take as much any more": not permits and allowed[0] < order.pays.units,
            "another permit of the token was used": any(next_nonce != (p.nonce,) for p in permits),
        }
        return next((words for words, holds in reasons.items() if holds), "")

    async def post(self, order: Order | None, sponsored: Sponsored, signatures: tuple[bytes, ...], rpcs: Rpcs) -> str:
        """See SponsoredBridge. The sponsor identifies an order by its digest, so the same one may be posted again."""
        assert order is not None, "these messages open an order"
        listed = rpcs.registry.chain(order.origin).settlers_of(self._entry, AcrossSettlers)
        if listed is None or not listed.sponsor_api:
            raise ConfigError(f"chains.toml names no sponsor_api for {self._entry} any more.")
        return await post_order(rpcs.http, listed.sponsor_api, sponsored, signatures)

    async def opening(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> Opening:
        """By Permit2's nonce and the SpokePool's own event: see sponsored_opening.py."""
        return await look_at_opening(order, sponsored, rpcs)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """False: Permit2's nonce decides, see `opening`."""
        return False

    def _effects_of(self, sponsored: Sponsored, registry: Registry) -> list[AllowsBySignature | OpensBySignature]:
        return [self.message_effects(message.data, registry) for message in sponsored.messages]

    def _opens(self, sponsored: Sponsored, registry: Registry) -> OpensBySignature:
        """The effect of the last message. Raises Refused."""
        opens = self._effects_of(sponsored, registry)[-1]
        if not isinstance(opens, OpensBySignature):
            raise Refused("the messages open no order.")
        return opens


async def _ask_terms(funding: Funding, way: Crossing, settler: Address, listed: AcrossSettlers, rpcs: Rpcs) -> _Terms:
    """Everything that the messages depend on, requested at once. Raises NetworkError, Refused."""
    rpc, sender = rpcs.on(way.source.chain_id), funding.payment.sender
    price, fee, state, (allowed,), code = await asyncio.gather(
        price_of(listed, delivery_of(funding, way), rpcs.http),
        ask_fee(rpcs.http, listed.sponsor_api, funding.held.token),
        ask_contracts(way, rpcs, funding.payment.amount.token),
        rpc.eth_call(Call(way.input_token, ALLOWANCE, (sender, PERMIT2))),
        rpc.code(sender),
    )
    # Token and Permit2 would ask the sender's code (EIP-1271), which may reject a plain signature.
    refuse_if(bool(code), f"your account runs code on {way.source.name}: what it signs may not count there.")
    return _Terms(way, settler, price, fee, state, allowed)


async def _messages(payment: Payment, terms: _Terms, pays: Amount, rpc: Rpc) -> Sponsored:
    """The messages to sign: a permit if Permit2 lacks the allowance, and the order."""
    way, deadline = terms.way, _open_deadline(terms.price, terms.state)
    deposit = _deposit(payment, way, pays, terms.price, terms.state)
    permits = await _permits(rpc, payment.sender, pays, deadline) if terms.needs_permit else ()
    order = order_message(deposit, terms.settler, new_permit_nonce(), deadline)
    return Sponsored(
        messages=(*permits, Message(MessageKind.OPEN_FOR, order)),
        open_deadline=deadline,
        since=await rpc.block_number(),
    )


def _deposit(payment: Payment, way: Crossing, pays: Amount, price: AcrossPrice, state: ContractState) -> Deposit:
    refuse_if(not state.settler_works, f"the origin settler of {way.source.name} is not what the registry says.")
    return Deposit(
        origin=way.source.chain_id,
        destination=way.target.chain_id,
        depositor=payment.sender,
        recipient=payment.to.address,
        input_token=way.input_token,
        input_units=pays.units,
        output_token=way.output_token,
        output_units=payment.amount.units,
        nonce=new_nonce(payment.sender),
        fill_deadline=fill_deadline(price.deadline, state),
        named_relayer=payment.sender,
    )


def _open_deadline(price: AcrossPrice, state: ContractState) -> UnixTime:
    """The deadline for opening: even then a relayer must have time to fill."""
    deadline = min(state.origin_now + _TIME_TO_OPEN, fill_deadline(price.deadline, state) - _LEAST_TIME_TO_FILL)
    refuse_if(deadline < state.origin_now + 2 * _LEAST_TIME_TO_OPEN, "Across's quote leaves a sponsor no time.")
    return UnixTime(deadline)


async def _permits(rpc: Rpc, owner: Address, pays: Amount, deadline: UnixTime) -> tuple[Message]:
    """The permit for Permit2 of exactly the amount. Raises Refused for a token without EIP-2612."""
    found = await permittable(rpc, pays.token, owner)
    if found is None:
        raise Refused(
            f"Permit2 is not allowed to take your {pays.token.symbol}, and the token takes no signature for that "
            "(EIP-2612): without gas nothing can be sent."
        )
    return (Message(MessageKind.PERMIT, found.permit(owner, PERMIT2, pays.units, deadline)),)


async def _refuse_other_opening(order: Order, sponsored: Sponsored, state: ContractState, rpc: Rpc) -> None:
    """Ask the settler what it would open: another id could not be followed. Raises Refused, NetworkError."""
    settler, data = order.origin_settler, sponsored.messages[-1].data
    deadline = UnixTime(int(data.message["deadline"]))
    filler_data = abi_encode(["address"], [order.details["named_relayer"]])
    permit2, before, resolved = (
        await rpc.aggregate([
            Call(settler, _SETTLER_PERMIT2),
            Call(settler, _QUOTED_BEFORE),
            Call(settler, _RESOLVE_FOR, (gasless_order(data), filler_data)),
        ])
    ).values  # fmt: skip
    if permit2 is None or before is None or permit2[0].lower() != PERMIT2.lower():
        raise Refused("the origin settler does not take money by Permit2, or by another one.")
    said = Resolution(
        spent_to=address_word(order.recipient),
        origin_data=abi_encode([RELAY], [relay_of(order)]),
        open_deadline=deadline,
        received_by=address_word(order.details["named_relayer"]),
    )
    field = "resolveFor" if resolved is None else first_mismatch(resolved[0], order, said)
    refuse_if(bool(field), f"the origin settler would open another order than the one that is signed, by its {field}.")
    # It derives the quote's time from the deadline; the pool accepts none in its future, and none too old.
    quoted = deadline - before[0]
    oldest = deadline - state.quote_buffer
    refuse_if(not oldest <= quoted <= state.origin_now, "the SpokePool would not take an order with this deadline.")
