"""What waits in a worker: units that are not collected, and tests that are.

Two threads share it: the session takes from its front, and the one that listens to
the controller adds to its end and takes back from there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from guild_plugins.suites.collection import Request
from guild_plugins.suites.unfolding import Unfolding

FIRST_TESTS = 24
"""Tests of a file that are made at first."""

LEAST_TESTS = 8
"""Tests that are made at a time after those, however slow they are."""

BATCH_SECONDS = 0.2
"""How long the tests that are made at a time should run."""


@dataclass(slots=True)
class Reading:
    """A unit of which not all tests are made."""

    unit: int
    request: Request
    rest: Unfolding
    ran: int = 0
    seconds: float = 0.0

    def next_batch(self) -> int:
        """Return how many tests to make next, by what those before them took.

        No more than ran already: the first ones may have been the quick ones.
        """
        if not self.ran:
            return FIRST_TESTS
        timely = int(BATCH_SECONDS * self.ran / max(self.seconds, 1e-6))
        return max(min(timely, self.ran), LEAST_TESTS)


class Queue:
    """Tests and units that wait in this worker, shared with the receiver thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._units: deque[tuple[int, dict[str, Any]]] = deque()
        self._tests: deque[tuple[int, int]] = deque()  # unit, index of the item
        self._finished = False
        self.is_abandoned = False
        self.reading: Reading | None = None
        self.open: dict[int, int] = {}  # unit, tests of it that have not ended here

    def add_unit(self, unit: int, request: dict[str, Any]) -> None:
        """Queue a unit that is not collected yet."""
        with self._changed:
            self._units.append((unit, request))
            self._changed.notify()

    def finish(self) -> None:
        """Let the worker end when its queue is empty."""
        with self._changed:
            self._finished = True
            self._changed.notify()

    def abandon(self) -> None:
        """Forget all that waits: the test that runs is the last one."""
        with self._changed:
            self.is_abandoned = self._finished = True
            self._units.clear()
            self._tests.clear()
            self.reading = None
            self._changed.notify()

    def next_test(self) -> tuple[int, int] | None:
        """Take the next test, if one is collected."""
        with self._changed:
            return self._tests.popleft() if self._tests else None

    def next_unit(self, wait: Callable[[], None]) -> tuple[int, dict[str, Any]] | None:
        """Take the next unit; None when there will be no more.

        :param wait: Called once before this blocks.
        """
        with self._changed:
            if not self._units and not self._finished:
                wait()
                while not self._units and not self._finished:
                    self._changed.wait()
            return self._units.popleft() if self._units else None

    def add_tests(self, unit: int, indices: range, reading: Reading | None) -> bool:
        """Queue tests of a unit that were just collected; False if it has none left.

        :param reading: What more there is of it.
        """
        with self._changed:
            self.reading = None if self.is_abandoned else reading
            self.open[unit] = self.open.get(unit, 0) + len(indices)
            self._tests.extend((unit, index) for index in indices)
            return not self._close_if_done(unit)

    def take_back_unit(self, unit: int) -> bool:
        """Remove a unit that is not collected yet; False if it is too late."""
        with self._changed:
            for entry in self._units:
                if entry[0] == unit:
                    self._units.remove(entry)
                    return True
            return False

    def take_back_half(self, unit: int) -> list[int]:
        """Remove the later half of a unit's waiting tests and return their indices."""
        with self._changed:
            waiting = [entry for entry in self._tests if entry[0] == unit]
            taken = waiting[len(waiting) // 2 :]
            if taken:
                given = set(taken)
                self._tests = deque(entry for entry in self._tests if entry not in given)
                self.open[unit] -= len(taken)
            return [index for _, index in taken]

    def take_back_unread(self, unit: int) -> tuple[list[str], int]:
        """Remove the later half of what is not made yet; return its node ids and about how many."""
        with self._changed:
            if self.reading is None or self.reading.unit != unit:
                return [], 0
            waiting = sum(entry[0] == unit for entry in self._tests)
            return self.reading.rest.give(waiting)

    def drop_tests(self, unit: int) -> tuple[int, bool]:
        """Remove a unit's waiting tests; return their number and whether none is left."""
        with self._changed:
            if unit not in self.open:
                return 0, False
            kept = deque(entry for entry in self._tests if entry[0] != unit)
            count = len(self._tests) - len(kept)
            self._tests = kept
            self.open[unit] -= count
            if self.reading is not None and self.reading.unit == unit:
                count += self.reading.rest.drop()
            return count, self._close_if_done(unit)

    def test_ended(self, unit: int) -> bool:
        """Count a test as ended; True when it was the unit's last one here."""
        with self._changed:
            if unit not in self.open:
                return False
            self.open[unit] -= 1
            return self._close_if_done(unit)

    def note_time(self, unit: int, seconds: float) -> None:
        """Note what a test took, for the size of the next batch."""
        reading = self.reading
        if reading is not None and reading.unit == unit:
            reading.ran += 1
            reading.seconds += seconds

    def _close_if_done(self, unit: int) -> bool:
        is_read = self.reading is None or self.reading.unit != unit
        if self.open[unit] == 0 and is_read:
            del self.open[unit]
            return True
        return False
