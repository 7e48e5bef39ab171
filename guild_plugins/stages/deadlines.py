"""One call of somebody else's code, plain or ``async``, that is waited for so long and no longer.

A thread cannot be ended from outside. What does not come back is left behind in a
daemon thread; ending it for good takes a process, which is an executor's matter.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from inspect import isawaitable
from typing import Any, Final

GRACE: Final = 1.0
"""Seconds for an ``async`` call that was cancelled to clean up."""


class DeadlinePassed(Exception):
    """The call did not come back."""


def perform(call: Callable[[], Any], seconds: float | None) -> Any:
    """Make a call and return what it gives; what is awaitable is awaited.

    Without a deadline a plain call is made in this thread, where a debugger finds it.

    :param seconds: The deadline; ``None`` to wait for ever.
    :raises DeadlinePassed: It was not done in time; if ``async``, it was cancelled.
    :raises BaseException: Whatever the call raises.
    """
    if seconds is not None:
        return _Errand(call, seconds).wait()
    value = call()
    # The loop of an ``async`` caller may run in this thread; another needs its own.
    return _Errand(lambda: value, None).wait() if isawaitable(value) else value


class _Errand:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], Any], seconds: float | None) -> None:
        self._call, self._seconds = call, seconds
        self._is_done = threading.Event()
        self._is_async = False
        self._value: Any = None
        self._error: BaseException | None = None
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(self._run,), daemon=True)
        thread.start()

    def wait(self) -> Any:
        """Return what the call gave, raise what it raised, or give it up."""
        if not self._is_done.wait(self._seconds):
            if self._is_async:
                self._is_done.wait(GRACE)
            raise DeadlinePassed
        if self._error is not None:
            raise self._error
        return self._value

    def _run(self) -> None:
        try:
            value = self._call()
            self._value = self._settle(value) if isawaitable(value) else value
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            self._error = error
        finally:
            self._is_done.set()

    def _settle(self, value: Awaitable[Any]) -> Any:
        # Its import costs more than most plain calls.
        import asyncio

        self._is_async = True
        return asyncio.run(self._within_time(value))

    async def _within_time(self, value: Awaitable[Any]) -> Any:
        import asyncio

        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                return await value
        except TimeoutError:
            if limit.expired():
                raise DeadlinePassed from None
            raise  # a timeout of the call's own
