"""A transfer for an account without gas, where the money is on the destination already.

The account delegates to the pinned Simple7702Account (EIP-7702). It signs one user operation: the transfer of a token
or of coin, and in the same batch the sponsor's fee, in what is paid. The sponsor submits it to the EntryPoint and pays
the network. For gas it takes nothing of the account's coin: every fee of the operation itself is zero.

The chain runs it once, whole or not at all, no matter which account submits it. It has no deadline: it is open until
its nonce is used. `[chains.….settlers.sponsor]` names the EntryPoint, the server, and the account that takes the fee;
the shipped registry has none.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from l2send.bridges.direct import transfer_of
from l2send.bridges.gas_costs import UNSIMULATED, cost
from l2send.bridges.quoting import PRICE_HOLDS, Funding, refuse_unaffordable
from l2send.bridges.sponsor.server import ask_fee, post_operation
from l2send.core.address import Address
from l2send.core.bridge_protocol import ContractSenders, OrderStatus, RefundAddress
from l2send.core.calldata import BALANCE_OF
from l2send.core.chains import Chain, Registry
from l2send.core.delegate_code import delegate_name
from l2send.core.delegation import BATCHING_DELEGATE
from l2send.core.effects import Effects, Pays, RunsBySignature, token_effects
from l2send.core.errors import BadAnswer, ConfigError, Refused
from l2send.core.fees import gas_limit, gas_price
from l2send.core.operation import GET_HASH, MOST_CALL_GAS, Operation, new_key, read_operation
from l2send.core.pinned_code import why_other_code
from l2send.core.plan import (
    SPONSOR_FEE,
    ChainAddress,
    Fee,
    Message,
    MessageKind,
    Order,
    Payment,
    Quote,
    Sponsored,
    Step,
    StepKind,
    UnsignedTx,
)
from l2send.core.rpc import Call, Rpc, Rpcs
from l2send.core.settlers import SponsorSettlers
from l2send.core.typed_data import TypedData
from l2send.core.units import Amount, Gas, Seconds, Token, UnixTime, Wei

_SURELY_ENOUGH = Wei(5 * 10**16)
"""Coin that pays for any transfer: an account with as much is not asked about."""
_COIN_TRANSFER = Gas(25_200)
"""What a direct transfer of coin to a key is signed with: 21,000 and a fifth."""
_TIME_TO_SUBMIT = Seconds(12)


class Sponsor:
    """Transfers on one chain that a sponsor submits, for an account that delegates and has no gas there."""

    refunds_by_itself = False
    contract_senders = ContractSenders(
        False, RefundAddress.NONE, "an operation is signed by a key, and of Safes l2send signs none."
    )

    def __init__(self, name: str = "sponsor") -> None:
        self.name = name

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """A transfer of a token or of coin, and the sponsor's fee beside it, on the destination itself.

        None where the registry names no sponsor, and where the sender holds the gas for a transfer. Raises Refused
        where the account does not delegate to the code that could check what it signs.
        """
        listed = source.settlers_of(self.name, SponsorSettlers)
        elsewhere = source.chain_id != payment.to.chain_id or held.token != payment.amount.token
        if listed is None or not listed.sponsor_api or elsewhere:
            return None
        rpc = rpcs.on(source.chain_id)
        for_gas = native.units - (payment.amount.units if held.token.is_native else 0)
        if for_gas >= _SURELY_ENOUGH or for_gas >= await _most_for_transfer(rpc, coin=held.token.is_native):
            return None
        units, runs_pinned, now = await asyncio.gather(
            ask_fee(rpcs.http, listed.sponsor_api, held.token), _runs_pinned_code(payment.sender, rpc), rpc.time()
        )
        if not runs_pinned:
            raise Refused(
                f"a sponsor on {source.name} submits only operations of accounts that delegate to the pinned code: see "
                "`l2send wallet delegate`."
            )
        fee = Amount(units, held.token)
        pays = Amount(payment.amount.units + fee.units, held.token)
        refuse_unaffordable(pays, Funding(payment, source, held, native))
        operation = await _operation(payment, fee, listed, rpc)
        sponsored = Sponsored((Message(MessageKind.OPERATION, operation.typed),), None, await rpc.block_number())
        return self._quote(payment, source, pays, fee, sponsored, UnixTime(now + PRICE_HOLDS))

    def _quote(
        self, payment: Payment, source: Chain, pays: Amount, fee: Amount, sponsored: Sponsored, expires: UnixTime
    ) -> Quote:
        return Quote(
            bridge=self.name,
            source=source,
            pays=pays,
            delivers=payment.amount,
            fees=(Fee(SPONSOR_FEE, fee),),
            duration=_TIME_TO_SUBMIT,
            steps=(),
            expires=expires,
            notes=(
                f"you have no gas on {source.name}: a sponsor sends the transaction, for the {SPONSOR_FEE}",
                "what you sign has no deadline: it can be submitted until its nonce is used",
            ),
            needs=Wei(pays.units if pays.token.is_native else 0),
            sponsored=sponsored,
        )

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """None: nothing is sent from here."""
        return None

    def message_effects(self, data: TypedData, registry: Registry) -> RunsBySignature:
        """What the account does once the operation is submitted: transfers of known tokens and coin. Raises Refused."""
        operation = read_operation(data)
        listed = registry.chain(operation.chain_id).settlers_of(self.name, SponsorSettlers)
        if listed is None or operation.entry_point != listed.entry_point:
            raise Refused(f"{operation.entry_point} is not the EntryPoint that the registry names for {self.name}.")
        effects = tuple(_pays(call, registry) for call in operation.calls)
        if any(paid.to.address != listed.payee for paid in effects[1:]):
            raise Refused(
                "the operation to be signed pays a fee to an account that is not the sponsor of the registry."
            )
        account = ChainAddress(operation.chain_id, operation.sender)
        return RunsBySignature(account, effects, operation.entry_point, operation.nonce, operation.call_gas)

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """A transfer opens no order."""
        raise NotImplementedError

    async def refund(self, order: Order, rpcs: Rpcs) -> Step | None:
        """A transfer is final."""
        raise Refused("a transfer cannot be refunded.")

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """A transfer opens no order."""
        return False

    async def was_opened(self, order: Order, origin: Rpc, block: str) -> bool:
        """A transfer opens no order."""
        return False

    async def why_not(self, order: Order | None, sponsored: Sponsored, rpcs: Rpcs) -> str:
        """Why the operation, signed now, would do nothing: see SponsoredBridge. Source: EntryPoint, ERC-20, code."""
        operation = operation_of(sponsored)
        rpc = rpcs.on(operation.chain_id)
        runs = self.message_effects(sponsored.messages[-1].data, rpcs.registry)
        token = runs.effects[0].amount.token
        seen, balance, runs_pinned, other = await asyncio.gather(
            rpc.aggregate([operation.nonce_call()]),
            _balance(token, operation.sender, rpc),
            _runs_pinned_code(operation.sender, rpc),
            why_other_code(self.name, [rpc.chain], rpcs),
        )
        (next_nonce,) = seen.values
        if next_nonce is None:
            raise BadAnswer(f"{rpc.chain.name} does not say which nonce is next.")
        leaves = sum(paid.amount.units for paid in runs.effects)
        reasons = {
            other: bool(other),
            "your account does not delegate to the code that checks it any more": not runs_pinned,
            "its nonce is not free": next_nonce[0] != operation.nonce,
            f"{rpc.chain.name} holds less than it pays": balance < leaves,
        }
        return next((words for words, holds in reasons.items() if holds), "")

    async def post(self, order: Order | None, sponsored: Sponsored, signatures: tuple[bytes, ...], rpcs: Rpcs) -> str:
        """See SponsoredBridge. The sponsor knows an operation by its hash: it may be handed the same again."""
        operation = operation_of(sponsored)
        listed = rpcs.registry.chain(operation.chain_id).settlers_of(self.name, SponsorSettlers)
        if listed is None or not listed.sponsor_api:
            raise ConfigError(f"chains.toml names no sponsor_api for {self.name} any more.")
        return await post_operation(rpcs.http, listed.sponsor_api, operation, signatures[-1])


async def _runs_pinned_code(account: Address, rpc: Rpc) -> bool:
    """Whether the account delegates to the code that checks operations, and that code is there. Raises NetworkError."""
    return await delegate_name(await rpc.code(account), rpc) == BATCHING_DELEGATE


def operation_of(sponsored: Sponsored) -> Operation:
    """The operation of a plan. Raises Refused."""
    return read_operation(sponsored.messages[-1].data)


def _pays(call: UnsignedTx, registry: Registry) -> Pays:
    effect = token_effects(call, registry)
    if not isinstance(effect, Pays):
        raise Refused(f"the operation to be signed does more than pay: it calls {call.to}.")
    return effect


async def _most_for_transfer(rpc: Rpc, *, coin: bool) -> Wei:
    """Gas money that surely suffices for a transfer of a token, or of coin to a key. Raises NetworkError."""
    price = await gas_price(rpc)
    return price.most(_COIN_TRANSFER) if coin else Wei(2 * price.most(UNSIMULATED[StepKind.TRANSFER]))


async def _balance(token: Token, account: Address, rpc: Rpc) -> int:
    if token.address is None:
        return await rpc.balance(account)
    (units,) = await rpc.eth_call(Call(token.address, BALANCE_OF, (account,)))
    return int(units)


async def _operation(payment: Payment, fee: Amount, listed: SponsorSettlers, rpc: Rpc) -> Operation:
    """What the sender signs, once the EntryPoint agrees on its nonce and its hash. Raises Refused, NetworkError."""
    calls = [transfer_of(payment)]
    if fee.units:
        to_sponsor = replace(payment, to=ChainAddress(rpc.chain.chain_id, listed.payee), amount=fee)
        calls.append(transfer_of(to_sponsor))
    draft = Operation(rpc.chain.chain_id, listed.entry_point, payment.sender, new_key(), tuple(calls), MOST_CALL_GAS)
    itself = UnsignedTx(draft.chain_id, draft.sender, Wei(0), draft.call_data)
    costed = await cost(rpc, payment.sender, [(StepKind.TRANSFER, itself)])
    gas = gas_limit(costed.steps[0].gas)
    if gas > MOST_CALL_GAS:
        raise Refused(f"the transfer needs more than the {MOST_CALL_GAS} gas that an operation may have.")
    operation = replace(draft, call_gas=gas)
    hashed = Call(listed.entry_point, GET_HASH, (operation.packed(),))
    next_nonce, theirs = (await rpc.aggregate([operation.nonce_call(), hashed])).values
    if next_nonce != (operation.nonce,) or theirs is None or "0x" + bytes(theirs[0]).hex() != operation.hash:
        raise Refused(f"{listed.entry_point} on {rpc.chain.name} does not read the operation as it is signed.")
    return operation
