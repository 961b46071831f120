"""`l2send merge`: joins signatures of a Safe's owners from several files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from l2send.cli.offline_files import Output, refuse_existing, write_document
from l2send.cli.option_groups import spread
from l2send.cli.options import RunOptions
from l2send.cli.safe_signing import write_safe_file
from l2send.core.chains import Registry
from l2send.core.errors import ExitStatus, UsageError
from l2send.core.plan import UnsignedTx
from l2send.core.safe import decode_execution
from l2send.core.safe_signatures import read_signature
from l2send.wallet.file_fields import load_json
from l2send.wallet.safe_builder import builder_document
from l2send.wallet.safe_files import SafeBundle, is_safe_file, merge_safe, read_safe_file, with_signatures
from l2send.wallet.safe_service import is_service_document, service_document, service_signatures

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE…", help="files of `l2send sign`, or of Safe's transaction service")
]
Signatures = Annotated[
    list[str] | None,
    typer.Option("--signature", metavar="HEX", help="A signature by another tool, such as `cast wallet sign --data`."),
]
ForService = Annotated[
    bool, typer.Option("--for-service", help="Write it as Safe's transaction service does, for other tools.")
]

ForBuilder = Annotated[
    bool, typer.Option("--for-builder", help="Write its calls as Safe's Transaction Builder does, without signatures.")
]


@spread
def merge(
    files: Files,
    output: Output,
    signatures: Signatures = None,
    for_service: ForService = False,
    for_builder: ForBuilder = False,
    *,
    run_options: RunOptions,
) -> int:
    """Join the signatures of a Safe's owners in one file. Asks no network.

    The first file is the payment. The others are copies that other owners signed, or documents of Safe's transaction
    service; all must be of the same transaction.

    Example: l2send merge alice.json bob.json -o pay.json

    Example: l2send merge pay.json --signature 0x… -o signed.json
    """
    refuse_existing(output)
    if for_service and for_builder:
        raise UsageError(
            "--for-service and --for-builder cannot be combined.", hint="Choose one, and merge again for the other."
        )
    bundle = read_safe_file(files[0])
    for path in files[1:]:
        bundle = _with_file(bundle, path)
    digest = bundle.typed.digest
    bundle = with_signatures(bundle, [read_signature(_bytes(text), digest) for text in signatures or []])
    if for_service:
        write_document(output, service_document(bundle), bundle.id, as_json=run_options.as_json)
    elif for_builder:
        calls = _calls(bundle, run_options.registry())
        write_document(output, builder_document(bundle, calls), bundle.id, as_json=run_options.as_json)
    else:
        write_safe_file(output, bundle, as_json=run_options.as_json)
    return ExitStatus.DELIVERED


def _with_file(bundle: SafeBundle, path: Path) -> SafeBundle:
    """Raises UsageError for a file of another kind, Refused for another transaction."""
    if is_safe_file(path):
        return merge_safe([bundle, read_safe_file(path)])
    try:
        written = load_json(path)
    except ValueError:
        written = None
    if not is_service_document(written):
        raise UsageError(f"{path} is neither a file of `l2send sign` nor a document of Safe's transaction service.")
    return with_signatures(bundle, service_signatures(written, bundle))


def _calls(bundle: SafeBundle, registry: Registry) -> tuple[UnsignedTx, ...]:
    """The calls that the Safe would make. Raises Refused for what l2send would not sign."""
    chain = registry.chain(bundle.proposal.execution.chain_id)
    multi_sends = {safe.multi_send_call_only.address for safe in chain.safes}
    return decode_execution(bundle.safe_tx.execution(b""), multi_sends).calls


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise UsageError("--signature is not hexadecimal.", hint="Write the 65 bytes as 0x and 130 digits.") from None
