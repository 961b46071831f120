"""EIP-681: payment links, `ethereum:0x…@8453/transfer?address=0x…&uint256=25e6`.

    ethereum:[pay-]target[@chainId][/function][?parameters]

Either the target is paid the chain's coin, or the target is a token and `transfer` names the recipient. No other
function in a link is called.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from l2send.core.address import parse_address
from l2send.core.chains import Chain, Registry
from l2send.core.errors import BadAddress, BadAmount
from l2send.core.plan import ChainAddress
from l2send.core.units import Amount, ChainId, Token
from l2send.resolver.spelling import LinkRequest, Spelling, read_account

FORM = "EIP-681"
"""The form of a Spelling that was read from such a link."""
_SCHEME = "ethereum:"
_NOUGHTS = re.compile(r"(?<=[=])([1-9][0-9]*?)(0{4,})$", re.ASCII)
_LINK = re.compile(
    r"(?:pay-(?=0x))?(?P<target>[^@/?]+)(?:@(?P<chain>[^/?]*))?(?:/(?P<function>[^?]*))?(?:\?(?P<parameters>.*))?",
    re.DOTALL,
)
_NUMBER = re.compile(r"\+?([0-9]*)(?:\.([0-9]+))?(?:[eE]\+?([0-9]{1,3}))?", re.ASCII)
_CHAIN_ID = re.compile(r"[1-9][0-9]{0,31}", re.ASCII)
_MAX_UINT256 = 2**256 - 1
_PRICES = frozenset({"gas", "gasLimit", "gasPrice"})
"""Parameters that suggest fees. l2send computes its own and ignores them."""


@dataclass(frozen=True, slots=True)
class _Link:
    target: str
    chain: Chain | None
    function: str
    parameters: dict[str, str]


def is_link(text: str) -> bool:
    """Whether `text` is such a link. URI schemes ignore case."""
    return text[: len(_SCHEME)].lower() == _SCHEME


def read(text: str, registry: Registry) -> Spelling:
    """Raises BadAddress, ChecksumMismatch, BadAmount, UnknownChain, UnknownName."""
    link = _parse(text, registry)
    if link.function == "":
        return _native(link)
    if link.function == "transfer":
        return _transfer(link)
    raise BadAddress(
        f"the link asks to call {link.function[:40]!r}, and l2send calls nothing but a token's transfer.",
        hint="Pay with the wallet or site that made the link.",
    )


def _parse(text: str, registry: Registry) -> _Link:
    match = _LINK.fullmatch(text[len(_SCHEME) :])
    if not match:
        raise BadAddress("the payment link (EIP-681) names no account.")
    function, parameters = match["function"], match["parameters"]
    if match["target"].startswith("pay-"):
        raise BadAddress(f"{match['target'][:60]!r} may be a name, or a name behind `pay-`: which one cannot be told.")
    if function == "":
        raise BadAddress("the payment link (EIP-681) ends in a / without a function.")
    return _Link(match["target"], _chain(match["chain"], registry), function or "", _parameters(parameters or ""))


def _chain(text: str | None, registry: Registry) -> Chain | None:
    """The chain after the @, or None: a link without it means each wallet's own current chain."""
    if text is None:
        return None
    if not _CHAIN_ID.fullmatch(text):
        raise BadAddress(f"{text[:40]!r} is not a chain id.", hint="A payment link writes it as a number: @8453")
    return registry.chain(ChainId(int(text)))


def _parameters(text: str) -> dict[str, str]:
    """Names and values, each name once: two amounts would be ambiguous."""
    found = dict[str, str]()
    for pair in filter(None, text.split("&")):
        name, _, value = pair.partition("=")
        if name in found:
            raise BadAddress(f"the payment link says {name[:40]!r} twice.")
        found[name] = unquote(value)
    return {name: value for name, value in found.items() if name not in _PRICES}


def _native(link: _Link) -> Spelling:
    account = read_account(link.target)
    value = link.parameters.pop("value", None)
    _refuse_surplus(link)
    request = LinkRequest(None, _units(value)) if value is not None else None
    return Spelling(FORM, link.chain, account.address, account.name, account.vouched_by, request=request)


def _transfer(link: _Link) -> Spelling:
    token, _ = parse_address(link.target)
    recipient, units = link.parameters.pop("address", None), link.parameters.pop("uint256", None)
    value = link.parameters.pop("value", "0")
    _refuse_surplus(link)
    if recipient is None:
        raise BadAddress("the payment link asks for a transfer and names no recipient.")
    if _number(value):
        raise BadAmount("the payment link sends the chain's coin along with a token, which the token would keep.")
    account = read_account(recipient)
    request = LinkRequest(token, None if units is None else _units(units))
    return Spelling(FORM, link.chain, account.address, account.name, account.vouched_by, request=request)


def _refuse_surplus(link: _Link) -> None:
    if link.parameters:
        raise BadAddress(f"the payment link says {next(iter(link.parameters))[:40]!r}, which l2send does not know.")


def _units(text: str) -> int:
    units = _number(text)
    if units == 0:
        raise BadAmount("the payment link asks for nothing: its amount is zero.")
    return units


def _number(text: str) -> int:
    """An integer, also as `2.014e18`. Raises BadAmount."""
    match = _NUMBER.fullmatch(text)
    whole, fraction, exponent = (match[1], match[2] or "", int(match[3] or 0)) if match else ("", "", 0)
    if not match or not whole + fraction or len(whole + fraction) > 80 or exponent > 80:
        raise BadAmount(f"{text[:40]!r} is not an amount.", hint="A link writes amounts as 25000000 or 25e6.")
    if fraction.rstrip("0")[exponent:]:
        raise BadAmount(f"{text[:40]!r} is not a whole number of base units.")
    number = int((whole + fraction).ljust(len(whole) + exponent, "0")[: len(whole) + exponent] or "0")
    if number > _MAX_UINT256:
        raise BadAmount(f"{text[:40]!r} is more than any token can hold.")
    return number


def write(account: ChainAddress, amount: Amount | None = None, token: Token | None = None) -> str:
    """The payment link of an account with the requested amount, or with a token and any amount."""
    token = amount.token if amount else token
    if token is None or token.address is None:
        value = f"?value={amount.units}" if amount else ""
        return f"{_SCHEME}{account.address}@{account.chain_id}{value}"
    units = f"&uint256={amount.units}" if amount else ""
    return f"{_SCHEME}{token.address}@{account.chain_id}/transfer?address={account.address}{units}"


def spellings(link: str) -> list[str]:
    """The link, and the same with its amount in scientific notation, `25e18`: shorter. Source: ERC-681, number."""
    shorter = _NOUGHTS.sub(lambda found: f"{found[1]}e{len(found[2])}", link)
    return [link, shorter, re.sub(r"e(?=[0-9]+$)", "E", shorter)]
