"""Reading blobs in bulk with ``git cat-file --batch``.

It works wherever git does: SHA-256, reftable, alternates, partial clones (what
was not fetched counts as missing).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO

from guild_plugins.git.process import GitFailed, run_git, start_git

AT_ONCE = 60
"""Ids asked for in one go: they fit into the smallest pipe, so that writing them never waits."""


class GitObjects:
    """The blobs of the repository that a directory lies in.

    One process answers all questions; it starts with the first.
    """

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._here: frozenset[str] | None = None
        """What is in this clone, where that is known: of a partial clone."""

    def read(self, oids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield each blob with its content, in order; what is not there is left out.

        :raises GitFailed: The process ended: the repository is damaged, or gone.
        """
        rest = iter(oids)
        while group := list(islice(rest, AT_ONCE)):
            try:
                yield from self._read(group)
            except GitFailed:
                # In a partial clone, git gives up at the first object that was not fetched.
                if self._here is not None:
                    raise
                self._here = self._list_all()
                yield from self._read(group)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.communicate()

    def read_tree(self, oid: str) -> bytes:
        """Return a tree object as git stores it.

        :raises GitFailed: There is none.
        """
        found = self._read([oid], b"tree")
        if not found:
            raise GitFailed(("cat-file",), 1, f"{oid} is no tree")
        return found[0][1]

    def _read(self, oids: list[str], kind: bytes = b"blob") -> list[tuple[str, bytes]]:
        """Ask for a few blobs; all answers are taken, so that none is left for the next to ask."""
        if self._here is not None:
            oids = [oid for oid in oids if oid in self._here]
        if self._process is None:
            self._process = start_git(["cat-file", "--batch"], self._cwd)
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        try:
            questions.write("".join(f"{oid}\n" for oid in oids).encode())
            questions.flush()
            found = [(oid, _answer(answers, kind)) for oid in oids]
        except (BrokenPipeError, GitFailed):
            self._abandon()
            raise GitFailed(("cat-file",), 1, "it ended before it had answered") from None
        return [(oid, content) for oid, content in found if content is not None]

    def _abandon(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with suppress(BrokenPipeError):
                process.communicate()

    def _list_all(self) -> frozenset[str]:
        """Return the ids of all objects in this clone."""
        command = ["cat-file", "--batch-all-objects", "--unordered"]
        output = run_git([*command, "--batch-check=%(objectname)"], self._cwd)
        return frozenset(output.decode().split())


def _answer(stream: IO[bytes], kind: bytes) -> bytes | None:
    """Read ``oid kind size``, and as much content; ``None`` for what is missing or another kind."""
    line = stream.readline()
    if not line:
        raise GitFailed(("cat-file",), 1, "it ended before it had answered")
    head = line.split()
    if len(head) != 3:  # "oid missing"
        return None
    content = stream.read(int(head[2]))
    stream.read(1)
    return content if head[1] == kind else None
