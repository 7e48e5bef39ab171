"""Before a run: which files need not run, since a kept result stands for them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from guild_plugins.git.repository import Repository, find_repository
from guild_plugins.graph.closures import word_of
from guild_plugins.graph.roots import found_instead, shadows
from guild_plugins.scopes.project import Project
from guild_plugins.suites.kept.circumstances import describe, describe_pool, foreign_names
from guild_plugins.suites.kept.heads import Head
from guild_plugins.suites.kept.shared import SharedStore, shared_store
from guild_plugins.suites.kept.snapshot import Snapshot
from guild_plugins.suites.kept.store import Store
from guild_plugins.suites.plan import REORDERING, Candidate
from guild_plugins.suites.pools import Pool
from guild_plugins.suites.recorder import Recorder
from guild_plugins.suites.words import seconds, things

if TYPE_CHECKING:
    from guild_plugins.suites.kept.covers import Cover

OUTPUTS = ("xmlpath", "guild_report", "htmlpath", "report_log", "json_report_file")
"""Options that say where a run writes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A file that can be kept.

    :param path: From the repository's top.
    :param key: What its outcome depends on, as far as that is known without running it.
    """

    candidate: Candidate
    path: str
    key: str


class Choosing:
    """Looks for kept results, and remembers the keys of all files for those to come.

    :param store: The records of this repository.
    :param shared: Records of others, if there are any to be had.
    """

    def __init__(
        self,
        config: pytest.Config,
        repository: Repository,
        store: Store,
        shared: SharedStore | None,
    ) -> None:
        self.config, self.repository = config, repository
        self.store, self.shared = store, shared
        self.hits: list[tuple[Asked, Head]] = []
        self.asked: dict[str, Asked] = {}
        """The files that can be kept, by their key in node ids."""
        self.refused: dict[str, str] = {}
        """Why others cannot, by the same."""
        self.flaky: set[str] = set()
        self.known: dict[str, list[Head]] = {}
        self.is_on = False
        recorder = Recorder.running
        self.how = word_of(recorder.how()) if recorder is not None else ""
        """A word for how coverage is measured, if it is."""
        self.covers: dict[str, Cover] = {}
        """What the kept results covered, by name."""

    def choose(
        self,
        project: Project,
        pools: Mapping[str, Pool],
        candidates: list[Candidate],
        notes: list[str],
    ) -> list[Candidate]:
        """Return the files that must run."""
        why = self._why_not(project)
        if why:
            notes.append(f"nothing is kept: {why}")
            return candidates
        self.is_on, self._project = True, project
        self.snapshot = self.look()
        self.asked = {a.candidate.key: a for a in self.ask(self.snapshot, pools, candidates)}
        self._look_up()
        done = {asked.candidate.key for asked, _ in self.hits}
        if self.hits:
            notes.append(self._said(len(candidates)))
        notes += [f"flaky: {path} passed and failed with the same content" for path in self.flaky]
        return [candidate for candidate in candidates if candidate.key not in done]

    def look(self) -> Snapshot:
        """Return the work tree as it is now."""
        return Snapshot(self.repository, self._project, self.store, os.environ, self._outputs())

    def _why_not(self, project: Project) -> str:
        option = self.config.option
        if project.root != self.repository.top:
            return "the tests are no part of the repository"
        if getattr(option, "lf", False) or getattr(option, "stepwise", False):
            return "--lf and --stepwise run parts of files"
        for name, title in REORDERING.items():
            if self.config.pluginmanager.has_plugin(name):
                return f"{title} has tests depend on one another across files"
        return ""

    def ask(
        self, snapshot: Snapshot, pools: Mapping[str, Pool], candidates: Iterable[Candidate]
    ) -> Iterator[Asked]:
        """Yield the files that can be kept, each with its key."""
        top = self.repository.top
        common = [
            *describe(self.config, top, self._project.rules.variables),
            *self._own_plugins(snapshot),
            *self._shadows(snapshot),
        ]
        shared = word_of("\n".join(common))
        words = snapshot.present.words
        for candidate in candidates:
            pool = pools[candidate.pool]
            path = os.path.relpath(candidate.found.path, top).replace(os.sep, "/")
            if path not in words:
                self.refused[candidate.key] = "is no Python file that git sees"
            elif candidate.is_named:
                self.refused[candidate.key] = "ran in part, by node ids"
            elif pool.python is not None:
                self.refused[candidate.key] = "has an interpreter of its own"
            else:
                own = [path, words[path], *describe_pool(pool, top)]
                conftests = snapshot.conftests(path)
                own += (words[conftest] for conftest in conftests)
                own += found_instead(snapshot.tree.entries, [path, *conftests])
                yield Asked(candidate, path, word_of("\n".join([shared, *own])))

    def _own_plugins(self, snapshot: Snapshot) -> Iterator[str]:
        """Yield words for the plugins of the repository that ``-p`` names."""
        for name in self.config.option.plugins or ():
            if not name.startswith("no:"):
                yield snapshot.present.identify("name", f"conftest.py {name}")

    @staticmethod
    def _shadows(snapshot: Snapshot) -> Iterator[str]:
        """Yield words for modules that others' code may find instead of those that it means."""
        entries, roots = snapshot.tree.entries, snapshot.book.roots
        own = shadows(entries, roots, sys.stdlib_module_names)
        for path in shadows(entries, roots, foreign_names()):
            yield f"shadow {path} {entries[path].oid if path in own else ''}"

    def _look_up(self) -> None:
        keys = {asked.key for asked in self.asked.values()}
        self._load(keys)
        if self.shared is not None:
            missing = sorted(key for key in keys if not self._measured(self._holding(key)))
            fetched = self.shared.load(missing)
            covers = {w: body for parcel in fetched.values() for w, body in parcel.covers.items()}
            self.store.save([parcel.record for parcel in fetched.values()], covers=covers)
            self._load(keys)
        hits = []
        for asked in self.asked.values():
            holding = self._holding(asked.key)
            if any(head.verdict == "flaky" for head in holding):
                self.flaky.add(asked.path)
            elif holding and all(head.verdict == "passed" for head in holding):
                hits += [(asked, head) for head in self._measured(holding)[:1]]
        self.hits = self._covered(hits)
        self.store.note_use(head for _, head in self.hits)

    def _load(self, keys: Iterable[str]) -> None:
        self.known = self.store.heads(keys)
        heads = (head for heads in self.known.values() for head in heads)
        self._held = self.store.held(heads, self.snapshot.present.identify)

    def _measured(self, heads: list[Head]) -> list[Head]:
        """Return those that tell of coverage, where that is wanted."""
        wants = bool(self.config.option.guild_cov)
        return [head for head in heads if not wants or head.is_covered(self.how)]

    def _covered(self, hits: list[tuple[Asked, Head]]) -> list[tuple[Asked, Head]]:
        """Return those of which all coverage is there, where it is wanted."""
        if not self.config.option.guild_cov:
            return hits
        from guild_plugins.suites.kept.covers import Cover

        words = {word for _, head in hits for word in head.covers}
        for word, body in self.store.covers(words).items():
            cover = Cover.decode(body)
            if cover is not None:
                self.covers[word] = cover
        return [hit for hit in hits if all(word in self.covers for word in hit[1].covers)]

    def _holding(self, key: str) -> list[Head]:
        """Return the records under a key whose inputs are what they were."""
        return [head for head in self.known.get(key, ()) if head.holds(self._held)]

    def _said(self, files: int) -> str:
        tests = sum(head.tests for _, head in self.hits)
        spent = sum(head.seconds for _, head in self.hits)
        return (
            f"{len(self.hits)} of {things(files, 'file')} did not run: nothing of what they need "
            f"has changed since they passed ({things(tests, 'test')}, which took {seconds(spent)})"
        )

    def _outputs(self) -> frozenset[str]:
        """Return the paths that this run writes, from the top."""
        here, top = self.config.invocation_params.dir, self.repository.top
        given = [getattr(self.config.option, name, None) for name in OUTPUTS]
        places = [
            os.path.normpath(here / Path(os.path.expandvars(path)).expanduser())
            for path in given
            if path
        ]
        return frozenset(os.path.relpath(place, top).replace(os.sep, "/") for place in places)


def begin(config: pytest.Config) -> Choosing | None:
    """Return what chooses; ``None`` where there is no repository to keep results in.

    :raises StoreUnusable: A shared store is named that cannot be used.
    """
    repository = find_repository(config.rootpath)
    if repository is None:
        return None
    shared = shared_store(os.environ)
    return Choosing(config, repository, Store(repository.common_dir / "guild"), shared)
