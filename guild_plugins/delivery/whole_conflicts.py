"""Conflicts about whole files, as ``git merge-tree`` tells them, given to the rules.

What git says of the same paths belongs together, and is settled together or not at
all: a file may be renamed, removed and changed at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

from guild_plugins.delivery.tree_sides import Sides
from guild_plugins.git.tree_merging import Message, Stages, TreeMerging, Version
from guild_plugins.merge.histogram import TooCostly
from guild_plugins.merge.whole_files import (
    LARGEST,
    MODES,
    RENAMED_MOVED,
    RENAMED_REMOVED,
    FileRule,
    Other,
    Removal,
    settle_removal,
)

MOST_FILES = 400
"""So many files of a side are looked through for what another file became."""

_REGULAR = ("100644", "100755")
_CONTENTS, _REMOVED = "CONFLICT (contents)", "CONFLICT (modify/delete)"
_RENAMED_REMOVED, _RENAMED_TWICE = "CONFLICT (rename/delete)", "CONFLICT (rename/rename)"
_SUGGESTED = "CONFLICT (directory rename suggested)"


class Group(NamedTuple):
    """Conflicts that speak of the same paths."""

    messages: tuple[Message, ...]

    @property
    def kinds(self) -> frozenset[str]:
        """What git calls them."""
        return frozenset(message.kind for message in self.messages)

    def of(self, kind: str) -> list[Message]:
        """Return those of one kind."""
        return [message for message in self.messages if message.kind == kind]


class Settled(NamedTuple):
    """What a rule did about whole files, or would do.

    :param changes: By path: the content; ``None`` where there is no file any more.
    :param modes: By path: the mode that a file gets, where it is another than git's.
    """

    rule: FileRule
    paths: tuple[str, ...]
    text: str
    changes: Mapping[str, bytes | None] = MappingProxyType({})
    modes: Mapping[str, str] = MappingProxyType({})


class Outcome(NamedTuple):
    """What became of a group: done, or proposed and left with a reason."""

    made: tuple[Settled, ...] = ()
    reason: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to decide."""
        return not self.reason


def groups_of(by_git: TreeMerging) -> list[Group]:
    """Return the conflicts of a merge, those about the same paths together."""
    groups: list[list[Message]] = []
    place: dict[str, list[Message]] = {}
    for message in by_git.messages:
        if not message.is_conflict:
            continue
        known = [place[path] for path in message.paths if path in place]
        group = known[0] if known else []
        if not known:
            groups.append(group)
        for other in known[1:]:
            if other is not group:
                group += other
                groups.remove(other)
        group.append(message)
        place |= {path: group for each in group for path in each.paths}
    return [Group(tuple(group)) for group in groups]


def settle_group(
    group: Group,
    by_git: TreeMerging,
    sides: Sides,
    texts: Mapping[str, bytes | None],
    clean: frozenset[str],
    without: frozenset[str],
) -> Outcome:
    """Decide about the conflicts of some paths.

    :param texts: What was settled before, by path.
    :param clean: The paths whose contents the rules merged.
    """
    case = _Case(group, by_git, sides, texts, clean)
    made, reason = _decide(case)
    used = tuple(each for each in made if each.rule.name not in without)
    if reason:
        return Outcome(used, reason)
    if len(used) < len(made):
        return Outcome((), "the rule for it is switched off")
    unsure = [each.rule.name for each in used if not each.rule.is_accepted]
    if unsure:
        return Outcome(used, f"people differ about such conflicts ({', '.join(unsure)})")
    return Outcome(used)


class _Case(NamedTuple):
    group: Group
    by_git: TreeMerging
    sides: Sides
    texts: Mapping[str, bytes | None]
    clean: frozenset[str]

    @property
    def stages(self) -> Stages:
        return self.by_git.stages


_Decided = tuple[list[Settled], str]
"""What rules make of a group, and why it stays open where they do not speak of all of it."""


def _decide(case: _Case) -> _Decided:
    kinds = case.group.kinds
    made, reason = _contents(case)
    if reason:
        return [], reason
    rest = kinds - {_CONTENTS}
    if not rest:
        return made, ""
    if rest == {_REMOVED}:
        return _all(made, [_removed(case, each.paths[0]) for each in case.group.of(_REMOVED)])
    if rest == {_SUGGESTED}:
        return _all(made, [_moved_along(each) for each in case.group.of(_SUGGESTED)])
    if rest == {_SUGGESTED, _RENAMED_TWICE}:
        return _all(made, [_renamed_on(case, each) for each in case.group.of(_RENAMED_TWICE)])
    if rest in ({_RENAMED_REMOVED}, {_RENAMED_REMOVED, _REMOVED}) and _CONTENTS not in kinds:
        found = [_renamed_removed(case, each) for each in case.group.of(_RENAMED_REMOVED)]
        return _all(made, found)
    return [], "; ".join(sorted(_WHY.get(kind, _OTHER) for kind in rest))


def _all(made: list[Settled], found: Iterable[Settled | str]) -> _Decided:
    reasons = [each for each in found if isinstance(each, str)]
    return made + [each for each in found if isinstance(each, Settled)], "; ".join(reasons)


def _contents(case: _Case) -> _Decided:
    """Look at the conflicts of contents: the engine has merged them, or not."""
    made = []
    for message in case.group.of(_CONTENTS):
        for path in message.paths:
            versions = case.stages.get(path, {})
            if not {2, 3} <= versions.keys():
                return [], "only one side is there"
            ours, theirs = versions[2], versions[3]
            same = ours.blob == theirs.blob
            if not same and path not in case.clean:
                return [], "its contents are in conflict"
            if ours.mode == theirs.mode:
                continue
            if not {ours.mode, theirs.mode} <= set(_REGULAR):
                return [], "one side has a file and the other a link"
            mode = _merged_mode(versions)
            text = f"{path} can be run on one side alone: it is left so"
            made.append(Settled(MODES, (path,), text, modes={path: mode}))
    return made, ""


def _merged_mode(versions: Mapping[int, Version]) -> str:
    """Return the mode that one side changed; of a file that both added, that which says more."""
    before = versions[1].mode if 1 in versions else _REGULAR[0]
    return versions[3].mode if versions[2].mode == before else versions[2].mode


def _removed(case: _Case, path: str) -> Settled | str:
    versions = case.stages.get(path, {})
    if set(versions) not in ({1, 2}, {1, 3}):
        return "what was removed and what was changed are not the same file"
    if any(version.mode not in _REGULAR for version in versions.values()):
        return "what was removed or changed is no plain file"
    side = max(versions)
    remover = "theirs" if side == 2 else "ours"
    base, changed = (case.sides.text(versions[each]) for each in (1, side))
    try:
        decision = settle_removal(
            Removal(path, base, changed, remover), _others(case, path, remover)
        )
    except TooCostly:
        decision = None
    if decision is None:
        return "one side removed it and the other changed it; it is binary or too large to compare"
    paths = tuple(decision.changes)
    return Settled(decision.rule, paths, decision.text, decision.changes)


def _others(case: _Case, path: str, remover: str) -> dict[str, Other]:
    """Return the files that the remover changed or added, as they were and as they are merged."""
    revision = getattr(case.sides, remover)
    changes = [
        change
        for change in case.sides.changes(revision).values()
        if change.new and change.new[0] in _REGULAR and change.path != path
    ]
    if len(changes) > MOST_FILES:
        ending = path.rpartition(".")[2]
        changes = list(islice((c for c in changes if c.path.endswith(ending)), MOST_FILES))
    merged = {change.path: case.sides.entry(case.by_git.tree, change.path) for change in changes}
    case.sides.load(
        blob
        for change in changes
        for blob in ((change.old or ("", ""))[1], getattr(merged[change.path], "blob", ""))
        if blob
    )
    others = {}
    for change in changes:
        now = case.texts.get(change.path) or case.sides.text(merged[change.path])
        if len(now) <= LARGEST:
            others[change.path] = Other(case.sides.text(change.old), now)
    return others


def _moved_along(message: Message) -> Settled | str:
    """Decide about a file in a directory that the other side renamed.

    One that was renamed there follows both renames. One that was added is left: people
    put it where git suggests in one of three cases.
    """
    if " renamed to " not in message.text:
        return _WHY[_SUGGESTED]
    new, old = message.paths[0], message.paths[-1]
    text = f"{old} was renamed, and its directory too: it is {new} now"
    return Settled(RENAMED_MOVED, message.paths, text)


def _renamed_on(case: _Case, message: Message) -> Settled | str:
    """Decide about a file renamed by one side, whose directory the other renamed: both hold."""
    old, ours, theirs = message.paths
    moved = {each.paths[0] for each in case.group.of(_SUGGESTED)}
    target, dropped = (ours, theirs) if ours in moved else (theirs, ours)
    if (ours in moved) == (theirs in moved):
        return _WHY[_RENAMED_TWICE]
    sides = [case.stages.get(path, {}) for path in (target, dropped)]
    blobs = {version.blob for versions in sides for version in versions.values()}
    if len(blobs) != 1:
        return "it was renamed on both sides, and git has left its contents in conflict"
    text = f"{old} was renamed, and its directory too: it is {target} now"
    return Settled(RENAMED_MOVED, message.paths, text, {dropped: None, old: None})


def _renamed_removed(case: _Case, message: Message) -> Settled | str:
    """Decide about a file that one side renamed and the other removed."""
    path = message.paths[0]
    versions = case.stages.get(path, {})
    if set(versions) not in ({1, 2}, {1, 3}):
        return "one side renamed it to where the other has a file of its own"
    if versions[1].blob == versions[max(versions)].blob:
        text = f"{path} was renamed by one side, not changed, and removed by the other: it goes"
        return Settled(RENAMED_REMOVED, message.paths, text, {path: None})
    return _removed(case, path)


_OTHER = "git knows no way to merge it, and nor do the rules"
_WHY = {
    _CONTENTS: "its contents are in conflict",
    _REMOVED: "one side removed it, the other changed it",
    _RENAMED_REMOVED: "one side renamed it, the other removed it",
    _RENAMED_TWICE: "each side renamed it to another place",
    _SUGGESTED: "its directory was renamed, and git asks whether it goes along",
    "CONFLICT (file/directory)": "one side has a file where the other has a directory",
    "CONFLICT (distinct modes)": "one side has a file and the other a link or a submodule",
    "CONFLICT (binary)": "binary files are not merged",
    "CONFLICT (rename involved in collision)": "two files were renamed to one place",
    "CONFLICT (file in way of directory rename)": "a file is where its directory was renamed to",
    "CONFLICT(directory rename collision)": "files of two renamed directories would meet",
    "CONFLICT(directory rename unclear split)": "its directory was split over several others",
    "CONFLICT (submodule)": "submodules are merged by commits, which a person has to choose",
}
