"""A tree as files in a directory of its own, for programs that read nothing else.

Content is written as it is stored: git's filters are the repository's, and are not
run. Names are the repository's too, so nothing is written outside of the directory.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from guild_plugins.git.trees import LINK, Entry, Tree

AT_ONCE = 500
"""Files whose content is in memory at one time."""

_IMPOSSIBLE = (errno.EEXIST, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR)


def write_copy(tree: Tree, folder: str) -> None:
    """Write all files of a tree below an empty directory; links come last, and are not followed.

    Submodules, content that is not in this clone, and names that no file can have
    (``..``, too long, of a file and a directory at once) are left out.
    """
    files = {path: entry for path, entry in tree.entries.items() if _is_plain(path)}
    plain = {path: entry for path, entry in files.items() if entry.is_file}
    for path, content in _contents(tree, plain):
        _write(f"{folder}{os.sep}{path}", content, plain[path].mode)
    links = {path: entry for path, entry in files.items() if entry.mode == LINK}
    for path, content in _contents(tree, links):
        _link(f"{folder}{os.sep}{path}", content)


def _contents(tree: Tree, entries: Mapping[str, Entry]) -> Iterator[tuple[str, bytes]]:
    rest = iter(entries.items())
    while group := list(islice(rest, AT_ONCE)):
        contents = dict(tree.read(dict.fromkeys(entry.oid for _, entry in group)))
        yield from ((path, contents[e.oid]) for path, e in group if e.oid in contents)


def _is_plain(path: str) -> bool:
    parts = path.split("/")
    return not any(part in ("", ".", "..") or part.lower() == ".git" for part in parts)


def _write(place: str, content: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with _tolerant(place), open(os.open(place, flags, mode & 0o777), "wb") as file:  # noqa: PTH123
        file.write(content)


def _link(place: str, target: bytes) -> None:
    with _tolerant(place):
        os.symlink(target, os.fsencode(place))  # noqa: PTH211


@contextmanager
def _tolerant(place: str) -> Iterator[None]:
    """Make the directory that a file lies in; let be what no directory can hold."""
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
        yield
    except OSError as error:
        if error.errno not in _IMPOSSIBLE:
            raise
