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


_TWO = "every endpoint that answers, two where two are configured"
_NO_NETWORK = "none: nothing was signed"

RULES = (
    Rule("transaction final", "its receipt says success, its block is in the chain and deep enough", "its chain", _TWO),
    Rule(
        "transaction of several payments final",
        "its receipt says success, likewise; for each call the token's own event from the account to the recipient; of "
        "coin the call in the trace, else the code that makes the calls, all through the block",
        "its chain",
        _TWO,
    ),
    Rule(
        "transaction of several payments reverted",
        "its receipt says failure, likewise; or success without any event, and the account had no code all through "
        "the block",
        "its chain",
        _TWO,
    ),
    Rule(
        "transaction reverted",
        "its receipt says failure, likewise; the settler has no order of its id",
        "its chain; the origin settler's storage",
        _TWO,
    ),
    Rule(
        "transaction replaced",
        "the transaction that used its nonce, found in its block and deep enough, does something else, and the "
        "recipient did not get as much by it, or of coin in its block; the settler has no order of its id",
        "its chain; the origin settler's storage",
        _TWO,
    ),
    Rule(
        "transaction void",
        "another transaction of its step, with its nonce, is final or reverted",
        "as for that one",
        "as for that one",
    ),
    Rule(
        "transaction cancelled",
        "it was never signed here; of one prepared to be signed elsewhere, its nonce is free and its sender ends it, "
        "or another transaction used it as for replaced",
        "the journal; its chain",
        f"{_NO_NETWORK}; else {_TWO}",
    ),
    Rule("messages cancelled", "they were never signed", "the journal", _NO_NETWORK),
    Rule(
        "messages expired",
        "their deadline is past by the chain's clock, deep enough, and their nonce is unused",
        "Permit2's storage on the origin",
        _TWO,
    ),
    Rule(
        "proposal final, failed or cancelled",
        "a block, deep enough, in which the Safe's own nonce moved past its nonce, and its event for that nonce, "
        "with its SafeTx hash or that of the empty one",
        "the Safe's storage and events",
        _TWO,
    ),
    Rule(
        "proposal replaced",
        "likewise, with another hash; the settler has no order of its id",
        "the Safe's storage and events; the origin settler's storage",
        _TWO,
    ),
    Rule("order filled", "the fill of its id, deep enough", "the destination settler's storage", _TWO),
    Rule(
        "order refunded",
        "its id as refunded, deep enough; of Across the settlement that paid it, and no fill after the deadline",
        "the origin settler's storage; of Across both chains",
        _TWO,
    ),
)
"""Every end of a transaction, of messages and of an order. A payment's end follows from these: journal/states.py."""
