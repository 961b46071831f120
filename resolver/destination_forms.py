"""One destination in every form that l2send reads."""

from __future__ import annotations

from l2send.resolver import caip, erc7828, payment_uri
from l2send.resolver.destination import Destination


def forms(found: Destination) -> dict[str, str]:
    """The forms by the name of their standard; the payment link repeats the request."""
    asked = found.asked
    link = payment_uri.write(found.account, asked.amount, asked.token) if asked else payment_uri.write(found.account)
    return {
        "ERC-3770": str(found),
        "ERC-7828": erc7828.write_name(found.account, found.chain),
        "ERC-7930": erc7828.write_binary(found.account),
        "CAIP-10": caip.write(found.account),
        "EIP-681": link,
    }


def forms_document(found: Destination) -> dict[str, str]:
    """The forms as `--json` prints them: `erc3770`, `eip681`."""
    return {standard.lower().replace("-", ""): text for standard, text in forms(found).items()}
