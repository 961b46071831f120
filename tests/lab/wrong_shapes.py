"""A seeded fuzz of answers: payments through nodes whose answers have wrong types, in one process that counts.

`python -m tests.lab.wrong_shapes HOME SEED COUNT` pays on the devnet of HOME until COUNT answers were spoilt, and
prints one line of JSON: what was spoilt, how payments ended, what was wrong, and the most memory this process took.

Only shapes are wrong: types, sizes, nulls, numbers out of range, ABI parts that overlap, bodies that are no JSON. A
false answer of the right shape is a lie, and the matrix of faults has those.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import tempfile
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from l2send.core.errors import L2sendError
from l2send.core.paths import Paths
from l2send.devnet import state
from tests.lab.odd_nodes import Asked, OddTransport, Reply, meet, overlapping_arrays
from tests.lab.payer import Errand, journaled, pay, quickened
from tests.lab.transport import urls_of
from tests.lab.verdict import judge
from tests.lab.wire import Upstream
from tests.lab.world import World
from tests.support.addresses import new_address

_SHARE = 0.15
"""Of the answers that are spoilt."""
_TOGETHER = 16
_AT_LAST = 20.0
"""Seconds of patience, once all nodes are honest."""
_RUNS_AT_LAST = 3
"""A busy machine answers itself too late now and then: a person would run `resume` again."""
_NUMBERS = [hex(2**63), hex(2**64), hex(2**255), hex(2**256), "0x" + "f" * 400, "0x", "0xzz", "12", "-0x1", "0x-1"]
_OTHERS: list[Any] = [
    None,
    True,
    7,
    -1,
    2**70,
    1.5,
    1e308,
    "",
    " ",
    "null",
    "\u202e\x1b[31m",
    [],
    {},
    [[]],
    [None],
    {"a": 1},
]
_BODIES = [
    b"", b"null", b"[]", b"{}", b"7", b'"text"', b"<html>", b"{", b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe",
    b" " * 5_000_000, b'{"result": 1e999}', b"NaN", b'{"jsonrpc":"2.0","id":null,"result":"0x1"}',
    b"[" + b"[]," * 600_000 + b"[]]",
]  # fmt: skip
_STATUSES = [200, 201, 204, 301, 400, 401, 403, 404, 413, 429, 500, 502, 503, 529, 599]
_ERRORS: list[Any] = [
    "text", 7, [], {}, True, {"code": "x", "message": None}, {"code": 2**70, "message": ["x"]}, {"message": {"a": 1}},
    {"code": -32000, "message": "x" * 100_000}, {"code": -32000, "message": "\x1b]0;x\x07", "data": {"data": 7}},
    {"code": -32005, "message": "later", "data": {"rate": {"backoff_seconds": "x"}}}, {"code": -32603, "data": [1]},
]  # fmt: skip


class Spoiler:
    """Spoils a share of all answers, as its seed says."""

    def __init__(self, seed: int, count: int) -> None:
        self.dice = random.Random(seed)
        self.left = count
        self.spoilt = Counter[str]()

    async def __call__(self, asked: Asked) -> Reply | None:
        if self.left <= 0 or self.dice.random() > _SHARE:
            return None
        answer = await asked.forward()
        self.left -= 1
        ways = [self._number, self._other, self._inside, self._inside, self._data, self._error, self._body]
        how = self.dice.choice(ways)
        self.spoilt[how.__name__.strip("_")] += 1
        return how(asked, answer)

    def _number(self, asked: Asked, answer: dict[str, Any]) -> Reply:
        return asked.result(self.dice.choice(_NUMBERS))

    def _other(self, asked: Asked, answer: dict[str, Any]) -> Reply:
        return asked.result(self.dice.choice(_OTHERS))

    def _inside(self, asked: Asked, answer: dict[str, Any]) -> Reply:
        """A value somewhere within the answer; a whole answer that has none within."""
        places = list(_places(answer.get("result")))
        if not places or asked.method == "eth_call":
            return self._data(asked, answer)
        holder, key = self.dice.choice(places)
        holder[key] = self.dice.choice([*_NUMBERS, *_OTHERS])
        return Reply(answer)

    def _data(self, asked: Asked, answer: dict[str, Any]) -> Reply:
        """Bytes cut, stretched, of parts that overlap, or of offsets and lengths that lead nowhere."""
        result = answer.get("result")
        text = result if isinstance(result, str) else "0x" + "00" * 96
        changed = self.dice.choice([_cut, _odd, _stretched, _overlapping, _far_offset])(text, self.dice)
        return asked.result(changed)

    def _error(self, asked: Asked, answer: dict[str, Any]) -> Reply:
        error = self.dice.choice(_ERRORS)
        return Reply({"jsonrpc": "2.0", "id": asked.id, "error": error}, self.dice.choice(_STATUSES))

    def _body(self, asked: Asked, answer: dict[str, Any]) -> Reply:
        return Reply(self.dice.choice(_BODIES), self.dice.choice(_STATUSES))


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value where something stands."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [place for inner in value.values() for place in _places(inner)]
    if isinstance(value, list):
        return [(value, at) for at in range(len(value))] + [place for inner in value for place in _places(inner)]
    return []


def _cut(text: str, dice: random.Random) -> str:
    return text[: 2 + 2 * dice.randrange(0, 31)]


def _odd(text: str, dice: random.Random) -> str:
    return text + "0"


def _stretched(text: str, dice: random.Random) -> str:
    return text[:10] + "00" * dice.choice([1, 31, 33, 10**6])


def _overlapping(text: str, dice: random.Random) -> str:
    return overlapping_arrays()


def _far_offset(text: str, dice: random.Random) -> str:
    words = [text[2:][at : at + 64] for at in range(0, len(text) - 2, 64)] or ["0" * 64]
    words[0] = dice.choice(["f" * 64, "0" * 64, "1".rjust(64, "0"), (2**63).to_bytes(32, "big").hex()])
    return "0x" + "".join(words) if len(words) > 1 else "0x" + words[0][:-2]


class Report:
    """What came of all payments."""

    def __init__(self) -> None:
        self.ends = Counter[str]()
        self.wrong = list[str]()

    @property
    def payments(self) -> int:
        return self.ends.total()


async def play(world: World, folder: Path, seed: int, count: int) -> dict[str, Any]:
    """Payments, some at a time, until `count` answers were spoilt, and what came of them."""
    transport = OddTransport([Upstream(node.url) for node in world.nodes])
    spoiler, report = Spoiler(seed, count), Report()
    registry = world.seen_through([url.replace("wire", "odd") for url in urls_of(len(world.chains))], 1)
    with quickened(0.05, transport):
        while spoiler.left > 0:
            errands = [
                Errand(folder / account.address, registry, account, at % 2, new_address(), patience=2)
                for at, account in enumerate(world.accounts(_TOGETHER))
            ]
            await asyncio.gather(*(_play_one(world, errand, spoiler, report) for errand in errands))
    await transport.hang_up()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {
        "seed": seed,
        "payments": report.payments,
        "spoilt": spoiler.spoilt,
        "ends": report.ends,
        "wrong": report.wrong,
        "megabytes": most,
    }


async def _play_one(world: World, errand: Errand, spoiler: Spoiler, report: Report) -> None:
    meeting = meet(spoiler)
    report.wrong += await _tracebacks(errand)
    meeting.rule = None  # Honest nodes at last: it ends, no matter what was said before.
    for _ in range(_RUNS_AT_LAST):
        report.wrong += await _tracebacks(replace(errand, patience=_AT_LAST))
    verdict = judge(world, errand.account, errand.recipient, errand.index, journaled(errand), meeting.sent)
    report.ends[f"{('direct', 'bridged')[errand.index]} {verdict.state}"] += 1
    report.wrong += [f"{errand.destination}: {why}" for why in verdict.wrong]


async def _tracebacks(errand: Errand) -> list[str]:
    """Pay, or resume what is open: any error but those with words."""
    known = journaled(errand)
    if known and not known.meaning.open:
        return []
    try:
        await pay(errand)
    except L2sendError:
        return []
    except Exception:  # noqa: BLE001 - what is looked for
        return [f"{errand.destination}: {traceback.format_exc()}"]
    return []


def main() -> None:
    home, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    world = World(home, state.require(Paths.under(home).state))
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(asyncio.run(play(world, Path(folder), seed, count))))


if __name__ == "__main__":
    main()
