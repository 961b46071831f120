"""A settler whose `resolve()` lies: an answer that differs from our order in any field is detected before signing.

The honest answer is a settler's own, on a running chain. It is changed one field, and one byte, at a time, and given by
a contract that says nothing else, to the very check that comes before a plan is shown.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from l2send.bridges.across.contracts import ContractState
from l2send.bridges.across.gasless import _QUOTED_BEFORE, _RESOLVE_FOR, _SETTLER_PERMIT2, _refuse_other_opening
from l2send.bridges.across.messages import gasless_order
from l2send.bridges.eco.bridge import _refuse_other_id
from l2send.bridges.erc7683 import OPEN, RESOLVE, RESOLVED_ORDER
from l2send.bridges.hyperlane7683.route import refuse_other_order
from l2send.client import Client
from l2send.core.address import Address
from l2send.core.calldata import Function, abi_decode, abi_encode, address_word
from l2send.core.errors import L2sendError
from l2send.core.paths import Paths
from l2send.core.units import Seconds
from l2send.devnet.node import Node
from l2send.devnet.state import require
from tests.bridges.mutations import Capsys, tell
from tests.bridges.standins import ORIGIN, StandIns
from tests.conftest import Home
from tests.support.addresses import new_address
from tests.support.gasless import GASLESS, Broke, sponsored

pytestmark = pytest.mark.lab

FIELDS = (
    "user", "originChainId", "openDeadline", "fillDeadline", "orderId", "maxSpent", "minReceived", "fillInstructions",
)  # fmt: skip
OUTPUT_PARTS = ("token", "amount", "recipient", "chainId")
INSTRUCTION_PARTS = ("destinationChainId", "destinationSettler", "originData")
Answer = tuple[Any, ...]


def others(value: Any) -> list[Any]:
    """What is nearly `value`, and what is far from it."""
    if isinstance(value, int):
        return [number for number in (value - 1, value + 1, 0) if 0 <= number < 2**32 and number != value]
    if isinstance(value, str):
        return [new_address(), "0x" + "0" * 40]
    first = bytes([value[0] ^ 1]) + value[1:]
    last = value[:-1] + bytes([value[-1] ^ 1])
    return [first, last, *([b"", value + bytes(32)] if len(value) != 32 else [address_word(new_address())])]


def lies(honest: Answer) -> Iterator[tuple[str, str, Answer]]:
    """The field, the place in it, and the answer with that one thing changed."""
    for index, called in enumerate(FIELDS):
        if index < 5:
            for number, other in enumerate(others(honest[index])):
                yield called, f"{called} {number}", (*honest[:index], other, *honest[index + 1 :])
            continue
        (only,) = honest[index]
        changed = {"none": (), "twice": (only, only)}
        for part, name in enumerate(INSTRUCTION_PARTS if called == "fillInstructions" else OUTPUT_PARTS):
            for number, other in enumerate(others(only[part])):
                changed[f"{name} {number}"] = ((*only[:part], other, *only[part + 1 :]),)
        for name, entries in changed.items():
            yield called, f"{called} {name}", (*honest[:index], entries, *honest[index + 1 :])


def code_of(answer: bytes, known: dict[bytes, bytes]) -> str:
    """Code that gives these answers to functions of these selectors, and `answer` to every other."""
    answers = [*known.values(), answer]
    head_length, body_length = 5 + 11 * len(known), 14
    data_at = head_length + body_length * len(answers) + 4
    fallback = head_length + 4 + body_length * len(known)
    heads, bodies, data = "5f3560e01c", "", b""
    for index, words in enumerate(answers):
        if index < len(known):
            heads += f"8063{list(known)[index].hex()}1461{head_length + 4 + body_length * index:04x}57"
        bodies += f"5b61{len(words):04x}61{data_at + len(data):04x}5f3961{len(words):04x}5ff3"
        data += words
    return f"0x{heads}61{fallback:04x}56{bodies}{data.hex()}"


@dataclass
class Liar:
    """A settler that answers as it is told, and the check of its bridge that asks it."""

    node: Node
    settler: Address
    check: Callable[[], Awaitable[None]]
    """Raises L2sendError."""
    known: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])

    async def says(self, answer: bytes) -> str:
        """Why it is refused, or an empty string."""
        self.node.call("anvil_setCode", self.settler, code_of(answer, self.known))
        try:
            await self.check()
        except L2sendError as error:
            return error.message
        return ""

    async def judge(self, honest: Answer, capsys: Capsys, what: str) -> None:
        """Lie with it, and be itself again."""
        code = self.node.call("eth_getCode", self.settler, "latest")
        try:
            await judge(self, honest, capsys, what)
        finally:
            self.node.call("anvil_setCode", self.settler, code)


def encoded(answer: Answer) -> bytes:
    return abi_encode([RESOLVED_ORDER], [answer])


async def judge(liar: Liar, honest: Answer, capsys: Capsys, what: str) -> None:
    """Every field and every byte of the answer, by turns."""
    assert not await liar.says(encoded(honest)), "the honest answer is taken"
    told = [(called, name, await liar.says(encoded(answer))) for called, name, answer in lies(honest)]
    unnoticed = [name for called, name, why in told if called not in why]
    tell(capsys, f"{what}, field by field", len(told) - len(unnoticed), len(told))
    assert not unnoticed
    assert {called for called, _, _ in told} == set(FIELDS)
    good, seeded, refused, same = encoded(honest), random.Random(what), 0, list[int]()
    for position in range(len(good)):
        bad = bytearray(good)
        bad[position] ^= seeded.randint(1, 255)
        if await liar.says(bytes(bad)):
            refused += 1
        else:
            assert abi_decode([RESOLVED_ORDER], bytes(bad)) == (honest,), f"byte {position} went unnoticed"
            same.append(position)
    tell(capsys, f"{what}, byte by byte", refused, len(good) - len(same), f", {len(same)} that say nothing")
    assert len(same) < 32, "only what pads the last bytes says nothing"


def test_a_router_that_takes_an_order_for_another_is_refused(
    stand_ins: StandIns, tmp_path: Path, capsys: Capsys
) -> None:
    payer = stand_ins.payer(tmp_path)
    quote = payer.quote("hyperlane7683")
    tx, order, node = quote.steps[-1].tx, quote.order, stand_ins.origin.node
    assert order
    call = {"from": payer.address, "to": tx.to, "data": "0x" + RESOLVE.encode(*OPEN.decode_call(tx.data)).hex()}
    (honest,) = RESOLVE.decode_result(bytes.fromhex(node.call("eth_call", call, "latest")[2:]))

    async def lie(client: Client) -> None:
        liar = Liar(node, tx.to, lambda: refuse_other_order(tx, order, client.rpcs))
        await liar.judge(honest, capsys, "resolve() of Hyperlane7683")

    payer.with_client(lie)


def test_a_settler_that_would_open_another_order_is_refused(home: Home, tmp_path: Path, capsys: Capsys) -> None:
    broke = Broke(home, require(home.paths.state), Paths.under(tmp_path / "mine"))
    home.fund(broke.address, ORIGIN, USDC="100")
    quote = broke.plan(via=GASLESS).plan.quote
    order, messages = quote.order, sponsored(quote)
    assert order
    settler, filler = order.origin_settler, abi_encode(["address"], [broke.address])

    def ask(function: Function, *values: Any) -> bytes:
        return broke.node.eth_call(settler, function.encode(*values))

    known = {function.selector: ask(function) for function in (_SETTLER_PERMIT2, _QUOTED_BEFORE)}
    (honest,) = _RESOLVE_FOR.decode_result(ask(_RESOLVE_FOR, gasless_order(messages.messages[-1].data), filler))

    async def lie(client: Client) -> None:
        rpc = client.rpcs.on(order.origin)
        now = await rpc.time()
        state = ContractState(now, now, Seconds(3600), Seconds(21_600), settler_works=True)
        liar = Liar(broke.node, settler, lambda: _refuse_other_opening(order, messages, state, rpc), known)
        await liar.judge(honest, capsys, "resolveFor() of Across")

    broke.do(lie)


def test_a_portal_that_gives_the_order_another_id_is_refused(home: Home, tmp_path: Path, capsys: Capsys) -> None:
    broke = Broke(home, require(home.paths.state), Paths.under(tmp_path / "mine"))
    home.fund(broke.address, ORIGIN, USDC="100", ETH="1")
    quote = broke.plan(via="eco").plan.quote
    tx, order, node = quote.steps[-1].tx, quote.order, broke.node
    assert order
    (honest,) = RESOLVE.decode_result(node.eth_call(tx.to, RESOLVE.encode(*OPEN.decode_call(tx.data))))

    async def lie(client: Client) -> None:
        liar = Liar(node, tx.to, lambda: _refuse_other_id(tx, order, client.rpcs.on(order.origin)))
        code = node.call("eth_getCode", tx.to, "latest")
        try:
            assert not await liar.says(encoded(honest)), "the honest answer is taken"
            ids = [bytes(byte ^ (index == at) for index, byte in enumerate(honest[4])) for at in range(32)]
            told = [await liar.says(encoded((*honest[:4], other, *honest[5:]))) for other in ids]
        finally:
            node.call("anvil_setCode", tx.to, code)
        tell(capsys, "resolve() of Eco, its id byte by byte", sum("another id" in why for why in told), 32)
        assert all("another id" in why for why in told)

    broke.do(lie)
