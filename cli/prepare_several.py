"""`l2send prepare FILE --safe …`: the payments of a file in one transaction, for a Safe's owners to sign."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from eth_hash.auto import keccak

from l2send.batch_review import BatchReview
from l2send.bridges.direct import Direct
from l2send.cli.batch_screen import batch_question, consent_to_batch, show_batch
from l2send.cli.offline_files import recipient_of
from l2send.cli.paying_safe import PayingSafe
from l2send.cli.payments_file import read_rows
from l2send.cli.progress import Live
from l2send.cli.safe_signing import write_safe_file
from l2send.cli.safe_tx_screen import show_safe_tx
from l2send.client import Client
from l2send.core.errors import ExitStatus, Refused, UsageError
from l2send.core.plan import Payment, UnsignedTx
from l2send.core.safe import decode_execution
from l2send.resolver.batch_file import BatchRow
from l2send.resolver.batch_lines import BatchLine, JudgedBatch, judge_batch, words_of
from l2send.resolver.way_limits import Limits
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.safe_files import safe_bundle_of

_ALL = "Nothing was prepared: one transaction pays all lines, or none."
_ALONE = "Nothing was prepared. Prepare it by itself: l2send prepare AMOUNT TOKEN DESTINATION --safe … -o FILE"


@dataclass(frozen=True, slots=True)
class SeveralOptions:
    """What was asked for besides the file."""

    payer: PayingSafe
    output: Path
    limits: Limits
    key: str | None
    memo: str
    yes: bool
    again: bool
    as_json: bool


async def prepare_several(
    client: Client, path: Path, calls: tuple[UnsignedTx, ...], asked: SeveralOptions
) -> int | None:
    """Prepare a file of payments, or the `calls` of Safe's Transaction Builder; None if they make one payment.

    Raises UsageError, Refused, CannotPay, NetworkError.
    """
    if not calls:
        return await _prepare_file(client, path, asked)
    payments = client.payments_of_calls(asked.payer.address, calls)
    return await _prepare_calls(client, path, calls, payments, asked) if len(payments) > 1 else None


async def _prepare_file(client: Client, path: Path, asked: SeveralOptions) -> int:
    """The lines of a file of payments, each once: a line is known by the file's name and its ref."""
    _refuse_options(asked)
    rows = read_rows(str(path))
    with Live.of_answers(f"reading {len(rows):,} lines"):
        judged = await judge_batch(rows, client.rpcs, client.book)
    _refuse_bad(judged, asked.payer)
    return await _prepare(client, judged, path.stem, asked)


async def _prepare_calls(
    client: Client, path: Path, calls: tuple[UnsignedTx, ...], payments: tuple[Payment, ...], asked: SeveralOptions
) -> int:
    """Exactly these calls, of a file of Safe's Transaction Builder. Such a file has no refs: its calls are its name."""
    _refuse_options(asked)
    lines = list[BatchLine]()
    for number, payment in enumerate(payments, 1):
        row = BatchRow(number, f"call-{number}", payment.amount.text, payment.amount.token.symbol, payment.to.address)
        lines.append(BatchLine(row, recipient_of(payment, client.registry, client.book), payment.amount))
    written = (bytes.fromhex(call.to[2:]) + call.value.to_bytes(32, "big") + call.data for call in calls)
    digest = keccak(b"".join(map(keccak, written)))
    name = f"{path.stem}-{digest.hex()[:8]}"
    return await _prepare(client, JudgedBatch(tuple(lines), ()), name, asked, calls)


async def _prepare(
    client: Client, judged: JudgedBatch, name: str, asked: SeveralOptions, calls: tuple[UnsignedTx, ...] = ()
) -> int:
    limits = replace(asked.limits, via=Direct.name)
    with Live.of_answers(f"planning {len(judged.lines):,} payments"):
        review = await client.batch.plan_for_owners(judged, asked.payer.address, name, limits, again=asked.again)
    show_batch(review, client.registry)
    _refuse_part(review)
    if review.payable:
        _refuse_other_calls(review, asked.payer, calls)
        if not asked.yes:
            await consent_to_batch(review, batch_question(review, client.registry, "Prepare"))
        first, *_ = client.batch.begin(review, again=asked.again)
        shared = client.get(first.id)
    else:
        shared = _begun_before(client, review)
    bundle = safe_bundle_of(shared)
    show_safe_tx(bundle, client.registry)
    write_safe_file(asked.output, bundle, as_json=asked.as_json)
    return ExitStatus.DELIVERED


def _refuse_options(asked: SeveralOptions) -> None:
    """Raises UsageError for options of a single payment."""
    if asked.key is not None or asked.memo:
        raise UsageError(
            "--idempotency-key and --memo are of one payment.", hint="In a file each line has its own ref and memo."
        )
    if asked.limits.via not in {"", Direct.name}:
        raise UsageError(
            "one transaction of a Safe pays several by transfers on its own chain alone.", hint="Leave --via out."
        )


def _refuse_bad(judged: JudgedBatch, payer: PayingSafe) -> None:
    """Raises UsageError for wrong lines, and for lines to other chains than the Safe's."""
    if judged.bad:
        count, of = len(judged.bad), len(judged.bad) + len(judged.lines)
        raise UsageError(f"{count} of {of} lines are wrong:\n{words_of(judged.bad)}", hint="Nothing was prepared.")
    for line in judged.lines:
        if line.to.chain != payer.chain:
            raise UsageError(
                f"line {line.row.line} pays on {line.to.chain.name}, and one transaction of the Safe pays several "
                f"only on its own chain, {payer.chain.name}.",
                hint=_ALONE,
            )


def _refuse_part(review: BatchReview) -> None:
    """Raises UsageError, Refused or CannotPay unless all lines are paid: one transaction pays all of them, or none."""
    if review.bad:
        raise UsageError(f"not all lines can be paid.\n{words_of(review.bad)}", hint="Nothing was prepared.")
    for line in review.stopped:
        if line.error:
            line.error.hint = f"{line.error.hint} {_ALL}".strip()
            raise line.error


def _refuse_other_calls(review: BatchReview, payer: PayingSafe, calls: tuple[UnsignedTx, ...]) -> None:
    """Raises Refused unless the owners will sign exactly the calls of the file."""
    if not calls:
        return
    proposal = review.shared[0].quote.proposal
    multi_sends = {safe.multi_send_call_only.address for safe in payer.chain.safes}
    if proposal is None or decode_execution(proposal.execution, multi_sends).calls != calls:
        raise Refused("the calls of the file are written in another form than l2send's.", hint=_ALONE)


def _begun_before(client: Client, review: BatchReview) -> PaymentRecord:
    """The one transaction that makes exactly the lines of the file, which were all prepared before. Raises Refused."""
    shared = {leg.driven_by for _, record in review.known for leg in record.legs}
    record = client.get(min(shared))
    if len(shared) > 1 or len(record.terms.carries) != len(review.known):
        raise Refused(
            f"all lines were begun before, and not together: {', '.join(sorted(shared))}.",
            hint="Nothing was prepared. To pay them again, give the file another name.",
        )
    return record
