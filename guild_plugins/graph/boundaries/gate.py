"""The gate: judges a tree, or a change, by the rules of its scopes.

A change is judged by what it touches: each changed file's own imports, and what
it does to others (a module deleted, a public surface that no longer fits, a
chain that leads through it). Only those last read more than the changed files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from guild_plugins.errors import Exit, GuildError
from guild_plugins.git.changes import Change, compare, staged_changes, tree_changes
from guild_plugins.git.repository import Repository
from guild_plugins.git.snapshots import (
    UnknownRevision,
    ignored,
    index_tree,
    merge_base,
    revision_tree,
    tree_id,
    work_tree,
)
from guild_plugins.git.trees import Tree, read_path
from guild_plugins.graph.boundaries.baseline import FILE, Judged, divide, read_baseline, renew
from guild_plugins.graph.boundaries.breaking import judge_surface
from guild_plugins.graph.boundaries.chains import judge_chains
from guild_plugins.graph.boundaries.direct import judge_file
from guild_plugins.graph.boundaries.ownership import judge_ownership, scope_of_branch
from guild_plugins.graph.boundaries.presence import judge_deleted, judge_forgotten
from guild_plugins.graph.boundaries.rulebook import RuleBook, kept_rules
from guild_plugins.graph.boundaries.violations import Violation, in_order, place_of
from guild_plugins.graph.facts import Facts
from guild_plugins.graph.graph import ImportGraph
from guild_plugins.graph.imports import FileImports, Problem
from guild_plugins.graph.parsing import parse
from guild_plugins.graph.store import Store
from guild_plugins.scopes.model import ROOT, ScopeId


class UnknownScope(GuildError):
    """A name that was asked for is no scope."""

    slug = "unknown-scope"
    exit = Exit.USAGE
    remedy = "guild scopes lists them."

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"There is no scope {self.name!r}."


class Subject(NamedTuple):
    """What is judged."""

    tree: Tree
    changes: tuple[Change, ...] = ()
    is_whole: bool = True
    """All of the tree, not only what the changes touch."""
    is_staged: bool = False
    """The commit that is being made: the work tree may hold what was forgotten."""
    is_work_tree: bool = False
    """The files lie in the work tree as they are judged."""
    base: str = "HEAD"
    """The revision that the changes are on."""
    merged: tuple[str, ...] = ()
    """Paths that a merge brings as they are: whose they are was judged before."""


class Opinion(NamedTuple):
    """What other gates found."""

    violations: tuple[Violation, ...]
    faults: tuple[GuildError, ...] = ()
    """Of gates that could not judge: such a gate is shut."""


class Verdict(NamedTuple):
    """What was found, and how much was looked at."""

    judged: Judged
    files: int
    scopes: int
    faults: tuple[GuildError, ...] = ()
    """Of gates beside this one that could not judge."""

    @property
    def is_clean(self) -> bool:
        """Say whether the change or the tree may pass."""
        judged = self.judged
        return not (judged.mended or self.faults) and all(v.is_warning for v in judged.new)


class Authority(NamedTuple):
    """By whose rules a change is judged where it may not bring its own: those of a landing.

    :param tree: Whose rules and baseline hold.
    :param scope: The scope that the change has to stay in.
    """

    tree: Tree
    scope: ScopeId


Others = Callable[[RuleBook, Subject, Collection[ScopeId]], Opinion]
"""Gates beside this one; asked only about some scopes, where any are named."""


class Gate:
    """Judges trees of one repository.

    :param read_rules: Reads the rules of a tree that none are kept of.
    """

    def __init__(self, repository: Repository, read_rules: Callable[[Tree], RuleBook]) -> None:
        self._repository = repository
        self._folder = repository.common_dir / "guild"
        self._read_rules = read_rules

    def work_tree(self) -> Subject:
        """Return the work tree, with what it changes on ``HEAD``."""
        tree = work_tree(self._repository)
        try:
            before = revision_tree(self._repository, "HEAD").entries
        except UnknownRevision:
            return Subject(tree, is_work_tree=True)
        return Subject(tree, compare(before, tree.entries), is_work_tree=True)

    def staged(self, index_file: str | None, merging: Sequence[str] = ()) -> Subject:
        """Return what the index changes on ``HEAD``.

        :param merging: Commits that are being merged.
        """
        changes = staged_changes(self._repository, index_file)
        tree = index_tree(self._repository, index_file, changes)
        # What is only meant to be added is listed, and not in the tree.
        real = tuple(c for c in changes if c.after is None or c.path in tree.entries)
        own = {change.path for change in real}
        for other in merging:
            own &= {c.path for c in staged_changes(self._repository, index_file, other)}
        merged = tuple(c.path for c in real if c.path not in own)
        return Subject(tree, real, is_whole=False, is_staged=True, merged=merged)

    def revision(self, name: str) -> Subject:
        """Return the whole tree of a revision.

        :raises UnknownRevision: There is no such revision.
        """
        return Subject(revision_tree(self._repository, name))

    def between(self, span: str) -> Subject:
        """Return what ``A..B`` changes; ``A...B`` starts where both parted.

        :raises UnknownRevision: There is no such revision.
        """
        start, _, end = span.partition("..")
        end = end or "HEAD"
        if end.startswith("."):
            end = end[1:] or "HEAD"
            start = merge_base(self._repository, start, end)
        start = start or "HEAD"
        ids = [tree_id(self._repository, name) for name in (start, end)]
        changes = tree_changes(self._repository, *ids)
        tree = revision_tree(self._repository, end)
        return Subject(tree, changes, is_whole=False, base=start)

    def renew_baseline(self, verdict: Verdict) -> Verdict:
        """Write the baseline of the work tree, and return what it leaves.

        :param verdict: Of the whole work tree.
        """
        place = self._repository.top / FILE
        judged, content = renew(verdict.judged, is_first=not place.exists())
        place.write_bytes(content)
        return verdict._replace(judged=judged)

    def judge(
        self,
        subject: Subject,
        scopes: Collection[ScopeId] = (),
        others: Others | None = None,
        authority: Authority | None = None,
    ) -> Verdict:
        """Judge a tree or a change.

        :param scopes: Only what these scopes have to put right; a change is theirs
            alone then. On a branch ``guild/TASK/SCOPE`` a commit is that scope's.
        :param others: Gates beside this one.
        :param authority: Whose rules hold; those of the tree that is judged without.
        :raises UnknownScope: One of them does not exist.
        """
        ruling = authority.tree if authority is not None else subject.tree
        book = kept_rules(self._folder, ruling, self._read_rules)
        for name in scopes:
            if name != ROOT and name not in {scope.id for scope in book.scopes}:
                raise UnknownScope(name)
        store = Store(self._folder)
        graph = ImportGraph(subject.tree, book.roots, Facts(store, self._repository.top))
        paths = list(graph.files) if subject.is_whole else _changed_files(subject)
        try:
            own = frozenset(scopes) or self._branch_scope(book)
            if authority is not None:
                own = frozenset((authority.scope,))
            found = in_order(self._judge(subject, book, graph, paths, own))
        finally:
            store.close()
        if scopes:
            found = tuple(v for v in found if v.scope in scopes or v.rule == "ownership")
        opinion = others(book, subject, scopes) if others is not None else Opinion(())
        found = tuple(sorted((*found, *opinion.violations), key=place_of))
        known = read_baseline(read_path(ruling, FILE))
        is_whole = subject.is_whole and not scopes
        judged = divide(found, known, is_whole=is_whole)
        return Verdict(judged, len(paths), len(book.scopes), opinion.faults)

    def _judge(
        self,
        subject: Subject,
        book: RuleBook,
        graph: ImportGraph,
        paths: Sequence[str],
        own: frozenset[ScopeId],
    ) -> Iterator[Violation]:
        graph.load(paths)
        for path in paths:
            yield from judge_file(book, graph, path)
        yield from self._chains(subject, book, graph, set(paths))
        if subject.is_staged:
            top = os.fspath(self._repository.top)
            yield from judge_forgotten(book, graph, paths, top, partial(ignored, self._repository))
        yield from judge_deleted(book, graph, subject.changes)
        yield from _contents(book, graph, subject)
        if own and not subject.is_whole:
            brought = set(subject.merged)
            changes = (change for change in subject.changes if change.path not in brought)
            yield from judge_ownership(book, changes, own)

    def _chains(
        self, subject: Subject, book: RuleBook, graph: ImportGraph, paths: set[str]
    ) -> Iterator[Violation]:
        """Yield what chains break: all, or those that lead through a changed file."""
        if subject.is_whole:
            yield from judge_chains(book, graph)
        elif book.has_far_rules and self._changes_imports(subject, graph):
            for violation in judge_chains(book, graph):
                if any(step.path in paths for step in violation.chain):
                    yield violation

    def _changes_imports(self, subject: Subject, graph: ImportGraph) -> bool:
        """Say whether a change can make a chain: it adds or deletes modules, or edits imports."""
        python = [change for change in subject.changes if change.path.endswith(".py")]
        if any(c.before is None or c.after is None for c in python):
            return True
        oids = {change.path: change.before.oid for change in python if change.before}
        before = Facts(None).read(subject.tree, oids.values())
        return any(
            _imports(before.get(oid)) != _imports(graph.imports_of(path))
            for path, oid in oids.items()
        )

    def _branch_scope(self, book: RuleBook) -> frozenset[ScopeId]:
        try:
            head = (self._repository.git_dir / "HEAD").read_text("utf-8", "replace")
        except OSError:
            return frozenset()
        name = scope_of_branch(head, (scope.id for scope in book.scopes))
        return frozenset((name,)) if name else frozenset()


def _changed_files(subject: Subject) -> list[str]:
    return [c.path for c in subject.changes if c.after is not None and c.path.endswith(".py")]


def _imports(found: FileImports | None) -> set[tuple[str, int, tuple[str, ...], int]]:
    """Return the imports of a file, wherever in it they stand."""
    return {(i.module, i.level, i.names, i.place) for i in found.imports} if found else set()


def _contents(book: RuleBook, graph: ImportGraph, subject: Subject) -> Iterator[Violation]:
    """Yield what the changed files themselves break: no Python, or a public surface.

    Files are told to be no Python even where their imports could be read. One is parsed
    at a time, and once.
    """
    for change in subject.changes:
        if change.after is None or not change.after.is_file or not change.path.endswith(".py"):
            continue
        for _, content in subject.tree.read((change.after.oid,)):
            parsed = parse(content)
            if isinstance(parsed, Problem):
                yield _unparsable(book, change.path, parsed)
            else:
                yield from judge_surface(book, graph, change, parsed)


def _unparsable(book: RuleBook, path: str, problem: Problem) -> Violation:
    scope = book.scope(book.owner_of(path))
    return Violation(
        "unreadable",
        path,
        problem.line,
        problem.message,
        scope.id,
        remedy="Mend the file.",
        owners=scope.owners,
    )
