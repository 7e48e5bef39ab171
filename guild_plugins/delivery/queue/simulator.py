"""The queue's core against a load that is made up: latency and wasted tests. Pure.

A load is branches that come at some time, need some scopes, and are good or bad. A pair
that meets may be bad only together: the later one fails where the earlier one has landed.
The baselines are a queue that tests one branch after the other, one that tests batches and
halves those that fail, and a window of assumptions over all branches, as Zuul has.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

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
    StartTest,
    TestFailed,
    TestPassed,
)


class Stuck(AssertionError):
    """Branches are left and nothing runs."""


class Untested(AssertionError):
    """Something landed that was not tested as it landed."""


@dataclass(frozen=True, slots=True)
class Branch:
    """One branch of a load.

    :param at: When it comes.
    :param seconds: What a test of it takes.
    :param is_bad: It fails wherever it is tested.
    :param foes: Branches after which it fails, though each passes alone.
    """

    entry: Entry
    at: float
    seconds: float
    is_bad: bool = False
    foes: frozenset[str] = frozenset()


@dataclass
class Result:
    """What a queue made of a load."""

    landed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    spent: float = 0.0
    wasted: float = 0.0
    """Seconds of tests that were cancelled."""
    end: float = 0.0

    @property
    def mean(self) -> float:
        """The mean time from coming to landing, or to being refused."""
        return sum(self.latencies) / len(self.latencies) if self.latencies else 0.0


def make_load(
    seed: int, count: int, *, disjoint: float = 0.7, bad: float = 0.1, gap: float = 0.0
) -> list[Branch]:
    """Return a load.

    :param disjoint: The part of the branches that have a scope of their own; the others share.
    :param gap: Seconds between two arrivals, on average.
    """
    random, now, found = Random(seed), 0.0, list[Branch]()  # noqa: S311 - a made-up load
    for number in range(count):
        now += random.expovariate(1 / gap) if gap else 0.0
        own = random.random() < disjoint
        scopes = {f"own {number}"} if own else set(random.sample(["x", "y", "z"], 2))
        entry = Entry(f"b{number}", frozenset(scopes), chance=1 - bad)
        earlier = [one.entry.id for one in found if one.entry.meets(entry)]
        foes = {id for id in earlier[-3:] if random.random() < bad / 2}
        is_bad = random.random() < bad
        seconds = random.uniform(20, 40)
        found.append(Branch(entry, now, seconds, is_bad, frozenset(foes)))
    return found


def serial(load: Sequence[Branch], **_: int) -> Result:
    """Test one branch after the other."""
    return Simulation([_meeting_all(one) for one in load], LandingQueue(1)).run()


def batches(load: Sequence[Branch], *, size: int = 8, **_: int) -> Result:
    """Test batches, one after the other, and halve those that fail."""
    return Simulation([_meeting_all(one) for one in load], LandingQueue(1, size)).run()


def window(load: Sequence[Branch], *, workers: int = 8, **_: int) -> Result:
    """Test as many as there are workers, each on the assumption that all before it land."""
    return Simulation([_meeting_all(one) for one in load], LandingQueue(workers)).run()


def guild(
    load: Sequence[Branch], *, workers: int = 8, batch: int = 1, apart: bool = False
) -> Result:
    """Test side by side what cannot meet, and the rest on assumptions.

    :param apart: Batches are of what cannot meet, and say which of them fails.
    """
    return Simulation(load, LandingQueue(workers, batch, apart=apart)).run()


def _meeting_all(branch: Branch) -> Branch:
    """Return a branch as queues see it that know no closures."""
    return replace(branch, entry=replace(branch.entry, closure=frozenset({"all"})))


class Simulation:
    """One queue under one load."""

    def __init__(self, load: Sequence[Branch], queue: LandingQueue) -> None:
        self.queue, self.load = queue, {one.entry.id: one for one in load}
        self.result = Result()
        self._line: list[tuple[float, int, Event]] = []
        self._count = 0
        self._tests: dict[int, tuple[StartTest, float, frozenset[str]]] = {}
        self._proven: dict[str, frozenset[str]] = {}
        for one in load:
            self._expect(one.at, Added(one.entry))

    def run(self) -> Result:
        """Play to the end.

        :raises Stuck: The queue waits for nothing.
        :raises Untested: It landed what was not tested.
        """
        while self._line:
            now, _, event = heapq.heappop(self._line)
            if isinstance(event, TestPassed | TestFailed) and event.test not in self._tests:
                continue  # cancelled
            if isinstance(event, TestPassed | TestFailed):
                self._note(event, now)
            for instruction in self.queue.handle(event):
                self._perform(instruction, now)
            self.result.end = now
            if self.queue.waits_for == "nothing":
                raise Stuck(f"{len(self.queue.groups)} are left")
        if self.queue.groups:
            raise Stuck(f"{len(self.queue.groups)} are left")
        return self.result

    def _expect(self, at: float, event: Event) -> None:
        self._count += 1
        heapq.heappush(self._line, (at, self._count, event))

    def _perform(self, instruction: Instruction, now: float) -> None:
        match instruction:
            case StartTest(test, ids, after):
                self._tests[test] = (instruction, now, frozenset(self.result.landed))
                on = (*self.result.landed, *after)
                guilty = self._guilty(ids, on) if self.queue.apart else ()
                fails = self._fails(ids, on)
                event = TestFailed(test, guilty=guilty) if fails else TestPassed(test)
                self._expect(now + self._seconds(ids), event)
            case CancelTest(test):
                begun = self._tests.pop(test)[1]
                self.result.spent += now - begun
                self.result.wasted += now - begun
            case Land(ids):
                self._land(ids, now)
            case GiveUp(id):
                self.result.refused.append(id)
                self.result.latencies.append(now - self.load[id].at)

    def _seconds(self, ids: Sequence[str]) -> float:
        """Return what a test takes: tests of what cannot meet are different ones."""
        parts = [self.load[id].seconds for id in ids]
        return sum(parts) if self.queue.apart else max(parts)

    def _note(self, event: TestPassed | TestFailed, now: float) -> None:
        asked, begun, landed = self._tests.pop(event.test)
        self.result.spent += now - begun
        failed = () if isinstance(event, TestPassed) else event.guilty or asked.ids
        for id in asked.ids:
            if id not in failed:
                self._proven[id] = landed.union(asked.after, asked.ids)

    def _land(self, ids: tuple[str, ...], now: float) -> None:
        """Check that what was proven holds of what lands, and land it."""
        here = {*self.result.landed, *ids}
        for id in ids:
            if id not in self._proven:
                raise Untested(f"{id} was not tested")
            entry, proven = self.load[id].entry, self._proven[id]
            if any(self.load[other].entry.meets(entry) for other in here ^ proven):
                raise Untested(f"{id} was tested on {sorted(proven)}, and lands on {sorted(here)}")
        if self._fails(ids, self.result.landed):
            raise Untested(f"{ids} breaks trunk")
        self.result.landed += ids
        self.result.latencies += [now - self.load[id].at for id in ids]
        self._expect(now, Landed(ids))

    def _guilty(self, ids: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
        return tuple(id for id in ids if self._fails([id], before))

    def _fails(self, ids: Sequence[str], before: Sequence[str]) -> bool:
        there = set(before)
        for id in ids:
            if self.load[id].is_bad or self.load[id].foes & there:
                return True
            there.add(id)
        return False
