"""Runs blocking work so that Ctrl-C need not wait for it.

asyncio turns Ctrl-C into a request to cancel the running task. A task that waits for a password, scrypt or a DNS
look-up would not see that request before it is done.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Abandoning(ThreadPoolExecutor):
    """Threads that are abandoned at the end: a pending DNS look-up keeps no command from ending."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it in a thread of its own."""
        future: Future[T] = Future()
        work = lambda: fn(*args, **kwargs)  # noqa: E731 - mypy does not follow a partial of P
        threading.Thread(target=run_into, args=(future, work), daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for none of them."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)


_has_run = threading.Event()


def has_run() -> bool:
    """Whether any network request was made in this process, so something may have been sent."""
    return _has_run.is_set()


def run(command: Coroutine[Any, Any, T]) -> T:
    """As asyncio.run, without waiting for other threads at the end. Raises KeyboardInterrupt on Ctrl-C.

    Ctrl-C while a task blocks ends the loop at once. The error that `command` raises when cancelled is raised.
    """
    _has_run.set()
    runner = asyncio.Runner()
    try:
        loop = runner.get_loop()
        loop.set_default_executor(Abandoning())
        task = loop.create_task(command)
        try:
            return runner.run(_wait_for(task))
        except KeyboardInterrupt:
            if _reading:
                raise
            task.cancel()
            try:
                return loop.run_until_complete(task)
            except (asyncio.CancelledError, KeyboardInterrupt):
                raise KeyboardInterrupt from None
    finally:
        _close(runner)


async def _wait_for(task: asyncio.Task[T]) -> T:
    """Wait so that Ctrl-C cancels this wait, not the task."""
    await asyncio.wait({task})
    return task.result()


_reading = list[Callable[[], None]]()
"""For each open `only_reading`, what erases its progress from the screen. Empty: something may be signed or written."""
_abandoned = list[asyncio.Runner]()
"""Kept, because a loop that is freed warns about its unfinished tasks."""


@contextmanager
def only_reading(stop: Callable[[], None]) -> Iterator[None]:
    """While the command only waits for answers: Ctrl-C calls `stop` and ends at once, without closing connections."""
    _reading.append(stop)
    try:
        yield
    finally:  # Not reached after Ctrl-C: the task is abandoned.
        with suppress(ValueError):
            _reading.remove(stop)


def _close(runner: asyncio.Runner) -> None:
    if not _reading:
        runner.close()
        return
    while _reading:
        _reading.pop()()
    _abandoned.append(runner)


@contextmanager
def interrupted_at_once() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt in the context, inside asyncio too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def load_package(name: str) -> None:
    """Import it. Ctrl-C ends that inside asyncio too, which would notice it afterwards. Raises KeyboardInterrupt."""
    with interrupted_at_once():
        try:
            import_module(name)
        except Exception as error:
            if is_of_an_interrupt(error):
                raise KeyboardInterrupt from None
            raise


def is_of_an_interrupt(error: BaseException | None) -> bool:
    """Whether Ctrl-C came first: Python raises another error for one that arrives while a class is created."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__cause__ or error.__context__
    return False


def result_of(future: Future[T]) -> T:
    """Wait for it; Ctrl-C ends the wait. Raises KeyboardInterrupt, and what the work raised."""
    with interrupted_at_once():
        return future.result()


def apart(work: Callable[[], T]) -> T:
    """The result of `work`, run in another thread. Raises KeyboardInterrupt on Ctrl-C, and what `work` raises."""
    if threading.current_thread() is not threading.main_thread():
        return work()
    future: Future[T] = Future()
    threading.Thread(target=run_into, args=(future, work), daemon=True).start()
    return result_of(future)


def run_into(future: Future[T], work: Callable[[], T]) -> None:
    """Store the result of `work`, or its error, for the thread that waits for it."""
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
        _set(future, error=error)
    else:
        _set(future, result)


def _set(future: Future[T], result: T | None = None, error: BaseException | None = None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(result)  # type: ignore[arg-type]
    else:
        future.set_exception(error)
