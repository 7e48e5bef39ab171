"""How workers end: in words, and when too many of them did.

Pure. A reason is a short sentence on its first line, and may go on below it.
"""

from __future__ import annotations

from collections import Counter

CRASHED = "crashed"

AT_START = 2
"""Workers of one pool that may die before they are up until the pool is given up."""

IN_VAIN = 8
"""Workers of one pool that may end, one after the other, with no test to blame and none run."""


def broken_down(traceback: str) -> str:
    """Return the reason of a worker in which something else than a test failed."""
    text = traceback.strip()
    return f"failed: {text.splitlines()[-1] if text else 'it does not say why'}\n{text}"


def brief(why: str) -> str:
    """Return the first line of a reason."""
    return why.splitlines()[0]


def sentence(worker: str, why: str, doing: str) -> str:
    """Say what became of a worker while it did something."""
    if why == CRASHED:
        return f"worker {worker} crashed while {doing}"
    return f"worker {worker} ended while {doing}: {why}"


class Deaths:
    """Counts the workers of each pool that brought nothing."""

    def __init__(self) -> None:
        self._at_start: Counter[str] = Counter()
        self._in_vain: Counter[str] = Counter()

    def came_up(self, pool: str) -> None:
        """Note that a worker is up."""
        del self._at_start[pool]

    def did_work(self, pool: str) -> None:
        """Note that a test ended."""
        del self._in_vain[pool]

    def died_at_start(self, pool: str) -> bool:
        """Note a worker that never came up; True when that is one too many."""
        self._at_start[pool] += 1
        return self._at_start[pool] == AT_START

    def died_in_vain(self, pool: str) -> bool:
        """Note a worker that no test brought down; True when that is one too many."""
        self._in_vain[pool] += 1
        return self._in_vain[pool] == IN_VAIN
