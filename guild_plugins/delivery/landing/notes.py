"""A note on each landed commit: what its branch changed, for when the branch is gone.

In ``refs/notes/guild``, one JSON object a commit. A note that is missing or damaged costs
what it says, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from guild_plugins.git.changes import Change, tree_changes
from guild_plugins.git.process import GitFailed, run_git
from guild_plugins.git.refs import DURABLE
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import tree_id
from guild_plugins.git.trees import Entry

REF: Final = "refs/notes/guild"


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of a landing beyond its trailers.

    :param base: The commit that the branch's change began at.
    :param trunks: What trunk changed since then, of the paths that the branch changed too.
    """

    base: str
    tip: str
    changes: tuple[Change, ...]
    trunks: tuple[Change, ...]

    def as_text(self) -> bytes:
        """Return it as it is written."""
        data = {
            "version": 1,
            "base": self.base,
            "tip": self.tip,
            "changes": _as_rows(self.changes),
            "trunk": _as_rows(self.trunks),
        }
        return json.dumps(data).encode() + b"\n"


def write_note(top: Path, commit: str, note: Note) -> None:
    """Write a commit's note, in the place of one that is there."""
    command = ["notes", f"--ref={REF}", "add", "--force", "--file=-", commit]
    run_git(command, top, input=note.as_text(), extra_env=DURABLE)


def read_notes(top: Path, commits: Sequence[str]) -> Mapping[str, Note]:
    """Return the notes of commits, of those that have one."""
    with suppress(GitFailed):
        listed = run_git(["notes", f"--ref={REF}", "list"], top).decode().split()
        blobs = dict(zip(listed[1::2], listed[::2], strict=True))
        wanted = [commit for commit in commits if commit in blobs]
        asked = "".join(f"{blobs[commit]}\n" for commit in wanted).encode()
        output = run_git(["cat-file", "--batch"], top, input=asked) if wanted else b""
        found, at = {}, 0
        for commit in wanted:
            end = output.index(b"\n", at)
            size = int(output[at:end].split()[2])
            note = _read(output[end + 1 : end + 1 + size])
            if note is not None:
                found[commit] = note
            at = end + 2 + size
        return found
    return {}


def _read(text: bytes) -> Note | None:
    try:
        data = json.loads(text)
        rows = (_from_rows(data[key]) for key in ("changes", "trunk"))
        return Note(str(data["base"]), str(data["tip"]), *rows)
    except (ValueError, KeyError, TypeError):
        return None


def note_for(repository: Repository, base: str, tip: str, former: str) -> Note:
    """Return the note of a landing.

    :param former: The commit that it was landed on.
    """
    trees = [tree_id(repository, commit) for commit in (base, tip, former)]
    own = tree_changes(repository, trees[0], trees[1])
    paths = {change.path for change in own}
    since = tree_changes(repository, trees[0], trees[2])
    return Note(base, tip, own, tuple(change for change in since if change.path in paths))


def _as_rows(changes: Sequence[Change]) -> list[list[object]]:
    return [[one.path, _plain(one.before), _plain(one.after)] for one in changes]


def _from_rows(rows: Sequence[Sequence[Any]]) -> tuple[Change, ...]:
    return tuple(Change(str(path), _entry(old), _entry(new)) for path, old, new in rows)


def _plain(entry: Entry | None) -> list[object] | None:
    return [entry.mode, entry.oid] if entry is not None else None


def _entry(data: Sequence[object] | None) -> Entry | None:
    return Entry(int(str(data[0])), str(data[1])) if data is not None else None
