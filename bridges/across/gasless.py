"""Across for a sender without gas: messages are signed, and a sponsor opens the order and pays the network for it.

`openFor` of the origin settler takes the money through Permit2, by the sender's signature over the whole order. Permit2
itself must be allowed by the token: where it is not, and the token knows EIP-2612, a permit of exactly the amount is
signed too, which the sponsor brings first. Once open, the order is one of Across like any other.

A sponsor is believed in nothing but its fee. It can open the order that was signed, or not; both permit and order are
void after `open_deadline` by the origin's clock. It is paid by what the order gives more than a relayer asks.

No sponsor of Across has a published API. What is spoken here is the order of OIF's `POST /v1/orders` in all that
fits, with a `type` of our own and a second field for the permit, and a plain question for the fee: a stand-in, which
the devnet's sponsor answers. `sponsor_api` in chains.toml names the server; the shipped registry has none.

Source: across_messages; openintentsframework/oif-specs specs/openapi.yaml (PostOrderRequest, PostOrderResponse).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from l2send.bridges.across.api import Price, Wish, ask_price
from l2send.bridges.across.bridge import Across, agree_on_ids, relay_of
from l2send.bridges.across.contracts import ContractState, Crossing, ask_contracts, crossing, fill_deadline, refuse_if
from l2send.bridges.across.deposit import DEPOSITED_TOPIC, RELAY, Deposit, deposited, new_nonce
from l2send.bridges.across.messages import (
    GASLESS_ORDER,
    decode_order_message,
    gasless_order,
    new_permit_nonce,
    order_message,
)
from l2send.bridges.erc7683 import RESOLVED_ORDER, Resolution, first_mismatch
from l2send.bridges.gas_costs import most_for_opening
from l2send.bridges.json_answers import natural, reason
from l2send.core.address import Address, checksum
from l2send.core.bridge import Opening, OpeningState, Proof
from l2send.core.calldata import ALLOWANCE, BALANCE_OF, Function, abi_encode, address_word
from l2send.core.chains import Chain, Registry
from l2send.core.effects import PERMIT2, AllowsBySignature, Effects, OpensBySignature
from l2send.core.errors import BadAnswer, CannotPay, ConfigError, NetworkError, Refused
from l2send.core.http import Http, get_json, post_json
from l2send.core.permit import NONCES, decode_permit, is_used, nonce_call, permittable
from l2send.core.plan import (
    BRIDGE_FEE,
    SPONSOR_FEE,
    Fee,
    Message,
    MessageKind,
    Order,
    Payment,
    Quote,
    Sponsored,
    UnsignedTx,
)
from l2send.core.rpc import Call, Rpc, Rpcs, quantity
from l2send.core.settlers import AcrossSettlers
from l2send.core.text import clean
from l2send.core.typed import TypedData
from l2send.core.units import Amount, BlockNumber, Seconds, Token, UnixTime, Wei

_SETTLER_PERMIT2 = Function("PERMIT2()", "address")
_QUOTED_BEFORE = Function("QUOTE_BEFORE_DEADLINE()", "uint256")
_RESOLVE_FOR = Function(f"resolveFor({GASLESS_ORDER},bytes)", RESOLVED_ORDER)

_PRICE_HOLDS = Seconds(60)
_TIME_TO_OPEN = Seconds(600)
"""What a sponsor gets. Until it is over nobody can tell that the payment will not happen."""
_LEAST_TIME_TO_OPEN = Seconds(60)
_LEAST_TIME_TO_FILL = Seconds(60)
_LATEST_FILL = Seconds(6 * 3600)
_REORGANISED = 64
"""Blocks by which an opening may lie below the head of its quote: two epochs, after which Ethereum itself is final."""
_MOST_BLOCKS = 900_000
"""Searched for an opening, from where it can first lie."""
_WHO = "the sponsor"


@dataclass(frozen=True, slots=True)
class _SponsorFee:
    """What a sponsor takes, in base units of the token that is paid with."""

    opening: int
    permit: int
    """More, where it has to bring a permit first."""


@dataclass(frozen=True, slots=True)
class _NonceSight:
    """What Permit2's nonce tells of an order at one look."""

    used: bool
    """At the head."""
    used_for_good: bool
    """Under as many blocks as the chain needs."""
    too_late: bool
    """It is unused, and the deadline has passed under as many blocks."""


class AcrossGasless(Across):
    """Cross-chain payments through Across that a sponsor opens."""

    def __init__(self, name: str = "across") -> None:
        """`name` is that of Across's entries in the registry; this way is called after it."""
        super().__init__(f"{name}-gasless")
        self._entry = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """An order that delivers the payment exactly, to be opened by the sponsor of the registry.

        None where the registry names none, and where the sender holds the gas to open an order alone.
        """
        target, listed = rpcs.registry.chain(payment.to.chain_id), source.settlers_of(self._entry, AcrossSettlers)
        way = crossing(self._entry, source, target, held.token, payment.amount.token)
        if way is None or way.settler is None or listed is None or held.token.is_native:
            return None
        if not listed.quote_api or not listed.sponsor_api:
            return None
        rpc = rpcs.on(source.chain_id)
        if native.units >= await most_for_opening(rpc):
            return None
        wanted = payment.amount.in_units_of(held.token)
        wish = Wish(source.chain_id, target.chain_id, way.input_token, way.output_token,
                    payment.to.address, wanted, way.pool)  # fmt: skip
        price, fee, state, (allowed,), code = await asyncio.gather(
            ask_price(rpcs.http, listed.quote_api, wish),
            _ask_fee(rpcs.http, listed.sponsor_api, held.token),
            ask_contracts(way, rpcs, payment.amount.token),
            rpc.eth_call(Call(way.input_token, ALLOWANCE, (payment.sender, PERMIT2))),
            rpc.code(payment.sender),
        )
        # Token and Permit2 would ask that code (EIP-1271), which may say anything of a plain signature.
        refuse_if(bool(code), f"your account runs code on {source.name}: what it signs may not count there.")
        needs_permit = allowed < price.input_units + fee.opening
        charged = fee.opening + (fee.permit if needs_permit else 0)
        pays = Amount(price.input_units + charged, held.token)
        if pays.units > held.units:
            raise CannotPay(f"{source.name} needs {pays} to deliver {payment.amount}, you hold {held}.")
        deposit, open_deadline = _deposit(payment, way, pays, price, state), _open_deadline(price, state)
        sponsored = Sponsored(
            messages=(
                *(await _permits(rpc, payment.sender, pays, open_deadline) if needs_permit else ()),
                Message(MessageKind.OPEN_FOR, order_message(deposit, way.settler, new_permit_nonce(), open_deadline)),
            ),
            open_deadline=open_deadline,
            since=await rpc.block_number(),
        )
        order = self._opens(sponsored, rpcs.registry).order
        await asyncio.gather(agree_on_ids(order, rpcs), _agree_on_opening(order, sponsored, state, rpc))
        return Quote(
            bridge=self.name,
            source=source,
            pays=pays,
            delivers=payment.amount,
            fees=(
                Fee(BRIDGE_FEE, Amount(price.input_units - wanted, pays.token)),
                Fee(SPONSOR_FEE, Amount(charged, pays.token)),
            ),
            duration=price.duration,
            steps=(),
            order=order,
            expires=UnixTime(state.origin_now + _PRICE_HOLDS),
            notes=(
                f"you have no gas on {source.name}: a sponsor sends the transactions, for the {SPONSOR_FEE}",
                f"a refund on {source.name} would come by itself, and needs no gas of yours",
            ),
            needs=Wei(0),
            sponsored=sponsored,
        )

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """None: nothing is sent from here."""
        return None

    def message_effects(self, data: TypedData, registry: Registry) -> AllowsBySignature | OpensBySignature:
        """A permit of a known token, or an order through the settler of the registry. Raises Refused."""
        if data.primary_type == "Permit":
            return decode_permit(data, registry)
        return decode_order_message(self._entry, data, registry)

    async def why_not(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> str:
        """Why the messages would do nothing, or not what was meant, were they signed now."""
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
            "it could be opened for too long": deadline > now + _TIME_TO_OPEN + _PRICE_HOLDS,
            "it could be filled too late": order.fill_deadline > now + _LATEST_FILL,
            "its nonce at Permit2 is used up": is_used(bitmap[0], opens.nonce),
            f"{rpc.chain.name} holds less than the order takes": balance[0] < order.pays.units,
            "Permit2 may not take as much any more": not permits and allowed[0] < order.pays.units,
            "another permit of the token was used": any(next_nonce != (p.nonce,) for p in permits),
        }
        return next((words for words, holds in reasons.items() if holds), "")

    async def post(self, order: Order, sponsored: Sponsored, signatures: tuple[bytes, ...], rpcs: Rpcs) -> str:
        """See SponsoredBridge. The sponsor knows an order by its digest: it may be handed the same again."""
        listed = rpcs.registry.chain(order.origin).settlers_of(self._entry, AcrossSettlers)
        if listed is None or not listed.sponsor_api:
            raise ConfigError(f"chains.toml names no sponsor_api for {self._entry} any more.")
        *permit, opening = zip(sponsored.messages, signatures, strict=True)
        schemes = ["permit2", *(["erc20-permit"] if permit else [])]
        request: dict[str, Any] = {
            "order": {"type": "across-open-for-v0", "payload": _payload(opening[0])},
            "signature": [list(opening[1])],
            "originSubmission": {"mode": "protocol", "schemes": schemes},
        }
        if permit:
            request["permit"] = {"payload": _payload(permit[0][0]), "signature": [list(permit[0][1])]}
        answer = await post_json(rpcs.http, f"{listed.sponsor_api}/v1/orders", request, _WHO)
        if answer.status < 300 and isinstance(answer.body, dict) and answer.body.get("status") == "received":
            return ""
        return reason(answer.body)

    async def opening(self, order: Order, sponsored: Sponsored, rpcs: Rpcs) -> Opening:
        """By Permit2's nonce, which an opening uses up, and the SpokePool's own event of this relay hash."""
        opens, rpc = _as_signed(order, sponsored), rpcs.on(order.origin)
        seen = await _look_at_nonce(rpc, opens)
        if seen.too_late:
            used_elsewhere = await _sees_it_used(rpc, opens)
            if used_elsewhere is None:
                asked = Call(Address(order.details["input_token"]), ALLOWANCE, (order.sender, PERMIT2))
                (left,) = await rpc.eth_call(asked)
                words = _what_is_left(Amount(left, order.pays.token))
                return Opening(OpeningState.TOO_LATE, detail=words, proof=_too_late_proof(opens))
            rpc, seen = used_elsewhere
        if not seen.used:
            return Opening(OpeningState.WAITING)
        found = await _find_deposit(order, sponsored.since, rpc)
        return found or Opening(OpeningState.USED_UP if seen.used_for_good else OpeningState.WAITING)

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """False: Permit2's nonce tells it, see `opening`."""
        return False

    def _effects_of(self, sponsored: Sponsored, registry: Registry) -> list[AllowsBySignature | OpensBySignature]:
        return [self.message_effects(message.data, registry) for message in sponsored.messages]

    def _opens(self, sponsored: Sponsored, registry: Registry) -> OpensBySignature:
        """What the last message does. Raises Refused."""
        opens = self._effects_of(sponsored, registry)[-1]
        if not isinstance(opens, OpensBySignature):
            raise Refused("the messages open no order.")
        return opens


def _deposit(payment: Payment, way: Crossing, pays: Amount, price: Price, state: ContractState) -> Deposit:
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


def _open_deadline(price: Price, state: ContractState) -> UnixTime:
    """Until when a sponsor may open it: a relayer must be able to fill it even then."""
    deadline = min(state.origin_now + _TIME_TO_OPEN, fill_deadline(price.deadline, state) - _LEAST_TIME_TO_FILL)
    refuse_if(deadline < state.origin_now + 2 * _LEAST_TIME_TO_OPEN, "Across's quote leaves a sponsor no time.")
    return UnixTime(deadline)


async def _permits(rpc: Rpc, owner: Address, pays: Amount, deadline: UnixTime) -> tuple[Message]:
    """The permit by which Permit2 may take exactly what is paid. Raises Refused for a token that knows none."""
    found = await permittable(rpc, pays.token, owner)
    if found is None:
        raise Refused(
            f"Permit2 is not allowed to take your {pays.token.symbol}, and the token takes no signature for that "
            "(EIP-2612): without gas nothing can be sent."
        )
    return (Message(MessageKind.PERMIT, found.permit(owner, PERMIT2, pays.units, deadline)),)


async def _agree_on_opening(order: Order, sponsored: Sponsored, state: ContractState, rpc: Rpc) -> None:
    """Ask the settler what it would open: another id could not be followed. Raises Refused, NetworkError."""
    settler, data = order.origin_settler, sponsored.messages[-1].data
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
        open_deadline=sponsored.open_deadline,
        received_by=address_word(order.details["named_relayer"]),
    )
    field = "resolveFor" if resolved is None else first_mismatch(resolved[0], order, said)
    refuse_if(bool(field), f"the origin settler would open another order than the one that is signed, by its {field}.")
    # It makes the time of the quote out of the deadline; the pool takes none of its future, and none too old.
    quoted = sponsored.open_deadline - before[0]
    oldest = sponsored.open_deadline - state.quote_buffer
    refuse_if(not oldest <= quoted <= state.origin_now, "the SpokePool would not take an order with this deadline.")


def _as_signed(order: Order, sponsored: Sponsored) -> OpensBySignature:
    """What the last message did when it was signed and compared: the registry may name other settlers by now."""
    data = sponsored.messages[-1].data
    nonce, deadline = (int(data.message["witness"][name]) for name in ("nonce", "openDeadline"))
    return OpensBySignature(order, checksum(data.domain["verifyingContract"]), nonce, UnixTime(deadline))


async def _look_at_nonce(rpc: Rpc, opens: OpensBySignature) -> _NonceSight:
    """What the endpoints of `rpc` say of the nonce at Permit2, taken at their word. Raises NetworkError."""
    asked = [nonce_call(opens.order.sender, opens.nonce)]
    deep = max(await rpc.block_number() - max(rpc.chain.confirmations - 1, 0), 0)
    now, then = await asyncio.gather(rpc.aggregate(asked), rpc.aggregate(asked, hex(deep)))
    if now.values[0] is None or then.values[0] is None:
        raise BadAnswer(f"Permit2 does not answer on {rpc.chain.name}.")
    used, used_for_good = is_used(now.values[0][0], opens.nonce), is_used(then.values[0][0], opens.nonce)
    too_late = then.timestamp > opens.open_deadline and not used and not used_for_good
    return _NonceSight(used, used_for_good, too_late)


async def _sees_it_used(rpc: Rpc, opens: OpensBySignature) -> tuple[Rpc, _NonceSight] | None:
    """The first endpoint that has the nonce as used, and what it saw."""
    for endpoint in rpc.each():
        try:
            seen = await _look_at_nonce(endpoint, opens)
        except NetworkError:
            continue
        if seen.used:
            return endpoint, seen
    return None


def _too_late_proof(opens: OpensBySignature) -> Proof:
    """The deadline is past and the nonce unused as of a block; and at the head it is still unused."""

    async def shows(one: Rpc, block: str) -> bool:
        asked = [nonce_call(opens.order.sender, opens.nonce)]
        then, now = await asyncio.gather(one.aggregate(asked, block), one.aggregate(asked))
        if then.values[0] is None or now.values[0] is None:
            raise BadAnswer(f"Permit2 does not answer on {one.chain.name}.")
        used = is_used(then.values[0][0], opens.nonce) or is_used(now.values[0][0], opens.nonce)
        return then.timestamp > opens.open_deadline and not used

    return Proof(opens.order.origin, shows)


async def _find_deposit(order: Order, since: BlockNumber, rpc: Rpc) -> Opening | None:
    """The deposit with this very relay hash, wherever it was opened. Raises NetworkError."""
    ids = [order.destination.to_bytes(32, "big"), int(order.details["deposit_id"]).to_bytes(32, "big")]
    topics = [DEPOSITED_TOPIC, *("0x" + word.hex() for word in (*ids, address_word(order.sender)))]
    query = {"address": order.details["spoke_pool"], "topics": topics}
    head, lowest = await rpc.block_number(), max(0, since - _REORGANISED)
    async for logs in rpc.logs_between(query, lowest, min(head, lowest + _MOST_BLOCKS)):
        for log in logs:
            if deposited(order.origin, log).relay_hash == order.order_id:
                block = BlockNumber(quantity(log.get("blockNumber"), "blockNumber"))
                return Opening(OpeningState.OPENED, clean(log.get("transactionHash", ""), 66), block)
    return None


def _what_is_left(allowed: Amount) -> str:
    if not allowed.units:
        return "Permit2 may take nothing"
    return f"Permit2 may take {allowed}, but only by another signature of yours"


async def _ask_fee(http: Http, url: str, token: Token) -> _SponsorFee:
    """What the sponsor takes for opening an order that pays with `token`. Raises NetworkError, Refused."""
    answer = await get_json(http, f"{url}/v1/fee", {"chainId": str(token.chain_id), "token": token.address or ""}, _WHO)
    if answer.status >= 400:
        raise Refused(f"the sponsor opens no such order: {reason(answer.body)}")
    try:
        return _SponsorFee(natural(answer.body["opening"]), natural(answer.body["permit"]))
    except (KeyError, TypeError, ValueError):
        raise BadAnswer("the sponsor answered outside its schema.") from None


def _payload(message: Message) -> dict[str, Any]:
    return {"signatureType": "eip712", **message.data.json()}
