"""The trees of a repository: a commit's, the index's, the work tree's.

Listing them is one to three git commands; content is read when it is asked for.
Nothing of the repository runs: filters and hooks stay out, so content of the
work tree is taken as it lies there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.changes import (
    Change,
    object_format,
    staged_changes,
    without_filters,
    worktree_changes,
)
from guild_plugins.git.listing import Listing
from guild_plugins.git.objects import GitObjects
from guild_plugins.git.process import GitFailed, run_git, split_names
from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.git.trees import (
    EMPTY,
    LINK,
    Entry,
    StoredTree,
    format_of,
    hash_blob,
    hash_file,
)


class UnknownRevision(GuildError):
    """A name stands for no commit or tree of this repository."""

    slug = "unknown-revision"
    exit = Exit.USAGE
    remedy = "Name a branch, a tag or a commit that is here; a shallow clone may lack it."

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"There is no commit or tree {self.name!r}."


def tree_id(repository: Repository, revision: str) -> str:
    """Return the id of a revision's tree.

    :raises UnknownRevision: There is no such revision.
    """
    spec = f"{revision}^{{tree}}"
    try:
        output = run_git(["rev-parse", "--verify", "--end-of-options", spec], repository.top)
    except GitFailed:
        raise UnknownRevision(revision) from None
    return output.split()[-1].decode()


def revision_tree(repository: Repository, revision: str) -> StoredTree:
    """Return the tree of a commit, a tag or a tree.

    :raises UnknownRevision: There is no such revision.
    """
    oid = tree_id(repository, revision)
    output = run_git(["ls-tree", "-r", "-z", "--full-tree", oid], repository.top)
    return StoredTree(Listing(output), GitObjects(repository.top))


def object_id(repository: Repository, revision: str) -> str | None:
    """Return the id that a revision stands for; ``None`` where there is no such revision."""
    command = ["rev-parse", "--verify", "--quiet", "--end-of-options", revision]
    try:
        return run_git(command, repository.top).split()[-1].decode()
    except GitFailed:
        return None


def merge_base(repository: Repository, first: str, second: str) -> str:
    """Return the commit at which two revisions parted.

    :raises UnknownRevision: One of them is not there, or they share nothing.
    """
    commits = [_commit_id(repository, name) for name in (first, second)]
    try:
        output = run_git(["merge-base", *commits], repository.top)
    except GitFailed:
        raise UnknownRevision(f"{first}...{second}") from None
    return output.split()[0].decode()


def index_tree(
    repository: Repository,
    index_file: str | None = None,
    changes: Sequence[Change] | None = None,
) -> StoredTree:
    """Return what a commit would hold now: the index.

    Paths that are only meant to be added (``git add -N``) are not in it. Of an
    unmerged path it holds our side.

    :param index_file: Another index than the work tree's own (see `handed_index`).
    :param changes: What it changes on ``HEAD``, where that is known.
    """
    output = run_git(["ls-files", "-s", "-z"], repository.top, extra_env=_index(index_file))
    if changes is None:
        changes = staged_changes(repository, index_file)
    absent = frozenset(_intended(repository, changes, index_file))
    return StoredTree(Listing(output, absent), GitObjects(repository.top))


def work_tree(repository: Repository) -> WorkTree:
    """Return the files as they lie there: tracked, or untracked and not ignored.

    What git's own record of times and sizes shows to be unchanged keeps its id
    from the index; the rest is read and given the id of its bytes. Where git
    would convert a file on adding it (line ends, filters), that id is not the
    one it will have in a commit.
    """
    top = repository.top
    entries: dict[str, Entry] = dict(Listing(run_git(["ls-files", "-s", "-z"], top)))
    some = next(iter(entries.values()), None)
    algorithm = format_of(some.oid) if some else object_format(repository)
    changed = worktree_changes(repository)
    gone = {change.path for change in changed if change.after is None}
    others = split_names(run_git(["ls-files", "-o", "--exclude-standard", "-z"], top))
    own: dict[str, str] = {}
    for path in gone:
        entries.pop(path, None)
    for path in {*others, *(change.path for change in changed)} - gone:
        entry = _identify(top, path, algorithm)
        if entry is None:
            entries.pop(path, None)
        else:
            entries[path] = entry
            own[entry.oid] = path
    return WorkTree(top, entries, own, GitObjects(top), algorithm)


class WorkTree:
    """The files of a work tree; made by `work_tree`."""

    def __init__(
        self,
        top: Path,
        entries: Mapping[str, Entry],
        own: Mapping[str, str],
        objects: GitObjects,
        algorithm: str,
    ) -> None:
        self.entries = entries
        self._top, self._own = top, own
        self._objects, self._algorithm = objects, algorithm

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob with its content; a file that changed meanwhile is left out."""
        stored: list[str] = []
        for oid in oids:
            path = self._own.get(oid)
            if path is None:
                stored.append(oid)
                continue
            content = _content(self._top, path)
            if content is not None and hash_blob(content, self._algorithm) == oid:
                yield oid, content
        yield from self._objects.read(stored)


def ignored(repository: Repository, paths: Collection[str]) -> list[str]:
    """Return those of some paths that git ignores."""
    if not paths:
        return []
    # Literal pathspecs are refused here; "./" keeps a leading colon from being one with magic.
    asked = b"\0".join(os.fsencode(f"./{path}") for path in sorted(paths))
    plain = {"GIT_LITERAL_PATHSPECS": "0"}
    command = ["check-ignore", "-z", "--stdin"]
    try:
        found = run_git(command, repository.top, input=asked, extra_env=plain)
    except GitFailed as error:
        if error.code == 1:  # none
            return []
        raise
    return [path.removeprefix("./") for path in split_names(found)]


def handed_index(repository: Repository, environ: Mapping[str, str]) -> str | None:
    """Return the index that git handed to a hook, if it is one of this repository.

    A commit of some paths alone (``git commit -- PATH``) is judged by a temporary
    index. A command that a hook starts in another repository has its own.
    """
    value = environ.get("GIT_INDEX_FILE")
    here = find_repository(Path.cwd())
    if not value or here is None or here.git_dir != repository.git_dir:
        return None
    return os.path.join(repository.top, value)  # noqa: PTH118 - git's own reading of it


def _commit_id(repository: Repository, revision: str) -> str:
    command = ["rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}"]
    try:
        return run_git(command, repository.top).split()[-1].decode()
    except GitFailed:
        raise UnknownRevision(revision) from None


def _intended(
    repository: Repository, changes: Sequence[Change], index_file: str | None
) -> set[str]:
    """Return the paths in the index that are only meant to be added: they have no content yet."""
    suspects = {c.path for c in changes if c.after is not None and c.after.oid in EMPTY}
    if not suspects:
        return set()
    output = run_git(
        ["diff-files", "-z", "--name-only", "--diff-filter=A", "--ignore-submodules=all"],
        repository.top,
        extra_env={**_index(index_file), **without_filters(repository)},
    )
    return suspects.intersection(split_names(output))


def _index(index_file: str | None) -> dict[str, str]:
    return {"GIT_INDEX_FILE": index_file} if index_file else {}


def _identify(top: Path, path: str, algorithm: str) -> Entry | None:
    """Return a file's mode and id; ``None`` where there is no file (a pipe, a directory)."""
    place = f"{top}{os.sep}{path}"
    try:
        if os.path.islink(place):  # noqa: PTH114 - names are not made into paths here
            return Entry(LINK, hash_blob(_link(place), algorithm))
        with _open(place) as file:
            status = os.fstat(file.fileno())
            if not S_ISREG(status.st_mode):
                return None
            mode = 0o100755 if status.st_mode & 0o100 else 0o100644
            return Entry(mode, hash_file(file, status.st_size, algorithm))
    except OSError:
        return None


def _content(top: Path, path: str) -> bytes | None:
    place = f"{top}{os.sep}{path}"
    try:
        if os.path.islink(place):  # noqa: PTH114
            return _link(place)
        with _open(place) as file:
            return file.read()
    except OSError:
        return None


def _link(place: str) -> bytes:
    return os.fsencode(os.readlink(place))  # noqa: PTH115


def _open(place: str) -> BinaryIO:
    """Open a file without waiting, should it be a pipe that nobody writes to."""
    return open(os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: PTH123
