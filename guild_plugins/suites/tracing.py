"""coverage.py's C tracer takes a lock at every call that it traces; needless while one thread runs.

The lock guards the table of files against tracers of other threads. With CPython 3.11 taking it
and giving it back is an eighth of the time of a measured suite (networkx). So it is left out
until a second thread is traced, and is back before that thread's first line.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coverage import Coverage

TRIES = 1000
"""How often to give way to a thread that is within what the lock would guard.

It can be stopped there only by a finalizer that the garbage collector runs in its midst.
"""


def lighten(measure: Coverage) -> None:
    """Leave the lock out as long as only this thread is traced.

    These are coverage.py's own parts, so each is looked at before it is used: where one of
    them is not there, and where threads run beside each other, all stays as it is.
    """
    collector: Any = getattr(measure, "_collector", None)
    tracers: list[Any] = getattr(collector, "tracers", [])
    install = getattr(collector, "_start_tracer", None)
    if install is None or len(tracers) != 1 or not _has_gil():
        return
    tracer = tracers[0]
    if not (hasattr(tracer, "lock_data") and hasattr(tracer, "unlock_data")):
        return
    collector._start_tracer = _Second(tracer, install)


class _Second:
    """Installs the tracer of one more thread, and before that the lock of the first.

    :param first: The tracer that runs alone until then.
    """

    def __init__(self, first: Any, install: Callable[[], object]) -> None:
        self._first = first
        self._install = install
        self._lock = (first.lock_data, first.unlock_data)
        self._inside: list[bool] = []
        """Not empty while the first thread is within what the lock guards."""
        self._is_locking = False
        # C functions, as those of the lock are: no Python code runs between the two.
        first.lock_data, first.unlock_data = partial(self._inside.append, True), self._inside.clear

    def __call__(self) -> object:
        """Do what the collector's own method does; it runs in the new thread."""
        if not self._is_locking:
            for _ in range(TRIES):
                if not self._inside:
                    break
                time.sleep(0)
            self._first.lock_data, self._first.unlock_data = self._lock
            self._is_locking = True
        return self._install()


def _has_gil() -> bool:
    is_enabled: Callable[[], bool] = getattr(sys, "_is_gil_enabled", lambda: True)
    return is_enabled()
