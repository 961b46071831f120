"""Gets the price of a delivery from Across's API: a price and a time, never calldata.

Across has deprecated this API. Without it, a deposit is priced by your own figure: see price.py.

This is the legacy schema, GET /suggested-fees on app.across.to/api: amounts are base units in decimal strings, ETH is
given by the address of WETH, and the amount in the request is the one deposited. A payment fixes what is delivered, so
the request is repeated until the deposit covers both the delivery and the fee.

The relayer to which the API gives an exclusive right to fill is ignored: any relayer may fill. An API key of Across in
ACROSS_API_KEY is sent only to hosts of across.to over https.

Source: docs.across.to/api-reference (authentication) and /api-reference/suggested-fees/get.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from l2send.bridges.json_answers import parse_duration, parse_time, parse_uint, reason
from l2send.core.address import Address
from l2send.core.errors import BadAnswer, ConfigError, Refused
from l2send.core.http import Bearer, Http, get_json
from l2send.core.units import Seconds, UnixTime

_WHO = "the quote API of Across"
_ROUNDS = 4
_KEY = "ACROSS_API_KEY"
_OWN_HOSTS = ".across.to"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The request: the price of delivering `wanted` units of the input token on the destination."""

    origin: int
    destination: int
    input_token: Address
    output_token: Address
    recipient: Address
    wanted: int
    """What must arrive, in base units of the input token."""
    spoke_pool: Address
    """The origin's pool in the registry."""


@dataclass(frozen=True, slots=True)
class AcrossPrice:
    """The required deposit: the used part of the API's answer, or your own figure."""

    input_units: int
    quoted_at: UnixTime | None
    """The hub chain's time at which the system's fee is set; None: now."""
    deadline: UnixTime | None
    """The API's fill deadline; None: the latest that l2send allows."""
    duration: Seconds


async def ask_price(http: Http, api: str, delivery: Delivery) -> AcrossPrice:
    """The deposit with which `delivery.wanted` arrives. Raises NetworkError, Refused."""
    units = delivery.wanted
    for _ in range(_ROUNDS):
        fee, price = await _ask(http, api, delivery, units)
        if units - fee >= delivery.wanted:
            return price
        # Part of the fee grows with the deposit: a 500th more covers what the fee adds to it.
        units = delivery.wanted + fee + fee // 500 + 1
    raise Refused("the fees that Across quotes do not settle on one amount.")


async def _ask(http: Http, api: str, delivery: Delivery, units: int) -> tuple[int, AcrossPrice]:
    """The fee for depositing `units`, in units of the input token, and the resulting price."""
    parameters = {
        "inputToken": delivery.input_token,
        "outputToken": delivery.output_token,
        "originChainId": str(delivery.origin),
        "destinationChainId": str(delivery.destination),
        "amount": str(units),
        "recipient": delivery.recipient,
    }
    answer = await get_json(http, f"{api}/suggested-fees", parameters, _WHO, bearer=_key_for(api))
    if answer.status >= 400:
        raise Refused(f"Across does not quote this: {reason(answer.body)}")
    try:
        return _read(answer.body, delivery, units)
    except (KeyError, TypeError, ValueError):
        raise BadAnswer(f"{_WHO} answered outside its schema.") from None


def _key_for(api: str) -> Bearer | None:
    """The user's key, if `api` is Across's own. Raises ConfigError for a key that no header can hold."""
    key, url = os.environ.get(_KEY, ""), urlsplit(api)
    if not key or url.scheme != "https" or not f".{url.hostname}".endswith(_OWN_HOSTS):
        return None
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ConfigError(f"{_KEY} holds characters that no API key has.", hint="Set it again, without line breaks.")
    return Bearer(key)


def _read(body: Any, delivery: Delivery, units: int) -> tuple[int, AcrossPrice]:
    if body["isAmountTooLow"]:
        raise Refused("the amount is too small for Across: its fee would be out of proportion.")
    most = parse_uint(body["limits"]["maxDeposit"])
    if units > most:
        raise Refused(f"Across cannot take a deposit of more than {most} base units here at the moment.")
    if str(body["spokePoolAddress"]).lower() != delivery.spoke_pool.lower():
        raise Refused("Across names another SpokePool than the registry: one of the two is out of date, or lies.")
    fee = parse_uint(body["totalRelayFee"]["total"])
    quoted_at, deadline = (parse_time(body[name]) for name in ("timestamp", "fillDeadline"))
    return fee, AcrossPrice(units, quoted_at, deadline, parse_duration(body["estimatedFillTimeSec"]))
