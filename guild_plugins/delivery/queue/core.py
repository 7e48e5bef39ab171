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
7. A batch is tested and lands as one. Its entries can break each other, or (``apart``)
   none of them can: then a test that fails may say whose tests failed, those are given up
   and the others have passed. One that fails without saying so is halved, until it is a
   single entry that fails.

Nothing waits for ever: while there is an entry and the queue is not paused, a test runs or
trunk is being moved (`waits_for`). The first entry needs no assumption, so if nothing runs,
its test is begun, or its verdict is acted on. Who carries out must answer each instruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from guild_plugins.delivery.queue.batches import join_apart, join_neighbours
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
from guild_plugins.delivery.queue.groups import Group, Running, Stand


class LandingQueue:
    """One trunk's queue.

    :param workers: As many tests as may run at once.
    :param batch: As many entries as may be tested as one.
    :param apart: Batches are of entries that cannot break each other, and not of those
        that can.
    """

    def __init__(self, workers: int, batch: int = 1, *, apart: bool = False) -> None:
        self.workers, self.batch, self.apart = max(1, workers), max(1, batch), apart
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
            case TestFailed(test, reason, guilty):
                self._conclude(test, reason or "its tests failed", guilty)
            case Landed(ids):
                for group in [one for one in self.groups if one.ids == ids and one.is_landing]:
                    self.groups.remove(group)
                    self._learn(group.entries)
            case NotLanded(ids, reason):
                yield from self._not_landed(ids, reason)
            case TrunkMoved(closure):
                self._moves += 1
                self._learn([_mover(f"trunk {self._moves}", closure)])

    def _conclude(self, test: int, failure: str | None, guilty: tuple[str, ...] = ()) -> None:
        running = self.running.pop(test, None)
        if running is None:
            return
        group = running.group
        named = [entry for entry in group.entries if entry.id in guilty]
        if len(group.entries) > 1 and named and group.is_apart:
            self._part(running, named, failure)
        else:
            group.verdicts[running.context] = failure

    def _part(self, running: Running, guilty: list[Entry], failure: str | None) -> None:
        """Take a batch apart whose entries a test told from each other: each has its verdict."""
        group = running.group
        rest = tuple(entry for entry in group.entries if entry not in guilty)
        parts = [((entry,), failure) for entry in guilty] + ([(rest, None)] if rest else [])
        made = []
        for entries, verdict in parts:
            part = Group(entries, group.known, is_split=True)
            part.verdicts[part.context(running.before)] = verdict
            made.append(part)
        place = self.groups.index(group)
        self.groups[place : place + 1] = made

    def _not_landed(self, ids: tuple[str, ...], reason: str) -> Iterator[Instruction]:
        for group in [group for group in self.groups if group.ids == ids and group.is_landing]:
            group.is_landing = False
            if reason:
                self.groups.remove(group)
                yield from (GiveUp(id, reason) for id in ids)

    def _learn(self, cause: Iterable[Entry]) -> None:
        """Tell all that it can break that something is on trunk now."""
        for one in cause:
            for group in self.groups:
                for entry in group.entries:
                    if entry.meets(one):
                        known = group.known.get(entry.id, frozenset())
                        group.known[entry.id] = known | {one.id}

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
        self._learn([replace(entry, id=f"order {self._moves}")])

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
            entries = (entry for other in before for entry in other.entries)
            found.append(Stand(group, before, group.context(entries)))
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
        """Make batches of what was not begun yet."""
        if self.batch > 1:
            begun = [one.group for one in self.running.values()]
            free = [group for group in self.groups if self._is_free(group, begun)]
            if self.apart:
                self.groups = join_apart(self.groups, free, self.batch, self.workers)
            else:
                self.groups = join_neighbours(self.groups, free, self.batch)

    def _is_free(self, group: Group, begun: list[Group]) -> bool:
        is_new = not group.verdicts and group not in begun
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
            self.running[self._tests] = Running(group, context, wish.after)
            after = tuple(entry.id for entry in wish.after)
            yield StartTest(self._tests, group.ids, after)


def _mover(id: str, closure: frozenset[str] | None) -> Entry:
    """Return what stands for somebody else's change of trunk."""
    return Entry(id, closure or frozenset(), is_barrier=closure is None)
