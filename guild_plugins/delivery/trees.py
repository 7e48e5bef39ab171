"""Merge whole trees in memory: git finds what goes where, the engine merges contents.

``git merge-tree`` follows renames of files and directories and tells every kind
of conflict. Where the contents of a file conflict, its three versions are merged
here by the rules, and conflicts about whole files are settled by rules of their own
(see ``whole_conflicts``); what comes out clean is put into the resulting tree, and
all that is left is told with its reason. Nothing is checked out, no reference and no
index is touched; the objects that are written belong to no commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from guild_plugins.delivery.across import collisions_between
from guild_plugins.delivery.tree_sides import Sides
from guild_plugins.delivery.whole_conflicts import (
    Group,
    Outcome,
    Settled,
    groups_of,
    settle_group,
)
from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.new_objects import NewObjects
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.tree_merging import (
    Change,
    Message,
    Stages,
    TreeMerging,
    Version,
    change_tree,
    merge_by_git,
)
from guild_plugins.merge.engine import leave, merge
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.lines import has_markers
from guild_plugins.merge.refine import MERGE
from guild_plugins.merge.render import Labels, Style
from guild_plugins.merge.result import Clean, Conflict

Ask = Callable[[str, bytes, bytes, bytes], "bytes | str | None"]
"""Merges a file before the rules do, given its path and three versions.

It returns the merged text, why a person has to decide, or ``None`` for the rules.
"""

_REGULAR = ("100644", "100755")
SEMANTIC = "CONFLICT (semantic)"
"""The kind of what collides though every file merges; git has no such kind."""

CONTENTS = "CONFLICT (contents)"


class NotMergeable(GuildError):
    """Two names are not two commits with a common history."""

    slug = "not-mergeable"
    exit = Exit.USAGE

    def __init__(self, ours: str, theirs: str) -> None:
        super().__init__(ours, theirs)
        self.ours, self.theirs = ours, theirs

    def __str__(self) -> str:
        return f"{self.ours} and {self.theirs} are no commits that git can merge."


class MergedFile(NamedTuple):
    """A file whose contents conflicted for git, and what the rules made of it."""

    path: str
    result: Clean | Conflict


class Open(NamedTuple):
    """A conflict that a person has to decide.

    :param kind: As git names it, or `SEMANTIC`.
    :param reason: Why no rule settled it.
    :param proposal: What a rule would do, where one is likely but not certain.
    :param stages: What base (1), ours (2) and theirs (3) have at the paths.
    """

    kind: str
    paths: tuple[str, ...]
    text: str
    reason: str = ""
    proposal: Settled | None = None
    stages: tuple[tuple[str, int, Version], ...] = ()


class TreeMerge(NamedTuple):
    """A merge of two commits: the tree, what was settled by rules, and what is open.

    Files that are open have markers in the tree, as git's have.

    :param files: The files whose contents conflicted.
    :param settled: The conflicts about whole files that a rule settled.
    """

    tree: str
    files: tuple[MergedFile, ...]
    conflicts: tuple[Open, ...]
    settled: tuple[Settled, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether the tree can be committed as it is."""
        return not self.conflicts


def merge_trees(
    repository: Path,
    ours: str,
    theirs: str,
    without: frozenset[str] = frozenset(),
    ask: Ask | None = None,
) -> TreeMerge:
    """Merge two commits.

    :param without: The names of rules that are switched off.
    :param ask: Asked first, for files that git leaves in conflict.
    :raises NotMergeable: One of them is no commit, or they have no common ancestor.
    """
    objects = GitObjects(repository)
    try:
        sides = Sides(repository, ours, theirs, objects)
        merged = merge_sides(sides, without, ask)
        found = collisions_between(sides, merged.tree)
    finally:
        objects.close()
    colliding = tuple(Open(SEMANTIC, c.paths, str(c), _ACROSS) for c in found)
    return TreeMerge(merged.tree, merged.files, merged.conflicts + colliding, merged.settled)


_ACROSS = "the files merge, the names do not"


def merge_sides(
    sides: Sides, without: frozenset[str] = frozenset(), ask: Ask | None = None
) -> TreeMerge:
    """Merge two commits file by file, without the check across files.

    :raises NotMergeable: They have no common ancestor.
    """
    by_git = merge_by_git(sides.top, sides.ours, sides.theirs)
    if by_git is None:
        raise NotMergeable(sides.ours, sides.theirs)
    return settle_tree(by_git, sides, without, ask)


def settle_tree(
    by_git: TreeMerging, sides: Sides, without: frozenset[str], ask: Ask | None = None
) -> TreeMerge:
    """Merge contents first, then decide about whole files, by what the contents became."""
    groups = groups_of(by_git)
    if not groups:
        return TreeMerge(by_git.tree, (), ())
    files = _merge_contents(by_git.stages, groups, sides, without, ask)
    texts: dict[str, bytes | None] = {p: file.text for p, file in files.items() if file.is_clean}
    clean, modes = frozenset(texts), dict[str, str]()
    settled: list[Settled] = []
    conflicts: list[Open] = []
    for group in groups:
        whole = settle_group(group, by_git, sides, texts, clean, without)
        if whole.is_settled:
            settled += whole.made
            for each in whole.made:
                texts |= each.changes
                modes |= each.modes
        else:
            conflicts += _left(group, by_git.stages, files, whole)
    merged = tuple(MergedFile(path, result) for path, result in files.items())
    tree = _with_changes(by_git, sides, texts, modes)
    return TreeMerge(tree, merged, tuple(conflicts), tuple(settled))


def _left(
    group: Group, stages: Stages, files: Mapping[str, Clean | Conflict], whole: Outcome
) -> Iterable[Open]:
    for message in group.messages:
        results = [files[path] for path in message.paths if path in files]
        is_about_contents = message.kind == CONTENTS and bool(results)
        if is_about_contents and all(result.is_clean for result in results):
            continue
        versions = tuple(
            (path, side, version)
            for path in message.paths
            for side, version in sorted(stages.get(path, {}).items())
        )
        fitting = (each for each in whole.made if set(each.paths) & set(message.paths))
        reason = getattr(results[0], "reason", "") if is_about_contents else whole.reason
        yield Open(message.kind, message.paths, message.text, reason, next(fitting, None), versions)


def _merge_contents(
    stages: Stages,
    groups: Iterable[Group],
    sides: Sides,
    without: frozenset[str],
    ask: Ask | None,
) -> dict[str, Clean | Conflict]:
    """Merge the files with a conflict of contents, by path."""
    wanted = [
        path
        for group in groups
        for message in group.messages
        if message.kind == CONTENTS
        for path in message.paths
        if _is_mergeable(stages.get(path, {}))
    ]
    versions = [version for path in wanted for version in stages[path].values()]
    sides.load(version.blob for version in versions)
    style = Style(MERGE, labels=Labels(os.fsencode(sides.ours), b"base", os.fsencode(sides.theirs)))
    made: dict[str, Clean | Conflict] = {}
    for path in wanted:
        base, one, two = (sides.text(stages[path].get(side)) for side in (1, 2, 3))
        answer = ask(path, base, one, two) if ask else None
        made[path] = _merge_one(path, (base, one, two), style, without, answer)
    return made


def _merge_one(
    path: str,
    texts: tuple[bytes, bytes, bytes],
    style: Style,
    without: frozenset[str],
    answer: bytes | str | None,
) -> Clean | Conflict:
    if isinstance(answer, bytes) and not has_markers(answer):
        return Clean(answer)
    try:
        if answer is None:
            return merge(path, *texts, style, without)
        why = answer if isinstance(answer, str) else "a merger returned conflict markers"
        return leave(*texts, style, why)
    except TooCostly:
        return Conflict(texts[1], reason="too long or too repetitive to be compared")


def _is_mergeable(versions: dict[int, Version]) -> bool:
    """Return whether a path has regular files on both sides."""
    return {2, 3} <= versions.keys() and all(v.mode in _REGULAR for v in versions.values())


def _with_changes(
    by_git: TreeMerging,
    sides: Sides,
    texts: dict[str, bytes | None],
    modes: dict[str, str],
) -> str:
    new = NewObjects(by_git.tree)
    blobs = {path: new.add("blob", text) for path, text in texts.items() if text is not None}
    changes: dict[str, Change] = {}
    for path in texts.keys() | modes.keys():
        if path in texts and path not in blobs:
            changes[path] = None
            continue
        now = sides.entry(by_git.tree, path)
        blob = blobs.get(path) or (now.blob if now else "")
        changes[path] = Version(modes.get(path) or (now.mode if now else _REGULAR[0]), blob)
    if not changes:
        return by_git.tree
    tree = change_tree(new, sides.read_tree, by_git.tree, changes)
    new.write(sides.top)
    return tree


__all__ = ["SEMANTIC", "MergedFile", "Message", "NotMergeable", "Open", "TreeMerge", "merge_trees"]
