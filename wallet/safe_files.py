"""The file that a Safe's owners pass on: what they sign, and who has signed.

    prepare     online: the journal has the payment, and the file says what the journal has
    sign        each owner, at any machine, offline too: decoded, shown and checked, and one signature is added
    merge       signatures that were added apart, in one file
    broadcast   any account with gas: once enough owners have signed, as their Safe counts them then

The file holds no secret and is not trusted: the signed hash is computed from its bytes, the signer of every signature
is recovered, and owners and threshold are read from the chain before anything is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from l2send.core.address import Address
from l2send.core.deadlines import TIME_TO_FILL
from l2send.core.errors import ConfigError, L2sendError, Refused, UsageError
from l2send.core.plan import BRIDGE_FEE, Payment, Proposal, StepKind
from l2send.core.safe import SafeTx, nothing_of, read_execution
from l2send.core.safe_signatures import OwnerSignature, SignatureKind, contract_signature, read_signature
from l2send.core.text import in_words
from l2send.core.typed_data import TypedData
from l2send.core.units import Seconds, UnixTime, Wei
from l2send.wallet.file_fields import load_json, read_address, read_list, read_payment, read_text, read_uint
from l2send.wallet.journal import codec
from l2send.wallet.journal.proposal_states import ProposalState
from l2send.wallet.journal.records import PaymentRecord
from l2send.wallet.keys.signer import Signer

SAFE_TX = "l2send.safe_tx/1"
_KINDS = frozenset({StepKind.TRANSFER, StepKind.OPEN, StepKind.TOGETHER})
_MOST_OWNERS = 200


@dataclass(frozen=True, slots=True)
class SafeBundle:
    """A Safe's payment on its way to the owners or back."""

    id: str
    payment: Payment
    proposal: Proposal
    cancels: bool
    """Whether the owners sign the empty transaction that uses up the proposal's nonce instead."""
    network_fee: Wei
    """The expected cost of sending it."""
    duration: Seconds
    until: UnixTime | None
    """Sending is refused after this time, by the chains' clocks. None: as long as its nonce is free."""
    signatures: tuple[OwnerSignature, ...] = ()
    """At most one per owner, in the order of the owners."""
    carries: tuple[Payment, ...] = ()
    """The payments that the Safe's calls make, in their order, if there are several; `payment` stands for all then."""

    @property
    def payments(self) -> tuple[Payment, ...]:
        """What the Safe pays."""
        return self.carries or (self.payment,)

    @property
    def safe_tx(self) -> SafeTx:
        """What the owners sign."""
        execution = self.proposal.execution
        return nothing_of(execution.to, execution.chain_id) if self.cancels else read_execution(execution)[0]

    @property
    def typed(self) -> TypedData:
        """Its EIP-712 message; the digest is the SafeTx hash."""
        return self.safe_tx.typed(self.proposal.nonce)

    @property
    def missing(self) -> tuple[Address, ...]:
        """The owners, as of preparing, who have not signed."""
        signed = {one.owner for one in self.signatures}
        return tuple(owner for owner in self.proposal.owners if owner not in signed)


def safe_bundle_of(record: PaymentRecord, *, cancels: bool = False) -> SafeBundle:
    """The bundle of a payment in the journal that a Safe's owners sign.

    Raises Refused if it has ended, or if it is to be cancelled and its nonce is used.
    """
    assert record.proposal
    if not record.meaning.open or (cancels and record.proposal.state is not ProposalState.PROPOSED):
        raise Refused(f"{record.id} is {in_words(record.state)}: {record.meaning.money}", sent=record.moved)
    fees = [fee.amount.units for fee in record.terms.fees if fee.amount.token.is_native and fee.name != BRIDGE_FEE]
    ends = [record.terms.expires] if record.terms.expires is not None else []
    if record.order:
        ends.append(UnixTime(record.order.order.fill_deadline - TIME_TO_FILL))
    until = None if cancels else min(ends, default=None)
    proposal, duration = record.proposal.proposal, record.terms.duration
    carries = record.terms.carries
    return SafeBundle(record.id, record.payment, proposal, cancels, Wei(sum(fees)), duration, until, carries=carries)


def refuse_unless_missing(bundle: SafeBundle, owner: Address) -> None:
    """Raises Refused for an account that is not an owner, UsageError for an owner who has signed already.

    Signatures that only the chain can verify do not count here: anyone can write one into the file in an owner's name.
    """
    if owner not in bundle.proposal.owners:
        raise Refused(
            f"{owner} was no owner of the Safe when the payment was prepared.",
            hint="Nothing was signed. Sign with the key of an owner: " + ", ".join(bundle.missing),
        )
    if any(one.owner == owner and one.is_verified for one in bundle.signatures):
        raise UsageError(f"{owner} has signed it already.", hint=f"Missing: {', '.join(bundle.missing)}")


def sign_safe(bundle: SafeBundle, signer: Signer) -> SafeBundle:
    """Add the signer's signature, whose owner is recovered from it again. Raises Refused, ConfigError, UsageError."""
    refuse_unless_missing(bundle, signer.address)
    typed = bundle.typed
    signature = read_signature(signer.sign_typed(typed), typed.digest)
    if signature.owner != signer.address or signature.kind is not SignatureKind.EIP712:
        raise Refused("the signature is not the owner's over what was approved; it was thrown away.")
    return with_signatures(bundle, [signature])


def with_signatures(bundle: SafeBundle, signatures: Sequence[OwnerSignature]) -> SafeBundle:
    """`bundle` with more signatures. If an owner signed twice, the first verified one stays."""
    kept = dict[Address, OwnerSignature]()
    for one in (*bundle.signatures, *signatures):
        if one.owner not in kept or (one.is_verified and not kept[one.owner].is_verified):
            kept[one.owner] = one
    if len(kept) > _MOST_OWNERS:
        raise Refused(f"more than {_MOST_OWNERS} accounts have signed.")
    return replace(bundle, signatures=tuple(kept[owner] for owner in sorted(kept, key=str.lower)))


def merge_safe(bundles: Sequence[SafeBundle]) -> SafeBundle:
    """The first file with the signatures of all files of the same payment, even if they were prepared separately.

    Raises Refused for files of another payment or another SafeTx.
    """
    first = bundles[0]
    for other in bundles[1:]:
        if (other.payment, other.carries, other.typed.digest) != (first.payment, first.carries, first.typed.digest):
            raise Refused(f"the files are not of one transaction: {first.id} and {other.id} differ.")
        first = with_signatures(first, other.signatures)
    return first


def safe_document(bundle: SafeBundle) -> dict[str, Any]:
    """The JSON document of a bundle: see docs/schemas. `typed_data` is for other signing tools."""
    typed = bundle.typed
    return {
        "schema": SAFE_TX,
        "id": bundle.id,
        "payment": codec.payment_json(bundle.payment),
        **({"carries": [codec.payment_json(one) for one in bundle.carries]} if bundle.carries else {}),
        "cancels": bundle.cancels,
        "proposal": codec.proposal_json(bundle.proposal),
        "network_fee": str(bundle.network_fee),
        "duration": bundle.duration,
        "until": bundle.until,
        "safe_tx_hash": "0x" + typed.digest.hex(),
        "signatures": [
            {"owner": one.owner, "kind": one.kind.value, "signature": "0x" + one.data.hex()}
            for one in bundle.signatures
        ],
        "typed_data": typed.json(),
    }


def is_safe_file(path: Path) -> bool:
    """Whether a file claims to be of a Safe. Raises ConfigError if it cannot be read."""
    try:
        written = load_json(path)
    except ValueError:
        return False
    return isinstance(written, dict) and written.get("schema") == SAFE_TX


def read_safe_file(path: Path) -> SafeBundle:
    """The bundle in a file that no other user can change. Its content must be checked like a plan.

    Raises UsageError for any other file, Refused for a signature that is not its owner's, ConfigError.
    """
    try:
        written = load_json(path)
        bundle = _read(written)
        if safe_document(bundle) == written:
            return bundle
    except (ConfigError, Refused):
        raise
    except (L2sendError, ValueError, LookupError, TypeError, AttributeError, OverflowError):
        pass  # A program wrote the file: naming the wrong field would not help.
    raise UsageError(
        f"{path} is not a payment of a Safe that l2send prepared.", hint="Make one: l2send prepare … --safe … -o FILE"
    )


def _read(written: dict[str, Any]) -> SafeBundle:
    """Checks the type and size of every field. Raises ValueError, Refused."""
    payment, proposal = read_payment(written["payment"]), _read_proposal(written["proposal"])
    carries = tuple(map(read_payment, read_list(written.get("carries", []))))
    safe = (proposal.execution.to, None, True)
    if any((one.sender, one.executor, one.by_owners) != safe for one in (payment, *carries)):
        raise ValueError("not paid by the Safe")
    if bool(carries) is not (proposal.kind is StepKind.TOGETHER):
        raise ValueError("several payments, and not a transaction of several")
    if not isinstance(written["cancels"], bool):
        raise ValueError("not a yes or no")
    until = written["until"]
    bundle = SafeBundle(
        read_text(written["id"]),
        payment,
        proposal,
        written["cancels"],
        Wei(read_uint(int(written["network_fee"]), 128)),
        Seconds(read_uint(written["duration"], 32)),
        None if until is None else UnixTime(read_uint(until, 48)),
        carries=carries,
    )
    digest = bundle.typed.digest
    return with_signatures(bundle, [_read_signature(one, digest) for one in read_list(written["signatures"])])


def _read_proposal(written: dict[str, Any]) -> Proposal:
    proposal = codec.proposal_from(written)
    for account in (proposal.execution.to, *proposal.owners):
        read_address(account)
    read_uint(proposal.execution.chain_id, 64)
    read_uint(proposal.nonce, 64)
    read_uint(proposal.gas, 63)
    read_uint(proposal.since, 63)
    owners = len(proposal.owners)
    if proposal.kind not in _KINDS or not 0 < read_uint(proposal.threshold, 16) <= owners <= _MOST_OWNERS:
        raise ValueError("not a proposal to the owners of a Safe")
    if len(set(proposal.owners)) != owners or read_execution(proposal.execution)[1]:
        raise ValueError("an owner twice, or signatures where none belong")
    return proposal


def _read_signature(written: dict[str, Any], digest: bytes) -> OwnerSignature:
    owner, kind = Address(written["owner"]), SignatureKind(written["kind"])
    read_address(owner)
    data = bytes.fromhex(written["signature"].removeprefix("0x"))
    if kind is SignatureKind.CONTRACT:
        return contract_signature(owner, data)
    signature = read_signature(data, digest)
    if (signature.owner, signature.kind) != (owner, kind):
        raise Refused(
            f"the file holds a signature that is not of {owner} over this transaction.",
            hint="Nothing was sent. Have that owner sign again, or take the file as it was before.",
        )
    return signature
