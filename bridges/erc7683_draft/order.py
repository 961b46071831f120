"""The current ERC-7683 draft (ethereum/ERCs commit 96d110fbb, 2026-05-13): decodes what a resolver returns for an
order.

That text is for solvers: `IResolver.resolve(payload)` returns the calls that a solver makes (steps), the values it
chooses (variables), what it is paid (payments), and what the resolver could not check (assumptions). No deployed
settler uses it yet; l2send reads it to show an order and check its consistency.

Every element is calldata of a function that identifies its kind. A kind that is not in the draft is refused. A
resolver's answer is only as reliable as the resolver: it announces spending, and makes none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from l2send.bridges.erc7683_draft.types import (
    Argument,
    Assumption,
    Attribute,
    ExecutionOutput,
    Formula,
    NeedsStep,
    NeedsVariable,
    Payment,
    PaymentChain,
    PaymentRecipient,
    Query,
    QueryEvents,
    ResolvedOrder,
    RevertPolicy,
    Role,
    SpendsErc20,
    SpendsGas,
    Step,
    StepCaller,
    TimingBounds,
    Value,
    Variable,
    Witness,
)
from l2send.core.calldata import Function, abi_decode_exact
from l2send.core.erc7930 import asset, evm_account
from l2send.core.errors import Refused
from l2send.core.plan import ChainAddress
from l2send.core.units import Amount, Seconds

RESOLVE = Function("resolve(bytes)", "(bytes[],bytes[],bytes[],(string,bytes)[])")

_NO_BLOCK = 2**256 - 1
_DYNAMIC = b"".join(word.to_bytes(32, "big") for word in (0x40, 0x60, 0))
_FIELDS = frozenset({"block.number", "block.timestamp"})
_OUTPUTS = _FIELDS | {"receipt.effectiveGasPrice"}
_POLICIES = frozenset({"ignore", "abort"})
_MOST = 256
"""The most elements of a list: a person could not check more."""


def decode_resolved(answer: bytes) -> ResolvedOrder:
    """The answer of `resolve`. Raises Refused for anything that the draft does not allow or l2send cannot show."""
    ((steps, variables, payments, assumptions),) = abi_decode_exact(RESOLVE.outputs, answer, "the resolver's answer")
    _demand(max(map(len, (steps, variables, payments, assumptions))) <= _MOST, "is too long to be checked")
    order = ResolvedOrder(
        tuple(_decode(_STEPS, data, "step") for data in steps),
        tuple(_decode(_ROLES, data, "variable") for data in variables),
        tuple(_decode(_PAYMENTS, data, "payment") for data in payments),
        tuple(Assumption(name, data) for name, data in assumptions),
    )
    _check_indices(order)
    _check_chains(order)
    _check_acyclic(order)
    return order


def announces(order: ResolvedOrder, to: ChainAddress, amount: Amount) -> bool:
    """Whether some step may spend at least `amount`, a constant, on the account `to`.

    Necessary for a delivery, but no proof of one: the draft lets a resolver name an upper bound, and an intermediate
    settler as recipient.
    """
    return any(
        spend.token == asset(amount.token)
        and spend.recipient == to
        and isinstance(spend.amount, int)
        and spend.amount >= amount.units
        for step in order.steps
        for spend in step.attributes
        if isinstance(spend, SpendsErc20)
    )


def variables_in(items: Iterable[Argument | Formula | None]) -> set[int]:
    """The variables to which arguments or formulas refer."""
    return {item.index for item in items if isinstance(item, Variable)}


def argument(data: bytes) -> Argument:
    """A variable's index, or a framed ABI encoding: `abi.encode("", value)`. Raises Refused.

    The value 0x60 looks like the frame of an empty dynamic value. Since every dynamic value has at least one word,
    those 96 bytes mean the number.
    """
    if len(data) == 32:
        return Variable(int.from_bytes(data, "big"))
    if data.startswith(_DYNAMIC) and len(data) > len(_DYNAMIC):
        _demand(len(data) % 32 == 0, "frames a value that is not whole words")
        return Value(data[len(_DYNAMIC) :], is_dynamic=True)
    value = data[32:-32]
    framed = (len(value) + 32).to_bytes(32, "big") + value + bytes(32)
    _demand(len(value) > 0 and len(value) % 32 == 0 and data == framed, "has an argument that is no framed value")
    return Value(value, is_dynamic=False)


def formula(data: bytes) -> Formula:
    """An IFormula. Raises Refused."""
    found: Formula = _decode(_FORMULAS, data, "formula")
    return found


Table = dict[bytes, tuple[Function, Callable[..., Any]]]


def _table(kinds: dict[str, Callable[..., Any]]) -> Table:
    functions = [(Function(signature), build) for signature, build in kinds.items()]
    return {function.selector: (function, build) for function, build in functions}


def _decode(table: Table, data: bytes, what: str) -> Any:
    known = table.get(data[:4])
    if known is None:
        raise Refused(f"the resolved order has a {what} of a kind l2send does not know (0x{data[:4].hex()}).")
    function, build = known
    return build(*function.decode_call(data))


def _spends_erc20(token: bytes, amount: bytes, spender: bytes, recipient: bytes) -> SpendsErc20:
    return SpendsErc20(evm_account(token), formula(amount), evm_account(spender), evm_account(recipient))


def _timing_bounds(field: str, lower: bytes, upper: bytes) -> TimingBounds:
    _demand(field in _FIELDS, "is timed by something the draft does not know")
    return TimingBounds(field, formula(lower) if lower else None, formula(upper) if upper else None)


def _revert_policy(policy: str, expected_reason: bytes) -> RevertPolicy:
    _demand(policy in _POLICIES, "has a revert policy the draft does not know")
    return RevertPolicy(policy, expected_reason)


def _arguments(items: tuple[bytes, ...]) -> tuple[Argument, ...]:
    _demand(len(items) <= _MOST, "is too long to be checked")
    return tuple(argument(item) for item in items)


def _step(target: bytes, selector: bytes, arguments: tuple[bytes, ...], attributes: tuple[bytes, ...]) -> Step:
    _demand(len(attributes) <= _MOST, "is too long to be checked")
    found = tuple(_decode(_ATTRIBUTES, data, "attribute") for data in attributes)
    return Step(evm_account(target), selector, _arguments(arguments), found)


def _execution_output(field: str, step: int) -> ExecutionOutput:
    _demand(field in _OUTPUTS, "wants an output the draft does not know")
    return ExecutionOutput(field, step)


def _witness(kind: str, data: bytes, variables: tuple[int, ...]) -> Witness:
    return Witness(kind, data, variables)


def _query(target: bytes, selector: bytes, arguments: tuple[bytes, ...], block: int) -> Query:
    return Query(evm_account(target), selector, _arguments(arguments), _block(block))


def _query_events(emitter: bytes, mask: bytes, *rest: Any) -> QueryEvents:
    *topics, block = rest
    _demand(mask[0] < 1 << len(topics), "filters by more topics than an event has")
    wanted = tuple(topic if mask[0] >> i & 1 else None for i, topic in enumerate(topics))
    return QueryEvents(evm_account(emitter), wanted, _block(block))


def _block(number: int) -> int | None:
    return None if number == _NO_BLOCK else number


def _payment(token: bytes, sender: bytes, amount: bytes, variable: int, step: int, delay: int) -> Payment:
    return Payment(evm_account(token), evm_account(sender), formula(amount), variable, step, Seconds(delay))


_FORMULAS = _table({"Constant(uint256)": lambda number: number, "Variable(uint256)": Variable})
_ATTRIBUTES = _table(
    {
        "SpendsERC20(bytes,bytes,bytes,bytes)": _spends_erc20,
        "SpendsGas(bytes)": lambda amount: SpendsGas(formula(amount)),
        "TimingBounds(string,bytes,bytes)": _timing_bounds,
        "NeedsStep(uint256)": NeedsStep,
        "NeedsVariable(uint256)": NeedsVariable,
        "RevertPolicy(string,bytes)": _revert_policy,
    }
)
_STEPS = _table({"Call(bytes,bytes4,bytes[],bytes[])": _step})
_ROLES = _table(
    {
        "PaymentRecipient()": PaymentRecipient,
        "PaymentChain()": PaymentChain,
        "StepCaller(uint256)": StepCaller,
        "ExecutionOutput(string,uint256)": _execution_output,
        "Witness(string,bytes,uint256[])": _witness,
        "Query(bytes,bytes4,bytes[],uint256)": _query,
        "QueryEvents(bytes,bytes1,bytes32,bytes32,bytes32,bytes32,uint256)": _query_events,
    }
)
_PAYMENTS = _table({"ERC20(bytes,bytes,bytes,uint256,uint256,uint256)": _payment})


def _demand(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(f"the resolved order {otherwise}.")


def _check_indices(order: ResolvedOrder) -> None:
    """Every referenced step and variable exists, and payments go to accounts that a solver chose."""
    steps, variables = set[int](), set[int]()
    for step in order.steps:
        variables |= variables_in(step.arguments)
        for attribute in step.attributes:
            steps |= {attribute.step} if isinstance(attribute, NeedsStep) else set()
            variables |= _mentioned(attribute)
    for role in order.variables:
        steps |= {role.step} if isinstance(role, StepCaller | ExecutionOutput) else set()
        variables |= _inputs(role)
    for payment in order.payments:
        steps.add(payment.on_step)
        variables |= variables_in([payment.amount]) | {payment.recipient_variable}
    _demand(steps <= set(range(len(order.steps))), "mentions a step it does not have")
    _demand(variables <= set(range(len(order.variables))), "mentions a variable it does not have")
    for payment in order.payments:
        role = order.variables[payment.recipient_variable]
        _demand(isinstance(role, PaymentRecipient), "pays to something that is no recipient of payments")


def _mentioned(attribute: Attribute) -> set[int]:
    match attribute:
        case SpendsErc20(amount=amount) | SpendsGas(amount=amount):
            return variables_in([amount])
        case TimingBounds(_, lower, upper):
            return variables_in([lower, upper])
        case NeedsVariable(variable):
            return {variable}
        case _:
            return set()


def _inputs(role: Role) -> set[int]:
    """The variables that must be known before this one."""
    match role:
        case Witness(variables=variables):
            return set(variables)
        case Query(arguments=arguments):
            return variables_in(arguments)
        case _:
            return set()


def _check_chains(order: ResolvedOrder) -> None:
    """A call spends on its own chain; a payment is made on its token's chain."""
    for step in order.steps:
        for spend in step.attributes:
            if isinstance(spend, SpendsErc20):
                chains = {a.chain_id for a in (step.target, spend.token, spend.spender, spend.recipient)}
                _demand(len(chains) == 1, "spends on another chain than it calls")
    for payment in order.payments:
        _demand(payment.token.chain_id == payment.sender.chain_id, "is paid from another chain than its token's")


def _check_acyclic(order: ResolvedOrder) -> None:
    """No step or variable depends on itself. Source: the draft's hard dependencies."""
    waits = {("step", i): _needs(step) for i, step in enumerate(order.steps)}
    for i, role in enumerate(order.variables):
        after = {("step", role.step)} if isinstance(role, ExecutionOutput) else set[tuple[str, int]]()
        waits["variable", i] = after | {("variable", v) for v in _inputs(role)}
    done = set[tuple[str, int]]()
    while len(done) < len(waits):
        ready = {node for node, needs in waits.items() if node not in done and needs <= done}
        _demand(bool(ready), "has steps that wait for each other")
        done |= ready


def _needs(step: Step) -> set[tuple[str, int]]:
    needs = {("variable", v) for v in variables_in(step.arguments)}
    for attribute in step.attributes:
        match attribute:
            case NeedsStep(index):
                needs.add(("step", index))
            case NeedsVariable() | SpendsGas():
                needs |= {("variable", v) for v in _mentioned(attribute)}
            case _:
                pass
    return needs
