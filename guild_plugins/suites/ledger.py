"""What happened, by scope: the accounts that summary, report and exit code are drawn from.

Pure: it is told facts and counts them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

FAILING = frozenset({"failed", "error"})
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed", "crashed", "not_run")


@dataclass(slots=True)
class Account:
    """One scope's suite.

    :param counts: Tests by outcome: pytest's categories, and ``crashed``.
    :param collected: Tests found, before ``-k`` and the like.
    :param not_run: Reason to number of things that did not run: tests where
        their number is known, else files.
    """

    scope: str
    files: int = 0
    collected: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    not_run: Counter[str] = field(default_factory=Counter)
    not_run_files: int = 0
    first_at: float | None = None
    last_at: float | None = None
    worker_s: float = 0.0
    steals: int = 0
    crashes: int = 0
    open_files: int = 0
    stopped: str | None = None
    """Why the rest of this scope was given up; None while it was not."""

    @property
    def tests(self) -> int:
        """Tests that ended, whatever their outcome."""
        return sum(self.counts[name] for name in (*OUTCOMES[:6], "crashed")) - self.counts["error"]

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
        if self.not_run or self.stopped:
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
        self.failed_files: set[str] = set()
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

    @property
    def totals(self) -> Counter[str]:
        """Outcomes over all scopes."""
        total: Counter[str] = Counter()
        for account in self.scopes.values():
            total.update(account.counts)
            total["not_run"] += sum(account.not_run.values())
        return total
