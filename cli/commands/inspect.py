"""`l2send inspect`: describes an order of the current ERC-7683 draft. Sends nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from l2send.bridges.erc7683_draft.order import RESOLVE, decode_resolved
from l2send.bridges.erc7683_draft.types import ResolvedOrder
from l2send.bridges.erc7683_draft.words import describe
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.screen import err, out, print_json, styled
from l2send.cli.terminal import run_to_end
from l2send.core.address import ZERO_ADDRESS, parse_address
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, Refused, UsageError
from l2send.core.pinned_code import HOW_TO_PIN, contracts_of, read_code
from l2send.core.rpc import open_rpcs


@spread
def inspect(
    resolver: Annotated[str, typer.Argument(help="chain:address of the resolver contract")],
    payload: Annotated[str, typer.Argument(help="the order's payload, as 0x hex")],
    run_options: RunOptions,
) -> int:
    """Show what a resolver of the current ERC-7683 draft says about an order: its steps, payments, assumptions.

    Steps are what a solver does, payments what it gets. Nothing else that the resolver says is believed. If its code
    is pinned in chains.toml, other code is refused; if it is not pinned, the output says so.

    Example: l2send inspect base:0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed 0x00…
    """
    registry = run_options.registry()

    async def run() -> int:
        answer, pinned = await _resolved(resolver, _bytes(payload), registry)
        lines = describe(_order(answer), registry)
        if not pinned:
            err().print("NOT PINNED: the code of this resolver was not verified.", style="bold red")
        if run_options.as_json:
            print_json({"schema": "l2send.order/1", "resolver": resolver, "pinned": pinned, "says": lines})
        else:
            for line in lines:
                out().print(styled(line, limit=1000))
        return ExitStatus.DELIVERED

    return run_to_end(run())


def _order(answer: bytes) -> ResolvedOrder:
    """Decode the resolver's answer. Raises Refused with what to do about it."""
    try:
        return decode_resolved(answer)
    except Refused as error:
        raise Refused(
            error.message,
            hint="Do not act on this order: only part of it can be shown. Compare resolver and payload with what its "
            "maker says; `l2send inspect` reads the current ERC-7683 draft alone.",
        ) from error


def _bytes(payload: str) -> bytes:
    try:
        return bytes.fromhex(payload.removeprefix("0x"))
    except ValueError:
        raise UsageError(
            "the payload is not hexadecimal.", hint="Write it as 0x and an even number of digits."
        ) from None


async def _resolved(resolver: str, payload: bytes, registry: Registry) -> tuple[bytes, bool]:
    """The resolver's raw answer, and whether its code is pinned. Raises Refused for code other than the pinned one.

    Source: IResolver.resolve of the ERC-7683 draft.
    """
    name, _, address = resolver.partition(":")
    chain, (to, _) = registry.named(name), parse_address(address)
    async with open_rpcs(registry) as rpcs:
        rpc = rpcs.on(chain.chain_id)
        listed = (one for bridge in chain.settlers for one in contracts_of(chain, bridge) if one.address == to)
        pinned = next((one.pinned for one in listed if one.pinned), None)
        if pinned and (code := await read_code(rpc, to)) != pinned:
            raise Refused(f"{to} runs the code {code or 'of nothing'}, pinned is {pinned}.", hint=HOW_TO_PIN)
        # Nodes assume different callers, and a resolver may answer each caller differently.
        call = {"from": ZERO_ADDRESS, "to": to, "data": "0x" + RESOLVE.encode(payload).hex()}
        return await rpc.returned(call), pinned is not None
