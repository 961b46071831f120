"""Shows what a delegation of an account (EIP-7702) means, and asks for approval."""

from __future__ import annotations

from l2send.cli.delegation_text import CONSEQUENCE, SEEN_AS, code_with_name, pinned_hash
from l2send.cli.money import cost_of
from l2send.cli.prompts import must_agree
from l2send.cli.screen import err, print_pairs, styled
from l2send.core.address import short
from l2send.core.delegation import ends_delegation, known_delegate
from l2send.core.errors import Refused
from l2send.delegating import Delegation


async def approve_delegation(delegation: Delegation, *, yes: bool, over_foreign: bool) -> None:
    """Show what the account will run, and ask. Raises Refused for an existing foreign delegation, Interrupted."""
    chain, before, code = delegation.chain, delegation.before, delegation.code
    if delegation.is_over_foreign and not over_foreign:
        raise Refused(
            f"{delegation.account} delegates to {before} on {chain.name}, code that l2send does not know.",
            hint="Nothing was signed. To take its place: --over-foreign",
        )
    ends = ends_delegation(code)
    known = known_delegate(code, chain)
    rows = [
        ("account", styled(f"{chain.short_name}:{delegation.account}")),
        ("runs now", styled(before or "no code")),
        ("will run", styled("no code" if ends or known is None else code_with_name(code, known))),
        ("cost", styled(cost_of(delegation.quote.fees) or "")),
    ]
    if not ends:
        rows += [
            ("means", styled(CONSEQUENCE)),
            ("", styled(SEEN_AS)),
            ("code", styled(pinned_hash(known), limit=300)),
        ]
    rows.append(("you sign", styled("1 one transaction with one authorization, for this chain and this nonce alone")))
    print_pairs(err(), rows)
    verb = "Delegate" if not ends else "End the delegation of"
    cost = cost_of(delegation.quote.fees)
    await must_agree(f"{verb} {short(delegation.account)} on {chain.name}{f', cost {cost}' if cost else ''}?", yes=yes)
