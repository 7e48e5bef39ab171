"""Whatever happens: nothing untested lands, nothing waits for ever, everybody has their turn."""

from __future__ import annotations

import itertools
from collections.abc import Set

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from guild_plugins.delivery.queue.core import LandingQueue
from guild_plugins.delivery.queue.facts import (
    Added,
    CancelTest,
    Entry,
    Event,
    GiveUp,
    Land,
    Landed,
    NotLanded,
    Paused,
    Removed,
    Reordered,
    Resumed,
    StartTest,
    TestFailed,
    TestPassed,
    TrunkMoved,
)
from guild_plugins.delivery.queue.simulator import batches, guild, make_load, serial, window

SCOPES = st.frozensets(st.sampled_from("xyz"), min_size=1, max_size=2)


class Queue(RuleBasedStateMachine):
    """A queue, and whoever carries out what it says, in any order and with any outcome."""

    batch = 1

    def __init__(self) -> None:
        super().__init__()
        self.queue = LandingQueue(3, self.batch, apart=True)
        self.entries: dict[str, Entry] = {}
        self.tests: dict[int, tuple[StartTest, tuple[str, ...]]] = {}
        self.proven: dict[str, list[tuple[str, ...]]] = {}
        self.trunk: tuple[str, ...] = ()
        self.landing: list[tuple[str, ...]] = []
        self.overtaken: set[str] = set()
        self.done: set[str] = set()
        self.moves = 0

    def tell(self, event: Event) -> None:
        for told in self.queue.handle(event):
            match told:
                case StartTest(test):
                    assert test not in self.tests
                    self.tests[test] = (told, (*self.trunk, *told.after))
                case CancelTest(test):
                    del self.tests[test]
                case Land(ids):
                    self.check_landing(ids)
                    self.landing.append(ids)
                case GiveUp(id):
                    self.done.add(id)

    def check_landing(self, ids: tuple[str, ...]) -> None:
        """What lands was tested on all that can break it, as it is on trunk."""
        assert self.is_proven(ids)

    def is_proven(self, ids: tuple[str, ...]) -> bool:
        return all(
            self.in_order(self.relevant(id, self.trunk))
            in [self.in_order(self.relevant(id, on)) for on in self.proven[id]]
            for id in ids
        )

    def in_order(self, names: list[str]) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
        """Return names, and in which order those are that can break each other."""
        pairs = itertools.combinations(names, 2)
        return frozenset(names), frozenset(
            pair for pair in pairs if self.entries[pair[0]].meets(self.entries[pair[1]])
        )

    def relevant(self, id: str, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if self.entries[name].meets(self.entries[id])]

    @rule(
        closure=SCOPES,
        barrier=st.sampled_from([False] * 5 + [True]),
        chance=st.sampled_from([0.2, 0.9]),
    )
    def add(self, closure: frozenset[str], barrier: bool, chance: float) -> None:
        entry = Entry(f"e{len(self.entries)}", closure, barrier, chance)
        self.entries[entry.id] = entry
        self.tell(Added(entry))

    @precondition(lambda self: self.tests)
    @rule(
        pick=st.integers(0, 9),
        passes=st.sampled_from([True, True, False]),
        guilty=st.sets(st.integers(0, 3)),
    )
    def end_test(self, pick: int, passes: bool, guilty: Set[int] = frozenset()) -> None:
        test = sorted(self.tests)[pick % len(self.tests)]
        asked, on = self.tests.pop(test)
        named = tuple(id for place, id in enumerate(asked.ids) if place in guilty)
        for id in asked.ids:
            if passes or (named and id not in named):
                self.proven.setdefault(id, []).append(on)
        self.tell(TestPassed(test) if passes else TestFailed(test, guilty=named))

    @precondition(lambda self: self.landing)
    @rule(pick=st.integers(0, 9), how=st.sampled_from(["moved", "landed", "landed", "refused"]))
    def end_landing(self, pick: int, how: str) -> None:
        """End one of the moves of trunk that are under way.

        Somebody else may move trunk meanwhile; then the others are overtaken as well.
        """
        ids = self.landing.pop(pick % len(self.landing))
        if how == "landed" and self.overtaken.intersection(ids) and not self.is_proven(ids):
            self.tell(NotLanded(ids))  # whoever moves trunk compares first
        elif how == "landed":
            self.check_landing(ids)
            self.trunk += ids
            self.done |= set(ids)
            self.tell(Landed(ids))
        elif how == "refused":
            self.tell(NotLanded(ids, "refused"))
        else:
            self.overtaken.update(id for others in self.landing for id in others)
            self.move_trunk(None)
            self.tell(NotLanded(ids))

    @precondition(lambda self: not self.landing)
    @rule(closure=st.one_of(st.none(), SCOPES))
    def move_trunk(self, closure: frozenset[str] | None) -> None:
        self.moves += 1
        name = f"outside {self.moves}"
        self.entries[name] = Entry(name, closure or frozenset(), is_barrier=closure is None)
        self.trunk += (name,)
        self.done.add(name)
        self.tell(TrunkMoved(closure))

    @precondition(lambda self: self.entries)
    @rule(pick=st.integers(0, 9), place=st.integers(0, 5))
    def reorder(self, pick: int, place: int) -> None:
        self.tell(Reordered(sorted(self.entries)[pick % len(self.entries)], place))

    @precondition(lambda self: self.queue.groups)
    @rule(pick=st.integers(0, 9))
    def remove(self, pick: int) -> None:
        group = self.queue.groups[pick % len(self.queue.groups)]
        if not group.is_landing:
            self.done |= {group.ids[0]}
        self.tell(Removed(group.ids[0]))

    @rule()
    def pause(self) -> None:
        self.tell(Resumed() if self.queue.is_paused else Paused())

    @invariant()
    def nothing_waits_for_nothing(self) -> None:
        assert self.queue.waits_for != "nothing"
        assert set(self.queue.running) == set(self.tests)
        assert len(self.tests) <= 3

    def teardown(self) -> None:
        """Once no more comes, a bounded number of answers ends it, whatever they are."""
        self.tell(Resumed())
        left = sum(1 for group in self.queue.groups for _ in group.ids)
        for turn in range((left + 1) ** 2 + 10):
            if self.landing:
                self.end_landing(0, "landed")
            elif self.tests:
                self.end_test(turn, turn % 3 != 0)
            else:
                break
        assert not self.queue.groups
        assert set(self.entries) == self.done


class Batches(Queue):
    """The same with batches of what cannot break each other."""

    batch = 3

    @rule(closures=st.lists(st.sampled_from("uvwxyz"), min_size=2, max_size=4))
    def add_some(self, closures: list[str]) -> None:
        self.tell(Paused())
        for scope in closures:
            self.add(frozenset(scope), barrier=False, chance=0.9)
        self.tell(Resumed())


TestQueue = Queue.TestCase
TestBatches = Batches.TestCase
TestQueue.settings = TestBatches.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_loads_end_with_nothing_untested_landed_and_nobody_left() -> None:
    """`Simulation` raises where something untested lands, or the queue waits for nothing."""
    for seed in range(1000):
        load = make_load(seed, 8, gap=8 * (seed % 2), bad=0.3, disjoint=0.4)
        apart = seed % 4 < 2
        result = guild(load, workers=1 + seed % 4, batch=1 + seed % 3, apart=apart)
        assert len(result.landed) + len(result.refused) == len(load)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_three_times_as_fast_as_a_serial_queue_and_wastes_less_than_a_window(
    seed: int,
) -> None:
    load = make_load(seed, 40)
    ours, one, many, zuul = (queue(load) for queue in (guild, serial, batches, window))
    assert len(ours.landed) == len(one.landed)
    assert one.end >= 3 * ours.end
    assert many.end >= 2 * ours.end
    assert (ours.mean, ours.wasted) <= (zuul.mean, zuul.wasted)
    assert ours.end <= 1.1 * zuul.end
