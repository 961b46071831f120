"""Every error l2send raises on purpose.

    L2sendError
    ├── UsageError            2   invalid command line
    │   ├── BadAmount
    │   ├── BadAddress
    │   │   └── ChecksumMismatch
    │   ├── BadRecipient          an address that must not be paid: zero, the token, a settler
    │   ├── UnknownChain
    │   ├── UnknownToken
    │   ├── UnknownPayment        an id that the journal does not have
    │   ├── UnknownName           an ENS name without an address for the destination chain
    │   └── NeedsConfirmation     a person must say yes first (terminal or --yes)
    ├── ConfigError           3   registry, keystore, files, missing programs
    ├── NetworkError          4   retryable: an RPC or quote API did not answer usefully
    │   ├── Transient             no answer, or one that says: later
    │   │   ├── RateLimited           too many requests
    │   │   └── NodeFailed            "internal error", which may also mean that the node cannot do this
    │   ├── WrongChain            an RPC that serves another chain than it should
    │   ├── BadAnswer             an unusable answer: malformed, null, wrong id
    │   └── NodeError             the node understood and said no: a revert, an unsupported method
    ├── (of a payment)        5   a transaction reverted, or another one took its nonce: the state of the payment
    ├── CannotPay             6   insufficient funds, or no route
    │   └── NoGas                 the tokens are there, the coin for the network fee is not
    ├── Refused               7   a policy, a cap, or effects that differ from the payment
    ├── NotFinal              8   submitted, not final yet
    ├── (of a payment)        9   refunded, or a refund is due: the state of the payment
    ├── (of the journal)     10   another l2send or program changed, holds or replaced it: wallet/journal/errors.py
    ├── (of a batch)         11   it has finished, and not all of its lines are delivered
    └── Interrupted         130   stopped by the user

Each says whether money may have moved: `Sent.NO` (nothing left this machine), `Sent.MAYBE`
(bytes were handed to a node, their fate is unknown), `Sent.YES` (a transaction is on chain).
"""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum, unique


@unique
class ExitStatus(IntEnum):
    """The exit statuses of the process; printed in `l2send --help`."""

    DELIVERED = 0
    UNEXPECTED = 1
    USAGE = 2
    CONFIG = 3
    NETWORK = 4
    REVERTED = 5
    CANNOT_PAY = 6
    REFUSED = 7
    NOT_FINAL = 8
    MONEY_BACK = 9
    CHANGED = 10
    NOT_ALL = 11
    INTERRUPTED = 130


@unique
class Sent(StrEnum):
    """Whether money may have moved when an error is reported."""

    NO = "no"
    MAYBE = "maybe"
    YES = "yes"


Correction = tuple[str, str] | None


class L2sendError(Exception):
    """Base of the tree. `message` says what is wrong, `hint` what to do next.

    `correction`: a name as it was typed, and the only one it may have meant.
    """

    exit_status = ExitStatus.UNEXPECTED
    retryable = False

    def __init__(self, message: str, *, hint: str = "", sent: Sent = Sent.NO, correction: Correction = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.sent = sent
        self.correction = correction

    @property
    def code(self) -> str:
        """A stable name for scripts, for example `checksum_mismatch`."""
        name = type(self).__name__
        return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


class UsageError(L2sendError):
    """The command line is invalid."""

    exit_status = ExitStatus.USAGE


class BadAmount(UsageError):
    """Not a plain decimal number the token can represent."""


class BadAddress(UsageError):
    """Not an address of an EVM account."""


class ChecksumMismatch(BadAddress):
    """A mixed-case address whose ERC-55 checksum is wrong: most likely a typing error."""


class BadRecipient(UsageError):
    """An address that must not be paid: the zero address, the token's own contract, a settler."""


class UnknownChain(UsageError):
    """No chain with that short name in the registry."""


class UnknownToken(UsageError):
    """No token with that symbol or address on the chain."""


class UnknownPayment(UsageError):
    """No payment with that id in the journal."""

    @property
    def code(self) -> str:
        """That of every invalid command line."""
        return "usage_error"


class UnknownName(UsageError):
    """An ENS name without an address for the destination chain."""


class NeedsConfirmation(UsageError):
    """A person must say yes first, and there is no terminal to ask on."""


class ConfigError(L2sendError):
    """The registry, a keystore, a file or a program that l2send needs is missing or wrong."""

    exit_status = ExitStatus.CONFIG


class NetworkError(L2sendError):
    """A node or a quote API did not answer usefully; the same command may work later."""

    exit_status = ExitStatus.NETWORK
    retryable = True


class Transient(NetworkError):
    """Worth retrying, at the same endpoint or another. `pause` is the wait that the server requested, in seconds."""

    def __init__(self, message: str, *, pause: float = 0.0) -> None:
        wait = f"The server asks to wait {pause:.0f} s." if pause >= 1 else "Try again later."
        super().__init__(message, hint=f"Nothing is wrong with the command. {wait}")
        self.pause = pause


class RateLimited(Transient):
    """The endpoint accepts no more requests for now."""


class NodeFailed(Transient):
    """The node answered only "internal error". An optional method that keeps failing counts as missing."""


class WrongChain(NetworkError):
    """An RPC endpoint serves another chain than the registry says."""

    retryable = False


class BadAnswer(NetworkError):
    """An unusable answer: malformed, null instead of a value, another request's id."""


@unique
class ErrorClass(StrEnum):
    """The meaning of a node's error. core/rpc/node_errors.toml maps words and codes to it."""

    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    FAILED = "failed"
    """ "Internal error": transient, or a method the node does not have."""
    TOO_MUCH = "too_much"
    """A smaller range may be answered."""
    REFUSED = "refused"
    NOT_OFFERED = "not_offered"
    UNFUNDED = "unfunded"
    """The sender cannot pay what the call costs."""
    REVERT = "revert"
    """Contract code reverted: every node would say so."""


class NodeError(NetworkError):
    """The node understood the request and refused it."""

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        rpc_code: int = 0,
        data: str = "",
        kind: ErrorClass = ErrorClass.REFUSED,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.rpc_code = rpc_code
        self.data = data
        """What a contract reverted with, as 0x text."""
        self.kind = kind

    @property
    def is_revert(self) -> bool:
        """Whether contract code reverted; another node would say the same."""
        return self.kind is ErrorClass.REVERT

    @property
    def reason(self) -> str:
        """The node's own words without its name; of a revert the contract's reason. Without a final full stop."""
        words = _FROM_A_HOST.sub("", self.message)
        return revert_reason(words) if self.is_revert else words.rstrip(". ")


def revert_reason(words: str) -> str:
    """A contract's reason in a client's words about a revert, without a final full stop."""
    return _REVERTED.sub("", words).rstrip(". ") or "no reason given"


_FROM_A_HOST = re.compile(r"^\S+: ")
_REVERTED = re.compile(r"^(?:VM Exception while processing transaction: )?(?:execution )?reverted:? *", re.IGNORECASE)
"""What clients write before a contract's reason."""


class CannotPay(L2sendError):
    """The sender's balances cannot fund the payment, or no route exists."""

    exit_status = ExitStatus.CANNOT_PAY


class NoGas(CannotPay):
    """The tokens are there, but not the chain's own coin for the network fee."""

    def __init__(self, message: str, *, needed: int) -> None:
        super().__init__(message)
        self.needed = needed
        """What the network is expected to take, in base units of the coin."""

    @property
    def code(self) -> str:
        """That of every payment that cannot be funded."""
        return "cannot_pay"


class Refused(L2sendError):
    """l2send declines: a cap, a policy, or bytes whose effects differ from the payment."""

    exit_status = ExitStatus.REFUSED


class NotFinal(L2sendError):
    """Submitted, and the outcome is not final yet."""

    exit_status = ExitStatus.NOT_FINAL


class Interrupted(L2sendError):
    """Stopped by the user."""

    exit_status = ExitStatus.INTERRUPTED
