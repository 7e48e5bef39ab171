"""How many workers a run deserves.

The size follows the number of scopes; what it may not exceed follows from the shape
of the work: more workers than all work divided by its longest chain stand idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final


@dataclass(frozen=True, slots=True)
class Preset:
    """Bounds for projects of one size; ``most`` is ``None`` for twice the scopes."""

    name: str
    least: int
    most: int | None


PRESETS: Final[Mapping[str, Preset]] = {
    "simple": Preset("simple", 2, 3),
    "medium": Preset("medium", 4, 8),
    "large": Preset("large", 10, 20),
    "enterprise": Preset("enterprise", 20, None),
}

CPU_SHARE: Final = 0.8
"""The part of the machine's cores that a run may keep busy."""


def preset_for(scopes: int) -> Preset:
    """Return the preset for a number of scopes."""
    if scopes <= 3:
        return PRESETS["simple"]
    if scopes <= 8:
        return PRESETS["medium"]
    return PRESETS["large"] if scopes <= 20 else PRESETS["enterprise"]


def pool_bounds(scopes: int, preset: Preset | None = None) -> tuple[int, int]:
    """Return the least and the most workers: as many as scopes, and twice as many.

    :param preset: Chosen by the number of scopes, unless one is given.
    """
    preset = preset or preset_for(scopes)
    most = 2 * scopes if preset.most is None else preset.most
    least = min(max(scopes, preset.least), most)
    return least, max(least, min(2 * scopes, most))


def cores_for(cores: int) -> int:
    """Return how many cores a run may keep busy: at least one, rounded up."""
    return max(1, ceil(CPU_SHARE * cores))


def useful_workers(work: float, longest: float) -> int:
    """Return how many workers the shape of the work can keep busy.

    :param work: Seconds of all units together.
    :param longest: Seconds of the longest chain of them.
    """
    return max(1, ceil(work / longest - 1e-6)) if longest > 0 else 1


def scope_width(complexity: float, typical: float) -> int:
    """Return how many workers one scope may have at once: 1 to 3, by its complexity.

    :param typical: The median complexity of all scopes.
    """
    if typical <= 0:
        return 1
    return min(3, max(1, ceil(complexity / typical)))
