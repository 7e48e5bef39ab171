"""What the history says: how often a scope changes, by whom, and together with what. Pure.

Only the newest `DEPTH` commits count, merges and moves of files left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from guild_plugins.git.process import run_git
from guild_plugins.scopes.model import ScopeId

DEPTH: Final = 500

WIDE: Final = 10
"""Scopes that a commit touches from which on it says nothing of what belongs together."""

OFTEN: Final = 0.3
"""The part of a scope's commits that touch another path, from which on that is told."""


class Touched(NamedTuple):
    """One commit: who, when, and lines added and deleted by path."""

    author: str
    at: int
    paths: Mapping[str, int]


def read_history(top: Path, base: str) -> tuple[Touched, ...]:
    """Return the newest commits up to a base."""
    form = "--format=%x01%ct %ae"
    output = run_git(
        ["log", "--no-merges", "--no-renames", f"-n{DEPTH}", form, "--numstat", "-z", base], top
    )
    return tuple(_parse(output))


def _parse(output: bytes) -> Iterator[Touched]:
    for part in output.split(b"\x01")[1:]:
        head, *lines = part.split(b"\0")
        at, _, author = head.decode("utf-8", "replace").partition(" ")
        paths = {}
        for line in lines:
            added, _, rest = line.strip(b"\n").partition(b"\t")
            deleted, tab, path = rest.partition(b"\t")
            if tab:  # of a binary file the numbers are dashes
                count = sum(int(number) for number in (added, deleted) if number.isdigit())
                paths[path.decode("utf-8", "surrogateescape")] = count
        yield Touched(author.strip(), int(at), paths)


def past_of(
    scope: ScopeId, history: Sequence[Touched], owner_of: Callable[[str], ScopeId]
) -> dict[str, object]:
    """Return what history says about one scope, as plain data."""
    commits = lines = newest = 0
    authors: Counter[str] = Counter()
    scopes: Counter[ScopeId] = Counter()
    paths: Counter[str] = Counter()
    for commit in history:
        owners = {path: owner_of(path) for path in commit.paths}
        if scope not in owners.values():
            continue
        commits += 1
        lines += sum(commit.paths[path] for path, owner in owners.items() if owner == scope)
        newest = max(newest, commit.at)
        authors[commit.author] += 1
        others = set(owners.values()) - {scope}
        if len(others) < WIDE:
            scopes.update(others)
            paths.update(path for path, owner in owners.items() if owner != scope)
    often = max(2, OFTEN * commits)
    return {
        "commits": commits,
        "lines": lines,
        "newest": newest,
        "authors": [[name, count] for name, count in authors.most_common(5)],
        "changes_with": {name: count for name, count in scopes.most_common(10) if count >= often},
        "wants": {path: count for path, count in paths.most_common(5) if count >= often},
    }
