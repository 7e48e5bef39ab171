"""The tests of a file, made a few at a time.

pytest makes every test of a file before the first one runs. A long file is then
collected whole by each worker that takes a part of it over. Here the names in a
module or class that are not looked at yet can be given away: whoever gets them
makes those tests, and nobody else does.

Only what pytest itself makes, name by name, is held back: the modules and plain
classes of Python. Everything else (unittest's classes, classes that inherit
tests, doctests, other languages' files) is one part.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any, Final, TypeAlias
from unittest import TestCase

import pytest
from _pytest.python import PyCollector
from _pytest.scope import Scope

from guild_plugins.suites.parameters import Series, nodes_of_name
from guild_plugins.suites.watched import is_mild

Node: TypeAlias = pytest.Item | pytest.Collector

DEFERRAL = "guild-deferral"
"""The name under which the deferral is registered with pytest."""

ALL: Final = 1 << 60
"""More tests than there are."""

LONG: Final = 32
"""A function with more sets of parameters than that is not made all at once."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which parts of a file are wanted: node ids of tests, or of what holds them."""

    parts: frozenset[str]
    above: Mapping[str, int]  # with how many of the parts are in each

    @classmethod
    def of(cls, parts: Iterable[str]) -> Chosen:
        """Choose the parts, and know what leads to them."""
        parts = frozenset(parts)
        return cls(parts, Counter(above for part in parts for above in holders(part)))

    def leads(self, nodeid: str) -> bool:
        """Tell whether the node is wanted, or something in it is."""
        return nodeid in self.above or self.covers(nodeid)

    def covers(self, nodeid: str) -> bool:
        """Tell whether the whole of the node is wanted."""
        return is_within(nodeid, self.parts)


def is_within(nodeid: str, parts: Collection[str]) -> bool:
    """Tell whether the node is one of the parts, or in one."""
    return nodeid in parts or any(holder in parts for holder in holders(nodeid))


def holders(nodeid: str) -> Iterator[str]:
    """Yield the node ids of what holds a node inside its file, from the inside out.

    >>> list(holders("test_a.py::TestA::test_b[x::y]"))
    ['test_a.py::TestA::test_b', 'test_a.py::TestA']
    """
    path, _, inside = nodeid.partition("::")
    name, bracket, _ = inside.partition("[")
    if bracket:
        yield f"{path}::{name}"
    while "::" in name:
        name = name.rpartition("::")[0]
        yield f"{path}::{name}"


@dataclass(slots=True)
class Part:
    """Something that leads to tests: a node, or a name of which none is made yet.

    :param weight: How many tests that seem to be.
    """

    nodeid: str
    weight: int
    node: Node | None = None
    owner: Any = None
    name: str = ""
    value: object = None
    series: Series | None = None

    @property
    def least(self) -> int:
        """How many tests of it can be given away at least."""
        return self.weight if self.series is None else 1

    @property
    def is_long(self) -> bool:
        """It is one function with many sets of parameters."""
        return self.weight > LONG and self.node is None and not isinstance(self.value, type)

    def give(self, most: int) -> tuple[list[str], int]:
        """Give it up, or its last tests where it can be parted; return node ids and weight."""
        if self.series is None:
            ids, weight = [self.nodeid], self.weight
        else:
            ids = self.series.give(max(most, 1))
            weight = len(ids)
        self.weight -= weight
        return ids, weight


class Deferral:
    """Holds names back while pytest goes through a module or class."""

    def __init__(self) -> None:
        self.series: Series | None = None
        self._owner: object = None
        self._most = 0
        self._chosen: Chosen | None = None
        self._deferred: list[Part] = []

    def names_of(
        self, owner: PyCollector, most: int, chosen: Chosen | None, collect: Callable[[], Any]
    ) -> tuple[Any, list[Part]]:
        """Collect, with no more than about ``most`` tests made of the owner's names.

        :return: What ``collect`` returns, and the names that were held back.
        """
        if chosen is not None and chosen.covers(owner.nodeid):
            chosen = None
        self._owner, self._most, self._chosen, self._deferred = owner, most, chosen, []
        try:
            return collect(), self._deferred
        finally:
            self._owner = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(
        self, collector: PyCollector, name: str, obj: object
    ) -> list[Node] | None:
        """Make nothing of a name whose turn has not come."""
        if collector is not self._owner:
            return None
        nodeid = f"{collector.nodeid}::{name}"
        if self._chosen is not None and not self._chosen.leads(nodeid):
            return []
        weight = _weight(collector, name, obj)
        if not weight:
            return None
        if self._chosen is not None and not self._chosen.covers(nodeid):
            weight = min(weight, self._chosen.above[nodeid])
        part = Part(nodeid, weight, None, collector, name, obj)
        if self._most > 0 and not (part.is_long and weight > self._most):
            self._most -= weight
            return None
        self._most = 0
        self._deferred.append(part)
        return []

    @pytest.hookimpl(wrapper=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> Generator[None]:
        """Leave out sets of parameters that another worker has."""
        yield
        if self.series is not None:
            self.series.narrow(metafunc)


class Unfolding:
    """What is left of a file while its tests run; the later half may be given away.

    One thread takes, another may give.

    :param nodes: The file's collectors.
    :param chosen: The parts that are wanted; None for all.
    :param known: Modules that were collected before in this session.
    """

    def __init__(
        self,
        session: pytest.Session,
        nodes: Iterable[Node],
        deferral: Deferral,
        known: set[Node],
        chosen: Chosen | None = None,
    ) -> None:
        self._session = session
        self._deferral = deferral
        self._known = known
        self._chosen = chosen
        self._lock = threading.Lock()
        self._parts = deque(Part(node.nodeid, 1, node) for node in nodes)
        self._sought = {part for part in chosen.parts if "[" in part} if chosen else set()

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def weight(self) -> int:
        """How many tests it still seems to have."""
        with self._lock:
            return sum(part.weight for part in self._parts)

    def take(self, most: int) -> list[pytest.Item]:
        """Make the next tests: ``most`` of them, or a few more where they come together.

        Tests that share parameters across functions are made all at once, since pytest
        groups them by parameter.
        """
        items: list[pytest.Item] = []
        while len(items) < most and (part := self._next()) is not None:
            before = len(items)
            items += self._open(part, most - len(items))
            if most < ALL and any(map(_shares_parameters, items[before:])):
                most = ALL
        self._sought.difference_update(item.nodeid for item in items)
        return items

    @property
    def missing(self) -> frozenset[str]:
        """Tests that were asked for by id and have not been made, nor given away."""
        with self._lock:
            return frozenset(self._sought)

    def give(self, waiting: int) -> tuple[list[str], int]:
        """Give up the later half of what is left.

        :param waiting: How many tests were made and wait to be run.
        :return: The node ids of the parts, in order, and how many tests they seem to be.
        """
        given: deque[str] = deque()
        count = 0
        with self._lock:
            half = (sum(part.weight for part in self._parts) + waiting) / 2
            while self._parts and (not given or count + self._parts[-1].least / 2 <= half):
                ids, weight = self._parts[-1].give(ceil(half - count))
                given.extendleft(wanted for nodeid in reversed(ids) for wanted in self._of(nodeid))
                count += weight
                if not self._parts[-1].weight:
                    self._parts.pop()
            self._sought.difference_update(given)
        return list(given), count

    def drop(self) -> int:
        """Forget what is left; return how many tests that seems to have been."""
        with self._lock:
            count = sum(part.weight for part in self._parts)
            self._parts.clear()
            self._sought.clear()
        return count

    def _of(self, nodeid: str) -> Iterable[str]:
        """Return what is wanted of a node: itself, or parts that are in it."""
        if self._chosen is None or self._chosen.covers(nodeid):
            return (nodeid,)
        return sorted(part for part in self._chosen.parts if nodeid in holders(part))

    # -- making nodes ------------------------------------------------------------

    def _next(self) -> Part | None:
        with self._lock:
            return self._parts.popleft() if self._parts else None

    def _put_back(self, parts: Iterable[Part]) -> None:
        with self._lock:
            self._parts.extendleft(reversed(tuple(parts)))

    def _open(self, part: Part, most: int) -> Iterable[pytest.Item]:
        """Return the tests that the part is; what it holds goes back in its place."""
        node = part.node
        if node is None:
            self._put_back(map(self._part_of, self._make(part, most)))
        elif isinstance(node, pytest.Item):
            return self._items_of(node)
        elif self._is_plain(node):
            self._put_back(self._enter(node, most))
        else:
            return self._whole(node)
        return ()

    def _items_of(self, node: Node) -> Iterator[pytest.Item]:
        if self._chosen is None or self._chosen.covers(node.nodeid):
            yield from self._session.genitems(node)

    def _whole(self, node: pytest.Collector) -> Iterator[pytest.Item]:
        """As ``genitems``, entering only what leads to something that is wanted."""
        if self._chosen is None or self._chosen.covers(node.nodeid):
            yield from self._session.genitems(node)
            return
        is_file = isinstance(node, pytest.File)
        report, is_known = self._session._collect_one_node(node, not is_file)
        for child in report.result if report.passed else ():
            if isinstance(child, pytest.Item):
                yield from self._items_of(child)
            elif self._chosen.leads(child.nodeid):
                yield from self._whole(child)
        if not is_known:
            node.ihook.pytest_collectreport(report=report)

    def _enter(self, node: Any, most: int) -> list[Part]:
        """Collect a module or class, and hold back what ``most`` tests do not need."""
        if node in self._known:
            # Its fixtures are registered; once more, and its set-up would run twice.
            node.collect = partial(PyCollector.collect, node)
        self._known.add(node)
        report, deferred = self._deferral.names_of(
            node, most, self._chosen, lambda: self._report(node)
        )
        children = [self._part_of(child) for child in report.result or () if report.passed]
        node.ihook.pytest_collectreport(report=report)
        return children + deferred

    def _make(self, first: Part, most: int) -> list[Node]:
        """Make nodes of a name that was held back, and of the next ones of its owner."""
        owner = first.owner
        if first.is_long or first.series is not None:
            return self._make_some(first, most)
        parts = [first]
        most -= first.weight
        with self._lock:
            while self._parts and self._parts[0].owner is owner and most > 0:
                if self._parts[0].is_long:
                    break
                parts.append(self._parts.popleft())
                most -= parts[-1].weight
        owner.collect = partial(_nodes_of, parts)
        return self._made(owner)

    def _make_some(self, part: Part, most: int) -> list[Node]:
        """Make the next tests of a function; the others go back in its place."""
        chosen = self._chosen
        is_part = chosen is not None and not chosen.covers(part.nodeid)
        wanted = chosen.parts if chosen is not None and is_part else None
        series = part.series = part.series or Series(part.owner, part.name, part.value, wanted)
        part.owner.collect = partial(series.make, most)
        self._deferral.series = series
        try:
            made = self._made(part.owner)
        finally:
            self._deferral.series = None
        part.weight = len(series.ids)
        if part.weight:
            self._put_back([part])
        return made

    def _made(self, owner: Any) -> list[Node]:
        report = self._report(owner)
        if not report.passed:
            owner.ihook.pytest_collectreport(report=report)
            self.drop()  # as pytest, which runs nothing of a file that it cannot collect
            return []
        made: list[Node] = report.result
        return made

    def _report(self, node: Any) -> pytest.CollectReport:
        try:
            report: pytest.CollectReport = self._session._collect_one_node(node, False)[0]
        finally:
            node.__dict__.pop("collect", None)
        return report

    def _part_of(self, node: Node) -> Part:
        if isinstance(node, pytest.Class):
            return Part(node.nodeid, _weight_of_class(node, node.obj), node)
        return Part(node.nodeid, 1, node)

    @staticmethod
    def _is_plain(node: pytest.Collector) -> bool:
        """Tell whether pytest makes the node's children of its names, in their order."""
        if type(node) is pytest.Class:
            return len(type.mro(node.obj)) == 2  # itself and object
        return type(node) is pytest.Module


def may_defer(config: pytest.Config) -> bool:
    """Tell whether tests may be made a few at a time.

    Not where somebody may want to see all tests of a file at once. What hooks do with the
    list of tests is not asked here; see `watched`.
    """
    option = config.option
    if any(getattr(option, name, False) for name in ("lf", "failedfirst", "newfirst", "stepwise")):
        return False
    hook = config.hook
    making = (
        *hook.pytest_pycollect_makeitem.get_hookimpls(),
        *hook.pytest_make_collect_report.get_hookimpls(),
    )
    return all(is_mild(impl.function.__module__) for impl in making)


def _nodes_of(parts: Iterable[Part]) -> Iterator[Node]:
    for part in parts:
        yield from nodes_of_name(part.owner, part.name, part.value)


def _shares_parameters(item: pytest.Item) -> bool:
    """Tell whether pytest moves the test next to others with the same parameter."""
    callspec = getattr(item, "callspec", None)
    scopes = getattr(callspec, "_arg2scope", None)
    return any(scope is not Scope.Function for scope in (scopes or {}).values())


def _weight(collector: PyCollector, name: str, value: object) -> int:
    """Return how many tests a name seems to stand for; 0 if for none."""
    if isinstance(value, type):
        is_test = issubclass(value, TestCase) or collector.istestclass(value, name)
        return _weight_of_class(collector, value) if is_test else 0
    return _times(value) if collector.istestfunction(value, name) else 0


def _weight_of_class(collector: Any, cls: type) -> int:
    own = (item for base in type.mro(cls)[:-1] for item in vars(base).items())
    is_test = collector.funcnamefilter if not issubclass(cls, TestCase) else _is_unittest
    return max(sum(_times(value) for name, value in own if is_test(name)), 1)


def _is_unittest(name: str) -> bool:
    return name.startswith("test")


def _times(function: object) -> int:
    """Return how often ``pytest.mark.parametrize`` repeats a function."""
    count = 1
    marks = getattr(function, "__dict__", {}).get("pytestmark", ())
    for mark in marks if isinstance(marks, list) else ():
        if mark.name == "parametrize" and len(mark.args) > 1 and hasattr(mark.args[1], "__len__"):
            count *= max(len(mark.args[1]), 1)
    return count
