"""What the landing queue tests and lands as one, and what each stands on. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import combinations

from guild_plugins.delivery.queue.facts import Entry

Context = frozenset[str]


@dataclass(eq=False)
class Group:
    """Entries that are tested and land as one; most often a single one.

    :param known: By entry, what has landed since it was formed and can break it.
    :param verdicts: What its tests said, by context: ``None`` for "passed".
    :param is_split: It comes from a batch that failed, and joins no other.
    """

    entries: tuple[Entry, ...]
    known: dict[str, Context] = field(default_factory=dict)
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

    @property
    def is_apart(self) -> bool:
        """Whether none of its entries can break another one."""
        return not any(one.meets(other) for one, other in combinations(self.entries, 2))

    def meets(self, other: Group) -> bool:
        """Say whether two groups can break each other."""
        return any(map(self.is_met_by, other.entries))

    def is_met_by(self, entry: Entry) -> bool:
        """Say whether an entry and one of the group's can break each other."""
        return any(one.meets(entry) for one in self.entries)

    def context(self, before: Iterable[Entry]) -> Context:
        """Return what of some entries, and of what landed, can break it."""
        met = frozenset(entry.id for entry in before if self.is_met_by(entry))
        return met.union(*(self.known.get(id, ()) for id in self.ids))


@dataclass(frozen=True, slots=True)
class Running:
    """A test that was begun.

    :param before: The entries that were taken to land before.
    """

    group: Group
    context: Context
    before: tuple[Entry, ...]


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
    def after(self) -> tuple[Entry, ...]:
        """The entries that are taken to land before it."""
        return tuple(entry for group in self.before for entry in group.entries)

    @property
    def value(self) -> float:
        """How likely it is that the test will count."""
        product = self.group.chance
        for other in self.before:
            product *= 1.0 if other.is_landing else other.chance
        return product
