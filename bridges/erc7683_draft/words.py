"""Describes a resolved ERC-7683 order: whole addresses, cleaned foreign text, unknown types as bytes."""

from __future__ import annotations

from datetime import UTC, datetime

from l2send.bridges.erc7683_draft import types as kinds
from l2send.core.chains import Registry
from l2send.core.errors import L2sendError
from l2send.core.plan import ChainAddress
from l2send.core.text import clean
from l2send.core.units import Amount

_SHOWN = 32
"""How many bytes of foreign data are shown."""


def describe(order: kinds.ResolvedOrder, registry: Registry) -> list[str]:
    """One line for each step with its conditions, each variable, each payment, each assumption."""
    words = _Words(registry)
    lines = list[str]()
    for i, step in enumerate(order.steps):
        arguments = ", ".join(words.argument(a) for a in step.arguments)
        lines.append(f"step {i}: call 0x{step.selector.hex()}({arguments}) of {words.account(step.target)}")
        lines += [f"step {i}: {words.attribute(attribute)}" for attribute in step.attributes]
    lines += [f"variable {i}: {words.role(role)}" for i, role in enumerate(order.variables)]
    lines += [f"payment {i}: {words.payment(payment)}" for i, payment in enumerate(order.payments)]
    lines += [f"assumed, not checked: {clean(a.name, 80)} {_hex(a.data)}".rstrip() for a in order.assumptions]
    return lines


class _Words:
    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def account(self, account: ChainAddress) -> str:
        try:
            return f"{self._registry.chain(account.chain_id).short_name}:{account.address}"
        except L2sendError:
            return f"{account.address} on the unknown chain {account.chain_id}"

    def amount(self, amount: kinds.Formula, token: ChainAddress) -> str:
        if isinstance(amount, kinds.Variable):
            return f"{self.argument(amount)} of the token {self.account(token)}"
        try:
            chain = self._registry.chain(token.chain_id)
            return f"{Amount(amount, chain.token(token.address))} on {chain.name}"
        except L2sendError:
            return f"{amount} base units of the unknown token {self.account(token)}"

    def argument(self, item: kinds.Argument | kinds.Formula) -> str:
        match item:
            case kinds.Variable(index):
                return f"variable {index}"
            case kinds.Value(encoded):
                return _hex(encoded)
            case number:
                return str(number)

    def attribute(self, attribute: kinds.Attribute) -> str:
        match attribute:
            case kinds.SpendsErc20(token, amount, spender, recipient):
                most = self.amount(amount, token)
                return f"{self.account(spender)} may take up to {most} from the solver for {self.account(recipient)}"
            case kinds.SpendsGas(amount):
                return f"uses up to {self.argument(amount)} of gas"
            case kinds.TimingBounds(field, lower, upper):
                return f"only while {field} is {self.bounds(field, lower, upper)}"
            case kinds.NeedsStep(step):
                return f"after step {step}"
            case kinds.NeedsVariable(variable):
                return f"after variable {variable} is known"
            case kinds.RevertPolicy(policy, reason):
                then = "the step is skipped" if policy == "ignore" else "the order is given up and no one is paid"
                return f"if it reverts with {_hex(reason) or 'anything'}, {then}"

    def bounds(self, field: str, lower: kinds.Formula | None, upper: kinds.Formula | None) -> str:
        low = "" if lower is None else f"at least {self._bound(field, lower)}"
        high = "" if upper is None else f"at most {self._bound(field, upper)}"
        return " and ".join(filter(None, (low, high))) or "anything"

    def _bound(self, field: str, bound: kinds.Formula) -> str:
        if isinstance(bound, int) and field == "block.timestamp" and bound < 2**33:
            return f"{datetime.fromtimestamp(bound, UTC):%Y-%m-%d %H:%M:%S} UTC"
        return self.argument(bound)

    def role(self, role: kinds.Role) -> str:
        match role:
            case kinds.PaymentRecipient():
                return "the account where the solver is paid"
            case kinds.PaymentChain():
                return "the chain where the solver is paid"
            case kinds.StepCaller(step):
                return f"the account that makes step {step}"
            case kinds.ExecutionOutput(field, step):
                return f"{field} of step {step}"
            case kinds.Witness(kind, data, variables):
                given = ", ".join([_hex(data) or "nothing", *(f"variable {v}" for v in variables)])
                return f"the witness {clean(kind, 60)} of {given}"
            case kinds.Query() | kinds.QueryEvents():
                return self.query(role)

    def query(self, role: kinds.Query | kinds.QueryEvents) -> str:
        at = "" if role.block is None else f" at block {role.block}"
        if isinstance(role, kinds.Query):
            given = ", ".join(self.argument(a) for a in role.arguments)
            return f"what 0x{role.selector.hex()}({given}) of {self.account(role.target)} answers{at}"
        by = ", ".join(f"topic {i} {_hex(t)}" for i, t in enumerate(role.topics) if t is not None)
        return f"the events of {self.account(role.emitter)}{at} by {by or 'no topic'}"

    def payment(self, payment: kinds.Payment) -> str:
        return (
            f"{self.account(payment.sender)} pays {self.amount(payment.amount, payment.token)} to variable "
            f"{payment.recipient_variable}, about {payment.delay} s after step {payment.on_step}"
        )


def _hex(data: bytes) -> str:
    if not data:
        return ""
    shown = "0x" + data[:_SHOWN].hex()
    return shown if len(data) <= _SHOWN else f"{shown}… ({len(data)} bytes)"
