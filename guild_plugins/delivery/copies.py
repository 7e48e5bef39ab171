"""Files that a work place begins with and that git does not have, such as ``.env``.

As they came, they are no change: not dirty, not in the way of ``guild stop``, and not
staged by what Guild stages, whether git ignores them or not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from guild_plugins.coordination.journal import Journal
from guild_plugins.coordination.place import place_in
from guild_plugins.delivery.workplaces import Workplace, Workplaces
from guild_plugins.git.repository import Repository


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def unchanged_copies(one: Workplace, folder: Path) -> list[str]:
    """Return the files that are as a work place began with them.

    :param folder: Where its work tree lies.
    """
    return [
        copied.path
        for copied in one.copied
        if copied.digest and digest_of(folder / copied.path) == copied.digest
    ]


def changed_copies(one: Workplace, folder: Path) -> Iterator[str]:
    """Yield the files that a work place began with and that are others now."""
    for copied in one.copied:
        if digest_of(folder / copied.path) not in (copied.digest, ""):
            yield copied.path


def place_at(repository: Repository) -> Workplace | None:
    """Return the work place whose work tree a repository was opened in."""
    places = Workplaces(Journal(place_in(repository.common_dir))).all()
    return next((one for one in places if Path(one.path) == repository.top), None)
