"""Carries out what the landing queue says: tests in threads, each in a slot of its own.

What the queue lands is not on trunk yet: it is taken for landed, and the order in which
that happened is the order in which the branches are landed afterwards, all at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Protocol

from guild_plugins.delivery.landing.outcomes import Trial
from guild_plugins.delivery.queue.core import LandingQueue
from guild_plugins.delivery.queue.facts import (
    Added,
    CancelTest,
    Entry,
    Event,
    GiveUp,
    Instruction,
    Land,
    Landed,
    Paused,
    Resumed,
    StartTest,
    TestFailed,
    TestPassed,
)

Build = Callable[[Sequence[str], Sequence[str]], tuple[str, str]]
"""Merges branches one after the other, those that are taken to land and those that are tested.

Returns the last commit, and the last one of those that are taken to land."""


class CannotBuild(Exception):
    """Branches cannot be merged one after the other; landing them alone says why."""


class Bench(Protocol):
    """Tests a commit in a slot."""

    def __call__(self, commit: str, base: str, name: str, slot: int) -> Trial:
        """Test a commit; what ``base`` has is taken for proven."""


@dataclass(frozen=True, slots=True)
class Proof:
    """How the last test of a branch ended, and the commit that it was of."""

    commit: str
    trial: Trial


@dataclass(frozen=True, slots=True)
class _Ended:
    test: int
    proof: Proof | None
    error: BaseException | None = None


class Crew:
    """Proves branches with some workers.

    :param cancel: Ends what is tested in a slot.
    :param batch: As many branches that cannot break each other as may be tested as one.
    """

    def __init__(
        self, workers: int, test: Bench, cancel: Callable[[int], None], batch: int = 1
    ) -> None:
        self._workers, self._test, self._cancel, self._batch = workers, test, cancel, batch
        self._closures: dict[str, frozenset[str]] = {}
        self._landed: list[str] = []
        self._slots: SimpleQueue[int] = SimpleQueue()
        self._ended: SimpleQueue[_Ended] = SimpleQueue()
        self._slot_of: dict[int, int] = {}
        self._dropped: set[int] = set()
        self._last: dict[str, Proof] = {}
        self._proofs: dict[str, Proof] = {}
        for slot in range(workers):
            self._slots.put(slot)

    def prove(self, entries: Sequence[Entry], build: Build) -> dict[str, Proof]:
        """Test all entries, and return those that were decided by a test, in landing order.

        One that could not even be merged after those before it is not among them.
        """
        queue = LandingQueue(self._workers, self._batch, apart=True)
        self._closures = {entry.id: entry.closure for entry in entries}
        events: deque[Event] = deque([Paused(), *map(Added, entries), Resumed()])
        with ThreadPoolExecutor(self._workers) as pool:
            try:
                while True:
                    while events:
                        for told in queue.handle(events.popleft()):
                            self._perform(told, build, pool, events)
                    if queue.waits_for is None:
                        return self._proofs
                    self._hear(self._ended.get(), queue, events)
            except BaseException:
                for test in list(queue.running):
                    self._drop(test)
                raise

    def _perform(
        self,
        told: Instruction,
        build: Build,
        pool: ThreadPoolExecutor,
        events: deque[Event],
    ) -> None:
        match told:
            case StartTest(test, ids, after):
                try:
                    rest = [id for id in after if id not in self._landed]
                    commit, base = build((*self._landed, *rest), ids)
                except CannotBuild:
                    events.append(TestFailed(test, "it cannot be merged"))
                    return
                pool.submit(self._work, test, commit, base, ids[0])
            case CancelTest(test):
                self._drop(test)
            case Land(ids):
                self._proofs |= {id: self._last[id] for id in ids if self._last[id].trial.passed}
                self._landed += ids
                events.append(Landed(ids))
            case GiveUp(id):
                if id in self._last and not self._last[id].trial.passed:
                    self._proofs[id] = self._last[id]

    def _work(self, test: int, commit: str, base: str, name: str) -> None:
        """Test one commit; in a thread."""
        slot = self._slots.get()
        self._slot_of[test] = slot
        proof, error = None, None
        try:
            if test not in self._dropped:
                proof = Proof(commit, self._test(commit, base, name, slot))
        except BaseException as problem:  # noqa: BLE001 - told in the other thread
            error = problem
        finally:
            del self._slot_of[test]
            self._slots.put(slot)
            self._ended.put(_Ended(test, proof, error))

    def _hear(self, ended: _Ended, queue: LandingQueue, events: deque[Event]) -> None:
        running = queue.running.get(ended.test)
        if running is None:
            return  # it was cancelled
        if ended.error is not None:
            raise ended.error
        assert ended.proof is not None, "what is still wanted was not dropped"
        trial, ids = ended.proof.trial, running.group.ids
        guilty = () if trial.passed else self._guilty(ids, trial.failed)
        own = replace(trial, passed=True, note="its own tests passed")
        for id in ids:
            is_innocent = bool(guilty) and id not in guilty
            self._last[id] = replace(ended.proof, trial=own if is_innocent else trial)
        if trial.passed:
            events.append(TestPassed(ended.test))
        else:
            events.append(TestFailed(ended.test, trial.note or "its tests failed", guilty))

    def _guilty(self, ids: Sequence[str], failed: Sequence[str]) -> tuple[str, ...]:
        """Return whose tests failed; nobody where one is nobody's, or none was named."""
        if any(all(scope not in self._closures[id] for id in ids) for scope in failed):
            return ()
        return tuple(id for id in ids if not self._closures[id].isdisjoint(failed))

    def _drop(self, test: int) -> None:
        self._dropped.add(test)
        slot = self._slot_of.get(test)
        if slot is not None:
            self._cancel(slot)
