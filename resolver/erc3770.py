"""ERC-3770: `shortName:address`, and the same with a name: `base:alice.eth`."""

from __future__ import annotations

from l2send.core.chains import Registry
from l2send.core.errors import BadAddress
from l2send.resolver.other_networks import foreign, foreign_network
from l2send.resolver.spelling import Spelling, read_account


def read(text: str, registry: Registry) -> Spelling:
    """Raises BadAddress, ChecksumMismatch, UnknownChain, UnknownName. Short names are those of ethereum-lists."""
    short_name, _, rest = text.partition(":")
    if registry.find(short_name) is None:
        _refuse_elsewhere(short_name, rest)
    chain = registry.named(short_name)
    account = read_account(rest)
    return Spelling("ERC-3770", chain, account.address, account.name, account.vouched_by)


def _refuse_elsewhere(prefix: str, rest: str) -> None:
    """Raises BadAddress for `bitcoin:bc1q…` and the like."""
    what = foreign(rest.partition("?")[0])
    network = foreign_network(prefix)
    if what or network:
        raise BadAddress(f"that is {what or f'an account on {network}'}, and l2send pays EVM chains only.")
