"""The states of transactions, orders and payments, and the allowed changes between them: tables only.

    transaction   planned ─▶ signed ─▶ broadcast ─▶ mined ─▶ final
                     │          └──────────┴─▶ indeterminate ─▶ replaced
                     ▼                    └─▶ reverting ─▶ reverted
                 cancelled
                  any that has bytes and no end ─▶ void
    messages      planned ─▶ signed ─▶ opened
                     │          ├─▶ indeterminate ─▶ replaced or taken_back
                     │          ├─▶ expired
                     ▼          └─▶ executed ─▶ final or failed
                 cancelled
    order         not_open ─▶ open ─▶ filled
                                └─▶ refund_due ─▶ refunded

An end state is one that no reorganisation is expected to undo: `final`, `reverted` and `replaced` are reached through
`mined`, `reverting` and `indeterminate` after the chain's number of confirmations, and `void` only together with the
`final` or `reverted` of another transaction of the same step. If a sponsor opens the order, l2send has messages instead
of transactions: their end state is `expired`, reached once their deadline has the chain's number of confirmations. A
step may be signed more than once, always with one nonce: `speedup` raises its fees, `cancel` empties it. A payment's
state is always derived from its transactions and its order, or from the states of its legs. The stored copy serves only
lookups: derived.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum, unique

from l2send.core.bridge_protocol import OrderState
from l2send.core.errors import ExitStatus, Sent


@unique
class TxState(StrEnum):
    """The known state of a transaction."""

    PLANNED = "planned"
    """Approved by the person, not signed."""
    SIGNED = "signed"
    """Its bytes are in the journal. No node is known to have accepted them."""
    BROADCAST = "broadcast"
    """Sent to a node, which accepted it or did not answer."""
    MINED = "mined"
    """In a block, and succeeded there."""
    REVERTING = "reverting"
    """In a block, and failed there; a reorganisation could still change that."""
    INDETERMINATE = "indeterminate"
    """Its nonce is used, but no receipt for it is found."""
    FINAL = "final"
    """Succeeded, under as many blocks as its chain needs."""
    REVERTED = "reverted"
    """Failed, under as many blocks as its chain needs."""
    REPLACED = "replaced"
    """Another transaction used its nonce, under as many blocks as its chain needs. It can never be mined."""
    VOID = "void"
    """Another transaction of the same step, with the same nonce, ended in a block: this one can never be mined."""
    CANCELLED = "cancelled"
    """Will never be signed."""


@unique
class SponsoredState(StrEnum):
    """The state of the messages that a sponsor submits to the chain, all together."""

    PLANNED = "planned"
    """Approved by the person, not signed."""
    SIGNED = "signed"
    """Their signatures are in the journal. The sponsor may have them."""
    OPENED = "opened"
    """Their order is in a block; a reorganisation could still change that."""
    INDETERMINATE = "indeterminate"
    """Their nonce is used, but no order of theirs is found."""
    EXPIRED = "expired"
    """Their deadline has passed, under as many blocks as the chain needs: nothing was opened or ever will be."""
    EXECUTED = "executed"
    """The account ran the operation, in a block; a reorganisation could still change that."""
    FINAL = "final"
    """The account ran it, under as many blocks as the chain needs: the recipient was paid."""
    FAILED = "failed"
    """The same, and its calls failed: nothing was paid."""
    REPLACED = "replaced"
    """Something else used its nonce, under as many blocks as the chain needs. It will never run."""
    TAKEN_BACK = "taken_back"
    """The same, and it was the sender's own cancelling transaction."""
    CANCELLED = "cancelled"
    """Will never be signed."""


_T, _O, _S = TxState, OrderState, SponsoredState

# State -> the states it can change to. `mined -> mined` and `reverting -> reverting` are changes of the block.
TRANSITIONS: Mapping[TxState, frozenset[TxState]] = {
    _T.PLANNED: frozenset({_T.SIGNED, _T.CANCELLED}),
    _T.SIGNED: frozenset({_T.BROADCAST, _T.MINED, _T.REVERTING, _T.INDETERMINATE, _T.VOID}),
    _T.BROADCAST: frozenset({_T.MINED, _T.REVERTING, _T.INDETERMINATE, _T.VOID}),
    _T.MINED: frozenset({_T.MINED, _T.REVERTING, _T.BROADCAST, _T.INDETERMINATE, _T.FINAL, _T.VOID}),
    _T.REVERTING: frozenset({_T.REVERTING, _T.MINED, _T.BROADCAST, _T.INDETERMINATE, _T.REVERTED, _T.VOID}),
    _T.INDETERMINATE: frozenset({_T.MINED, _T.REVERTING, _T.BROADCAST, _T.REPLACED, _T.VOID}),
    _T.FINAL: frozenset(),
    _T.REVERTED: frozenset(),
    _T.REPLACED: frozenset(),
    _T.VOID: frozenset(),
    _T.CANCELLED: frozenset(),
}

SPONSORED_TRANSITIONS: Mapping[SponsoredState, frozenset[SponsoredState]] = {
    _S.PLANNED: frozenset({_S.SIGNED, _S.CANCELLED}),
    _S.SIGNED: frozenset({_S.OPENED, _S.INDETERMINATE, _S.EXPIRED, _S.EXECUTED}),
    _S.OPENED: frozenset({_S.OPENED, _S.SIGNED}),
    _S.EXECUTED: frozenset({_S.EXECUTED, _S.SIGNED, _S.INDETERMINATE, _S.FINAL, _S.FAILED}),
    _S.INDETERMINATE: frozenset({_S.OPENED, _S.SIGNED, _S.EXECUTED, _S.REPLACED, _S.TAKEN_BACK}),
    _S.EXPIRED: frozenset(),
    _S.FINAL: frozenset(),
    _S.FAILED: frozenset(),
    _S.REPLACED: frozenset(),
    _S.TAKEN_BACK: frozenset(),
    _S.CANCELLED: frozenset(),
}

# `unknown` is a bridge's answer, never a state of the journal: an unknown status changes nothing. `refund_due` may turn
# out to be filled or still open, if the node that answered lagged.
ORDER_TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    _O.NOT_OPEN: frozenset({_O.OPEN}),
    _O.OPEN: frozenset({_O.NOT_OPEN, _O.FILLED, _O.REFUND_DUE, _O.REFUNDED}),
    _O.REFUND_DUE: frozenset({_O.OPEN, _O.FILLED, _O.REFUNDED}),
    _O.FILLED: frozenset(),
    _O.REFUNDED: frozenset(),
}

ENDED = frozenset(state for state, after in TRANSITIONS.items() if not after)
"""End states of a transaction."""
ENDED_IN_BLOCK = frozenset({_T.FINAL, _T.REVERTED})
"""End states that used the nonce."""
IN_BLOCK = frozenset({_T.MINED, _T.REVERTING, _T.FINAL, _T.REVERTED})
"""States of a transaction for which a receipt was seen."""
SUCCEEDED = frozenset({_T.MINED, _T.FINAL})
"""States of a transaction after which the next step may be signed."""
IN_FLIGHT = frozenset({_T.SIGNED, _T.BROADCAST, _T.MINED, _T.REVERTING, _T.INDETERMINATE})
"""States of a transaction that has bytes and no end yet: the chain is asked about these."""
REPLACEABLE = frozenset({_T.SIGNED, _T.BROADCAST})
"""States of a transaction whose nonce may still be free: another with the same nonce can be signed."""

# Among several transactions with one nonce, the first of these groups with a member decides the step's state; within a
# group, the newest member does.
BY_ATTEMPT: Sequence[frozenset[TxState]] = (
    frozenset({_T.FINAL, _T.REVERTED}),
    frozenset({_T.MINED, _T.REVERTING}),
    frozenset({_T.SIGNED, _T.BROADCAST, _T.INDETERMINATE}),
    frozenset({_T.PLANNED, _T.CANCELLED, _T.REPLACED, _T.VOID}),
)

# What a cancelling transaction makes of its step: once it is final in a block, successful or not, the step can never
# happen. Until then nothing is known about the step.
CANCEL_OUTCOME: Mapping[TxState, TxState] = {
    _T.MINED: _T.BROADCAST,
    _T.REVERTING: _T.BROADCAST,
    _T.FINAL: _T.CANCELLED,
    _T.REVERTED: _T.CANCELLED,
}


def deciding(attempts: Sequence[TxState]) -> int:
    """The index of the attempt that decides its step's state. Attempts are in signing order."""
    group = next(group for group in BY_ATTEMPT if group.intersection(attempts))
    return max(place for place, state in enumerate(attempts) if state in group)


@unique
class PaymentState(StrEnum):
    """The state of a payment, derived from its transactions and its order."""

    PLANNED = "planned"
    PROPOSED = "proposed"
    SENDING = "sending"
    BRIDGING = "bridging"
    DELIVERED = "delivered"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"
    REVERTED = "reverted"
    REPLACED = "replaced"
    INDETERMINATE = "indeterminate"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PARTLY_DELIVERED = "partly_delivered"
    PARTLY_REFUND_DUE = "partly_refund_due"
    PARTLY_PAID = "partly_paid"


_P = PaymentState

# 1. An order in one of these states says where the money is, and nothing else counts.
BY_ORDER: Mapping[OrderState, PaymentState] = {
    _O.OPEN: _P.BRIDGING,
    _O.FILLED: _P.DELIVERED,
    _O.REFUND_DUE: _P.REFUND_DUE,
    _O.REFUNDED: _P.REFUNDED,
}

# 2. Else the paying step, once its state says anything: without an order, and with one.
BY_PAYING_STEP: Mapping[TxState, PaymentState] = {
    _T.SIGNED: _P.SENDING,
    _T.BROADCAST: _P.SENDING,
    _T.MINED: _P.SENDING,
    _T.REVERTING: _P.SENDING,
    _T.INDETERMINATE: _P.INDETERMINATE,
    _T.FINAL: _P.DELIVERED,
    _T.REVERTED: _P.REVERTED,
    _T.REPLACED: _P.REPLACED,
    _T.VOID: _P.REPLACED,
    _T.CANCELLED: _P.CANCELLED,
}
BY_STEP_AND_ORDER: Mapping[tuple[TxState, OrderState], PaymentState] = {
    (_T.MINED, _O.NOT_OPEN): _P.BRIDGING,
    # The money left, but the settler's event was not seen: it was not queried yet, or it is missing.
    (_T.FINAL, _O.NOT_OPEN): _P.INDETERMINATE,
}

# 3. Else the steps before it: the first of these states that any of them has.
BY_EARLIER_STEPS: Sequence[tuple[TxState, PaymentState]] = (
    (_T.REVERTED, _P.REVERTED),
    (_T.REPLACED, _P.REPLACED),
    (_T.VOID, _P.REPLACED),
    (_T.CANCELLED, _P.CANCELLED),
    (_T.INDETERMINATE, _P.INDETERMINATE),
    (_T.SIGNED, _P.SENDING),
    (_T.BROADCAST, _P.SENDING),
    (_T.REVERTING, _P.SENDING),
    (_T.MINED, _P.SENDING),
    (_T.FINAL, _P.SENDING),
)


def payment_state(steps: Sequence[TxState], order: OrderState | None) -> PaymentState:
    """A payment's state, from its steps in order (without refunds) and its order or None.

    The last step is the one that pays.
    """
    paying = steps[-1]
    if order is not None:
        if order in BY_ORDER:
            return BY_ORDER[order]
        if (paying, order) in BY_STEP_AND_ORDER:
            return BY_STEP_AND_ORDER[paying, order]
    if paying in BY_PAYING_STEP:
        return BY_PAYING_STEP[paying]
    return next((state for step, state in BY_EARLIER_STEPS if step in steps[:-1]), _P.PLANNED)


# Where a sponsor submits messages, what is known of these stands in the place of the steps.
BY_MESSAGES: Mapping[SponsoredState, PaymentState] = {
    _S.PLANNED: _P.PLANNED,
    _S.SIGNED: _P.SENDING,
    _S.OPENED: _P.BRIDGING,
    _S.INDETERMINATE: _P.INDETERMINATE,
    _S.EXPIRED: _P.EXPIRED,
    _S.EXECUTED: _P.SENDING,
    _S.FINAL: _P.DELIVERED,
    _S.FAILED: _P.REVERTED,
    _S.REPLACED: _P.REPLACED,
    _S.TAKEN_BACK: _P.CANCELLED,
    _S.CANCELLED: _P.CANCELLED,
}


def sponsored_payment_state(messages: SponsoredState, order: OrderState | None) -> PaymentState:
    """The state of a payment that a sponsor submits, with its order, None if it has none."""
    return BY_MESSAGES[messages] if order is None else BY_ORDER.get(order, BY_MESSAGES[messages])


# If the legs of a payment from several chains differ, the first row whose state any leg has decides: its second column
# if no leg has delivered, its third if some have.
BY_LEGS: Sequence[tuple[PaymentState, PaymentState, PaymentState]] = (
    (_P.INDETERMINATE, _P.INDETERMINATE, _P.PARTLY_DELIVERED),
    (_P.SENDING, _P.SENDING, _P.PARTLY_DELIVERED),
    (_P.PLANNED, _P.SENDING, _P.PARTLY_DELIVERED),
    (_P.PROPOSED, _P.SENDING, _P.PARTLY_DELIVERED),
    (_P.BRIDGING, _P.BRIDGING, _P.PARTLY_DELIVERED),
    (_P.REFUND_DUE, _P.REFUND_DUE, _P.PARTLY_REFUND_DUE),
    (_P.REFUNDED, _P.REFUNDED, _P.PARTLY_PAID),
    (_P.REVERTED, _P.REVERTED, _P.PARTLY_PAID),
    (_P.REPLACED, _P.REPLACED, _P.PARTLY_PAID),
    (_P.EXPIRED, _P.EXPIRED, _P.PARTLY_PAID),
    (_P.CANCELLED, _P.CANCELLED, _P.PARTLY_PAID),
)


def state_of_legs(legs: Sequence[PaymentState]) -> PaymentState:
    """The state of a payment from several chains: the legs' common state, else by the table."""
    if len(set(legs)) == 1:
        return legs[0]
    undelivered, partly = next((without, some) for state, without, some in BY_LEGS if state in legs)
    return partly if _P.DELIVERED in legs else undelivered


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a payment's state means for the sender."""

    exit_status: ExitStatus
    open: bool
    """Whether anything may still change: an open payment can be resumed or followed."""
    money: str
    """One sentence on where the money is."""


MEANINGS: Mapping[PaymentState, Meaning] = {
    _P.PLANNED: Meaning(ExitStatus.NOT_FINAL, True, "Nothing was signed and nothing was sent."),
    _P.PROPOSED: Meaning(
        ExitStatus.NOT_FINAL, True, "The Safe has the money. With enough of its owners' signatures anyone can send it."
    ),
    _P.SENDING: Meaning(ExitStatus.NOT_FINAL, True, "What was signed may be on its way; the payment is not final."),
    _P.BRIDGING: Meaning(ExitStatus.NOT_FINAL, True, "The money left the sender; the recipient does not have it yet."),
    _P.DELIVERED: Meaning(ExitStatus.DELIVERED, False, "The recipient has the money."),
    _P.REFUND_DUE: Meaning(
        ExitStatus.MONEY_BACK,
        True,
        "The recipient got nothing; the money can be refunded, and is not back yet.",
    ),
    _P.REFUNDED: Meaning(ExitStatus.MONEY_BACK, False, "The recipient got nothing; the money is back with the sender."),
    _P.REVERTED: Meaning(
        ExitStatus.REVERTED, False, "A transaction failed on chain: nothing was paid but network fees."
    ),
    _P.REPLACED: Meaning(
        ExitStatus.REVERTED,
        False,
        "Another transaction of the account took the nonce: this payment did not happen and never will.",
    ),
    _P.INDETERMINATE: Meaning(
        ExitStatus.NOT_FINAL,
        True,
        "The nonce is used, or the money left, and it is not known yet for what: do not pay again.",
    ),
    _P.CANCELLED: Meaning(ExitStatus.REFUSED, False, "Nothing was paid, and nothing will be."),
    _P.EXPIRED: Meaning(
        ExitStatus.REFUSED,
        False,
        "The order was not opened in time: nothing left the account, and nothing of it will.",
    ),
    _P.PARTLY_DELIVERED: Meaning(
        ExitStatus.NOT_FINAL, True, "The recipient has a part of the money; the rest is not there yet."
    ),
    _P.PARTLY_REFUND_DUE: Meaning(
        ExitStatus.MONEY_BACK,
        True,
        "The recipient has a part of the money; the rest can be refunded, and is not back yet.",
    ),
    _P.PARTLY_PAID: Meaning(
        ExitStatus.MONEY_BACK,
        False,
        "The recipient has a part of the money and gets no more; the rest is back with the sender, or never left.",
    ),
}
_CLOSABLE = frozenset({_P.INDETERMINATE, _P.PARTLY_DELIVERED})
_CLOSED = "You closed it. Another transaction used its nonce, and l2send does not know whether the recipient was paid."


def meaning_of(state: PaymentState, *, is_closed: bool) -> Meaning:
    """The meaning of a state. A closed payment stays indeterminate: that is no claim about the chain."""
    found = MEANINGS[state]
    return replace(found, open=False, money=_CLOSED) if is_closed and state in _CLOSABLE else found


NOTHING_ARRIVED = frozenset({_P.REFUNDED, _P.REVERTED, _P.REPLACED, _P.CANCELLED, _P.EXPIRED})
"""States of a payment that never reaches its recipient: paying again does not pay twice."""


def money_moved(steps: Sequence[TxState]) -> Sent:
    """Whether money may have moved, from the states of a payment's steps."""
    if any(step in IN_BLOCK for step in steps):
        return Sent.YES
    return Sent.MAYBE if any(step in IN_FLIGHT for step in steps) else Sent.NO


def money_of_messages(messages: SponsoredState) -> Sent:
    """Whether money may have moved, from the state of the messages that a sponsor submits."""
    if messages in {SponsoredState.OPENED, SponsoredState.EXECUTED, SponsoredState.FINAL}:
        return Sent.YES
    return Sent.MAYBE if messages in {SponsoredState.SIGNED, SponsoredState.INDETERMINATE} else Sent.NO
