"""One destination in every form that l2send reads."""

from __future__ import annotations

from l2send.resolver import caip, interop, payment_uri
from l2send.resolver.destination import Destination


def forms(found: Destination) -> dict[str, str]:
    """The forms by the name of their standard; the payment link repeats what was asked for."""
    amount = found.asked.amount if found.asked else None
    return {
        "ERC-3770": str(found),
        "ERC-7828": interop.write_name(found.account, found.chain),
        "ERC-7930": interop.write_binary(found.account),
        "CAIP-10": caip.write(found.account),
        "EIP-681": payment_uri.write(found.account, amount),
    }
