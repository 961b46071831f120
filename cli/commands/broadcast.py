"""`l2send broadcast`: sends what was signed elsewhere, and follows it."""

from __future__ import annotations

from l2send.cli.offline_files import File
from l2send.cli.option_groups import spread
from l2send.cli.options import AccountOptions, FollowOptions, KeyOptions, RunOptions, Yes
from l2send.cli.paying import follow, report
from l2send.cli.safe_signing import send_for_owners
from l2send.cli.terminal import run_to_end
from l2send.client import open_client
from l2send.core.errors import ConfigError, Refused, UsageError
from l2send.wallet.offline import Presigned, read
from l2send.wallet.safe_files import is_safe_file


@spread
def broadcast(
    file: File,
    yes: Yes = False,
    *,
    account: AccountOptions,
    keys: KeyOptions,
    following: FollowOptions,
    run_options: RunOptions,
) -> int:
    """Send a payment that was signed by `l2send sign`, where it was prepared, and follow it until it ends.

    Running it twice pays once. A payment of a Safe is sent from anywhere, by an account that pays the gas.

    Example: l2send broadcast signed.json

    Example: l2send broadcast pay.json --account carol
    """
    if is_safe_file(file):
        return send_for_owners(file, account, keys, following, run_options, yes=yes)
    bundle = read(file)
    signatures = Presigned(bundle)

    async def run() -> int:
        async with open_client(run_options.paths) as client:
            try:
                record = client.find(bundle.id)
            except UsageError as error:
                raise ConfigError(
                    error.message, hint="A payment is broadcast from where it was prepared: its journal has it."
                ) from error
            if (record.id, record.payment) != (bundle.id, bundle.payment):
                raise Refused(f"the file is not of the payment {record.id} of this journal.", sent=record.moved)
            record = await follow(client, record.id, signatures, following.timeout)
            return report(record, client.registry, as_json=run_options.as_json)

    return run_to_end(run())
