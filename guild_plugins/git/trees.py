"""Snapshots of a repository: which paths there are, and what each holds.

Everything that judges a repository asks a `Tree`, so that the same code answers
for a commit, the index, a work tree and content that was never written down.
Paths are relative to the top, with ``/``; bytes that are no UTF-8 survive in
them (``surrogateescape``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    import hashlib

LINK = 0o120000
SUBMODULE = 0o160000

EMPTY = frozenset(
    {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
    }
)
"""The ids of the blob without content, in both of git's object formats."""


class Entry(NamedTuple):
    """What a path is: git's file mode, and the id of its content in hexadecimal."""

    mode: int
    oid: str

    @property
    def is_file(self) -> bool:
        """Say whether it is a file of its own, and no link or submodule."""
        return self.mode not in (LINK, SUBMODULE)


class Objects(Protocol):
    """Content by id."""

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob with its content, in order; what is not there is left out."""

    def close(self) -> None:
        """Let go of what reading needed; reading again takes it up again."""


class Tree(Protocol):
    """One snapshot."""

    @property
    def entries(self) -> Mapping[str, Entry]:
        """All paths, submodules among them; directories are not."""

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob with its content, in order; what is not there is left out.

        Content always has the id that it is yielded with.
        """


class StoredTree:
    """A tree whose content lies in the repository's object store."""

    def __init__(self, entries: Mapping[str, Entry], objects: Objects) -> None:
        self.entries = entries
        self._objects = objects

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob with its content; a blob that was not fetched is left out."""
        return self._objects.read(oids)


class MemoryTree:
    """A tree of given content, such as the result of a merge.

    :param algorithm: The object format that ids are in.
    """

    def __init__(self, contents: Mapping[str, bytes], algorithm: str = "sha1") -> None:
        self.entries: dict[str, Entry] = {}
        self._contents: dict[str, bytes] = {}
        for path, content in contents.items():
            oid = hash_blob(content, algorithm)
            self.entries[path] = Entry(0o100644, oid)
            self._contents[oid] = content

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob with its content."""
        return ((oid, self._contents[oid]) for oid in oids if oid in self._contents)


def read_path(tree: Tree, path: str) -> bytes | None:
    """Return one file's content; ``None`` where there is none to be had."""
    entry = tree.entries.get(path)
    if entry is None or entry.mode == SUBMODULE:
        return None
    return next((content for _, content in tree.read((entry.oid,))), None)


def hash_blob(content: bytes, algorithm: str = "sha1") -> str:
    """Return the id that git gives to content."""
    digest = _begun(len(content), algorithm)
    digest.update(content)
    return digest.hexdigest()


def hash_file(file: BinaryIO, size: int, algorithm: str = "sha1") -> str:
    """Return the id of an open file's content, which is not held in memory."""
    digest = _begun(size, algorithm)
    while part := file.read(1 << 20):
        digest.update(part)
    return digest.hexdigest()


def _begun(size: int, algorithm: str) -> hashlib._Hash:
    import hashlib  # loads OpenSSL, which a hook seldom needs

    return hashlib.new(algorithm, b"blob %d\0" % size, usedforsecurity=False)


def format_of(oid: str) -> str:
    """Return the object format that an id is in."""
    return "sha256" if len(oid) == 64 else "sha1"
