"""What every end of a payment needs: the table that docs/states.md shows, and that ends.py follows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What an end needs."""

    end: str
    seen: str
    where: str
    witnesses: str


_TWO = "every endpoint that answers, two if two are configured"
_NO_NETWORK = "none: nothing was signed"

RULES = (
    Rule(
        "transaction final",
        "its receipt says success, and its block is in the chain and deep enough",
        "its chain",
        _TWO,
    ),
    Rule(
        "transaction of several payments final",
        "the same; for each transfer of a token, the token's own event from the account to the recipient; for each "
        "transfer of coin, the call in the trace, or else the code that makes the calls, all through the block; "
        "through Multicall3, where no call may fail, its pinned code in that block",
        "its chain",
        _TWO,
    ),
    Rule(
        "transaction of several payments reverted",
        "its receipt says failure, in a block as above; or it says success, there is no event, and the account had no "
        "code all through the block",
        "its chain",
        _TWO,
    ),
    Rule(
        "transaction reverted",
        "its receipt says failure, in a block as above; the settler has no order with its id",
        "its chain; the origin settler's storage",
        _TWO,
    ),
    Rule(
        "transaction replaced",
        "the transaction that used its nonce is found in its block and deep enough, and does something else; the "
        "recipient did not get as much from it, nor, for coin, in its block; the settler has no order with its id",
        "its chain; the origin settler's storage",
        _TWO,
    ),
    Rule(
        "transaction void",
        "another transaction of its step, with the same nonce, is final or reverted",
        "as for that one",
        "as for that one",
    ),
    Rule(
        "transaction cancelled",
        "it was never signed here; if it was prepared to be signed elsewhere, either its nonce is free and its sender "
        "ends it, or another transaction used the nonce, as for replaced",
        "the journal; its chain",
        f"{_NO_NETWORK}; else {_TWO}",
    ),
    Rule("messages cancelled", "they were never signed", "the journal", _NO_NETWORK),
    Rule(
        "messages expired",
        "their deadline has passed by the clock of a block that is deep enough, and their nonce is unused",
        "Permit2's storage on the origin",
        _TWO,
    ),
    Rule(
        "operation final or failed",
        "the EntryPoint's event with its userOpHash in a block that is deep enough; final: with success, and the "
        "token's own event to the recipient; for coin, the call in the trace, or else the pinned code of the account "
        "all through the block",
        "the EntryPoint's and the token's events",
        _TWO,
    ),
    Rule(
        "operation replaced or taken back",
        "a block, deep enough, in which its nonce was used, and no such event in it; taken back: the sender's own "
        "cancelling transaction succeeded",
        "the EntryPoint's storage and events",
        _TWO,
    ),
    Rule(
        "proposal final, failed or cancelled",
        "a block, deep enough, in which the Safe's own nonce moved past its nonce, and the Safe's event for that "
        "nonce, with its SafeTx hash or that of the empty transaction",
        "the Safe's storage and events",
        _TWO,
    ),
    Rule(
        "proposal replaced",
        "the same, with another hash; the recipient did not get as much from it, nor, for coin, in its block; the "
        "settler has no order with its id",
        "the Safe's storage and events; the origin settler's storage",
        _TWO,
    ),
    Rule("order filled", "the fill of its id, deep enough", "the destination settler's storage", _TWO),
    Rule(
        "order refunded",
        "its id marked as refunded, deep enough; for Across, the settlement that paid it, and no fill after the "
        "deadline",
        "the origin settler's storage; for Across, both chains",
        _TWO,
    ),
)
"""Every end of a transaction, of messages and of an order. A payment's end follows from these: journal/states.py."""
