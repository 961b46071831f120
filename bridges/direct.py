"""The bridge of length zero: the money is already on the destination chain."""

from __future__ import annotations

from l2send.bridges.gas import cost
from l2send.core.bridge import OrderStatus
from l2send.core.calldata import TRANSFER
from l2send.core.chains import Chain, Registry
from l2send.core.effects import Effects, token_effects
from l2send.core.errors import CannotPay, Refused
from l2send.core.plan import Order, Payment, Quote, Step, StepKind, UnsignedTx
from l2send.core.rpc import Rpcs
from l2send.core.units import Amount, Seconds, Wei

_BLOCK_SECONDS = {"l1": 12}


class Direct:
    """A plain transfer on the destination chain."""

    name = "direct"

    async def quote(self, payment: Payment, source: Chain, held: Amount, native: Amount, rpcs: Rpcs) -> Quote | None:
        """A transfer, if `source` is the destination. Raises CannotPay when the gas is not there too."""
        if source.chain_id != payment.to.chain_id:
            return None
        costed = await cost(rpcs.on(source.chain_id), payment.sender, [(StepKind.TRANSFER, _transfer(payment))])
        if costed.needs > native.units:
            raise CannotPay(
                f"{source.name} needs up to {Amount(costed.needs, source.native)} for the amount and its fees, "
                f"you hold {native}."
            )
        return Quote(
            bridge=self.name,
            source=source,
            pays=payment.amount,
            delivers=payment.amount,
            fees=costed.fees,
            duration=Seconds(_BLOCK_SECONDS.get(source.kind, 2) * source.confirmations),
            steps=costed.steps,
            notes=() if costed.simulated else ("not simulated: the node does not offer it",),
            needs=costed.needs,
        )

    def effects(self, tx: UnsignedTx, registry: Registry) -> Effects | None:
        """A transfer or an approval of a known token, or a transfer of native coin."""
        return token_effects(tx, registry)

    async def status(self, order: Order, rpcs: Rpcs) -> OrderStatus:
        """A transfer opens no order."""
        raise NotImplementedError

    def refund(self, order: Order) -> Step:
        """A transfer is final."""
        raise Refused("a direct transfer cannot be refunded.")

    def opened(self, order: Order, receipt: dict[str, object]) -> bool:
        """A transfer opens no order."""
        return False


def _transfer(payment: Payment) -> UnsignedTx:
    token, to = payment.amount.token, payment.to
    if token.address is None:
        return UnsignedTx(to.chain_id, to.address, Wei(payment.amount.units), b"")
    data = TRANSFER.encode(to.address, payment.amount.units)
    return UnsignedTx(to.chain_id, token.address, Wei(0), data)
