"""Runs tasks concurrently, where one error cancels the others, and shares one request among concurrent callers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


async def all_of(*work: Awaitable[object]) -> None:
    """Run all of it concurrently; of several errors the first part's is raised. Nothing still runs after it returns."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in tasks:
            if task in done:
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class _Asking(Generic[T]):
    task: asyncio.Task[T]
    waiting: int = 0


@dataclass
class AskedOnce(Generic[T]):
    """One request: concurrent callers get the same answer, or the same error."""

    _asking: _Asking[T] | None = field(default=None, init=False)

    async def ask(self, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer to `question`. It is cancelled once no caller waits for it any more."""
        asking = self._asking
        if asking is None:
            asking = self._asking = _Asking(asyncio.create_task(question()))
        asking.waiting += 1
        try:
            return await asyncio.shield(asking.task)
        finally:
            asking.waiting -= 1
            if self._asking is asking and (asking.task.done() or not asking.waiting):
                self._asking = None
            if not asking.waiting:
                asking.task.cancel()
