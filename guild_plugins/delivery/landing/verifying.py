"""Checking landings from outside, with nothing but git: at any time, on any clone.

Of each landing: its tree is the one that was tested; it changed what its branch changed
and nothing else (`proof`); it undid nothing that landed before; and the journal, where
this clone has it, knows of no lease that was lost by then. What cannot be told any more,
since the branch's tip is gone, is judged by the note that was written with the landing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guild_plugins.coordination.journal import Journal
from guild_plugins.delivery.landing.history import read_history
from guild_plugins.delivery.landing.judging import overtaken
from guild_plugins.delivery.landing.notes import Note, read_notes
from guild_plugins.delivery.landing.proof import problems_of
from guild_plugins.delivery.landing.trail import Landing, landings_in
from guild_plugins.git.changes import Change
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import run_git
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import UnknownRevision, object_id
from guild_plugins.git.trees import Entry

_Changes = Mapping[tuple[str, str], tuple[Change, ...]]

GONE: Final = "the branch's tip is gone, and there is no note of what it changed"


@dataclass(frozen=True, slots=True)
class Verified:
    """One landing, and what is wrong with it.

    :param unchecked: What could not be checked here.
    """

    landing: Landing
    problems: tuple[str, ...]
    unchecked: tuple[str, ...] = ()


def verify(repository: Repository, span: str, journal: Journal | None = None) -> list[Verified]:
    """Check the landings in a range, the oldest first.

    :param span: ``A..B``, or ``B`` for all that came before it.
    :raises UnknownRevision: One of them is not there.
    """
    top = repository.top
    words = _words(repository, span)
    landings = list(landings_in(top, words))[::-1]
    history = read_history(top, words, [one.tip for one in landings])
    begun = dict(_begun(history.bases(landings), history.parents))
    notes = read_notes(top, [one.commit for one in landings])
    trees = _Trees(top, history.trees)
    trees.learn([name for one in landings for name in (one.parents[:1] + begun[one.commit])])
    done = trees.changes([(one.parents[0], one.commit) for one in landings if one.parents])
    based = [(begun[one.commit][0], one) for one in landings if begun[one.commit] and one.parents]
    own = trees.changes([(base, one.tip) for base, one in based])
    trunks = trees.changes([(base, one.parents[0]) for base, one in based])
    stale = overtaken(journal) if journal is not None else {}
    with closing(GitObjects(top)) as objects:
        facts = _Facts(begun, done, own, trunks, notes, _Contents(objects), stale)
        return [_judge(one, facts) for one in landings]


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is known of all landings of a range."""

    begun: Mapping[str, tuple[str, ...]]
    done: _Changes
    own: _Changes
    trunks: _Changes
    notes: Mapping[str, Note]
    contents: _Contents
    stale: Mapping[str, str]


def _judge(landing: Landing, facts: _Facts) -> Verified:
    problems: list[str] = []
    if landing.tested != landing.tree:
        problems.append(f"its tree is {landing.tree}, and {landing.tested or 'none'} was tested")
    if len(landing.parents) != 1:
        problems.append("it does not stand on the former trunk alone")
        return Verified(landing, tuple(problems))
    if landing.commit in facts.stale:
        problems.append(facts.stale[landing.commit])
    found = _changes(landing, facts)
    if found is None:
        return Verified(landing, tuple(problems), (GONE,))
    done = facts.done[landing.parents[0], landing.commit]
    made = set(landing.rebuilt)
    parts = [[change for change in part if change.path not in made] for part in (*found, done)]
    problems += problems_of(parts[0], parts[1], parts[2], facts.contents)
    unchecked = tuple(f"{path} was made anew" for path in landing.rebuilt)
    return Verified(landing, tuple(problems), unchecked)


def _changes(landing: Landing, facts: _Facts) -> tuple[Sequence[Change], Sequence[Change]] | None:
    """Return what a branch changed, and what trunk did; ``None`` where nobody can tell any more."""
    for base in facts.begun[landing.commit]:
        own = facts.own.get((base, landing.tip))
        if own is not None:
            return own, facts.trunks[base, landing.parents[0]]
    note = facts.notes.get(landing.commit)
    if note is not None and note.tip == landing.tip:
        return note.changes, note.trunks
    return None


def _words(repository: Repository, span: str) -> list[str]:
    start, dots, end = span.partition("..")
    names = [end or "HEAD", *([start or "HEAD"] if dots else [])] if dots else [start or "HEAD"]
    found = []
    for name in names:
        oid = object_id(repository, f"{name}^{{commit}}")
        if oid is None:
            raise UnknownRevision(name)
        found.append(oid)
    return [found[0], *(f"^{oid}" for oid in found[1:])]


def _begun(
    bases: Iterable[tuple[Landing, tuple[str, ...]]], known: Mapping[str, object]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each landing's commit with where its branch began, if that is one commit."""
    for landing, found in bases:
        is_here = landing.tip in known or landing.tip not in found
        yield landing.commit, found[:1] if len(found) == 1 and is_here else ()


class _Contents:
    """Blobs by id, each read once."""

    def __init__(self, objects: GitObjects) -> None:
        self._objects = objects
        self._kept: dict[str, bytes | None] = {}

    def __call__(self, oid: str) -> bytes | None:
        if oid not in self._kept:
            found = dict(self._objects.read([oid]))
            self._kept[oid] = found.get(oid)
        return self._kept[oid]


class _Trees:
    """The trees of commits, and what differs between them; asked for in bulk."""

    def __init__(self, top: Path, known: Mapping[str, str]) -> None:
        self._top, self._known = top, dict(known)

    def learn(self, commits: Iterable[str]) -> None:
        """Find out the trees of commits that are not in the stretch."""
        wanted = sorted({commit for commit in commits if commit not in self._known})
        if not wanted:
            return
        asked = "".join(f"{commit}^{{tree}}\n" for commit in wanted).encode()
        output = run_git(["cat-file", "--batch-check=%(objectname)"], self._top, input=asked)
        for commit, line in zip(wanted, output.decode().splitlines(), strict=True):
            if not line.endswith(" missing"):
                self._known[commit] = line

    def changes(
        self, pairs: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[Change, ...]]:
        """Return what differs between two commits, for each pair whose trees are known."""
        usable = [pair for pair in pairs if pair[0] in self._known and pair[1] in self._known]
        asked = "".join(f"{self._known[a]} {self._known[b]}\n" for a, b in usable).encode()
        words = ["diff-tree", "--stdin", "-r", "--raw", "-z", "--no-renames", "--no-abbrev"]
        output = run_git(words, self._top, input=asked) if usable else b""
        return dict(zip(usable, _divided(output), strict=True))


def _divided(output: bytes) -> Iterator[tuple[Change, ...]]:
    """Read ``tree tree``, then ``:mode mode oid oid letter`` and a path for each change."""
    at = 0
    while at < len(output):
        at = output.index(b"\n", at) + 1
        changes = []
        while output.startswith(b":", at):
            end = output.index(b"\0", at)
            stop = output.index(b"\0", end + 1)
            old, new, before, after, _ = output[at + 1 : end].split(b" ")
            path = os.fsdecode(output[end + 1 : stop])
            changes.append(Change(path, _entry(old, before), _entry(new, after)))
            at = stop + 1
        yield tuple(changes)


def _entry(mode: bytes, oid: bytes) -> Entry | None:
    return Entry(int(mode, 8), oid.decode()) if mode.strip(b"0") else None
