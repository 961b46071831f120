"""Which of several endpoints' errors decides: whether there is another round, and which one is raised."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from unittest.mock import patch

import pytest

from l2send.core.errors import (
    BadAnswer,
    ErrorClass,
    NetworkError,
    NodeError,
    NodeFailed,
    RateLimited,
    Transient,
    WrongChain,
)
from l2send.core.rpc import failover
from l2send.core.rpc.failover import Endpoint, first_answer, if_offered

REVERT = NodeError("execution reverted", kind=ErrorClass.REVERT)
REFUSED = NodeError("no such method", kind=ErrorClass.NOT_OFFERED)


def ask(*rounds: Sequence[NetworkError | str]) -> tuple[object, int]:
    """The answer of endpoints that say this in each round, and how often any was asked."""
    endpoints = [Endpoint(f"http://{number}") for number in range(len(rounds[0]))]
    script, asked = [said for each in rounds for said in each], 0

    async def answer(endpoint: Endpoint) -> str:
        nonlocal asked
        asked += 1
        said = script[asked - 1]
        if isinstance(said, NetworkError):
            raise said
        return said

    async def run() -> object:
        try:
            return await first_answer("Chain", endpoints, answer)
        except NetworkError as error:
            return error

    with patch.object(failover, "_FIRST_PAUSE", 0.0), patch.object(failover, "_MAX_PAUSE", 0.0):
        return asyncio.run(run()), asked


SLOW, NONSENSE, OTHER = Transient("silence"), BadAnswer("nonsense"), WrongChain("another chain")


@pytest.mark.parametrize("last", [NONSENSE, REFUSED, OTHER])
def test_one_that_was_silent_gets_another_round_for_every_last_word(last: NetworkError) -> None:
    assert ask([SLOW, last], ["answer", "unused"]) == ("answer", 3)


@pytest.mark.parametrize("first", [NONSENSE, REFUSED, OTHER])
def test_the_silent_one_may_be_the_last(first: NetworkError) -> None:
    assert ask([first, SLOW], [first, "answer"]) == ("answer", 4)


@pytest.mark.parametrize("errors", [(NONSENSE,), (REFUSED, NONSENSE), (OTHER, REFUSED)])
def test_without_hope_there_is_one_round(errors: Sequence[NetworkError]) -> None:
    found, asked = ask(errors)
    assert asked == len(errors)
    assert isinstance(found, NetworkError)


def test_the_most_hopeful_error_is_raised() -> None:
    assert ask([OTHER, NONSENSE, REFUSED])[0] is NONSENSE
    assert ask([SLOW, NONSENSE], [SLOW, NONSENSE], [SLOW, REFUSED]) == (SLOW, 6)


def test_a_revert_is_an_answer() -> None:
    assert ask([REVERT, "unused"]) == (REVERT, 1)


def test_without_endpoints_that_is_said() -> None:
    assert "no RPC endpoint" in str(ask([])[0])


def test_the_server_names_the_pause() -> None:
    pauses = list[float]()

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    async def answer(_: Endpoint) -> str:
        raise RateLimited("later", pause=7)

    async def run() -> None:
        with pytest.raises(RateLimited, match="later") as caught:
            await first_answer("Chain", [Endpoint("http://x")], answer)
        assert "7 s" in caught.value.hint

    with patch.object(failover.asyncio, "sleep", note):
        asyncio.run(run())
    assert pauses == [7, 7]


@pytest.mark.parametrize("error", [REFUSED, NONSENSE, NodeFailed("internal error")])
def test_an_ability_that_is_missing_is_none(error: NetworkError) -> None:
    assert asyncio.run(if_offered(lambda: failing(error))) is None


@pytest.mark.parametrize("error", [SLOW, OTHER, REVERT, RateLimited("later")])
def test_what_says_nothing_about_an_ability_is_raised(error: NetworkError) -> None:
    with pytest.raises(type(error)):
        asyncio.run(if_offered(lambda: failing(error)))


async def failing(error: NetworkError) -> str:
    raise error


# Hedged reads: without clocks, by endpoints that answer when they are let


def test_where_one_is_slower_than_usual_the_next_is_asked_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "_LEAST_PATIENCE", 0.01)
    slow, other = Endpoint("http://slow"), Endpoint("http://other")
    slow.note(0.001)
    cancelled = list[Endpoint]()

    async def answer(endpoint: Endpoint) -> str:
        if endpoint is slow:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(endpoint)
                raise
        return "of the other"

    assert asyncio.run(first_answer("Chain", [slow, other], answer)) == "of the other"
    assert cancelled == [slow]


def test_the_slow_one_may_still_be_the_first_with_a_usable_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "_LEAST_PATIENCE", 0.01)
    slow, other = Endpoint("http://slow"), Endpoint("http://other")
    slow.note(0.001)

    async def run() -> str:
        failed = asyncio.Event()

        async def answer(endpoint: Endpoint) -> str:
            if endpoint is slow:
                await failed.wait()
                return "of the slow one"
            failed.set()
            raise NONSENSE

        return await first_answer("Chain", [slow, other], answer)

    assert asyncio.run(run()) == "of the slow one"


def test_while_it_is_not_known_what_is_usual_nothing_is_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failover, "_LEAST_PATIENCE", 0.01)
    asked = list[str]()

    async def answer(endpoint: Endpoint) -> str:
        asked.append(endpoint.host)
        await asyncio.sleep(0.05)
        return "the first"

    first, second = Endpoint("http://first"), Endpoint("http://second")
    assert asyncio.run(first_answer("Chain", [first, second], answer)) == "the first"
    assert asked == ["first"]
    assert first.usual is not None


def test_an_error_in_the_program_is_not_taken_for_a_networks() -> None:
    async def answer(endpoint: Endpoint) -> str:
        raise KeyError(endpoint.host)

    with pytest.raises(KeyError):
        asyncio.run(first_answer("Chain", [Endpoint("http://first")], answer))


def test_a_look_that_is_cancelled_before_it_begins_leaves_no_question_behind() -> None:
    """Begun with the look, a question that never ran was told of on the screen of a person who went back."""
    begun = list[str]()

    async def ask() -> None:
        begun.append("asked")

    async def look() -> None:
        task = asyncio.ensure_future(if_offered(ask))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(look())
    assert begun == []
