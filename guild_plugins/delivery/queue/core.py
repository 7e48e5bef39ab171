"""The landing queue: events in, instructions out. Pure.

The rules:

1. Entries that cannot break each other (disjoint closures) know nothing of each other:
   they are tested side by side and land in any order.
2. Entries that can land in the queue's order. Each is tested on the trunk that those
   before it would make: A, A+B, A+B+C, all at once. What it was tested on is its context.
3. A verdict is for one context, and counts for no other. It is final once all of the
   context is on trunk. So nothing lands whose tree was not tested.
4. Where an entry fails for good, only the contexts that it was in change. Tests of those
   are cancelled and planned anew; all others go on.
5. Tests without an assumption come first, in the queue's order: nobody is overtaken for
   ever. What is left of the workers goes to the likeliest assumptions.
6. A barrier lands alone: nothing is tested on an assumption about it, nor it on one.
7. A batch is tested and lands as one. One that fails is halved, until it is a single
   entry that fails.

Nothing waits for ever: while there is an entry and the queue is not paused, a test runs or
trunk is being moved (`waits_for`). The first entry needs no assumption, so if nothing runs,
its test is begun, or its verdict is acted on. Who carries out must answer each instruction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from guild_plugins.delivery.queue.facts import (
    Added,
    CancelTest,
    Entry,
    Event,
    GiveUp,
    Instruction,
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

Context = frozenset[str]


@dataclass(eq=False)
class Group:
    """Entries that are tested and land as one; most often a single one.

    :param known: What has landed since it was formed and can break it.
    :param verdicts: What its tests said, by context: ``None`` for "passed".
    :param is_split: It comes from a batch that failed, and joins no other.
    """

    entries: tuple[Entry, ...]
    known: Context = frozenset()
    verdicts: dict[Context, str | None] = field(default_factory=dict)
    is_split: bool = False
    is_landing: bool = False

    @property
    def ids(self) -> tuple[str, ...]:
        """The entries' ids, in order."""
        return tuple(entry.id for entry in self.entries)

    @property
    def is_barrier(self) -> bool:
        """Whether one of them is."""
        return any(entry.is_barrier for entry in self.entries)

    @property
    def chance(self) -> float:
        """How likely all of them pass."""
        product = 1.0
        for entry in self.entries:
            product *= entry.chance
        return product

    def meets(self, other: Group) -> bool:
        """Say whether two groups can break each other."""
        return any(one.meets(entry) for one in self.entries for entry in other.entries)


@dataclass(frozen=True, slots=True)
class Running:
    """A test that was begun."""

    group: Group
    context: Context


@dataclass(frozen=True, slots=True)
class Stand:
    """What a group stands on at the moment.

    :param before: The groups before it that can break it, and are taken to land.
    """

    group: Group
    before: list[Group]
    context: Context

    @property
    def fails(self) -> bool:
        """Whether it has failed there."""
        return self.group.verdicts.get(self.context) is not None

    @property
    def after(self) -> tuple[str, ...]:
        """The entries that are taken to land before it."""
        return tuple(id for group in self.before for id in group.ids)

    @property
    def value(self) -> float:
        """How likely it is that the test will count."""
        product = self.group.chance
        for other in self.before:
            product *= 1.0 if other.is_landing else other.chance
        return product


class LandingQueue:
    """One trunk's queue.

    :param workers: As many tests as may run at once.
    :param batch: As many entries as may be tested as one.
    """

    def __init__(self, workers: int, batch: int = 1) -> None:
        self.workers, self.batch = max(1, workers), max(1, batch)
        self.groups: list[Group] = []
        self.running: dict[int, Running] = {}
        self.is_paused = False
        self._tests = self._moves = 0

    def handle(self, event: Event) -> list[Instruction]:
        """Apply one event and return what is to be done next; a late one changes nothing."""
        told = list(self._apply(event))
        return [*told, *self._settle()]

    @property
    def waits_for(self) -> str | None:
        """Say what it is that has to end before more can happen; ``None`` if it is done."""
        if any(group.is_landing for group in self.groups):
            return "trunk"
        if self.running:
            return "a test"
        if not self.groups:
            return None
        return "being resumed" if self.is_paused else "nothing"

    # -- events ----------------------------------------------------------------

    def _apply(self, event: Event) -> Iterator[Instruction]:
        match event:
            case Added(entry):
                if not self._find(entry.id):
                    self.groups.append(Group((entry,)))
            case Removed(id):
                self._remove(id)
            case Reordered(id, place):
                self._reorder(id, place)
            case Paused():
                self.is_paused = True
            case Resumed():
                self.is_paused = False
            case TestPassed(test):
                self._conclude(test, None)
            case TestFailed(test, reason):
                self._conclude(test, reason or "its tests failed")
            case Landed(ids):
                for group in [one for one in self.groups if one.ids == ids and one.is_landing]:
                    self.groups.remove(group)
                    self._learn(group.ids, group)
            case NotLanded(ids, reason):
                yield from self._not_landed(ids, reason)
            case TrunkMoved(closure):
                self._moves += 1
                self._learn((f"trunk {self._moves}",), _mover(closure))

    def _conclude(self, test: int, failure: str | None) -> None:
        running = self.running.pop(test, None)
        if running is not None:
            running.group.verdicts[running.context] = failure

    def _not_landed(self, ids: tuple[str, ...], reason: str) -> Iterator[Instruction]:
        for group in [group for group in self.groups if group.ids == ids and group.is_landing]:
            group.is_landing = False
            if reason:
                self.groups.remove(group)
                yield from (GiveUp(id, reason) for id in ids)

    def _learn(self, ids: tuple[str, ...], cause: Group) -> None:
        """Tell all that it can break that something is on trunk now."""
        for group in self.groups:
            if group.meets(cause):
                group.known |= frozenset(ids)

    def _remove(self, id: str) -> None:
        for place, group in enumerate(self.groups):
            rest = tuple(entry for entry in group.entries if entry.id != id)
            if len(rest) != len(group.entries) and not group.is_landing:
                self.groups[place : place + 1] = [Group(rest, is_split=True)] if rest else []

    def _reorder(self, id: str, place: int) -> None:
        """Move one entry; what it can break now stands on something else."""
        found = self._find(id)
        if found is None or found.is_landing:
            return
        (entry,) = (one for one in found.entries if one.id == id)
        self._remove(id)
        moved = Group((entry,), is_split=True)
        first = sum(1 for group in self.groups if group.is_landing)
        self.groups.sort(key=lambda group: not group.is_landing)
        self.groups.insert(max(first, min(place, len(self.groups))), moved)
        self._moves += 1
        self._learn((f"order {self._moves}",), moved)

    def _find(self, id: str) -> Group | None:
        return next((group for group in self.groups if id in group.ids), None)

    # -- what follows ----------------------------------------------------------

    def _settle(self) -> Iterator[Instruction]:
        yield from self._act_on_verdicts()
        if not self.is_paused:
            self._join()
        wishes = self._wishes()
        yield from self._cancel(wishes)
        if not self.is_paused:
            yield from self._start(wishes)

    def _act_on_verdicts(self) -> Iterator[Instruction]:
        """Act on the verdicts that are final; each failure may make others so."""
        changed = True
        while changed:
            changed = False
            for stand in self._stands():
                group = stand.group
                if group.is_landing or stand.before or stand.context not in group.verdicts:
                    continue
                failure = group.verdicts[stand.context]
                if failure is not None:
                    changed = True
                    yield from self._fail(group, failure)
                    break
                if not self.is_paused:
                    group.is_landing = True
                    yield Land(group.ids)

    def _stands(self) -> list[Stand]:
        """Return what each group stands on, in order.

        A group that failed on what it stands on now is taken to fail, and not to land.
        """
        found: list[Stand] = []
        for group in self.groups:
            before = [
                other.group for other in found if not other.fails and other.group.meets(group)
            ]
            context = group.known.union(*(other.ids for other in before))
            found.append(Stand(group, before, context))
        return found

    def _fail(self, group: Group, reason: str) -> Iterator[Instruction]:
        place = self.groups.index(group)
        if len(group.entries) == 1:
            del self.groups[place]
            yield GiveUp(group.ids[0], reason)
            return
        half = len(group.entries) // 2
        parts = group.entries[:half], group.entries[half:]
        self.groups[place : place + 1] = [Group(part, is_split=True) for part in parts]

    def _join(self) -> None:
        """Make batches of neighbours that can break each other and were not begun yet."""
        if self.batch == 1:
            return
        begun = [one.group for one in self.running.values()]
        joined: list[Group] = []
        for group in self.groups:
            last = joined[-1] if joined else None
            free = [one for one in (last, group) if one is not None and self._is_free(one, begun)]
            if (
                last is not None
                and len(free) == 2
                and last.meets(group)
                and len(last.entries) + len(group.entries) <= self.batch
            ):
                joined[-1] = Group(last.entries + group.entries)
            else:
                joined.append(group)
        self.groups = joined

    def _is_free(self, group: Group, begun: list[Group]) -> bool:
        is_new = not group.verdicts and group not in begun and not group.known
        return is_new and not (group.is_split or group.is_landing or group.is_barrier)

    def _wishes(self) -> list[Stand]:
        """Return the tests that would help, the surest first: see the fifth rule."""
        stands = [
            one
            for one in self._stands()
            if not one.group.is_landing
            and not (one.before and any(g.is_barrier for g in (one.group, *one.before)))
        ]
        sure = [one for one in stands if not one.before]
        hoped = sorted((one for one in stands if one.before), key=lambda one: -one.value)
        return [*sure, *hoped]

    def _cancel(self, wishes: list[Stand]) -> Iterator[Instruction]:
        useful = {(id(wish.group), wish.context) for wish in wishes}
        for test, running in list(self.running.items()):
            if (id(running.group), running.context) not in useful:
                del self.running[test]
                yield CancelTest(test)

    def _start(self, wishes: list[Stand]) -> Iterator[Instruction]:
        begun = {(id(one.group), one.context) for one in self.running.values()}
        for wish in wishes:
            if len(self.running) >= self.workers:
                return
            group, context = wish.group, wish.context
            if context in group.verdicts or (id(group), context) in begun:
                continue
            self._tests += 1
            self.running[self._tests] = Running(group, context)
            yield StartTest(self._tests, group.ids, wish.after)


def _mover(closure: frozenset[str] | None) -> Group:
    """Return what stands for somebody else's change of trunk."""
    return Group((Entry("", closure or frozenset(), is_barrier=closure is None),))
