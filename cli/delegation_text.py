"""What you must know before an account delegates to code (EIP-7702), in the same words wherever you approve it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from l2send.cli.screen import styled
from l2send.core.account_contracts import Delegate
from l2send.core.address import Address
from l2send.core.chains import Registry
from l2send.core.delegation import known_delegate
from l2send.core.effects import Delegates

CONSEQUENCE = "its code can move all that the account has on this chain, and stays until you end it"
SEEN_AS = "contracts there see your account as a contract, and some treat contracts differently"


def delegation_rows(delegations: Sequence[Delegates], registry: Registry) -> list[tuple[str, Text]]:
    """For each delegation in a payment's own transactions: the code, what it can do, and its source."""
    rows = list[tuple[str, Text]]()
    for one in delegations:
        chain = registry.chain(one.account.chain_id)
        known = known_delegate(one.code, chain)
        rows += [
            ("delegates", styled(f"your account on {chain.name} to {code_with_name(one.code, known)}", "bold")),
            ("", styled("its code can move all that the account has there, until you end it", "yellow")),
            ("", styled("contracts may treat it differently; it stays even if the rest fails", "yellow")),
            *([("source", styled(known.source, limit=300))] if known and known.source else []),
        ]
    return rows


def hash_rows(delegations: Sequence[Delegates], registry: Registry) -> list[tuple[str, Text]]:
    """The pinned hash of each code, for the details."""
    found = [(one.code, registry.chain(one.account.chain_id)) for one in delegations]
    return [("code", styled(pinned_hash(known_delegate(code, chain)), limit=300)) for code, chain in found]


def and_delegates(delegations: Sequence[Delegates], registry: Registry) -> str:
    """The end of a question that asks for a delegation too; empty without one."""
    if not delegations:
        return ""
    chains = " and ".join(registry.chain(one.account.chain_id).name for one in delegations)
    return f", and delegate your account on {chains} to {' and '.join(dict.fromkeys(one.code for one in delegations))}"


def code_with_name(code: Address, known: Delegate | None) -> str:
    """The code's address, and the registry's name for it."""
    return f"{code} ({known.name if known else 'not in the registry'})"


def pinned_hash(known: Delegate | None) -> str:
    """The hash that the registry pins, and where it has the code from."""
    if known is None:
        return "not pinned"
    source = f"; source: {known.source}" if known.source else ""
    return f"its hash is pinned: {known.code.code_hash}{source}"
