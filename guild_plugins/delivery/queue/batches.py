"""Which entries of the landing queue are tested as one: see its seventh rule. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from guild_plugins.delivery.queue.facts import Entry
from guild_plugins.delivery.queue.groups import Context, Group


def join_neighbours(groups: Sequence[Group], free: Sequence[Group], batch: int) -> list[Group]:
    """Return the groups with batches of neighbours that can break each other.

    :param free: Those that were not begun.
    :param batch: As many entries as one may have.
    """
    joined: list[Group] = []
    for group in groups:
        last = joined[-1] if joined else None
        if last is not None and group in free and _fit(last, group, free, batch):
            joined[-1] = Group(last.entries + group.entries)
            free = [*free, joined[-1]]
        else:
            joined.append(group)
    return joined


def _fit(last: Group, group: Group, free: Sequence[Group], batch: int) -> bool:
    is_small = len(last.entries) + len(group.entries) <= batch
    return is_small and last in free and last.meets(group) and not (last.known or group.known)


def join_apart(
    groups: Sequence[Group], free: Sequence[Group], batch: int, workers: int
) -> list[Group]:
    """Return the groups with batches of what cannot break each other and stands on the same.

    Whoever comes forward in this way passes nobody who can break it: those stand before
    the others of the batch, too. There is something to test for each worker.
    """
    size = min(batch, ceil(sum(len(one.entries) for one in free) / workers))
    joined: list[Group] = []
    open_batches: dict[int, Context] = {}
    former: list[Entry] = []
    for group in groups:
        before = frozenset(entry.id for entry in former if group.is_met_by(entry))
        former += group.entries
        if group not in free:
            joined.append(group)
            continue
        for place, standing in open_batches.items():
            other = joined[place]
            is_small = len(other.entries) + len(group.entries) <= size
            if standing == before and is_small and not other.meets(group):
                known = other.known | group.known
                joined[place] = Group(other.entries + group.entries, known)
                break
        else:
            open_batches[len(joined)] = before
            joined.append(group)
    return joined
