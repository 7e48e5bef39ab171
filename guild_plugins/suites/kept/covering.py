"""What each test file covered: kept with its result, and joined with what a run measures.

Processes measure by labels (see `labels`). Here labels become scopes again, those of the files
that needed them, and each file gets all that it covers: its own lines, and those of imports and
wide fixtures that it needed, whoever came to them first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote

from coverage import CoverageData

from guild_plugins.suites.kept.covers import Cover, Points
from guild_plugins.suites.kept.labels import FIXTURE, IMPORT, TEST, spelled
from guild_plugins.suites.recorder import DATA, Measuring, data_files

OURS = (TEST, IMPORT, FIXTURE)


class Covering:
    """The coverage of one run, by label, and that of results that did not run.

    :param top: The repository's top directory.
    :param context: The project's own context, which coverage.py writes before each of ours.
    """

    def __init__(self, measuring: Measuring, top: Path, context: str) -> None:
        self._measuring, self._top, self._context = measuring, top, context
        self._labels: dict[str, Cover] = {}
        self._needs: list[Mapping[str, list[str]]] = []
        self._scopes: dict[str, set[str]] = {}
        self._hits: dict[tuple[str, int], Cover] = {}
        self._outside: dict[tuple[str, ...], Cover] = {}
        self._shared: dict[tuple[frozenset[str], tuple[str, ...]], Cover] = {}
        self._files: list[str] = []
        self._held: list[Cover] = []
        """Keeps their ids theirs."""
        self.is_whole = True
        """Whether all processes told all that they measured."""

    def read(self, needs: Iterable[Mapping[str, list[str]]]) -> None:
        """Take in what the processes measured, and what their labels needed."""
        self._needs = list(needs)
        for file in data_files(self._measuring.data):
            try:
                found = _read(file, self._context)
            except sqlite3.Error:
                self.is_whole = False  # combining says so
                continue
            if any(label.startswith(OURS) for label in found):
                self._files.append(file)
                for label, cover in found.items():
                    self._labels.setdefault(label, Cover()).add(cover)
        ends = Path(self._measuring.data).glob("end-*")
        self.is_whole &= not any(end.read_bytes() for end in ends)

    def has(self, path: str) -> bool:
        """Say whether a test file was at work in a process that told what it needed."""
        return any(TEST + spelled(path) in needs for needs in self._needs)

    def give(
        self, path: str, scope: str, conftests: tuple[str, ...], hooks: Callable[[str], bool]
    ) -> tuple[Cover, Cover]:
        """Return what a test file covered, and have its scope get it.

        :param conftests: Those above the file.
        :param hooks: Says whether a file may be run by their hooks while no file is at work.
        :returns: What it ran itself, and what it needed as others did.
        """
        own = {TEST + spelled(path), IMPORT + spelled(path)}
        above = [IMPORT + spelled(conftest) for conftest in conftests]
        shared: set[str] = set()
        for needs in self._needs:
            if TEST + spelled(path) in needs:
                hooked = [
                    label for label in needs[""] if hooks(unquote(label.removeprefix(IMPORT)))
                ]
                shared |= _closure(needs, [*own, *above, *hooked]) - own
        for label in own | shared:
            self._scopes.setdefault(label, set()).add(scope)
        outside = self._outside.get(conftests)
        if outside is None:
            outside = self._outside[conftests] = self._ran_outside(hooks)
        self._hits[scope, id(outside)] = outside
        key = (frozenset(shared), conftests)
        if key not in self._shared:
            self._shared[key] = self._union(shared).joined(outside).placed(self._top)
        return self._union(own).placed(self._top), self._shared[key]

    def _union(self, labels: Iterable[str]) -> Cover:
        return Cover.union(self._labels[label] for label in labels if label in self._labels)

    def _ran_outside(self, hooks: Callable[[str], bool]) -> Cover:
        """Return what ran while nothing was at work, of the files that hooks may have run."""
        covers = (cover for label, cover in self._labels.items() if not label.startswith(OURS))
        return Cover.union(covers).of(lambda path: hooks(self._from_top(path)))

    def _from_top(self, path: str) -> str:
        whole = Path(self._measuring.home, path)
        return str(whole.relative_to(self._top)) if whole.is_relative_to(self._top) else str(whole)

    def place_of(self, path: str) -> str:
        """Return the path, from the top, of a file in what ``give`` returned."""
        return self._from_top(Cover.spread(path, self._top))

    def join(self, scope: str, cover: Cover) -> None:
        """Add what a file covered that did not run."""
        if (scope, id(cover)) not in self._hits:
            self._hits[scope, id(cover)] = cover.spread_to(self._top)
            self._held.append(cover)

    def write(self) -> None:
        """Put data with scopes as contexts in place of those with labels.

        What ran for no test file is told of as such where it ran for none in any scope.
        """
        contexts: dict[str, Cover] = {}
        for label, cover in self._labels.items():
            is_ours = label.startswith(OURS)
            for scope in (self._scopes.get(label) or {""}) if is_ours else {label}:
                contexts.setdefault(scope, Cover()).add(cover)
        for (scope, _), cover in self._hits.items():
            contexts.setdefault(scope, Cover()).add(cover)
        if "" in contexts:
            scopes = [cover for scope, cover in contexts.items() if scope]
            contexts[""] = contexts[""].without(Cover.union(scopes))
        if contexts:
            self._write(contexts)
        for file in self._files:
            Path(file).unlink(missing_ok=True)

    def _write(self, contexts: Mapping[str, Cover]) -> None:
        data = CoverageData(basename=str(Path(self._measuring.data, DATA)), suffix="kept")
        is_written = False
        for scope, cover in contexts.items():
            data.set_context("|".join(filter(None, (self._context, scope))))
            is_written |= cover.write(data)
        if is_written:
            for cover in contexts.values():
                cover.touch(data)
        data.close()


def _closure(needs: Mapping[str, list[str]], start: Iterable[str]) -> set[str]:
    found: set[str] = set()
    todo = list(start)
    while todo:
        label = todo.pop()
        if label not in found:
            found.add(label)
            todo += needs.get(label, ())
    return found


def _read(file: str, context: str) -> dict[str, Cover]:
    """Return what a data file says of each label: its tables are coverage.py's documented ones."""
    found: dict[str, Cover] = {}
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        tracers = dict(
            connection.execute(
                "SELECT path, tracer FROM tracer JOIN file ON file.id = tracer.file_id"
            )
        )
        for label, path, points in _points(connection, context):
            cover = found.setdefault(label, Cover())
            cover.put(path, points, tracers.get(path, ""))
        rest = found.setdefault("", Cover())
        for (path,) in connection.execute("SELECT path FROM file"):
            rest.put(path, None, tracers.get(path, ""))
    return found


def _points(connection: sqlite3.Connection, context: str) -> Iterator[tuple[str, str, Points]]:
    def label_of(said: str) -> str:
        return "" if said == context else said.removeprefix(f"{context}|" if context else "")

    lines = connection.execute(
        "SELECT context.context, path, numbits FROM line_bits "
        "JOIN file ON file.id = line_bits.file_id "
        "JOIN context ON context.id = line_bits.context_id"
    )
    for said, path, numbits in lines:
        yield label_of(said), path, int.from_bytes(numbits, "little")
    arcs: dict[tuple[str, str], set[tuple[int, int]]] = {}
    rows = connection.execute(
        "SELECT context.context, path, fromno, tono FROM arc "
        "JOIN file ON file.id = arc.file_id JOIN context ON context.id = arc.context_id"
    )
    for said, path, start, end in rows:
        arcs.setdefault((said, path), set()).add((start, end))
    for (said, path), found in arcs.items():
        yield label_of(said), path, frozenset(found)
