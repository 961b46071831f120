"""Sends one JSON-RPC request to one URL; returns its result, or raises the exception that its error means."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from l2send.core.errors import BadAnswer, NetworkError
from l2send.core.http import Http, post
from l2send.core.json_text import parse_json
from l2send.core.rpc.node_errors import error_of, error_of_status, reverted_result
from l2send.core.text import redact

_MOST_BYTES = 2 * 1024 * 1024
"""The limit for one answer. Parsed JSON of many small parts takes thirty times as much memory."""
_ids = itertools.count(1)
_LONGEST_MESSAGE = 400


async def request(http: Http, url: str, method: str, params: Sequence[Any], where: str) -> Any:
    """The result, which may be null. Raises Transient, NodeError, BadAnswer. `where` names the node in errors.

    Source: jsonrpc.org/specification. Some gateways put the error into an HTTP status, with or without a JSON body.
    """
    request_id = next(_ids)
    asked = {"jsonrpc": "2.0", "id": request_id, "method": method, "params": list(params)}
    response = await post(http, url, asked, where, _MOST_BYTES)
    try:
        answer = parse_json(response.body)
    except ValueError:
        answer = None
    if isinstance(answer, dict) and answer.get("error") is not None:
        raise _without_keys(error_of(answer["error"], response.status, response.pause, where, method), url)
    if response.status != 200:
        words = answer.get("message") if isinstance(answer, dict) else None
        error = error_of_status(response.status, response.pause, where, words if isinstance(words, str) else "")
        raise _without_keys(error, url)
    if answer is None:
        raise BadAnswer(f"{where} answered {method} with something that is not JSON.")
    if not isinstance(answer, dict):
        raise BadAnswer(f"{where} answered {method} with no JSON-RPC object.")
    if answer.get("id") != request_id or "result" not in answer:
        raise BadAnswer(f"{where} answered {method} with another request's id, or with no result.")
    if reverted := reverted_result(answer["result"], method):
        raise reverted
    return answer["result"]


def _without_keys(error: NetworkError, url: str) -> NetworkError:
    """The error without the keys of `url`, which some providers repeat in their messages."""
    error.message = redact(error.message, url, limit=_LONGEST_MESSAGE)
    error.args = (error.message,)
    return error
