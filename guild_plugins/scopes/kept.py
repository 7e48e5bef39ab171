"""Which scope owns a path, kept by the content of the configuration.

Reading a configuration takes pydantic, which takes longer than all the rest of a hook.
What was read once is kept in Guild's folder, by the ids of the files that say it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

from guild_plugins.git.trees import Entry
from guild_plugins.scopes.model import Scope, ScopeId
from guild_plugins.scopes.ownership import Owners

SOURCES: Final = ("guild.toml", "pyproject.toml")
"""The files that say which scopes there are, where they are configured."""

VERSION: Final = 1
KEPT: Final = 16
"""Configurations that are kept: those of the branches that are worked on."""


class Found(NamedTuple):
    """The scopes that were read; those that are not configured depend on all files."""

    scopes: Sequence[Scope]
    is_configured: bool


def kept_owner_of(
    folder: Path,
    sources: Mapping[str, Entry],
    read: Callable[[], Found],
) -> Callable[[str], ScopeId]:
    """Return what tells the owner of a path, as kept where the configuration was read before.

    :param folder: Guild's folder in the common git directory.
    :param sources: Those of `SOURCES` that there are.
    :param read: Reads the scopes where they are not kept.
    """
    key = f"{VERSION} " + " ".join(f"{name}:{sources[name].oid}" for name in sorted(sources))
    place = folder / f"owners-{crc32(key.encode()):08x}.json"
    try:
        kept = json.loads(place.read_bytes())
        if kept["key"] == key:
            scopes = [Scope(name, tuple(paths), tuple(tests)) for name, paths, tests in kept["of"]]
            return Owners(scopes).owner_of
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not kept, or not readable: the same
    found = read()
    if found.is_configured:
        of = [(scope.id, scope.paths, scope.tests) for scope in found.scopes]
        keep(place, {"key": key, "of": of}, "owners-*.json")
    return Owners(found.scopes).owner_of


def keep(place: Path, data: Mapping[str, Any], alike: str) -> None:
    """Write a file at once, so that no reader sees half of it; of those like it, some stay."""
    draft = place.with_suffix(f".{crc32(json.dumps(data).encode()):08x}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(data), encoding="utf-8")
        draft.replace(place)
        kept = sorted(place.parent.glob(alike), key=lambda path: path.stat().st_mtime)
        for old in kept[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return  # a directory that cannot be written keeps nothing
