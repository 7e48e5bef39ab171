"""Old violations that are let be, and a ratchet: the list only becomes shorter.

A file in the project's root, meant to be committed: JSON, one violation a line,
so that lists of two branches merge. Lines of code are not in it; a violation is
known by its rule, its file and what it is about. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.graph.boundaries.violations import Violation

FILE = "guild-baseline.json"
VERSION = 1

Key = tuple[str, str, str]


class BaselineInvalid(GuildError):
    """The baseline cannot be read."""

    slug = "guild-baseline"
    exit = Exit.USAGE
    remedy = f"Mend {FILE}, or delete it and run: guild check --baseline"

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"{FILE}: {self.problem}"


class Judged(NamedTuple):
    """Violations, divided by a baseline."""

    new: tuple[Violation, ...]
    known: tuple[Violation, ...]
    mended: tuple[Key, ...]
    """What the baseline lists and is no more."""


def read_baseline(content: bytes | None) -> frozenset[Key]:
    """Return what a baseline lists; nothing where there is none.

    :raises BaselineInvalid: It is no baseline.
    """
    if content is None:
        return frozenset()
    try:
        data = json.loads(content)
        if data["version"] != VERSION:
            raise BaselineInvalid(f"has version {data['version']!r}, which this Guild cannot read")
        listed = [(v["rule"], v["path"], v["target"]) for v in data["violations"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BaselineInvalid(f"cannot be read: {error!r}") from None
    return frozenset(listed)


def divide(
    violations: Iterable[Violation], known: frozenset[Key], *, is_whole: bool = True
) -> Judged:
    """Divide violations into new and known ones.

    :param is_whole: All of a tree was judged, so what was not found is mended.
    """
    found = tuple(violations)
    old = tuple(v for v in found if v.key in known)
    mended = tuple(sorted(known - {v.key for v in found})) if is_whole else ()
    return Judged(tuple(v for v in found if v.key not in known), old, mended)


def renew(judged: Judged, *, is_first: bool) -> tuple[Judged, bytes]:
    """Return a whole tree's violations as divided by the renewed baseline, and that baseline.

    The first lists every error there is; warnings need no baseline. A later one
    only strikes out what is mended: what is new stays new.
    """
    new = judged.new
    if is_first:
        new = tuple(v for v in judged.new if v.is_warning)
    known = (*judged.known, *(v for v in judged.new if v not in new))
    return Judged(new, known, ()), _as_text(sorted({v.key for v in known}))


def _as_text(keys: Sequence[Key]) -> bytes:
    rows = ",\n    ".join(json.dumps({"rule": r, "path": p, "target": t}) for r, p, t in keys)
    inner = f"[\n    {rows}\n  ]" if rows else "[]"
    return f'{{\n  "version": {VERSION},\n  "violations": {inner}\n}}\n'.encode()
