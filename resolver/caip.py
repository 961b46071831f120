"""CAIP-10: `namespace:reference:account`, for EVM chains `eip155:8453:0x…`."""

from __future__ import annotations

import re

from l2send.core.chains import Chain, Registry
from l2send.core.errors import BadAddress
from l2send.core.plan import ChainAddress
from l2send.core.units import ChainId
from l2send.resolver.other_networks import foreign_network
from l2send.resolver.spelling import Spelling, read_account

_EVM = "eip155"
_CHAIN_ID = re.compile(r"[1-9][0-9]{0,31}", re.ASCII)


def read(text: str, registry: Registry) -> Spelling:
    """Raises BadAddress, ChecksumMismatch, UnknownChain, UnknownName."""
    chain_text, _, rest = text.rpartition(":")
    chain = evm_chain(chain_text, registry)
    account = read_account(rest)
    return Spelling("CAIP-10", chain, account.address, account.name, account.vouched_by)


def evm_chain(text: str, registry: Registry) -> Chain:
    """The chain of a CAIP-2 id such as `eip155:8453`. Raises BadAddress, UnknownChain."""
    namespace, _, reference = text.partition(":")
    if namespace != _EVM:
        network = foreign_network(namespace)
        raise BadAddress(
            f"{namespace[:20]!r} is not the EVM{f' but {network}' if network else ''}: l2send pays EVM chains only.",
            hint="An EVM chain is written eip155:CHAINID, for example eip155:8453.",
        )
    if not _CHAIN_ID.fullmatch(reference):
        raise BadAddress(f"{reference[:40]!r} is not a chain id.", hint="A chain id is a number without leading zeros.")
    return registry.chain(ChainId(int(reference)))


def write(account: ChainAddress) -> str:
    """The CAIP-10 form of an account."""
    return f"{_EVM}:{account.chain_id}:{account.address}"
