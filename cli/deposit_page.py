"""The deposit page: an HTML file that loads nothing from any network, made from `deposit_page.html`.

Its policy allows only the script and the styles in the file itself, by their hashes, so not even an injected
text could run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib.resources import files

from l2send.cli import qr
from l2send.cli.payment_request import PaymentRequest, utc
from l2send.cli.screen import stage_in_words
from l2send.core.text import clean
from l2send.resolver.destination import Destination
from l2send.resolver.destination_forms import forms

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def page(found: Destination, request: PaymentRequest) -> bytes:
    """The page that requests a payment to `found`."""
    template = (files("l2send.cli") / "deposit_page.html").read_text(encoding="utf-8")
    values = {name: html.escape(clean(value, 500)) for name, value in _texts(found, request).items()}
    values["token_note"] = _token_note(found)
    values["request"] = _request(request)
    values["policy"] = html.escape(_policy(template))
    values["qr"] = qr.inline_svg(forms(found)["EIP-681"])
    # One pass: text inside a value is never mistaken for a placeholder.
    return _PLACE.sub(lambda place: values[place[1]], template).encode()


def _request(request: PaymentRequest) -> str:
    """Who requests, for what, until when; empty without these."""
    rows = {
        "To": request.payee,
        "For": request.reference,
        "Valid until": utc(request.expires) if request.expires else "",
    }
    said = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in rows.items() if text)
    return f'<dl class="request">{said}</dl>' if said else ""


def _title(found: Destination, request: PaymentRequest) -> str:
    """The amount, the chain, the purpose and the account: shown in a browser's tab and history."""
    asked = found.asked
    what = f" {asked.amount or asked.token.symbol}" if asked else ""
    words = [f"Deposit{what} on {found.chain.name}", request.reference, request.payee]
    return " · ".join(filter(None, words))


def _texts(found: Destination, request: PaymentRequest) -> dict[str, str]:
    chain, asked = found.chain, found.asked
    what = str(asked.amount or asked.token.symbol) if asked else ""
    every = forms(found)
    return {
        "title": _title(found, request),
        "heading": f"Deposit {what} to this address" if what else "Deposit to this address",
        "chain": chain.name,
        "chain_id": str(chain.chain_id),
        "stage": stage_in_words(chain),
        "address": found.address,
        "send_only": f"Send only {asked.token.symbol}, and only on {chain.name}."
        if asked
        else f"On {chain.name} only.",
        "or_lose": "Anything else, or the same on another network, may be lost."
        if asked
        else "What is sent on another network may be lost.",
        "erc3770": every["ERC-3770"],
        "erc7828": every["ERC-7828"],
        "eip681": every["EIP-681"],
    }


def _token_note(found: Destination) -> str:
    """The token's contract: several tokens can share a symbol."""
    token = found.asked.token if found.asked else None
    if token is None or token.address is None:
        return ""
    symbol, where, contract = (html.escape(text) for text in (token.symbol, found.chain.name, token.address))
    return f"<p>{symbol} on {where} is the token <code>{contract}</code>. Others only share its name.</p>"


def _policy(template: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash_of('script', template)}",
            f"style-src {_hash_of('style', template)}",
            "img-src data:",  # the empty icon; else a browser would request one from the server
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash_of(element: str, template: str) -> str:
    """The source expression of CSP Level 3 for the one element of that name."""
    (content,) = re.findall(rf"<{element}>(.*?)</{element}>", template, re.DOTALL)
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
