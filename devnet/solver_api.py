"""The solver's HTTP API: quotes, health, control. A stand-in for Eco's published quote API, version 3.

`POST /api/v3/quotes/single`, `/exactIn`, `/exactOut` use the schemas of Eco's OpenAPI description ("Quotes V3";
docs/bridges/eco.md names the copy it was compared with), and refuse fields that are not in it. `single` returns
`{"data": {contracts, quoteResponse}}`, the other two a list of solvers' offers, `{"data": [{quoteID, solverID,
receiveSignedIntentUrl, quoteData: {contracts, quoteResponse}}]}`. The description has one amount in a request,
`sourceAmount`; of `exactOut`, which fixes the output, it is read as the output.

`GET /across/api/suggested-fees` stands in for Across's, see `across_quotes`; `GET /sponsor/v1/fee`,
`POST /sponsor/v1/orders` and `POST /sponsor/v1/operations` for a sponsor's, see `sponsor` and `operations`. Beyond
these: `GET /health`, `GET /control`, `POST /control`, `GET /orders`, `GET /deposits`.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from l2send.core.address import ZERO_ADDRESS, checksum
from l2send.core.errors import BadAddress, L2sendError
from l2send.devnet import eco, pricing
from l2send.devnet.across_quotes import suggested_fees
from l2send.devnet.modes import Mode
from l2send.devnet.solver import Solver
from l2send.devnet.state import DevChain

QUOTE_SECONDS = 600
"""How long a quoted route stays valid, by the destination's clock."""
_MAX_BODY = 100_000
_MAX_AMOUNT_DIGITS = 78
_SELF_PUBLISH = "SELF_PUBLISH"
_EXECUTION_TYPES = frozenset({_SELF_PUBLISH, "GASLESS"})
_REQUEST = frozenset({"dAppID", "quoteRequest", "contracts"})
_QUOTE_REQUEST = frozenset(
    {
        "sourceChainID",
        "destinationChainID",
        "sourceToken",
        "destinationToken",
        "sourceAmount",
        "funder",
        "recipient",
        "refundRecipient",
    }
)
_CONTRACTS = frozenset({"sourcePortal", "destinationPortal", "prover"})


class BadRequest(Exception):
    """The error in a request."""


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """A validated quote request."""

    source: DevChain
    destination: DevChain
    give: pricing.Asset
    get: pricing.Asset
    funder: str
    recipient: str
    refund_recipient: str


def serve(starting: list[Solver]) -> ThreadingHTTPServer:
    """A server on a free port of 127.0.0.1. It answers 503 until the caller adds a solver to the list."""

    class Handler(_Handler):
        solvers = starting

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    solvers: ClassVar[list[Solver]]

    def do_GET(self) -> None:
        """Health, control, orders, Across's quotes. Actions receive the query."""
        self.path, _, query = self.path.partition("?")
        self._answer(_GETS, json.dumps(dict(parse_qsl(query))).encode())

    def do_POST(self) -> None:
        """Quotes and changes of mode."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MAX_BODY:
            self.close_connection = True
            self._send(413, {"message": "the request is too long"})
            return
        self._answer(_POSTS, self.rfile.read(length))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name http.server uses
        """Logs nothing: the log is for errors."""

    def _answer(self, table: dict[str, Callable[[Solver, Any], Any]], body: bytes) -> None:
        action = table.get(self.path)
        if action is None:
            self._send(404, {"statusCode": 404, "message": f"Cannot {self.command} {self.path[:200]}"})
        elif not self.solvers:
            self._send(503, {"statusCode": 503, "message": "the devnet is starting"})
        else:
            self._act(action, self.solvers[0], body)

    def _act(self, action: Callable[[Solver, Any], Any], solver: Solver, body: bytes) -> None:
        try:
            request = json.loads(body) if body else None
            self._send(201 if self.path.endswith("/exactIn") else 200, action(solver, request))
        except (BadRequest, pricing.NoQuote, BadAddress, ValueError) as error:
            self._send(400, {"statusCode": 400, "message": str(error), "error": "Bad Request"})
        except L2sendError as error:
            self._send(502, {"statusCode": 502, "message": str(error), "error": "Bad Gateway"})

    def _send(self, status: int, answer: Any) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _health(solver: Solver, _: Any) -> dict[str, Any]:
    return {"ok": True, "pid": os.getpid(), "address": solver.address, "chains": len(solver.chains)}


def _control(solver: Solver, _: Any) -> dict[str, Any]:
    return {**solver.report(), "pid": os.getpid()}


def _orders(solver: Solver, _: Any) -> dict[str, Any]:
    return {"orders": [order.report("intent_hash") for order in list(solver.orders.values())]}


def _deposits(solver: Solver, _: Any) -> dict[str, Any]:
    return {"deposits": [relay.report("relay_hash") for relay in list(solver.relays.relays.values())]}


def _sponsor_fee(solver: Solver, request: Any) -> dict[str, str]:
    return solver.sponsor.fee(_object(request, "the query"))


def _sponsor(solver: Solver, request: Any) -> dict[str, Any]:
    return solver.sponsor.post(_object(request, "the request"))


def _operations(solver: Solver, request: Any) -> dict[str, Any]:
    return solver.operations.post(_object(request, "the request"))


def _set_control(solver: Solver, request: Any) -> dict[str, Any]:
    body = _object(request, "the request")
    delay = body.get("delay_seconds")
    if delay is not None and (not isinstance(delay, int | float) or not 0 <= delay <= 86_400):
        raise BadRequest("delay_seconds must be a number from 0 to 86400")
    mode = body.get("mode", solver.mode.value)
    if mode not in list(Mode):
        raise BadRequest(f"mode must be one of {', '.join(Mode)}")
    solver.set_mode(Mode(mode), delay)
    return _control(solver, None)


def _single(solver: Solver, request: Any) -> dict[str, Any]:
    return {"data": _exact_in_quote(solver, _object(request, "the request"))}


def _exact_in(solver: Solver, request: Any) -> dict[str, Any]:
    rest, self_publish = _execution(request)
    quote = _exact_in_quote(solver, rest)
    return {"data": [_offer(quote)] if self_publish else []}


def _exact_out(solver: Solver, request: Any) -> dict[str, Any]:
    rest, self_publish = _execution(request)
    asked, wanted = _wish(solver, rest)
    quote = _quote(solver, asked, pricing.exact_out(asked.source.chain_id, asked.give, wanted), wanted)
    return {"data": [_offer(quote)] if self_publish else []}


def _execution(request: Any) -> tuple[dict[str, Any], bool]:
    """A request for offers without its execution types, and whether the payer may publish orders."""
    rest = dict(_object(request, "the request"))
    types = rest.pop("intentExecutionTypes", None)
    if not isinstance(types, list) or not types or not all(entry in _EXECUTION_TYPES for entry in map(str, types)):
        raise BadRequest(f"intentExecutionTypes must be a list of {', '.join(sorted(_EXECUTION_TYPES))}")
    return rest, _SELF_PUBLISH in types


def _exact_in_quote(solver: Solver, request: dict[str, Any]) -> dict[str, Any]:
    asked, given = _wish(solver, request)
    return _quote(solver, asked, given, pricing.exact_in(asked.source.chain_id, asked.give, given))


def _offer(quote: dict[str, Any]) -> dict[str, Any]:
    return {
        "quoteID": secrets.token_hex(16),
        "solverID": "devnet",
        "receiveSignedIntentUrl": "",
        "quoteData": quote,
    }


def _wish(solver: Solver, request: dict[str, Any]) -> tuple[QuoteRequest, int]:
    """The requested quote, and the request's one amount in base units."""
    _text(_known(request, "the request", _REQUEST), "dAppID")
    contracts = _known(request.get("contracts", {}), "contracts", _CONTRACTS)
    for name in contracts:
        checksum(_text(contracts, name))
    fields = _known(request.get("quoteRequest"), "quoteRequest", _QUOTE_REQUEST)
    source, destination = (
        _chain(solver, fields, "sourceChainID"),
        _chain(solver, fields, "destinationChainID"),
    )
    give, get = pricing.pair(source, _text(fields, "sourceToken"), destination, _text(fields, "destinationToken"))
    funder, recipient = checksum(_text(fields, "funder")), checksum(_text(fields, "recipient"))
    refund_recipient = checksum(_text({"refundRecipient": funder} | fields, "refundRecipient"))
    asked = QuoteRequest(source, destination, give, get, funder, recipient, refund_recipient)
    return asked, _amount(fields, "sourceAmount")


def _quote(solver: Solver, asked: QuoteRequest, given: int, delivered: int) -> dict[str, Any]:
    deadline = solver.nodes[asked.destination.chain_id].now() + QUOTE_SECONDS
    response = {
        "intentExecutionType": _SELF_PUBLISH,
        "sourceChainID": asked.source.chain_id,
        "destinationChainID": asked.destination.chain_id,
        "sourceToken": asked.give.address,
        "destinationToken": asked.get.address,
        "sourceAmount": str(given),
        "destinationAmount": str(delivered),
        "funder": asked.funder,
        "refundRecipient": asked.refund_recipient,
        "recipient": asked.recipient,
        "fees": [_fee(asked, given - delivered)],
        "deadline": deadline,
        "estimatedFulfillTimeSec": round(solver.delay_seconds) + 2 if solver.mode is Mode.DELAY else 2,
        "encodedRoute": "0x" + _route(asked, delivered, deadline).encode().hex(),
    }
    contracts = {
        "sourcePortal": asked.source.portal,
        "destinationPortal": asked.destination.portal,
        "prover": asked.source.prover,
    }
    return {"contracts": contracts, "quoteResponse": response}


def _fee(asked: QuoteRequest, amount: int) -> dict[str, Any]:
    token = {"address": asked.give.address, "decimals": asked.give.decimals, "symbol": asked.give.symbol}
    return {
        "name": "Solver fee",
        "description": "Kept by the devnet's solver",
        "token": token,
        "amount": str(amount),
    }


def _route(asked: QuoteRequest, amount: int, deadline: int) -> eco.Route:
    """The route that pays `amount` to the recipient: one transfer."""
    salt, portal = secrets.token_bytes(32), asked.destination.portal
    if asked.get.address == ZERO_ADDRESS:
        return eco.Route(salt, deadline, portal, amount, (), (eco.Call(asked.recipient, b"", amount),))
    call = eco.transfer_call(asked.get.address, asked.recipient, amount)
    return eco.Route(salt, deadline, portal, 0, (eco.TokenAmount(asked.get.address, amount),), (call,))


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadRequest(f"{what} must be an object")
    return value


def _known(value: Any, what: str, names: frozenset[str]) -> dict[str, Any]:
    """An object of the schema. Unknown fields are refused, so that a deviating client is noticed."""
    fields = _object(value, what)
    if unknown := fields.keys() - names:
        raise BadRequest(f"{what} has no property {min(unknown)[:40]}")
    return fields


def _chain(solver: Solver, fields: dict[str, Any], name: str) -> DevChain:
    chain = solver.chains.get(fields.get(name)) if isinstance(fields.get(name), int) else None  # type: ignore[arg-type]
    if chain is None:
        raise BadRequest(f"{name} {str(fields.get(name))[:40]} is not supported")
    return chain


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be a string")
    return value


def _amount(fields: dict[str, Any], name: str) -> int:
    text = _text(fields, name)
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_AMOUNT_DIGITS):
        raise BadRequest(f"{name} must be a whole number of base units, as a string")
    return int(text)


_GETS: dict[str, Callable[[Solver, Any], Any]] = {
    "/health": _health,
    "/control": _control,
    "/orders": _orders,
    "/deposits": _deposits,
    "/across/api/suggested-fees": suggested_fees,
    "/sponsor/v1/fee": _sponsor_fee,
}
_POSTS: dict[str, Callable[[Solver, Any], Any]] = {
    "/api/v3/quotes/single": _single,
    "/api/v3/quotes/exactIn": _exact_in,
    "/api/v3/quotes/exactOut": _exact_out,
    "/sponsor/v1/orders": _sponsor,
    "/sponsor/v1/operations": _operations,
    "/control": _set_control,
}
