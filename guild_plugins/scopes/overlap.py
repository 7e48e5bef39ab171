"""Whether two patterns can name the same path.

Pure. The answer is "yes" whenever it is true; a class such as ``[a-z]`` is taken for
any character, so that now and then "yes" is said of two that never meet. Time grows
with the product of the patterns' lengths, and not beyond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

from guild_plugins.scopes.globs import split_pattern

Item = TypeVar("Item")

_TOKEN: Final = re.compile(r"\[[!^]?\]?[^\]]*\]|.", re.DOTALL)


@lru_cache(maxsize=4096)
def overlaps(one: str, other: str) -> bool:
    """Say whether some path is named by both patterns, or lies in what they name.

    :raises ValueError: One of them is no pattern (see `globs`).
    """
    # What a pattern names may be a directory: all that lies in it is meant as well.
    first, second = ([*split_pattern(pattern), "**"] for pattern in (one, other))
    return _can_meet(first, second, "**", _segments_meet)


def _segments_meet(one: str, other: str) -> bool:
    return _can_meet(_TOKEN.findall(one), _TOKEN.findall(other), "*", _tokens_meet)


def _tokens_meet(one: str, other: str) -> bool:
    return one == other or any(sign == "?" or len(sign) > 1 for sign in (one, other))


def _can_meet(
    one: Sequence[Item], other: Sequence[Item], run: Item, meets: Callable[[Item, Item], bool]
) -> bool:
    """Say whether one text fits both sequences, of which ``run`` is any number of items.

    ``reached`` holds how much of ``other`` can be used up with what is used of ``one``.
    """
    reached = _with_runs({0}, other, run)
    for item in one:
        if item == run:
            reached = set(range(min(reached, default=len(other) + 1), len(other) + 1))
            continue
        step = {at + 1 for at in reached if at < len(other) and other[at] != run}
        step = {at for at in step if meets(item, other[at - 1])}
        step |= {at for at in reached if at < len(other) and other[at] == run}
        reached = _with_runs(step, other, run)
    return len(other) in reached


def _with_runs(reached: set[int], other: Sequence[Item], run: Item) -> set[int]:
    """Add what is reached by letting a run be empty."""
    grown = set(reached)
    for at in sorted(reached):
        while at < len(other) and other[at] == run:
            at += 1
            grown.add(at)
    return grown
