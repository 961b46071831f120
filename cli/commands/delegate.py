"""`l2send wallet delegate` and `undelegate`: change which code an account runs on a chain (EIP-7702)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from l2send.cli.option_groups import spread
from l2send.cli.options import FollowOptions, KeyOptions, RunOptions, SenderOptions, Yes
from l2send.core.address import ZERO_ADDRESS, Address
from l2send.core.delegation import BATCHING_DELEGATE, named_delegate
from l2send.core.errors import ConfigError, UsageError
from l2send.wallet.keys.keystore import Keystore

Known = Annotated[str, typer.Argument(help="the account's name or address, or a keystore file")]
OnChain = Annotated[
    str, typer.Option("--chain", metavar="CHAIN", help="The chain; the account stays as it is on others.")
]
To = Annotated[str, typer.Option("--to", metavar="DELEGATE", help="The delegate, as the registry calls it.")]
OverForeign = Annotated[
    bool, typer.Option("--over-foreign", help="Replace a delegation to code that l2send does not know.")
]


@spread
def delegate(
    name: Known,
    chain: OnChain,
    to: To = BATCHING_DELEGATE,
    over_foreign: OverForeign = False,
    yes: Yes = False,
    *,
    keys: KeyOptions,
    how: FollowOptions,
    run_options: RunOptions,
) -> int:
    """Have an account run code that batches calls (EIP-7702).

    From then on l2send approves and opens an order in one transaction on that chain. The code can move all that the
    account has there: only code that chains.toml pins is taken. `undelegate` ends it.

    Example: l2send wallet delegate alice --chain base
    """
    code = named_delegate(to, run_options.registry().named(chain)).code.address
    return _make(_Change(name, chain, code, yes, over_foreign), keys, how, run_options)


@spread
def undelegate(
    name: Known,
    chain: OnChain,
    yes: Yes = False,
    *,
    keys: KeyOptions,
    how: FollowOptions,
    run_options: RunOptions,
) -> int:
    """End an account's delegation (EIP-7702): it runs no code.

    Example: l2send wallet undelegate alice --chain base
    """
    return _make(_Change(name, chain, ZERO_ADDRESS, yes, over_foreign=True), keys, how, run_options)


def show_delegation(keystore: Keystore, chain: str, run_options: RunOptions) -> int:
    """Print an account's address and the code it delegates to on `chain`. Raises ConfigError, NetworkError."""
    from l2send.cli.screen import out, print_json, print_pairs, styled
    from l2send.cli.terminal import run_to_end
    from l2send.core.rpc import open_rpcs
    from l2send.resolver.delegations import find_delegation

    registry = run_options.registry()
    where = registry.named(chain)
    if keystore.address is None:
        raise ConfigError(f"the address of {keystore.name} is known once it is opened.")
    account = keystore.address

    async def run() -> int:
        async with open_rpcs(registry) as rpcs:
            found = await find_delegation(account, rpcs.on(where.chain_id))
        if run_options.as_json:
            code, name = (found.code, found.name or None) if found else (None, None)
            delegation = {"chain": where.short_name, "code": code, "name": name}
            print_json({"schema": "l2send.account/1", **keystore.document(), "delegation": delegation})
        else:
            runs = found.words if found else "no code"
            print_pairs(out(), [("address", styled(account)), (f"on {where.short_name}", styled(f"runs {runs}"))])
        return 0

    return run_to_end(run())


@dataclass(frozen=True, slots=True)
class _Change:
    """The requested change of an account's code on a chain."""

    account: str
    chain: str
    code: Address
    yes: bool
    over_foreign: bool


def _make(change: _Change, keys: KeyOptions, how: FollowOptions, run_options: RunOptions) -> int:
    from l2send.cli.delegation_review import approve_delegation
    from l2send.cli.paying import follow, report
    from l2send.cli.sender import choose_sender
    from l2send.cli.terminal import must_be_able_to_ask, run_to_end
    from l2send.client import open_client

    registry = run_options.registry()
    chain = registry.named(change.chain)
    if keys.ledger or keys.trezor:
        raise UsageError(
            "l2send does not sign delegations on a Ledger or a Trezor (EIP-7702).",
            hint="Use an account with a keystore.",
        )
    who = choose_sender(run_options.paths, SenderOptions(account=change.account), keys)
    must_be_able_to_ask(yes=change.yes)

    async def run() -> int:
        async with open_client(run_options.paths, registry) as client:
            delegation = await client.plan_delegation(who.address, chain.short_name, change.code)
            await approve_delegation(delegation, yes=change.yes, over_foreign=change.over_foreign)
            who.unlock()
            record = client.begin_delegation(delegation)
            return report(await follow(client, record.id, who, how.timeout), registry, as_json=run_options.as_json)

    return run_to_end(run())
