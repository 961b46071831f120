"""Accounts that delegate to code by EIP-7702, and the batches of calls that such an account sends to itself.

The transaction of a batch may also carry the authorization that it needs: the chain applies that first.

The only batch function is `executeBatch` of Simple7702Account: all of its calls succeed, or none. Source: EIP-7702;
eth-infinitism/account-abstraction, contracts/accounts/Simple7702Account.sol and contracts/core/BaseAccount.sol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from l2send.core.account_contracts import Delegate
from l2send.core.address import ZERO_ADDRESS, Address, checksum
from l2send.core.calldata import Function
from l2send.core.chains import Chain
from l2send.core.errors import Refused
from l2send.core.plan import UnsignedTx
from l2send.core.state_overrides import StateOverrides
from l2send.core.units import ChainId, Gas, Wei

EXECUTE_BATCH = Function("executeBatch((address,uint256,bytes)[])")
BATCHING_DELEGATE = "simple7702account"
"""The registry's delegate whose `executeBatch` is used."""
DELEGATION_GAS = Gas(60_000)
"""Above the 25,000 that an authorization adds to a transaction plus the delegate's receive function."""
AUTHORIZATION_GAS = Gas(25_000)
"""What each authorization adds to a transaction: PER_EMPTY_ACCOUNT_COST of EIP-7702. A part is refunded."""
_DESIGNATOR = bytes.fromhex("ef0100")


def delegate_of(code: bytes) -> Address | None:
    """The contract that an account with this code delegates to; None for any other code. Source: EIP-7702."""
    return checksum(code[3:]) if code[:3] == _DESIGNATOR and len(code) == 23 else None


def known_delegate(account: Address, chain: Chain) -> Delegate | None:
    """The registry's delegate at that address."""
    return next((known for known in chain.delegates if known.code.address == account), None)


def named_delegate(name: str, chain: Chain) -> Delegate:
    """The delegate with that name on `chain`. Raises Refused."""
    _refuse_without_delegations(chain)
    found = next((known for known in chain.delegates if known.name == name), None)
    if found is None:
        names = ", ".join(known.name for known in chain.delegates) or "none"
        raise Refused(f"the registry lists no delegate {name[:40]!r} on {chain.name}; it lists: {names}.")
    return found


def _refuse_without_delegations(chain: Chain) -> None:
    if not chain.takes_delegations:
        raise Refused(
            f"{chain.name} takes no transactions of EIP-7702, says the registry ([accounts.no_delegation]).",
            hint="Nothing was signed. An account can delegate only on chains that take them.",
        )


def delegation_tx(chain_id: ChainId, account: Address, code: Address) -> UnsignedTx:
    """The transaction that makes `account` delegate to `code`; the zero address ends the delegation."""
    return UnsignedTx(chain_id, account, Wei(0), b"", delegate_to=code)


def delegate_for_batches(code: bytes, account: Address, chain: Chain) -> Delegate | None:
    """The pinned code that `account`, which has `code`, must delegate to before it can batch; None if it does.

    Raises Refused if the registry pins none on `chain`, or the account has other code: `wallet delegate` replaces that.
    """
    now = delegate_of(code)
    known = known_delegate(now, chain) if now else None
    if known and known.name == BATCHING_DELEGATE:
        return None
    if code:
        runs = f"already delegates to {known.name if known else now}" if now else "is a contract"
        raise Refused(
            f"--batch does not replace an account's code: {account} {runs} on {chain.name}.",
            hint=f"Leave --batch out. Or first: l2send wallet delegate NAME --chain {chain.short_name}",
        )
    _refuse_without_delegations(chain)
    pinned = next((one for one in chain.delegates if one.name == BATCHING_DELEGATE), None)
    if pinned is None:
        raise Refused(
            f"the registry pins no code on {chain.name} that an account may delegate to (EIP-7702).",
            hint="Leave --batch out.",
        )
    return pinned


def delegating_batch(account: Address, calls: Sequence[UnsignedTx], delegate: Delegate) -> UnsignedTx:
    """The transaction that makes `account` delegate, and then make `calls`, in order."""
    return replace(batch_tx(account, calls), delegate_to=delegate.code.address)


def as_delegated(account: Address, code: Address) -> StateOverrides:
    """The state in which nodes simulate the calls of an account that does not delegate yet."""
    return {account: {"code": "0x" + (_DESIGNATOR + bytes.fromhex(code[2:])).hex()}}


def delegates_and_calls(tx: UnsignedTx) -> bool:
    """Whether `tx` is a batch with its authorization."""
    return tx.delegate_to is not None and bool(tx.data)


def ends_delegation(code: Address) -> bool:
    """Whether delegating to `code` ends a delegation. Source: EIP-7702."""
    return code == ZERO_ADDRESS


def batch_tx(account: Address, calls: Sequence[UnsignedTx]) -> UnsignedTx:
    """The transaction with which a delegated account makes `calls`, all on one chain, in order."""
    packed: list[Any] = [(call.to, call.value, call.data) for call in calls]
    return UnsignedTx(calls[0].chain_id, account, Wei(0), EXECUTE_BATCH.encode(packed))


def decode_batch(tx: UnsignedTx) -> tuple[UnsignedTx, ...]:
    """The calls of an `executeBatch`. Raises Refused for fewer than two, and for calls to the account itself or with
    native coin.
    """
    if tx.value:
        raise Refused("the batch carries native coin to the account that sends it, which does nothing.")
    (packed,) = EXECUTE_BATCH.decode_call(tx.data)
    calls = tuple(UnsignedTx(tx.chain_id, checksum(to), Wei(value), data) for to, value, data in packed)
    if len(calls) < 2:
        raise Refused("the batch makes fewer than two calls.")
    if any(call.to == tx.to for call in calls):
        raise Refused("the batch calls the account itself.")
    return calls


def why_other_delegation(code: bytes, account: Address, approved: Address, chain: Chain) -> str:
    """Why a change of the account's code must not be signed, or an empty string: its code differs from what was shown.

    `code` is the account's code now; `approved` the delegate at approval, the zero address for none.
    """
    now = (delegate_of(code) or ZERO_ADDRESS) if code[:3] == _DESIGNATOR or not code else None
    if now == approved:
        return ""
    runs = "is a contract" if now is None else f"delegates to {'nothing' if ends_delegation(now) else now}"
    then = "nothing" if ends_delegation(approved) else approved
    return f"{account} {runs} on {chain.name} now, and delegated to {then} when this was approved"


def refuse_foreign_code(code: bytes, chain: Chain) -> None:
    """Raises Refused for payments from an account whose code is not in the registry."""
    delegate = delegate_of(code)
    if delegate is None or known_delegate(delegate, chain):
        return
    raise Refused(
        f"your account delegates to {delegate} on {chain.name} (EIP-7702), code that l2send does not know. It can move "
        "all that the account has there.",
        hint="If that is yours, list it as a delegate in your chains.toml; else: l2send wallet undelegate NAME "
        f"--chain {chain.short_name}",
    )
