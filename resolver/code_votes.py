"""Reads the code of bridge contracts from several endpoints, since a single one might lie."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from l2send.core.chains import Code
from l2send.core.endpoint_agreement import WITNESSES
from l2send.core.errors import L2sendError
from l2send.core.pinned_code import Contract, read_code
from l2send.core.rpc import Rpcs


@dataclass(frozen=True, slots=True)
class Sighting:
    """One contract, and its code by the chain's endpoints."""

    contract: Contract
    seen: tuple[tuple[str, Code | None], ...]
    """For every endpoint that answered, its host and the code; None means no code."""
    silent: int
    """How many endpoints did not answer."""

    @property
    def agreed(self) -> Code | None:
        """The code, if enough endpoints answered and all agree."""
        said = {code for _, code in self.seen}
        return self.seen[0][1] if len(self.seen) >= WITNESSES and len(said) == 1 else None

    @property
    def disputed(self) -> bool:
        """Whether two endpoints contradict each other, or agree that there is no code: a retry does not help."""
        said = {code for _, code in self.seen}
        return len(said) > 1 or (len(self.seen) >= WITNESSES and said == {None})

    @property
    def problem(self) -> str:
        """Why no code is agreed on, or an empty string."""
        if self.agreed:
            return ""
        if self.disputed:
            return "; ".join(f"{host} says {code or 'that there is no code'}" for host, code in self.seen)
        return f"{len(self.seen)} of {len(self.seen) + self.silent} RPCs answered, {WITNESSES} must agree"


async def look_at(contracts: Iterable[Contract], rpcs: Rpcs) -> list[Sighting]:
    """Query every endpoint of each contract's chain, all at once. Failures of nodes raise nothing."""
    return list(await asyncio.gather(*(_look(contract, rpcs) for contract in contracts)))


async def _look(contract: Contract, rpcs: Rpcs) -> Sighting:
    each = rpcs.on(contract.chain.chain_id).each()
    answers = await asyncio.gather(*(read_code(one, contract.address) for one in each), return_exceptions=True)
    seen = list[tuple[str, Code | None]]()
    for one, answer in zip(each, answers, strict=True):
        if isinstance(answer, BaseException):
            if not isinstance(answer, L2sendError):
                raise answer
            continue
        seen.append((one.endpoints[0].host, answer))
    return Sighting(contract, tuple(seen), len(each) - len(seen))
