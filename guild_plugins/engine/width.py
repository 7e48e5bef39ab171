"""How many workers a machine bears at once.

A worker whose tests compute keeps one core busy. One more than there are cores
takes its time from the others, and its start, its imports and its fixtures come
on top: measured on 2 cores, 4 workers used a third more processor time than 2
and ended no sooner. Tests that wait leave their core to others, so more workers
pay there. Which kind they are is seen by looking at the workers now and then.
"""

from __future__ import annotations

from typing import Final

LEAST_SAMPLES: Final = 16
"""Looks at busy workers, before what they show counts."""

MOST_SAMPLES: Final = 400
"""Looks that are remembered in full; then the past counts half."""


class Width:
    """The number of workers that the cores can feed.

    :param limit: The most that may be.
    :param cores: Those that they may use.
    :param share: The part of their time in which they wanted a core in an
        earlier run; None where nothing is known.
    """

    def __init__(self, limit: int, cores: int, share: float | None = None) -> None:
        self._limit = limit
        self._cores = cores
        self._busy = float(LEAST_SAMPLES if share is not None else 0)
        self._runnable = self._busy * (share or 0.0)

    @property
    def share(self) -> float | None:
        """The part of their time in which workers want a core; None while too little is known."""
        return self._runnable / self._busy if self._busy >= LEAST_SAMPLES else None

    @property
    def workers(self) -> int:
        """How many workers may live."""
        if self._cores >= self._limit:
            return self._limit
        share = self.share
        if share is None:
            return self._cores
        return min(self._limit, max(self._cores, int(self._cores / max(share, 0.01))))

    def note(self, busy: int, runnable: int) -> None:
        """Count what one look at the workers showed."""
        if self._busy > MOST_SAMPLES:
            self._busy, self._runnable = self._busy / 2, self._runnable / 2
        self._busy += busy
        self._runnable += runnable
