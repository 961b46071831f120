"""Concurrent tasks end together, and a shared request is sent once: nothing keeps running after an error."""

from __future__ import annotations

import asyncio

import pytest

from l2send.core.concurrency import AskedOnce, all_of
from l2send.core.errors import ConfigError, NetworkError


class Part:
    """Work that waits until it is told to end."""

    def __init__(self) -> None:
        self.ended = ""

    async def work(self, seconds: float = 30.0, error: Exception | None = None) -> None:
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        self.ended = "done"
        if error:
            raise error


def test_all_of_it_is_done() -> None:
    one, other = Part(), Part()
    asyncio.run(all_of(one.work(0.01), other.work(0)))
    assert (one.ended, other.ended) == ("done", "done")


def test_an_error_ends_the_others_and_is_raised() -> None:
    one, other = Part(), Part()
    with pytest.raises(NetworkError):
        asyncio.run(all_of(one.work(), other.work(0, NetworkError("silent"))))
    assert (one.ended, other.ended) == ("cancelled", "done")


def test_of_two_errors_the_first_part_is_told() -> None:
    one, other = Part(), Part()
    with pytest.raises(ConfigError):
        asyncio.run(all_of(one.work(0, ConfigError("of the first")), other.work(0, NetworkError("silent"))))


def test_who_waits_no_longer_leaves_nothing_behind() -> None:
    one, other = Part(), Part()

    async def run() -> None:
        waiting = asyncio.create_task(all_of(one.work(), other.work()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    asyncio.run(run())
    assert (one.ended, other.ended) == ("cancelled", "cancelled")


class Question:
    """Counts how often it is asked, and answered."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = 0
        self.answered = 0
        self._error = error

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(0.01)
        self.answered += 1
        if self._error:
            raise self._error
        return self.asked


def test_who_asks_at_the_same_time_gets_one_answer() -> None:
    question, once = Question(), AskedOnce[int]()

    async def run() -> list[int]:
        first = await asyncio.gather(*(once.ask(question.ask) for _ in range(5)))
        return [*first, await once.ask(question.ask)]

    assert asyncio.run(run()) == [1, 1, 1, 1, 1, 2]


def test_an_error_is_of_all_who_asked_and_not_of_who_asks_later() -> None:
    question, once = Question(NetworkError("silent")), AskedOnce[int]()

    async def run() -> list[object]:
        asked = (once.ask(question.ask) for _ in range(3))
        found: list[object] = list(await asyncio.gather(*asked, return_exceptions=True))
        return [*found, *await asyncio.gather(once.ask(question.ask), return_exceptions=True)]

    assert all(isinstance(error, NetworkError) for error in asyncio.run(run()))
    assert question.asked == 2


def test_who_gives_up_leaves_the_others_their_answer_and_the_last_one_ends_it() -> None:
    question, once = Question(), AskedOnce[int]()

    async def run() -> None:
        one, other = (asyncio.create_task(once.ask(question.ask)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        one.cancel()
        assert (await other, question.answered) == (1, 1)
        alone = asyncio.create_task(once.ask(question.ask))
        await asyncio.sleep(0.001)
        alone.cancel()
        await asyncio.sleep(0.05)
        assert (question.asked, question.answered) == (2, 1)
        assert await once.ask(question.ask) == 3

    asyncio.run(run())
