"""The elements of an order of the current ERC-7683 draft: steps, variables, payments, assumptions.

Source: ethereum/ERCs ERCS/erc-7683.md, the draft of May 2026.
"""

from __future__ import annotations

from dataclasses import dataclass

from l2send.core.plan import ChainAddress
from l2send.core.units import Seconds


@dataclass(frozen=True, slots=True)
class Variable:
    """The index of a value that the solver chooses."""

    index: int


@dataclass(frozen=True, slots=True)
class Value:
    """A constant, by its ABI encoding, which does not say its type."""

    encoded: bytes
    is_dynamic: bool


Argument = Variable | Value
Formula = Variable | int
"""An amount, or the variable that holds it."""


@dataclass(frozen=True, slots=True)
class SpendsErc20:
    """The call may take up to `amount` of `token` from the solver; it should reach `recipient`."""

    token: ChainAddress
    amount: Formula
    spender: ChainAddress
    recipient: ChainAddress


@dataclass(frozen=True, slots=True)
class SpendsGas:
    """The call may use up to `amount` of gas."""

    amount: Formula


@dataclass(frozen=True, slots=True)
class TimingBounds:
    """The call's block must be between these, by number or by Unix time; None means no bound."""

    field: str
    lower: Formula | None
    upper: Formula | None


@dataclass(frozen=True, slots=True)
class NeedsStep:
    """Not before that step."""

    step: int


@dataclass(frozen=True, slots=True)
class NeedsVariable:
    """Not before that variable is known."""

    variable: int


@dataclass(frozen=True, slots=True)
class RevertPolicy:
    """If the call reverts with data that starts like this: `ignore` the step, or `abort` the order."""

    policy: str
    expected_reason: bytes


Attribute = SpendsErc20 | SpendsGas | TimingBounds | NeedsStep | NeedsVariable | RevertPolicy


@dataclass(frozen=True, slots=True)
class Step:
    """A call that a solver makes."""

    target: ChainAddress
    selector: bytes
    arguments: tuple[Argument, ...]
    attributes: tuple[Attribute, ...]


@dataclass(frozen=True, slots=True)
class PaymentRecipient:
    """The account where the solver wants to be paid."""


@dataclass(frozen=True, slots=True)
class PaymentChain:
    """The chain where the solver wants to be paid."""


@dataclass(frozen=True, slots=True)
class StepCaller:
    """The account that makes that step's call."""

    step: int


@dataclass(frozen=True, slots=True)
class ExecutionOutput:
    """An observed result of that step's execution."""

    field: str
    step: int


@dataclass(frozen=True, slots=True)
class Witness:
    """The answer of an off-chain procedure."""

    kind: str
    data: bytes
    variables: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A contract's answer; at the latest block if `block` is None."""

    target: ChainAddress
    selector: bytes
    arguments: tuple[Argument, ...]
    block: int | None


@dataclass(frozen=True, slots=True)
class QueryEvents:
    """The events of a block; a None topic does not filter."""

    emitter: ChainAddress
    topics: tuple[bytes | None, ...]
    block: int | None


Role = PaymentRecipient | PaymentChain | StepCaller | ExecutionOutput | Witness | Query | QueryEvents


@dataclass(frozen=True, slots=True)
class Payment:
    """At least `amount` of `token` goes from `sender` to the solver, some time after that step."""

    token: ChainAddress
    sender: ChainAddress
    amount: Formula
    recipient_variable: int
    on_step: int
    delay: Seconds
    """By the resolver's estimate."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """What the resolver could not check. Foreign text: clean it before display."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ResolvedOrder:
    """A consistent order: every index exists, and no step depends on itself."""

    steps: tuple[Step, ...]
    variables: tuple[Role, ...]
    payments: tuple[Payment, ...]
    assumptions: tuple[Assumption, ...]
