"""What is first asked of a kept record, and is read of thousands at once. Pure.

A run without changes needs no more: how each test ended is read where somebody listens.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import NamedTuple

from guild_plugins.suites.kept.records import Verdict


class Head(NamedTuple):
    """The beginning of a record (see `records`).

    :param word: Of its inputs: with the key, the record's name.
    :param tests: How many outcomes it has.
    :param needs: The numbers of its inputs in the store.
    """

    key: str
    word: str
    path: str
    verdict: Verdict
    at: float
    seconds: float
    tests: int
    coverage: str
    needs: tuple[int, ...]

    def holds(self, held: frozenset[int]) -> bool:
        """Say whether all inputs are among those that are what they were."""
        return held.issuperset(self.needs)

    @property
    def covers(self) -> tuple[str, ...]:
        """The names of what was covered."""
        return tuple(self.coverage.split()[1:])

    def is_covered(self, how: str) -> bool:
        """Say whether coverage was measured, and in this way."""
        return bool(self.coverage) and self.coverage.partition(" ")[0] == how


def packed(numbers: Iterable[int]) -> bytes:
    """Return numbers as bytes."""
    return array("I", numbers).tobytes()


def unpacked(content: bytes) -> tuple[int, ...]:
    """Return numbers that were packed on this machine.

    :raises ValueError: These are none.
    """
    numbers = array("I")
    numbers.frombytes(content)
    return tuple(numbers)
