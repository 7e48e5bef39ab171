"""The imports of many blobs: kept ones loaded, the others read once and kept.

A large number of new ones is shared out to as many processes as there are
cores. Those read the repository themselves, and answer with text.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from guild_plugins.git.process import git_environment
from guild_plugins.git.trees import Tree
from guild_plugins.graph.imports import FileImports, Import, Problem
from guild_plugins.graph.reading import read_imports
from guild_plugins.graph.store import Store

MANY = 1_500
"""Blobs from which on more processes pay: reading so many takes about 0.5 s, starting one 0.1 s."""

FEW = 12
"""Blobs up to which reading them takes less than opening the store."""

NOTHING = FileImports(())


class Facts:
    """The imports of blobs of one repository.

    :param store: Where they are kept; without one, nothing is.
    :param top: The repository's directory, for processes of their own to read from.
    """

    def __init__(self, store: Store | None = None, top: Path | None = None) -> None:
        self._store, self._top = store, top
        self._known: dict[str, FileImports] = {}

    def read(self, tree: Tree, oids: Iterable[str]) -> Mapping[str, FileImports]:
        """Return the imports of the blobs of a tree; content that cannot be had is left out."""
        wanted = dict.fromkeys(oid for oid in oids if oid not in self._known)
        if len(wanted) <= FEW:
            read = tree.read(wanted)
            self._known.update((oid, read_imports(content)) for oid, content in read)
            return self._known
        if self._store is not None:
            kept = self._store.load(wanted)
            self._known.update((oid, decode(text)) for oid, text in kept.items())
        new = [oid for oid in wanted if oid not in self._known]
        if new:
            texts = dict(self._read_new(tree, new))
            self._known.update((oid, decode(text)) for oid, text in texts.items())
            if self._store is not None:
                self._store.save(texts)
        return self._known

    def _read_new(self, tree: Tree, oids: Sequence[str]) -> Iterator[tuple[str, str]]:
        cores = len(os.sched_getaffinity(0))
        rest: Sequence[str] = oids
        if len(oids) >= MANY and self._top is not None and cores > 1:
            found = read_in_processes(self._top, oids, min(cores, len(oids) // 500))
            yield from found.items()
            # What lies only in the work tree is read here.
            rest = [oid for oid in oids if oid not in found]
        for oid, content in tree.read(rest):
            yield oid, encode(read_imports(content))


def read_in_processes(top: Path, oids: Sequence[str], count: int) -> dict[str, str]:
    """Return the imports of blobs in a repository, as text, read by several processes."""
    command = [sys.executable, "-P", "-m", "guild_plugins.graph.filling", os.fspath(top)]
    processes = [
        subprocess.Popen(
            command,
            cwd=top,
            env=git_environment(os.environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(count)
    ]
    for number, process in enumerate(processes):
        assert process.stdin is not None
        process.stdin.write("\n".join(oids[number::count]).encode())
        process.stdin.close()
    found: dict[str, str] = {}
    for process in processes:
        assert process.stdout is not None
        for line in process.stdout:
            oid, _, text = line.decode().rstrip("\n").partition(" ")
            found[oid] = text
        process.wait()
        process.stdout.close()
    return found


def encode(found: FileImports) -> str:
    """Return facts as text on one line."""
    return json.dumps(found, separators=(",", ":"))


def decode(text: str) -> FileImports:
    """Return the facts that text stands for."""
    imports, problems = json.loads(text)
    return FileImports(
        tuple([Import(m, tuple(names), *rest) for m, names, *rest in imports]),
        tuple([Problem(*problem) for problem in problems]),
    )
