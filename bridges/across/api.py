"""What Across asks for a delivery, by its API: a price and a time, never calldata.

This is the legacy schema, GET /suggested-fees on app.across.to/api: amounts are base units in decimal
strings, ETH goes by the address of WETH, and the amount asked about is the one deposited. A payment fixes
what is delivered, so the question is repeated until the deposit covers both the delivery and the fee.

The relayer that the API would give an exclusive right to fill is ignored: everybody may fill. Across gives out API
keys: the one in ACROSS_API_KEY goes along, to hosts of across.to over https and to nobody else.

Source: docs.across.to/api-reference (authentication) and /api-reference/suggested-fees/get.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from l2send.bridges.json_answers import natural, reason
from l2send.core.address import Address
from l2send.core.errors import BadAnswer, ConfigError, Refused
from l2send.core.http import Bearer, Http, get_json
from l2send.core.units import Seconds, UnixTime

_WHO = "the quote API of Across"
_ROUNDS = 4
_KEY = "ACROSS_API_KEY"
_OWN_HOSTS = ".across.to"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked: the price of `wanted` units of the input token on the other side."""

    origin: int
    destination: int
    input_token: Address
    output_token: Address
    recipient: Address
    wanted: int
    """What shall arrive, in base units of the input token."""
    spoke_pool: Address
    """The origin's pool by the registry."""


@dataclass(frozen=True, slots=True)
class Price:
    """All of the API's answer that is used."""

    input_units: int
    quoted_at: UnixTime
    """The time by the hub's chain that sets the system's fee."""
    deadline: UnixTime
    duration: Seconds


async def ask_price(http: Http, api: str, wish: Wish) -> Price:
    """What must be deposited so that `wish.wanted` arrives. Raises NetworkError, Refused."""
    units = wish.wanted
    for _ in range(_ROUNDS):
        fee, price = await _ask(http, api, wish, units)
        if units - fee >= wish.wanted:
            return price
        # A part of the fee grows with the deposit: a 500th more covers what the fee itself adds to it.
        units = wish.wanted + fee + fee // 500 + 1
    raise Refused("the fees that Across quotes do not settle on one amount.")


async def _ask(http: Http, api: str, wish: Wish, units: int) -> tuple[int, Price]:
    """The fee for depositing `units`, in units of the input token, and the price it makes."""
    parameters = {
        "inputToken": wish.input_token,
        "outputToken": wish.output_token,
        "originChainId": str(wish.origin),
        "destinationChainId": str(wish.destination),
        "amount": str(units),
        "recipient": wish.recipient,
    }
    answer = await get_json(http, f"{api}/suggested-fees", parameters, _WHO, bearer=_key_for(api))
    if answer.status >= 400:
        raise Refused(f"Across does not quote this: {reason(answer.body)}")
    try:
        return _read(answer.body, wish, units)
    except (KeyError, TypeError, ValueError):
        raise BadAnswer(f"{_WHO} answered outside its schema.") from None


def _key_for(api: str) -> Bearer | None:
    """The user's key, if `api` is Across's own. Raises ConfigError for one that no header can carry."""
    key, url = os.environ.get(_KEY, ""), urlsplit(api)
    if not key or url.scheme != "https" or not f".{url.hostname}".endswith(_OWN_HOSTS):
        return None
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(f"{_KEY} holds characters that no API key has.", hint="Set it anew, without line breaks.")
    return Bearer(key)


def _read(body: Any, wish: Wish, units: int) -> tuple[int, Price]:
    if body["isAmountTooLow"]:
        raise Refused("the amount is too small for Across: its fee would be out of proportion.")
    most = natural(body["limits"]["maxDeposit"])
    if units > most:
        raise Refused(f"Across cannot take a deposit of more than {most} base units here at the moment.")
    if str(body["spokePoolAddress"]).lower() != wish.spoke_pool.lower():
        raise Refused("Across names another SpokePool than the registry: one of the two is out of date, or lies.")
    fee = natural(body["totalRelayFee"]["total"])
    times = (natural(body[name]) for name in ("timestamp", "fillDeadline", "estimatedFillTimeSec"))
    quoted_at, deadline, duration = times
    return fee, Price(units, UnixTime(quoted_at), UnixTime(deadline), Seconds(duration))
