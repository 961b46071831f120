"""Shows the transaction that a Safe's owners sign, as they compare it on their devices."""

from __future__ import annotations

from l2send.cli.screen import err, print_pairs, styled
from l2send.core.chains import Registry
from l2send.core.deadlines import moment
from l2send.wallet.safe_files import SafeBundle


def show_safe_tx(bundle: SafeBundle, registry: Registry) -> None:
    """The transaction as the Safe's owners compare it: its nonce, its hashes, who has signed, and until when."""
    typed, chain = bundle.typed, registry.chain(bundle.proposal.execution.chain_id)
    what = "payments above, which never happen" if bundle.carries else "payment above, which never happens"
    does = f"nothing: it takes the nonce of the {what} then" if bundle.cancels else ""
    rows = [
        ("Safe", f"{chain.short_name}:{bundle.payment.sender}, nonce {bundle.proposal.nonce}"),
        *([("it does", does)] if does else []),
        ("domain", f"0x{typed.domain_hash.hex()}"),
        ("message", f"0x{typed.message_hash.hex()}"),
        ("SafeTx", f"0x{typed.digest.hex()}"),
        *([] if bundle.until is None else [("send by", moment(bundle.until))]),
        *[("signed" if one.is_verified else "unverified", f"{one.owner} ({one.kind})") for one in bundle.signatures],
        *[("missing", owner) for owner in bundle.missing],
    ]
    print_pairs(err(), [(label, styled(words, limit=300)) for label, words in rows])
