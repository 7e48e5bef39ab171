"""Waiting until something changes in work trees or references.

By the operating system's own notice where the library `watchfiles` is installed
(the extra ``watch``); else by looking again every few seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from guild_plugins.git.repository import Repository

EVERY: Final = 2.0
"""Seconds between two looks, where nothing gives notice."""

_REFERENCES: Final = ("HEAD", "packed-refs", "refs/*", "reftable/*", "worktrees/*/HEAD")


def find_notice() -> Any:
    """Return the library that gives notice; ``None`` where it is not installed."""
    try:
        import watchfiles
    except ImportError:
        return None
    return watchfiles


def changes(
    repository: Repository,
    folders: Callable[[], Sequence[Path]],
    *,
    every: float | None = None,
    notice: Any = None,
) -> Iterator[set[Path] | None]:
    """Yield each time something may have changed: the folders concerned, ``None`` for all.

    :param folders: The work trees to watch; asked again after each change.
    :param every: Look so often instead, in seconds.
    :param notice: What `find_notice` returned.
    """
    if notice is None or every is not None:
        while True:
            time.sleep(every or EVERY)
            yield None
    while True:
        watched = list(folders())
        yield from _until_others(repository, watched, folders, notice)
        yield None  # work trees came or went


def _until_others(
    repository: Repository,
    watched: Sequence[Path],
    folders: Callable[[], Sequence[Path]],
    notice: Any,
) -> Iterator[set[Path]]:
    usual = notice.DefaultFilter()

    def matters(change: Any, path: str) -> bool:
        inner = _below(repository.common_dir, path)
        return bool(usual(change, path)) if inner is None else is_reference(inner)

    places = [repository.common_dir, *watched]
    for found in notice.watch(*places, watch_filter=matters, raise_interrupt=True):
        paths = [path for _, path in found]
        yield {f for f in watched for path in paths if _is_inside(repository, f, path)}
        if list(folders()) != list(watched):
            return


def is_reference(path: str) -> bool:
    """Say whether a path in the common git directory says what a branch or work tree has."""
    is_lock = path.endswith(".lock")
    return not is_lock and any(fnmatchcase(path, pattern) for pattern in _REFERENCES)


def _is_inside(repository: Repository, folder: Path, path: str) -> bool:
    return _below(folder, path) is not None and _below(repository.common_dir, path) is None


def _below(folder: Path, path: str) -> str | None:
    beginning = f"{folder}/"
    return path.removeprefix(beginning) if path.startswith(beginning) else None
