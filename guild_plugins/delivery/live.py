"""What is being worked on: branches, each with what lies in its work tree, as commits.

What is not committed yet becomes a commit that no reference names, as ``git stash
create`` makes one. The same content gives the same commit, and git's own clean-up
takes it away. Neither index nor files are touched, and no filter is run.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from guild_plugins.delivery.names import PREFIX
from guild_plugins.git.changes import without_filters
from guild_plugins.git.index import copy_index
from guild_plugins.git.process import GitFailed, run_git, split_names
from guild_plugins.git.refs import read_head
from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.git.snapshots import UnknownRevision, object_id
from guild_plugins.git.worktrees import checked_out
from guild_plugins.git.writing import write_commit

LARGE: Final = 10_000_000
"""Bytes from which on an untracked file is not looked at."""

NOBODY: Final = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "guild"), ("EMAIL", "guild@localhost"), ("DATE", "@0 +0000"))
}


@dataclass(frozen=True, slots=True)
class Live:
    """One branch, as it is now.

    :param name: As a user would say it.
    :param tip: Its last commit.
    :param commit: What it would be with what lies in its work tree.
    :param path: The work tree; ``None`` where it is checked out nowhere.
    :param flaw: Why the work tree could not be looked at, so that the tip counts.
    """

    name: str
    tip: str
    commit: str
    tree: str
    path: str | None = None
    flaw: str | None = None

    @property
    def is_dirty(self) -> bool:
        """Say whether it has what is not committed."""
        return self.commit != self.tip


def find_live(
    repository: Repository, revisions: Sequence[str] = (), *, known: Iterable[Live] = ()
) -> list[Live]:
    """Return the scope branches as they are now, or else what is named.

    :param known: What needs no look into its work tree, if its tip is what it was.
    :raises UnknownRevision: A name stands for no commit.
    """
    places = dict(_places(repository))
    as_before = {(live.name, live.tip, live.path): live for live in known}
    named = list(_resolved(repository, revisions)) if revisions else _listed(repository, PREFIX)
    found = []
    for name, tip, tree in dict.fromkeys(named):
        path = places.get(name)
        short = name.removeprefix("refs/heads/")
        before = as_before.get((short, tip, str(path) if path else None))
        found.append(before or _live(short, tip, tree, path))
    return found


def _places(repository: Repository) -> Iterator[tuple[str, Path]]:
    """Yield each branch that is checked out, with its work tree."""
    yield from checked_out(repository.common_dir).items()
    main = find_repository(repository.common_dir.parent)
    if main is not None and main.common_dir == repository.common_dir:
        branch = read_head(main.top).branch
        if branch is not None:
            yield branch, main.top


def _listed(repository: Repository, prefix: str) -> list[tuple[str, str, str]]:
    form = "--format=%(refname)%00%(objectname)%00%(tree)"
    output = run_git(["for-each-ref", form, "--", prefix], repository.common_dir)
    lines = (line.split("\0") for line in os.fsdecode(output).splitlines())
    return [(name, tip, tree) for name, tip, tree in lines if tree]


def _resolved(repository: Repository, revisions: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each revision with its commit and tree; a branch by its full name."""
    branches = {name: (name, tip, tree) for name, tip, tree in _listed(repository, "refs/heads/")}
    head = read_head(repository.top).branch
    for revision in revisions:
        names = [head] if revision == "HEAD" else [revision, f"refs/heads/{revision}"]
        known = next((branches[name] for name in names if name in branches), None)
        yield known or _parsed(repository, revision)


def _parsed(repository: Repository, revision: str) -> tuple[str, str, str]:
    commit = object_id(repository, f"{revision}^{{commit}}")
    tree = object_id(repository, f"{revision}^{{tree}}")
    if commit is None or tree is None:
        raise UnknownRevision(revision)
    return revision, commit, tree


def _live(short: str, tip: str, tree: str, path: Path | None) -> Live:
    if path is None or not path.is_dir():
        return Live(short, tip, tip, tree)
    try:
        now = _tree_of(path)
    except GitFailed as error:
        return Live(short, tip, tip, tree, str(path), str(error))
    if now is None or now == tree:
        return Live(short, tip, tip, tree, str(path))
    commit = write_commit(path, now, [tip], b"what lies in the work tree\n", who=NOBODY)
    return Live(short, tip, commit, now, str(path))


def _tree_of(path: Path) -> str | None:
    """Write what lies in a work tree as a tree: tracked, or untracked and not ignored.

    Repositories in it are left out, and what is untracked and large: it would be copied.
    """
    found = find_repository(path)
    if found is None:
        return None
    with TemporaryDirectory(prefix="guild-live-") as folder:
        index = copy_index(path, found.git_dir, Path(folder, "index"))
        extra = {**without_filters(found), "GIT_INDEX_FILE": str(index.file)}
        run_git(["add", "--update"], path, extra_env=extra)
        others = ["ls-files", "-z", "--others", "--exclude-standard"]
        names = split_names(run_git(others, path, extra_env=extra))
        small = "".join(f"{name}\0" for name in names if _is_small(path, name))
        run_git(
            ["update-index", "--add", "-z", "--stdin"],
            path,
            input=os.fsencode(small),
            extra_env=extra,
        )
        return run_git(["write-tree"], path, extra_env=extra).decode().strip()


def _is_small(folder: Path, name: str) -> bool:
    try:
        status = (folder / name).lstat()
    except OSError:  # gone meanwhile
        return False
    return not stat.S_ISDIR(status.st_mode) and status.st_size < LARGE
