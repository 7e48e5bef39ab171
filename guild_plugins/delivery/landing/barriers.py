"""Barriers in conflict: files that every scope depends on, made anew by whoever knows how.

Only where nothing but such files conflicts. The rest of the merged tree is copied, with
trunk's version of the file, for the tool to work in; what it makes goes into the tree.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from guild_plugins.delivery.landing.merging import Merged
from guild_plugins.git.copies import write_copy
from guild_plugins.git.index import Change, index_of_tree
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import revision_tree
from guild_plugins.git.trees import StoredTree, Tree, read_path
from guild_plugins.scopes.model import ScopeId

TRUNK: Final = "trunk"
"""Whose wish trunk's version is."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A barrier in conflict.

    :param directory: The merged tree, with trunk's version of the file.
    :param versions: What trunk has and what the scope's branch has.
    """

    path: str
    directory: str
    base: bytes | None
    versions: Mapping[ScopeId, bytes | None]


Resolve = Callable[[Wanted], bytes | str | None]
"""Returns the content, or why there is none; ``None`` where nobody knows the file."""


def resolve_barriers(
    repository: Repository,
    merged: Merged,
    scope: ScopeId,
    is_barrier: Callable[[str], bool],
    resolve: Resolve,
) -> tuple[Merged, tuple[str, ...]]:
    """Return the merge with barriers made anew, and their paths; as it was if one cannot be."""
    paths = sorted({path for one in merged.result.conflicts for path in one.paths})
    if not paths or not all(map(is_barrier, paths)):
        return merged, ()
    trees = [revision_tree(repository, name) for name in (merged.base, merged.head, merged.tip)]
    made: dict[str, bytes] = {}
    reasons: list[str] = []
    with tempfile.TemporaryDirectory(prefix="guild-barrier-") as folder:
        whole = revision_tree(repository, merged.tree).entries
        rest = {path: entry for path, entry in whole.items() if path not in paths}
        with closing(GitObjects(repository.top)) as objects:
            write_copy(StoredTree(rest, objects), folder)
        for path in paths:
            base, ours, theirs = (read_path(tree, path) for tree in trees)
            _put(Path(folder) / path, ours)
            content = resolve(Wanted(path, folder, base, {TRUNK: ours, scope: theirs}))
            if isinstance(content, bytes):
                made[path] = content
                _put(Path(folder) / path, content)
            else:
                reasons.append(f"{path}: {content or 'no plugin makes it anew'}")
        if reasons:
            return _explained(merged, reasons), ()
        tree = _with(repository, merged.tree, made, trees[1], Path(folder) / ".guild-index")
    result = merged.result._replace(tree=tree, conflicts=())
    return replace(merged, result=result), tuple(paths)


def _explained(merged: Merged, reasons: list[str]) -> Merged:
    first = merged.result.conflicts[0]
    more = tuple(first._replace(text=reason) for reason in reasons)
    return replace(merged, result=merged.result._replace(conflicts=more, files=()))


def _put(place: Path, content: bytes | None) -> None:
    if content is None:
        place.unlink(missing_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def _with(
    repository: Repository, tree: str, made: Mapping[str, bytes], trunk: Tree, scratch: Path
) -> str:
    """Return a tree with other contents for some paths."""
    index = index_of_tree(repository.top, tree, scratch)
    changes = []
    for path, content in made.items():
        words = ["hash-object", "-w", "--stdin"]
        oid = run_git(words, repository.top, input=content).decode().strip()
        entry = trunk.entries.get(path)
        mode = f"{entry.mode:06o}" if entry is not None else "100644"
        changes.append(Change(path, None, (mode, oid)))
    index.apply(changes)
    return index.write_tree()
