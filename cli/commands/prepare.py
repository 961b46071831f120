"""`l2send prepare`: plans a payment to be signed on an offline machine."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from l2send.cli.offline_files import Output, recipient_of, refuse_existing, show_parts, write_bundle
from l2send.cli.option_groups import spread
from l2send.cli.options import (
    Again,
    IdempotencyKey,
    Memo,
    PayingRunOptions,
    PaymentWords,
    PayOptions,
    RouteOptions,
    SenderOptions,
    Yes,
)
from l2send.cli.own_accounts import refuse_own_name
from l2send.cli.paying import approve
from l2send.cli.paying_safe import PayingSafe, Safe, choose_safe
from l2send.cli.plan_request import CallsPayment, PlanRequest, paid_with, request_of
from l2send.cli.prepare_several import SeveralOptions, prepare_several
from l2send.cli.safe_signing import write_safe_file
from l2send.cli.screen import err, print_words
from l2send.cli.sender import choose_sender
from l2send.cli.terminal import must_be_able_to_ask, run_to_end
from l2send.cli.typed_recipient import Words, find_destination, parse_words
from l2send.client import Client, open_client
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, UsageError
from l2send.core.plan import UnsignedTx
from l2send.resolver.destination import Destination
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.records import PaymentRecord, Record
from l2send.wallet.offline import bundle_of
from l2send.wallet.safe_builder import is_builder_file, read_builder_file
from l2send.wallet.safe_files import safe_bundle_of


@spread
def prepare(
    words: PaymentWords,
    output: Output,
    yes: Yes = False,
    safe: Safe = None,
    *,
    sender: SenderOptions,
    route: RouteOptions,
    key: IdempotencyKey = None,
    again: Again = False,
    memo: Memo = "",
    run_options: PayingRunOptions,
) -> int:
    """Plan a payment, and write it to a file for `l2send sign` on a machine without a network.

    Needs the address of the account that pays, and no key. Nonces and fees are fixed here, and the journal has the
    payment. With --safe the file is for the owners of the Safe. In place of the words may stand a file of payments on
    the Safe's chain, as `l2send batch` reads it, or one of Safe's Transaction Builder: one transaction pays all of it.

    Example: l2send prepare 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --from 0x… -o pay.json

    Example: l2send prepare 25 USDC base:0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045 --safe base:0x… -o pay.json

    Example: l2send prepare november.csv --safe base:0x… -o pay.json
    """
    registry = run_options.registry()
    payer, owner = choose_safe(safe, sender, run_options.paths, registry)
    file, calls = _file_of(words, payer), _calls_of(words, payer)
    meant = None if file or calls else parse_words(words)
    limits = _limits(route, payer, registry)
    refuse_existing(output)
    several = payer and SeveralOptions(payer, output, limits, key, memo, yes, again, run_options.as_json)

    async def run() -> int:
        async with open_client(run_options.paths, registry) as client:
            must_be_able_to_ask(yes=yes)
            if several and (file or len(calls) > 1):
                done = await prepare_several(client, Path(words.amount), calls, several)
                if done is not None:
                    return done
            target, request = await _understood(client, meant, calls, payer, owner)
            record = await _begun(client, request, target, limits, PayOptions(key=key, again=again), memo=memo, yes=yes)
            return _write_prepared(output, record, registry, as_json=run_options.as_json)

    return run_to_end(run())


async def _begun(
    client: Client,
    request: PlanRequest,
    target: Destination,
    limits: Limits,
    options: PayOptions,
    *,
    memo: str,
    yes: bool,
) -> Record:
    """The payment in the journal, once it is approved. Raises Interrupted, Refused, CannotPay, NetworkError."""
    if known := paid_with(client, options.key, request):
        return client.find(known)
    approved = await approve(client, request, limits, target, None, yes=yes, options=options)
    begin = partial(client.prepare, again=approved.again, typed_name=target.typed_name)
    return await begin(approved.review, key=options.key, memo=memo, say=_say)


def _limits(route: RouteOptions, payer: PayingSafe | None, registry: Registry) -> Limits:
    """Raises UsageError, also for --batch: prepared transactions have fixed nonces, and an authorization uses one."""
    route.refuse_batch("a prepared transaction carries no authorization (EIP-7702)")
    return payer.narrow_to_one(route.limits(registry)) if payer else route.limits(registry)


def _file_of(words: PaymentWords, payer: PayingSafe | None) -> Path | None:
    """The file of payments that the only word names, if it names one. Raises UsageError without a Safe."""
    path = Path(words.amount)
    if words.token is not None or not path.is_file() or is_builder_file(path):
        return None
    if payer is None:
        raise UsageError(
            "several payments are prepared in one file only for a Safe, and none is named.",
            hint="Name the Safe that pays: --safe base:0x…; or prepare each payment by itself.",
        )
    return path


def _calls_of(words: PaymentWords, payer: PayingSafe | None) -> tuple[UnsignedTx, ...]:
    """The calls in a file of Safe's Transaction Builder, if the only word names one. Raises UsageError, Refused."""
    path = Path(words.amount)
    if words.token is not None or not path.is_file() or not is_builder_file(path):
        return ()
    if payer is None:
        raise UsageError("the file is for a Safe, and none is named.", hint="Name the Safe that pays: --safe base:0x…")
    return read_builder_file(path, payer.chain.chain_id, payer.address)


async def _understood(
    client: Client, meant: Words | None, calls: tuple[UnsignedTx, ...], payer: PayingSafe | None, owner: SenderOptions
) -> tuple[Destination, PlanRequest]:
    """The recipient and the payment, by the words or by the file. Raises UsageError, Refused, NetworkError."""
    if meant is None:
        assert payer
        payment = client.payment_of_calls(payer.address, calls)
        return recipient_of(payment, client.registry, client.book), CallsPayment(payment, calls)
    refuse_own_name(meant, client.registry, client.book, client.paths)
    target = await find_destination(meant.destination, client.rpcs, client.book)
    account = payer.address if payer else choose_sender(client.paths, owner).address
    asked = request_of(client, account, meant, target)
    return target, payer.signed_by_owners(asked) if payer else asked


def _say(text: str) -> None:
    err().print(text)


def _write_prepared(output: Path, record: Record, registry: Registry, *, as_json: bool) -> int:
    if isinstance(record, PaymentRecord) and record.proposal:
        write_safe_file(output, safe_bundle_of(record), as_json=as_json)
        return ExitStatus.DELIVERED
    bundle = bundle_of(record)
    write_bundle(output, bundle, as_json=as_json)
    show_parts(bundle, registry)
    print_words(err(), f"Prepared {record.id}. Where the key is: l2send sign {output} -o SIGNED")
    return ExitStatus.DELIVERED
