"""Talks to the control endpoint of a running devnet's solver."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from l2send.core.errors import BadAnswer, NetworkError
from l2send.devnet.modes import Mode
from l2send.devnet.state import Devnet


def report(devnet: Devnet) -> dict[str, Any]:
    """Its mode, delay, process id and the results of its orders. Raises NetworkError."""
    return _ask(devnet, "GET", "/control")


def orders(devnet: Devnet) -> list[dict[str, Any]]:
    """Every order it saw, oldest first: intent_hash, state, reason and transaction hashes."""
    listed: list[dict[str, Any]] = _ask(devnet, "GET", "/orders")["orders"]
    return listed


def deposits(devnet: Devnet) -> list[dict[str, Any]]:
    """Every Across deposit it saw, oldest first: relay_hash, state, reason and transaction hashes."""
    listed: list[dict[str, Any]] = _ask(devnet, "GET", "/deposits")["deposits"]
    return listed


def set_mode(devnet: Devnet, mode: Mode, delay_seconds: float | None = None) -> dict[str, Any]:
    """Change what the solver does from now on, also with known orders. Returns its report."""
    change: dict[str, Any] = {"mode": mode.value}
    if delay_seconds is not None:
        change["delay_seconds"] = delay_seconds
    return _ask(devnet, "POST", "/control", change)


def _ask(devnet: Devnet, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    parts = urlsplit(devnet.solver_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        data = json.dumps(body).encode() if body is not None else None
        connection.request(method, path, data, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NetworkError(f"the devnet's solver does not answer: {error!r}") from error
    finally:
        connection.close()
    if response.status != 200 or not isinstance(answer, dict):
        raise BadAnswer(f"the devnet's solver answered {response.status}: {str(answer)[:200]}")
    return answer
