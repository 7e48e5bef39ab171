"""What happened, by scope: the accounts that summary, report and exit code are drawn from.

Pure: it is told facts and counts them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Account:
    """One scope's suite.

    :param counts: Tests by outcome: pytest's categories, and ``crashed``.
    :param collected: Tests found, before ``-k`` and the like.
    :param ran: Tests that ended, however often they were repeated.
    :param not_run: Reason to number of tests that were found and did not run.
    :param not_run_files: Reason to number of files of which nothing is known.
    :param units_left: Units of work that are not finished.
    """

    scope: str
    files: int = 0
    collected: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    not_run: Counter[str] = field(default_factory=Counter)
    not_run_files: Counter[str] = field(default_factory=Counter)
    units_left: int = 0
    ran: int = 0
    first_at: float | None = None
    last_at: float | None = None
    worker_s: float = 0.0
    steals: int = 0
    crashes: int = 0
    stopped: str | None = None
    """Why the rest of this scope was given up; None while it was not."""

    @property
    def tests(self) -> int:
        """Tests that were begun and ended, whatever their outcome."""
        return self.ran + self.counts["crashed"]

    @property
    def cached(self) -> int:
        """Tests that did not run, since a kept result stands for them."""
        return self.counts["cached"]

    @property
    def failures(self) -> int:
        """What makes the scope fail."""
        return self.counts["failed"] + self.counts["error"] + self.counts["crashed"]

    @property
    def wall_s(self) -> float:
        """Seconds from the first file's collection to the last test's end."""
        if self.first_at is None or self.last_at is None:
            return 0.0
        return self.last_at - self.first_at

    @property
    def outcome(self) -> str:
        """One word: failed, crashed, not run, passed or empty."""
        if self.counts["crashed"]:
            return "crashed"
        if self.failures:
            return "failed"
        if self.not_run or self.not_run_files or self.stopped:
            return "not run"
        return "passed" if self.counts else "empty"

    def touch(self, at: float) -> None:
        """Note that something happened in this scope."""
        if self.first_at is None:
            self.first_at = at
        self.last_at = at


@dataclass(slots=True)
class WorkerAccount:
    """One worker's share."""

    id: str
    collected: int = 0
    ran: int = 0
    busy_s: float = 0.0
    started_at: float = 0.0
    ready_at: float | None = None
    ended_at: float | None = None
    end: str = "finished"

    @property
    def idle_s(self) -> float:
        """Seconds between ready and the end in which it neither collected nor tested."""
        if self.ready_at is None or self.ended_at is None:
            return 0.0
        return max(0.0, self.ended_at - self.ready_at - self.busy_s)


class Ledger:
    """All accounts of one run."""

    def __init__(self) -> None:
        self.scopes: dict[str, Account] = {}
        self.workers: dict[str, WorkerAccount] = {}
        self.file_seconds: dict[str, float] = {}
        self.partial_files: set[str] = set()
        """Files of which some tests were not to run, or could not."""
        self.coverage: dict[str, float] = {}
        """Scope to percent, where it was measured."""
        self.share: float | None = None
        """The part of their time in which workers wanted a core, if it was looked at."""
        self.kept: dict[str, Any] | None = None
        """What became of kept results, as the report says it; None where nobody asked for them."""
        self.on_scope_end: Callable[[Account], None] = _ignore
        self._pieces: dict[int, int] = {}
        self._scope_of_unit: dict[int, str] = {}
        self.deselected = 0
        self.steals = 0
        self.first_test_at: float | None = None
        self.started_at = 0.0
        self.ended_at = 0.0

    def scope(self, name: str) -> Account:
        """Return a scope's account, opened if need be."""
        account = self.scopes.get(name)
        if account is None:
            account = self.scopes[name] = Account(name)
        return account

    def worker(self, name: str) -> WorkerAccount:
        """Return a worker's account, opened if need be."""
        account = self.workers.get(name)
        if account is None:
            account = self.workers[name] = WorkerAccount(name)
        return account

    def count(self, scope: str, category: str, at: float) -> None:
        """Count one outcome; ``category`` is pytest's, empty ones are passed over."""
        if not category:
            return
        account = self.scope(scope)
        account.counts[category] += 1
        account.last_at = at
        if self.first_test_at is None:
            self.first_test_at = at

    # -- units -------------------------------------------------------------------

    def expect(self, units: Iterable[tuple[int, str]]) -> None:
        """Note all units that there are, each with its scope."""
        for unit, scope in units:
            self._pieces[unit] = 1
            self._scope_of_unit[unit] = scope
            self.scope(scope).units_left += 1

    def add_piece(self, unit: int) -> None:
        """Note that a unit was divided once more."""
        self._pieces[unit] += 1

    def end_piece(self, unit: int) -> None:
        """Note that one piece of a unit needs nothing more; with the last one it is finished."""
        if self._pieces.get(unit, 0) < 1:
            return
        self._pieces[unit] -= 1
        if self._pieces[unit] == 0:
            account = self.scope(self._scope_of_unit[unit])
            account.units_left -= 1
            if account.units_left == 0:
                self.on_scope_end(account)

    def is_unfinished(self, unit: int) -> bool:
        """Tell whether something of a unit was still to be done."""
        return self._pieces.get(unit, 0) > 0


def _ignore(account: Account) -> None:
    """Nobody wants to know."""
