"""A small JSON-RPC client for chains on this machine: a single kept-alive connection, single calls or batches.

The solver polls every chain several times a second; on 127.0.0.1 this costs a fifth of a full HTTP client.
Clients of real networks use core.rpc.
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from l2send.core.errors import BadAnswer, NetworkError, NodeError

Request = tuple[str, list[Any]]
"""A JSON-RPC method and its parameters."""


class Node:
    """One chain's JSON-RPC endpoint. Safe to share between threads; closed when nothing refers to it."""

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        parts = urlsplit(url)
        self.url = url
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
        self._lock = threading.Lock()

    def call(self, method: str, *params: Any) -> Any:
        """The result of one call. Raises NetworkError, NodeError (with the node's code and data)."""
        return _result(self._post(_message(0, method, list(params))))

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """The results of many calls in one round trip, in their order. Raises on the first that failed."""
        if not requests:
            return []
        answers = self._post([_message(i, method, params) for i, (method, params) in enumerate(requests)])
        if not isinstance(answers, list) or len(answers) != len(requests):
            raise BadAnswer(f"{self.url} answered a batch of {len(requests)} with {str(answers)[:200]}")
        return [_result(answer) for answer in sorted(answers, key=lambda a: int(a["id"]))]

    def quantity(self, method: str, *params: Any) -> int:
        """A result that is a hex number."""
        return int(self.call(method, *params), 16)

    def eth_call(self, to: str, data: bytes) -> bytes:
        """The result of a view function at the latest block."""
        return bytes.fromhex(self.call("eth_call", {"to": to, "data": "0x" + data.hex()}, "latest")[2:])

    def now(self) -> int:
        """The time of the latest block, in Unix seconds."""
        return int(self.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def __del__(self) -> None:
        self._connection.close()

    def _post(self, body: Any) -> Any:
        data = json.dumps(body).encode()
        with self._lock:
            try:
                return json.loads(self._exchange(data))
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                raise NetworkError(f"{self.url} does not answer: {error!r}") from error
            except ValueError as error:
                raise BadAnswer(f"{self.url} does not answer in JSON.") from error

    def _exchange(self, data: bytes) -> bytes:
        self._connection.request("POST", "/", data, {"Content-Type": "application/json"})
        return self._connection.getresponse().read()


def _message(number: int, method: str, params: list[Any]) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _result(answer: Any) -> Any:
    if not isinstance(answer, dict):
        raise BadAnswer(f"not a JSON-RPC answer: {str(answer)[:200]}")
    error = answer.get("error")
    if error is not None:
        raise NodeError(str(error.get("message")), rpc_code=int(error.get("code", 0)), data=str(error.get("data", "")))
    return answer.get("result")
