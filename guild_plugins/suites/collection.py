"""Collection of one file at a time, inside a running pytest session.

pytest collects by walking one tree of nodes from the session down. Here the
tree is kept and grown along the path of each file that is asked for, so
conftests, ignore rules, packages and custom collectors act as in a whole
collection, and a directory that nobody asks for is never entered.

The tree is kept because pytest (9.1 and newer) binds a conftest's fixtures to
the node of its directory: a second tree would not see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import collect_one_node

from guild_plugins.suites.unfolding import (
    ALL,
    DEFERRAL,
    Chosen,
    Deferral,
    Unfolding,
    is_within,
    may_defer,
)
from guild_plugins.suites.watched import Watched, all_look_at_each_alone

COLLECTOR = "guild-collector"
"""The name under which the collector is registered with pytest."""


@dataclass(frozen=True, slots=True)
class Target:
    """One path argument of the command line, resolved.

    :param levels: For ``--pyargs``, how many directories above ``path`` belong
        to the package; None where the tree starts at the conftest cut-off.
    :param names: Node-id parts after the path (``TestA::test_b``); empty for
        all.
    """

    path: Path
    levels: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What to collect: files that go through ``modifyitems`` together.

    :param target: Index of the target under which the files were found.
    :param files: Absolute paths. A directory stands for the files directly in
        it that are no test files by name, which a plugin may yet collect.
    :param only: Keep only these node ids of tests; None for all.
    :param parts: Keep only the tests in these nodes; None for all.
    :param skip: Leave out these node ids, and what is in them (they have run already,
        or run elsewhere).
    :param most: How many tests to make at first, where the others can wait.
    """

    target: int
    files: tuple[str, ...]
    only: frozenset[str] | None = None
    parts: frozenset[str] | None = None
    skip: frozenset[str] = frozenset()
    most: int = ALL


@dataclass(slots=True)
class Collected:
    """What a request came to.

    :param rest: What of the file is not made yet; see `OnDemandCollector.collect_more`.
    """

    items: list[pytest.Item] = field(default_factory=list)
    total: int = 0
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    rest: Unfolding | None = None


class OnDemandCollector:
    """Grows the session's tree towards one file after the other."""

    def __init__(
        self, session: pytest.Session, targets: Sequence[Target], candidates: Callable[[Path], bool]
    ) -> None:
        self.session = session
        self.targets = targets
        self._is_candidate = candidates
        self._reports: dict[pytest.Collector, pytest.CollectReport] = {}
        self._roots: dict[Path, Sequence[pytest.Collector]] = {}
        self._job: Callable[[], Collected] | None = None
        self._collected = Collected()
        self._known: set[pytest.Item | pytest.Collector] = set()
        self._deferral = Deferral()
        self._is_gone_through: bool | None = None  # all that hooks do with a list; None: not seen
        session.config.pluginmanager.register(self._deferral, DEFERRAL)
        _set_initial_paths(session, [target.path for target in targets])

    def collect(self, request: Request) -> Collected:
        """Collect the files of a request and let plugins modify the list.

        Goes through ``pytest_collection`` of the plugins that wrap it (warnings,
        logging), so that what they do around a collection they do around this one.
        """
        return self._do(lambda: self._perform(self.session, request))

    def collect_more(self, request: Request, rest: Unfolding, most: int) -> Collected:
        """Collect the next tests of what a request left."""
        return self._do(lambda: self._take_more(request, rest, most))

    def _do(self, job: Callable[[], Collected]) -> Collected:
        self._job = job
        _those_around(self.session.config)(session=self.session)
        self._job = None
        return self._collected

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> object:
        """Collect what was asked for; nothing at pytest's own call."""
        if self._job is not None:
            self._collected = self._job()
        else:
            _those_before(session.config)(session=session)
            session.items = []
        return True

    def _perform(self, session: pytest.Session, request: Request) -> Collected:
        items: list[pytest.Item] = []
        unknown: list[str] = []
        names = self.targets[request.target].names
        rest = None
        for file in request.files:
            rest = self._unfold(request, Path(file))
            found = rest.take(request.most if self._may_wait(request) else ALL)
            if names:
                found = [item for item in found if _is_named(item, names)]
                unknown += self._unknown(request, Path(file), names)
            items += found
        collected = self._admit(session, request, items)
        collected.unknown = tuple(unknown)
        return _ended(collected, rest)

    def _take_more(self, request: Request, rest: Unfolding, most: int) -> Collected:
        return _ended(self._admit(self.session, request, rest.take(most)), rest)

    def _admit(
        self, session: pytest.Session, request: Request, items: list[pytest.Item]
    ) -> Collected:
        """Let plugins modify the list, and leave out what was not asked for."""
        total = len(items)
        hook = session.config.hook
        watched = Watched(items)
        hook.pytest_collection_modifyitems(session=session, config=session.config, items=watched)
        if total:
            self._is_gone_through = self._is_gone_through is not False and not watched.is_used
        items = watched.plain()
        missing: tuple[str, ...] = ()
        if request.only is not None:
            ids = {item.nodeid for item in items}
            missing = tuple(sorted(request.only - ids))
            items = [item for item in items if item.nodeid in request.only]
        if request.skip:
            items = [item for item in items if not is_within(item.nodeid, request.skip)]
        session.testscollected += len(items)
        return Collected(items, total, missing)

    def _may_wait(self, request: Request) -> bool:
        """Tell whether some of the tests may be made later."""
        is_part = request.only is not None or self.targets[request.target].names
        config = self.session.config
        if len(request.files) != 1 or is_part or not may_defer(config):
            return False
        return self._is_gone_through or all_look_at_each_alone(config)

    def _unknown(self, request: Request, path: Path, names: Iterable[str]) -> Iterator[str]:
        """Tell of each name that nothing in the file has, as pytest does."""
        if request.only is not None:
            return
        for name in names:
            base, bracket, parameters = name.partition("[")
            *outer, last = base.split("::")
            nodes = self._descend(request.target, path)
            for part in (*outer, last + bracket + parameters):
                found = [
                    child
                    for node in nodes
                    for child in self.session._collect_one_node(node)[0].result or ()
                    if part in (child.name, child.name.partition("[")[0])
                ]
                if not found:
                    yield f"not found: {path}::{base}\n(no match in any of {nodes!r})"
                    break
                nodes = [child for child in found if isinstance(child, pytest.Collector)]

    def _unfold(self, request: Request, path: Path) -> Unfolding:
        nodes: Iterable[pytest.Item | pytest.Collector]
        if path.is_dir():
            nodes = (
                child
                for folder in self._descend(request.target, path)
                for child in self._children(folder)
                if not isinstance(child, pytest.Directory) and not self._is_candidate(child.path)
            )
        else:
            nodes = self._descend(request.target, path)
        wanted = request.parts if request.only is None else request.only
        chosen = None if wanted is None else Chosen.of(wanted)
        return Unfolding(self.session, nodes, self._deferral, self._known, chosen)

    def _descend(self, target: int, path: Path) -> list[pytest.Collector]:
        """Return the nodes for ``path``; more than one where plugins share a file."""
        chain = self._chain(self.targets[target], path)
        first, *rest = chain
        if first not in self._roots:
            self._roots[first] = self.session._collect_path(first, {})
        nodes = list(self._roots[first])
        for part in rest:
            nodes = [
                child
                for node in nodes
                for child in self._children(node)
                if child.path == part and isinstance(child, pytest.Collector)
            ]
        return nodes

    def _chain(self, target: Target, path: Path) -> list[Path]:
        """Return the directories from the top of the tree down to ``path``, then ``path``."""
        above: list[Path] = []
        if target.levels is None:
            is_in = self.session.config.pluginmanager._is_in_confcutdir
            for parent in target.path.parents:
                if not is_in(parent):
                    break
                above.insert(0, parent)
        else:
            above = list(reversed(target.path.parents[: target.levels]))
        chain = [*above, target.path]
        below = path.relative_to(target.path).parts
        for part in below:
            chain.append(chain[-1] / part)
        return chain

    def _children(self, node: Any) -> Sequence[pytest.Item | pytest.Collector]:
        if not isinstance(node, pytest.Directory):
            return ()
        report = self._reports.get(node)
        if report is None:
            report = self._reports[node] = collect_one_node(node)
            if not report.passed:
                node.ihook.pytest_collectreport(report=report)
                raise DirectoryFailed(node.nodeid)
        elif not report.passed:
            raise DirectoryFailed(node.nodeid)
        return report.result


class DirectoryFailed(Exception):
    """A directory cannot be collected (its conftest fails); nor can its files."""


def _ended(collected: Collected, rest: Unfolding | None) -> Collected:
    """Add what is left; where nothing is, what was sought in vain."""
    if rest:
        collected.rest = rest
    elif rest is not None:
        collected.missing = tuple(sorted({*collected.missing, *rest.missing}))
    return collected


def _is_named(item: pytest.Item, names: tuple[str, ...]) -> bool:
    _, _, inside = item.nodeid.partition("::")
    return any(
        inside == name
        or inside.startswith(name + "::")
        or ("[" not in name and inside.startswith(name + "["))
        for name in names
    )


def _set_initial_paths(session: pytest.Session, paths: list[Path]) -> None:
    """Tell pytest which paths were asked for by name: ignore rules spare those."""
    session._initialpaths = frozenset(paths)
    session._initialpaths_with_parents = frozenset(
        ancestor for path in paths for ancestor in (path, *path.parents)
    )
    session._collection_cache = {}


def _those_around(config: pytest.Config) -> Callable[..., object]:
    """Return ``pytest_collection`` of those who act around each collection, and ours."""
    manager = config.pluginmanager
    around = {"warnings", "logging-plugin", COLLECTOR}
    others = [plugin for name, plugin in manager.list_name_plugin() if name not in around]
    return manager.subset_hook_caller("pytest_collection", others)


def _those_before(config: pytest.Config) -> Callable[..., object]:
    """Return ``pytest_collection`` of those who act once, before pytest collects.

    Wrappers are left out, as they are around us already.
    """
    manager = config.pluginmanager
    hook = manager.hook.pytest_collection
    others = [
        impl.plugin
        for impl in hook.get_hookimpls()
        if impl.wrapper or impl.hookwrapper or impl.plugin_name in ("main", COLLECTOR)
    ]
    return manager.subset_hook_caller("pytest_collection", others)
