"""How large a scope should be, and how a large folder is split.

Pure. The number of scopes follows the number of Python files, between 4 and 40;
a scope may cost a few times its share of the whole, but no more than a quarter,
where its folders allow a split. Folders too small for a scope stay with their
parent, or join each other where all of them together would be too much for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from guild_plugins.scopes.folders import Folder

FEWEST, MOST = 4, 40
TOO_MANY = 50
FILES_PER_SCOPE = 25
FEW_FILES = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """What a scope may cost: split above ``upper``, merged into its parent below ``lower``."""

    upper: int
    lower: int

    def is_crumb(self, folder: Folder) -> bool:
        """Say whether a folder is too small to be a scope."""
        return folder.cost < self.lower or folder.count < FEW_FILES


@dataclass(frozen=True, slots=True)
class Unit:
    """A folder that becomes a scope; ``is_split`` where parts of it became their own.

    ``others`` are small folders beside it that join it, so that many small
    folders make neither one giant scope nor a crumb each.
    """

    folder: Folder
    is_split: bool = False
    others: tuple[Folder, ...] = ()

    @property
    def folders(self) -> tuple[Folder, ...]:
        """All folders of the unit."""
        return (self.folder, *self.others)


def limits_for(cost: int, count: int) -> Limits:
    """Return the limits for a project of this cost and number of Python files."""
    scopes = max(FEWEST, min(MOST, count // FILES_PER_SCOPE))
    share = max(1, cost // scopes)
    return Limits(upper=min(share * 5 // 2, max(1, cost // 4)), lower=share // 4)


def split(folder: Folder, limits: Limits, is_part: Callable[[Folder], bool]) -> list[Unit]:
    """Split a folder into units, itself first, each within the limits where folders allow it.

    :param is_part: Says whether a folder may become a unit of its own.
    """
    units = {folder.path: Unit(folder)}
    waiting = [folder]
    while waiting:
        large = waiting.pop()
        if large.cost <= limits.upper:
            continue
        parts = [part for part in large.folders.values() if is_part(part) and part.count]
        crumbs = [part for part in parts if limits.is_crumb(part)]
        parts = [part for part in parts if not limits.is_crumb(part)]
        rest = large.cost - sum(part.cost for part in parts)
        found = [Unit(part) for part in parts]
        if sum(crumb.cost for crumb in crumbs) > limits.upper:
            found += bundle(crumbs, limits.upper // 2)
        if not found:
            continue
        units[large.path] = Unit(large, is_split=True)
        is_bare = large.total == sum(f.total for unit in found for f in unit.folders)
        if is_bare or (large is not folder and rest < limits.lower):
            del units[large.path]
        units.update((unit.folder.path, unit) for unit in found)
        waiting.extend(parts)
    return sorted(_few(units.values(), limits), key=lambda unit: unit.folder.path)


def bundle(folders: Sequence[Folder], cost: int) -> list[Unit]:
    """Join folders in order into units that cost about as much; a last one may cost less."""
    units: list[Unit] = []
    bag: list[Folder] = []
    for folder in folders:
        bag.append(folder)
        if sum(f.cost for f in bag) >= cost:
            units.append(Unit(bag[0], others=tuple(bag[1:])))
            bag = []
    if bag:
        units.append(Unit(bag[0], others=tuple(bag[1:])))
    return units


def _few(units: Iterable[Unit], limits: Limits) -> list[Unit]:
    """Join small units that lie beside each other, where there are too many."""
    kept, small = [], dict[str, list[Folder]]()
    everything = list(units)
    if len(everything) <= TOO_MANY:
        return everything
    for unit in everything:
        if unit.is_split or unit.others or unit.folder.cost * 2 > limits.upper:
            kept.append(unit)
        else:
            small.setdefault(unit.folder.path.rpartition("/")[0], []).append(unit.folder)
    return kept + [unit for group in small.values() for unit in bundle(group, limits.upper // 2)]
